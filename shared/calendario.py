"""UTC days: of an instant, between two, in a condition."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

UN_DIA = timedelta(1)


def medianoche(dia: date) -> datetime:
    """The instant at which this day begins."""
    return datetime.combine(dia, time(), UTC)


def dias(primero: date, ultimo: date) -> Iterator[date]:
    """Both included; none if `ultimo` is the earlier one."""
    return (primero + timedelta(n) for n in range((ultimo - primero).days + 1))


def mes_siguiente(mes: date) -> date:
    """The first day of the month after the one that begins on this day."""
    return (mes + timedelta(31)).replace(day=1)


def en_dias(
    instante: InstrumentedAttribute[datetime], desde: date | None, hasta: date | None
) -> list[ColumnElement[bool]]:
    """That the instant lies in these days, both included; None: no limit."""
    condiciones = []
    if desde:
        condiciones.append(instante >= medianoche(desde))
    if hasta and hasta < date.max:
        condiciones.append(instante < medianoche(hasta + UN_DIA))
    return condiciones
