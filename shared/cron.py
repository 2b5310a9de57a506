"""Cron expressions of five fields in a named time zone, as Debian's cron reads them (by CronSim).

Where clocks go forward, a time that does not exist runs when it would have come; where they go back, a time that
comes twice runs once. An expression whose minute or hour starts with * follows real time instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import islice, pairwise, takewhile
from math import inf
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

CONTADAS = 100_000  # due times in arrears are counted up to here
SEGUIDAS = 24 * 60 // 15 * 2


CINCO_CAMPOS = "Debe tener cinco campos: minuto, hora, día del mes, mes y día de la semana; por ejemplo «0 2 * * *»."
NUNCA = "No llega nunca: ninguna fecha del calendario cumple a la vez el día del mes, el mes y el día de la semana."
CAMPOS = (
    "El minuto «{}» no se entiende: va de 0 a 59.",
    "La hora «{}» no se entiende: va de 0 a 23.",
    "El día del mes «{}» no se entiende: va de 1 a 31, o L, el último.",
    "El mes «{}» no se entiende: va de 1 a 12, o de JAN a DEC.",
    "El día de la semana «{}» no se entiende: va de 0 (domingo) a 7 (domingo también), o de SUN a SAT.",
)


class CronInvalido(ValueError):
    """Not five fields that cron understands, or never due; the argument says which, in Spanish."""


def validar(cron: str) -> None:
    """Raises CronInvalido."""
    campos = cron.split()
    if len(campos) != len(CAMPOS):
        raise CronInvalido(CINCO_CAMPOS)
    ahora = datetime.now(UTC)
    for n, (campo, texto) in enumerate(zip(campos, CAMPOS, strict=True)):
        try:
            CronSim(" ".join([*["*"] * n, campo, *["*"] * (len(CAMPOS) - n - 1)]), ahora)
        except CronSimError as e:
            raise CronInvalido(texto.format(campo)) from e
    siguiente(cron, "UTC", ahora)


@cache
def zonas() -> frozenset[str]:
    """The names of the IANA database."""
    return frozenset(available_timezones())


def siguiente(cron: str, zona_horaria: str, despues: datetime) -> datetime:
    """The first due time later than `despues`, in UTC. Raises CronInvalido."""
    try:
        return next(_instantes(cron, zona_horaria, despues))
    except (CronSimError, StopIteration) as e:
        raise CronInvalido(NUNCA) from e


def intervalo_s(cron: str) -> float:
    """The least time between two of its due times; inf: it has but one. Of clocks that do not change.

    One that keeps an interval within a day is due at most once in each, so that SEGUIDAS hold every neighbour.
    """
    vistas = list(islice(_instantes(cron, "UTC", datetime.now(UTC)), SEGUIDAS))
    return min((b - a).total_seconds() for a, b in pairwise(vistas)) if len(vistas) > 1 else inf


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
