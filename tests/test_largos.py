"""Ten years of days and a year of hours through real processes: pieces, and a worker killed in the middle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, update

from deploy.laboratorio import crear_app
from deploy.laboratorio.cli import variables
from deploy.laboratorio.servidor import crear_servidor
from shared import respuestas
from shared.clima import Resolucion
from shared.db import Sesiones, ahora, crear_motor
from shared.modelos import Consulta
from tests.conftest import hacer_settings
from tests.memoria import proceso_de
from tests.pila import Persona, Pila, pila
from tests.servidores import MariaDB, Redis, esperar

CLAVES = dict.fromkeys(("OPENWEATHER_API_KEY", "METEOBLUE_API_KEY", "METEOSOURCE_API_KEY"), "laboratorio")
DIEZ_ANOS = {"fecha_inicio": "2016-01-02", "fecha_fin": "2025-12-31"}
SIN_IDEAM = ["openmeteo", "openweather", "meteoblue", "meteosource", "siata"]  # its stations take a minute to make


@pytest.fixture(scope="module")
def lab() -> Iterator[tuple[Flask, str]]:
    """A laboratory of our own, to count its calls."""
    app = crear_app()
    servidor = crear_servidor(app, "127.0.0.1", 0)
    Thread(target=servidor.serve_forever, daemon=True).start()
    yield app, f"http://127.0.0.1:{servidor.port}"
    servidor.shutdown()
    servidor.server_close()


@pytest.fixture(scope="module")
def base(mariadb: MariaDB) -> str:
    return mariadb.crear_base("cg_largos")


@pytest.fixture(scope="module")
def lista(base: str, servidor_redis: Redis, lab: tuple[Flask, str], carpeta: Path) -> Iterator[Pila]:
    entorno = {
        "DATABASE_URL": base,
        "REDIS_URL": servidor_redis.url.removesuffix("/0") + "/3",
        "BCRYPT_ROUNDS": "4",
        "METEOSOURCE_PLAN": "standard",
        "LIMITE_API": "1000000/minute",
        "OPENMETEO_PRESUPUESTO": "1000000/day",
        **CLAVES,
        **variables(lab[1]),
    }
    with pila(carpeta / "largos", **entorno) as p:
        yield p


@pytest.fixture(scope="module")
def ana(lista: Pila) -> Persona:
    return Persona(lista.base, "ana")


@pytest.fixture(scope="module")
def motor(base: str) -> Iterator[Engine]:
    motor = crear_motor(hacer_settings(base, "redis://127.0.0.1:1"))
    yield motor
    motor.dispose()


def llamadas(app: Flask) -> dict[str, int]:
    return {p: cuenta["total"] for p, cuenta in app.extensions["registro"].ver().items()}


def test_cada_proveedor_corta_los_diez_anos_a_su_manera(ana: Persona, lab: tuple[Flask, str]) -> None:
    lab[0].extensions["registro"].borrar()
    sobre = ana.pedir("historico", ciudad="Bogotá, CO", proveedores=SIN_IDEAM, **DIEZ_ANOS)
    assert sobre["consulta"]["estado"] == "completada"
    hechas = llamadas(lab[0])
    assert hechas["openmeteo"] == 20  # a year each: of the archive, and of air quality
    assert (hechas["openweather"], hechas["meteosource"], hechas["meteoblue"]) == (0, 0, 0)  # beyond their limits
    serie = json.loads(ana.descargar(sobre, "json").content)["datos_clima"]["serie"]
    assert len(serie) == 3652
    assert all(f["temperatura"] is not None for f in serie)


def test_si_matan_al_trabajador_solo_se_pide_lo_que_faltaba(
    lista: Pila, ana: Persona, lab: tuple[Flask, str], motor: Engine
) -> None:
    app, sesiones = lab[0], Sesiones(motor)
    registro, averias = app.extensions["registro"], app.extensions["averias"]
    cuerpo = {"ciudad": "Cali", "proveedores": ["openmeteo"], "parametros": ["temperatura"], "max_edad_s": 0}
    registro.borrar()
    averias.demora_s = 1.0
    sobre = ana.http.post(f"{ana.base}/api/consultas/historico", json={**cuerpo, **DIEZ_ANOS}, timeout=60).json()
    donde, consulta_id = ana.base + sobre["enlaces"]["self"], sobre["consulta"]["id"]
    with ThreadPoolExecutor(1) as hilo:
        eventos = hilo.submit(_progresos, ana, donde)
        esperar(lambda: _leer(ana, donde)["progreso"] >= 30, "a third of it")
        proceso_de(lista, "worker", "historico-1").kill()
        with sesiones.transaccion() as s:
            guardados = respuestas.hechos(s, consulta_id, Resolucion.DIARIA)["openmeteo"]
            s.execute(update(Consulta).where(Consulta.id == consulta_id).values(vence_en=ahora()))  # its lease is over
        antes = llamadas(app)["openmeteo"]
        averias.demora_s = 0.0
        esperar(lambda: _leer(ana, donde)["estado"] == "completada", "another worker ending it")
        vistos = eventos.result()
    assert 3 <= len(guardados) < 10
    assert llamadas(app)["openmeteo"] - antes == 10 - len(guardados)
    assert _leer(ana, donde)["intentos"] == 2
    filas = ana.http.get(f"{donde}/descargar?formato=csv", timeout=60).text.splitlines()[1:]
    assert [f.split(",")[0] for f in (filas[0], filas[-1])] == ["2016-01-02", "2025-12-31"]
    assert len(filas) == 3652
    assert all(f.split(",")[4] for f in filas)
    assert vistos == sorted(vistos)
    assert len(set(vistos)) >= 6  # every piece showed


def _leer(ana: Persona, donde: str) -> dict[str, Any]:
    consulta: dict[str, Any] = ana.http.get(donde, timeout=60).json()["consulta"]
    return consulta


def _progresos(ana: Persona, donde: str) -> list[int]:
    """What the events of a consulta say, until it ends."""
    with ana.http.get(f"{donde}/eventos", stream=True, timeout=150) as flujo:
        lineas = [linea.decode() for linea in flujo.iter_lines() if linea.startswith(b"data: ")]
    return [json.loads(linea.removeprefix("data: "))["progreso"] for linea in lineas]
