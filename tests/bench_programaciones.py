"""`make bench ARGS=--programaciones`: 50 programaciones of 100 places due at once, and who submits meanwhile."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter

import requests
from rich.console import Console
from rich.table import Table

from deploy.laboratorio.cli import variables
from tests.pila import Persona, pila
from tests.servidores import MariaDB, Redis, esperar, puerto_libre

PROGRAMACIONES, LUGARES, USUARIOS = 50, 100, 5
ANTES, DURANTE = 30, 60  # consultas tiempo_real measured alone, and beside the batches
DEMORA_S = 0.3  # of the simulated provider
BASE = "cg_bench_programaciones"
AJUSTES = {"BCRYPT_ROUNDS": "4", "LIMITE_API": "1000000/minute", "OPENMETEO_PRESUPUESTO": "1000000/day"}
numeros = count()


def medir(consola: Console, carpeta: Path, mariadb: MariaDB, redis: Redis) -> None:
    puerto = puerto_libre()
    orden = [sys.executable, "-m", "deploy.laboratorio", "--puerto", str(puerto)]
    laboratorio = subprocess.Popen(orden, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{puerto}"
        esperar(lambda: requests.get(f"{url}/_laboratorio/salud", timeout=2).ok, "the laboratory starting")
        demora = [{"proveedor": "openmeteo", "tipo": "demora", "demora_s": DEMORA_S}]
        requests.put(f"{url}/_laboratorio/fallas", json=demora, timeout=5).raise_for_status()
        servidores = {"DATABASE_URL": mariadb.crear_base(BASE), "REDIS_URL": redis.url}
        with pila(carpeta, **servidores, **AJUSTES, **variables(url)) as p:
            _medir(consola, p.base, mariadb)
    finally:
        laboratorio.terminate()
        laboratorio.wait(20)


def _medir(consola: Console, base: str, mariadb: MariaDB) -> None:
    _programar(base)
    ana = Persona(base, "ana")
    solas = [_segundos(ana) for _ in range(ANTES)]
    empezo = monotonic()
    mariadb.ejecutar(f"UPDATE {BASE}.programaciones SET proxima_en = UTC_TIMESTAMP(6)")
    junto = [_segundos(ana)]
    esperar(lambda: _cuantas(mariadb, "ejecuciones") == PROGRAMACIONES, "every run having begun", 120)
    despachadas_s = monotonic() - empezo
    junto += [_segundos(ana) for _ in range(DURANTE - 1)]
    quedan = _cuantas(mariadb, "consultas WHERE estado IN ('pendiente', 'procesando')")
    tabla = Table(title="consultas tiempo_real, from POST to their answer (seconds)")
    for titulo in ("", "p50", "max"):
        tabla.add_column(titulo, justify="right")
    for titulo, tiempos in (("alone", solas), ("beside the batches", junto)):
        tabla.add_row(titulo, f"{median(tiempos):.2f}", f"{max(tiempos):.2f}")
    total = _cuantas(mariadb, "consultas WHERE programacion_id IS NOT NULL")
    consola.print(f"{total} consultas of {PROGRAMACIONES} programaciones dispatched {despachadas_s:.1f} s after due;")
    consola.print(f"{quedan} of them still to be answered when the measure ended")
    consola.print(tabla)
    consola.print(
        f"p50 beside / alone: {median(junto) / median(solas):.2f}; latest came {max(junto) - median(solas):.2f} s late"
    )


def _programar(base: str) -> None:
    """Each of other places, so that no answer is shared."""
    for usuario in range(USUARIOS):
        persona = Persona(base, f"lotes{usuario}")
        for _ in range(PROGRAMACIONES // USUARIOS):
            n = next(numeros)
            cuerpo = {
                "nombre": f"Lote {n}",
                "cron": "0 0 1 1 *",
                "zona_horaria": "America/Bogota",
                "tipo": "historico",
                "ventana_dias": 7,
                "proveedores": ["openmeteo"],
                "lugares": [{"latitud": n / 10, "longitud": -74 + i / 20} for i in range(LUGARES)],
            }
            r = persona.http.post(f"{base}/api/programaciones", json=cuerpo, timeout=30)
            assert r.status_code == 201, r.text


def _segundos(ana: Persona) -> float:
    cuerpo = {"latitud": 30 + next(numeros) / 20, "longitud": 10, "proveedores": ["openmeteo"]}
    empezo = perf_counter()
    r = ana.http.post(f"{ana.base}/api/consultas/tiempo-real", json=cuerpo, headers={"Prefer": "wait=30"}, timeout=60)
    assert r.status_code == 200, r.text
    assert r.json()["consulta"]["estado"] == "completada"
    return perf_counter() - empezo


def _cuantas(mariadb: MariaDB, que: str) -> int:
    return int(str(mariadb.ejecutar(f"SELECT COUNT(*) FROM {BASE}.{que}")[0][0]))
