"""The daily and monthly summaries (`resumenes`): what has ended is counted once, and what was counted is not again.

A summary grows through its day: `resumir` adds a stretch that begins where the last one ended, once everything
created in it has ended. A month whose days are all closed gets the sum of them. What no summary holds is for
shared/conteo.py to count, so that the figures are always those of the table.

Whoever changes a consulta that ended (`olvidar`) and whoever counts it lock in the same order: its row, the summary
of everybody, those of users. So they wait for each other and never both do it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import orjson
from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.calendario import UN_DIA, dias, medianoche, mes_siguiente
from shared.cifras import Cifras, cuantas, resta, sumar, vacias
from shared.conteo import TODOS, Tramo, contar_por_usuario
from shared.db import ahora
from shared.modelos import Consulta, Estado, Resumen

MARGEN_S = 60  # longer than an INSERT takes to reach the table: before it, every consulta is there to be seen
PASO_S = 60  # a shorter stretch is not worth a write, unless it ends the day
FILAS = 20_000  # consultas in one stretch, at most
ABIERTAS = [e for e in Estado if not e.final]


# --- writing ---------------------------------------------------------------------------------------------


def resumir(s: Session) -> bool:
    """Add one stretch to a day, or sum up a month, for all users at once. False: there was nothing to do.

    Two at once do no harm: the one that comes second writes nothing.
    """
    fechas: Select[datetime, datetime | None] = select(ahora(-MARGEN_S), func.min(Consulta.creada_en))
    limite, primera = s.execute(fechas).one()
    if primera is None:
        return False
    de_todos = select(Resumen.dia, Resumen.hasta).where(Resumen.usuario_id == TODOS, ~Resumen.mensual)
    hechos = dict(s.execute(de_todos).all())
    for dia in reversed(list(dias(primera.date(), limite.date()))):
        desde, fin = hechos.get(dia, medianoche(dia)), medianoche(dia + UN_DIA)
        corto = limite < fin and limite - desde < timedelta(seconds=PASO_S)
        hasta = desde if desde == fin or corto else _terminado_hasta(s, desde, min(fin, limite))
        if hasta > desde:
            return anadir(s, dia, (desde, hasta), primero=dia not in hechos)
    return _resumir_un_mes(s, primera.date(), hechos)


def olvidar(s: Session, consulta_id: int) -> None:
    """Undo the summaries that count this consulta; beat makes them again. Its row must be locked and not yet moved.

    Those of its day that were deleted since (shared/limpieza.py) cannot be counted again: they stay in a summary that
    begins anew.
    """
    orden = select(Consulta.usuario_id, Consulta.creada_en).where(Consulta.id == consulta_id)
    usuario_id, creada_en = s.execute(orden).one()
    dia = creada_en.date()
    del_dia = select(Resumen.hasta, Resumen.datos).where(*_de_todos(dia), Resumen.hasta > creada_en)
    if resumen := s.execute(del_dia.with_for_update()).one_or_none():
        tramo = (medianoche(dia), resumen.hasta)
        quedan = s.scalars(select(func.count()).where(*_creada_entre(*tramo))).one()
        if cuantas(resumen.datos) == quedan:
            s.execute(delete(Resumen).where(Resumen.usuario_id.in_((TODOS, usuario_id)), *_diario(dia)))
        else:
            _dejar_lo_borrado(s, dia, contar_por_usuario(s, tramo))
    suyos = (Resumen.usuario_id.in_((TODOS, usuario_id)), Resumen.dia == dia.replace(day=1), Resumen.mensual)
    s.execute(delete(Resumen).where(*suyos, Resumen.hasta > creada_en))


def contadas_hasta(s: Session, dias: set[date], *, sujetas: bool) -> dict[date, datetime]:
    """Until when each of these days is counted; days without a summary are not there.

    sujetas: held so until the commit, less those that somebody is changing. Who deletes consultas asks it with their
    rows locked.
    """
    orden = select(Resumen.dia, Resumen.hasta).where(Resumen.usuario_id == TODOS, ~Resumen.mensual)
    orden = orden.where(Resumen.dia.in_(dias)).with_hint(Resumen, "FORCE INDEX (PRIMARY)", "mysql")  # no user's row
    return dict(s.execute(orden.with_for_update(read=True, skip_locked=True) if sujetas else orden).all())


def _dejar_lo_borrado(s: Session, dia: date, vivas: dict[int, Cifras]) -> None:
    """Take what is there to be counted again out of the summaries of a day, which then counts from its beginning."""
    orden = select(Resumen.usuario_id, Resumen.datos).where(*_diario(dia))
    borradas = {u: resta(datos, vivas.get(u, {})) for u, datos in s.execute(orden)}
    s.execute(delete(Resumen).where(*_diario(dia)))
    _guardar(s, dia, medianoche(dia), {u: c for u, c in borradas.items() if u == TODOS or cuantas(c)}, mensual=False)


def _diario(dia: date) -> tuple[ColumnElement[bool], ...]:
    return Resumen.dia == dia, ~Resumen.mensual


def _de_todos(dia: date) -> tuple[ColumnElement[bool], ...]:
    return Resumen.usuario_id == TODOS, *_diario(dia)


def anadir(s: Session, dia: date, tramo: Tramo, *, primero: bool) -> bool:
    """Lock what is to be counted, claim the stretch, count it and add it. False: somebody was first, or not all ended.

    primero: the day has no summary yet.
    """
    abierta = func.max(case((Consulta.estado.in_(ABIERTAS), 1), else_=0))
    if s.scalar(select(abierta).where(*_creada_entre(*tramo)).with_for_update(read=True)):
        return False
    if not (_abrir(s, dia, tramo[1], mensual=False) if primero else _reclamar(s, dia, tramo)):
        return False
    por_usuario = contar_por_usuario(s, tramo)
    estos = (Resumen.dia == dia, ~Resumen.mensual, Resumen.usuario_id.in_(por_usuario))
    for usuario_id, datos in s.execute(select(Resumen.usuario_id, Resumen.datos).where(*estos)):
        sumar(por_usuario[usuario_id], datos)
    s.execute(delete(Resumen).where(*estos))
    _guardar(s, dia, tramo[1], por_usuario, mensual=False)
    return True


def _terminado_hasta(s: Session, desde: datetime, tope: datetime) -> datetime:
    """Until when, from `desde`, every consulta has ended; at most `tope`, and some FILAS of them."""
    tramo = _creada_entre(desde, tope)
    abierta = s.scalar(select(func.min(Consulta.creada_en)).where(*tramo, Consulta.estado.in_(ABIERTAS)))
    siguiente = s.scalar(select(Consulta.creada_en).where(*tramo).order_by(Consulta.creada_en).offset(FILAS).limit(1))
    if siguiente == desde:  # more than FILAS in one instant
        siguiente += timedelta(microseconds=1)
    return min(filter(None, (tope, abierta, siguiente)))


def _creada_entre(desde: datetime, hasta: datetime) -> tuple[ColumnElement[bool], ...]:
    return Consulta.creada_en >= desde, Consulta.creada_en < hasta


def _resumir_un_mes(s: Session, primero: date, hechos: dict[date, datetime]) -> bool:
    """The first month that has no summary and all its days, from `primero` on, have."""
    de_todos = select(Resumen.dia).where(Resumen.usuario_id == TODOS, Resumen.mensual)
    meses = set(s.scalars(de_todos))
    for mes in sorted({dia.replace(day=1) for dia in hechos} - meses):
        suyos = dias(max(mes, primero), mes_siguiente(mes) - UN_DIA)
        if all(hechos.get(dia) == medianoche(dia + UN_DIA) for dia in suyos):
            return sumar_mes(s, mes, {dia for dia in hechos if dia.replace(day=1) == mes})
    return False


def sumar_mes(s: Session, mes: date, suyos: set[date]) -> bool:
    """Sum up a month of these closed days. False: somebody was first, or undid one of them."""
    fin = mes_siguiente(mes)
    de_todos = select(Resumen.dia).where(Resumen.usuario_id == TODOS, *_del_mes(mes, fin))
    if set(s.scalars(de_todos.with_for_update(read=True))) != suyos or not _abrir(
        s, mes, medianoche(fin), mensual=True
    ):
        return False
    por_usuario: dict[int, Cifras] = defaultdict(vacias)
    for usuario_id, datos in s.execute(select(Resumen.usuario_id, Resumen.datos).where(*_del_mes(mes, fin))):
        sumar(por_usuario[usuario_id], datos)
    s.execute(delete(Resumen).where(Resumen.dia == mes, Resumen.mensual, Resumen.usuario_id == TODOS))
    _guardar(s, mes, medianoche(fin), por_usuario, mensual=True)
    return True


def _del_mes(mes: date, fin: date) -> tuple[ColumnElement[bool], ...]:
    return ~Resumen.mensual, Resumen.dia >= mes, Resumen.dia < fin


def _abrir(s: Session, dia: date, hasta: datetime, *, mensual: bool) -> bool:
    """Begin the summaries of a day or a month. Those of users that `olvidar` left orphaned go."""
    nueva = {"usuario_id": TODOS, "dia": dia, "mensual": mensual, "hasta": hasta, "datos": vacias()}
    try:
        with s.begin_nested():
            s.execute(insert(Resumen).values(nueva))
    except IntegrityError:
        return False
    s.execute(delete(Resumen).where(Resumen.dia == dia, Resumen.mensual == mensual, Resumen.usuario_id != TODOS))
    return True


def _reclamar(s: Session, dia: date, tramo: Tramo) -> bool:
    """Move `hasta` over the stretch, if nobody else did."""
    suya = (Resumen.usuario_id == TODOS, Resumen.dia == dia, ~Resumen.mensual, Resumen.hasta == tramo[0])
    orden = update(Resumen).where(*suya).values(hasta=tramo[1])
    resultado = s.execute(orden.execution_options(synchronize_session=False))
    return resultado.rowcount == 1  # type: ignore[attr-defined,no-any-return]


def _guardar(s: Session, dia: date, hasta: datetime, por_usuario: dict[int, Cifras], *, mensual: bool) -> None:
    comunes = {"dia": dia, "mensual": mensual, "hasta": hasta}
    s.execute(insert(Resumen), [{**comunes, "usuario_id": u, "datos": datos} for u, datos in por_usuario.items()])


# --- reading ---------------------------------------------------------------------------------------------


def leer(s: Session, usuario_id: int, desde: date, hasta: date) -> tuple[Cifras, dict[date, datetime]]:
    """What the summaries of these days hold of a user (or TODOS), and until when each day is summarised.

    Whole months by their own summary, the rest day by day.
    """
    total, contado = vacias(), dict[date, datetime]()
    fin = hasta + UN_DIA
    sueltos, libre = [], desde
    for mes, acaba, datos in _leidos(s, usuario_id, True, [(desde, fin)]):
        if acaba <= medianoche(fin):
            sumar(total, datos)
            contado |= {dia: medianoche(dia + UN_DIA) for dia in dias(mes, acaba.date() - UN_DIA)}
            sueltos.append((libre, mes))
            libre = acaba.date()
    sueltos.append((libre, fin))
    for dia, parte, datos in _leidos(s, usuario_id, False, [(a, b) for a, b in sueltos if a < b]):
        sumar(total, datos)
        contado[dia] = parte
    return total, contado


def _leidos(
    s: Session, usuario_id: int, mensual: bool, tramos: list[tuple[date, date]]
) -> Iterator[tuple[date, datetime, Cifras]]:
    """The summaries in these stretches of days (the last one not included), with what this user has of each."""
    if not tramos:
        return
    todos, suyos = Resumen.__table__.alias("todos"), Resumen.__table__.alias("suyos")
    union = and_(suyos.c.usuario_id == usuario_id, suyos.c.dia == todos.c.dia, suyos.c.mensual == todos.c.mensual)
    orden = select(todos.c.dia, todos.c.hasta, type_coerce(suyos.c.datos, String)).select_from(
        todos.outerjoin(suyos, union)
    )
    entre = or_(*(and_(todos.c.dia >= desde, todos.c.dia < hasta) for desde, hasta in tramos))
    orden = orden.where(todos.c.usuario_id == TODOS, todos.c.mensual == mensual, entre).order_by(todos.c.dia)
    for dia, hasta, datos in s.execute(orden):
        yield dia, hasta, orjson.loads(datos) if datos else {}
