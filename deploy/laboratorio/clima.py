"""The weather of the laboratory: a pure function of place and time, smooth in both, equal on every machine.

Nothing here is an observation. Every column is a base value plus daily, seasonal and drifting waves; their
phases come from SHA-256: no state, no random number. A provider sees the same truth through its own Sesgo.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from math import cos, pi, radians, sin

from deploy.laboratorio.formulas import aqi_de_pm25, codigo_wmo
from deploy.laboratorio.lugares import altitud_m

Columna = list[float]
Onda = tuple[float, float, float]  # amplitude, radians per hour, phase

GRADIENTE_C_M = 0.0055


@dataclass(frozen=True, slots=True)
class Sesgo:
    """What one provider adds to the truth (the first four) or multiplies it by (the others)."""

    temperatura_c: float = 0.0
    presion_hpa: float = 0.0
    humedad: float = 0.0
    direccion: float = 0.0
    viento: float = 1.0
    lluvia: float = 1.0
    vista: float = 1.0
    uv: float = 1.0
    aire: float = 1.0


@lru_cache(maxsize=64)
def sesgo_de(proveedor: str) -> Sesgo:
    """Small and fixed per provider: at most 0.6 °C, 0.6 hPa, 3 %, 8°, and a tenth of the rest."""

    def entre(que: str, centro: float, radio: float) -> float:
        return round(centro + radio * (2 * _fraccion(f"{proveedor}/{que}") - 1), 3)

    sumas = (
        entre("temperatura", 0, 0.6),
        entre("presion", 0, 0.6),
        entre("humedad", 0, 3),
        entre("direccion", 0, 8),
    )
    return Sesgo(*sumas, *(entre(que, 1, 0.1) for que in ("viento", "lluvia", "vista", "uv", "aire")))


class Serie:
    """Weather at one place at many instants, one column per quantity, each computed when it is first read.

    horas: hours since 1970 UTC, fractions allowed. Wind is at 10 m and comes from `direccion`; lluvia_mm_h is
    a rate, and exactly 0.0 when dry.
    """

    def __init__(self, latitud: float, longitud: float, horas: Sequence[float], proveedor: str = "") -> None:
        self.latitud, self.longitud, self.horas = latitud, longitud, horas
        self.sesgo = sesgo_de(proveedor) if proveedor else Sesgo()
        self.altitud_m = altitud_m(latitud, longitud)

    @cached_property
    def temperatura_c(self) -> Columna:
        lat = abs(self.latitud)
        base = 28.5 - 0.0065 * lat * lat - GRADIENTE_C_M * self.altitud_m + self.sesgo.temperatura_c
        anual = 0.22 * self.latitud
        deriva = self._ondas("temperatura", 0.8 + lat / 40, (61, 173, 407))
        columnas = zip(self.horas, deriva, self._nubosidad, self._marea_diaria(14), self._lluvia, strict=True)
        return [
            base - anual * cos(2 * pi * (h / 8766 - 0.05)) + d + (4.6 - 2.0 * n) * sol - 0.5 * min(r, 4)
            for h, d, n, sol, r in columnas
        ]

    @cached_property
    def presion_mar_hpa(self) -> Columna:
        marea = 1.4 * cos(radians(self.latitud)) ** 2
        base = 1014.3 + self.sesgo.presion_hpa
        deriva = self._ondas("presion", 0.8 + abs(self.latitud) * 0.06, (97, 229, 613))
        columnas = zip(deriva, self._hora_solar, strict=True)
        return [base + d + marea * cos(pi * (hora - 10) / 6) for d, hora in columnas]

    @cached_property
    def presion_estacion_hpa(self) -> Columna:
        """International barometric formula from the sea to altitud_m."""
        caida = 0.0065 * self.altitud_m
        return [
            p * (1 - caida / (t + 273.15 + caida)) ** 5.257
            for p, t in zip(self.presion_mar_hpa, self.temperatura_c, strict=True)
        ]

    @cached_property
    def humedad(self) -> Columna:
        base = 70 + self.sesgo.humedad
        columnas = zip(self._marea_diaria(14), self._nubosidad, self._lluvia, strict=True)
        return [min(99.0, max(18.0, base - 13 * sol + 16 * (n - 0.5) + (6 if r else 0))) for sol, n, r in columnas]

    @cached_property
    def viento_ms(self) -> Columna:
        deriva = self._ondas("viento", 0.9, (47, 131, 311))
        factor = self.sesgo.viento
        columnas = zip(deriva, self._marea_diaria(15), strict=True)
        return [factor * max(0.3, 2.4 + d + 1.1 * brisa) for d, brisa in columnas]

    @cached_property
    def direccion(self) -> Columna:
        base = 60 + 25 * sin(radians(4 * self.latitud)) + self.sesgo.direccion
        deriva = self._ondas("direccion", 35, (59, 149, 367))
        return [(base + d + 30 * giro) % 360 for d, giro in zip(deriva, self._marea_diaria(6), strict=True)]

    @cached_property
    def lluvia_mm_h(self) -> Columna:
        factor = self.sesgo.lluvia
        return [round(r * factor, 1) if r else 0.0 for r in self._lluvia]

    @cached_property
    def nubes(self) -> Columna:
        """Cloud cover in %; at least 80 while it rains."""
        return [
            100 * max(n, min(1.0, 0.8 + r / 10) if r else 0.0)
            for n, r in zip(self._nubosidad, self._lluvia, strict=True)
        ]

    @cached_property
    def visibilidad_m(self) -> Columna:
        factor = self.sesgo.vista
        return [
            round(factor * max(300.0, (24000 - 90 * n) / (1 + 0.35 * r) * (0.04 if u else 1.0)), -1)
            for n, r, u in zip(self.nubes, self._lluvia, self._niebla, strict=True)
        ]

    @cached_property
    def indice_uv(self) -> Columna:
        tope = 13.0 * (1 + 0.08 * self.altitud_m / 1000) * self.sesgo.uv
        columnas = zip(self.coseno_cenital, self.nubes, strict=True)
        return [tope * c**1.3 * (1 - 0.006 * n) if c > 0 else 0.0 for c, n in columnas]

    @cached_property
    def pm25(self) -> Columna:
        """µg/m³: two rush hours over a slow drift, washed by rain."""
        deriva = self._ondas("aire", 2.6, (83, 197, 521))
        factor = self.sesgo.aire
        columnas = zip(deriva, self._marea_diaria(8), self._lluvia, strict=True)
        # 4 cos 2x + 1.5 cos x, with cos 2x = 2 cos² x - 1
        return [factor * max(1.5, 11 + d + 8 * t * t - 4 + 1.5 * t) / (1 + r / 4) for d, t, r in columnas]

    @cached_property
    def us_aqi(self) -> list[int]:
        return [aqi_de_pm25(pm) for pm in self.pm25]

    @cached_property
    def codigo_wmo(self) -> list[int]:
        return [
            codigo_wmo(r, n, t, u)
            for r, n, t, u in zip(self.lluvia_mm_h, self.nubes, self.temperatura_c, self._niebla, strict=True)
        ]

    @cached_property
    def coseno_cenital(self) -> Columna:
        """Of the sun; above 0 it is day."""
        seno_lat, coseno_lat = sin(radians(self.latitud)), cos(radians(self.latitud))
        inclinacion = sin(radians(23.44))
        columna = []
        for h, hora in zip(self.horas, self._hora_solar, strict=True):
            seno = inclinacion * sin(2 * pi * (h / 8766 - 0.22))
            coseno = (1 - seno * seno) ** 0.5
            columna.append(seno_lat * seno + coseno_lat * coseno * cos(2 * pi * (hora - 12) / 24))
        return columna

    @cached_property
    def _hora_solar(self) -> Columna:
        corrida = self.longitud / 15
        return [(h + corrida) % 24 for h in self.horas]

    @cached_property
    def _humedal(self) -> Columna:
        """How unsettled the air is, about -1 to 1: drives clouds and rain together."""
        return self._ondas("humedal", 0.42, (71, 187, 443))

    @cached_property
    def _nubosidad(self) -> Columna:
        return [min(1.0, max(0.03, 0.5 + 0.75 * i)) for i in self._humedal]

    @cached_property
    def _lluvia(self) -> Columna:
        """mm/h before any bias: afternoon and pre-dawn showers on unsettled days; dry is exactly 0.0."""
        columna = []
        for i, c, t in zip(self._humedal, self._celdas, self._marea_diaria(16), strict=True):
            fuerza = i + c + 0.22 * t + 0.12 * (2 * t * t - 1) - 0.62
            columna.append(round(6 * fuerza, 1) if fuerza > 0.009 else 0.0)
        return columna

    @cached_property
    def _celdas(self) -> Columna:
        return self._ondas("celdas", 0.2, (13, 29, 41))

    @cached_property
    def _niebla(self) -> list[bool]:
        columnas = zip(self._nubosidad, self._lluvia, self._hora_solar, self._celdas, strict=True)
        return [n > 0.72 and not r and 3.5 < hora < 7.5 and abs(c) < 0.18 for n, r, hora, c in columnas]

    def _marea_diaria(self, hora_maxima: float) -> Columna:
        """1 at that solar hour, -1 twelve hours later."""
        vuelta = 2 * pi / 24
        return [cos(vuelta * (hora - hora_maxima)) for hora in self._hora_solar]

    def _ondas(self, nombre: str, amplitud: float, periodos_h: tuple[int, int, int]) -> Columna:
        """Three drifting waves whose phase also runs over the map: neighbours have about the same weather."""
        (a, w, f), (b, v, g), (c, u, k) = (
            _onda(f"{nombre}/{horas}", amplitud, horas, self.latitud, self.longitud) for horas in periodos_h
        )
        return [a * sin(w * h + f) + b * sin(v * h + g) + c * sin(u * h + k) for h in self.horas]


def _onda(nombre: str, amplitud: float, periodo_h: int, latitud: float, longitud: float) -> Onda:
    fase = 2 * pi * _fraccion(nombre)
    norte, este = 0.25 + 0.5 * _fraccion(nombre + "/norte"), 0.25 + 0.5 * _fraccion(nombre + "/este")
    alto = amplitud * (0.75 + 0.5 * _fraccion(nombre + "/a"))
    return alto, 2 * pi / periodo_h, fase + norte * latitud - este * longitud


@lru_cache(maxsize=1024)
def _fraccion(nombre: str) -> float:
    return int.from_bytes(sha256(f"climaguru/{nombre}".encode()).digest()[:6], "big") / 2**48
