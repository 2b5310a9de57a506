"""The tasks: a few lines each."""

from __future__ import annotations

from time import monotonic
from typing import Any

import structlog
from celery import signals

from shared import api_keys, consultas, limpieza, metricas, resumenes
from shared.clima import TipoConsulta
from shared.cola import PROBAR, PROCESAR, Timbre
from worker.app import app, settings
from worker.avisos import Avisador
from worker.proceso import Proceso
from worker.programador import Programador
from worker.pruebas import Probador

log = structlog.get_logger()

RESUMIR_S = 20  # of the 300 between two beats
LIMPIAR_S = 20  # of the 600

proceso = Proceso(settings)
probador = Probador(settings, proceso.sesiones, proceso.preguntador)
programador = Programador(settings, proceso.sesiones)
avisador = Avisador(settings, proceso.sesiones)
timbre = Timbre(app)


@app.task(name=PROCESAR)
def procesar_consulta(consulta_id: int, cola: str) -> None:
    if cola == TipoConsulta.HISTORICO:
        proceso.procesar_justa()  # the doorbell says that there is work; whose turn it is, the table
    else:
        proceso.procesar(consulta_id)


@app.task(name=PROBAR)
def probar_clave(clave_id: int) -> None:
    probador.probar(clave_id)


@signals.task_prerun.connect
def _nombrar(task_id: str, **_: Any) -> None:
    """From here on every line of this thread's log says which task it is of."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(id_tarea=task_id)


@signals.worker_shutting_down.connect
def _parar(**_: Any) -> None:
    proceso.parar()


@app.task(name="tocar")
def tocar() -> None:
    """Ring for what waits and was not heard: consultas, while their queue has room, and checks of keys."""
    for cola in TipoConsulta:
        _tocar_cola(cola)
    for clave_id in proceso.sesiones.hacer(api_keys.por_probar):
        timbre.probar(clave_id)


@app.task(name="rescatar")
def rescatar() -> None:
    """Take back the consultas of workers that died."""
    ids = proceso.sesiones.hacer(consultas.rescatar)
    if ids:
        metricas.reparaciones.labels("rescatada").inc(len(ids))
        log.warning("consultas_rescatadas", consultas=ids)


@app.task(name="resumir")
def resumir() -> None:
    """Count what has ended into the daily summaries of reportes; long arrears are left to the next beats."""
    fin = monotonic() + RESUMIR_S
    while proceso.sesiones.hacer(resumenes.resumir) and monotonic() < fin:
        pass


@app.task(name="programar")
def programar() -> None:
    """Start the programaciones that are due, and end the runs whose consultas have all ended."""
    programador.lanzar()
    programador.cerrar()


@app.task(name="avisar")
def avisar() -> None:
    """Tell the ping URL what it has not heard."""
    avisador.avisar()


@app.task(name="limpiar")
def limpiar() -> None:
    """Delete what is older than its RETENCION_…; long arrears are left to the next beats, or to `climaguru limpiar`."""
    if hechas := limpieza.un_rato(proceso.sesiones, settings, LIMPIAR_S):
        log.info("limpieza", **hechas)


def _tocar_cola(cola: TipoConsulta) -> None:
    hueco = timbre.hueco(cola)
    if hueco:
        for consulta_id in proceso.sesiones.hacer(lambda s: consultas.por_tocar(s, cola, hueco)):
            timbre.tocar(consulta_id, cola)
            metricas.reparaciones.labels("tocada").inc()
