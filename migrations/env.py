"""Alembic's entry: the URL comes from the settings, the tables from shared/modelos.py."""

from __future__ import annotations

from alembic import context

from shared.db import crear_motor
from shared.modelos import Base
from shared.settings import cargar


def _migrar() -> None:
    conexion = context.config.attributes.get("conexion")
    if conexion is None:
        with crear_motor(cargar()).connect() as conexion:
            _con(conexion)
    else:
        _con(conexion)


def _con(conexion: object) -> None:
    context.configure(
        connection=conexion,  # type: ignore[arg-type]
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


_migrar()
