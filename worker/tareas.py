"""The tasks: a few lines each."""

from __future__ import annotations

import structlog

from shared import consultas
from shared.clima import TipoConsulta
from shared.cola import PROCESAR, Timbre
from worker.app import app, settings
from worker.proceso import Proceso

log = structlog.get_logger()


proceso = Proceso(settings)
timbre = Timbre(app)


@app.task(name=PROCESAR)
def procesar_consulta(consulta_id: int) -> None:
    proceso.procesar(consulta_id)


@app.task(name="tocar")
def tocar() -> None:
    """Ring for pendiente consultas whose doorbell was lost, or whose wait is over, while the queue has room."""
    for tipo in TipoConsulta:
        hueco = timbre.hueco(tipo)
        if hueco:
            with proceso.sesiones.transaccion() as s:
                ids = consultas.por_tocar(s, tipo, hueco)
            for consulta_id in ids:
                timbre.tocar(consulta_id, tipo)


@app.task(name="rescatar")
def rescatar() -> None:
    """Take back the consultas of workers that died."""
    with proceso.sesiones.transaccion() as s:
        ids = consultas.rescatar(s)
    if ids:
        log.warning("consultas_rescatadas", consultas=ids)
