"""The figures of reportes: counts and sums by key, which add up over stretches, days and users.

`ms` is a histogram of response times. Its bucket k holds the times t with e^(k/20) ≤ t + 1 < e^((k+1)/20), about 5 %
wide; a percentile is told as the geometric middle of its bucket, so it is off by at most 2.5 % (of t + 1 ms).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, exp

from shared.db import plegar

Cifras = dict[str, dict[str, float]]
GRUPOS = ("dia", "tipo", "estado", "ciudad", "usada", "fallida", "ms", "suma", "n")
CUBOS = 20  # buckets per factor e


def vacias() -> Cifras:
    return {grupo: {} for grupo in GRUPOS}


def sumar(total: Cifras, mas: Mapping[str, Mapping[str, float]]) -> None:
    for grupo, valores in mas.items():
        suma = total[grupo]
        for clave, n in valores.items():
            suma[clave] = suma.get(clave, 0) + n


def resta(total: Mapping[str, Mapping[str, float]], menos: Mapping[str, Mapping[str, float]]) -> Cifras:
    """What is left of figures when some of those counted in them are taken out; what comes to nothing is not there."""
    queda = vacias()
    for grupo, valores in total.items():
        quitar = menos.get(grupo, {})
        queda[grupo] = {clave: resto for clave, n in valores.items() if (resto := n - quitar.get(clave, 0))}
    return queda


def cuantas(cifras: Mapping[str, Mapping[str, float]]) -> int:
    """Consultas counted in these figures."""
    return int(sum(cifras["tipo"].values()))


def percentil(ms: Mapping[str, float], parte: float) -> int | None:
    """The smallest time that at least `parte` (0–1) of them do not exceed; None if there are none."""
    faltan = ceil(parte * sum(ms.values()))
    for cubo in sorted(ms, key=int):
        faltan -= int(ms[cubo])
        if faltan <= 0:
            return round(exp((int(cubo) + 0.5) / CUBOS) - 1)
    return None


def frecuentes(ciudades: Mapping[str, float], cuantas: int) -> list[tuple[str, int]]:
    """The most asked for; accents and case aside, under the spelling used most."""
    grafias: dict[str, dict[str, float]] = {}
    for nombre, n in ciudades.items():
        grafias.setdefault(plegar(nombre).rstrip(), {})[nombre] = n
    sumas = [(max(g, key=lambda nombre: (g[nombre], nombre)), int(sum(g.values()))) for g in grafias.values()]
    return sorted(sumas, key=lambda ciudad: (-ciudad[1], ciudad[0]))[:cuantas]
