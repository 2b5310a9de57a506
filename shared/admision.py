"""The door that every consulta comes in by, whoever asks for it: how many may stand unfinished, of one and of all.

One lock per user, held until the caller's commit: what is counted here is still true when the consulta is written,
however many requests of that user come at once.
"""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.modelos import Consulta, Estado
from shared.usuarios import en_fila

ACTIVAS = (Estado.PENDIENTE, Estado.PROCESANDO)
PARTE_DE_UNO = 0.5  # of MAX_PENDIENTES: what one user can take of it, whatever MAX_ACTIVAS says
PARTE_DE_PROGRAMADAS = 0.75  # of MAX_PENDIENTES: what all programaciones can; the rest is for who waits at a screen


class Saturada(Exception):
    """The installation has as many pendiente consultas as it will take."""


class DemasiadasActivas(Exception):
    """The user would have more unfinished consultas than one may: activas stand, cuantas were asked for, of maximo."""

    def __init__(self, activas: int, cuantas: int, maximo: int) -> None:
        super().__init__(activas, cuantas, maximo)
        self.activas, self.cuantas, self.maximo = activas, cuantas, maximo


def admitir(s: Session, usuario_id: int, cuantas: int, *, max_activas: int, max_pendientes: int) -> None:
    """Let `cuantas` more of this user's in, all or none. Raises DemasiadasActivas and Saturada."""
    en_fila(s, usuario_id)
    _cabe_en_todo(s, cuantas, max_pendientes)
    maximo = min(max_activas, _de_uno(max_pendientes))
    orden = select(func.count()).where(Consulta.usuario_id == usuario_id, Consulta.estado.in_(ACTIVAS))
    activas = s.scalars(orden).one()
    if activas + cuantas > maximo:
        raise DemasiadasActivas(activas, cuantas, maximo)


def admitir_programadas(s: Session, usuario_id: int, cuantas: int, *, max_pendientes: int) -> None:
    """As admitir, for a run at its time: MAX_ACTIVAS is of what is asked for by hand. Raises the same two."""
    en_fila(s, usuario_id)
    _cabe_en_todo(s, cuantas, int(max_pendientes * PARTE_DE_PROGRAMADAS))
    orden = select(func.count()).where(Consulta.usuario_id == usuario_id, Consulta.estado == Estado.PENDIENTE)
    esperan, maximo = s.scalars(orden).one(), _de_uno(max_pendientes)
    if esperan + cuantas > maximo:
        raise DemasiadasActivas(esperan, cuantas, maximo)


def _de_uno(max_pendientes: int) -> int:
    return max(1, int(max_pendientes * PARTE_DE_UNO))


def _cabe_en_todo(s: Session, cuantas: int, tope: int) -> None:
    """Counted up to `tope` only. Users who enter at the same instant may pass it by what they bring."""
    algunas = select(Consulta.id).where(Consulta.estado == Estado.PENDIENTE).limit(tope).subquery()
    if s.scalars(select(func.count()).select_from(algunas)).one() + cuantas > tope:
        raise Saturada
