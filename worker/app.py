"""The Celery app: `celery -A worker.app worker -Q tiempo_real,mantenimiento` and `celery -A worker.app beat`."""

from __future__ import annotations

import logging
from contextlib import suppress
from importlib import import_module
from typing import Any

import structlog
from celery import signals
from redis.exceptions import RedisError

from shared import metricas, registro
from shared.almacen import abrir
from shared.cola import crear_celery, latir
from shared.memoria import contener
from shared.settings import cargar
from worker.agenda import AGENDA
from worker.presencia import Presencia

log = structlog.get_logger()

settings = cargar()
metricas.preparar(settings.prometheus_multiproc_dir)
app = crear_celery(settings)
app.set_current()
Presencia.url_redis = settings.url_redis  # not in app.conf, which Flower shows to whoever asks
app.conf.update(beat_schedule=AGENDA)
app.steps["worker"].add(Presencia)


@signals.celeryd_init.connect
def _tareas(**_: Any) -> None:
    """Of a worker only: beat, Flower and `inspect` know tasks by name, and start in half the time without them."""
    import_module("worker.tareas")


@signals.beat_init.connect
def _latir(**_: Any) -> None:
    """What beat sends is its sign of life: one that ticks and cannot send does not count."""
    cliente = abrir(settings)

    @signals.after_task_publish.connect(weak=False)
    def _enviado(**_: Any) -> None:
        with suppress(RedisError):
            latir(cliente)


@signals.worker_init.connect
def _empezar(**_: Any) -> None:
    contener()
    if settings.metricas_escucha:
        try:
            metricas.servir(settings.metricas_escucha, settings.prometheus_multiproc_dir)
        except OSError as e:  # another worker of this machine was first; with the folder it tells ours too
            log.warning("metricas_sin_puerto", escucha=settings.metricas_escucha, error=e.strerror)


@signals.setup_logging.connect
def _registro(**_: Any) -> None:
    registro.configurar(settings)
    logging.getLogger("celery.beat").setLevel(logging.WARNING)
