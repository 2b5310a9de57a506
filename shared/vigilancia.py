"""What tells that queues grow or that batches stopped running: for /health/ready, /metrics and the alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.admision import ACTIVAS
from shared.clima import TipoConsulta
from shared.db import ahora, ms_desde, ms_entre
from shared.ejecuciones import de_quien_puede
from shared.modelos import Consulta, Ejecucion, Estado, EstadoEjecucion, Programacion

ATRASO_S = 300  # a run that has not begun by then is late; until then it is only about to begin
VENTANA_S = 86_400


@dataclass(frozen=True, slots=True)
class Vigilancia:
    """activas: programaciones; atrasadas: those due for more than ATRASO_S; atraso_s: the longest of them, or 0.

    Of the runs that ended in the last VENTANA_S: how many by estado, their consultas by how they ended, the longest
    wait between due and begun, and the longest from begun to ended, in seconds.
    """

    activas: int
    atrasadas: int
    atraso_s: float
    en_curso: int
    ejecuciones: dict[str, int]
    consultas: dict[str, int]
    atraso_maximo_s: float
    duracion_maxima_s: float


def programaciones(s: Session) -> Vigilancia:
    fines = ("completadas", "parciales", "errores")
    sumas: list[Any] = [func.sum(getattr(Ejecucion, como)) for como in fines]
    atraso: Any = func.max(ms_entre(Ejecucion.prevista_en, Ejecucion.iniciada_en))
    duracion: Any = func.max(ms_entre(Ejecucion.iniciada_en, Ejecucion.terminada_en))
    recientes = select(Ejecucion.estado, func.count(), atraso, duracion, *sumas)
    recientes = recientes.where(Ejecucion.terminada_en > ahora(-VENTANA_S)).group_by(Ejecucion.estado)
    filas = s.execute(recientes).all()
    cuantas: dict[Any, int] = {fila[0]: fila[1] for fila in filas}
    en_curso = select(func.count()).where(Ejecucion.estado == EstadoEjecucion.EN_CURSO)
    terminadas = [e for e in EstadoEjecucion if e != EstadoEjecucion.EN_CURSO]
    activas, atrasadas, atraso_ms = _atrasos(s)
    return Vigilancia(
        activas=activas,
        atrasadas=atrasadas,
        atraso_s=atraso_ms / 1000,
        en_curso=s.scalars(en_curso).one(),
        ejecuciones={estado.value: cuantas.get(estado, 0) for estado in terminadas},
        consultas={como: sum(int(fila[4 + n]) for fila in filas) for n, como in enumerate(fines)},
        atraso_maximo_s=max((fila[2] for fila in filas), default=0) / 1000,
        duracion_maxima_s=max((fila[3] for fila in filas), default=0) / 1000,
    )


@dataclass(frozen=True, slots=True)
class Colas:
    """By queue: how many wait, how many are being worked on, and seconds that the oldest that waits has waited."""

    pendientes: dict[str, int]
    procesando: dict[str, int]
    edad_s: dict[str, float]


def colas(s: Session) -> Colas:
    orden = select(Consulta.estado, Consulta.cola, func.count()).where(Consulta.estado.in_(ACTIVAS))
    cuantas: dict[Any, int] = {(e, c): n for e, c, n in s.execute(orden.group_by(Consulta.estado, Consulta.cola))}
    return Colas(
        {c.value: cuantas.get((Estado.PENDIENTE, c), 0) for c in TipoConsulta},
        {c.value: cuantas.get((Estado.PROCESANDO, c), 0) for c in TipoConsulta},
        {c.value: _edad_s(s, c) for c in TipoConsulta},
    )


def _edad_s(s: Session, cola: TipoConsulta) -> float:
    edad: Any = func.max(ms_desde(Consulta.creada_en))
    return (s.scalar(select(edad).where(Consulta.estado == Estado.PENDIENTE, Consulta.cola == cola)) or 0) / 1000


def _atrasos(s: Session) -> tuple[int, int, int]:
    """Programaciones that should run, those that are late, and by how many milliseconds the latest of them."""
    tocan = select(func.count()).where(Programacion.proxima_en.is_not(None), de_quien_puede())
    atraso: Any = func.max(ms_desde(Programacion.proxima_en))
    tarde = select(func.count(), atraso).where(Programacion.proxima_en < ahora(-ATRASO_S), de_quien_puede())
    atrasadas, atraso_ms = s.execute(tarde).one()
    return s.scalars(tocan).one(), atrasadas, atraso_ms or 0
