"""Passwords: what one bcrypt hash takes here, and what clients that log in without pause cost the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread
from time import perf_counter

import bcrypt
import requests
from rich.console import Console
from rich.table import Table

from tests.frente import Api, con_esquema
from tests.pila import Persona
from tests.servidores import MariaDB, Redis

ENTRAN = 4
PETICIONES = 300
ROUNDS = 12


def medir(consola: Console, carpeta: Path, mariadb: MariaDB, redis: Redis) -> None:
    consola.print(f"one bcrypt hash of {ROUNDS} rounds, nothing else running: {_hash_ms():.0f} ms\n")
    sin_limite = dict.fromkeys(("LIMITE_LOGIN", "LIMITE_LOGIN_CUENTA", "LIMITE_API"), "1000000/minute")
    ajustes = {"DATABASE_URL": con_esquema(mariadb.crear_base("cg_bench_claves")), "REDIS_URL": redis.url}
    api = Api(carpeta, ajustes=ajustes | sin_limite | {"BCRYPT_ROUNDS": str(ROUNDS)})
    tabla = Table(title=f"one gthread process, requests one after the other, alone and beside {ENTRAN} that log in")
    for titulo in ("", "p50 ms", "p95 ms", "most ms", "logins/s"):
        tabla.add_column(titulo, justify="right")
    try:
        api.arrancar()
        ana = Persona(api.url, "ana")
        for ruta in ("/health", "/api/auth/me"):
            solas = _fila(tabla, f"{ruta} alone", ana, ruta)
            with _entrando(api) as cuenta:
                empezo = perf_counter()
                juntas = [_ms(ana, ruta) for _ in range(PETICIONES)]
                por_s = sum(cuenta) / (perf_counter() - empezo)
            _anotar(tabla, f"{ruta} beside", juntas, f"{por_s:.1f}")
            razon = median(juntas) / median(solas)
            consola.print(f"{ruta}: p50 beside / alone {razon:.2f}")
    finally:
        api.parar()
    consola.print(tabla)


def _hash_ms() -> float:
    tiempos = []
    for _ in range(5):
        empezo = perf_counter()
        bcrypt.hashpw(b"una frase larga", bcrypt.gensalt(ROUNDS))
        tiempos.append((perf_counter() - empezo) * 1000)
    return median(tiempos)


@contextmanager
def _entrando(api: Api) -> Iterator[list[int]]:
    """Clients that log in one time after another, each with its own count."""
    fin, cuenta = Event(), [0] * ENTRAN

    def uno(n: int) -> None:
        with requests.Session() as http:
            while not fin.is_set():
                quien = {"username": "ana", "password": "una frase larga"}
                assert http.post(f"{api.url}/api/auth/login", json=quien, timeout=60).ok
                cuenta[n] += 1

    hilos = [Thread(target=uno, args=(n,), daemon=True) for n in range(ENTRAN)]
    for hilo in hilos:
        hilo.start()
    try:
        yield cuenta
    finally:
        fin.set()
        for hilo in hilos:
            hilo.join(60)


def _fila(tabla: Table, titulo: str, ana: Persona, ruta: str) -> list[float]:
    tiempos = [_ms(ana, ruta) for _ in range(PETICIONES)]
    _anotar(tabla, titulo, tiempos, "")
    return tiempos


def _anotar(tabla: Table, titulo: str, tiempos: list[float], por_s: str) -> None:
    p50, p95 = median(tiempos), quantiles(tiempos, n=20)[-1]
    tabla.add_row(titulo, f"{p50:.1f}", f"{p95:.1f}", f"{max(tiempos):.1f}", por_s)


def _ms(ana: Persona, ruta: str) -> float:
    empezo = perf_counter()
    assert ana.http.get(f"{ana.base}{ruta}", timeout=60).ok
    return (perf_counter() - empezo) * 1000
