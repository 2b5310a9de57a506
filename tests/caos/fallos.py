"""The faults, each a function that hurts the installation, lets time pass, and heals it before it returns."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic, sleep

import psutil
import pymysql

from shared.presupuestos import PRESUPUESTOS
from tests.caos.escenario import NORMAL, RAIZ, Escenario, atado
from tests.caos.mensajes import a_medias, por_duplicado
from tests.servidores import esperar

Hacer = Callable[[Escenario, Random], list[str]]
FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
# libfaketime 0.9.10 breaks clock_nanosleep(TIMER_ABSTIME), which is Python's sleep; a timed wait passes
DORMIR = "import threading, time\ntime.sleep = lambda s: threading.Event().wait(s) and None\n"
RELOJES = {"adelantado": "+120s", "atrasado": "-120s"}


class NoSePuede(Exception):
    """This machine lacks what the fault needs; the text says what."""


@dataclass(frozen=True)
class Fallo:
    """hacer returns what else went wrong. carga_s: over how long the load is spread. peso_s: about how long it takes.

    permite_503 while it lasts; permite_cortes: the API itself dies; permite_errores: consultas may end in error.
    en_red: runs in two namespaces. antes: done before the load starts.
    """

    hacer: Hacer
    carga_s: float = 8
    peso_s: float = 20
    permite_503: bool = False
    permite_cortes: bool = False
    permite_errores: bool = False
    en_red: bool = False
    antes: Hacer | None = None


def _matar(procesos: list[psutil.Process]) -> None:
    assert procesos, "nobody to kill"
    for p in procesos:
        with suppress(psutil.NoSuchProcess):
            p.kill()


def trabajador_muere(e: Escenario, azar: Random) -> list[str]:
    _matar([azar.choice(e.trabajadores("tiempo-real"))])
    return []


def trabajadores_mueren(e: Escenario, azar: Random) -> list[str]:
    _matar(e.trabajadores())
    return []


def beat_muere(e: Escenario, azar: Random) -> list[str]:
    _matar(e.beat())
    return []


def api_muere(e: Escenario, azar: Random) -> list[str]:
    _matar(e.api())
    esperar(e.viva, "the API coming back", 30)
    return []


def redis_muere(e: Escenario, azar: Random) -> list[str]:
    e.redis.matar()
    sleep(azar.uniform(2, 5))
    e.redis.arrancar()
    return []


def redis_pausado(e: Escenario, azar: Random) -> list[str]:
    with _pausado(e.redis.proceso, 20):
        pass
    return []


def redis_vaciado(e: Escenario, azar: Random) -> list[str]:
    with e.cliente_redis() as r:
        for _ in range(5):
            r.flushall()
            sleep(azar.uniform(0.2, 1))
    return []


def mariadb_muere(e: Escenario, azar: Random) -> list[str]:
    e.mariadb.matar()
    sleep(azar.uniform(2, 6))
    e.mariadb.arrancar()
    return []


def mariadb_pausada(e: Escenario, azar: Random) -> list[str]:
    with _pausado(e.mariadb.proceso, 15):
        pass
    return []


def conexiones_cortadas(e: Escenario, azar: Random) -> list[str]:
    """KILL every connection of the installation, again and again."""
    hasta = monotonic() + 5
    while monotonic() < hasta:
        for (hilo,) in e.sql("SELECT id FROM information_schema.processlist WHERE user = 'caos'"):
            with suppress(pymysql.Error):
                e.sql("KILL %s", hilo)
        sleep(azar.uniform(0.01, 0.1))
    return []


def trabajador_pausado(e: Escenario, azar: Random) -> list[str]:
    """Past its lease (30 s), so that others have finished its consultas when it wakes up with its answers."""
    victima = azar.choice(e.trabajadores("tiempo-real"))
    victima.suspend()
    try:
        sleep(36)
    finally:
        victima.resume()
    sleep(2)  # let it try to write before the judge looks
    return []


def _averia(tipo: str, dura_s: float, **mas: object) -> Hacer:
    def hacer(e: Escenario, azar: Random) -> list[str]:
        e.averiar({"proveedor": "todos", "tipo": tipo, **mas})
        sleep(dura_s)
        e.averiar(*NORMAL)
        return []

    return hacer


def proveedores_a_ratos(e: Escenario, azar: Random) -> list[str]:
    for _ in range(5):
        e.averiar({"proveedor": "todos", "tipo": azar.choice(["corte", "json_malo", "corte_a_medias"])})
        sleep(azar.uniform(0.5, 1.5))
        e.averiar(*NORMAL)
        sleep(azar.uniform(0.5, 1.5))
    return []


def mensajes_dobles(e: Escenario, azar: Random) -> list[str]:
    """No provider may notice: each consulta asks meteoblue once."""
    with por_duplicado(e.redis.puerto) as cuenta:
        esperar(lambda: _llegadas(e) >= e.previstas, "the whole load", 60)
        esperar(lambda: _activas(e) == 0, "the consultas ending", 40)
    nuevas = "id > %s AND tipo_consulta = 'tiempo_real'"
    ((esperadas,),) = e.sql(f"SELECT COUNT(*) FROM @@consultas WHERE {nuevas}", e.desde_id)
    hechas = e.peticiones("meteoblue")["total"]
    faltas = [] if hechas == esperadas else [f"{esperadas} consultas hicieron {hechas} llamadas a meteoblue"]
    return faltas if cuenta.mensajes >= esperadas // 2 else [*faltas, f"solo se duplicaron {cuenta.mensajes} mensajes"]


def mensajes_perdidos(e: Escenario, azar: Random) -> list[str]:
    with a_medias(e.redis.puerto) as cuenta:
        esperar(lambda: _llegadas(e) >= e.previstas, "the whole load", 60)
    return [] if cuenta.mensajes >= e.previstas // 5 else [f"solo se perdieron {cuenta.mensajes} mensajes"]


def _arrancar_sin_broker(e: Escenario, azar: Random) -> list[str]:
    e.parar_pila()
    e.redis.matar()
    e.arrancar_pila(completa=False)
    return []


def sin_broker_al_arrancar(e: Escenario, azar: Random) -> list[str]:
    sleep(9)
    e.redis.arrancar()
    return []


def _con_relojes_desfasados(e: Escenario, azar: Random) -> list[str]:
    """Two more workers, one 2 minutes ahead and one behind, ready to take their share."""
    if FAKETIME is None:
        raise NoSePuede("a worker's clock is moved with libfaketime (Debian: apt-get install libfaketime)")
    for nombre, desfase in RELOJES.items():
        e.extras.enter_context(_trabajador(e, nombre, desfase))
    with e.cliente_redis() as r:
        esperar(lambda: all(any(r.scan_iter(f"*trabajador:{n}*")) for n in RELOJES), "both being ready", 60)
    e.averiar(*NORMAL, {"proveedor": "openmeteo", "tipo": "demora", "demora_s": 0.5})  # so that its places are short
    return []


def reloj_desfasado(e: Escenario, azar: Random) -> list[str]:
    """The laboratory may see one call more than there are places: it counts a call until after its last byte."""
    with e.extras:
        esperar(lambda: _llegadas(e) >= e.previstas, "the whole load", 60)
        esperar(lambda: _activas(e) == 0, "the consultas ending", 100)
    a_la_vez, permitidas = e.peticiones("openmeteo")["simultaneas_max"], PRESUPUESTOS["openmeteo"].a_la_vez or 0
    faltas = [f"{a_la_vez} llamadas a la vez a openmeteo, que admite {permitidas}"] if a_la_vez > permitidas + 1 else []
    ociosos = [n for n in RELOJES if "consulta_completada" not in (e.carpeta / f"{n}.txt").read_text()]
    return [*faltas, *(f"el trabajador {n} no hizo nada" for n in ociosos)]


def red_cortada(e: Escenario, azar: Random) -> list[str]:
    cable = e.mariadb.cable
    assert cable is not None
    cable.cortar()
    try:
        sleep(30)
    finally:
        cable.unir()
    return []


@contextmanager
def _pausado(proceso: subprocess.Popen[bytes] | None, dura_s: float) -> Iterator[None]:
    assert proceso is not None
    proceso.send_signal(signal.SIGSTOP)
    try:
        sleep(dura_s)
        yield
    finally:
        proceso.send_signal(signal.SIGCONT)


@contextmanager
def _trabajador(e: Escenario, nombre: str, desfase: str) -> Iterator[None]:
    """A worker of both queues beside the stack's, its wall clock moved; monotonic clocks stay true."""
    colas = "tiempo_real,historico"
    orden = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "-Q", colas, "-n", f"{nombre}@%h"]
    reloj = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": desfase, "DONT_FAKE_MONOTONIC": "1"}
    entorno = {**e.entorno(), **e.secretos(), **reloj, "FLASK_ENV": "development"}
    (e.carpeta / "sitecustomize.py").write_text(DORMIR)
    entorno["PYTHONPATH"] = f"{e.carpeta}{os.pathsep}{RAIZ}"
    sin = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING"]
    with (e.carpeta / f"{nombre}.txt").open("ab") as salida:
        proceso = subprocess.Popen(
            atado([*orden, *sin]), cwd=RAIZ, env=entorno, stdin=subprocess.DEVNULL, stdout=salida, stderr=salida
        )
    try:
        yield
    finally:
        proceso.terminate()
        try:
            proceso.wait(20)
        except subprocess.TimeoutExpired:
            os.kill(proceso.pid, signal.SIGKILL)
            proceso.wait()


def _llegadas(e: Escenario) -> int:
    return int(e.sql("SELECT COUNT(*) FROM @@consultas WHERE id > %s", e.desde_id)[0][0])


def _activas(e: Escenario) -> int:
    orden = "SELECT COUNT(*) FROM @@consultas WHERE estado IN ('pendiente', 'procesando')"
    return int(e.sql(orden)[0][0])


FALLOS: dict[str, Fallo] = {
    "trabajador_muere": Fallo(trabajador_muere, peso_s=50),
    "trabajadores_mueren": Fallo(trabajadores_mueren, peso_s=75),
    "beat_muere": Fallo(beat_muere),
    "api_muere": Fallo(api_muere, permite_503=True, permite_cortes=True),
    "redis_muere": Fallo(redis_muere, peso_s=30),
    "redis_pausado": Fallo(redis_pausado, carga_s=24, peso_s=45),
    "redis_vaciado": Fallo(redis_vaciado),
    "mariadb_muere": Fallo(mariadb_muere, carga_s=12, peso_s=75, permite_503=True),
    "mariadb_pausada": Fallo(mariadb_pausada, carga_s=16, peso_s=60, permite_503=True),
    "conexiones_cortadas": Fallo(conexiones_cortadas, peso_s=75, permite_503=True),
    "trabajador_pausado": Fallo(trabajador_pausado, carga_s=10, peso_s=50),
    "proveedores_fallan": Fallo(_averia("estado", 10, estado=503), carga_s=12, peso_s=40, permite_errores=True),
    "proveedores_a_ratos": Fallo(proveedores_a_ratos, carga_s=12, peso_s=40, permite_errores=True),
    "proveedores_colgados": Fallo(_averia("colgado", 15), carga_s=12, peso_s=60, permite_errores=True),
    "proveedores_con_basura": Fallo(_averia("basura", 10), carga_s=12, peso_s=40, permite_errores=True),
    "mensajes_dobles": Fallo(mensajes_dobles),
    "mensajes_perdidos": Fallo(mensajes_perdidos, peso_s=30),
    "sin_broker_al_arrancar": Fallo(sin_broker_al_arrancar, peso_s=40, antes=_arrancar_sin_broker),
    "reloj_desfasado": Fallo(reloj_desfasado, carga_s=14, peso_s=40, antes=_con_relojes_desfasados),
    "red_cortada": Fallo(red_cortada, carga_s=34, peso_s=100, permite_503=True, en_red=True),
}
