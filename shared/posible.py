"""What a provider said, without what cannot be: the gate that every reading passes, of now and of the past.

shared/clima.py: LIMITES is the table. Whoever adds readings up before they are a Medicion (hours to a day, sensors to a
station) asks `posible` for each of them first, so that no sentinel hides in a mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

from shared.clima import CAMPOS_NUMERICOS, HUMEDAD_MOJADA, LIMITES, UNIDADES, Medicion


def posible(campo: str, valor: Any) -> float | None:
    """The value if it can be, else None. campo: a key of LIMITES. 101 % of a wet sensor is 100, and 360° is 0."""
    if isinstance(valor, bool) or not isinstance(valor, int | float):
        return None
    if campo == "humedad_relativa" and 100 < valor <= HUMEDAD_MOJADA:
        return 100.0
    if campo == "direccion_viento" and valor == 360:
        return 0.0
    minimo, maximo = LIMITES[campo]
    return float(valor) if minimo <= valor <= maximo else None


def depurar(m: Medicion, *, diaria: bool = False, en_estacion: bool = False) -> Medicion:
    """Without the values that cannot be; `imposibles` says which they were. Doing it twice changes nothing.

    diaria: its rain is that of a day. en_estacion: its pressure is not at sea level, but where the station stands.
    A minimum above its maximum loses both.
    """
    otros = {"precipitacion": "precipitacion_dia"} if diaria else {}
    otros |= {"presion_atmosferica": "presion_estacion"} if en_estacion else {}
    cambios: dict[str, float | None] = {}
    imposibles = dict(m.imposibles)
    for campo in CAMPOS_NUMERICOS:
        valor = getattr(m, campo)
        if valor is None:
            continue
        cambios[campo] = queda = posible(otros.get(campo, campo), valor)
        if queda is None:
            imposibles[campo] = fuera(campo, [valor])
    minima, maxima = (cambios.get(f"temperatura_{extremo}") for extremo in ("min", "max"))
    if minima is not None and maxima is not None and minima > maxima:
        motivo = f"mínima {escrito('temperatura', minima)} y máxima {escrito('temperatura', maxima)} están al revés"
        cambios |= {"temperatura_min": None, "temperatura_max": None}
        imposibles |= {"temperatura_min": motivo, "temperatura_max": motivo}
    return replace(m, **cambios, imposibles=imposibles)  # type: ignore[arg-type]


def fuera(campo: str, valores: Sequence[Any]) -> str:
    """What is said of values that cannot be: «−999 °C está fuera de lo posible (24 lecturas)»."""
    veces = f" ({len(valores)} lecturas)" if len(valores) > 1 else ""
    return f"{escrito(campo, valores[0])} está fuera de lo posible{veces}"


def escrito(campo: str, valor: Any) -> str:
    """A value with its unit, as people read it: «−999 °C»."""
    unidad = UNIDADES.get("temperatura" if campo.startswith("temperatura") else campo, "")
    if isinstance(valor, bool) or not isinstance(valor, int | float):
        return f"«{str(valor)[:40]}»".encode(errors="replace").decode()
    if isinstance(valor, int) and abs(valor) > 10**15:
        return "un número enorme"
    numero = f"{valor:,.10g}".replace(",", " ") if isfinite(valor) and abs(valor) < 10**10 else f"{valor:g}"
    return f"{numero} {unidad}".replace("-", "−").replace(" °", "°" if unidad == "°" else " °").strip()
