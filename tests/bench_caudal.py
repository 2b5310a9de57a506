"""Consultas tiempo_real through the whole stack: how many a second, and what one costs each part."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import psutil
import redis
import requests
from rich.console import Console
from rich.table import Table

from deploy.laboratorio.cli import variables
from tests.pila import Persona, Pila, pila
from tests.servidores import MariaDB, Redis, esperar, puerto_libre

CONSULTAS = 400
PARTES = {"gunicorn": "api", "worker.app worker": "workers", "worker.app beat": "beat", "flower": "flower"}
AJUSTES = {
    "BCRYPT_ROUNDS": "4",
    "MAX_ACTIVAS": "10000",
    "LIMITE_API": "1000000/minute",
    "OPENMETEO_PRESUPUESTO": "1000000/day",
}


@dataclass
class Medida:
    """ms: of processor time per consulta, by part. mib: of the largest process of each part."""

    por_s: float
    ms: dict[str, float]
    mib: dict[str, float]
    mysql: int
    redis: int


def medir(consola: Console, carpeta: Path, mariadb: MariaDB, servidor: Redis) -> None:
    puerto = puerto_libre()
    orden = [sys.executable, "-m", "deploy.laboratorio", "--puerto", str(puerto)]
    lab = subprocess.Popen(orden, stdout=subprocess.DEVNULL)
    casos = {"one worker a queue": (1, False), "two": (2, False), "two, beside Flower": (2, True)}
    try:
        url = f"http://127.0.0.1:{puerto}"
        esperar(lambda: requests.get(f"{url}/_laboratorio/salud", timeout=2).ok, "the laboratory starting")
        hechas = {que: _correr(carpeta, mariadb, servidor, url, *caso) for que, caso in casos.items()}
    finally:
        lab.terminate()
        lab.wait(20)
    titulo = f"{CONSULTAS} consultas of one provider; laboratory, servers and clients on this machine"
    tabla = Table(title=titulo)
    for columna in ("", "per s", "processor ms each", "MiB of a process", "MySQL conn.", "Redis conn."):
        tabla.add_column(columna, justify="right")
    for que, m in hechas.items():
        ms, mib = (", ".join(f"{p} {v:.0f}" for p, v in d.items()) for d in (m.ms, m.mib))
        tabla.add_row(que, f"{m.por_s:.1f}", ms, mib, str(m.mysql), str(m.redis))
    consola.print(tabla)
    una, dos, vigiladas = (m.por_s for m in hechas.values())
    consola.print(f"two worker processes / one: {dos / una:.2f}; beside Flower / without: {vigiladas / dos:.2f}")


def _correr(
    carpeta: Path, mariadb: MariaDB, servidor: Redis, laboratorio: str, trabajadores: int, flower: bool
) -> Medida:
    nombre = f"caudal_{trabajadores}{flower:d}"
    entorno = {"DATABASE_URL": mariadb.crear_base(f"cg_{nombre}"), "REDIS_URL": servidor.url, **AJUSTES}
    opciones = ["--trabajadores", str(trabajadores), *(["--flower", str(puerto_libre())] if flower else [])]
    with pila(carpeta / nombre, *opciones, **entorno, **variables(laboratorio)) as p:
        ana = Persona(p.base, "ana")
        _enviar(ana, 20)  # connections are opened, and Flower has turned events on
        antes, empezo = _procesador_s(p, mariadb, servidor), monotonic()
        _enviar(ana, CONSULTAS)
        duro_s = monotonic() - empezo
        gastado = {c: s - antes.get(c, 0.0) for c, s in _procesador_s(p, mariadb, servidor).items()}
        conexiones = int(str(mariadb.ejecutar("SHOW GLOBAL STATUS LIKE 'Threads_connected'")[0][1])) - 1
        with redis.Redis.from_url(servidor.url) as r:
            clientes = int(r.info("clients")["connected_clients"]) - 1
        ms = {parte: 1000 * s / CONSULTAS for parte, s in gastado.items()}
        return Medida(CONSULTAS / duro_s, ms, _memoria_mib(p), conexiones, clientes)


def _enviar(ana: Persona, cuantas: int) -> None:
    """All of them, until they have ended. Each in a cell of its own, so that none is answered by another's."""
    antes = _acabadas(ana)

    def enviar(n: int) -> None:
        cuerpo = {"latitud": round(4 + (antes + n) / 500, 4), "longitud": -75, "proveedores": ["openmeteo"]}
        assert ana.http.post(f"{ana.base}/api/consultas/tiempo-real", json=cuerpo, timeout=30).status_code == 202

    with ThreadPoolExecutor(8) as hilos:
        list(hilos.map(enviar, range(cuantas)))
    esperar(lambda: _acabadas(ana) == antes + cuantas, "all consultas ending", 180)


def _procesador_s(p: Pila, mariadb: MariaDB, servidor: Redis) -> dict[str, float]:
    gastado: dict[str, float] = defaultdict(float)
    for parte, proceso in _procesos(p):
        gastado[parte] += sum(proceso.cpu_times()[:2])
    for parte, popen in (("mysql", mariadb.proceso), ("redis", servidor.proceso)):
        assert popen is not None
        gastado[parte] += sum(psutil.Process(popen.pid).cpu_times()[:2])
    return gastado


def _memoria_mib(p: Pila) -> dict[str, float]:
    mib: dict[str, float] = defaultdict(float)
    for parte, proceso in _procesos(p):
        mib[parte] = max(mib[parte], proceso.memory_info().rss / 2**20)
    return mib


def _procesos(p: Pila) -> list[tuple[str, psutil.Process]]:
    hallados = []
    for proceso in p.hijos():
        with suppress(psutil.NoSuchProcess):
            orden = " ".join(proceso.cmdline())
            hallados += [(parte, proceso) for texto, parte in PARTES.items() if texto in orden]
    return hallados


def _acabadas(ana: Persona) -> int:
    cuentas = [
        ana.http.get(f"{ana.base}/api/consultas/mis-consultas?per_page=1&estado={e}", timeout=30).json()["total"]
        for e in ("completada", "error")
    ]
    return sum(cuentas)
