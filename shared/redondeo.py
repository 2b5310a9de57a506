"""How numbers are rounded before anybody sees them: halves up, and no more decimals than anybody measures."""

from __future__ import annotations

from math import floor
from typing import Any

ENTEROS = ("humedad_relativa", "direccion_viento", "visibilidad", "calidad_aire")
DECIMALES = 4  # finer than any provider tells
RUIDO = 9  # decimals of a float that are arithmetic, not measurement: 267.49999999999994 is 267.5


def redondear(campo: str, valor: float) -> float:
    """To the precision the customer's column keeps; a direction never becomes 360."""
    redondo = mitad_arriba(valor) if campo in ENTEROS else mitad_arriba(valor, 2)
    return redondo % 360 if campo == "direccion_viento" else redondo


def mitad_arriba(valor: float, decimales: int = 0) -> float:
    """60.5 is 61 and -0.5 is 0; round() would make both even. An int without decimales."""
    escala: int = 10**decimales
    entero = floor(round(valor * escala, RUIDO) + 0.5)
    return entero / escala if decimales else entero


def sin_ruido(valor: Any) -> Any:
    """The same JSON with DECIMALES at most in every float: 0.30000000000000004 is 0.3."""
    if isinstance(valor, float):
        return round(valor, DECIMALES)
    if isinstance(valor, dict):
        return {clave: sin_ruido(v) for clave, v in valor.items()}
    return [sin_ruido(v) for v in valor] if isinstance(valor, list | tuple) else valor
