"""What a flood of refused requests leaves in logs_actividad: a row for each limit, window and account or network."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from api.base import db, limitador
from shared.modelos import LogActividad, Usuario
from shared.settings import Settings
from tests.api.ayuda import entrar

CUANTAS = 50
MALA = {"password": "mala"}


def inundar(pedir: Callable[[int], Any], antes: int) -> None:
    """CUANTAS requests that are refused, after as many as the limit allows."""
    estados = [pedir(n).status_code for n in range(antes + CUANTAS)]
    assert 429 not in estados[:antes]
    assert set(estados[antes:]) == {429}


def limitadas(app: Flask) -> list[tuple[str | None, str | None]]:
    """Account and address of each row that a 429 left."""
    with app.app_context():
        orden = select(Usuario.username, LogActividad.ip_address, LogActividad.detalle).select_from(LogActividad)
        orden = orden.outerjoin(Usuario, Usuario.id == LogActividad.usuario_id).order_by(LogActividad.id)
        filas = db.session.execute(orden.where(LogActividad.accion == "limitada")).all()
        assert all(fila.detalle["estado"] == 429 and fila.detalle["ruta"].startswith("/api/") for fila in filas)
        return [(fila.username, fila.ip_address) for fila in filas]


def test_las_peticiones_de_una_cuenta_dejan_una_fila(
    app: Flask, cliente: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, beto = entrar(cliente), entrar(cliente, "beto")
    monkeypatch.setattr(settings, "limite_api", "3/minute")
    for con in (ana, beto):
        inundar(lambda n, con=con: cliente.open("/api/favoritas", method=("GET", "POST")[n % 2], headers=con), 3)  # type: ignore[misc]
    assert limitadas(app) == [("ana", "127.0.0.1"), ("beto", "127.0.0.1")]


def test_en_la_ventana_siguiente_otra(
    app: Flask, cliente: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    con = entrar(cliente)
    monkeypatch.setattr(settings, "limite_api", "3/minute")
    r = app.extensions["redis"]
    for _ in range(2):
        inundar(lambda _: cliente.get("/api/auth/me", headers=con), 3)
        assert [0 < r.ttl(clave) <= 60 for clave in r.keys("*anotada*")] == [True]
        r.delete(*r.keys("*LIMITER*"))  # it passes
    assert limitadas(app) == [("ana", "127.0.0.1")] * 2


def test_a_la_vez_tambien_una(
    app: Flask, cliente: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    con = entrar(cliente)
    monkeypatch.setattr(settings, "limite_api", "1/hour")
    with ThreadPoolExecutor(CUANTAS) as hilos:
        estados = list(hilos.map(lambda _: app.test_client().get("/api/auth/me", headers=con).status_code, range(51)))
    assert estados.count(429) == CUANTAS
    assert limitadas(app) == [("ana", "127.0.0.1")]


def test_adivinar_desde_muchas_redes_deja_una_fila_en_la_cuenta(
    app: Flask, cliente: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    entrar(cliente)
    monkeypatch.setattr(settings, "limite_login_total", "2/hour")

    def desde(n: int) -> Any:
        lejos = {"REMOTE_ADDR": f"198.51.{n}.1"}
        return cliente.post("/api/auth/login", json={"username": "ana", **MALA}, environ_base=lejos)

    inundar(desde, 2)
    assert limitadas(app) == [("ana", "198.51.2.1")]


def test_probar_muchos_nombres_deja_una_fila_de_la_red(
    app: Flask, cliente: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also names that are accounts: the limit is the address's, not theirs."""
    entrar(cliente)
    monkeypatch.setattr(settings, "limite_login", "2/minute")

    def uno(n: int) -> Any:
        lejos = {"REMOTE_ADDR": "198.51.100.7"}
        return cliente.post(
            "/api/auth/login", json={"username": f"n{n}" if n % 10 else "ana", **MALA}, environ_base=lejos
        )

    inundar(uno, 2)
    assert limitadas(app) == [(None, "198.51.100.7")]


def test_lo_que_se_niega_sin_ventana_propia_deja_una_por_minuto(
    app: Flask, cliente: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    con = entrar(cliente)
    monkeypatch.setitem(app.extensions, "settings", app.extensions["settings"].model_copy(update={"max_activas": 1}))
    inundar(lambda _: cliente.post("/api/consultas/tiempo-real", json={"ciudad": "Cali"}, headers=con), 1)
    assert limitadas(app) == [("ana", "127.0.0.1")]


def test_sin_redis_se_cuenta_en_memoria_y_tambien_queda_una(
    app: Flask, cliente: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    con = entrar(cliente)
    monkeypatch.setattr(settings, "limite_api", "3/hour")
    monkeypatch.setattr(limitador.storage, "check", lambda: False)
    monkeypatch.setattr(limitador, "_storage_dead", True)
    inundar(lambda _: cliente.get("/api/auth/me", headers=con), 3)
    assert limitadas(app) == [("ana", "127.0.0.1")]
