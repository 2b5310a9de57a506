"""Many providers' measurements → one, with how far they disagree and what was left out.

Rejection: with three or more sources, a value is left out when it stands both further from the median than
TOLERANCIA and more than Z_MAXIMA robust deviations away (0.6745·|x − median| / MAD; Iglewicz and Hoaglin,
"How to Detect and Handle Outliers", 1993). Wind direction is the mean of vectors weighted by speed; whose speed was
left out has no say in it. A visibility that only says «at least» gives way to one that sees farther, and makes the
result say «at least» where it stays (al_menos in dispersion).

The three temperatures are combined each from its own sources, which need not be the same: where a minimum then stands
above the mean or the maximum, or a maximum below, it is widened to it, and dispersion says from where (ampliada_desde).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import atan2, cos, degrees, hypot, log, radians, sin, sqrt
from statistics import fmean, median
from typing import Any

from shared.clima import Medicion, Proveedor
from shared.redondeo import mitad_arriba, redondear

Valores = dict[str, float | str | None]
Reunido = tuple[float | None, dict[str, Any] | None, dict[str, str]]  # value, dispersion, {provider: why left out}

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
SIN_VELOCIDAD = "su velocidad se descartó"
SOLO_AL_MENOS = "dice «al menos», y otra fuente ve más lejos"
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
            continue
        reunir = _direccion if campo == "direccion_viento" else _visibilidad if campo == "visibilidad" else _numero
        valores[campo], dispersion[campo], fuera = reunir(campo, mediciones)
        for proveedor, motivo in fuera.items():
            descartes.setdefault(proveedor, {})[campo] = motivo
    for campo, antes in en_orden(valores).items():
        dispersion[campo]["ampliada_desde"] = antes
    return valores, {c: d for c, d in dispersion.items() if d}, descartes


def en_orden(valores: Valores) -> dict[str, float]:
    """Widen the extremes, in place, until minimum ≤ mean ≤ maximum; what those that moved were before."""
    conocidas = [v for c in TEMPERATURAS if isinstance(v := valores.get(c), int | float)]
    movidas: dict[str, float] = {}
    for campo, extremo in (("temperatura_min", min), ("temperatura_max", max)):
        valor = valores.get(campo)
        if isinstance(valor, int | float) and valor != (hasta := extremo(conocidas)):
            movidas[campo], valores[campo] = valor, hasta
    return movidas


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
    viento, rumbo = Vector(), Vector()
    for velocidad, grados in vientos:
        if velocidad is None:
            rumbo.sumar(1.0, grados)
        else:
            viento.sumar(velocidad, grados)
    todo = viento.mas(rumbo)
    direccion = todo.direccion()
    return None if direccion is None else (direccion, min(1.0, hypot(todo.este, todo.norte) / todo.peso))


def a_la_altura(m: Medicion, fuente_m: float | None, lugar_m: float | None) -> Medicion:
    """Temperatures moved from the height they stand for to the place's, by the standard atmosphere's lapse rate.

    Unchanged when a height is not known, or the difference is too small to matter.
    """
    if fuente_m is None or lugar_m is None or abs(fuente_m - lugar_m) < DESNIVEL_MINIMO_M:
        return m
    ajuste = (fuente_m - lugar_m) * GRADIENTE_C_POR_M
    campos = {c: v + ajuste for c in TEMPERATURAS if (v := getattr(m, c)) is not None}
    return replace(m, **campos, extras={**m.extras, "ajuste_por_altura_c": round(ajuste, 2)})


def _numero(campo: str, mediciones: Mapping[str, Medicion]) -> Reunido:
    quedan, fuera = rechazar(campo, _dados(campo, mediciones))
    valor = redondear(campo, fmean(quedan.values())) if quedan else None
    return valor, _dispersion(campo, list(quedan.values())), fuera


def _visibilidad(campo: str, mediciones: Mapping[str, Medicion]) -> Reunido:
    """Those that say «at least» neither judge the others nor pull them down."""
    dados = _dados(campo, mediciones)
    topes = {p: v for p, v in dados.items() if mediciones[p].visibilidad_tope}
    quedan, fuera = rechazar(campo, {p: v for p, v in dados.items() if p not in topes})
    mayor = max((*quedan.values(), *topes.values()), default=0.0)
    fuera |= {p: SOLO_AL_MENOS for p, v in topes.items() if v < mayor}
    quedan |= {p: v for p, v in topes.items() if v == mayor}
    dispersion = _dispersion(campo, list(quedan.values()))
    if dispersion and topes.keys() & quedan.keys():
        dispersion["al_menos"] = True
    return redondear(campo, fmean(quedan.values())) if quedan else None, dispersion, fuera


def _direccion(campo: str, mediciones: Mapping[str, Medicion]) -> Reunido:
    lejos = rechazar("velocidad_viento", _dados("velocidad_viento", mediciones))[1]
    mudos = lejos.keys() | {p for p, m in mediciones.items() if _sin_su_velocidad(m)}
    rumbos = _dados(campo, mediciones)
    fuera = {p: SIN_VELOCIDAD for p in rumbos if p in mudos}
    quedan = {p: grados for p, grados in rumbos.items() if p not in mudos}
    media = media_vectorial((mediciones[p].velocidad_viento, grados) for p, grados in quedan.items())
    if media is None:
        return None, None, fuera
    grados, firmeza = media
    desviacion = degrees(sqrt(max(0.0, -2 * log(max(firmeza, 1e-9)))))  # circular standard deviation (Mardia, 1972)
    dispersion = {
        "min": None,
        "max": None,
        "desviacion": mitad_arriba(desviacion, 2),
        "n": len(quedan),
        "acuerdo": acuerdo(2 * desviacion, campo) if len(quedan) > 1 else None,
    }
    return redondear(campo, grados), dispersion, fuera


def _sin_su_velocidad(m: Medicion) -> bool:
    """It told a speed, which cannot be: not the same as telling none."""
    return m.velocidad_viento is None and "velocidad_viento" in m.imposibles


def _dados(campo: str, mediciones: Mapping[str, Medicion]) -> dict[str, float]:
    return {p: v for p, m in sorted(mediciones.items()) if (v := getattr(m, campo)) is not None}


def _dispersion(campo: str, valores: list[float]) -> dict[str, Any] | None:
    if not valores:
        return None
    minimo, maximo = min(valores), max(valores)
    return {
        "min": redondear(campo, minimo),
        "max": redondear(campo, maximo),
        "desviacion": mitad_arriba(_desviacion(valores), 2),
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


@dataclass
class Vector:
    """Winds added up. peso: their speeds together; n: how many."""

    este: float = 0.0
    norte: float = 0.0
    peso: float = 0.0
    n: int = 0

    def sumar(self, velocidad: float, grados: float) -> None:
        self.este += velocidad * sin(radians(grados))
        self.norte += velocidad * cos(radians(grados))
        self.peso += velocidad
        self.n += 1

    def mas(self, sin_velocidad: Vector) -> Vector:
        """With those whose speed is not known, each as the mean of these."""
        suplente = self.peso / self.n if self.n else 1.0
        este, norte = (self.este + suplente * sin_velocidad.este, self.norte + suplente * sin_velocidad.norte)
        return Vector(este, norte, self.peso + suplente * sin_velocidad.peso, self.n + sin_velocidad.n)

    def direccion(self) -> float | None:
        """Degrees, where it comes from. None: calm, none, or directions that cancel out."""
        largo = hypot(self.este, self.norte)
        return None if self.peso <= 0 or largo < 1e-6 * self.peso else degrees(atan2(self.este, self.norte)) % 360
