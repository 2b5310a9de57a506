"""Each worker process says every few seconds that it is alive, for /health/ready."""

from __future__ import annotations

from typing import Any

import structlog
from celery import bootsteps
from redis.exceptions import RedisError

from shared.almacen import OPCIONES, RedisPrudente
from shared.cola import PRESENCIA_S, anunciar

log = structlog.get_logger()


class Presencia(bootsteps.StartStopStep):
    requires = ("celery.worker.components:Timer",)
    url_redis = ""

    def __init__(self, parent: Any, **_: Any) -> None:
        self._cliente = RedisPrudente.from_url(self.url_redis, **OPCIONES)
        self._reloj: Any = None

    def start(self, parent: Any) -> None:
        self._reloj = parent.timer.call_repeatedly(PRESENCIA_S / 3, self._decir, (parent.hostname,))
        self._decir(parent.hostname)

    def stop(self, parent: Any) -> None:
        if self._reloj is not None:
            self._reloj.cancel()

    def _decir(self, trabajador: str) -> None:
        try:
            anunciar(self._cliente, trabajador)
        except RedisError as e:
            log.warning("presencia_sin_redis", error=type(e).__name__)
