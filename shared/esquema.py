"""The database's schema: bring it up to date, take it back, ask where it stands."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

MIGRACIONES = Path(__file__).parent.parent / "migrations"


def _config(conexion: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRACIONES))
    config.attributes["conexion"] = conexion
    return config


def subir(motor: Engine, revision: str = "head") -> None:
    with motor.begin() as conexion:
        command.upgrade(_config(conexion), revision)


def bajar(motor: Engine, revision: str) -> None:
    with motor.begin() as conexion:
        command.downgrade(_config(conexion), revision)


def al_dia(conexion: Connection) -> bool:
    """True if the database stands at the newest migration of this release."""
    actual = MigrationContext.configure(conexion).get_current_heads()
    return set(actual) == set(ScriptDirectory.from_config(_config()).get_heads())
