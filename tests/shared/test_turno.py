"""Passwords are hashed one at a time, and not by as many as like."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event

import pytest
from flask.testing import FlaskClient

from shared import usuarios
from tests.api.ayuda import CLAVE, entrar, problema


def test_las_claves_se_comprueban_de_una_en_una(monkeypatch: pytest.MonkeyPatch) -> None:
    dentro: list[int] = []
    visto = []

    def lenta(*_: object) -> bool:
        dentro.append(1)
        visto.append(len(dentro))
        Event().wait(0.01)
        dentro.pop()
        return True

    monkeypatch.setattr("shared.usuarios.bcrypt.checkpw", lenta)
    with ThreadPoolExecutor(8) as hilos:
        assert all(hilos.map(lambda _: usuarios.coincide("x", "y"), range(16)))
    assert visto == [1] * 16


def test_con_demasiada_gente_entrando_se_dice_503_y_cuando_volver(
    cliente: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    con = entrar(cliente)
    monkeypatch.setattr(usuarios, "EN_COLA", 1)
    with usuarios._por_turno():
        r = cliente.post("/api/auth/login", json={"username": "ana", "password": CLAVE})
        assert cliente.get("/api/auth/me", headers=con).status_code == 200
    problema(r, 503)
    assert int(r.headers["Retry-After"]) > 0
    assert cliente.post("/api/auth/login", json={"username": "ana", "password": CLAVE}).status_code == 200


def test_una_red_no_llena_la_cola_de_las_demas(cliente: FlaskClient) -> None:
    entrar(cliente)
    buena = {"username": "ana", "password": CLAVE}
    with ExitStack() as dentro:
        for _ in range(usuarios.DE_UNA_RED):
            dentro.enter_context(_sin_turno("198.51.100.0/24"))
        de_esa = {"REMOTE_ADDR": "198.51.100.77"}
        problema(cliente.post("/api/auth/login", json=buena, environ_base=de_esa), 503)
        assert cliente.post("/api/auth/login", json=buena).status_code == 200
    assert cliente.post("/api/auth/login", json=buena, environ_base=de_esa).status_code == 200


@contextmanager
def _sin_turno(red: str) -> Iterator[None]:
    """A place in line, as of one that waits for its turn."""
    usuarios._en_cola[red] += 1
    yield
    usuarios._en_cola[red] -= 1
