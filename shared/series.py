"""Rows of a historical series: dictionaries outside, compressed columns in the database.

A row is {"fecha": "2026-01-31", "instante": "2026-01-31T05:00:00Z" (hourly only), field: value …}.
Stored by columns (names once, values of a field side by side), as JSON under zlib: about 1 byte per
value on real series, against 5 to 7 in a JSON row each.
"""

from __future__ import annotations

import zlib
from typing import Any

import orjson

Fila = dict[str, Any]


def empacar(filas: list[Fila]) -> bytes:
    """Pack rows that all have the same keys."""
    columnas = {campo: [fila[campo] for fila in filas] for campo in filas[0]} if filas else {}
    return zlib.compress(orjson.dumps(columnas), 6)


def desempacar(datos: bytes) -> list[Fila]:
    columnas: dict[str, list[Any]] = orjson.loads(zlib.decompress(datos))
    return [dict(zip(columnas, valores, strict=True)) for valores in zip(*columnas.values(), strict=True)]
