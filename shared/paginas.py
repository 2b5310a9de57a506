"""Long lists by pages whose cost does not grow with what stands in the rows."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from shared.modelos import Base

M = TypeVar("M", bound=Base)


def pagina(s: Session, orden: Select[M], numero: int, por_pagina: int) -> tuple[list[M], int]:
    """A page of `orden`, a select of one table with an `id`, and how many rows it has in all.

    An index that holds the filter and the order gives the ids of a deep page; only then rows are read.
    """
    modelo: Any = orden.column_descriptions[0]["entity"]
    total = s.scalars(orden.order_by(None).with_only_columns(func.count(modelo.id))).one()
    ids = s.scalars(orden.with_only_columns(modelo.id).limit(por_pagina).offset((numero - 1) * por_pagina)).all()
    filas = {fila.id: fila for fila in s.scalars(select(modelo).where(modelo.id.in_(ids)))} if ids else {}
    return [filas[i] for i in ids if i in filas], total
