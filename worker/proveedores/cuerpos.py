"""What is read out of a provider's JSON, whatever it holds: a damaged value is None, never an exception.

Every reader takes its numbers, texts, instants and blocks from here. `frontera` is for the parts of a client that may
fail without taking the rest with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, tzinfo
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from shared import metricas
from worker.proveedores.http import ErrorProveedor, Omitida

log = structlog.get_logger()

INCOMPRENSIBLE = "respondió algo que no se entiende"
ANOS = range(1900, 2200)  # of an instant; beyond, reckoning with it may leave the calendar
ESCRITO = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
MILISEGUNDOS_DESDE = 1e11  # as seconds it is the year 5138
ENTERO_MAXIMO = 2**31 - 1
TEXTO_MAXIMO = 200
CODIGO = re.compile(r"[\w'-]{1,40}", re.ASCII)
Cuerpo = dict[str, Any]


@contextmanager
def frontera(proveedor: str) -> Iterator[None]:
    """Whatever a body makes the code in here raise is logged with its traceback, counted, and an ErrorProveedor."""
    try:
        yield
    except (ErrorProveedor, Omitida):
        raise
    except Exception as e:
        log.exception("cuerpo_incomprensible", proveedor=proveedor)
        metricas.incomprensibles.labels(proveedor).inc()
        raise ErrorProveedor(INCOMPRENSIBLE) from e


def numero(valor: Any) -> float | None:
    """A finite number. True is not 1, text is not a number, and an integer of 400 digits is nothing."""
    if isinstance(valor, bool) or not isinstance(valor, int | float):
        return None
    try:
        leido = float(valor)
    except OverflowError:
        return None
    return leido if isfinite(leido) else None


def numero_escrito(valor: Any) -> float | None:
    """A number, also as text, with blanks around it. Python would read «1_0» and «٣» too."""
    if isinstance(valor, str):
        valor = float(valor) if ESCRITO.fullmatch(valor.strip()) else None
    return numero(valor)


def entero(valor: Any) -> int | None:
    """A code or a count: no larger than any that somebody documented."""
    leido = numero(valor)
    return None if leido is None or abs(leido) > ENTERO_MAXIMO else int(leido)


def texto(valor: Any) -> str | None:
    """Words for people, cut at TEXTO_MAXIMO, without what UTF-8 cannot write. None: no text, or blank."""
    if not isinstance(valor, str):
        return None
    limpio = valor.encode(errors="ignore").decode().replace("\0", "")
    return " ".join(limpio.split())[:TEXTO_MAXIMO] or None


def codigo(valor: Any) -> str | None:
    """What names a station; a number too. Nothing that would mean something else in a URL or in a question."""
    leido = str(valor) if isinstance(valor, str | int) and not isinstance(valor, bool) else ""
    return leido if CODIGO.fullmatch(leido) else None


def objeto(cuerpo: Any) -> Cuerpo:
    """The body of one place, also when it comes as a list of one. Raises ErrorProveedor."""
    if isinstance(cuerpo, list) and cuerpo:
        cuerpo = cuerpo[0]
    if not isinstance(cuerpo, dict):
        raise ErrorProveedor(INCOMPRENSIBLE)
    return cuerpo


def bloque(cuerpo: Cuerpo, nombre: str) -> Cuerpo:
    """The object under this name; empty where there is none."""
    hallado = cuerpo.get(nombre)
    return hallado if isinstance(hallado, dict) else {}


def instante_unix(valor: Any) -> datetime | None:
    """Seconds since 1970, or milliseconds, as a number. UTC. Nobody tells hours of before by it: -999 is none."""
    segundos = numero(valor)
    if segundos is None or segundos <= 0:
        return None
    if segundos > MILISEGUNDOS_DESDE:
        segundos /= 1000
    try:
        leido = datetime.fromtimestamp(segundos, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return leido if leido.year in ANOS else None


def instante_iso(valor: Any, zona: tzinfo | None) -> datetime | None:
    """Text in ISO 8601; without an offset of its own it is in this zone (None: then nobody knows when it is). UTC."""
    if not isinstance(valor, str):
        return None
    try:
        leido = datetime.fromisoformat(valor.strip())
    except ValueError:
        return None
    return a_utc(leido if leido.tzinfo else leido.replace(tzinfo=zona))


def a_utc(leido: datetime) -> datetime | None:
    """None outside ANOS, and of a time without a zone."""
    return leido.astimezone(UTC) if leido.tzinfo and leido.year in ANOS else None


def fecha(valor: Any) -> date | None:
    """The date that a text begins with."""
    try:
        leida = date.fromisoformat(valor[:10]) if isinstance(valor, str) else None
    except ValueError:
        return None
    return leida if leida and leida.year in ANOS else None


def zona(nombre: Any) -> ZoneInfo | None:
    """A time zone by its IANA name; None of any other. Opening one may fail as opening a file does."""
    try:
        return ZoneInfo(nombre) if isinstance(nombre, str) else None
    except (LookupError, ValueError, OSError):
        return None
