"""Who waits for a consulta is told when it changes: a Redis channel, rung after each commit.

A lost message costs a few seconds, never an answer: those who wait look again by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import uniform
from threading import Event, Lock, Thread
from time import monotonic, sleep
from typing import Any

import structlog
from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError
from sqlalchemy import event
from sqlalchemy.orm import Session

from shared.cola import PREFIJO, SILENCIO_S

log = structlog.get_logger()

CANAL = f"{PREFIJO}cambios"
MIRAR_CADA_S = 5.0  # about how long a lost message may cost
CLAVE = "consultas_cambiadas"  # in Session.info


def cambio(s: Session, consulta_id: int) -> None:
    """Note that this transaction changes a consulta; Avisos tells so once it is committed."""
    s.info.setdefault(CLAVE, set()).add(consulta_id)


def hasta_mirar_s() -> float:
    """Seconds to wait before looking unasked; never the same, so that those who came together do not look together."""
    return uniform(0.6, 1.4) * MIRAR_CADA_S


class Avisos:
    """Publishes what committed transactions changed. A Redis that is down is left alone for a few seconds."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._callado_hasta = 0.0

    def vigilar(self, sesiones: Callable[..., Session] | type[Session]) -> None:
        """Publish after each commit of these sessions (a sessionmaker, or a scoped_session)."""
        event.listen(sesiones, "after_commit", self._publicar)
        event.listen(sesiones, "after_soft_rollback", lambda s, _: s.info.pop(CLAVE, None))

    def _publicar(self, s: Session) -> None:
        ids = s.info.pop(CLAVE, ())
        if not ids or monotonic() < self._callado_hasta:
            return
        try:
            self._redis.publish(CANAL, ",".join(map(str, ids)))
        except RedisError as e:
            self._callado_hasta = monotonic() + SILENCIO_S
            log.warning("avisos_sin_redis", error=type(e).__name__)


class Escucha:
    """One subscription for all who wait in this process; started by the first of them."""

    def __init__(self, abrir: Callable[[], Redis]) -> None:
        self._abrir = abrir
        self._cerrojo = Lock()
        self._esperan: dict[int, set[Event]] = {}
        self._hilo: Thread | None = None

    def apuntar(self, consulta_id: int) -> Event:
        """An Event that is set when the consulta may have changed. Give it back with `borrar`."""
        suceso = Event()
        with self._cerrojo:
            self._esperan.setdefault(consulta_id, set()).add(suceso)
            if self._hilo is None:
                self._hilo = Thread(target=self._escuchar, name="cambios", daemon=True)
                self._hilo.start()
        return suceso

    def borrar(self, consulta_id: int, suceso: Event) -> None:
        with self._cerrojo:
            quedan = self._esperan.get(consulta_id, set())
            quedan.discard(suceso)
            if not quedan:
                self._esperan.pop(consulta_id, None)

    def _escuchar(self) -> None:
        while True:
            canal: Any = PubSub(self._abrir().connection_pool, ignore_subscribe_messages=True)
            with suppress(RedisError, OSError), canal:
                canal.subscribe(CANAL)
                self._despertar(None)  # whatever happened while we were deaf
                while True:
                    mensaje = canal.get_message(timeout=30)
                    if mensaje:
                        self._despertar([int(i) for i in mensaje["data"].split(b",")])
            sleep(1)

    def _despertar(self, ids: list[int] | None) -> None:
        """Wake those who wait for these consultas; None: everybody."""
        with self._cerrojo:
            for consulta_id in list(self._esperan) if ids is None else ids:
                for suceso in self._esperan.get(consulta_id, ()):
                    suceso.set()
