"""The pieces (tramos) of a historico as they arrive: what each provider answered, and what they say together."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from shared.clima import Encargo, Periodo
from shared.modelos import Respuesta, Serie
from shared.series import Fila, empacar


def guardar_respuesta(s: Session, encargo: Encargo, tramo: Periodo, fuente: dict[str, Any], filas: list[Fila]) -> None:
    """Keep what a provider answered for one piece, for a later attempt. Call after renovar said True."""
    numero = _numero(tramo)
    donde = (Respuesta.consulta_id == encargo.id, Respuesta.proveedor == fuente["proveedor"], Respuesta.tramo == numero)
    s.execute(delete(Respuesta).where(*donde))  # if this runs again after a commit whose answer was lost
    s.execute(
        insert(Respuesta).values(
            consulta_id=encargo.id,
            proveedor=fuente["proveedor"],
            tramo=numero,
            fuente=fuente,
            datos=empacar(filas),
        )
    )


def guardar_series(s: Session, encargo: Encargo, paquetes: list[tuple[int, bytes]]) -> None:
    """Keep the combined rows, a (number of rows, packed rows) per piece. Call after completar said True."""
    valores = [
        {"consulta_id": encargo.id, "tramo": n, "filas": filas, "datos": datos}
        for n, (filas, datos) in enumerate(paquetes)
    ]
    s.execute(delete(Serie).where(Serie.consulta_id == encargo.id))  # of an answer in part, asked again
    s.execute(insert(Serie), valores)


def cuantos_tramos(s: Session, consulta_id: int) -> int:
    """Stored pieces. A historico that was completed has one at least, until retention deletes them."""
    return s.scalars(select(func.count()).where(Serie.consulta_id == consulta_id)).one()


def tramo(s: Session, consulta_id: int, desde: int) -> tuple[int, bytes] | None:
    """The first stored piece numbered `desde` or higher: its number and packed rows."""
    orden = select(Serie.tramo, Serie.datos).where(Serie.consulta_id == consulta_id, Serie.tramo >= desde)
    fila = s.execute(orden.order_by(Serie.tramo).limit(1)).one_or_none()
    return (fila.tramo, fila.datos) if fila else None


def respuestas(s: Session, consulta_id: int, tramo: Periodo) -> dict[str, tuple[dict[str, Any], bytes]]:
    """What the providers answered for one piece, by provider: the Fuente as JSON, and packed rows."""
    orden = select(Respuesta.proveedor, Respuesta.fuente, Respuesta.datos)
    filas = s.execute(orden.where(Respuesta.consulta_id == consulta_id, Respuesta.tramo == _numero(tramo)))
    return {fila.proveedor: (fila.fuente, fila.datos) for fila in filas}


def _numero(tramo: Periodo) -> int:
    """A piece is known by its days, so that pieces cut in another way are asked for again and never mixed up."""
    return tramo.inicio.toordinal() * 1000 + tramo.dias
