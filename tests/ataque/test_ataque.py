"""The short form of `make ataque`: one installation, every attack, none of which gets anything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ataque.__main__ import MODULOS
from tests.ataque.blanco import Blanco
from tests.ataque.registro import ATAQUES


@pytest.fixture(scope="module")
def blanco() -> Iterator[Blanco]:
    with Blanco(BCRYPT_ROUNDS="6") as b:  # `make ataque` has the default, which takes minutes
        yield b


def test_todos_los_ataques_de_los_modulos_estan_en_la_tabla() -> None:
    assert {f.__module__ for f in ATAQUES.values()} == {m.__name__ for m in MODULOS}


@pytest.mark.parametrize("nombre", ATAQUES)
def test_nada_pasa(blanco: Blanco, nombre: str) -> None:
    informe = ATAQUES[nombre](blanco, False)
    assert informe.intentos > 0
    assert informe.pasaron == 0, informe
