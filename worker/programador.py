"""Programaciones at their time. Everything is claimed in the database: any number of these may run at once."""

from __future__ import annotations

from datetime import datetime
from time import monotonic

import structlog
from sqlalchemy.exc import OperationalError

from shared import ejecuciones, metricas
from shared.admision import DemasiadasActivas, Saturada
from shared.db import Sesiones
from shared.settings import Settings

log = structlog.get_logger()

LANZAR_S = 20  # then the next tick goes on


class Programador:
    def __init__(self, settings: Settings, sesiones: Sesiones) -> None:
        self._sesiones = sesiones
        self._topes = {"max_pendientes": settings.max_pendientes, "max_por_dia": settings.ejecuciones_por_dia}
        self._avisar = bool(settings.avisos_url.get_secret_value())

    def lanzar(self) -> None:
        """Run what is due, one transaction each. What does not fit, or in LANZAR_S, waits for a later tick.

        One that cannot be run, whatever is wrong with it, is no reason not to run the others.
        """
        if corregidas := self._sesiones.hacer(ejecuciones.corregir):
            log.warning("reloj_atrasado", programaciones=corregidas)
        fin, apartadas = monotonic() + LANZAR_S, set[int]()
        while monotonic() < fin:
            debidas = self._sesiones.hacer(lambda s: ejecuciones.debidas(s, apartadas))
            if not debidas:
                return
            for programacion_id, prevista_en in debidas:
                try:
                    self._lanzar(programacion_id, prevista_en)
                except Saturada:
                    log.warning("programaciones_sin_sitio", debidas=len(debidas))
                    return
                except DemasiadasActivas as e:  # this user's part is full; that of others may not be
                    log.warning("programacion_sin_sitio", programacion_id=programacion_id, esperan=e.activas)
                    apartadas.add(programacion_id)
                except OperationalError:  # nobody's fault but the database's
                    raise
                except Exception:
                    log.exception("programacion_rota", programacion_id=programacion_id)
                    apartadas.add(programacion_id)

    def cerrar(self) -> None:
        """End the runs whose consultas have all ended."""
        while terminadas := self._sesiones.hacer(lambda s: ejecuciones.cerrar(s, avisar=self._avisar)):
            for e in terminadas:
                log.info("ejecucion_terminada", programacion_id=e.programacion_id, ejecucion_id=e.id, estado=e.estado)

    def _lanzar(self, programacion_id: int, vista: datetime) -> None:
        ejecucion = self._sesiones.hacer(
            lambda s: ejecuciones.lanzar(s, programacion_id, vista, **self._topes, avisar=self._avisar)
        )
        if ejecucion is None:
            return
        metricas.aceptadas.labels("programacion").inc(ejecucion.total)
        log.info(
            "ejecucion_iniciada",
            programacion_id=programacion_id,
            ejecucion_id=ejecucion.id,
            lote_id=ejecucion.lote_id,
            atraso_s=round((ejecucion.iniciada_en - ejecucion.prevista_en).total_seconds(), 1),
            saltadas=ejecucion.saltadas,
        )
