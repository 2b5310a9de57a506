"""The short version of `make chaos`: one installation, the faults that say most, one after the other."""

from __future__ import annotations

import pytest

from tests.caos.escenario import Escenario
from tests.caos.fallos import FALLOS
from tests.caos.ronda import probar

SEMILLA, CONSULTAS = 7, 60


@pytest.mark.parametrize("nombre", ["mensajes_dobles", "redis_muere", "api_muere"])
def test_ninguna_consulta_se_pierde_ni_se_repite(escenario: Escenario, nombre: str) -> None:
    assert nombre in FALLOS
    fila = probar(escenario, nombre, CONSULTAS, SEMILLA)
    assert fila.faltas == []
    assert fila.aceptadas == CONSULTAS
