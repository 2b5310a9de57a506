"""Passwords are hashed one at a time, and not by as many as like."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore, Event

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
    monkeypatch.setattr(usuarios, "_cola", BoundedSemaphore(1))
    with usuarios._por_turno():
        r = cliente.post("/api/auth/login", json={"username": "ana", "password": CLAVE})
        assert cliente.get("/api/auth/me", headers=con).status_code == 200
    problema(r, 503)
    assert int(r.headers["Retry-After"]) > 0
    assert cliente.post("/api/auth/login", json={"username": "ana", "password": CLAVE}).status_code == 200
