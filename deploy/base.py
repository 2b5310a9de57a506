"""The database, for commands: whatever is wrong with it ends the command with one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from shared import esquema
from shared.db import Sesiones, crear_motor
from shared.settings import Settings

MAL_URL = "DATABASE_URL no se entiende. Escríbala como mysql://usuario:clave@servidor:3306/base."
NO_RESPONDE = (
    "La base de datos no responde o no se abre. Revise DATABASE_URL (o DB_HOST, DB_USER…) y que el servidor responda."
)
SIN_ESQUEMA = "El esquema de la base de datos no está al día. Ejecute antes «climaguru db upgrade»."
FALLO = "La base de datos rechazó la orden ({}). Lo que no se había guardado quedó como estaba."
RECHAZOS = {  # MySQL's error numbers
    1044: "La base de datos no deja entrar a ese usuario. Revise DATABASE_URL (o DB_USER, DB_NAME) y sus permisos.",
    1045: "La base de datos rechazó el usuario o la clave. Revise DATABASE_URL (o DB_USER y DB_PASSWORD).",
    1049: "Esa base de datos no existe en el servidor. Créela, o revise DATABASE_URL (o DB_NAME).",
}


@contextmanager
def base_de_datos(settings: Settings, *, al_dia: bool = True) -> Iterator[Sesiones]:
    """The installation's database. al_dia: it must have the tables of this release."""
    motor = _abrir(settings)
    try:
        if al_dia:
            with motor.connect() as conexion:
                if not esquema.al_dia(conexion):
                    raise click.ClickException(SIN_ESQUEMA)
        yield Sesiones(motor)
    except SQLAlchemyError as e:
        raise click.ClickException(_sentencia(e)) from e
    finally:
        motor.dispose()


def _abrir(settings: Settings) -> Engine:
    """An engine that has connected once."""
    try:
        motor = crear_motor(settings)
        with motor.connect():
            return motor
    except (OperationalError, OSError) as e:  # OSError: a file for TLS that is not there
        raise click.ClickException(_sentencia(e)) from e
    except (SQLAlchemyError, ValueError, TypeError, ImportError) as e:
        raise click.ClickException(MAL_URL) from e


def _sentencia(e: Exception) -> str:
    if not isinstance(e, OperationalError):
        return NO_RESPONDE if isinstance(e, OSError) else FALLO.format(type(e).__name__)
    codigo = e.orig.args[0] if e.orig and e.orig.args else None
    return RECHAZOS.get(codigo, NO_RESPONDE) if isinstance(codigo, int) else NO_RESPONDE
