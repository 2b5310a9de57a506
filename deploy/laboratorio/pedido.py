"""Reading a request: the clock, coordinates, and hours since 1970."""

from datetime import UTC, datetime
from math import isfinite
from typing import cast

from flask import current_app, request

HORA_S = 3600


def ahora() -> datetime:
    return cast(datetime, current_app.config["AHORA"]()).astimezone(UTC)


def horas(en: datetime) -> float:
    """Hours since 1970 UTC, the axis of clima.Serie."""
    return en.timestamp() / HORA_S


def dia(en: datetime) -> int:
    """Days since 1970 UTC."""
    return int(en.timestamp() // 86400)


def numero(texto: str | None) -> float | None:
    """None for anything that is not a finite number."""
    try:
        valor = float(texto or "")
    except ValueError:
        return None
    return valor if isfinite(valor) else None


def parametro(nombre: str, por_defecto: str = "") -> str:
    return request.args.get(nombre, por_defecto).strip()


def lista(nombre: str) -> list[str]:
    """Values of a parameter given with commas, repeated, or both."""
    valores = ",".join(request.args.getlist(nombre)).split(",")
    return [valor.strip() for valor in valores if valor.strip()]
