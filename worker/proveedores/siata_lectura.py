"""What SIATA's bodies say, in our units: pure functions. The calls and the choice of a station are in siata.py.

SIATA publishes no documentation: fields, units and sentinels are those that its open clients read (Benpo_SIATA,
Shizuku-precipitation-viewer, openaq-fetch adapters/medellin.js, juansolorzano24/SIATA, Analisis-Siata) and those of
recorded CSV files. Every function leaves the pressure as it is measured, at the station: `presion_atmosferica` is
here NOT at mean sea level, and who combines it with others must take it out first (siata.py does).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from shared.clima import Medicion
from shared.posible import depurar, posible
from worker.proveedores.cuerpos import codigo, instante_iso, instante_unix, numero_escrito, texto
from worker.proveedores.http import ErrorProveedor

HORA_COLOMBIANA = timedelta(hours=-5)  # no summer time since 1993
COLOMBIA = timezone(HORA_COLOMBIANA)
CENTINELA = 995.0  # theirs for no data; it is a pressure too, so the table of limits cannot tell
PM25_MAXIMO = 10_000.0  # µg/m³; the thickest smoke of fires is some thousands
MS = 3.6
CLAVES_DE_ESTACION = ("t", "h", "p", "ws", "wd", "p10m", "p1h", "p24h")
OTRAS_LLUVIAS = {"p10m": "precipitacion_10min_mm", "p24h": "precipitacion_24h_mm"}
SIN_LA_HORA = "no da la lluvia de la última hora, solo la de otro lapso"


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


def leer_catalogo(cuerpo: Any) -> list[Estacion]:
    """Pluviometrica.json and PluviometricaMeteo.json: {"red", "estaciones": [{codigo, nombre, latitud, …, valor}]}."""
    filas = cuerpo.get("estaciones") if isinstance(cuerpo, dict) else cuerpo
    if not isinstance(filas, list):
        raise ErrorProveedor("respondió sin el catálogo de estaciones")
    return [estacion for fila in filas if (estacion := _estacion(fila)) is not None]


def leer_estacion(cuerpo: Any) -> Medicion:
    """{codigo}.json: °C, %, hPa at the station, m/s, degrees, mm of the last hour; every number in a string.

    Without what cannot be, which imposibles says: here, before stations are put together.
    observado_en takes `date` as true unix time, which is not certain: see siata.hora_plausible.
    """
    if isinstance(cuerpo, list) and cuerpo:
        cuerpo = cuerpo[0]
    if not isinstance(cuerpo, dict) or not any(clave in cuerpo for clave in CLAVES_DE_ESTACION):
        raise ErrorProveedor("respondió algo que no es una estación")
    valores = {clave: numero(cuerpo.get(clave)) for clave in CLAVES_DE_ESTACION}
    vacia = _fila_de_ceros(valores["t"], valores["h"], valores["p"])
    observado_en = instante_unix(numero(cuerpo.get("date")))
    return Medicion(observado_en=observado_en) if vacia else _medicion(valores, observado_en)


def leer_aire(cuerpo: Any) -> list[Aire]:
    """Datos_SIATA_Aire_AQ_*_Last.json: {"measurements": […]} as OpenAQ has them, some 24 hours of every station."""
    filas = cuerpo.get("measurements") if isinstance(cuerpo, dict) else cuerpo
    if not isinstance(filas, list):
        raise ErrorProveedor("respondió sin mediciones de aire")
    return [aire for fila in filas if isinstance(fila, dict) and (aire := _aire(fila)) is not None]


def numero(valor: Any) -> float | None:
    """A number, also in a string; None for what is not one, and for 995."""
    leido = numero_escrito(valor)
    return None if leido == CENTINELA else leido


def _estacion(fila: Any) -> Estacion | None:
    if not isinstance(fila, dict):
        return None
    suyo, latitud, longitud = codigo(fila.get("codigo")), *_punto(fila.get("latitud"), fila.get("longitud"))
    if suyo is None or latitud is None or longitud is None:
        return None
    lluvia = posible("precipitacion", numero(fila.get("valor")))
    return Estacion(suyo, texto(fila.get("nombre")) or suyo, latitud, longitud, lluvia)


def _punto(latitud: Any, longitud: Any) -> tuple[float | None, float | None]:
    return posible("latitud", numero_escrito(latitud)), posible("longitud", numero_escrito(longitud))


def _medicion(valores: dict[str, float | None], observado_en: datetime | None) -> Medicion:
    """Its rain is p1h, that of the last hour; p10m and p24h are others, told apart where it is the only one."""
    dichas = ((nombre, posible("precipitacion_dia", valores[clave])) for clave, nombre in OTRAS_LLUVIAS.items())
    otras = {nombre: mm for nombre, mm in dichas if mm is not None}
    sin_hora = bool(otras) and posible("precipitacion", valores["p1h"]) is None
    m = Medicion(
        temperatura=valores["t"],
        humedad_relativa=valores["h"],
        presion_atmosferica=valores["p"],
        velocidad_viento=_por(valores["ws"], MS),
        direccion_viento=valores["wd"],
        precipitacion=valores["p1h"],
        observado_en=observado_en,
        extras=otras if sin_hora else {},
        incomparables={"precipitacion": SIN_LA_HORA} if sin_hora else {},
    )
    return depurar(m, en_estacion=True)


def _aire(fila: dict[str, Any]) -> Aire | None:
    lugar = fila.get("coordinates")
    if not isinstance(lugar, dict):
        return None
    latitud, longitud = _punto(lugar.get("latitude"), lugar.get("longitude"))
    if latitud is None or longitud is None:
        return None
    nombre, valor = texto(fila.get("location")) or "", numero(fila.get("value"))
    return Aire(
        Estacion(nombre.partition(" ")[0], nombre, latitud, longitud),
        (texto(fila.get("parameter")) or "pm25").rstrip("³"),  # «pm10³», by mistake
        valor if valor is not None and 0 <= valor <= PM25_MAXIMO else None,
        texto(fila.get("unit")),
        _de_openaq(fila.get("date")),
    )


def _fila_de_ceros(temperatura: float | None, humedad: float | None, presion: float | None) -> bool:
    """A whole row of zeros is a station that did not measure: pressure, or temperature with humidity, is never 0."""
    return presion == 0 or (temperatura == 0 and humedad == 0)


def _por(valor: float | None, factor: float) -> float | None:
    return None if valor is None else valor * factor


def _de_openaq(fecha: Any) -> datetime | None:
    """{"utc", "local"}, or a text; time without a zone is Colombian."""
    if not isinstance(fecha, dict):
        return instante_iso(fecha, COLOMBIA)
    return instante_iso(fecha.get("utc"), UTC) or instante_iso(fecha.get("local"), COLOMBIA)
