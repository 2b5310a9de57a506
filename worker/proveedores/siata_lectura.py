"""What SIATA's bodies say, in our units: pure functions. The calls and the choice of a station are in siata.py.

SIATA publishes no documentation: fields, units and sentinels are those that its open clients read (Benpo_SIATA,
Shizuku-precipitation-viewer, openaq-fetch adapters/medellin.js, juansolorzano24/SIATA, Analisis-Siata) and those of
recorded CSV files. Every function leaves the pressure as it is measured, at the station: `presion_atmosferica` is
here NOT at mean sea level, and who combines it with others must take it out first (siata.py does).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.clima import Medicion
from worker.proveedores.http import ErrorProveedor

HORA_COLOMBIANA = timedelta(hours=-5)  # no summer time since 1993
CENTINELAS = (995.0,)
SIN_DATO = -900.0  # -999 and -9999, also as text
CALIDAD_PERDIDA = 2.6  # 1 valid, -1 checked by hand, 1.8-2.5 doubtful and kept, 2.6-3.9 bad, 4 and more lost
MMHG = 1.33322387415
MS = 3.6
CLAVES_DE_ESTACION = ("t", "h", "p", "ws", "wd", "p10m", "p1h", "p24h")
OTRAS_LLUVIAS = {"p10m": "precipitacion_10min_mm", "p24h": "precipitacion_24h_mm"}
SIN_LA_HORA = "no da la lluvia de la última hora, solo la de otro lapso"
CODIGO = re.compile(r"[\w-]{1,40}", re.ASCII)  # it goes into a URL


@dataclass(frozen=True, slots=True)
class Estacion:
    """A station of the catalogue. valor: its latest rain in mm, None when it has none."""

    codigo: str
    nombre: str
    latitud: float
    longitud: float
    valor: float | None = None

    @property
    def apagada(self) -> bool:
        return "_OFF" in self.nombre.upper()


@dataclass(frozen=True, slots=True)
class Aire:
    """One hour of one pollutant at one station, in the unit that the body gives it (µg/m³, CO ppm)."""

    estacion: Estacion
    contaminante: str
    valor: float | None
    unidad: str | None
    observado_en: datetime | None


Registro = tuple[str, Medicion]  # station code, its measurement


def leer_catalogo(cuerpo: Any) -> list[Estacion]:
    """Pluviometrica.json and PluviometricaMeteo.json: {"red", "estaciones": [{codigo, nombre, latitud, …, valor}]}."""
    filas = cuerpo.get("estaciones") if isinstance(cuerpo, dict) else cuerpo
    if not isinstance(filas, list):
        raise ErrorProveedor("respondió sin el catálogo de estaciones")
    return [estacion for fila in filas if (estacion := _estacion(fila)) is not None]


def leer_estacion(cuerpo: Any) -> Medicion:
    """{codigo}.json: °C, %, hPa at the station, m/s, degrees, mm of the last hour; every number in a string.

    observado_en takes `date` as true unix time, which is not certain: see siata.hora_plausible.
    """
    if isinstance(cuerpo, list) and cuerpo:
        cuerpo = cuerpo[0]
    if not isinstance(cuerpo, dict) or not any(clave in cuerpo for clave in CLAVES_DE_ESTACION):
        raise ErrorProveedor("respondió algo que no es una estación")
    valores = {clave: numero(cuerpo.get(clave)) for clave in CLAVES_DE_ESTACION}
    vacia = _fila_de_ceros(valores["t"], valores["h"], valores["p"])
    return Medicion(observado_en=_de_unix(cuerpo.get("date"))) if vacia else _medicion(valores, cuerpo.get("date"))


def leer_aire(cuerpo: Any) -> list[Aire]:
    """Datos_SIATA_Aire_AQ_*_Last.json: {"measurements": […]} as OpenAQ has them, some 24 hours of every station."""
    filas = cuerpo.get("measurements") if isinstance(cuerpo, dict) else cuerpo
    if not isinstance(filas, list):
        raise ErrorProveedor("respondió sin mediciones de aire")
    return [aire for fila in filas if isinstance(fila, dict) and (aire := _aire(fila)) is not None]


def leer_aire_por_estacion(cuerpo: Any) -> list[Registro]:
    """Datos_SIATA_Aire_pm25.json: a list of stations, each with datos: [{fecha (local), calidad, valor}]."""
    if not isinstance(cuerpo, list):
        raise ErrorProveedor("respondió sin mediciones de aire")
    return [
        (str(estacion.get("codigoSerial")), _de_dato(dato))
        for estacion in cuerpo
        if isinstance(estacion, dict)
        for dato in estacion.get("datos") or []
    ]


def leer_csv(texto: str) -> list[Registro]:
    """The portal's CSV of a station and month: local time, pressure in mmHg, wind in m/s, a calidad_* per column.

    A row with zero pressure has no meteorology, whatever its calidad says. Whether pliquida_ssr is the sum of the hour
    is not confirmed.
    """
    lector = csv.DictReader(texto.lstrip("\ufeff").splitlines())
    if not {"Fecha_Hora", "codigoSerial"} <= set(lector.fieldnames or ()):
        raise ErrorProveedor("no es un CSV del portal de SIATA")
    return [(fila["codigoSerial"], _de_csv(fila)) for fila in lector]


def leer_geoportal(cuerpo: Any) -> list[Registro]:
    """Layers of the geoportal as GeoJSON: rain of 15 minutes (pluvios_v2), temperature and humidity (tempVient), PM2.5
    (pm25_minio). Local time. Their ICA is the Colombian index (Res. 2254 of 2017), not the US AQI."""
    filas = cuerpo.get("features") if isinstance(cuerpo, dict) else None
    if not isinstance(filas, list):
        raise ErrorProveedor("respondió algo que no es una capa del geoportal")
    propiedades = [fila["properties"] for fila in filas if isinstance(fila, dict) and fila.get("properties")]
    return [(str(p.get("codigo")), _de_geoportal(p)) for p in propiedades]


def numero(valor: Any) -> float | None:
    """A number, also in a string; None for what is not one and for the sentinels (-999, -9999, 995)."""
    if isinstance(valor, bool) or not isinstance(valor, int | float | str):
        return None
    try:
        leido = float(valor)
    except ValueError:
        return None
    return leido if SIN_DATO < leido < 1e13 and leido not in CENTINELAS else None


def _estacion(fila: Any) -> Estacion | None:
    if not isinstance(fila, dict):
        return None
    codigo, latitud, longitud = str(fila.get("codigo")), numero(fila.get("latitud")), numero(fila.get("longitud"))
    if latitud is None or longitud is None or not CODIGO.fullmatch(codigo) or fila.get("codigo") is None:
        return None
    return Estacion(codigo, str(fila.get("nombre") or codigo), latitud, longitud, numero(fila.get("valor")))


def _medicion(valores: dict[str, float | None], fecha: Any) -> Medicion:
    """Its rain is p1h, that of the last hour; p10m and p24h are others, told apart where it is the only one."""
    otras = {nombre: mm for clave, nombre in OTRAS_LLUVIAS.items() if (mm := valores[clave]) is not None}
    sin_hora = bool(otras) and valores["p1h"] is None
    return Medicion(
        temperatura=valores["t"],
        humedad_relativa=valores["h"],
        presion_atmosferica=valores["p"],
        velocidad_viento=_por(valores["ws"], MS),
        direccion_viento=valores["wd"],
        precipitacion=valores["p1h"],
        observado_en=_de_unix(fecha),
        extras=otras if sin_hora else {},
        incomparables={"precipitacion": SIN_LA_HORA} if sin_hora else {},
    )


def _aire(fila: dict[str, Any]) -> Aire | None:
    lugar = fila.get("coordinates")
    latitud, longitud = (numero(lugar.get(c)) if isinstance(lugar, dict) else None for c in ("latitude", "longitude"))
    if latitud is None or longitud is None:
        return None
    nombre = str(fila.get("location") or "")
    return Aire(
        Estacion(nombre.partition(" ")[0], nombre, latitud, longitud),
        str(fila.get("parameter") or "pm25").rstrip("³"),  # «pm10³», by mistake
        numero(fila.get("value")),
        fila.get("unit"),
        _de_openaq(fila.get("date")),
    )


def _de_dato(dato: Mapping[str, Any]) -> Medicion:
    calidad = numero(dato.get("calidad"))
    nombre = f"{dato.get('variableConsulta') or 'pm25'}_ug_m3"
    extras = {nombre: _si_vale(numero(dato.get("valor")), calidad), "calidad": calidad}
    return Medicion(observado_en=_de_local(dato.get("fecha")), extras=extras)


def _de_csv(fila: Mapping[str, str]) -> Medicion:
    def valor(columna: str) -> float | None:
        return _si_vale(numero(fila.get(columna)), numero(fila.get(f"calidad_{columna}")))

    instante = _de_local(fila["Fecha_Hora"])
    extras = {"pm25_ug_m3": valor("pm25")}
    if _fila_de_ceros(*(numero(fila.get(c)) for c in ("taire10_ssr", "haire10_ssr", "p_ssr"))):
        return Medicion(observado_en=instante, extras=extras)
    return Medicion(
        temperatura=valor("taire10_ssr"),
        humedad_relativa=valor("haire10_ssr"),
        presion_atmosferica=_por(valor("p_ssr"), MMHG),
        velocidad_viento=_por(valor("vviento_ssr"), MS),
        direccion_viento=valor("dviento_ssr"),
        precipitacion=valor("pliquida_ssr"),
        observado_en=instante,
        extras=extras,
    )


def _de_geoportal(p: Mapping[str, Any]) -> Medicion:
    fechas = (p.get(c) for c in ("fecha_ultima_actualizacion", "FechaUltimaModificacion", "fechaFin"))
    suyos = {"pm25_24h_ug_m3": numero(p.get("PM25_24H_prom")), "ica_24h": numero(p.get("ICA_24H_prom"))}
    lluvia = numero(p.get("acumulado_15min"))
    lapso = {} if lluvia is None else {"precipitacion_15min_mm": lluvia}
    return Medicion(
        temperatura=numero(p.get("Temperatura")),
        humedad_relativa=numero(p.get("Humedad_relativa")),
        observado_en=_de_local(next((f for f in fechas if f), None)),
        extras={c: v for c, v in suyos.items() if v is not None} | lapso,
        incomparables={"precipitacion": SIN_LA_HORA} if lapso else {},
    )


def _fila_de_ceros(temperatura: float | None, humedad: float | None, presion: float | None) -> bool:
    """A whole row of zeros is a station that did not measure: pressure, or temperature with humidity, is never 0."""
    return presion == 0 or (temperatura == 0 and humedad == 0)


def _si_vale(valor: float | None, calidad: float | None) -> float | None:
    return None if calidad is not None and calidad >= CALIDAD_PERDIDA else valor


def _por(valor: float | None, factor: float) -> float | None:
    return None if valor is None else valor * factor


def _de_unix(valor: Any) -> datetime | None:
    """Seconds since 1970 (or milliseconds), also in a string with blanks and decimals."""
    segundos = numero(valor)
    if segundos is None or segundos <= 0:
        return None
    return datetime.fromtimestamp(segundos / 1000 if segundos > 1e11 else segundos, UTC)


def _de_local(valor: Any, desfase: timedelta = HORA_COLOMBIANA) -> datetime | None:
    """Time without a zone is Colombian; text with a zone keeps its own."""
    try:
        leido = datetime.fromisoformat(str(valor))
    except ValueError:
        return None
    return leido.astimezone(UTC) if leido.tzinfo else leido.replace(tzinfo=UTC) - desfase


def _de_openaq(fecha: Any) -> datetime | None:
    """{"utc", "local"}, or a text."""
    if not isinstance(fecha, dict):
        return _de_local(fecha)
    return _de_local(fecha.get("utc"), timedelta(0)) or _de_local(fecha.get("local"))
