"""Connections, sessions and the database's own clock."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import floor, log
from typing import Any, TypeVar

from sqlalchemy import DateTime, Dialect, Engine, Integer, create_engine, event, literal, select, types
from sqlalchemy.dialects import mysql
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as SinConexiones
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from shared.settings import Settings

INTERCALACION = "utf8mb4_unicode_ci"
ESPERA_SQLITE_S = 30
INSISTIR_S = 20.0
# Codes that PyMySQL calls OperationalError, and that will not pass: an unknown column, a right that was not granted,
# JSON that is none (of MariaDB a constraint, 4025), a CHECK.
DEFINITIVOS = ((1054,), (1142,), (1143,), (3140,), (3819,), (4025,))
# Of rights: to the database, to enter, to a table, to a column; GRANT to no such user (MariaDB, MySQL), REVOKE of none.
DE_PERMISOS = ((1044,), (1045,), (1142,), (1143,), (1133,), (1410,), (1141,))
T = TypeVar("T")


class InstanteUtc(types.TypeDecorator[datetime]):
    """Aware UTC in Python, naive UTC in a DATETIME(6): the only border between the two."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name in ("mysql", "mariadb") else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("an instant without a time zone")
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


class ahora(FunctionElement[datetime]):  # noqa: N801  (reads as SQL)
    """The database's clock in UTC, `mas_s` seconds later. Leases never trust a worker's own clock."""

    type = InstanteUtc()
    inherit_cache = True  # the wait is a parameter: statements that differ in it are compiled once

    def __init__(self, mas_s: float = 0) -> None:
        super().__init__(literal(int(mas_s * 1_000_000), Integer()))


@compiles(ahora, "mysql", "mariadb")
def _ahora_mysql(element: ahora, compiler: SQLCompiler, **kw: Any) -> str:
    return f"(UTC_TIMESTAMP(6) + INTERVAL {compiler.process(element.clauses, **kw)} MICROSECOND)"


@compiles(ahora, "sqlite")
def _ahora_sqlite(element: ahora, compiler: SQLCompiler, **kw: Any) -> str:
    mas = f"printf('%+.6f seconds', {compiler.process(element.clauses, **kw)} / 1e6)"
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', {mas}) || '000')"


def reloj(s: Session) -> datetime:
    """The database's clock now."""
    return s.scalars(select(ahora())).one()


class ms_desde(FunctionElement[int]):  # noqa: N801
    """Milliseconds from an instant column to the database's now; at most what an INT holds (25 days)."""

    type = Integer()
    inherit_cache = True


@compiles(ms_desde, "mysql", "mariadb")
def _ms_desde_mysql(element: ms_desde, compiler: SQLCompiler, **kw: Any) -> str:
    desde = compiler.process(element.clauses, **kw)
    return f"LEAST(TIMESTAMPDIFF(MICROSECOND, {desde}, UTC_TIMESTAMP(6)) DIV 1000, 2147483647)"


@compiles(ms_desde, "sqlite")
def _ms_desde_sqlite(element: ms_desde, compiler: SQLCompiler, **kw: Any) -> str:
    desde = compiler.process(element.clauses, **kw)
    return f"MIN(CAST(ROUND((julianday('now') - julianday({desde})) * 86400000) AS INTEGER), 2147483647)"


class ms_entre(FunctionElement[int]):  # noqa: N801
    """Milliseconds from the first instant column to the second; NULL if one of them is."""

    type = Integer()
    inherit_cache = True


@compiles(ms_entre, "mysql", "mariadb")
def _ms_entre_mysql(element: ms_entre, compiler: SQLCompiler, **kw: Any) -> str:
    return f"(TIMESTAMPDIFF(MICROSECOND, {compiler.process(element.clauses, **kw)}) DIV 1000)"


@compiles(ms_entre, "sqlite")
def _ms_entre_sqlite(element: ms_entre, compiler: SQLCompiler, **kw: Any) -> str:
    desde, hasta = (compiler.process(c, **kw) for c in element.clauses)
    return f"CAST(ROUND((julianday({hasta}) - julianday({desde})) * 86400000) AS INTEGER)"


def opciones_motor(settings: Settings) -> dict[str, Any]:
    """Engine options for this URL; Flask-SQLAlchemy and the worker use the same ones."""
    comunes = {"hide_parameters": True}  # errors are logged, and what was being written may be a password's hash
    if settings.url_base_de_datos.startswith("sqlite"):
        return {**comunes, "connect_args": {"timeout": ESPERA_SQLITE_S, "check_same_thread": False}}
    return {
        **comunes,
        "isolation_level": "READ COMMITTED",
        "pool_size": settings.db_pool_size,
        "max_overflow": settings.db_pool_size,
        "pool_recycle": settings.db_pool_recycle,
        "pool_pre_ping": True,
        "connect_args": {"connect_timeout": 5, "read_timeout": 30, "write_timeout": 30},
    }


def crear_motor(settings: Settings, url: str = "") -> Engine:
    """url: of another user of the same server."""
    motor = create_engine(url or settings.url_base_de_datos, **opciones_motor(settings))
    preparar(motor)
    return motor


def preparar(motor: Engine) -> None:
    """What a connection needs before its first statement. SQLite: WAL, writers that queue, our collation."""
    if motor.dialect.name == "sqlite":
        event.listen(motor, "connect", _preparar_sqlite)
        event.listen(motor, "begin", lambda conexion: conexion.exec_driver_sql("BEGIN IMMEDIATE"))


def _preparar_sqlite(conexion: DBAPIConnection, _registro: object) -> None:
    assert isinstance(conexion, sqlite3.Connection)
    conexion.isolation_level = None  # SQLAlchemy's "begin" event above opens transactions instead
    conexion.create_collation(INTERCALACION, _comparar)
    conexion.create_function("ln", 1, log, deterministic=True)  # a build of SQLite may lack it
    conexion.create_function("floor", 1, floor, deterministic=True)
    for orden in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        conexion.execute(f"PRAGMA {orden}")


def plegar(texto: str) -> str:
    """Accents and case removed, as utf8mb4_unicode_ci compares."""
    return "".join(c for c in unicodedata.normalize("NFKD", texto.casefold()) if not unicodedata.combining(c))


def _comparar(a: str, b: str) -> int:
    x, y = plegar(a).rstrip(), plegar(b).rstrip()
    return (x > y) - (x < y)


class Sesiones:
    """Sessions of one process, for code outside Flask."""

    def __init__(self, motor: Engine) -> None:
        self.motor = motor
        self.fabrica = sessionmaker(motor, expire_on_commit=False)

    @contextmanager
    def transaccion(self) -> Iterator[Session]:
        """One short transaction: committed at the end of the block, rolled back on any error."""
        with self.fabrica.begin() as sesion:
            yield sesion

    def hacer(self, verbo: Callable[[Session], T], insistir_s: float = INSISTIR_S) -> T:
        """Run `verbo` in one transaction; after a deadlock or a lost connection run it again, for `insistir_s`.

        Only for what may be run twice: if a commit was lost on the way back, the verb finds its own work done.
        """
        reintentar = Retrying(
            retry=retry_if_exception(pasajero),
            wait=wait_random_exponential(multiplier=0.1, max=2),
            stop=stop_after_delay(insistir_s),
            reraise=True,
        )
        resultado: T = reintentar(self._una_vez, verbo)
        return resultado

    def _una_vez(self, verbo: Callable[[Session], T]) -> T:
        with self.transaccion() as sesion:
            return verbo(sesion)


def pasajero(e: BaseException) -> bool:
    """Deadlock, lock wait, a connection that was lost or refused, SQLite being busy: nearly all OperationalError.

    What PyMySQL does not know is OperationalError too, and so is what SQLite cannot make sense of: not those.
    """
    if isinstance(e, DBAPIError) and e.connection_invalidated:
        return True
    if isinstance(e, OperationalError) and e.orig is not None:
        en_sqlite = getattr(e.orig, "sqlite_errorcode", None)
        return en_sqlite != sqlite3.SQLITE_ERROR and e.orig.args[:1] not in DEFINITIVOS
    return isinstance(e, OperationalError | InterfaceError | SinConexiones)


def sin_permiso(e: DBAPIError) -> bool:
    """The database's user may not do it."""
    return e.orig is not None and e.orig.args[:1] in DE_PERMISOS
