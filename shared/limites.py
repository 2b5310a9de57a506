"""What all workers together may ask of a provider, kept in Redis: circuit, places in flight, statistics; and the call
budgets of shared/presupuestos.py.

With Redis down everything is allowed and nothing is counted: a consulta is never lost for want of a counter.
The circuit is our own because pybreaker 1.4 holds a lock for as long as the protected call lasts, which would make
the threads of a worker ask a provider one after another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from statistics import median
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError

from shared.almacen import reloj_s
from shared.cola import PREFIJO
from shared.presupuestos import Presupuestos

FALLOS_PARA_ABRIR = 5  # in a row, over all workers
ABIERTO_S = 20.0  # then one call may try
MUESTRAS = 100
TURNO_S = 45  # a place in flight is given back after this even if its holder died
LUGARES_RESERVADOS = 0.4  # of the places in flight, what is kept for those who wait at a screen


@dataclass(frozen=True, slots=True)
class Salud:
    """How a provider has been doing. exito: share of the last calls, 0–1; None: not asked yet."""

    circuito: str
    exito: float | None
    latencia_ms: int | None


class Limites:
    """Circuits, places in flight and statistics of one installation, and its call budgets."""

    def __init__(self, redis: Redis, presupuestos: Presupuestos) -> None:
        self._redis = redis
        self.presupuestos = presupuestos

    # circuit: closed until FALLOS_PARA_ABRIR failures in a row; open for ABIERTO_S; then one call tries

    def permite(self, proveedor: str) -> bool:
        """May this call be made? While the circuit is open only one caller per ABIERTO_S gets a yes."""
        try:
            if self._fallos(proveedor) < FALLOS_PARA_ABRIR:
                return True
            return bool(self._redis.set(_clave("prueba", proveedor), "1", nx=True, px=int(ABIERTO_S * 1000)))
        except RedisError:
            return True

    def anotar(self, proveedor: str, *, bien: bool, latencia_ms: int) -> None:
        """Count an outcome. bien: it answered, even if only to refuse the question."""
        with suppress(RedisError), self._redis.pipeline(transaction=False) as tubo:
            if bien:
                tubo.delete(_clave("fallos", proveedor), _clave("prueba", proveedor))
            else:
                tubo.incr(_clave("fallos", proveedor))
                tubo.expire(_clave("fallos", proveedor), 3600)
                tubo.set(_clave("prueba", proveedor), "1", px=int(ABIERTO_S * 1000))
            tubo.lpush(_clave("muestras", proveedor), f"{int(bien)}:{latencia_ms}")
            tubo.ltrim(_clave("muestras", proveedor), 0, MUESTRAS - 1)
            tubo.execute()

    def salud(self, proveedor: str) -> Salud:
        """Raises RedisError."""
        circuito = "cerrado"
        if self._fallos(proveedor) >= FALLOS_PARA_ABRIR:
            circuito = "abierto" if self._redis.exists(_clave("prueba", proveedor)) else "a_prueba"
        crudas: Any = self._redis.lrange(_clave("muestras", proveedor), 0, -1)
        muestras = [tuple(map(int, m.decode().split(":"))) for m in crudas]
        if not muestras:
            return Salud(circuito, None, None)
        exito = sum(bien for bien, _ in muestras) / len(muestras)
        return Salud(circuito, round(exito, 3), round(median(ms for _, ms in muestras)))

    def _fallos(self, proveedor: str) -> int:
        seguidos: Any = self._redis.get(_clave("fallos", proveedor))
        return int(seguidos or 0)

    # places in flight

    @contextmanager
    def en_vuelo(self, proveedor: str, plazo: float, *, prisa: bool = True) -> Iterator[bool]:
        """Hold one of the provider's places in flight; yields False if none came free before `plazo` (monotonic).

        prisa False: LUGARES_RESERVADOS of them are left to others, so that a flood of these never stands in line
        before them.
        """
        a_la_vez = self.presupuestos.a_la_vez(proveedor)
        if a_la_vez is None:
            yield True
            return
        lugares = {"vuelo": a_la_vez}
        if not prisa:
            lugares = {"vuelo_lento": max(1, int(a_la_vez * (1 - LUGARES_RESERVADOS)))} | lugares
        with ExitStack() as pila:
            yield all(
                pila.enter_context(self._lugar(_clave(cola, proveedor), cuantos, plazo))
                for cola, cuantos in lugares.items()
            )

    @contextmanager
    def _lugar(self, clave: str, lugares: int, plazo: float) -> Iterator[bool]:
        ficha = uuid4().hex
        try:
            dentro = self._entrar(clave, ficha, lugares, plazo)
        except RedisError:
            dentro = True
        try:
            yield dentro
        finally:
            with suppress(RedisError):
                self._redis.zrem(clave, ficha)

    def _entrar(self, clave: str, ficha: str, lugares: int, plazo: float) -> bool:
        """A sorted set of who is in, by when they came; being among the first `lugares` is being in."""
        while monotonic() < plazo:
            ahora_s = reloj_s(self._redis)
            with self._redis.pipeline() as tubo:
                tubo.zremrangebyscore(clave, 0, ahora_s - TURNO_S)
                tubo.zadd(clave, {ficha: ahora_s}, nx=True)
                tubo.zrank(clave, ficha)
                tubo.expire(clave, TURNO_S)
                puesto = tubo.execute()[2]
            if puesto is not None and puesto < lugares:
                return True
            sleep(0.05)
        return False


def _clave(que: str, proveedor: str) -> str:
    return f"{PREFIJO}{que}:{proveedor}"
