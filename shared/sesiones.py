"""Sessions of users, not of the database: a login begins one, refreshing keeps it, a log-out ends it with its tokens.

A refresh token is good once, and using it makes its successor. Used again within REPETIBLE_S it gives that successor
again, for an answer was lost, or two tabs asked at once; used later, it is in two hands, and the session ends.
Whoever changes sessions holds their user's row first (usuarios.en_fila): one order, so that nobody waits in a circle.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from shared.db import ahora
from shared.modelos import Sesion, Usuario
from shared.usuarios import LARGO_AGENTE, cerrar_sesiones, en_fila

# Of one user. A program that logs in each minute and never refreshes ends its own: what was refreshed goes last, and a
# browser refreshes within the hour.
MAX_SESIONES = 100
REPETIBLE_S = 30
_CON_TOKEN = (  # built once: every request asks it
    select(Usuario)
    .join(Sesion, Sesion.usuario_id == Usuario.id)
    .where(Usuario.id == bindparam("usuario_id"), Usuario.activo, Sesion.id == bindparam("sesion_id"))
    .execution_options(populate_existing=True)
)


class Reusado(Exception):
    """A refresh token that had been changed for another one. Its session ended; the caller commits that."""


class Visita(NamedTuple):
    """Where from, with what, and how long the refresh token that is given lasts."""

    ip: str | None
    agente: str | None
    hasta: datetime


def con_token(s: Session, usuario_id: int, sesion_id: str, desde: str) -> Usuario | None:
    """The active user this token speaks for; None if its session ended, it is outdated, or the user deactivated.

    desde: the user's `epoca` when the token was issued. It is compared for being the same, so no clock has a say.
    """
    usuario = s.scalars(_CON_TOKEN, {"usuario_id": usuario_id, "sesion_id": sesion_id}).one_or_none()
    return usuario if usuario and epoca(usuario) == desde else None


def epoca(usuario: Usuario) -> str:
    """What every valid token of this user carries: the instant since which tokens are good, "" if always.

    It ends what a login begins with the old password while a new one is being set: that session is not among those
    that end with it.
    """
    return usuario.tokens_desde.isoformat() if usuario.tokens_desde else ""


def abrir(s: Session, usuario_id: int, visita: Visita) -> tuple[Sesion, int]:
    """A new session, and how many ended because MAX_SESIONES are enough."""
    en_fila(s, usuario_id)
    sesion = Sesion(id=str(uuid4()), usuario_id=usuario_id)
    _visitar(sesion, visita)
    s.add(sesion)
    s.flush()
    return sesion, _cerrar_sobrantes(s, sesion)


def rotar(s: Session, usuario_id: int, sesion_id: str, jti: str, visita: Visita) -> Sesion | None:
    """The session with the successor of its refresh token `jti`. None: it ended meanwhile. Raises Reusado."""
    en_fila(s, usuario_id)
    reciente = Sesion.usada_en > ahora(-REPETIBLE_S)
    orden = select(Sesion, reciente).where(Sesion.id == sesion_id, Sesion.usuario_id == usuario_id)
    fila = s.execute(orden.execution_options(populate_existing=True)).one_or_none()
    if fila is None:
        return None
    sesion, repetible = fila
    if jti == sesion.jti_anterior and repetible:
        return sesion
    if jti != sesion.jti_refresco:
        cerrar(s, usuario_id, sesion_id)
        raise Reusado
    sesion.jti_anterior, sesion.usada_en = jti, ahora()
    _visitar(sesion, visita)
    s.flush()
    return sesion


def cerrar(s: Session, usuario_id: int, *ids: str) -> int:
    """End these of the user's; how many there were."""
    return cerrar_sesiones(s, usuario_id, Sesion.id.in_(ids))


def cerrar_otras(s: Session, usuario_id: int, sesion_id: str) -> int:
    """All of the user's but this one; how many there were."""
    return cerrar_sesiones(s, usuario_id, Sesion.id != sesion_id)


def seleccionar(usuario_id: int) -> Select[Sesion]:
    """Those that go on, the last used first."""
    orden = select(Sesion).where(Sesion.usuario_id == usuario_id, Sesion.expira_en > ahora())
    return orden.order_by(Sesion.usada_en.desc(), Sesion.id)


def _visitar(sesion: Sesion, visita: Visita) -> None:
    sesion.jti_refresco, sesion.expira_en, sesion.ip_address = str(uuid4()), visita.hasta, visita.ip
    sesion.user_agent = visita.agente[:LARGO_AGENTE] if visita.agente else None


def _cerrar_sobrantes(s: Session, nueva: Sesion) -> int:
    """First those that expired by themselves, then those that were never refreshed, the longest unused first.

    What retention is deleting at this moment is left to it.
    """
    quedan = (Sesion.expira_en > ahora(), Sesion.jti_anterior.is_not(None), Sesion.usada_en)
    orden = select(Sesion.id).where(Sesion.usuario_id == nueva.usuario_id, Sesion.id != nueva.id)
    orden = orden.order_by(*(columna.desc() for columna in quedan)).offset(MAX_SESIONES - 1)
    sobran = s.scalars(orden.with_for_update(skip_locked=True)).all()
    return cerrar(s, nueva.usuario_id, *sobran) if sobran else 0
