"""Accounts: create and change them, check passwords, end their sessions, note what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import bcrypt
from sqlalchemy import ColumnElement, Select, bindparam, delete, exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.db import ahora
from shared.modelos import LogActividad, Rol, Sesion, Usuario

LARGO_MAXIMO_BYTES = 72  # bcrypt reads no further
EN_COLA = 16  # passwords of one process; at 0.3 s each, nobody waits longer than 5 s
DE_UNA_RED = 6  # of them
LARGO_AGENTE = 255
_turno, _cuentan = Lock(), Lock()
_en_cola: Counter[str] = Counter()


class YaExiste(Exception):
    """The username or the email is taken; the argument names the fields."""


class Desactivada(Exception):
    """The password is right, and the account does not work any more."""


class Ocupado(Exception):
    """More passwords wait to be checked, of all or of one network, than can be within a few seconds."""


class UltimoAdmin(Exception):
    """The change would leave the installation without an active admin."""


class Cerradura:
    """Checks passwords in the same time whether or not the user exists."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._senuelo = cifrar_password("nadie", rounds)

    def abrir(self, s: Session, nombre: str, password: str, red: str = "") -> Usuario | None:
        """The active user with this username or email and password, or None. Commits: no transaction waits for bcrypt.

        Raises Desactivada, to whoever knows the password and to nobody else; and Ocupado, by red: where it comes from.
        A hash of another cost than today's is renewed.
        """
        encontrado = buscar(s, nombre)
        s.commit()
        guardado = encontrado.password_hash if encontrado else self._senuelo
        if not coincide(password, guardado, red) or encontrado is None:
            return None
        if not encontrado.activo:
            raise Desactivada
        if not guardado.startswith(self._senuelo[:7]):  # "$2b$12$"
            nuevo = cifrar_password(password, self._rounds, red)
            s.execute(update(Usuario).where(_sin_cambiar(encontrado)).values(password_hash=nuevo))
        return encontrado


def cifrar_password(password: str, rounds: int, red: str = "") -> str:
    """Its bcrypt hash, which costs 2**rounds. At most LARGO_MAXIMO_BYTES. Raises Ocupado."""
    with _por_turno(red):
        return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds)).decode()


def coincide(password: str, guardado: str, red: str = "") -> bool:
    """Raises Ocupado."""
    clave = password.encode()
    with _por_turno(red):
        igual = bcrypt.checkpw(clave[:LARGO_MAXIMO_BYTES], guardado.encode())
    return igual and len(clave) <= LARGO_MAXIMO_BYTES


def crear(
    s: Session,
    *,
    username: str,
    email: str,
    password: str,
    nombre_completo: str | None = None,
    rol: Rol = Rol.OPERARIO,
    rounds: int,
    red: str = "",
) -> Usuario:
    """Add an account. Raises YaExiste (case does not count) and Ocupado; nothing is written then."""
    hash_ = cifrar_password(password, rounds, red)
    usuario = Usuario(username=username, email=email, password_hash=hash_, nombre_completo=nombre_completo, rol=rol)
    try:
        with s.begin_nested():
            s.add(usuario)
    except IntegrityError as e:
        raise YaExiste(_ocupados(s, username, email)) from e
    s.refresh(usuario)
    return usuario


def leer(s: Session, usuario_id: int) -> Usuario | None:
    return s.get(Usuario, usuario_id)


def buscar(s: Session, nombre: str) -> Usuario | None:
    """The account with this username or email, whatever its case."""
    return s.scalars(select(Usuario).where(or_(Usuario.username == nombre, Usuario.email == nombre))).first()


def seleccionar(q: str | None = None, rol: Rol | None = None, activo: bool | None = None) -> Select[Usuario]:
    """Accounts by id. q: part of the username, the email or the name."""
    orden = select(Usuario).order_by(Usuario.id)
    if q:
        campos = (Usuario.username, Usuario.email, Usuario.nombre_completo)
        orden = orden.where(or_(*(campo.contains(q, autoescape=True) for campo in campos)))
    if rol:
        orden = orden.where(Usuario.rol == rol)
    if activo is not None:
        orden = orden.where(Usuario.activo.is_(activo))
    return orden


def en_fila(s: Session, usuario_id: int) -> None:
    """Until the commit, nobody else changes what is counted per user: limits hold, and one default stays one."""
    s.execute(select(Usuario.id).where(Usuario.id == usuario_id).with_for_update())


def cambiar(s: Session, usuario: Usuario, **cambios: Any) -> None:
    """Set rol, activo, username, email or nombre_completo. A deactivated user's sessions end.

    Raises UltimoAdmin and YaExiste; nothing is written then.
    """
    # every active admin's row is locked, so that two of them cannot step down at once
    admins = s.scalars(select(Usuario.id).where(Usuario.rol == Rol.ADMIN, Usuario.activo).with_for_update()).all()
    sigue = cambios.get("rol", usuario.rol) == Rol.ADMIN and cambios.get("activo", usuario.activo)
    if list(admins) == [usuario.id] and not sigue:
        raise UltimoAdmin
    if cambios.get("activo") is False:
        cambios["tokens_desde"] = ahora()
    try:
        with s.begin_nested():
            s.execute(update(Usuario).where(Usuario.id == usuario.id).values(**cambios))
    except IntegrityError as e:
        raise YaExiste(_ocupados(s, cambios.get("username"), cambios.get("email"))) from e
    if cambios.get("activo") is False:
        cerrar_sesiones(s, usuario.id)
    s.refresh(usuario)


def cambiar_password(s: Session, usuario: Usuario, password_hash: str) -> bool:
    """Set the password and end every session. False: it was changed meanwhile."""
    orden = update(Usuario).where(_sin_cambiar(usuario)).values(password_hash=password_hash, tokens_desde=ahora())
    resultado = s.execute(orden.execution_options(synchronize_session=False))
    if resultado.rowcount != 1:  # type: ignore[attr-defined]
        return False
    cerrar_sesiones(s, usuario.id)
    return True


def cerrar_sesiones(s: Session, usuario_id: int, *cuales: ColumnElement[bool]) -> int:
    """End the user's sessions, those of which `cuales` hold; how many there were.

    One by one by key: of a small table MariaDB reads the whole, and waits for the rows of others.
    """
    en_fila(s, usuario_id)
    ids = s.scalars(select(Sesion.id).where(Sesion.usuario_id == usuario_id, *cuales)).all()
    if ids:
        s.connection().execute(delete(Sesion).where(Sesion.id == bindparam("una")), [{"una": i} for i in ids])
    return len(ids)


def anotar_login(s: Session, usuario: Usuario) -> None:
    s.execute(update(Usuario).where(Usuario.id == usuario.id).values(ultimo_login=ahora()))


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
            user_agent=agente[:LARGO_AGENTE] if agente else None,
            detalle=detalle,
        )
    )


def hay_admin(s: Session) -> bool:
    return bool(s.scalar(select(exists().where(Usuario.rol == Rol.ADMIN, Usuario.activo))))


def _ocupados(s: Session, username: str | None, email: str | None) -> list[str]:
    ocupado = {
        "username": s.scalar(select(exists().where(Usuario.username == username))),
        "email": s.scalar(select(exists().where(Usuario.email == email))),
    }
    return [campo for campo, si in ocupado.items() if si]


def _sin_cambiar(usuario: Usuario) -> Any:
    return (Usuario.id == usuario.id) & (Usuario.password_hash == usuario.password_hash)


@contextmanager
def _por_turno(red: str = "") -> Iterator[None]:
    """One bcrypt at a time in a process: it leaves the GIL, and several would take every core from the others.

    red: where the request comes from; DE_UNA_RED of the places in line, so that nobody fills it alone. "": ourselves.
    """
    with _cuentan:
        if _en_cola.total() >= EN_COLA or (red and _en_cola[red] >= DE_UNA_RED):
            raise Ocupado
        _en_cola[red] += 1
    try:
        with _turno:
            yield
    finally:
        with _cuentan:
            _en_cola[red] -= 1
            if not _en_cola[red]:
                del _en_cola[red]
