"""Retention: what ended longer ago than its setting says goes, a small batch and a short transaction at a time.

Nothing young or unfinished ever goes, nor a consulta that the daily summaries of reportes do not count yet. A batch is
found by an index without locks; then its rows are locked by primary key, judged again and deleted by primary key. What
somebody else holds is left for another time. So it may be killed at any point, and two at once do no harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from itertools import accumulate
from time import monotonic, sleep
from typing import Any, NamedTuple

import structlog
from sqlalchemy import bindparam, delete, func, or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared import resumenes
from shared.db import Sesiones, crear_motor, sin_permiso
from shared.retencion import CLASES, Clase
from shared.settings import Settings

log = structlog.get_logger()

TANDA = 500  # rows in one transaction, the pieces of historicos that go with them included: 12 MB at the very most
POR_CLAVE = "FORCE INDEX (PRIMARY)"
DESCANSO = 1.0  # times as long as the batch before took: half of the time is everybody else's
DESCANSO_MAXIMO_S = 2.0
SIN_PERMISO = "La base de datos no deja borrar esto a quien lo intenta: "
QUE_HACER = SIN_PERMISO + "repita «climaguru db upgrade» con el usuario que migra, que da los permisos."
QUE_HACER_APARTE = (
    SIN_PERMISO + "ponga en RETENCION_DATABASE_URL la URL de climaguru_retencion, el usuario que crea "
    "deploy/mysql/preparar.sh y al que «climaguru db upgrade» da el permiso."
)


class SinPermiso(Exception):
    """The database's user may not delete this kind. Its text: Spanish, what to do."""


class Tanda(NamedTuple):
    """A batch: rows deleted (or, in a dry run, to be), when the first and the last of them ended.

    sin_contar: consultas that are old enough and still wait for their summary.
    """

    filas: int
    primera: datetime | None
    ultima: datetime | None
    sin_contar: int


class _Fila(NamedTuple):
    clave: Any
    orden: Any
    fin: datetime | None
    sobra: bool
    peso: int = 1


def limpiar(sesiones: Sesiones, settings: Settings, clase: Clase, *, simular: bool = False) -> Iterator[Tanda]:
    """Yield each batch once it is committed; before the next one, rest. simular: delete nothing. Raises SinPermiso."""
    if not clase.dias(settings):
        return
    try:
        with _de_quien_borra(sesiones, settings, clase) as suyas:
            yield from _tandas(suyas, settings, clase, simular)
    except DBAPIError as e:
        if not sin_permiso(e):
            raise
        raise SinPermiso(QUE_HACER_APARTE if clase.aparte else QUE_HACER) from e


def un_rato(sesiones: Sesiones, settings: Settings, segundos: float) -> dict[str, int]:
    """What beat has done: an even share of the time for each kind; rows deleted, where there were any."""
    fin = monotonic() + segundos
    hechas: dict[str, int] = {}
    for n, clase in enumerate(CLASES):
        hasta = monotonic() + (fin - monotonic()) / (len(CLASES) - n)
        try:
            if filas := _hasta(hasta, limpiar(sesiones, settings, clase)):
                hechas[clase.nombre] = filas
        except SinPermiso as e:
            log.warning("limpieza_sin_permiso", clase=clase.nombre, que_hacer=str(e))
    return hechas


def _hasta(hasta: float, tandas: Iterator[Tanda]) -> int:
    """Rows that went until then."""
    filas = 0
    for tanda in tandas:
        filas += tanda.filas
        if monotonic() > hasta:
            break
    return filas


@contextmanager
def _de_quien_borra(sesiones: Sesiones, settings: Settings, clase: Clase) -> Iterator[Sesiones]:
    if not (clase.aparte and settings.url_retencion):
        yield sesiones
        return
    motor = crear_motor(settings, settings.url_retencion)
    try:
        yield Sesiones(motor)
    finally:
        motor.dispose()


def _tandas(sesiones: Sesiones, settings: Settings, clase: Clase, simular: bool) -> Iterator[Tanda]:
    desde: _Fila | None = None
    while True:
        empezo = monotonic()
        tanda, desde = sesiones.hacer(partial(_una, settings=settings, clase=clase, desde=desde, simular=simular))
        tardo_s = monotonic() - empezo
        yield tanda
        if desde is None:
            return
        if tanda.filas and not simular:
            sleep(min(DESCANSO_MAXIMO_S, DESCANSO * tardo_s))


def _una(
    s: Session, settings: Settings, clase: Clase, desde: _Fila | None, simular: bool
) -> tuple[Tanda, _Fila | None]:
    """One batch of what comes after `desde`, and from where to go on; None: there is no more."""
    leidas = (_pagina_de_piezas if clase.pieza else _pagina)(s, settings, clase, desde)
    leidas = _pesadas(s, clase, leidas)
    pagina = leidas[: _cuantas_caben(leidas)]
    viejas = [fila for fila in pagina if fila.sobra]
    suyas = _contadas(s, viejas, sujetas=False) if clase.contada else viejas
    sin_contar = len(viejas) - len(suyas)
    filas = sum(fila.peso for fila in suyas) if clase.pieza else len(suyas)
    if suyas and not simular:
        suyas, filas = _borrar(s, settings, clase, suyas)
    fines = [fila.fin for fila in suyas if fila.fin]
    tanda = Tanda(filas, min(fines, default=None), max(fines, default=None), sin_contar)
    return tanda, pagina[-1] if len(leidas) == TANDA or len(pagina) < len(leidas) else None


def _pagina(s: Session, settings: Settings, clase: Clase, desde: _Fila | None) -> list[_Fila]:
    """The next TANDA rows by their index, whatever becomes of them."""
    orden = select(clase.clave, clase.orden, clase.fin, clase.sobra(settings))
    orden = orden.where(clase.orden < clase.limite(settings))
    if desde:
        orden = orden.where(clase.orden >= desde.orden, or_(clase.orden > desde.orden, clase.clave > desde.clave))
    filas = s.execute(orden.order_by(clase.orden, clase.clave).limit(TANDA))
    return [_Fila(clave, instante, fin, bool(vale)) for clave, instante, fin, vale in filas]


def _pagina_de_piezas(s: Session, settings: Settings, clase: Clase, desde: _Fila | None) -> list[_Fila]:
    """The next consultas that have pieces, up to the last one created long enough ago: ids grow with time."""
    assert clase.pieza is not None
    tope = (
        select(clase.clave)
        .where(clase.orden < clase.limite(settings))
        .order_by(clase.orden.desc(), clase.clave.desc())
        .limit(1)
    )
    orden = select(clase.pieza.label("clave"), func.count().label("peso")).where(clase.pieza <= tope.scalar_subquery())
    if desde:
        orden = orden.where(clase.pieza > desde.clave)
    con = orden.group_by(clase.pieza).order_by(clase.pieza).limit(TANDA).subquery()
    filas = s.execute(
        select(con.c.clave, clase.orden, clase.fin, clase.sobra(settings), con.c.peso)
        .join(con, con.c.clave == clase.clave)
        .order_by(con.c.clave)
    )
    return [_Fila(clave, instante, fin, bool(vale), peso) for clave, instante, fin, vale, peso in filas]


def _pesadas(s: Session, clase: Clase, filas: list[_Fila]) -> list[_Fila]:
    """Each with the pieces that would go with it."""
    claves = [fila.clave for fila in filas if fila.sobra]
    pesos: dict[Any, int] = {}
    for pieza in clase.pesan if claves else ():
        for clave, n in s.execute(select(pieza, func.count()).where(pieza.in_(claves)).group_by(pieza)):
            pesos[clave] = pesos.get(clave, 0) + n
    return [fila._replace(peso=fila.peso + pesos.get(fila.clave, 0)) for fila in filas]


def _cuantas_caben(filas: list[_Fila]) -> int:
    """Rows from the first on that make one batch; one at least."""
    pesos = accumulate(fila.peso if fila.sobra else 0 for fila in filas)
    return max(1, sum(peso <= TANDA for peso in pesos))


def _borrar(s: Session, settings: Settings, clase: Clase, filas: list[_Fila]) -> tuple[list[_Fila], int]:
    """Lock them, judge them again, delete; those that went, and how many rows that were.

    One by one: of a small table MariaDB reads the whole rather than many keys, and waits for every row in it.
    """
    claves = [fila.clave for fila in filas]
    aun = select(clase.clave).where(clase.clave.in_(claves), clase.sobra(settings))
    aun = aun.with_hint(clase.clave.class_, POR_CLAVE, "mysql")
    sujetas = set(s.scalars(aun.with_for_update(skip_locked=True)))
    suyas = [fila for fila in filas if fila.clave in sujetas]
    if clase.contada:
        suyas = _contadas(s, suyas, sujetas=True)
    if not suyas:
        return [], 0
    columna = clase.pieza or clase.clave
    orden = delete(columna.class_).where(columna == bindparam("una"))
    hecho = s.connection().execute(orden, [{"una": fila.clave} for fila in suyas])
    return suyas, hecho.rowcount


def _contadas(s: Session, filas: list[_Fila], *, sujetas: bool) -> list[_Fila]:
    """Those that their day's summary counts. sujetas: and will go on counting until the commit."""
    if not filas:
        return []
    hasta = resumenes.contadas_hasta(s, {fila.orden.date() for fila in filas}, sujetas=sujetas)
    return [fila for fila in filas if fila.orden.date() in hasta and fila.orden < hasta[fila.orden.date()]]
