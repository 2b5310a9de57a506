"""What retention deletes, and when. shared/limpieza.py does it.

A table whose age stands in an indexed instant is one more line in CLASES, and a setting or DIAS_SIN_AJUSTE.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, aliased

from shared.db import ahora
from shared.modelos import (
    Consulta,
    Ejecucion,
    Estado,
    EstadoEjecucion,
    LogActividad,
    Lote,
    Pasado,
    Respuesta,
    Serie,
    Sesion,
)
from shared.settings import Settings

DIAS_SIN_AJUSTE = 1
DIA_S = 86_400
FINALES = [e for e in Estado if e.final]
ABIERTAS = [e for e in Estado if not e.final]
Columna = InstrumentedAttribute[Any]
Condicion = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Clase:
    """A kind of row. It goes once `fin` is older than its setting, and `si` holds.

    ajuste: that setting, in days; None: DIAS_SIN_AJUSTE. clave: the primary key. orden: an indexed instant, never later
    than fin, by which rows are found. pieza: a column that refers to clave; its rows go, and those of clave stay.
    pesan: columns that refer to clave, whose rows go with it. contada: not before its summary counts it. aparte: by the
    user of RETENCION_DATABASE_URL, if there is one, since the application's may only add rows.
    """

    nombre: str
    ajuste: str | None
    clave: Columna
    orden: Columna
    fin: Columna
    si: Callable[[Settings], Condicion] = lambda _: true()
    pieza: Columna | None = None
    pesan: tuple[Columna, ...] = ()
    contada: bool = False
    aparte: bool = False

    def dias(self, settings: Settings) -> int:
        """0: kept for ever."""
        return getattr(settings, self.ajuste) if self.ajuste else DIAS_SIN_AJUSTE

    def limite(self, settings: Settings) -> ahora:
        """What ended before it is old enough, by the database's clock."""
        return hace(self.dias(settings))

    def sobra(self, settings: Settings) -> Condicion:
        return and_(self.fin < self.limite(settings), self.si(settings))


def hace(dias: int) -> ahora:
    return ahora(-dias * DIA_S)


def _terminada(_: Settings) -> Condicion:
    """It ended, and so did the run that asked for it."""
    corre = select(1).where(Ejecucion.lote_id == Consulta.lote_id, Ejecucion.estado == EstadoEjecucion.EN_CURSO)
    return and_(Consulta.estado.in_(FINALES), ~corre.exists())


def _sin_uso(settings: Settings) -> Condicion:
    """A second attempt would keep an answer in part: its respuestas stay as long as its series."""
    entera = or_(Consulta.estado == Estado.ERROR, Consulta.parcial.is_(False))
    vieja = [Consulta.completada_en < hace(settings.retencion_series_dias)] if settings.retencion_series_dias else []
    return and_(_terminada(settings), or_(entera, *vieja))


def _vacio(_: Settings) -> Condicion:
    suyas = select(1).where(Consulta.lote_id == Lote.id)
    corre = select(1).where(Ejecucion.lote_id == Lote.id, Ejecucion.estado == EstadoEjecucion.EN_CURSO)
    return and_(~suyas.exists(), ~corre.exists())


def _acabada(_: Settings) -> Condicion:
    """It ended, none of its consultas is being asked again, and its programacion has run since: the last run stays."""
    abierta = select(1).where(Consulta.lote_id == Ejecucion.lote_id, Consulta.estado.in_(ABIERTAS))
    otra = aliased(Ejecucion)
    despues = select(1).where(
        otra.programacion_id == Ejecucion.programacion_id, otra.prevista_en > Ejecucion.prevista_en
    )
    return and_(Ejecucion.estado != EstadoEjecucion.EN_CURSO, ~abierta.exists(), despues.exists())


CLASES = (
    Clase(
        "consultas",
        "retencion_consultas_dias",
        Consulta.id,
        Consulta.creada_en,
        Consulta.completada_en,
        si=_terminada,
        pesan=(Serie.consulta_id, Respuesta.consulta_id),
        contada=True,
    ),
    Clase(
        "series",
        "retencion_series_dias",
        Consulta.id,
        Consulta.creada_en,
        Consulta.completada_en,
        si=_terminada,
        pieza=Serie.consulta_id,
    ),
    Clase(
        "respuestas",
        "retencion_respuestas_dias",
        Consulta.id,
        Consulta.creada_en,
        Consulta.completada_en,
        si=_sin_uso,
        pieza=Respuesta.consulta_id,
    ),
    Clase("lotes", "retencion_lotes_dias", Lote.id, Lote.creado_en, Lote.creado_en, si=_vacio),
    Clase(
        "ejecuciones",
        "retencion_ejecuciones_dias",
        Ejecucion.id,
        Ejecucion.terminada_en,
        Ejecucion.terminada_en,
        si=_acabada,
    ),
    Clase("pasado", "retencion_pasado_dias", Pasado.id, Pasado.guardado_en, Pasado.guardado_en),
    Clase("sesiones", None, Sesion.id, Sesion.expira_en, Sesion.expira_en),
    Clase("logs", "retencion_logs_dias", LogActividad.id, LogActividad.creado_en, LogActividad.creado_en, aparte=True),
)
