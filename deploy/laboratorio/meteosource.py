"""Meteosource: /point and /time_machine; the plan is in the path, and decides what is left out.

The plan free has no pressure, humidity, UV nor visibility, and no time machine. `current` carries no time.
The statuses of its errors are not published: these are a guess in the documented {"detail": …} shape.
"""

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, request

from deploy.laboratorio import lugares
from deploy.laboratorio.clima import Serie
from deploy.laboratorio.errores import como_json, error
from deploy.laboratorio.pedido import ahora, numero, parametro

rutas = Blueprint("meteosource", __name__)

PLANES = ("free", "startup", "standard", "flexi")
SECCIONES = ("current", "hourly", "daily", "minutely", "alerts")
CLAVE_MALA = "invalida"
ANOS_ATRAS = 20
RUMBOS = ("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW")
# WMO code -> icon number by day, name, English and Spanish summary
ICONOS = {
    0: (2, "sunny", "Sunny", "Soleado"),
    1: (3, "mostly_sunny", "Mostly sunny", "Mayormente soleado"),
    2: (5, "mostly_cloudy", "Mostly cloudy", "Mayormente nublado"),
    3: (7, "overcast", "Overcast", "Cubierto"),
    45: (9, "fog", "Fog", "Niebla"),
    51: (10, "light_rain", "Light rain", "Lluvia ligera"),
    61: (10, "light_rain", "Light rain", "Lluvia ligera"),
    63: (11, "rain", "Rain", "Lluvia"),
    65: (11, "rain", "Rain", "Lluvia"),
    71: (16, "light_snow", "Light snow", "Nieve ligera"),
    73: (17, "snow", "Snow", "Nieve"),
    75: (17, "snow", "Snow", "Nieve"),
    95: (14, "thunderstorm", "Thunderstorm", "Tormenta"),
}
DE_NOCHE = {
    2: (26, "clear_night", "Clear", "Despejado"),
    3: (27, "mostly_clear_night", "Mostly clear", "Mayormente despejado"),
    5: (29, "mostly_cloudy_night", "Mostly cloudy", "Mayormente nublado"),
}


@rutas.get("/api/v1/<plan>/point")
def point(plan: str) -> Response:
    if rechazo := _rechazo(plan):
        return rechazo
    punto = _punto()
    if isinstance(punto, Response):
        return punto
    pedidas = parametro("sections", "current,hourly").split(",")
    secciones = SECCIONES if "all" in pedidas else tuple(s.strip() for s in pedidas)
    if malas := [s for s in secciones if s not in SECCIONES]:
        return error("meteosource", 422, f"Invalid section: {malas[0]}")
    zona = _zona(*punto)
    cuerpo = _cabeza(*punto) | {"timezone": zona, "units": "metric"}
    cuerpo["current"] = _actual(plan, *punto) if "current" in secciones else None
    cuerpo["hourly"] = {"data": _horario(plan, zona, *punto)} if "hourly" in secciones else None
    cuerpo["daily"] = {"data": _diario(zona, *punto)} if "daily" in secciones else None
    return como_json(cuerpo)


@rutas.get("/api/v1/<plan>/time_machine")
def time_machine(plan: str) -> Response:
    """24 hours of one UTC day."""
    if rechazo := _rechazo(plan):
        return rechazo
    if plan == "free":
        return error("meteosource", 403)
    punto = _punto()
    if isinstance(punto, Response):
        return punto
    dia, hoy = lugares.a_fecha(parametro("date")), ahora()
    if dia is None:
        return error("meteosource", 422, "Invalid date. Use the format YYYY-MM-DD")
    if not hoy - timedelta(days=ANOS_ATRAS * 366) <= dia <= hoy:
        return error("meteosource", 400, "The date is out of the available range")
    serie = _serie(*punto, [dia + timedelta(hours=i) for i in range(24)])
    filas = [_hora_pasada(serie, i, dia + timedelta(hours=i)) for i in range(24)]
    return como_json(_cabeza(*punto) | {"units": "metric", "data": filas})


def _rechazo(plan: str) -> Response | None:
    clave = parametro("key") or request.headers.get("X-API-Key", "")
    if plan not in PLANES:
        return error("meteosource", 404)
    if not clave:
        texto = 'Neither the "key" query parameter nor the X-API-Key header was specified'
        return error("meteosource", 403, texto)
    return error("meteosource", 401) if clave == CLAVE_MALA else None


def _punto() -> tuple[float, float] | Response:
    """`lat` and `lon` as numbers or as 4.60971N, or a `place_id`, never both."""
    if parametro("place_id"):
        filas = lugares.buscar(parametro("place_id").replace("-", " "))
        return (filas[0]["latitude"], filas[0]["longitude"]) if filas else error("meteosource", 404, "Place not found")
    latitud, longitud = _coordenada(parametro("lat"), "NS"), _coordenada(parametro("lon"), "EW")
    if latitud is None or longitud is None or abs(latitud) > 90 or abs(longitud) > 180:
        return error("meteosource", 422, "Specify either place_id, or valid lat and lon")
    return latitud, longitud


def _coordenada(texto: str, letras: str) -> float | None:
    if texto and texto[-1] in letras:
        valor = numero(texto[:-1])
        return None if valor is None else -valor if texto[-1] == letras[1] else valor
    return numero(texto)


def _cabeza(latitud: float, longitud: float) -> dict[str, Any]:
    return {
        "lat": f"{abs(latitud):.5f}{'N' if latitud >= 0 else 'S'}",
        "lon": f"{abs(longitud):.5f}{'E' if longitud >= 0 else 'W'}",
        "elevation": round(lugares.altitud_m(latitud, longitud)),
    }


def _zona(latitud: float, longitud: float) -> str:
    pedida = parametro("timezone", "auto")
    return pedida if pedida != "auto" and lugares.zona_valida(pedida) else lugares.zona_de(latitud, longitud)


def _serie(latitud: float, longitud: float, instantes: list[datetime]) -> Serie:
    return Serie(latitud, longitud, [i.timestamp() / 3600 for i in instantes], "meteosource")


def _actual(plan: str, latitud: float, longitud: float) -> dict[str, Any]:
    serie = _serie(latitud, longitud, [ahora()])
    numero_icono, nombre, resumen = _icono(serie, 0)
    fila = {
        "icon": nombre,
        "icon_num": numero_icono,
        "summary": resumen,
        "temperature": round(serie.temperatura_c[0], 1),
        "wind": _viento(serie.viento_ms[0], serie.direccion[0]),
        "precipitation": _lluvia(serie.lluvia_mm_h[0], serie.temperatura_c[0]),
        "cloud_cover": round(serie.nubes[0]),
    }
    return fila if plan == "free" else fila | _de_pago(serie, 0)


def _horario(plan: str, zona: str, latitud: float, longitud: float) -> list[dict[str, Any]]:
    hora = ahora().replace(minute=0, second=0, microsecond=0)
    instantes = [hora + timedelta(hours=i) for i in range(24 if plan == "free" else 72)]
    serie = _serie(latitud, longitud, instantes)
    filas = []
    for i, instante in enumerate(instantes):
        numero_icono, nombre, resumen = _icono(serie, i)
        fila = {
            "date": _local(instante, zona),
            "weather": nombre,
            "icon": numero_icono,
            "summary": resumen,
            "temperature": round(serie.temperatura_c[i], 1),
            "wind": _viento(serie.viento_ms[i], serie.direccion[i]),
            "cloud_cover": {"total": round(serie.nubes[i])},
            "precipitation": _lluvia(serie.lluvia_mm_h[i], serie.temperatura_c[i]),
        }
        filas.append(fila if plan == "free" else fila | _de_pago(serie, i))
    return filas


def _diario(zona: str, latitud: float, longitud: float) -> list[dict[str, Any]]:
    momento = ahora()
    desfase = timedelta(seconds=lugares.desfase_s(zona, momento))
    inicio = (momento + desfase).replace(hour=0, minute=0, second=0, microsecond=0) - desfase
    return [_dia(inicio + timedelta(days=i), desfase, latitud, longitud) for i in range(7)]


def _dia(inicio: datetime, desfase: timedelta, latitud: float, longitud: float) -> dict[str, Any]:
    serie = _serie(latitud, longitud, [inicio + timedelta(hours=i) for i in range(24)])
    peor = max(range(6, 19), key=lambda i: serie.codigo_wmo[i])
    numero_icono, nombre, resumen = _icono(serie, peor)
    minima, maxima = min(serie.temperatura_c), max(serie.temperatura_c)
    todo = {
        "weather": nombre,
        "icon": numero_icono,
        "temperature": round(sum(serie.temperatura_c) / 24, 1),
        "temperature_min": round(minima, 1),
        "temperature_max": round(maxima, 1),
        "wind": _viento(sum(serie.viento_ms) / 24, serie.direccion[14]),
        "cloud_cover": {"total": round(sum(serie.nubes) / 24)},
        "precipitation": _lluvia(round(sum(serie.lluvia_mm_h), 1), maxima),
    }
    fila = {"day": f"{inicio + desfase:%Y-%m-%d}", "weather": nombre, "icon": numero_icono}
    fila |= {"summary": f"{resumen}. {minima:.0f}/{maxima:.0f} °C.", "all_day": todo}
    return fila | {"morning": None, "afternoon": None, "evening": None}


def _hora_pasada(serie: Serie, i: int, instante: datetime) -> dict[str, Any]:
    """A row of the time machine: no summary and no humidity, wind and pressure as whole numbers or so."""
    numero_icono, nombre, _ = _icono(serie, i)
    temperatura, humedad, nubes = serie.temperatura_c[i], serie.humedad[i], round(serie.nubes[i])
    return {
        "date": f"{instante:%Y-%m-%dT%H:%M:%S}",
        "weather": nombre,
        "icon": numero_icono,
        "temperature": round(temperatura, 1),
        "dew_point": round(temperatura - (100 - humedad) / 5, 2),
        "wind": _viento(serie.viento_ms[i], serie.direccion[i]) | {"gusts": round(1.8 * serie.viento_ms[i] + 0.6, 1)},
        "cloud_cover": {"total": nubes, "low": nubes // 2, "middle": nubes // 3, "high": nubes // 4},
        "pressure": round(serie.presion_mar_hpa[i]),
        "precipitation": _lluvia(serie.lluvia_mm_h[i], temperatura),
    }


def _de_pago(serie: Serie, i: int) -> dict[str, Any]:
    """visibility is in km."""
    return {
        "feels_like": round(serie.temperatura_c[i] + 0.03 * (serie.humedad[i] - 60), 1),
        "pressure": round(serie.presion_mar_hpa[i]),
        "uv_index": round(serie.indice_uv[i], 2),
        "humidity": round(serie.humedad[i]),
        "visibility": round(serie.visibilidad_m[i] / 1000, 2),
    }


def _icono(serie: Serie, i: int) -> tuple[int, str, str]:
    dia = ICONOS[serie.codigo_wmo[i]]
    icono, nombre, ingles, espanol = dia if serie.coseno_cenital[i] > 0 else DE_NOCHE.get(dia[0], dia)
    return icono, nombre, espanol if parametro("language", "en") == "es" else ingles


def _viento(ms: float, grados: float) -> dict[str, Any]:
    return {"speed": round(ms, 1), "angle": round(grados) % 360, "dir": RUMBOS[round(grados / 22.5) % 16]}


def _lluvia(mm: float, temperatura_c: float) -> dict[str, Any]:
    return {"total": mm, "type": "none" if not mm else "rain" if temperatura_c > 0.5 else "snow"}


def _local(instante: datetime, zona: str) -> str:
    return f"{instante + timedelta(seconds=lugares.desfase_s(zona, instante)):%Y-%m-%dT%H:%M:%S}"
