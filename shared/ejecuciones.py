"""Ejecuciones: the runs of programaciones. Each due time is claimed in the database, so that it runs once.

    due ──lanzar──▶ en_curso ──cerrar──▶ completada | parcial | error

Beat asks for all of it every few seconds; two beats at once, or one killed in between, do each thing once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import cron, lotes, programaciones
from shared.admision import ACTIVAS, admitir, admitir_programadas
from shared.clima import Pedido
from shared.db import ahora, reloj
from shared.modelos import Aviso, Consulta, Ejecucion, Estado, EstadoEjecucion, Programacion, Rol, Usuario

RELOJ_ATRASADO_S = 60  # a clock set back by less changes nothing
AVISAR_OTRA_VEZ_S, AVISAR_HASTA_S = 60, 86_400
DEMASIADAS = "Ya hubo {} ejecuciones suyas ese día (UTC), el máximo. Espacie sus programaciones o borre alguna."
SIN_FAVORITAS = "No tenía ciudades favoritas. Guarde alguna, o indique los lugares en la programación."


class EnCurso(Exception):
    """Its last run has not ended."""


class SinLugares(Exception):
    """It is for the user's favourites, and there are none."""


class DemasiadasEjecuciones(Exception):
    """The user has had as many runs today as one may."""


# --- starting --------------------------------------------------------------------------------------------


def debidas(s: Session, menos: Collection[int] = (), limite: int = 100) -> list[tuple[int, datetime]]:
    """(programacion, due time) of those that are due, but `menos`, the longest overdue first.

    One whose last run still goes on waits for its end, and one whose user may not ask, for that.
    """
    orden = select(Programacion.id, Programacion.proxima_en).where(
        Programacion.proxima_en <= ahora(),
        Programacion.id.not_in(menos),
        de_quien_puede(),
        ~_en_curso(Programacion.id),
    )
    filas = s.execute(orden.order_by(Programacion.proxima_en).limit(limite)).all()
    return [(fila.id, fila.proxima_en) for fila in filas]


def lanzar(
    s: Session,
    programacion_id: int,
    vista: datetime,
    *,
    max_pendientes: int,
    max_por_dia: int = 1_000_000,
    avisar: bool = False,
) -> Ejecucion | None:
    """Run what was due at `vista`, and with it, once, whatever came due since. avisar: the ping URL is to hear of it.

    One without places, or of a user who has had max_por_dia runs today, is not run: an ejecucion in error says why, the
    first time of several. None: that had been said, another beat was first, the programacion was changed, or that due
    time has run already. Raises Saturada or DemasiadasActivas, and it stays due, while the installation, or the user's
    part of it, has no room for it.
    """
    p = programaciones.leer(s, programacion_id)
    if p is None:
        return None
    instante = reloj(s)
    prevista, saltadas = cron.vencidas(p.cron, p.zona_horaria, vista, instante)
    if not _adelantar(s, p, vista, instante):
        return None
    pedidos = programaciones.pedidos(s, p, instante)
    admitir_programadas(s, p.usuario_id, len(pedidos), max_pendientes=max_pendientes)
    motivo = None if pedidos else SIN_FAVORITAS
    if pedidos and _de_hoy(s, p.usuario_id, instante) >= max_por_dia:
        pedidos, motivo = [], DEMASIADAS.format(max_por_dia)
    if motivo and _dicho(s, p.id) == motivo:
        return None
    ejecucion = Ejecucion(programacion_id=p.id, prevista_en=prevista, saltadas=saltadas, motivo=motivo)
    return ejecucion if _iniciar(s, ejecucion, p, pedidos, avisar=avisar) else None


def ejecutar(
    s: Session,
    p: Programacion,
    *,
    max_activas: int,
    max_pendientes: int,
    max_por_dia: int = 1_000_000,
    avisar: bool = False,
) -> Ejecucion:
    """Run it now, due or not; when it is next due does not change.

    Raises EnCurso, SinLugares, DemasiadasEjecuciones, DemasiadasActivas and Saturada; nothing is written then.
    """
    s.execute(select(Programacion.id).where(Programacion.id == p.id).with_for_update())
    if s.scalar(select(_en_curso(p.id))):
        raise EnCurso
    instante = reloj(s)
    pedidos = programaciones.pedidos(s, p, instante)
    if not pedidos:
        raise SinLugares
    admitir(s, p.usuario_id, len(pedidos), max_activas=max_activas, max_pendientes=max_pendientes)
    if _de_hoy(s, p.usuario_id, instante) >= max_por_dia:
        raise DemasiadasEjecuciones
    ejecucion = Ejecucion(programacion_id=p.id, prevista_en=instante, manual=True)
    _iniciar(s, ejecucion, p, pedidos, avisar=avisar)
    return ejecucion


def corregir(s: Session) -> int:
    """After the database's clock was set back: work out anew what is due. Those that ran do not run again."""
    futuras = select(Programacion).where(Programacion.calculada_en > ahora(RELOJ_ATRASADO_S))
    return sum(_adelantar(s, p, p.proxima_en, reloj(s)) for p in s.scalars(futuras).all() if p.proxima_en)


def _adelantar(s: Session, p: Programacion, vista: datetime, instante: datetime) -> bool:
    """Claim: whoever moves proxima_en on from `vista` has the run."""
    orden = update(Programacion).where(Programacion.id == p.id, Programacion.proxima_en == vista)
    cambios = {
        "proxima_en": cron.siguiente(p.cron, p.zona_horaria, instante),
        "calculada_en": instante,
        "actualizada_en": Programacion.actualizada_en,
    }
    resultado = s.execute(orden.values(cambios).execution_options(synchronize_session=False))
    return bool(resultado.rowcount == 1)  # type: ignore[attr-defined]


def _de_hoy(s: Session, usuario_id: int, instante: datetime) -> int:
    """Runs of this user that were due since midnight (UTC)."""
    suyas = select(Programacion.id).where(Programacion.usuario_id == usuario_id)
    hoy = instante.replace(hour=0, minute=0, second=0, microsecond=0)
    orden = select(func.count()).where(Ejecucion.programacion_id.in_(suyas), Ejecucion.prevista_en >= hoy)
    return s.scalars(orden.where(Ejecucion.total > 0)).one()


def _dicho(s: Session, programacion_id: int) -> str | None:
    """Why its last run was not made; None: it was."""
    orden = select(Ejecucion.motivo).where(Ejecucion.programacion_id == programacion_id)
    return s.scalars(orden.order_by(Ejecucion.id.desc()).limit(1)).one_or_none()


def _iniciar(s: Session, ejecucion: Ejecucion, p: Programacion, pedidos: list[Pedido], *, avisar: bool) -> bool:
    """Write the run and its lote; without pedidos, in error. False: that due time has run already."""
    ejecucion.total = len(pedidos)
    ejecucion.estado = EstadoEjecucion.EN_CURSO if pedidos else EstadoEjecucion.ERROR
    if avisar:
        ejecucion.aviso, ejecucion.avisar_en = (Aviso.INICIO if pedidos else Aviso.FIN), reloj(s)
    if not pedidos:
        ejecucion.terminada_en = reloj(s)
    try:
        with s.begin_nested():
            s.add(ejecucion)
    except IntegrityError:
        return False
    if pedidos:
        ejecucion.lote_id = lotes.crear_programado(s, p.usuario_id, pedidos, p.id).id
        s.flush()
    s.refresh(ejecucion)
    return True


def de_quien_puede() -> ColumnElement[bool]:
    """That the programacion's user may create consultas."""
    pueden = select(Usuario.id).where(Usuario.activo.is_(True), Usuario.rol != Rol.CONSULTOR)
    return Programacion.usuario_id.in_(pueden)


def _en_curso(programacion_id: Any) -> ColumnElement[bool]:
    return exists().where(Ejecucion.programacion_id == programacion_id, Ejecucion.estado == EstadoEjecucion.EN_CURSO)


# --- ending ----------------------------------------------------------------------------------------------


def cerrar(s: Session, *, avisar: bool = False, limite: int = 100) -> list[Ejecucion]:
    """End the runs whose consultas have all ended, with their counts; returns those that this call ended."""
    quedan = exists().where(Consulta.lote_id == Ejecucion.lote_id, Consulta.estado.in_(ACTIVAS))
    acabadas = select(Ejecucion).where(Ejecucion.estado == EstadoEjecucion.EN_CURSO, ~quedan).limit(limite)
    return [e for e in s.scalars(acabadas).all() if _cerrar(s, e, avisar=avisar)]


def cuentas(s: Session, lotes: Iterable[int | None]) -> dict[int, dict[str, int]]:
    """How the consultas of these lotes have ended so far: completadas, parciales, errores. All lotes are there."""
    suma = {lote_id: {"completadas": 0, "parciales": 0, "errores": 0} for lote_id in lotes if lote_id is not None}
    grupos = (Consulta.lote_id, Consulta.estado, Consulta.parcial)
    for lote_id, estado, parcial, cuantas in s.execute(
        select(*grupos, func.count())
        .where(Consulta.lote_id.in_(suma), Consulta.estado.not_in(ACTIVAS))
        .group_by(*grupos)
    ):
        como = "errores" if estado == Estado.ERROR else "parciales" if parcial else "completadas"
        suma[lote_id or 0][como] += cuantas
    return suma


def _cerrar(s: Session, e: Ejecucion, *, avisar: bool) -> bool:
    fin = cuentas(s, [e.lote_id])[e.lote_id or 0]
    estado = EstadoEjecucion.COMPLETADA
    if fin["completadas"] < e.total:
        estado = EstadoEjecucion.PARCIAL if fin["completadas"] + fin["parciales"] else EstadoEjecucion.ERROR
    aviso = {"aviso": Aviso.FIN, "avisar_en": ahora()} if avisar else {}
    orden = update(Ejecucion).where(Ejecucion.id == e.id, Ejecucion.estado == EstadoEjecucion.EN_CURSO)
    resultado = s.execute(orden.values(estado=estado, terminada_en=ahora(), **fin, **aviso))
    s.refresh(e)
    return bool(resultado.rowcount == 1)  # type: ignore[attr-defined]


# --- telling the ping URL --------------------------------------------------------------------------------


def por_avisar(s: Session, limite: int = 20) -> list[Ejecucion]:
    """Runs of which the ping URL has to hear; each is claimed for a minute as it is returned.

    News that is a day old is told to nobody any more.
    """
    reciente = func.coalesce(Ejecucion.terminada_en, Ejecucion.iniciada_en) > ahora(-AVISAR_HASTA_S)
    orden = select(Ejecucion).where(Ejecucion.avisar_en <= ahora(), reciente).order_by(Ejecucion.avisar_en)
    ejecuciones = list(s.scalars(orden.limit(limite).with_for_update(skip_locked=True)))
    ids = [e.id for e in ejecuciones]
    if ids:
        s.execute(update(Ejecucion).where(Ejecucion.id.in_(ids)).values(avisar_en=ahora(AVISAR_OTRA_VEZ_S)))
    return ejecuciones


def avisada(s: Session, ejecucion: Ejecucion) -> None:
    """It heard what `ejecucion` had to say; its end, if that has come meanwhile, is still to be told."""
    orden = update(Ejecucion).where(Ejecucion.id == ejecucion.id, Ejecucion.aviso == ejecucion.aviso)
    s.execute(orden.values(aviso=None, avisar_en=None))


# --- reading ---------------------------------------------------------------------------------------------


def seleccionar(programacion_id: int) -> Select[Ejecucion]:
    """The runs of a programacion, newest first."""
    return select(Ejecucion).where(Ejecucion.programacion_id == programacion_id).order_by(Ejecucion.id.desc())


def ultimas(s: Session, de: list[int]) -> list[Ejecucion]:
    """The last run of each of these programaciones that has one."""
    ids = select(func.max(Ejecucion.id)).where(Ejecucion.programacion_id.in_(de)).group_by(Ejecucion.programacion_id)
    return list(s.scalars(select(Ejecucion).where(Ejecucion.id.in_(ids))))
