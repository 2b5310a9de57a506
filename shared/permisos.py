"""What each of the database's users may write: granted table by table after each migration, by the user that migrates.

deploy/mysql/preparar.sh makes the users, and lets the application's read everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Engine, inspect
from sqlalchemy.exc import DBAPIError

from shared.db import sin_permiso
from shared.modelos import LogActividad

APLICACION, RETENCION = "climaguru_user", "climaguru_retencion"
ESCRIBIR = "INSERT, UPDATE, DELETE"
ACTIVIDAD = LogActividad.__tablename__
PROPIOS = {ACTIVIDAD: "INSERT", "alembic_version": ""}  # what the application may do there, instead of ESCRIBIR


def conceder(motor: Engine) -> bool:
    """Grant, and then take back what was granted on the whole database: whoever is at work never lacks a right.

    To the users of the network that this one enters from. Repeating it does no harm. False: this user may not grant, or
    those users are not there; nothing was taken back. SQLite has no users.
    """
    if motor.dialect.name not in ("mysql", "mariadb"):
        return True
    tablas = inspect(motor).get_table_names()
    with motor.connect() as conexion:
        quien, base = conexion.exec_driver_sql("SELECT CURRENT_USER(), DATABASE()").one()
        try:
            for orden in _ordenes(motor, base, tablas, quien.rpartition("@")[2]):
                conexion.exec_driver_sql(orden)
        except DBAPIError as e:
            if not sin_permiso(e):
                raise
            return False
    return True


def _ordenes(motor: Engine, base: str, tablas: Sequence[str], red: str) -> Iterator[str]:
    """red: the host part of the users' names."""
    citar = motor.dialect.identifier_preparer.quote_identifier
    aplicacion, retencion = (f"{citar(nombre)}@{citar(red)}" for nombre in (APLICACION, RETENCION))
    if ACTIVIDAD in tablas:
        yield f"GRANT SELECT, DELETE ON {citar(base)}.{citar(ACTIVIDAD)} TO {retencion}"
    for tabla in tablas:
        if permisos := PROPIOS.get(tabla, ESCRIBIR):
            yield f"GRANT {permisos} ON {citar(base)}.{citar(tabla)} TO {aplicacion}"
    patron = citar(base.replace("_", r"\_"))  # on a whole database, _ stands for any character
    yield f"REVOKE {ESCRIBIR} ON {patron}.* FROM {aplicacion}"
