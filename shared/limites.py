"""What all workers together may ask of a provider, kept in Redis: circuit, call budgets, places in flight, statistics.

With Redis down everything is allowed and nothing is counted: a consulta is never lost for want of a counter.
The circuit is our own because pybreaker 1.4 holds a lock for as long as the protected call lasts, which would make
the threads of a worker ask a provider one after another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from math import inf
from statistics import median
from time import monotonic, sleep, time
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from limits import RateLimitItem, parse_many
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis import Redis
from redis.exceptions import RedisError

from shared.almacen import OPCIONES, reloj_s
from shared.cola import PREFIJO

FALLOS_PARA_ABRIR = 5  # in a row, over all workers
ABIERTO_S = 20.0  # then one call may try
MUESTRAS = 100
TURNO_S = 45  # a place in flight is given back after this even if its holder died
# of every budget, and of the places in flight, what is kept for those who wait at a screen
RESERVA, LUGARES_RESERVADOS = 0.2, 0.4


@dataclass(frozen=True, slots=True)
class Presupuesto:
    """ventanas: calls allowed, as `limits` writes them. a_la_vez: calls in flight; None: any number.

    por_direccion: counted by our address, so users' own keys count too.
    """

    ventanas: str
    a_la_vez: int | None = None
    por_direccion: bool = False


PRESUPUESTOS = {
    # open-meteo.com/en/terms: per address, and "too many concurrent requests" beyond a few
    "openmeteo": Presupuesto("600/minute;5000/hour;10000/day", a_la_vez=5, por_direccion=True),
    # openweathermap.org/full-price: free plan
    "openweather": Presupuesto("60/minute"),
    # third parties report 400 a day for the free plan
    "meteosource": Presupuesto("400/day"),
}


@dataclass(frozen=True, slots=True)
class Salud:
    """How a provider has been doing. exito: share of the last calls, 0–1; None: not asked yet."""

    circuito: str
    exito: float | None
    latencia_ms: int | None


class Limites:
    """Counters of one installation. A provider without a budget may be asked without limit.

    de_openmeteo: its windows, where a contract says others than the public ones.
    """

    def __init__(
        self,
        redis: Redis,
        url_limites: str,
        de_openmeteo: str | None = None,
        presupuestos: Mapping[str, Presupuesto] = MappingProxyType(PRESUPUESTOS),
    ) -> None:
        self._redis = redis
        if de_openmeteo is not None:
            presupuestos = {**presupuestos, "openmeteo": replace(presupuestos["openmeteo"], ventanas=de_openmeteo)}
        self._presupuestos = presupuestos
        self._ventanas: dict[str, list[RateLimitItem]] = {p: parse_many(v.ventanas) for p, v in presupuestos.items()}
        almacen = RedisStorage(url_limites, key_prefix=f"{PREFIJO}presupuesto", **OPCIONES)
        self._contador = FixedWindowRateLimiter(almacen)

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

    # budgets

    def gastar(self, proveedor: str, costo: int = 1, *, clave_propia: bool = False, prisa: bool = True) -> bool:
        """Take `costo` calls from every window of the provider's budget; False if one of them has no room.

        clave_propia: a user's own key pays, which has a budget of its own unless the provider counts by address.
        prisa False, for historico and programaciones: RESERVA of each window is left to others.
        """
        ventanas = self._de_quien(proveedor, clave_propia=clave_propia)
        try:
            for v in ventanas:
                if not self._contador.test(v, proveedor, cost=costo + _libres(v, prisa=prisa)):
                    return False
            gastadas = [self._contador.hit(v, proveedor, cost=costo) for v in ventanas]
            return all(gastadas)
        except RedisError:
            return True

    def espera_s(self, proveedor: str, costo: int, *, clave_propia: bool = False, prisa: bool = True) -> float:
        """Seconds until every window has room for `costo` calls; 0: now. inf: a window is smaller than that.

        Arguments as for gastar. Without Redis, 0.
        """
        espera = 0.0
        try:
            for v in self._de_quien(proveedor, clave_propia=clave_propia):
                pedido = costo + _libres(v, prisa=prisa)
                if pedido > v.amount:
                    return inf
                if not self._contador.test(v, proveedor, cost=pedido):  # a second more: Redis tells whole ones
                    acaba_en = self._contador.get_window_stats(v, proveedor).reset_time
                    espera = max(espera, acaba_en - time() + 1.0)
        except RedisError:
            return 0.0
        return espera

    def _de_quien(self, proveedor: str, *, clave_propia: bool) -> list[RateLimitItem]:
        """The windows that a call counts in."""
        presupuesto = self._presupuestos.get(proveedor)
        if presupuesto is None or (clave_propia and not presupuesto.por_direccion):
            return []
        return self._ventanas[proveedor]

    def queda(self, proveedor: str) -> int | None:
        """Calls left in the tightest window; None: no budget. Raises RedisError."""
        ventanas = self._ventanas.get(proveedor, [])
        return min((self._contador.get_window_stats(v, proveedor).remaining for v in ventanas), default=None)

    @contextmanager
    def en_vuelo(self, proveedor: str, plazo: float, *, prisa: bool = True) -> Iterator[bool]:
        """Hold one of the provider's places in flight; yields False if none came free before `plazo` (monotonic).

        prisa False: LUGARES_RESERVADOS of them are left to others, so that a flood of these never stands in line
        before them.
        """
        presupuesto = self._presupuestos.get(proveedor)
        if presupuesto is None or presupuesto.a_la_vez is None:
            yield True
            return
        lugares = {"vuelo": presupuesto.a_la_vez}
        if not prisa:
            lugares = {"vuelo_lento": max(1, int(presupuesto.a_la_vez * (1 - LUGARES_RESERVADOS)))} | lugares
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


def _libres(ventana: RateLimitItem, *, prisa: bool) -> int:
    """Calls of this window that are left to others."""
    return 0 if prisa else int(ventana.amount * RESERVA)


def _clave(que: str, proveedor: str) -> str:
    return f"{PREFIJO}{que}:{proveedor}"
