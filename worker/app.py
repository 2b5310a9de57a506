"""The Celery app: `celery -A worker.app worker -Q tiempo_real,mantenimiento` and `celery -A worker.app beat`."""

from __future__ import annotations

import logging
from typing import Any

from celery import signals

from shared import registro
from shared.cola import crear_celery
from shared.settings import cargar
from worker.agenda import AGENDA
from worker.presencia import Presencia

settings = cargar()
app = crear_celery(settings)
app.set_current()
Presencia.url_redis = settings.url_redis  # not in app.conf, which Flower shows to whoever asks
app.conf.update(include=["worker.tareas"], beat_schedule=AGENDA)
app.steps["worker"].add(Presencia)


@signals.setup_logging.connect
def _registro(**_: Any) -> None:
    registro.configurar(settings)
    logging.getLogger("celery.beat").setLevel(logging.WARNING)
