"""SIATA in the Aburrá valley: a handful of constructed stations, with the faults the real ones have.

Values are strings in the station files; -999 and -9999 mean no data; pressure is the station's; one is
off and stale; `date` is true unix time (unconfirmed in the original, where it may be local time in disguise).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response

from deploy.laboratorio.clima import Serie
from deploy.laboratorio.errores import como_json, error
from deploy.laboratorio.pedido import ahora

rutas = Blueprint("siata", __name__)

SIN_DATO, SIN_AIRE = -999.0, -9999.0
LOCAL = timedelta(hours=-5)
PARADA = timedelta(days=97)
CONTAMINANTES = {"pm25": 1.0, "pm10": 1.7, "pm1": 0.7, "no2": 1.1, "ozono": 2.0, "co": 30.0, "so2": 0.3}
HORAS_DE_AIRE = 24


@dataclass(frozen=True, slots=True)
class Estacion:
    """meteo: it has more than a rain gauge. apagada: its last row is months old."""

    codigo: int
    nombre: str
    ciudad: str
    barrio: str
    latitud: float
    longitud: float
    meteo: bool = True
    apagada: bool = False


ESTACIONES = (
    Estacion(41, "Comisaría El Poblado", "Medellín", "El Poblado", 6.20661, -75.56616),
    Estacion(68, "Jardín Botánico", "Medellín", "Sevilla", 6.27050, -75.56450),
    Estacion(83, "Torre SIATA", "Medellín", "Laureles", 6.25930, -75.58870),
    Estacion(197, "Universidad de Medellín", "Medellín", "Los Alpes", 6.23110, -75.61020, meteo=False),
    Estacion(201, "AMVA Centro", "Medellín", "La Candelaria", 6.24620, -75.57190),
    Estacion(206, "Colegio Concejo de Itagüí", "Itagüí", "Centro", 6.16850, -75.64440),
    Estacion(271, "Parque de Envigado", "Envigado", "Centro", 6.17190, -75.58510),
    Estacion(318, "_OFF-Girardota - SOS Norte", "Girardota", "Centro", 6.37843, -75.45114, apagada=True),
    Estacion(402, "Alcaldía de Bello", "Bello", "Centro", 6.33730, -75.55790),
    Estacion(478, "Parque de Caldas", "Caldas", "Centro", 6.09110, -75.63570),
)
POR_CODIGO = {estacion.codigo: estacion for estacion in ESTACIONES}


@rutas.get("/data/siata_app/PluviometricaMeteo.json")
def pluviometrica_meteo() -> Response:
    return _red("PluviometricaMeteo", [e for e in ESTACIONES if e.meteo])


@rutas.get("/data/siata_app/Pluviometrica.json")
def pluviometrica() -> Response:
    return _red("Pluviometrica", list(ESTACIONES))


@rutas.get("/data/siata_app/<int:codigo>.json")
def estacion(codigo: int) -> Response:
    """The latest five minutes of one station; every number in a string."""
    elegida = POR_CODIGO.get(codigo)
    if elegida is None:
        return error("siata", 404)
    en = _ultima(elegida)
    lluvias = _serie(elegida, [en - timedelta(minutes=10 * i) for i in range(144)]).lluvia_mm_h
    datos = {**_meteo(elegida, en), "p10m": _mm(lluvias[:1]), "p1h": _mm(lluvias[:6]), "p24h": _mm(lluvias)}
    return como_json({clave: str(valor) for clave, valor in datos.items()} | {"date": f" {en.timestamp():.1f}"})


@rutas.get("/EntregaData1/Datos_SIATA_Aire_AQ_<contaminante>_Last.json")
def aire(contaminante: str) -> Response:
    """The last 24 hours of every station, oldest first; the newest hour of one of them is missing."""
    if contaminante not in CONTAMINANTES:
        return error("siata", 404)
    nombre = "pm10³" if contaminante == "pm10" else contaminante
    filas = [fila for e in ESTACIONES if e.meteo for fila in _aire_de(e, nombre, CONTAMINANTES[contaminante])]
    return como_json({"measurements": filas})


@rutas.get("/fastgeoapi/geodata/geodataJson/3/pluvios_v2")
def pluvios() -> Response:
    def propiedades(e: Estacion, en: datetime) -> dict[str, Any]:
        lluvias = _serie(e, [en, en - timedelta(minutes=10)]).lluvia_mm_h
        return {"fecha_ultima_actualizacion": _local(en), "acumulado_15min": round(sum(lluvias) / 8, 2)}

    return _geojson([(e, propiedades(e, _ultima(e))) for e in ESTACIONES])


@rutas.get("/fastgeoapi/geodata/geodataJson/3/tempVient")
def temp_vient() -> Response:
    def propiedades(e: Estacion, en: datetime) -> dict[str, Any]:
        serie = _serie(e, [en])
        return {
            "Temperatura": round(serie.temperatura_c[0], 1),
            "Humedad_relativa": round(serie.humedad[0]),
            "Velocidad_viento": round(serie.viento_ms[0], 1),
            "Direccion_viento": round(serie.direccion[0]) % 360,
            "FechaUltimaModificacion": _local(en),
        }

    return _geojson([(e, propiedades(e, _ultima(e))) for e in ESTACIONES if e.meteo])


def _red(nombre: str, estaciones: list[Estacion]) -> Response:
    return como_json({"red": nombre, "estaciones": [_ficha(e) for e in estaciones]})


def _ficha(e: Estacion) -> dict[str, Any]:
    valor = SIN_DATO if e.apagada else round(_serie(e, [_ultima(e)]).lluvia_mm_h[0] / 12, 3)
    return {
        "codigo": e.codigo,
        "nombre": e.nombre,
        "latitud": e.latitud,
        "longitud": e.longitud,
        "ciudad": e.ciudad,
        "comuna": "",
        "barrio": e.barrio,
        "subcuenca": "Río Aburrá",
        "valor": valor,
    }


def _meteo(e: Estacion, en: datetime) -> dict[str, float | int]:
    if not e.meteo:
        return dict.fromkeys(("t", "h", "p", "ws", "wd"), int(SIN_DATO))
    serie = _serie(e, [en])
    return {
        "t": round(serie.temperatura_c[0], 1),
        "h": float(round(serie.humedad[0])),
        "p": round(serie.presion_estacion_hpa[0], 1),
        "ws": round(serie.viento_ms[0], 1),
        "wd": float(round(serie.direccion[0]) % 360),
    }


def _aire_de(e: Estacion, parametro: str, factor: float) -> list[dict[str, Any]]:
    ultima = _ultima(e).replace(minute=0)
    horas = [ultima - timedelta(hours=i) for i in range(HORAS_DE_AIRE - 1, -1, -1)]
    valores = [round(pm * factor, 1) for pm in _serie(e, horas).pm25]
    if e.apagada or e.codigo == ESTACIONES[1].codigo:
        valores[-1] = SIN_AIRE
    return [_medida(e, parametro, hora, valor) for hora, valor in zip(horas, valores, strict=True)]


def _medida(e: Estacion, parametro: str, hora: datetime, valor: float) -> dict[str, Any]:
    return {
        "location": f"{e.ciudad[:3].upper()}-{e.codigo} - {e.nombre}",
        "city": "Medellin",
        "country": "CO",
        "parameter": parametro,
        "value": valor,
        "unit": "µg/m³",
        "date": {
            "utc": f"{hora:%Y-%m-%dT%H:%M:%S}.000Z",
            "local": f"{hora + LOCAL:%Y-%m-%dT%H:%M:%S}.000-05:00",
        },
        "coordinates": {"latitude": e.latitud, "longitude": e.longitud},
        "averagingPeriod": {"value": 1, "units": "hours"},
        "attribution": {
            "name": "Sistema de Alerta Temprana de Medellín y el Valle de Aburrá - SIATA",
            "url": "https://siata.gov.co/",
        },
        "mobile": False,
    }


def _geojson(filas: list[tuple[Estacion, dict[str, Any]]]) -> Response:
    entidades = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [e.longitud, e.latitud]},
            "properties": {"codigo": e.codigo, "nombre": e.nombre, **propiedades},
        }
        for e, propiedades in filas
    ]
    return como_json({"type": "FeatureCollection", "features": entidades})


def _serie(e: Estacion, instantes: list[datetime]) -> Serie:
    return Serie(e.latitud, e.longitud, [i.timestamp() / 3600 for i in instantes], "siata")


def _ultima(e: Estacion) -> datetime:
    """The last whole five minutes."""
    momento = ahora() - (PARADA if e.apagada else timedelta())
    return momento.replace(minute=momento.minute // 5 * 5, second=0, microsecond=0)


def _mm(lluvias_mm_h: list[float]) -> float:
    """Rain gathered over as many ten-minute steps."""
    return round(sum(lluvias_mm_h) / 6, 3)


def _local(en: datetime) -> str:
    return f"{en + LOCAL:%Y-%m-%d %H:%M:%S}"
