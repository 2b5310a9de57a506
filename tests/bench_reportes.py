"""`make bench ARGS=--reportes`: reports and lists at a million consultas, as requests and as plans of MariaDB."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median, quantiles
from time import perf_counter
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from api import create_app
from api.acceso import token_de_acceso
from api.base import db, sesion
from shared import esquema, resumenes, usuarios
from shared.db import Sesiones, crear_motor
from shared.sesiones import Visita
from shared.sesiones import abrir as abrir_sesion
from tests.conftest import hacer_settings
from tests.planes import explicar, ordenes
from tests.servidores import MariaDB, Redis
from tests.siembra import sembrar

CONSULTAS = 1_000_000
USUARIOS = 50
VECES = 50
ADMIN, ANA = 1, 7
TABLAS = re.compile("consultas|resumenes|logs_actividad")
consola = Console(width=150)


def medir(mariadb: MariaDB, redis: Redis) -> None:
    settings = hacer_settings(mariadb.crear_base("cg_reportes"), redis.url, limite_api="1000000/minute")
    motor = crear_motor(settings)
    esquema.subir(motor)
    consola.print(f"{CONSULTAS} consultas of {USUARIOS} users: {_segundos(lambda: _sembrar(motor)):.0f} s to make")
    _resumir(Sesiones(motor))
    app = create_app(settings)
    logging.getLogger().setLevel(logging.WARNING)
    with app.app_context():
        cabeceras = {u: {"Authorization": f"Bearer {_token(u)}"} for u in (ADMIN, ANA)}
        motor_api = db.engine
    _tiempos(app, cabeceras, motor_api)
    _planes(app, cabeceras, motor_api)
    motor.dispose()


def _rutas() -> dict[str, tuple[int, str]]:
    """By title: who asks, and what."""
    hoy = datetime.now(UTC).date()
    mes = f"desde={hoy - timedelta(60)}&hasta={hoy - timedelta(31)}"
    cifras, lista, auditoria = "/api/reportes/estadisticas", "/api/consultas/mis-consultas", "/api/reportes/auditoria"
    return {
        "GET /api/auth/me, to compare": (ANA, "/api/auth/me"),
        "estadisticas, own": (ANA, cifras),
        "estadisticas, own, a month": (ANA, f"{cifras}?{mes}"),
        "estadisticas, usuario_id": (ADMIN, f"{cifras}?usuario_id={ANA}"),
        "estadisticas, ambito=todos": (ADMIN, f"{cifras}?ambito=todos"),
        "estadisticas, ambito=todos, a month": (ADMIN, f"{cifras}?ambito=todos&{mes}"),
        "mis-consultas, page 1": (ANA, lista),
        "mis-consultas, page 1 900": (ANA, f"{lista}?page=1900"),
        "mis-consultas, tipo": (ANA, f"{lista}?tipo=tiempo_real"),
        "mis-consultas, tipo, page 1 700": (ANA, f"{lista}?tipo=tiempo_real&page=1700"),
        "mis-consultas, estado": (ANA, f"{lista}?estado=completada"),
        "mis-consultas, estado, page 1 700": (ANA, f"{lista}?estado=completada&page=1700"),
        "mis-consultas, ciudad": (ANA, f"{lista}?ciudad=medellin"),
        "mis-consultas, desde, hasta": (ANA, f"{lista}?{mes}"),
        "mis-consultas, hasta, page 1 500": (ANA, f"{lista}?hasta={hoy - timedelta(31)}&page=1500"),
        "auditoria, page 1": (ADMIN, auditoria),
        "auditoria, usuario_id, page 1 900": (ADMIN, f"{auditoria}?usuario_id={ANA}&page=1900"),
        "auditoria, accion": (ADMIN, f"{auditoria}?accion=login"),
        "auditoria, ip": (ADMIN, f"{auditoria}?ip=10.0.1.1"),
        "auditoria, desde, hasta": (ADMIN, f"{auditoria}?{mes}"),
        "ciudades": (ANA, "/api/ciudades?q=san"),
    }


def _sembrar(motor: Engine) -> None:
    sembrar(motor, CONSULTAS, USUARIOS)


def _segundos(hacer: Callable[[], Any]) -> float:
    empezo = perf_counter()
    hacer()
    return perf_counter() - empezo


def _resumir(sesiones: Sesiones) -> None:
    tiempos = []
    sigue = True
    while sigue:
        empezo = perf_counter()
        sigue = sesiones.hacer(resumenes.resumir)
        tiempos.append(perf_counter() - empezo)
    largo = f"longest transaction {max(tiempos):.2f} s"
    consola.print(f"resumir: {len(tiempos) - 1} stretches in {sum(tiempos):.0f} s, {largo}")


def _token(usuario_id: int) -> str:
    usuario = usuarios.leer(sesion(), usuario_id)
    assert usuario is not None
    abierta, _ = abrir_sesion(sesion(), usuario_id, Visita(None, None, datetime.now(UTC) + timedelta(days=1)))
    sesion().commit()
    return token_de_acceso(usuario, abierta)


def _tiempos(app: Flask, cabeceras: dict[int, dict[str, str]], motor: Engine) -> None:
    tabla = Table(title=f"Requests to the application, {VECES} of each")
    for titulo in ("", "best ms", "p50 ms", "p95 ms", "of it SQL"):
        tabla.add_column(titulo, justify="right" if titulo else "left")
    cliente = app.test_client()
    for titulo, (quien, ruta) in _rutas().items():
        pedir = partial(_pedir, cliente, ruta, cabeceras[quien])
        pedir()
        with ordenes(motor) as hechas:
            tiempos = [1000 * _segundos(pedir) for _ in range(VECES)]
        sql = sum(o.ms for o in hechas) / VECES
        numeros = (min(tiempos), median(tiempos), quantiles(tiempos, n=20)[-1], sql)
        tabla.add_row(titulo, *(f"{ms:.1f}" for ms in numeros))
    consola.print(tabla)


def _pedir(cliente: FlaskClient, ruta: str, cabeceras: dict[str, str]) -> None:
    assert cliente.get(ruta, headers=cabeceras).status_code == 200, ruta


def _planes(app: Flask, cabeceras: dict[int, dict[str, str]], motor: Engine) -> None:
    tabla = Table(title="EXPLAIN of every statement on consultas, resumenes and logs_actividad")
    for titulo in ("request", "table", "type", "key", "rows", "Extra"):
        tabla.add_column(titulo)
    for titulo, (quien, ruta) in _rutas().items():
        with ordenes(motor) as hechas:
            _pedir(app.test_client(), ruta, cabeceras[quien])
        planes = [plan for orden in hechas if TABLAS.search(orden.sql) for plan in explicar(motor, orden)]
        for n, plan in enumerate(planes):
            tabla.add_row("" if n else titulo, *(str(dato) for dato in plan))
    consola.print(tabla)
