"""Accounts: create them, check passwords, revoke tokens, note what was done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import bcrypt
from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.db import ahora
from shared.modelos import LogActividad, Rol, TokenRevocado, Usuario

LARGO_MAXIMO_BYTES = 72  # bcrypt reads no further


class YaExiste(Exception):
    """The username or the email is taken; the argument names the fields."""


def crear(
    s: Session,
    *,
    username: str,
    email: str,
    password: str,
    nombre_completo: str | None = None,
    rol: Rol = Rol.OPERARIO,
    rounds: int,
) -> Usuario:
    """Add an account. Raises YaExiste (case does not count); nothing is written then."""
    hash_ = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds)).decode()
    usuario = Usuario(username=username, email=email, password_hash=hash_, nombre_completo=nombre_completo, rol=rol)
    try:
        with s.begin_nested():
            s.add(usuario)
    except IntegrityError as e:
        raise YaExiste(_ocupados(s, username, email)) from e
    s.refresh(usuario)
    return usuario


def _ocupados(s: Session, username: str, email: str) -> list[str]:
    ocupado = {
        "username": s.scalar(select(exists().where(Usuario.username == username))),
        "email": s.scalar(select(exists().where(Usuario.email == email))),
    }
    return [campo for campo, si in ocupado.items() if si]


class Cerradura:
    """Checks passwords in the same time whether or not the user exists."""

    def __init__(self, rounds: int) -> None:
        self._senuelo = bcrypt.hashpw(b"nadie", bcrypt.gensalt(rounds))

    def abrir(self, s: Session, nombre: str, password: str) -> Usuario | None:
        """The active user with this username or email and password, or None."""
        encontrado = s.scalars(select(Usuario).where(or_(Usuario.username == nombre, Usuario.email == nombre))).first()
        guardado = encontrado.password_hash.encode() if encontrado else self._senuelo
        s.commit()  # no transaction is held while bcrypt works
        clave = password.encode()
        coincide = bcrypt.checkpw(clave[:LARGO_MAXIMO_BYTES], guardado) and len(clave) <= LARGO_MAXIMO_BYTES
        return encontrado if encontrado and coincide and encontrado.activo else None


def anotar_login(s: Session, usuario: Usuario) -> None:
    s.execute(update(Usuario).where(Usuario.id == usuario.id).values(ultimo_login=ahora()))


def con_token(s: Session, usuario_id: int, jti: str, emitido_en: datetime) -> Usuario | None:
    """The active user this token speaks for; None if it was revoked, outdated, or the user deactivated."""
    revocado = exists().where(TokenRevocado.jti == jti)
    orden = select(Usuario).where(
        Usuario.id == usuario_id,
        Usuario.activo,
        ~revocado,
        or_(Usuario.tokens_desde.is_(None), Usuario.tokens_desde <= emitido_en),
    )
    return s.scalars(orden).one_or_none()


def revocar(s: Session, jti: str, expira_en: datetime) -> None:
    """Idempotent. Also forgets revocations whose tokens have expired by themselves."""
    s.execute(delete(TokenRevocado).where(TokenRevocado.expira_en < ahora()))
    s.merge(TokenRevocado(jti=jti, expira_en=expira_en))


def anotar(
    s: Session,
    accion: str,
    usuario_id: int | None,
    *,
    ip: str | None = None,
    agente: str | None = None,
    detalle: dict[str, Any] | None = None,
) -> None:
    """A row in logs_actividad. `detalle` never holds a password, a token or a key."""
    s.add(
        LogActividad(
            usuario_id=usuario_id,
            accion=accion,
            ip_address=ip,
            user_agent=agente[:255] if agente else None,
            detalle=detalle,
        )
    )


def hay_admin(s: Session) -> bool:
    return bool(s.scalar(select(exists().where(Usuario.rol == Rol.ADMIN, Usuario.activo))))
