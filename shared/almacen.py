"""Redis for what may be lost: a client that gives up at once and stays quiet for a while when Redis is not there.

redis-py retries with growing waits by default; a consulta must not wait for a counter or a cache.
"""

from __future__ import annotations

from time import monotonic
from typing import Any, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as SinRedis
from redis.exceptions import TimeoutError as RedisMudo
from redis.retry import Retry

from shared.settings import Settings

SILENCIO_S = 3.0
ESPERA_S = 1.0
SIN_REINTENTOS = Retry(NoBackoff(), 0)
OPCIONES: dict[str, Any] = {"socket_timeout": ESPERA_S, "socket_connect_timeout": ESPERA_S, "retry": SIN_REINTENTOS}


class RedisPrudente(Redis):
    """After a connection error or a timeout, raises at once for SILENCIO_S instead of making the next caller wait."""

    _callado_hasta = 0.0

    def execute_command(self, *args: Any, **options: Any) -> Any:
        self._comprobar()
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except (SinRedis, RedisMudo):
            self._callado_hasta = monotonic() + SILENCIO_S
            raise

    def pipeline(self, transaction: Any = True, shard_hint: Any = None) -> Any:
        self._comprobar()
        return super().pipeline(transaction, shard_hint)

    def _comprobar(self) -> None:
        if monotonic() < self._callado_hasta:
            raise SinRedis("Redis did not answer a moment ago")


def abrir(settings: Settings) -> RedisPrudente:
    """Connects at the first command."""
    cliente: Any = RedisPrudente.from_url(settings.url_redis, **OPCIONES)
    return cast("RedisPrudente", cliente)


def reloj_s(redis: Redis) -> float:
    """Redis's clock, in Unix seconds: the one clock that all workers share here. Raises RedisError."""
    respuesta: Any = redis.time()
    return float(respuesta[0]) + float(respuesta[1]) / 1e6
