"""The calls that an installation may make to each provider per window of time, counted in Redis.

A window begins with its first call. One script looks at all windows of a provider and spends in all of them or in none:
parallel workers never overspend, and a call that is refused costs nobody anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from types import MappingProxyType
from typing import Any

from limits import RateLimitItem, parse_many
from redis import Redis
from redis.exceptions import RedisError

from shared.cola import PREFIJO

RESERVA = 0.2  # of every window, what is kept for those who wait at a screen


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
class Pagador:
    """For whom a call is made: whose share it counts in.

    clave_propia: a key of theirs pays, which has a budget of its own unless the provider counts by address.
    prisa False, for what nobody waits for at a screen: RESERVA of each window is left to others.
    """

    usuario_id: int
    clave_propia: bool = False
    prisa: bool = True


@dataclass(frozen=True, slots=True)
class Saldo:
    """espera_s: until there is room; 0: there is; inf: there never will be. de_uno: only this user's share is spent."""

    espera_s: float = 0.0
    de_uno: bool = False

    @property
    def cabe(self) -> bool:
        return self.espera_s <= 0


# KEYS: one hash per window: how much all have spent in it, and each user. It lives as long as its window.
# ARGV: 1 to spend, 0 to look; cost; user; share; then per window: calls, milliseconds, calls left to others.
# Of what the others have not spent, a user may spend their share at once, and later as much as has passed of the
# window: there is always something for who comes next, and what nobody wanted is left to whoever does. A user's first
# call in a window is let through while there is room, for it may cost more than a share.
_GUION = """
local gasta, costo, usuario, parte = ARGV[1] == '1', tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local espera, de_uno = 0, 0
for i, clave in ipairs(KEYS) do
    local tope, largo, libres = tonumber(ARGV[3 * i + 2]), tonumber(ARGV[3 * i + 3]), tonumber(ARGV[3 * i + 4])
    local todos = tonumber(redis.call('HGET', clave, 'todos') or 0)
    local suyo = tonumber(redis.call('HGET', clave, usuario) or 0)
    local queda = math.max(redis.call('PTTL', clave), 0)
    local pasado = largo - queda
    if costo + libres > tope then return {-1, 0} end
    if todos + costo + libres > tope then
        if queda >= espera then espera, de_uno = math.max(queda, 1), 0 end
    elseif suyo > 0 and suyo + costo > (tope - todos + suyo) * parte then
        local hasta = math.ceil(largo * (suyo + costo) / (tope - todos + suyo)) - pasado
        if hasta > espera then espera, de_uno = math.min(hasta, queda), 1 end
    end
end
if gasta and espera == 0 then
    for i, clave in ipairs(KEYS) do
        redis.call('HINCRBY', clave, 'todos', costo)
        redis.call('HINCRBY', clave, usuario, costo)
        if redis.call('PTTL', clave) < 0 then redis.call('PEXPIRE', clave, ARGV[3 * i + 3]) end
    end
end
return {espera, de_uno}
"""


class Presupuestos:
    """Of one installation. A provider without a budget may be asked without limit.

    de_openmeteo: its windows, where a contract says others than the public ones. parte: of what others leave of
    each window, what one user may spend at once, 0–1.

    With Redis down everything is allowed and nothing is counted: a consulta is never lost for want of a counter.
    """

    def __init__(
        self,
        redis: Redis,
        de_openmeteo: str | None = None,
        parte: float = 1.0,
        presupuestos: Mapping[str, Presupuesto] = MappingProxyType(PRESUPUESTOS),
    ) -> None:
        self._redis = redis
        self._parte = parte
        self._guion = redis.register_script(_GUION)
        if de_openmeteo is not None:
            presupuestos = {**presupuestos, "openmeteo": replace(presupuestos["openmeteo"], ventanas=de_openmeteo)}
        self._presupuestos = presupuestos
        self._ventanas: dict[str, list[RateLimitItem]] = {p: parse_many(v.ventanas) for p, v in presupuestos.items()}

    def a_la_vez(self, proveedor: str) -> int | None:
        """Calls that may be in flight together; None: any number."""
        presupuesto = self._presupuestos.get(proveedor)
        return presupuesto.a_la_vez if presupuesto else None

    def gastar(self, proveedor: str, costo: int, pagador: Pagador) -> Saldo:
        """Take `costo` calls from every window, if all have room; nothing is taken otherwise."""
        return self._preguntar(proveedor, costo, pagador, gasta=True)

    def mirar(self, proveedor: str, costo: int, pagador: Pagador) -> Saldo:
        """Would `costo` calls fit now? Nothing is taken."""
        return self._preguntar(proveedor, costo, pagador, gasta=False)

    def queda(self, proveedor: str) -> int | None:
        """Calls left to all in the tightest window; None: no budget. Raises RedisError."""
        ventanas = self._ventanas.get(proveedor)
        if not ventanas:
            return None
        with self._redis.pipeline(transaction=False) as tubo:
            for v in ventanas:
                tubo.hget(_clave(proveedor, v), "todos")
            gastadas = tubo.execute()
        return min(v.amount - int(n or 0) for v, n in zip(ventanas, gastadas, strict=True))

    def _preguntar(self, proveedor: str, costo: int, pagador: Pagador, *, gasta: bool) -> Saldo:
        presupuesto = self._presupuestos.get(proveedor)
        if presupuesto is None or (pagador.clave_propia and not presupuesto.por_direccion):
            return Saldo()
        ventanas = self._ventanas[proveedor]
        args: list[Any] = [int(gasta), costo, pagador.usuario_id, self._parte]
        for v in ventanas:
            libres = 0 if pagador.prisa else int(v.amount * RESERVA)
            args += [v.amount, v.get_expiry() * 1000, libres]
        try:
            espera_ms, de_uno = self._guion(keys=[_clave(proveedor, v) for v in ventanas], args=args)
        except RedisError:
            return Saldo()
        return Saldo(inf if espera_ms < 0 else espera_ms / 1000, bool(de_uno))


def _clave(proveedor: str, ventana: RateLimitItem) -> str:
    return f"{PREFIJO}gasto:{proveedor}:{ventana.get_expiry()}"
