"""What is asked of the database, and how MariaDB means to answer it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, NamedTuple

from sqlalchemy import Engine, event


class Orden(NamedTuple):
    sql: str
    parametros: Any
    ms: float


class Plan(NamedTuple):
    """A row of EXPLAIN."""

    table: str | None
    type: str | None
    key: str | None
    rows: int | None
    extra: str


@contextmanager
def ordenes(motor: Engine) -> Iterator[list[Orden]]:
    """The statements executed meanwhile."""
    hechas: list[Orden] = []
    empezo = [0.0]

    def antes(*_: Any) -> None:
        empezo[0] = perf_counter()

    def despues(_conexion: Any, _cursor: Any, sql: str, parametros: Any, *_: Any) -> None:
        hechas.append(Orden(sql, parametros, 1000 * (perf_counter() - empezo[0])))

    event.listen(motor, "before_cursor_execute", antes)
    event.listen(motor, "after_cursor_execute", despues)
    try:
        yield hechas
    finally:
        event.remove(motor, "before_cursor_execute", antes)
        event.remove(motor, "after_cursor_execute", despues)


def explicar(motor: Engine, orden: Orden) -> list[Plan]:
    with motor.connect() as conexion:
        filas = conexion.exec_driver_sql(f"EXPLAIN {orden.sql}", orden.parametros).mappings()
        return [Plan(f["table"], f["type"], f["key"], f["rows"], f["Extra"]) for f in filas]
