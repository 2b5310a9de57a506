"""How a period is cut into the pieces that are asked for: pure functions over days."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date, timedelta

from shared.clima import Periodo, Resolucion
from shared.costos import VENTANA_DIAS
from worker.proveedores.cliente import Cliente


def dias_por_tramo(cliente: Cliente, periodo: Periodo) -> int:
    """At most so many days of this period in one call of this provider."""
    if cliente.dias_por_tramo is None:
        return periodo.dias
    return min(cliente.dias_por_tramo, VENTANA_DIAS[periodo.resolucion])


def dias(periodo: Periodo) -> Iterator[date]:
    return (periodo.inicio + timedelta(n) for n in range(periodo.dias))


def corridas(sueltos: Iterable[date], resolucion: Resolucion) -> list[Periodo]:
    """The fewest periods that hold these days and no other."""
    pedazos: list[Periodo] = []
    for dia in sorted(sueltos):
        if pedazos and (dia - pedazos[-1].fin).days == 1:
            pedazos[-1] = Periodo(pedazos[-1].inicio, dia, resolucion)
        else:
            pedazos.append(Periodo(dia, dia, resolucion))
    return pedazos


def pendientes(periodo: Periodo, hechos: Iterable[Periodo]) -> list[Periodo]:
    """What is left of a period without its pieces that are there."""
    hay = {dia for hecho in hechos for dia in dias(hecho)}
    return corridas((d for d in dias(periodo) if d not in hay), periodo.resolucion)


def cortar(pendiente: Periodo, conocidos: Collection[date], largo: int) -> list[Periodo]:
    """The fewest pieces of at most `largo` days that hold every day not known; they begin and end on such a day.

    A known day between two that are not may be asked for again: one call more would cost more than a row.
    """
    tramos: list[Periodo] = []
    for dia in dias(pendiente):
        if dia in conocidos:
            continue
        if tramos and (dia - tramos[-1].inicio).days < largo:
            tramos[-1] = Periodo(tramos[-1].inicio, dia, pendiente.resolucion)
        else:
            tramos.append(Periodo(dia, dia, pendiente.resolucion))
    return tramos


def asentado(cliente: Cliente, dia: date, dicho_el: date) -> bool:
    """Was this said so long after the day that it will not be corrected?"""
    return (dicho_el - dia).days > cliente.asienta_dias
