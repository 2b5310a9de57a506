"""OpenWeather: current weather, One Call 3.0, air pollution and direct geocoding.

/weather has no `rain` when dry; `metric` still means m/s; visibility stops at 10 km; the air index is 1 to 5.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

from flask import Blueprint, Response, request

from deploy.laboratorio import lugares
from deploy.laboratorio.errores import como_json, error
from deploy.laboratorio.openweather_filas import (
    componentes,
    desfase_texto,
    diario,
    fila_de,
    filas,
    geo,
    grados,
    indice,
    serie_de,
    unidades,
    velocidad,
)
from deploy.laboratorio.pedido import ahora, numero, parametro

rutas = Blueprint("openweather", __name__)

CLAVE_MALA = "invalida"
DESDE = datetime(1979, 1, 1, tzinfo=UTC)


class NoVale(Exception):
    """What stops a request: an HTTP status, and its message when it is not the usual one."""

    def __init__(self, estado: int, texto: str | None = None) -> None:
        super().__init__(texto)
        self.estado, self.texto = estado, texto


def _con_clave(vista: Callable[[], object]) -> Callable[[], Response]:
    @wraps(vista)
    def comprobada() -> Response:
        if parametro("appid") in ("", CLAVE_MALA):
            return error("openweather", 401)
        try:
            return como_json(vista())
        except NoVale as e:
            return error("openweather", e.estado, e.texto)

    return comprobada


@rutas.get("/data/2.5/weather")
@_con_clave
def weather() -> object:
    latitud, longitud, nombre = _lugar()
    momento = ahora()
    serie, i = serie_de(latitud, longitud, [momento]), 0
    actual = fila_de(serie, i, momento, latitud, longitud)
    zona = lugares.zona_de(latitud, longitud)
    en_colombia = zona == "America/Bogota"
    cerca = lugares.mas_cercana(latitud, longitud)
    cuerpo: dict[str, Any] = {
        "coord": {"lon": round(longitud, 4), "lat": round(latitud, 4)},
        "weather": actual["weather"],
        "base": "stations",
        "main": {
            "temp": actual["temp"],
            "feels_like": actual["feels_like"],
            "temp_min": actual["temp"],
            "temp_max": actual["temp"],
            "pressure": actual["pressure"],
            "humidity": actual["humidity"],
            "sea_level": actual["pressure"],
            "grnd_level": round(serie.presion_estacion_hpa[i]),
        },
        "visibility": actual["visibility"],
        "wind": {"speed": actual["wind_speed"], "deg": actual["wind_deg"], "gust": actual["wind_gust"]},
        "clouds": {"all": actual["clouds"]},
        "dt": actual["dt"],
        "sys": {
            **({"country": "CO"} if en_colombia else {}),
            "sunrise": actual["sunrise"],
            "sunset": actual["sunset"],
        },
        "timezone": lugares.desfase_s(zona, momento),
        "id": int(cerca.codigo) % 10_000_000 if en_colombia else 0,
        "name": nombre or (cerca.nombre if en_colombia else ""),
        "cod": 200,
    }
    return cuerpo | {clave: actual[clave] for clave in ("rain", "snow") if clave in actual}


@rutas.get("/data/3.0/onecall")
@_con_clave
def onecall() -> object:
    latitud, longitud = _punto()
    momento = ahora()
    sin = parametro("exclude").split(",")
    cuerpo = _cabeza(latitud, longitud, momento)
    if "current" not in sin:
        cuerpo["current"] = filas(latitud, longitud, [momento])[0]
    if "hourly" not in sin:
        hora = momento.replace(minute=0, second=0, microsecond=0)
        horarias = filas(latitud, longitud, [hora + timedelta(hours=i) for i in range(48)])
        cuerpo["hourly"] = [{k: v for k, v in f.items() if k not in ("sunrise", "sunset")} for f in horarias]
    if "daily" not in sin:
        cuerpo["daily"] = [diario(latitud, longitud, momento + timedelta(days=i)) for i in range(8)]
    return cuerpo


@rutas.get("/data/3.0/onecall/timemachine")
@_con_clave
def timemachine() -> object:
    """ONE instant per call, in `data`."""
    latitud, longitud = _punto()
    segundos = numero(parametro("dt"))
    if segundos is None:
        raise NoVale(400, "wrong dt")
    if not DESDE.timestamp() <= segundos <= (ahora() + timedelta(days=4)).timestamp():
        raise NoVale(400, "requested time is out of allowed range")
    instante = datetime.fromtimestamp(int(segundos), UTC)
    return _cabeza(latitud, longitud, ahora()) | {"data": filas(latitud, longitud, [instante])}


@rutas.get("/data/3.0/onecall/day_summary")
@_con_clave
def day_summary() -> object:
    latitud, longitud = _punto()
    dia = lugares.a_fecha(parametro("date"))
    if dia is None:
        raise NoVale(400, "wrong date format")
    if not DESDE <= dia <= ahora() + timedelta(days=540):
        raise NoVale(400, "requested time is out of allowed range")
    zona = lugares.zona_de(latitud, longitud)
    inicio = dia - timedelta(seconds=lugares.desfase_s(zona, dia))
    serie = serie_de(latitud, longitud, [inicio + timedelta(hours=i) for i in range(24)])
    temperaturas = [grados(t) for t in serie.temperatura_c]
    fuerte = max(range(24), key=lambda i: serie.viento_ms[i])
    return {
        "lat": latitud,
        "lon": longitud,
        "tz": desfase_texto(lugares.desfase_s(zona, dia)),
        "date": parametro("date"),
        "units": unidades(),
        "cloud_cover": {"afternoon": round(serie.nubes[12])},
        "humidity": {"afternoon": round(serie.humedad[12])},
        "precipitation": {"total": round(sum(serie.lluvia_mm_h), 2)},
        "temperature": {
            "min": min(temperaturas),
            "max": max(temperaturas),
            **{n: temperaturas[h] for n, h in (("afternoon", 12), ("night", 0), ("evening", 18), ("morning", 6))},
        },
        "pressure": {"afternoon": round(serie.presion_mar_hpa[12])},
        "wind": {
            "max": {
                "speed": velocidad(serie.viento_ms[fuerte]),
                "direction": round(serie.direccion[fuerte]) % 360,
            }
        },
    }


@rutas.get("/data/2.5/air_pollution")
@_con_clave
def air_pollution() -> object:
    return _aire([ahora().replace(minute=0, second=0, microsecond=0)])


@rutas.get("/data/2.5/air_pollution/history")
@_con_clave
def air_pollution_history() -> object:
    inicio, fin = numero(parametro("start")), numero(parametro("end"))
    if inicio is None or fin is None or fin < inicio:
        raise NoVale(400, "wrong start or end")
    ultimo = min(fin, ahora().timestamp())
    primera_h = -(-int(inicio) // 3600)
    horas = range(primera_h, min(int(ultimo) // 3600, primera_h + 24 * 370) + 1)
    return _aire([datetime.fromtimestamp(h * 3600, UTC) for h in horas])


@rutas.get("/geo/1.0/direct")
@_con_clave
def direct() -> object:
    """`q` is name[,state][,country]; no match is an empty list with 200."""
    partes = [parte.strip() for parte in parametro("q").split(",")]
    if not partes[0]:
        raise NoVale(400)
    pais = partes[-1] if len(partes) > 1 and len(partes[-1]) == 2 else ""
    cuantos = int(min(5, max(1, numero(parametro("limit", "1")) or 1)))
    return [geo(fila) for fila in lugares.buscar(partes[0], pais)[:cuantos]]


def _lugar() -> tuple[float, float, str]:
    """`q` or `lat` and `lon`."""
    if "lat" in request.args or "lon" in request.args:
        return *_punto(), ""
    partes = parametro("q").split(",")
    if not partes[0]:
        raise NoVale(400)
    filas = lugares.buscar(partes[0], partes[-1].strip() if len(partes) > 1 else "")
    if not filas:
        raise NoVale(404)
    return filas[0]["latitude"], filas[0]["longitude"], filas[0]["name"]


def _punto() -> tuple[float, float]:
    if "lat" not in request.args and "lon" not in request.args:
        raise NoVale(400)
    latitud, longitud = numero(parametro("lat")), numero(parametro("lon"))
    if latitud is None or abs(latitud) > 90:
        raise NoVale(400, "wrong latitude")
    if longitud is None or abs(longitud) > 180:
        raise NoVale(400, "wrong longitude")
    return latitud, longitud


def _cabeza(latitud: float, longitud: float, momento: datetime) -> dict[str, Any]:
    zona = lugares.zona_de(latitud, longitud)
    desfase = lugares.desfase_s(zona, momento)
    return {"lat": round(latitud, 4), "lon": round(longitud, 4), "timezone": zona, "timezone_offset": desfase}


def _aire(instantes: list[datetime]) -> dict[str, Any]:
    latitud, longitud = _punto()
    serie = serie_de(latitud, longitud, instantes)
    lecturas = [
        {
            "main": {"aqi": indice(pm25)},
            "components": componentes(pm25, uv),
            "dt": int(instante.timestamp()),
        }
        for instante, pm25, uv in zip(instantes, serie.pm25, serie.indice_uv, strict=True)
    ]
    return {"coord": {"lon": round(longitud, 4), "lat": round(latitud, 4)}, "list": lecturas}
