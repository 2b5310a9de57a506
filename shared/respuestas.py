"""The pieces (tramos) of a historico as they arrive: what each provider answered, and what they say together.

What providers answered is kept until the consulta is completed whole: only an error, or an answer in part, can be asked
again (consultas.reintentar), and only for what is missing. A piece that will never come is kept too, without rows and
with the reason in its Fuente (an ausencia), so that no later attempt asks for it.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlalchemy.orm import Session

from shared.clima import Encargo, EstadoFuente, Fuente, Periodo, Resolucion, fuente_de_json
from shared.modelos import Respuesta, Serie
from shared.series import Fila, desempacar, empacar

DESDE = 700_000  # days before this ordinal (1917) are nobody's history; so that a number has room in an INT
ANCHO = 10_000  # more days than a consulta may ask for


def guardar_respuesta(s: Session, encargo: Encargo, tramo: Periodo, fuente: dict[str, Any], filas: list[Fila]) -> None:
    """Keep what a provider answered for one piece, for a later attempt. Call after renovar said True."""
    numero = _numero(tramo)
    # a piece that is completed, or if this runs again after a commit whose answer was lost
    s.execute(delete(Respuesta).where(*_de(encargo.id, fuente["proveedor"], tramo)))
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


def piezas(s: Session, consulta_id: int, resolucion: Resolucion) -> list[tuple[Periodo, Fuente]]:
    """The pieces that are there, ausencias too, without their rows; by provider and in order."""
    orden = select(Respuesta.tramo, Respuesta.fuente).where(Respuesta.consulta_id == consulta_id)
    filas = s.execute(orden.order_by(Respuesta.proveedor, Respuesta.tramo))
    return [(_periodo(fila.tramo, resolucion), fuente_de_json(fila.fuente)) for fila in filas]


def hechos(s: Session, consulta_id: int, resolucion: Resolucion) -> dict[str, list[Periodo]]:
    """The pieces that were answered, by provider."""
    por_proveedor: dict[str, list[Periodo]] = defaultdict(list)
    for tramo, fuente in piezas(s, consulta_id, resolucion):
        if fuente.estado == EstadoFuente.USADA:
            por_proveedor[fuente.proveedor].append(tramo)
    return dict(por_proveedor)


def filas_de(s: Session, consulta_id: int, proveedor: str, tramo: Periodo) -> list[Fila]:
    """The rows of one piece that is there."""
    datos = s.scalar(select(Respuesta.datos).where(*_de(consulta_id, proveedor, tramo)))
    return desempacar(datos) if datos else []


def partes(s: Session, consulta_id: int, ventana: Periodo) -> list[tuple[dict[str, Any], bytes]]:
    """The answered pieces that have days of this one, however they were cut: the Fuente as JSON, and packed rows."""
    inicio, dias = Respuesta.tramo // ANCHO, Respuesta.tramo % ANCHO
    toca = (inicio <= ventana.fin.toordinal() - DESDE, inicio + dias > ventana.inicio.toordinal() - DESDE)
    orden = select(Respuesta.fuente, Respuesta.datos).where(Respuesta.consulta_id == consulta_id, *toca)
    filas = s.execute(orden.order_by(Respuesta.proveedor, Respuesta.tramo))
    return [(fila.fuente, fila.datos) for fila in filas if fila.fuente["estado"] == EstadoFuente.USADA]


def olvidar(s: Session, encargo: Encargo) -> None:
    """Drop the pieces of a consulta that was answered whole: nobody can ask for the rest of it."""
    s.execute(delete(Respuesta).where(Respuesta.consulta_id == encargo.id))


def olvidar_ausencias(s: Session, consulta_id: int) -> None:
    """Drop the pieces that were never to come: whoever asks again after an error may have put right what was wrong."""
    s.execute(
        delete(Respuesta).where(
            Respuesta.consulta_id == consulta_id, Respuesta.fuente["estado"].as_string() != EstadoFuente.USADA
        )
    )


def _de(consulta_id: int, proveedor: str, tramo: Periodo) -> tuple[ColumnElement[bool], ...]:
    return (
        Respuesta.consulta_id == consulta_id,
        Respuesta.proveedor == proveedor,
        Respuesta.tramo == _numero(tramo),
    )


def _periodo(numero: int, resolucion: Resolucion) -> Periodo:
    inicio = date.fromordinal(DESDE + numero // ANCHO)
    return Periodo(inicio, inicio + timedelta(numero % ANCHO - 1), resolucion)


def _numero(tramo: Periodo) -> int:
    """A piece is known by its days."""
    return (tramo.inicio.toordinal() - DESDE) * ANCHO + tramo.dias
