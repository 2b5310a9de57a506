"""The tasks: a few lines each."""

from __future__ import annotations

from typing import Any

import structlog
from celery import signals

from shared import consultas
from shared.clima import TipoConsulta
from shared.cola import PROCESAR, Timbre
from worker.app import app, settings
from worker.proceso import Proceso

log = structlog.get_logger()


proceso = Proceso(settings)
timbre = Timbre(app)


@app.task(name=PROCESAR)
def procesar_consulta(consulta_id: int, cola: str) -> None:
    if cola == TipoConsulta.HISTORICO:
        proceso.procesar_justa()  # the doorbell says that there is work; whose turn it is, the table
    else:
        proceso.procesar(consulta_id)


@signals.worker_shutting_down.connect
def _parar(**_: Any) -> None:
    proceso.parar()


@app.task(name="tocar")
def tocar() -> None:
    """Ring for pendiente consultas whose doorbell was lost, or whose wait is over, while the queue has room."""
    for tipo in TipoConsulta:
        _tocar_cola(tipo)


@app.task(name="rescatar")
def rescatar() -> None:
    """Take back the consultas of workers that died."""
    ids = proceso.sesiones.hacer(consultas.rescatar)
    if ids:
        log.warning("consultas_rescatadas", consultas=ids)


def _tocar_cola(tipo: TipoConsulta) -> None:
    hueco = timbre.hueco(tipo)
    if hueco:
        for consulta_id in proceso.sesiones.hacer(lambda s: consultas.por_tocar(s, tipo, hueco)):
            timbre.tocar(consulta_id, tipo)
