"""Days that those who pay a call a day are asked for, and rows that are made whole: pure functions over stored rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from shared.clima import Lugar, Periodo, Proveedor
from shared.costos import DIAS_POR_PIEZA
from shared.series import Fila, desempacar
from worker.tramos import corridas, dias


def dichos(partes: Iterable[tuple[dict[str, Any], bytes]], campos: frozenset[str], *, alguno: bool) -> set[date]:
    """The local days of which these pieces, together, tell all of the fields, or one of them at least."""
    por_dia: dict[str, set[str]] = defaultdict(set)
    for _, datos in partes:
        for fila in desempacar(datos):
            por_dia[fila["fecha"]] |= {c for c in campos if fila.get(c) is not None}
    return {date.fromisoformat(dia) for dia, suyos in por_dia.items() if dia and (suyos if alguno else suyos >= campos)}


def por_suplir(nombre: str, tramos: list[Periodo], hay: set[date], lugar: Lugar) -> list[Periodo]:
    """The pieces to ask this provider for: the days of `tramos` that are over and that nobody covers."""
    hoy = datetime.now(ZoneInfo(lugar.zona_horaria) if lugar.zona_horaria else UTC).date()
    resolucion = tramos[0].resolucion
    faltan = {dia for t in tramos for dia in dias(t) if dia < hoy and dia not in hay}
    largo = DIAS_POR_PIEZA[Proveedor(nombre)][resolucion]
    return [pieza for corrida in corridas(faltan, resolucion) for pieza in corrida.tramos(largo)]


def con_las_nuevas(viejas: list[Fila], nuevas: list[Fila]) -> list[Fila]:
    """The stored rows of a piece with what they lacked; a day or hour that only the new ones tell is added."""
    filas = {(f["fecha"], f["instante"]): dict(f) for f in viejas}
    for nueva in nuevas:
        fila = filas.setdefault((nueva["fecha"], nueva["instante"]), dict(nueva))
        fila |= {campo: v for campo, v in nueva.items() if fila.get(campo) is None}
    return [filas[momento] for momento in sorted(filas, key=lambda m: (m[0] or "", m[1] or ""))]
