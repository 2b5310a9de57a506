"""Cron expressions of five fields in a named time zone, as Debian's cron reads them (by CronSim).

Where clocks go forward, a time that does not exist runs when it would have come; where they go back, a time that
comes twice runs once. An expression whose minute or hour starts with * follows real time instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

CONTADAS = 100_000  # due times in arrears are counted up to here


class CronInvalido(ValueError):
    """Not five fields that cron understands, or never due."""


def validar(cron: str) -> None:
    """Raises CronInvalido."""
    try:
        if len(cron.split()) != 5 or next(_instantes(cron, "UTC", datetime.now(UTC)), None) is None:
            raise CronInvalido(cron)
    except CronSimError as e:
        raise CronInvalido(cron) from e


@cache
def zonas() -> frozenset[str]:
    """The names of the IANA database."""
    return frozenset(available_timezones())


def siguiente(cron: str, zona_horaria: str, despues: datetime) -> datetime:
    """The first due time later than `despues`, in UTC. Raises CronInvalido."""
    try:
        return next(_instantes(cron, zona_horaria, despues))
    except (CronSimError, StopIteration) as e:
        raise CronInvalido(cron) from e


def vencidas(cron: str, zona_horaria: str, primera: datetime, hasta: datetime) -> tuple[datetime, int]:
    """Of the due times from `primera`, which is one, to `hasta`: the last, and how many stand before it."""
    ultima, cuantas = primera, 0
    for instante in islice(takewhile(lambda i: i <= hasta, _instantes(cron, zona_horaria, primera)), CONTADAS):
        ultima, cuantas = instante, cuantas + 1
    return ultima, cuantas


def _instantes(cron: str, zona_horaria: str, despues: datetime) -> Iterator[datetime]:
    """CronSim forgets which of two equal local times it starts from: what is not later is passed over."""
    for local in CronSim(cron, despues.astimezone(ZoneInfo(zona_horaria))):
        if (instante := local.astimezone(UTC)) > despues:
            yield instante
