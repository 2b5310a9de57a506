"""Many providers' measurements → one, with how far they disagree and what was left out.

Rejection: with three or more sources, a value is left out when it stands both further from the median than
TOLERANCIA and more than Z_MAXIMA robust deviations away (0.6745·|x − median| / MAD; Iglewicz and Hoaglin,
"How to Detect and Handle Outliers", 1993). Wind direction is the mean of vectors weighted by speed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import atan2, cos, degrees, hypot, log, radians, sin, sqrt
from statistics import fmean, median
from typing import Any

from shared.clima import CAMPOS_NUMERICOS, Medicion, Proveedor

Valores = dict[str, float | str | None]

Z_MAXIMA = 3.5
# how far two sources may stand apart before it matters, by field
TOLERANCIA = {
    "temperatura": 3.0,
    "temperatura_min": 3.0,
    "temperatura_max": 3.0,
    "presion_atmosferica": 5.0,
    "humedad_relativa": 20.0,
    "velocidad_viento": 15.0,
    "direccion_viento": 45.0,
    "precipitacion": 5.0,
    "visibilidad": 5000.0,
    "indice_uv": 2.0,
    "calidad_aire": 30.0,
}
ENTEROS = ("humedad_relativa", "direccion_viento", "visibilidad", "calidad_aire")
TEMPERATURAS = ("temperatura", "temperatura_min", "temperatura_max")
GRADIENTE_C_POR_M = 0.0065  # ICAO standard atmosphere, below 11 km
DESNIVEL_MINIMO_M = 50.0
TERRENO = Proveedor.OPENMETEO.value  # its elevation is that of the asked point, from a 90 m terrain model
AUTORIDAD = [p.value for p in Proveedor]


def combinar(
    mediciones: Mapping[str, Medicion], campos: Iterable[str]
) -> tuple[Valores, dict[str, Any], dict[str, Any]]:
    """One instant or day: values by field, dispersion by field, and {provider: {field: reason}} of what was left out.

    The order of the providers does not matter. temperatura_min and _max are here whatever the sources call so.
    """
    valores: Valores = {}
    dispersion: dict[str, Any] = {}
    descartes: dict[str, Any] = {}
    for campo in campos:
        if campo == "descripcion_clima":
            valores[campo] = _descripcion(mediciones)
        elif campo == "direccion_viento":
            valores[campo], dispersion[campo] = _direccion(mediciones)
        else:
            dados = {p: v for p, m in sorted(mediciones.items()) if (v := getattr(m, campo)) is not None}
            quedan, fuera = rechazar(campo, dados)
            for proveedor, motivo in fuera.items():
                descartes.setdefault(proveedor, {})[campo] = motivo
            valores[campo] = redondear(campo, fmean(quedan.values())) if quedan else None
            dispersion[campo] = _dispersion(campo, list(quedan.values()))
    return valores, {c: d for c, d in dispersion.items() if d}, descartes


def rechazar(campo: str, dados: Mapping[str, float]) -> tuple[dict[str, float], dict[str, str]]:
    """Split {provider: value} into those that stay, and {provider: reason} for those that do not."""
    if len(dados) < 3:
        return dict(dados), {}
    centro = median(dados.values())
    mad = median(abs(v - centro) for v in dados.values())
    fuera = {
        p: f"{v:g} está lejos de la mediana {centro:g} de las demás fuentes"
        for p, v in dados.items()
        if abs(v - centro) > TOLERANCIA[campo] and 0.6745 * abs(v - centro) > Z_MAXIMA * mad
    }
    return {p: v for p, v in dados.items() if p not in fuera}, fuera


def media_vectorial(vientos: Iterable[tuple[float | None, float]]) -> tuple[float, float] | None:
    """Mean direction in degrees and its steadiness 0–1 from (speed, direction) pairs, weighted by speed.

    A pair without speed weighs as the mean of the others. None: calm, no pair, or directions that cancel out.
    """
    pares = list(vientos)
    conocidas = [v for v, _ in pares if v is not None]
    suplente = fmean(conocidas) if conocidas else 1.0
    pesos = [(suplente if v is None else v, radians(d)) for v, d in pares]
    total = sum(p for p, _ in pesos)
    este, norte = sum(p * sin(d) for p, d in pesos), sum(p * cos(d) for p, d in pesos)
    largo = hypot(este, norte)
    if total <= 0 or largo < 1e-6 * total:
        return None
    return degrees(atan2(este, norte)) % 360, min(1.0, largo / total)


def a_la_altura(m: Medicion, fuente_m: float | None, lugar_m: float | None) -> Medicion:
    """Temperatures moved from the height they stand for to the place's, by the standard atmosphere's lapse rate.

    Unchanged when a height is not known, or the difference is too small to matter.
    """
    if fuente_m is None or lugar_m is None or abs(fuente_m - lugar_m) < DESNIVEL_MINIMO_M:
        return m
    ajuste = (fuente_m - lugar_m) * GRADIENTE_C_POR_M
    campos = {c: v + ajuste for c in TEMPERATURAS if (v := getattr(m, c)) is not None}
    return replace(m, **campos, extras={**m.extras, "ajuste_por_altura_c": round(ajuste, 2)})


def redondear(campo: str, valor: float) -> float:
    """To the precision the customer's column keeps; a direction never becomes 360."""
    redondo = round(valor) if campo in ENTEROS else round(valor, 2)
    return redondo % 360 if campo == "direccion_viento" else redondo


def _direccion(mediciones: Mapping[str, Medicion]) -> tuple[float | None, dict[str, Any] | None]:
    pares = [(m.velocidad_viento, m.direccion_viento) for _, m in sorted(mediciones.items())]
    dados = [(v, d) for v, d in pares if d is not None]
    media = media_vectorial(dados)
    if media is None:
        return None, None
    grados, firmeza = media
    desviacion = degrees(sqrt(max(0.0, -2 * log(max(firmeza, 1e-9)))))  # circular standard deviation (Mardia, 1972)
    return redondear("direccion_viento", grados), {
        "min": None,
        "max": None,
        "desviacion": round(desviacion, 2),
        "n": len(dados),
        "acuerdo": acuerdo(2 * desviacion, "direccion_viento") if len(dados) > 1 else None,
    }


def _dispersion(campo: str, valores: list[float]) -> dict[str, Any] | None:
    if not valores:
        return None
    minimo, maximo = min(valores), max(valores)
    return {
        "min": redondear(campo, minimo),
        "max": redondear(campo, maximo),
        "desviacion": round(_desviacion(valores), 2),
        "n": len(valores),
        "acuerdo": acuerdo(maximo - minimo, campo) if len(valores) > 1 else None,
    }


def _desviacion(valores: list[float]) -> float:
    """Of the whole population. statistics.pstdev reckons in fractions, which took half the time of a year of hours."""
    centro = fmean(valores)
    return sqrt(fmean((v - centro) ** 2 for v in valores))


def acuerdo(distancia: float, campo: str) -> str:
    """How well sources agree: within half the tolerance, within it, or not."""
    tolerancia = TOLERANCIA[campo]
    return "alta" if distancia <= tolerancia / 2 else "media" if distancia <= tolerancia else "baja"


def _descripcion(mediciones: Mapping[str, Medicion]) -> str | None:
    """The text of the most authoritative source that has one."""
    orden = sorted(mediciones, key=lambda p: (AUTORIDAD.index(p) if p in AUTORIDAD else len(AUTORIDAD), p))
    return next((texto for p in orden if (texto := mediciones[p].descripcion_clima)), None)


class Resumen:
    """A period from its days or hours, one at a time: means, extremes, total rain, vector wind, commonest text."""

    def __init__(self) -> None:
        self.filas = 0
        self._n: Counter[str] = Counter()
        self._suma: Counter[str] = Counter()
        self._minimo: dict[str, float] = {}
        self._maximo: dict[str, float] = {}
        self._este = self._norte = 0.0
        self._textos: Counter[str] = Counter()

    def agregar(self, fila: Mapping[str, Any]) -> None:
        self.filas += 1
        for campo in CAMPOS_NUMERICOS:
            valor = fila.get(campo)
            if valor is not None:
                self._n[campo] += 1
                self._suma[campo] += valor
                self._minimo[campo] = min(valor, self._minimo.get(campo, valor))
                self._maximo[campo] = max(valor, self._maximo.get(campo, valor))
        if (grados := fila.get("direccion_viento")) is not None:
            peso = fila.get("velocidad_viento")
            self._este += (1.0 if peso is None else peso) * sin(radians(grados))
            self._norte += (1.0 if peso is None else peso) * cos(radians(grados))
        if texto := fila.get("descripcion_clima"):
            self._textos[texto] += 1

    def valores(self, campos: Iterable[str]) -> Valores:
        return {campo: self._valor(campo) for campo in campos}

    def cobertura(self, campo: str) -> float:
        """Share of the rows that have this field, 0–1."""
        con = self._n[campo] if campo in CAMPOS_NUMERICOS else sum(self._textos.values())
        return round(con / self.filas, 3) if self.filas else 0.0

    def extremos(self, campo: str) -> tuple[float, float] | None:
        return (self._minimo[campo], self._maximo[campo]) if self._n[campo] else None

    def _valor(self, campo: str) -> float | str | None:
        if campo == "descripcion_clima":
            return max(self._textos, key=lambda t: (self._textos[t], t)) if self._textos else None
        if campo == "direccion_viento":
            sin_rumbo = hypot(self._este, self._norte) < 1e-9
            return None if sin_rumbo else redondear(campo, degrees(atan2(self._este, self._norte)) % 360)
        fuente = "temperatura" if not self._n[campo] and campo.startswith("temperatura_") else campo
        if not self._n[fuente]:
            return None
        if campo == "temperatura_min":
            return redondear(campo, self._minimo[fuente])
        if campo == "temperatura_max":
            return redondear(campo, self._maximo[fuente])
        if campo == "precipitacion":
            return redondear(campo, self._suma[campo])
        return redondear(campo, self._suma[fuente] / self._n[fuente])
