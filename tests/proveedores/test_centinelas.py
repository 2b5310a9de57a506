"""Every field of every provider, now and in the past, says what cannot be: nothing of it enters, and it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import inf, nan
from typing import Any

import pytest
import requests

from shared.clima import CAMPOS_NUMERICOS, LIMITES, Medicion, Resolucion
from tests.proveedores.hechos import CASOS, Caso
from tests.proveedores.servidor import Respuestas, servir
from worker.combinar import TOLERANCIA
from worker.preguntar import depurada
from worker.proveedores.http import Omitida, crear_sesion

FUERA = (-999.0, -9999, -99, 1e6, -1e300)  # numbers of no field of ours
NO_NUMEROS: tuple[Any, ...] = (10**400, nan, inf, -inf, "NaN", "Infinity", "sin dato", "", True, None, [], ["x"], {})
TODAS, UNA = range(1000), range(1, 2)  # which readings say so


@pytest.fixture(scope="module")
def red() -> Iterator[Respuestas]:
    with servir() as respuestas:
        yield respuestas


@pytest.fixture(scope="module")
def sesion() -> Iterator[requests.Session]:
    with crear_sesion(4) as abierta:
        yield abierta


def dicho(
    red: Respuestas, sesion: requests.Session, caso: Caso, raros: dict[str, Any], cuales: range
) -> list[Medicion]:
    """What comes out of the gate when these fields say this in these readings; without raros, all is well. Empty: the
    provider has nothing to say."""

    def de(campo: str, n: int) -> Any:
        return raros[campo] if campo in raros and n in cuales else caso.bueno(campo, n)

    red.responder = lambda p: (200, json.dumps(caso.cuerpo(p, de)).encode(), {})
    try:
        return depurada(caso.preguntar(red.base, sesion), caso.periodo).mediciones
    except Omitida:
        return []


@pytest.mark.parametrize("caso", CASOS, ids=lambda c: c.id)
def test_lo_bueno_llega_entero(red: Respuestas, sesion: requests.Session, caso: Caso) -> None:
    """Or the rest of this file would prove nothing."""
    mediciones = dicho(red, sesion, caso, {}, UNA)
    assert len(mediciones) >= (24 if caso.periodo and caso.periodo.resolucion == Resolucion.HORARIA else 1)
    for m in mediciones:
        assert [c for c in caso.campos if getattr(m, c) is None] == []
        assert m.imposibles == {}


@pytest.mark.parametrize("caso", CASOS, ids=lambda c: c.id)
def test_lo_imposible_de_un_campo_ni_entra_ni_se_calla(red: Respuestas, sesion: requests.Session, caso: Caso) -> None:
    buenas = dicho(red, sesion, caso, {}, UNA)
    for campo in caso.campos:
        mediciones = dicho(red, sesion, caso, {campo: -999}, TODAS)
        assert {getattr(m, campo) for m in mediciones} == {None}, campo
        assert any("está fuera de lo posible" in m.imposibles.get(campo, "") for m in mediciones), campo
        juzgar(dicho(red, sesion, caso, {campo: -999}, UNA), buenas, campo)


@pytest.mark.parametrize("caso", CASOS, ids=lambda c: c.id)
@pytest.mark.parametrize("cuales", [TODAS, UNA], ids=["todas", "una"])
def test_ningun_centinela_entra_aunque_vengan_en_todos_los_campos(
    red: Respuestas, sesion: requests.Session, caso: Caso, cuales: range
) -> None:
    buenas = dicho(red, sesion, caso, {}, UNA)
    for raro in (*FUERA, *NO_NUMEROS):
        mediciones = dicho(red, sesion, caso, dict.fromkeys(caso.campos, raro), cuales)
        for campo in caso.campos:
            juzgar(mediciones, buenas, campo)
            assert cuales == UNA or {getattr(m, campo) for m in mediciones} <= {None}, (campo, raro)


@pytest.mark.parametrize("caso", [c for c in CASOS if "direccion_viento" in c.campos], ids=lambda c: c.id)
def test_720_grados_no_son_ninguno_y_360_es_el_norte(red: Respuestas, sesion: requests.Session, caso: Caso) -> None:
    for raro, esperado in ((720, None), (361, None), (-1, None), (360, 0.0)):
        mediciones = dicho(red, sesion, caso, {"direccion_viento": raro}, TODAS)
        assert {m.direccion_viento for m in mediciones} == {esperado}, raro


def juzgar(mediciones: list[Medicion], buenas: list[Medicion], campo: str) -> None:
    """Each value is null, or that of the good readings: a sentinel in one of them moves no mean."""
    cerca = {(m.fecha, m.observado_en if m.fecha else None): getattr(m, campo) for m in buenas}
    for m in mediciones:
        valor, bueno = getattr(m, campo), cerca.get((m.fecha, m.observado_en if m.fecha else None))
        assert valor is None or (bueno is not None and abs(valor - bueno) <= TOLERANCIA[campo]), (campo, valor)
        for otro in CAMPOS_NUMERICOS:
            minimo, maximo = LIMITES["precipitacion_dia" if otro == "precipitacion" else otro]
            assert getattr(m, otro) is None or minimo <= getattr(m, otro) <= maximo
