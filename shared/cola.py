"""The doorbell: a message carries a consulta id and nothing else. Losing it, or getting it twice, changes nothing."""

from __future__ import annotations

from contextlib import suppress
from statistics import median
from time import monotonic
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
HILOS = 32  # of a worker process, unless its unit says otherwise
MUESTRAS = 20  # of how long the last ones took
DEMORAS_VALEN_S = 6 * 3600
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
        worker_concurrency=HILOS,
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


def anotar_fin(cliente: Redis, cola: str, clase: str, segundos: float) -> None:
    """Note how long a worker took over one that has ended, for `demora_s`. clase: of its kind, see clase_de."""
    with suppress(RedisError), cliente.pipeline(transaction=False) as tubo:
        for clave in (f"{PREFIJO}demoras:{cola}", f"{PREFIJO}demoras:{cola}:{clase}"):
            tubo.lpush(clave, f"{segundos:.3f}")
            tubo.ltrim(clave, 0, MUESTRAS - 1)
            tubo.expire(clave, DEMORAS_VALEN_S)
        tubo.execute()


def clase_de(resolucion: str | None, dias: int) -> str:
    """The kind of a consulta, as to how long it takes: alike are those of now, and those of about as many days."""
    return "ahora" if resolucion is None else f"{resolucion}:{dias.bit_length()}"


def demora_s(cliente: Redis, cola: str, clase: str, delante: int, queda: float = 1.0) -> float:
    """Seconds until one is done that has `delante` before it in its queue. queda: how much of itself is left, 0–1.

    Those before it are served by all the threads of the workers alive, in turns as long as what the queue did lately;
    its own time is that of its kind. 0 where nothing is known. Raises RedisError.
    """
    turno_s, propia_s = (_mediana(cliente, f"{PREFIJO}demoras:{que}") for que in (cola, f"{cola}:{clase}"))
    if delante < HILOS:
        return queda * propia_s  # some thread is free for it; nobody need be counted
    return vueltas(delante, trabajadores(cliente)) * turno_s + queda * propia_s


def vueltas(delante: int, procesos: int) -> int:
    """How many turns of all the threads pass before it is taken."""
    return delante // (HILOS * max(1, procesos))


def _mediana(cliente: Redis, clave: str) -> float:
    crudas: Any = cliente.lrange(clave, 0, -1)
    return median(map(float, crudas)) if crudas else 0.0
