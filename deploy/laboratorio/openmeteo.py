"""Open-Meteo: forecast, archive, air quality, geocoding and elevation, with the errors of its server."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, request

from deploy.laboratorio import lugares
from deploy.laboratorio.clima import Serie
from deploy.laboratorio.errores import como_json, error
from deploy.laboratorio.openmeteo_pedido import CUARTO_S, PASADO_DIAS, MaloError, Pedido, Producto, coordenadas, leer
from deploy.laboratorio.openmeteo_variables import (
    AIRE,
    CLIMA,
    CLIMA_ARCHIVO,
    DIARIAS,
    DIARIAS_ARCHIVO,
    VariableMalaError,
    columna,
    columna_diaria,
    unidad,
    unidad_diaria,
)
from deploy.laboratorio.pedido import ahora, dia, numero, parametro

rutas = Blueprint("openmeteo", __name__)

ARCHIVO_DESDE = date(1940, 1, 1)
AIRE_DESDE = date(2013, 1, 1)
ATRASO_ERA5_DIAS = 5


PRONOSTICO = Producto(CLIMA, DIARIAS, date.min, 16, 7, 900, con_cuartos=True)
ARCHIVO = Producto(
    CLIMA_ARCHIVO, DIARIAS_ARCHIVO, ARCHIVO_DESDE, 1, 0, 3600, con_actual=False, atraso_dias=ATRASO_ERA5_DIAS
)
CALIDAD = Producto(AIRE, frozenset(), AIRE_DESDE, 7, 5, 3600)


@rutas.get("/v1/forecast")
def forecast() -> Response:
    hoy = ahora().date()
    return _responder(replace(PRONOSTICO, primero=hoy - timedelta(days=PASADO_DIAS + 1)))


@rutas.get("/v1/archive")
def archive() -> Response:
    return _responder(ARCHIVO)


@rutas.get("/v1/air-quality")
def air_quality() -> Response:
    return _responder(CALIDAD)


@rutas.get("/v1/elevation")
def elevation() -> Response:
    try:
        puntos = coordenadas()
    except MaloError as e:
        return error("openmeteo", 400, str(e))
    return como_json({"elevation": [lugares.altitud_m(*punto) for punto in puntos]})


@rutas.get("/v1/search")
def search() -> Response:
    """No match, or one letter: 200 without `results`."""
    if "name" not in set(request.args):
        return error("openmeteo", 400, "Parameter 'name' must be set")
    cuantos = numero(parametro("count", "10"))
    if cuantos is None or not 1 <= cuantos <= 100:
        return error("openmeteo", 400, "Parameter count must be between 1 and 100.")
    filas = lugares.buscar(parametro("name"), parametro("countryCode"))[: int(cuantos)]
    cuerpo: dict[str, Any] = {"results": [_lugar(fila) for fila in filas]} if filas else {}
    return como_json({**cuerpo, "generationtime_ms": 0.5})


def _lugar(fila: dict[str, Any]) -> dict[str, Any]:
    latitud, longitud, pais = fila["latitude"], fila["longitude"], fila["countrycode"]
    lugar = {
        "id": fila["geonameid"],
        "name": fila["name"],
        "latitude": latitud,
        "longitude": longitud,
        "elevation": round(lugares.altitud_m(latitud, longitud)),
        "feature_code": "PPL",
        "country_code": pais,
        "timezone": fila["timezone"],
        "population": fila["population"],
        "country": lugares.nombres_de_paises().get(pais, pais),
    }
    return lugar | ({"admin1": lugares.departamento(latitud, longitud)} if pais == "CO" else {})


def _responder(producto: Producto) -> Response:
    try:
        cuerpos = [_cuerpo(producto, leer(producto, i, *punto)) for i, punto in enumerate(coordenadas())]
    except (MaloError, VariableMalaError) as e:
        return error("openmeteo", 400, str(e))
    for i, cuerpo in enumerate(cuerpos[1:], start=1):
        cuerpo["location_id"] = i
    return como_json(cuerpos if len(cuerpos) > 1 else cuerpos[0])


def _cuerpo(producto: Producto, pedido: Pedido) -> dict[str, Any]:
    momento = ahora()
    cuerpo: dict[str, Any] = {
        "latitude": round(pedido.latitud * 16) / 16,
        "longitude": round(pedido.longitud * 16) / 16,
        "generationtime_ms": 0.25,
        "utc_offset_seconds": pedido.desfase_s,
        "timezone": pedido.zona,
        "timezone_abbreviation": lugares.abreviatura(pedido.zona, momento),
        "elevation": lugares.altitud_m(pedido.latitud, pedido.longitud),
    }
    if pedido.actual:
        cuerpo |= _actual(producto, pedido, momento)
    if pedido.cuartos:
        cuerpo |= _cuartos(producto, pedido)
    if pedido.horario or pedido.diario:
        cuerpo |= _tablas(producto, pedido, momento)
    return cuerpo


def _actual(producto: Producto, pedido: Pedido, momento: datetime) -> dict[str, Any]:
    """Of the last whole interval; precipitation is the sum over that interval, not over an hour."""
    paso = producto.intervalo_s
    en_s = int(momento.timestamp()) // paso * paso
    serie = Serie(pedido.latitud, pedido.longitud, [en_s / 3600], "openmeteo")
    nombres = pedido.actual
    local = datetime.fromtimestamp(en_s if pedido.unix else en_s + pedido.desfase_s, UTC)
    valores: dict[str, Any] = {"time": en_s if pedido.unix else f"{local:%Y-%m-%dT%H:%M}", "interval": paso}
    unidades = {"time": _formato(pedido), "interval": "seconds"}
    for nombre in nombres:
        valores[nombre] = columna(serie, nombre, producto.horarias, "current", pedido.unidades, paso / 3600)[0]
        unidades[nombre] = unidad(nombre, pedido.unidades)
    return {"current_units": unidades, "current": valores}


def _cuartos(producto: Producto, pedido: Pedido) -> dict[str, Any]:
    """Of every quarter of an hour; sums (rain, snow) are of the 15 minutes before."""
    serie = Serie(pedido.latitud, pedido.longitud, [s / 3600 for s in pedido.en_cuartos], "openmeteo")
    locales = (datetime.fromtimestamp(s + pedido.desfase_s, UTC) for s in pedido.en_cuartos)
    horas: list[Any] = list(pedido.en_cuartos) if pedido.unix else [f"{h:%Y-%m-%dT%H:%M}" for h in locales]
    tabla: dict[str, Any] = {"time": horas}
    unidades = {"time": _formato(pedido)}
    for nombre in pedido.cuartos:
        tabla[nombre] = columna(serie, nombre, producto.horarias, "minutely_15", pedido.unidades, CUARTO_S / 3600)
        unidades[nombre] = unidad(nombre, pedido.unidades)
    return {"minutely_15_units": unidades, "minutely_15": tabla}


def _tablas(producto: Producto, pedido: Pedido, momento: datetime) -> dict[str, Any]:
    primero, dias = _dia(pedido.inicio), (pedido.fin - pedido.inicio).days + 1
    base_h = primero * 24 - int(pedido.desfase_s / 3600)  # the server reads at whole hours, whatever it shows
    serie = Serie(pedido.latitud, pedido.longitud, [base_h + i for i in range(max(0, dias) * 24)], "openmeteo")
    validas = len(serie.horas)
    if producto.atraso_dias:
        limite_h = (dia(momento) + 1 - producto.atraso_dias) * 24
        validas = sum(h < limite_h for h in serie.horas)
    tablas: dict[str, Any] = {}
    if pedido.horario:
        tablas |= _tabla_horaria(producto, pedido, serie, validas)
    if pedido.diario:
        tablas |= _tabla_diaria(producto, pedido, serie, validas // 24)
    return tablas


def _tabla_horaria(producto: Producto, pedido: Pedido, serie: Serie, validas: int) -> dict[str, Any]:
    tabla: dict[str, Any] = {"time": _horas(pedido, len(serie.horas) // 24)}
    unidades = {"time": _formato(pedido)}
    for nombre in pedido.horario:
        valores = columna(serie, nombre, producto.horarias, "hourly", pedido.unidades)
        tabla[nombre] = valores[:validas] + [None] * (len(valores) - validas)
        unidades[nombre] = unidad(nombre, pedido.unidades)
    return {"hourly_units": unidades, "hourly": tabla}


def _tabla_diaria(producto: Producto, pedido: Pedido, serie: Serie, validos: int) -> dict[str, Any]:
    dias = len(serie.horas) // 24
    fechas = [pedido.inicio + timedelta(days=i) for i in range(dias)]
    tiempos: list[Any] = (
        [_dia(f) * 86400 - pedido.desfase_s for f in fechas] if pedido.unix else [str(f) for f in fechas]
    )
    tabla: dict[str, Any] = {"time": tiempos}
    unidades = {"time": _formato(pedido)}
    for nombre in pedido.diario:
        valores = columna_diaria(serie, nombre, producto.diarias, pedido.unidades, pedido.desfase_s, pedido.unix)
        tabla[nombre] = valores[:validos] + [None] * (len(valores) - validos)
        unidades[nombre] = unidad_diaria(nombre, pedido.unidades)
    return {"daily_units": unidades, "daily": tabla}


def _horas(pedido: Pedido, dias: int) -> list[Any]:
    if pedido.unix:
        inicio_s = _dia(pedido.inicio) * 86400 - pedido.desfase_s
        return [inicio_s + 3600 * i for i in range(24 * dias)]
    sufijos = [f"T{h:02}:00" for h in range(24)]
    fechas = [str(pedido.inicio + timedelta(days=i)) for i in range(dias)]
    return [fecha + sufijo for fecha in fechas for sufijo in sufijos]


def _dia(fecha: date) -> int:
    return fecha.toordinal() - date(1970, 1, 1).toordinal()


def _formato(pedido: Pedido) -> str:
    return "unixtime" if pedido.unix else "iso8601"
