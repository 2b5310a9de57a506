"""Bodies of the six providers, made here: what each client asks for is answered, with any value in any field.

A field's values are constant, so that what is added up from the good ones is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import requests

from shared.clima import Lugar, Periodo, Resolucion
from shared.settings import Settings
from tests.proveedores.servidor import Pedida
from worker.proveedores import crear_proveedores
from worker.proveedores.cliente import Clave, Lectura, Peticion
from worker.proveedores.http import Esperas, Http
from worker.proveedores.ideam import CATALOGO, CONJUNTOS, RECIENTE
from worker.proveedores.openmeteo_lectura import ACTUAL, DIARIO

De = Callable[[str, int], Any]  # our field, number of the reading → what the body says, in the provider's unit

BOGOTA = ZoneInfo("America/Bogota")
MEDELLIN = Lugar(6.2442, -75.5812, "Medellín", "CO", "Antioquia", "America/Bogota", 1495.0)
VIEJO, AYER = date(2024, 3, 4), datetime.now(BOGOTA).date() - timedelta(days=1)
HORAS = range(24)
BUENOS: dict[str, float] = {
    "temperatura": 18.5,
    "temperatura_min": 14.0,
    "temperatura_max": 25.0,
    "presion_atmosferica": 1015.0,
    "humedad_relativa": 70.0,
    "velocidad_viento": 3.0,
    "direccion_viento": 120.0,
    "precipitacion": 0.5,
    "visibilidad": 9000.0,
    "indice_uv": 5.0,
    "calidad_aire": 40.0,
}
DE_ESTACION = {"presion_atmosferica": 850.0}
SENSORES = {
    "temperatura": "0068",
    "humedad_relativa": "0027",
    "presion_atmosferica": "0255",
    "velocidad_viento": "0103",
    "direccion_viento": "0104",
    "precipitacion": "0240",
}
BASICOS = tuple(SENSORES)
SIN_EXTREMOS = tuple(c for c in BUENOS if c not in ("temperatura_min", "temperatura_max"))


@dataclass(frozen=True)
class Caso:
    """One question to one provider. campos: those that its bodies carry, each read from its own place."""

    proveedor: str
    campos: tuple[str, ...]
    cuerpo: Callable[[Pedida, De], Any]
    periodo: Periodo | None = None
    otros: dict[str, float] = field(default_factory=dict)
    una: int = 1  # a reading that is one of several, so that the rest can do without it

    @property
    def id(self) -> str:
        cuando = f"{self.periodo.resolucion}-{self.periodo.inicio.year}" if self.periodo else "ahora"
        return f"{self.proveedor}-{cuando}"

    def bueno(self, campo: str, n: int) -> Any:
        return {**BUENOS, **self.otros}[campo]

    def preguntar(self, base: str, sesion: requests.Session) -> Lectura:
        cliente = crear_proveedores(ajustes(base))[self.proveedor]
        clave = Clave("k-secreta") if cliente.necesita_clave else None
        campos = frozenset((*self.campos, "descripcion_clima"))
        p = Peticion(http(sesion), MEDELLIN, campos, clave)
        return cliente.tiempo_real(p) if self.periodo is None else cliente.historico(p, self.periodo)


def http(sesion: requests.Session) -> Http:
    return Http(sesion, Esperas(5, 10), monotonic() + 30)


@cache
def ajustes(base: str) -> Settings:
    urls = ("openweather", "openmeteo", "openmeteo_archive", "openmeteo_air", "openmeteo_geocoding", "meteoblue")
    todas = {f"{nombre}_url": base for nombre in (*urls, "meteosource", "ideam", "siata")}
    return Settings(meteosource_plan="flexi", **todas)


def local(hora: datetime) -> str:
    return f"{hora.astimezone(BOGOTA):%Y-%m-%dT%H:%M}"


def openmeteo(p: Pedida, de: De) -> Any:
    comun = {"utc_offset_seconds": -18_000, "timezone": "America/Bogota", "elevation": 1500.0}
    unidades = {"temperature_2m": "°C", "wind_speed_10m": "km/h", "visibility": "m"}
    if "current" in p.params:
        valores = {ACTUAL[c][0]: de(c, 0) for c in SIN_EXTREMOS}
        ahora = datetime.now(UTC)
        cuartos = [local(ahora - timedelta(minutes=ahora.minute % 15 + 15 * n)) for n in range(4)]
        actual = {"time": cuartos[0], "interval": 900, "weather_code": 3, **valores}
        hora = {"time": cuartos, "precipitation": [de("precipitacion", 0), 0, 0, 0]}  # it rained in the last quarter
        return {**comun, "current_units": unidades, "current": actual, "minutely_15": hora}
    inicio = datetime.fromisoformat(p.params["start_date"]).replace(tzinfo=BOGOTA)
    if "hourly" in p.params:
        horas = range(24 * ((date.fromisoformat(p.params["end_date"]) - inicio.date()).days + 1))
        marcas = [local(inicio + timedelta(hours=n)) for n in horas]
        columnas = {ACTUAL[c][0]: [de(c, n) for n in horas] for c in SIN_EXTREMOS}
        return {**comun, "hourly_units": unidades, "hourly": {"time": marcas, "weather_code": [3] * 48, **columnas}}
    dias = [f"{inicio + timedelta(days=n):%Y-%m-%d}" for n in range(2)]
    columnas = {DIARIO[c][0]: [de(c, n) for n in range(2)] for c in BUENOS if c in DIARIO}
    return {**comun, "daily_units": unidades, "daily": {"time": dias, "weather_code": [3, 3], **columnas}}


def openweather(p: Pedida, de: De) -> Any:
    ahora = int(p.params.get("dt", datetime.now(UTC).timestamp()))
    tiempo = [{"id": 803, "description": "muy nuboso"}]
    if p.ruta.endswith("/air_pollution"):
        return {"list": [{"dt": ahora, "main": {"aqi": 2}, "components": {"pm2_5": 8.1, "o3": 40.0}}]}
    if p.ruta.endswith("/weather"):
        principal = {"temp": de("temperatura", 0), "pressure": de("presion_atmosferica", 0)}
        principal |= {"humidity": de("humedad_relativa", 0)}
        viento = {"speed": de("velocidad_viento", 0), "deg": de("direccion_viento", 0)}
        lluvia = {"1h": de("precipitacion", 0)}
        comun = {"dt": ahora, "cod": 200, "weather": tiempo, "visibility": de("visibilidad", 0)}
        return {**comun, "main": principal, "wind": viento, "rain": lluvia}
    if p.ruta.endswith("/timemachine"):
        n = datetime.fromtimestamp(ahora, BOGOTA).hour
        fila = {"dt": ahora, "temp": de("temperatura", n), "pressure": de("presion_atmosferica", n), "weather": tiempo}
        fila |= {"humidity": de("humedad_relativa", n), "wind_speed": de("velocidad_viento", n)}
        fila |= {"wind_deg": de("direccion_viento", n), "visibility": de("visibilidad", n), "uvi": de("indice_uv", n)}
        return {"data": [{**fila, "rain": {"1h": de("precipitacion", n)}}]}
    cuatro = {hora: de("temperatura", n) for n, hora in enumerate(("night", "morning", "afternoon", "evening"))}
    extremos = {"min": de("temperatura_min", 1), "max": de("temperatura_max", 1)}
    return {
        "date": p.params["date"],
        "units": "metric",
        "temperature": {**cuatro, **extremos},
        "pressure": {"afternoon": de("presion_atmosferica", 1)},
        "humidity": {"afternoon": de("humedad_relativa", 1)},
        "precipitation": {"total": de("precipitacion", 1)},
        "wind": {"max": {"speed": de("velocidad_viento", 1), "direction": de("direccion_viento", 1)}},
    }


def meteoblue(p: Pedida, de: De) -> Any:
    comun = {"metadata": {"utc_timeoffset": -5.0, "height": 1500.0}, "units": {"temperature": "C", "windspeed": "ms-1"}}
    hoy = datetime.now(BOGOTA).replace(hour=0, minute=0, second=0, microsecond=0)
    nombres = {
        "temperatura": "temperature",
        "humedad_relativa": "relativehumidity",
        "presion_atmosferica": "sealevelpressure",
        "velocidad_viento": "windspeed",
        "direccion_viento": "winddirection",
        "precipitacion": "precipitation",
        "indice_uv": "uvindex",
    }
    if "basic-day" in p.ruta:
        medias = {"temperature", "relativehumidity", "sealevelpressure", "windspeed"}
        columnas = {s + "_mean" * (s in medias): [de(c, n) for n in range(2)] for c, s in nombres.items()}
        columnas |= {f"temperature_{e}": [de(f"temperatura_{e}", n) for n in range(2)] for e in ("min", "max")}
        dias = [f"{hoy - timedelta(days=1 - n):%Y-%m-%d}" for n in range(2)]
        return {**comun, "data_day": {"time": dias, "pictocode": [3, 3], **columnas}}
    inicio = hoy if "current" in p.ruta else hoy - timedelta(days=1)
    marcas = [f"{inicio + timedelta(hours=n):%Y-%m-%dT%H:%M}-05:00" for n in HORAS]
    horas = {"time": marcas, "pictocode": [7] * 24, **{s: [de(c, n) for n in HORAS] for c, s in nombres.items()}}
    if "current" not in p.ruta:
        return {**comun, "data_1h": horas}
    ahora = f"{datetime.now(BOGOTA):%Y-%m-%dT%H:%M}-05:00"
    actual = {"time": ahora, "temperature": de("temperatura", -1), "windspeed": de("velocidad_viento", -1)}
    return {**comun, "data_1h": horas, "data_current": {**actual, "pictocode": 3, "pictocode_detailed": 7}}


def meteosource(p: Pedida, de: De) -> Any:
    comun = {"lat": "6.24420N", "lon": "75.58120W", "elevation": 1500, "timezone": "UTC", "units": "metric"}

    def fila(n: int) -> dict[str, Any]:
        viento = {"speed": de("velocidad_viento", n), "angle": de("direccion_viento", n), "dir": "ESE"}
        return {
            "temperature": de("temperatura", n),
            "pressure": de("presion_atmosferica", n),
            "humidity": de("humedad_relativa", n),
            "visibility": de("visibilidad", n),
            "uv_index": de("indice_uv", n),
            "wind": viento,
            "precipitation": {"total": de("precipitacion", n), "type": "rain"},
            "icon": 10,
        }

    if p.ruta.endswith("/point"):
        return {**comun, "current": {**fila(0), "icon": "light_rain", "icon_num": 10, "summary": "Lluvia ligera"}}
    return {**comun, "data": [{"date": f"{p.params['date']}T{n:02}:00:00", **fila(n)} for n in HORAS]}


def ideam(p: Pedida, de: De) -> Any:
    """One station; every number is text there."""
    conjunto = p.ruta.removeprefix("/resource/").removesuffix(".json")
    if conjunto == CATALOGO:
        return [{"codigo": "21", "nombre": "CERCA", "latitud": "6.25", "longitud": "-75.58", "altitud": "1500"}]
    ahora = datetime.now(BOGOTA)
    if conjunto == RECIENTE:
        return [_fila_ideam(c, ahora - timedelta(minutes=1 + 15 * n), de(c, n)) for c in BASICOS for n in range(4)]
    campo = next(c for c, suyo in CONJUNTOS.items() if suyo == conjunto)
    medianoche = datetime.combine(VIEJO, datetime.min.time(), BOGOTA)
    return [_fila_ideam(campo, medianoche + timedelta(hours=n), de(campo, n)) for n in HORAS]


def _fila_ideam(campo: str, en: datetime, valor: Any) -> dict[str, Any]:
    estacion = {"codigoestacion": "0021", "nombreestacion": "CERCA  - AUT", "latitud": "6.25", "longitud": "-75.58"}
    momento = f"{en:%Y-%m-%dT%H:%M:%S}.000"
    return {
        **estacion,
        "codigosensor": SENSORES[campo],
        "fechaobservacion": momento,
        "valorobservado": _texto(valor),
        "descripcionsensor": "sensor",
    }


def siata(p: Pedida, de: De) -> Any:
    """Two stations, some hundred metres away and three kilometres; every number is text there."""
    if p.ruta.endswith("PluviometricaMeteo.json"):
        puntos = {"1": "6.245", "2": "6.27"}
        filas = [{"codigo": c, "nombre": f"E{c}", "latitud": y, "longitud": "-75.58"} for c, y in puntos.items()]
        return {"red": "meteo", "estaciones": filas}
    if "Aire" in p.ruta:
        fecha = {"utc": f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}.000Z"}
        donde = {"latitude": 6.25, "longitude": -75.58}
        return {
            "measurements": [
                {"location": "MED", "parameter": "pm25", "value": 9.5, "date": fecha, "coordinates": donde}
            ]
        }
    n = int(p.ruta.rpartition("/")[2].removesuffix(".json")) - 1
    claves = {"t": "temperatura", "h": "humedad_relativa", "p": "presion_atmosferica", "ws": "velocidad_viento"}
    claves |= {"wd": "direccion_viento", "p1h": "precipitacion"}
    cuando = f" {datetime.now(UTC).timestamp() - 300:.1f}"
    return {"date": cuando, **{clave: _texto(de(campo, n)) for clave, campo in claves.items()}}


def geocodificador(_: Pedida) -> Any:
    fila = {"name": "Xania", "latitude": 6.2, "longitude": -75.5, "country_code": "CO", "timezone": "America/Bogota"}
    return {"results": [{**fila, "admin1": "Antioquia", "elevation": 1500.0}]}


def _texto(valor: Any) -> Any:
    return str(valor) if isinstance(valor, int | float) and not isinstance(valor, bool) else valor


def _dias(inicio: date, resolucion: Resolucion) -> Periodo:
    fin = inicio + timedelta(days=int(resolucion == Resolucion.DIARIA and inicio == VIEJO))
    return Periodo(inicio, fin, resolucion)


DIARIA, HORARIA = Resolucion
DEL_DIA = tuple(c for c in BUENOS if c not in ("visibilidad", "indice_uv", "calidad_aire"))
KILOMETROS = {"visibilidad": 9.0}
SIN_AIRE = tuple(c for c in SIN_EXTREMOS if c != "calidad_aire")
CASOS = (
    Caso("openmeteo", SIN_EXTREMOS, openmeteo),
    Caso("openmeteo", (*DEL_DIA, "calidad_aire"), openmeteo, _dias(VIEJO, DIARIA)),
    Caso("openmeteo", tuple(BUENOS), openmeteo, _dias(AYER, DIARIA)),
    Caso("openmeteo", SIN_EXTREMOS, openmeteo, _dias(AYER, HORARIA)),
    Caso("openweather", tuple(c for c in SIN_AIRE if c != "indice_uv"), openweather),
    Caso("openweather", tuple(c for c in DEL_DIA if "viento" not in c), openweather, Periodo(VIEJO, VIEJO, DIARIA)),
    Caso("openweather", SIN_AIRE, openweather, Periodo(VIEJO, VIEJO, HORARIA)),
    Caso("meteoblue", tuple(c for c in SIN_AIRE if c != "visibilidad"), meteoblue, una=-1),
    Caso(
        "meteoblue",
        tuple(c for c in BUENOS if c not in ("visibilidad", "calidad_aire")),
        meteoblue,
        _dias(AYER, DIARIA),
    ),
    Caso("meteoblue", tuple(c for c in SIN_AIRE if c != "visibilidad"), meteoblue, _dias(AYER, HORARIA)),
    Caso("meteosource", SIN_AIRE, meteosource, None, KILOMETROS),
    Caso("meteosource", SIN_AIRE, meteosource, Periodo(VIEJO, VIEJO, DIARIA), KILOMETROS),
    Caso("meteosource", SIN_AIRE, meteosource, Periodo(VIEJO, VIEJO, HORARIA), KILOMETROS),
    Caso("ideam", BASICOS, ideam, None, DE_ESTACION),
    Caso("ideam", BASICOS, ideam, Periodo(VIEJO, VIEJO, DIARIA), DE_ESTACION),
    Caso("ideam", BASICOS, ideam, Periodo(VIEJO, VIEJO, HORARIA), DE_ESTACION),
    Caso("siata", tuple(c for c in BASICOS if c != "presion_atmosferica"), siata, None, DE_ESTACION, una=0),
)
