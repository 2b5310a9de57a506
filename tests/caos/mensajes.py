"""A broker that delivers twice, and one that loses: done to the real queues while workers listen on them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import redis

from shared.cola import COLAS, MANTENIMIENTO, PREFIJO

TIMBRES = [f"{PREFIJO}{cola}" for cola in COLAS if cola != MANTENIMIENTO]
LINEA = re.compile(r'^\S+ \[\d+ (\S+)\] "LPUSH" ("[^"]+") (".*")$', re.DOTALL)
LADRONES = 2  # waiting beside as many workers: Redis serves whoever has waited longest


class Cuenta:
    """How many messages were doubled or taken."""

    def __init__(self) -> None:
        self.mensajes = 0


@contextmanager
def por_duplicado(puerto: int) -> Iterator[Cuenta]:
    """Every ring is pushed again, byte for byte, as soon as Redis has seen it."""
    cuenta, fin, listo = Cuenta(), Event(), Event()
    hilo = Thread(target=_duplicar, args=(puerto, cuenta, fin, listo), daemon=True)
    hilo.start()
    listo.wait(5)
    try:
        yield cuenta
    finally:
        fin.set()
        with redis.Redis(port=puerto) as r:
            r.ping()  # something for MONITOR to wake up with
        hilo.join(5)


def _duplicar(puerto: int, cuenta: Cuenta, fin: Event, listo: Event) -> None:
    with redis.Redis(port=puerto) as escritor, redis.Redis(port=puerto) as espia:
        conexion = espia.connection_pool.get_connection()
        conexion.send_command("MONITOR")
        conexion.read_response()
        propia = escritor.client_info()["addr"]
        listo.set()
        while not fin.is_set():
            linea = conexion.read_response()
            hallado = LINEA.match(linea.decode() if isinstance(linea, bytes) else linea)
            if hallado and hallado[1] != propia and ast.literal_eval(hallado[2]) in TIMBRES:
                escritor.lpush(ast.literal_eval(hallado[2]), ast.literal_eval("b" + hallado[3]))
                cuenta.mensajes += 1
        conexion.disconnect()


@contextmanager
def a_medias(puerto: int) -> Iterator[Cuenta]:
    """About half of the rings go to thieves that wait on the queues beside the workers."""
    cuenta, fin = Cuenta(), Event()
    hilos = [Thread(target=_robar, args=(puerto, cuenta, fin), daemon=True) for _ in range(LADRONES)]
    for hilo in hilos:
        hilo.start()
    try:
        yield cuenta
    finally:
        fin.set()
        for hilo in hilos:
            hilo.join(5)


def _robar(puerto: int, cuenta: Cuenta, fin: Event) -> None:
    with redis.Redis(port=puerto) as r:
        while not fin.is_set():
            if r.brpop(TIMBRES, timeout=1):
                cuenta.mensajes += 1
