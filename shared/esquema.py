"""The database's schema: bring it up to date, take it back, ask where it stands.

Alembic is imported by those who migrate: a process that only asks where the schema stands starts without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

MIGRACIONES = Path(__file__).parent.parent / "migrations"


def subir(motor: Engine, revision: str = "head") -> None:
    from alembic import command

    with motor.begin() as conexion:
        command.upgrade(_config(conexion), revision)


def bajar(motor: Engine, revision: str) -> None:
    from alembic import command

    with motor.begin() as conexion:
        command.downgrade(_config(conexion), revision)


def al_dia(conexion: Connection) -> bool:
    """True if the database stands at the newest migration of this release."""
    if not inspect(conexion).has_table("alembic_version"):
        return False
    return list(conexion.scalars(text("SELECT version_num FROM alembic_version"))) == [ultima()]


def ultima() -> str:
    """The newest migration of this release: each is a file whose name begins with its number, which is its revision."""
    return max(f.name for f in (MIGRACIONES / "versions").glob("[0-9]*.py")).partition("_")[0]


def _config(conexion: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRACIONES))
    config.attributes["conexion"] = conexion
    return config
