"""Open-Meteo's variables: names old and new, units, and where each comes from in a clima.Serie.

Who has which: github.com/open-meteo/open-meteo @ba13de1c, openapi/{forecast,historical-weather,air-quality}.yml; of the
forecast's days that file leaves some out, and the server's own VariableDaily.swift is followed. A name that is in none
of an endpoint's lists is refused by it here, also where the server itself would answer with nulls.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import atan2, cos, degrees, radians, sin
from typing import Any

from deploy.laboratorio.clima import Serie
from deploy.laboratorio.formulas import horas_de_sol

VIEJOS = {
    "weathercode": "weather_code",
    "relativehumidity_2m": "relative_humidity_2m",
    "dewpoint_2m": "dew_point_2m",
    "cloudcover": "cloud_cover",
    "windspeed_10m": "wind_speed_10m",
    "winddirection_10m": "wind_direction_10m",
    "windgusts_10m": "wind_gusts_10m",
}
VIENTO = {
    "kmh": ("km/h", 3.6),
    "ms": ("m/s", 1.0),
    "mph": ("mp/h", 3.6 / 1.609344),
    "kn": ("kn", 3.6 / 1.852),
}


class VariableMalaError(ValueError):
    """An unknown variable or unit; the text is Open-Meteo's reason."""


@dataclass(frozen=True, slots=True)
class Unidades:
    fahrenheit: bool = False
    viento: str = "kmh"
    pulgadas: bool = False

    @classmethod
    def de(cls, parametro: Callable[[str, str], str]) -> "Unidades":
        def una(nombre: str, clase: str, *validas: str) -> str:
            valor = parametro(nombre, validas[0]) or validas[0]
            if valor not in validas:
                raise _mala(clase, valor, nombre)
            return valor

        temperatura = una("temperature_unit", "TemperatureUnit", "celsius", "fahrenheit")
        viento = una("wind_speed_unit", "WindspeedUnit", *VIENTO)
        lluvia = una("precipitation_unit", "PrecipitationUnit", "mm", "inch")
        return cls(temperatura == "fahrenheit", viento, lluvia == "inch")


@dataclass(frozen=True, slots=True)
class Variable:
    """clase decides unit and rounding; leer gives the column in °C, m/s, mm/h and so on."""

    clase: str
    leer: Callable[[Serie], list[Any]]


def _rocio(s: Serie) -> list[float]:
    return [t - (100 - h) / 5 for t, h in zip(s.temperatura_c, s.humedad, strict=True)]


def _sensacion(s: Serie) -> list[float]:
    columnas = zip(s.temperatura_c, s.humedad, s.viento_ms, strict=True)
    return [t + 0.03 * (h - 60) - 0.3 * v for t, h, v in columnas]


def _nieve(s: Serie) -> list[float]:
    return [r * 0.7 if t <= 0.5 else 0.0 for r, t in zip(s.lluvia_mm_h, s.temperatura_c, strict=True)]


def _liquida(s: Serie) -> list[float]:
    return [r if t > 0.5 else 0.0 for r, t in zip(s.lluvia_mm_h, s.temperatura_c, strict=True)]


def _europeo(s: Serie) -> list[int]:
    return [round(2 * pm) for pm in s.pm25]


def _uv_despejado(s: Serie) -> list[float]:
    return [u / (1 - 0.006 * n) for u, n in zip(s.indice_uv, s.nubes, strict=True)]


_CLIMA = {
    "temperature_2m": Variable("temperatura", lambda s: s.temperatura_c),
    "apparent_temperature": Variable("temperatura", _sensacion),
    "dew_point_2m": Variable("temperatura", _rocio),
    "relative_humidity_2m": Variable("%", lambda s: s.humedad),
    "precipitation": Variable("lluvia", lambda s: s.lluvia_mm_h),
    "rain": Variable("lluvia", _liquida),
    "showers": Variable("lluvia", lambda s: [0.0] * len(s.horas)),
    "snowfall": Variable("nieve", _nieve),
    "precipitation_probability": Variable("%", lambda s: [n * 0.7 if n > 50 else 3.0 for n in s.nubes]),
    "weather_code": Variable("wmo code", lambda s: s.codigo_wmo),
    "pressure_msl": Variable("hPa", lambda s: s.presion_mar_hpa),
    "surface_pressure": Variable("hPa", lambda s: s.presion_estacion_hpa),
    "cloud_cover": Variable("%", lambda s: s.nubes),
    "visibility": Variable("m", lambda s: s.visibilidad_m),
    "wind_speed_10m": Variable("viento", lambda s: s.viento_ms),
    "wind_gusts_10m": Variable("viento", lambda s: [1.8 * v + 0.6 for v in s.viento_ms]),
    "wind_direction_10m": Variable("°", lambda s: s.direccion),
    "uv_index": Variable("uv", lambda s: s.indice_uv),
    "uv_index_clear_sky": Variable("uv", _uv_despejado),
    "is_day": Variable("", lambda s: [int(c > 0) for c in s.coseno_cenital]),
}
_AIRE = {
    "pm2_5": Variable("μg/m³", lambda s: s.pm25),
    "pm10": Variable("μg/m³", lambda s: [1.7 * pm for pm in s.pm25]),
    "carbon_monoxide": Variable("μg/m³", lambda s: [150 + 12 * pm for pm in s.pm25]),
    "nitrogen_dioxide": Variable("μg/m³", lambda s: [1.1 * pm for pm in s.pm25]),
    "sulphur_dioxide": Variable("μg/m³", lambda s: [0.2 * pm for pm in s.pm25]),
    "ozone": Variable("μg/m³", lambda s: [35 + 5 * u for u in s.indice_uv]),
    "us_aqi": Variable("USAQI", lambda s: s.us_aqi),
    "us_aqi_pm2_5": Variable("USAQI", lambda s: s.us_aqi),
    "european_aqi": Variable("EAQI", _europeo),
    "uv_index": _CLIMA["uv_index"],
    "uv_index_clear_sky": _CLIMA["uv_index_clear_sky"],
}
_TODAS = _CLIMA | _AIRE
CLIMA, AIRE = frozenset(_CLIMA), frozenset(_AIRE)
SOLO_PRONOSTICO = {"visibility", "uv_index", "uv_index_clear_sky", "precipitation_probability", "showers"}
CLIMA_ARCHIVO = CLIMA - SOLO_PRONOSTICO
_TRES = ("max", "mean", "min")
DIARIAS_ARCHIVO = frozenset(
    {
        *(f"{v}_{r}" for v in ("temperature_2m", "apparent_temperature", "dew_point_2m") for r in _TRES),
        *(f"relative_humidity_2m_{r}" for r in _TRES),
        *("precipitation_sum", "rain_sum", "snowfall_sum", "precipitation_hours"),
        *("wind_speed_10m_max", "wind_speed_10m_mean", "wind_gusts_10m_max", "wind_direction_10m_dominant"),
        *("weather_code", "pressure_msl_mean", "cloud_cover_mean", "sunrise", "sunset", "daylight_duration"),
    }
)
DIARIAS = DIARIAS_ARCHIVO | {
    *(f"{v}_{r}" for v in ("visibility", "pressure_msl", "surface_pressure", "cloud_cover") for r in _TRES),
    *(f"{v}_{r}" for v in ("wind_speed_10m", "wind_gusts_10m", "precipitation_probability") for r in _TRES),
    *("uv_index_max", "uv_index_clear_sky_max", "showers_sum"),
}
_DECIMALES = {"temperatura": 1, "lluvia": 2, "nieve": 2, "hPa": 1, "viento": 1, "μg/m³": 1, "uv": 2}
_ENTEROS = {"%", "°", "wmo code", "USAQI", "EAQI", ""}
_SOL = {"sunrise": -0.5, "sunset": 0.5}


def columna(
    serie: Serie, nombre: str, validas: frozenset[str], clave: str, unidades: Unidades, horas: float = 1.0
) -> list[Any]:
    """One variable in the units asked for. horas: the span that sums (rain, snow) cover."""
    variable = _variable(nombre, validas, clave)
    return _convertir(variable.clase, variable.leer(serie), unidades, horas)


def columna_diaria(
    serie: Serie, nombre: str, validas: frozenset[str], unidades: Unidades, desfase_s: int, unix: bool
) -> list[Any]:
    """A variable summed up over each 24 rows of the Serie."""
    if _nueva(nombre) not in validas:
        raise _mala("ForecastVariableDaily", nombre, "daily")
    if nombre in _SOL:
        return _sol(serie, _SOL[nombre], desfase_s, unix)
    if nombre == "daylight_duration":
        return [round(horas_de_sol(serie.latitud, h + 12) * 3600, 2) for h in serie.horas[::24]]
    base, resumen = _partir(nombre)
    variable = _TODAS[VIEJOS.get(base, base)]
    valores = variable.leer(serie)
    if resumen == "dominant":
        return _dominante(valores, serie.viento_ms)
    if resumen == "hours":
        return [float(sum(v >= 0.1 for v in valores[i : i + 24])) for i in range(0, len(valores), 24)]
    resumir = _RESUMIR[resumen]
    dias = [resumir(valores[i : i + 24]) for i in range(0, len(valores), 24)]
    return _convertir(variable.clase, dias, unidades, 1.0)


def unidad(nombre: str, unidades: Unidades) -> str:
    clase = _TODAS[VIEJOS.get(nombre, nombre)].clase
    especiales = {
        "temperatura": "°F" if unidades.fahrenheit else "°C",
        "viento": VIENTO[unidades.viento][0],
        "lluvia": "inch" if unidades.pulgadas else "mm",
        "nieve": "inch" if unidades.pulgadas else "cm",
        "uv": "",
    }
    return especiales.get(clase, clase)


def unidad_diaria(nombre: str, unidades: Unidades) -> str:
    if nombre in _SOL:
        return "iso8601"
    if nombre == "daylight_duration":
        return "s"
    base, resumen = _partir(nombre)
    return "h" if resumen == "hours" else unidad(base, unidades)


def _mala(clase: str, valor: str, clave: str) -> VariableMalaError:
    return VariableMalaError(f"Cannot initialize {clase} from invalid String value {valor} for key {clave}")


def _variable(nombre: str, validas: frozenset[str], clave: str) -> Variable:
    nuevo = VIEJOS.get(nombre, nombre)
    if nuevo not in validas:
        clase = "CamsVariable" if "pm2_5" in validas else "SurfaceVariable"
        raise _mala(clase, nombre, clave)
    return _TODAS[nuevo]


def _convertir(clase: str, valores: list[Any], unidades: Unidades, horas: float) -> list[Any]:
    if clase in _ENTEROS:
        return [round(v) for v in valores]
    if clase == "temperatura" and unidades.fahrenheit:
        return [round(v * 1.8 + 32, 1) for v in valores]
    factor, decimales = 1.0, _DECIMALES.get(clase, 0)
    if clase == "viento":
        factor = VIENTO[unidades.viento][1]
    if clase in ("lluvia", "nieve"):
        factor = horas / (25.4 if clase == "lluvia" else 2.54) if unidades.pulgadas else horas
        decimales = 3 if unidades.pulgadas else 2
    if clase == "m":
        return [float(round(v)) for v in valores]
    return [round(v * factor, decimales) for v in valores]


def _partir(nombre: str) -> tuple[str, str]:
    """temperature_2m_max → (temperature_2m, max); weather_code alone is the day's worst."""
    if nombre in ("weather_code", "weathercode"):
        return nombre, "max"
    base, _, resumen = nombre.rpartition("_")
    return base, resumen


def _nueva(nombre: str) -> str:
    """windspeed_10m_max → wind_speed_10m_max."""
    if nombre in VIEJOS:
        return VIEJOS[nombre]
    base, _, resumen = nombre.rpartition("_")
    return f"{VIEJOS.get(base, base)}_{resumen}" if base else nombre


def _dominante(grados: list[float], fuerzas: list[float]) -> list[int]:
    """Vector mean of each day, weighted by speed."""
    dias = []
    for i in range(0, len(grados), 24):
        pares = list(zip(grados[i : i + 24], fuerzas[i : i + 24], strict=True))
        este = sum(f * sin(radians(g)) for g, f in pares)
        norte = sum(f * cos(radians(g)) for g, f in pares)
        dias.append(round(degrees(atan2(este, norte))) % 360)
    return dias


def _sol(serie: Serie, lado: float, desfase_s: int, unix: bool) -> list[Any]:
    instantes = []
    for h in serie.horas[::24]:
        mediodia = h + 12 + (desfase_s / 3600 - serie.longitud / 15)
        instantes.append(round((mediodia + lado * horas_de_sol(serie.latitud, mediodia)) * 60) * 60)
    if unix:
        return list(instantes)
    return [f"{datetime.fromtimestamp(s + desfase_s, UTC):%Y-%m-%dT%H:%M}" for s in instantes]


_RESUMIR: dict[str, Callable[[list[Any]], Any]] = {
    "max": max,
    "min": min,
    "sum": sum,
    "mean": lambda valores: sum(valores) / len(valores),
}
