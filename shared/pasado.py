"""What providers said of past days, kept for the next consulta of the same cell (table `pasado`).

One row is a hoja (sheet): the days that one provider, and one station of it, said of a year (by days) or of a month (by
hours), in one cell, for one set of fields and one key. Each of its rows knows when it was said (`dicho_en`). Who may
keep what, and what may be used again, is for worker/pasado.py to say; here it is only kept.

How it grows, measured on MariaDB with all twelve fields: 8 to 10 kB a cell, provider and year by days (one row of a
year), 107 to 110 kB by hours (twelve rows); another set of fields, another key and another station count apart. Age it
by guardado_en (indexed): what is deleted is asked for again.

Nothing here is needed to be right, so two workers that write the same hoja at once lock one row and no more, and
whoever would have to wait gives up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from shared.clima import Periodo, Resolucion
from shared.modelos import Pasado
from shared.series import Fila, desempacar, empacar

IDENTIDAD = ("estacion", "distancia_km", "altura_m", "laboratorio", "atribucion")  # of a Fuente: who measured


@dataclass(frozen=True, slots=True)
class Hoja:
    """fuente: the Fuente as JSON when it was last written. datos: its rows, packed; each has `dicho_en`."""

    fuente: dict[str, Any]
    datos: bytes

    def filas(self) -> list[Fila]:
        return desempacar(self.datos)


def hojas(s: Session, huella: str, periodo: Periodo) -> list[Hoja]:
    """Those that may hold days of this period."""
    primera, ultima = hoja_de(periodo.inicio, periodo.resolucion), hoja_de(periodo.fin, periodo.resolucion)
    orden = select(Pasado.fuente, Pasado.datos).where(Pasado.huella == huella, Pasado.hoja.between(primera, ultima))
    return [Hoja(fila.fuente, fila.datos) for fila in s.execute(orden.order_by(Pasado.hoja, Pasado.parte))]


def guardar(s: Session, huella: str, hoja: date, fuente: dict[str, Any], filas: list[Fila]) -> None:
    """Add rows, which all have `fecha` and `dicho_en`, to a hoja; a day said again later replaces what it had.

    Raises OperationalError at once if somebody else is writing it, IntegrityError if they were first to make it.
    """
    clave = {"huella": huella, "hoja": hoja, "parte": _parte(fuente)}
    suya = [getattr(Pasado, columna) == valor for columna, valor in clave.items()]
    vieja = s.scalar(select(Pasado.datos).where(*suya).with_for_update(nowait=True))
    datos = empacar(list(_juntas(desempacar(vieja) if vieja else [], filas)))
    if vieja is None:
        s.execute(insert(Pasado).values(**clave, proveedor=fuente["proveedor"], fuente=fuente, datos=datos))
    else:
        s.execute(update(Pasado).where(*suya).values(fuente=fuente, datos=datos))


def hoja_de(dia: date, resolucion: Resolucion) -> date:
    return dia.replace(month=1, day=1) if resolucion == Resolucion.DIARIA else dia.replace(day=1)


def _juntas(viejas: list[Fila], nuevas: list[Fila]) -> Iterator[Fila]:
    """In order of time, each day whole from whoever said it last."""
    dichos: dict[str, str] = {}
    for fila in (*viejas, *nuevas):
        dichos[fila["fecha"]] = max(fila["dicho_en"], dichos.get(fila["fecha"], ""))
    unicas = {
        (fila["fecha"], fila["instante"]): fila
        for fila in (*viejas, *nuevas)
        if fila["dicho_en"] == dichos[fila["fecha"]]
    }
    return (unicas[momento] for momento in sorted(unicas, key=lambda m: (m[0], m[1] or "")))


def _parte(fuente: dict[str, Any]) -> str:
    quien = orjson.dumps([fuente.get(c) for c in IDENTIDAD])
    return hashlib.sha256(quien).hexdigest()[:16]
