"""Open-Meteo's bodies as measurements and places: pure functions, no calls. Sources: see openmeteo.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from itertools import zip_longest
from typing import Any

from shared.clima import Lugar, Medicion, Resolucion
from shared.posible import posible
from worker.proveedores.cielo import CIELOS, propio, tope_de_modelo
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
    "velocidad_viento": ("wind_speed_10m_mean",),
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
SOLO_MAXIMO = "solo da el viento máximo del día, no el medio"
SIN_LA_HORA = "solo da la lluvia de los últimos {:g} minutos, no la de la última hora"
VIENTO_MAXIMO = ("wind_speed_10m_max", "windspeed_10m_max")
CUARTO = timedelta(minutes=15)


def leer_actual(cuerpo: dict[str, Any]) -> Medicion:
    """The `current` block; its rain is that of the last hour, added up from `minutely_15`.

    `current.precipitation` itself is the sum of `interval` seconds (900; an hour in a body of the air quality): where
    the quarters of the hour are not all there it goes to extras, and is no rain of an hour.
    """
    nombre = next((n for n in ("current", "current_weather") if isinstance(cuerpo.get(n), dict)), None)
    if nombre is None:
        raise ErrorProveedor("respondió sin datos actuales")
    actual, unidades = cuerpo[nombre], bloque(cuerpo, f"{nombre}_units")
    valores = {ours: _valor(actual, unidades, theirs) for ours, theirs in ACTUAL.items()}
    instante = _instante(actual.get("time"), _desfase(cuerpo))
    parte, minutos = valores["precipitacion"], (entero(actual.get("interval")) or 900) / 60
    hora = parte if minutos == 60 else _de_la_hora(cuerpo, instante)
    sin_hora = hora is None and posible("precipitacion", parte) is not None
    medicion = _medicion({**valores, "precipitacion": None if sin_hora else parte if hora is None else hora}, instante)
    return replace(
        medicion,
        extras=medicion.extras | ({f"precipitacion_{minutos:g}min_mm": parte} if sin_hora else {}),
        incomparables={"precipitacion": SIN_LA_HORA.format(minutos)} if sin_hora else {},
    )


def _de_la_hora(cuerpo: dict[str, Any], instante: datetime | None) -> float | None:
    """mm in the hour that ends with the reading: the four quarters of `minutely_15`, each the sum of the 15 minutes
    before its time. None: one of them is missing."""
    cuartos, unidades = bloque(cuerpo, "minutely_15"), bloque(cuerpo, "minutely_15_units")
    if instante is None or not isinstance(cuartos.get("time"), list):
        return None
    lluvia, desfase = _columna(cuartos, unidades, ACTUAL["precipitacion"]), _desfase(cuerpo)
    por_cuarto = {_instante(hora, desfase): mm for hora, mm in zip(cuartos["time"], lluvia, strict=False)}
    partes = [posible("precipitacion", por_cuarto.get(instante - n * CUARTO)) for n in range(4)]
    conocidas = [mm for mm in partes if mm is not None]
    return sum(conocidas) if len(conocidas) == 4 else None


def leer_serie(cuerpo: dict[str, Any], resolucion: Resolucion) -> list[Medicion]:
    """The `daily` or `hourly` block as one Medicion per local day or per hour; nulls stay None."""
    nombre, tabla = ("daily", DIARIO) if resolucion == Resolucion.DIARIA else ("hourly", ACTUAL)
    serie, unidades = bloque(cuerpo, nombre), bloque(cuerpo, f"{nombre}_units")
    if not isinstance(serie.get("time"), list):
        raise ErrorProveedor("respondió sin la serie pedida")
    columnas = {ours: _columna(serie, unidades, theirs) for ours, theirs in tabla.items()}
    filas = _filas(_desfase(cuerpo), serie["time"], columnas)
    maximos = _columna(serie, unidades, VIENTO_MAXIMO) if nombre == "daily" else []
    if not maximos:
        return list(filas)
    return [_sin_viento_medio(m, maximo) for m, maximo in zip_longest(filas, maximos[: len(serie["time"])])]


def _sin_viento_medio(m: Medicion, maximo: float | None) -> Medicion:
    """A day's strongest wind is no mean of the day: it goes to extras, where there is no mean."""
    maximo = posible("velocidad_viento", maximo)
    if maximo is None or m.velocidad_viento is not None:
        return m
    aparte = {"velocidad_viento": SOLO_MAXIMO}
    return replace(m, extras=m.extras | {"viento_maximo_kmh": maximo}, incomparables=aparte)


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
) -> Medicion:
    """Its code is the WMO's, and our words are its own: extras has only a code that is new to us."""
    codigo = entero(valores.pop("codigo_clima"))
    descripcion = None if codigo is None else CIELOS.get(codigo)
    campos: dict[str, Any] = {**valores, "codigo_clima": codigo, "descripcion_clima": descripcion}
    extras = propio(codigo, None) if descripcion is None else {}
    tope = tope_de_modelo(valores.get("visibilidad"))
    return Medicion(**campos, observado_en=instante, fecha=fecha, extras=extras, visibilidad_tope=tope)


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
        geonameid=entero(fila.get("id")),  # its places are GeoNames' (open-meteo.com/en/docs/geocoding-api)
    )
