"""The doorbell: a message carries a consulta id and nothing else. Losing it, or getting it twice, changes nothing."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic, time
from typing import Any

import structlog
from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from shared.almacen import reloj_s
from shared.settings import Settings

PROCESAR = "procesar_consulta"
PROBAR = "probar_clave"
TOCAR = "tocar"
MANTENIMIENTO = "mantenimiento"
COLAS = ("tiempo_real", "historico", MANTENIMIENTO)
PREFIJO = "cg:"
SILENCIO_S = 5.0
PRESENCIA_S = 15
LARGO_MAXIMO = 500  # messages the sweep lets stand in a queue; the rest wait in the database

log = structlog.get_logger()


def crear_celery(settings: Settings) -> Celery:
    """The Celery app, for those who publish and for those who work.

    Threads, because the work is waiting; early acknowledgement and no result backend, because the database
    is the truth and its sweep the recovery; no retry limit towards the broker, so that an outage ends no worker.
    """
    app = Celery("climaguru", set_as_current=False)
    app.conf.update(
        broker_url=settings.url_broker,
        result_backend=None,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_queues=[Queue(nombre) for nombre in COLAS],
        task_default_queue=MANTENIMIENTO,
        task_acks_late=False,
        worker_pool="threads",
        worker_concurrency=32,
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_pool_limit=32,
        broker_transport_options=_opciones_redis(),
        task_publish_retry_policy={
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0.2,
            "interval_max": 0.5,
        },
        timezone="UTC",
        enable_utc=True,
    )
    return app


def _opciones_redis() -> dict[str, Any]:
    return {
        "visibility_timeout": 300,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "max_connections": 200,
        "socket_timeout": 5,  # must stay above the 1 s of BRPOP
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "global_keyprefix": PREFIJO,
    }


class Timbre:
    """Rings for consultas. A dead broker is a log line: the sweep rings again when it is back."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._callado_hasta = 0.0

    def tocar(self, consulta_id: int, cola: str) -> bool:
        """Ring once, after the commit. False if the broker did not take it.

        After a failure it keeps silent for a few seconds, so that a hung broker does not slow every request.
        """
        return self._enviar(PROCESAR, [consulta_id, cola], cola)

    def tocar_debidas(self) -> bool:
        """Ring once for all that is due: one message has the sweep ring for each."""
        return self._enviar(TOCAR, [], MANTENIMIENTO)

    def probar(self, clave_id: int) -> bool:
        """Ring for a check of a user's key; as tocar."""
        return self._enviar(PROBAR, [clave_id], MANTENIMIENTO)

    def _enviar(self, tarea: str, argumentos: list[Any], cola: str) -> bool:
        if monotonic() < self._callado_hasta:
            return False
        try:
            self._app.send_task(tarea, args=argumentos, queue=cola)
        except (OperationalError, RedisError, OSError) as e:
            self._callado_hasta = monotonic() + SILENCIO_S
            log.warning("timbre_sin_broker", tarea=tarea, argumentos=argumentos, error=type(e).__name__)
            return False
        return True

    def hueco(self, cola: str) -> int:
        """How many more messages the queue should hold; 0 also when the broker does not answer."""
        try:
            conexiones: Any = self._app.pool
            with conexiones.acquire(block=True) as conexion:
                return max(0, LARGO_MAXIMO - int(conexion.default_channel.client.llen(cola)))
        except (OperationalError, RedisError, OSError):
            return 0


def anunciar(cliente: Redis, trabajador: str) -> None:
    """A worker says it is alive; forgotten after PRESENCIA_S without another word."""
    cliente.set(f"{PREFIJO}trabajador:{trabajador}", "1", ex=PRESENCIA_S)


def trabajadores(cliente: Redis) -> int:
    """How many worker processes are alive. Raises RedisError."""
    return sum(1 for _ in cliente.scan_iter(f"{PREFIJO}trabajador:*", count=1000))


def latir(cliente: Redis) -> None:
    """Beat says that it has just sent something."""
    cliente.set(f"{PREFIJO}latido", str(reloj_s(cliente)))


def silencio_s(cliente: Redis) -> float | None:
    """Seconds since beat last sent something; None: never, or Redis was emptied. Raises RedisError."""
    latido: Any = cliente.get(f"{PREFIJO}latido")
    return None if latido is None else max(0.0, reloj_s(cliente) - float(latido))


def anotar_fin(cliente: Redis, cola: str) -> None:
    """Count one consulta that ended, for `ritmo`."""
    clave = f"{PREFIJO}ritmo:{cola}:{int(time() // 60)}"
    with suppress(RedisError), cliente.pipeline(transaction=False) as tubo:
        tubo.incr(clave)
        tubo.expire(clave, 180)
        tubo.execute()


def ritmo(cliente: Redis, cola: str) -> float:
    """Consultas of this queue that ended per second, over the last one to two minutes. Raises RedisError."""
    minuto = int(time() // 60)
    cuentas: Any = cliente.mget(f"{PREFIJO}ritmo:{cola}:{m}" for m in (minuto - 1, minuto))
    return sum(int(c or 0) for c in cuentas) / (60 + time() % 60)
