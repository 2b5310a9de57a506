"""`make bench`: what is claimed in numbers, measured on real servers in one run, as ratios where machines are noisy.

1. Waiting clients: latency of GET /api/auth/me on one API process, alone and beside 300 clients that wait.
2. Passwords (bench_claves.py): what clients that log in without pause cost the others.
3. Throughput (bench_caudal.py): consultas tiempo_real per second through the whole stack, with one and two worker
   processes and beside Flower, and what each costs in processor time, memory and connections.

Instead, with ARGS=--reportes: reports and lists at a million consultas (tests/bench_reportes.py);
--programaciones: many batches due at once (tests/bench_programaciones.py); --memoria: memory at the longest historicos
and the largest downloads, and bytes stored (tests/bench_memoria.py); --limpieza: what deleting a tenth of a million
consultas costs those who work meanwhile (tests/bench_limpieza.py); --promesa: Retry-After against the truth
(tests/bench_promesa.py).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread
from time import monotonic, perf_counter

import psutil
import requests
from rich.console import Console
from rich.table import Table

from tests import (
    bench_caudal,
    bench_claves,
    bench_limpieza,
    bench_memoria,
    bench_programaciones,
    bench_promesa,
    bench_reportes,
)
from tests.frente import Api, con_esquema
from tests.pila import Persona
from tests.servidores import MariaDB, Redis, esperar

ESPERAN = 300
PETICIONES = 300
consola = Console()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cg-", dir="/tmp", ignore_cleanup_errors=True) as nombre:
        carpeta = Path(nombre)
        mariadb, redis = MariaDB(_sub(carpeta, "m")), Redis(_sub(carpeta, "r"))
        try:
            mariadb.instalar()
            mariadb.arrancar()
            redis.arrancar()
            if "--reportes" in sys.argv:
                bench_reportes.medir(mariadb, redis)
            elif "--programaciones" in sys.argv:
                bench_programaciones.medir(consola, _sub(carpeta, "pila"), mariadb, redis)
            elif "--promesa" in sys.argv:
                bench_promesa.medir(consola, _sub(carpeta, "pila"), mariadb, redis)
            elif "--memoria" in sys.argv:
                bench_memoria.medir(_sub(carpeta, "p"), mariadb, redis)
            elif "--limpieza" in sys.argv:
                bench_limpieza.medir(mariadb)
            else:
                _esperas(carpeta, mariadb, redis)
                bench_claves.medir(consola, _sub(carpeta, "claves"), mariadb, redis)
                bench_caudal.medir(consola, carpeta, mariadb, redis)
        finally:
            redis.parar()
            mariadb.parar()


def _sub(carpeta: Path, nombre: str) -> Path:
    (carpeta / nombre).mkdir()
    return carpeta / nombre


def _esperas(carpeta: Path, mariadb: MariaDB, redis: Redis) -> None:
    tabla = Table(title=f"{ESPERAN} clients waiting on one API process (no worker runs: nothing changes)")
    for titulo in ("", "p50 ms", "p95 ms", "queries/s", "RSS MiB", "threads"):
        tabla.add_column(titulo, justify="right")
    base = con_esquema(mariadb.crear_base("cg_bench_esperas"))
    ajustes = {"DATABASE_URL": base, "REDIS_URL": redis.url, "LIMITE_API": "1000000/minute"}
    ajustes |= dict.fromkeys(("ESPERAS_POR_USUARIO", "ESPERAS_POR_PROCESO"), str(ESPERAN))
    api = Api(_sub(carpeta, "api"), ajustes=ajustes, opciones=("--threads", str(ESPERAN + 50)))
    try:
        api.arrancar()
        assert api.proceso
        proceso = psutil.Process(api.proceso.pid).children()[0]
        ana = Persona(api.url, "ana")
        alone = _fila(tabla, "alone", ana, proceso, mariadb)
        r = ana.http.post(f"{api.url}/api/consultas/tiempo-real", json={"ciudad": "Cali"}, timeout=10)
        with _esperando(ana, api.url + r.json()["enlaces"]["self"]):
            waiting = _fila(tabla, f"beside {ESPERAN}", ana, proceso, mariadb)
    finally:
        api.parar()
    consola.print(tabla)
    consola.print(f"p50 beside the waiting ones / alone: {waiting / alone:.2f}\n")


@contextmanager
def _esperando(ana: Persona, donde: str) -> Iterator[None]:
    """Half of them in a long poll that is renewed, half listening to events."""
    fin = Event()

    def uno(n: int) -> None:
        with requests.Session() as http, suppress(requests.RequestException):
            http.headers.update(ana.http.headers)
            while not fin.is_set():
                if n % 2:
                    http.get(f"{donde}?esperar=20", timeout=40)
                else:
                    with http.get(f"{donde}/eventos", stream=True, timeout=20) as flujo:
                        for _ in flujo.iter_lines():
                            if fin.is_set():
                                return

    hilos = [Thread(target=uno, args=(n,), daemon=True) for n in range(ESPERAN)]
    for hilo in hilos:
        hilo.start()
    _pausa(8)
    yield
    fin.set()
    ana.http.post(f"{donde}/cancelar", timeout=10)  # ends every wait at once
    for hilo in hilos:
        hilo.join(30)


def _fila(tabla: Table, titulo: str, ana: Persona, proceso: psutil.Process, mariadb: MariaDB) -> float:
    antes, empezo = _preguntas(mariadb), monotonic()
    _pausa(10)
    por_s = (_preguntas(mariadb) - antes) / (monotonic() - empezo)
    tiempos = [_ms(ana) for _ in range(PETICIONES)]
    memoria = proceso.memory_info().rss / 2**20
    p50, p95 = median(tiempos), quantiles(tiempos, n=20)[-1]
    tabla.add_row(titulo, f"{p50:.1f}", f"{p95:.1f}", f"{por_s:.1f}", f"{memoria:.0f}", str(proceso.num_threads()))
    return p50


def _ms(ana: Persona) -> float:
    empezo = perf_counter()
    assert ana.http.get(f"{ana.base}/api/auth/me", timeout=30).ok
    return (perf_counter() - empezo) * 1000


def _preguntas(mariadb: MariaDB) -> int:
    return int(str(mariadb.ejecutar("SHOW GLOBAL STATUS LIKE 'Com_select'")[0][1]))


def _pausa(segundos: float) -> None:
    hasta = monotonic() + segundos
    esperar(lambda: monotonic() > hasta, "time passing", segundos + 5)


if __name__ == "__main__":
    main()
