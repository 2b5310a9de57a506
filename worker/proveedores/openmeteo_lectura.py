"""Open-Meteo's bodies as measurements and places: pure functions, no calls. Sources: see openmeteo.py."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

from shared.clima import Lugar, Medicion, Resolucion
from shared.posible import posible
from worker.proveedores.cuerpos import INCOMPRENSIBLE, bloque, entero, instante_iso, instante_unix, numero, texto, zona
from worker.proveedores.http import ErrorProveedor

DESFASE_MAXIMO = timedelta(hours=18)

# Ours → their names, the current one first, then those of bodies before 2024.
ACTUAL = {
    "temperatura": ("temperature_2m", "temperature"),
    "humedad_relativa": ("relative_humidity_2m", "relativehumidity_2m"),
    "presion_atmosferica": ("pressure_msl",),
    "velocidad_viento": ("wind_speed_10m", "windspeed_10m", "windspeed"),
    "direccion_viento": ("wind_direction_10m", "winddirection_10m", "winddirection"),
    "precipitacion": ("precipitation",),
    "visibilidad": ("visibility",),
    "indice_uv": ("uv_index",),
    "codigo_clima": ("weather_code", "weathercode"),
    "calidad_aire": ("us_aqi",),
}
DIARIO = {
    "temperatura": ("temperature_2m_mean",),
    "temperatura_min": ("temperature_2m_min",),
    "temperatura_max": ("temperature_2m_max",),
    "humedad_relativa": ("relative_humidity_2m_mean",),
    "presion_atmosferica": ("pressure_msl_mean",),
    "velocidad_viento": ("wind_speed_10m_mean", "wind_speed_10m_max", "windspeed_10m_max"),
    "direccion_viento": ("wind_direction_10m_dominant", "winddirection_10m_dominant"),
    "precipitacion": ("precipitation_sum",),
    "visibilidad": ("visibility_mean",),
    "indice_uv": ("uv_index_max",),
    "codigo_clima": ("weather_code", "weathercode"),
}
CONVERSIONES = {
    "m/s": 3.6,
    "kn": 1.852,
    "mp/h": 1.609344,
    "inch": 25.4,
    "ft": 0.3048,
    "km": 1000.0,
    "km/h": 1.0,
}
CODIGOS_WMO = {
    0: "Cielo despejado",
    1: "Mayormente despejado",
    2: "Parcialmente nublado",
    3: "Cubierto",
    45: "Niebla",
    48: "Niebla con escarcha",
    51: "Llovizna ligera",
    53: "Llovizna moderada",
    55: "Llovizna densa",
    56: "Llovizna helada ligera",
    57: "Llovizna helada densa",
    61: "Lluvia ligera",
    63: "Lluvia moderada",
    65: "Lluvia fuerte",
    66: "Lluvia helada ligera",
    67: "Lluvia helada fuerte",
    71: "Nevada ligera",
    73: "Nevada moderada",
    75: "Nevada fuerte",
    77: "Granos de nieve",
    80: "Chubascos ligeros",
    81: "Chubascos moderados",
    82: "Chubascos violentos",
    85: "Chubascos de nieve ligeros",
    86: "Chubascos de nieve fuertes",
    95: "Tormenta",
    96: "Tormenta con granizo ligero",
    99: "Tormenta con granizo fuerte",
}


def leer_actual(cuerpo: dict[str, Any]) -> Medicion:
    """The `current` block. Its precipitation is the sum of `interval` seconds, kept as given with the interval."""
    nombre = next((n for n in ("current", "current_weather") if isinstance(cuerpo.get(n), dict)), None)
    if nombre is None:
        raise ErrorProveedor("respondió sin datos actuales")
    actual, unidades = cuerpo[nombre], bloque(cuerpo, f"{nombre}_units")
    valores = {ours: _valor(actual, unidades, theirs) for ours, theirs in ACTUAL.items()}
    intervalo = entero(actual.get("interval"))
    extras = {"precipitacion_intervalo_s": intervalo} if intervalo is not None else {}
    return _medicion(valores, _instante(actual.get("time"), _desfase(cuerpo)), extras=extras)


def leer_serie(cuerpo: dict[str, Any], resolucion: Resolucion) -> list[Medicion]:
    """The `daily` or `hourly` block as one Medicion per local day or per hour; nulls stay None."""
    nombre, tabla = ("daily", DIARIO) if resolucion == Resolucion.DIARIA else ("hourly", ACTUAL)
    serie, unidades = bloque(cuerpo, nombre), bloque(cuerpo, f"{nombre}_units")
    if not isinstance(serie.get("time"), list):
        raise ErrorProveedor("respondió sin la serie pedida")
    columnas = {ours: _columna(serie, unidades, theirs) for ours, theirs in tabla.items()}
    return list(_filas(_desfase(cuerpo), serie["time"], columnas))


def _filas(desfase: timedelta, horas: list[Any], columnas: dict[str, list[float | None]]) -> Iterator[Medicion]:
    for n, hora in enumerate(horas):
        valores = {campo: columna[n] if n < len(columna) else None for campo, columna in columnas.items()}
        instante = _instante(hora, desfase)
        fecha = (instante + desfase).date() if instante else None
        yield _medicion(valores, instante, fecha=fecha)


def _medicion(
    valores: dict[str, float | None],
    instante: datetime | None,
    fecha: date | None = None,
    extras: dict[str, Any] | None = None,
) -> Medicion:
    codigo = entero(valores.pop("codigo_clima"))
    descripcion = None if codigo is None else CODIGOS_WMO.get(codigo)
    campos: dict[str, Any] = {**valores, "codigo_clima": codigo, "descripcion_clima": descripcion}
    return Medicion(**campos, observado_en=instante, fecha=fecha, extras=extras or {})


def _valor(bloque: dict[str, Any], unidades: dict[str, Any], nombres: tuple[str, ...]) -> float | None:
    for nombre in nombres:
        valor = numero(bloque.get(nombre))
        if valor is not None:
            return _convertir(valor, unidades.get(nombre))
    return None


def _columna(bloque: dict[str, Any], unidades: dict[str, Any], nombres: tuple[str, ...]) -> list[float | None]:
    """The first of these columns that holds any number."""
    for nombre in nombres:
        columna = bloque.get(nombre)
        if isinstance(columna, list) and any(v is not None for v in columna):
            unidad = unidades.get(nombre)
            return [None if (v := numero(x)) is None else _convertir(v, unidad) for x in columna]
    return []


def _convertir(valor: float, unidad: object) -> float:
    """To our units by the unit the body declares, whatever was asked for."""
    if unidad == "°F":
        return (valor - 32) * 5 / 9
    return valor * CONVERSIONES.get(str(unidad), 1.0)


def _instante(valor: Any, desfase: timedelta) -> datetime | None:
    """iso8601 is local without a zone: minus utc_offset_seconds, which holds for the whole range even across a
    change to summer time. unixtime is UTC as it is."""
    return instante_iso(valor, timezone(desfase)) or instante_unix(valor)


def _desfase(cuerpo: dict[str, Any]) -> timedelta:
    """A body that says none is in GMT; of one that says what cannot be, no hour is known."""
    segundos = numero(cuerpo.get("utc_offset_seconds", 0))
    if segundos is None or abs(segundos) > DESFASE_MAXIMO.total_seconds():
        raise ErrorProveedor("respondió sin una zona horaria que se entienda")
    return timedelta(seconds=segundos)


def leer_lugares(cuerpo: dict[str, Any]) -> list[Lugar]:
    """Places found, best first; nothing found comes as 200 without `results`. One without a point on Earth is none.

    Raises ErrorProveedor when something was found, and none of it can be read.
    """
    filas = cuerpo.get("results")
    if filas is None or filas == []:
        return []
    lugares = [lugar for fila in filas if (lugar := _lugar(fila))] if isinstance(filas, list) else []
    if not lugares:
        raise ErrorProveedor(INCOMPRENSIBLE)
    return lugares


def _lugar(fila: Any) -> Lugar | None:
    if not isinstance(fila, dict):
        return None
    latitud, longitud = posible("latitud", fila.get("latitude")), posible("longitud", fila.get("longitude"))
    if latitud is None or longitud is None:
        return None
    horaria = zona(fila.get("timezone"))
    return Lugar(
        latitud=latitud,
        longitud=longitud,
        nombre=texto(fila.get("name")),
        pais=texto(fila.get("country_code")),
        region=texto(fila.get("admin1")),
        zona_horaria=horaria.key if horaria else None,
        altura_m=posible("altura_m", fila.get("elevation")),
    )
