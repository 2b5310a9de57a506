"""IDEAM's rows as readings and stations: pure functions, no calls. What each fact rests on: see ideam.py."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from math import isfinite
from typing import Any

from shared.db import plegar
from worker.proveedores.estaciones import Dato, Estacion, agrupar, sin_repetir
from worker.proveedores.http import ErrorProveedor

SENSORES = {
    "0068": "temperatura",
    "0071": "temperatura",
    "0069": "temperatura_max",
    "0070": "temperatura_min",
    "0027": "humedad_relativa",
    "0255": "presion_atmosferica",
    "0258": "presion_atmosferica",
    "0103": "velocidad_viento",
    "0104": "direccion_viento",
    "0240": "precipitacion",
    "0257": "precipitacion",
}
# For a sensor of another number, by its description without accents; the first that is found.
DESCRIPCIONES = (
    (re.compile(r"suelo|\bcm\b|rafaga|viento.*max|max.*viento|rocio|vapor"), None),
    (re.compile("humedad"), "humedad_relativa"),
    (re.compile("temp.*max"), "temperatura_max"),
    (re.compile("temp.*min"), "temperatura_min"),
    (re.compile("temp.*aire"), "temperatura"),
    (re.compile("presion"), "presion_atmosferica"),
    (re.compile("velocidad.*viento"), "velocidad_viento"),
    (re.compile("direccion.*viento"), "direccion_viento"),
    (re.compile("precipitacion|lluvia"), "precipitacion"),
)
# To our units. A unit not listed is the usual one of its field in another spelling (hPA, HPa, GN).
FACTORES = {
    "velocidad_viento": {"": 3.6, "km/h": 1.0, "kt": 1.852},
    "presion_atmosferica": {"": 1.0, "mmhg": 1.33322387415, "pa": 0.01},
}
# What can be in Colombia, in our units; beyond are sentinels (-9999, 9999) and broken sensors. Rain: of one reading.
RANGOS = {
    "temperatura": (-30.0, 50.0),
    "temperatura_min": (-30.0, 50.0),
    "temperatura_max": (-30.0, 50.0),
    "humedad_relativa": (0.0, 100.0),
    "presion_atmosferica": (500.0, 1080.0),
    "velocidad_viento": (0.0, 216.0),
    "direccion_viento": (0.0, 360.0),
    "precipitacion": (0.0, 150.0),
}
HORA_LEGAL = timezone(timedelta(hours=-5))  # no summer time since 1993
HOLGURA = timedelta(minutes=15)  # how far a station's clock may be ahead of ours
INCOMPRENSIBLE = "respondió algo que no se entiende"


def leer_datos(filas: list[dict[str, Any]], campo: str | None = None) -> list[Dato]:
    """Rows → readings, each once; times as Colombian. campo: what the data set measures, if it is only one thing."""
    if filas and not any("fechaobservacion" in fila for fila in filas):
        raise ErrorProveedor(INCOMPRENSIBLE)
    datos = sin_repetir(d for fila in filas if (d := _dato(fila, campo)))
    return [d for d in datos if campo is None or d.campo == campo]


def leer_estaciones(filas: list[dict[str, Any]]) -> dict[str, Estacion]:
    """The stations named in rows of readings, by code."""
    estaciones: dict[str, Estacion] = {}
    for fila in filas:
        codigo = str(fila.get("codigoestacion") or "")
        if codigo and codigo not in estaciones:
            posicion = _numero(fila.get("latitud")), _numero(fila.get("longitud"))
            estaciones[codigo] = Estacion(codigo, _nombre(fila.get("nombreestacion")), *posicion)
    return estaciones


def leer_catalogo(filas: list[dict[str, Any]]) -> list[Estacion]:
    """The catalogue. `ubicaci_n` has its two numbers exchanged in many rows, so the plain columns go first."""
    estaciones = []
    for fila in (f for f in filas if f.get("codigo")):
        punto = fila["ubicaci_n"] if isinstance(fila.get("ubicaci_n"), dict) else {}
        latitud = _numero(fila.get("latitud", punto.get("latitude")))
        longitud = _numero(fila.get("longitud", punto.get("longitude")))
        if latitud is not None and longitud is not None and abs(latitud) > abs(longitud):
            latitud, longitud = longitud, latitud  # Colombia lies between 66 and 82 degrees west
        altura = _numero(fila.get("altitud"))
        estaciones.append(Estacion(str(fila["codigo"]), _nombre(fila.get("nombre")), latitud, longitud, altura))
    return estaciones


def en_su_hora(datos: list[Dato], ahora: datetime) -> list[Dato]:
    """57sv-p2fu says no time zone and nobody has confirmed one: Colombian, unless most stations would be in the future.

    Then it is UTC. What is in the future all the same is dropped. UTC data more than five hours late would pass for
    Colombian, five hours too young: nothing in the answer tells.
    """
    limite = ahora + HOLGURA
    ultimos = [max(d.en for d in suyos) for suyos in agrupar(datos, lambda d: d.estacion).values()]
    if 2 * sum(u > limite for u in ultimos) > len(ultimos):
        datos = [replace(d, en=d.en.astimezone(HORA_LEGAL).replace(tzinfo=UTC)) for d in datos]
    return [d for d in datos if d.en <= limite]


def _dato(fila: dict[str, Any], campo: str | None) -> Dato | None:
    """None: not weather, without a station, a time or a number, or a number that cannot be."""
    sensor, estacion = str(fila.get("codigosensor") or ""), fila.get("codigoestacion")
    campo = SENSORES.get(sensor) or _por_descripcion(fila.get("descripcionsensor")) or campo
    en, valor = _instante(fila.get("fechaobservacion")), _numero(fila.get("valorobservado"))
    if campo is None or en is None or valor is None or not estacion:
        return None
    factores = FACTORES.get(campo, {"": 1.0})
    valor *= factores.get(plegar(str(fila.get("unidadmedida") or "")).strip(), factores[""])
    minimo, maximo = RANGOS[campo]
    return Dato(str(estacion), sensor, campo, en, valor) if minimo <= valor <= maximo else None


def _por_descripcion(texto: Any) -> str | None:
    plano = plegar(str(texto or ""))
    return next((campo for patron, campo in DESCRIPCIONES if patron.search(plano)), None)


def _instante(valor: Any) -> datetime | None:
    """ISO without a zone, Colombian (17.8 °C at 09:00 and 12.7 at 23:00 in Bogotá); the export writes mm/dd/yyyy AM."""
    texto = str(valor)
    try:
        en = datetime.fromisoformat(texto)
    except ValueError:
        try:
            en = datetime.strptime(texto, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=HORA_LEGAL)
        except ValueError:
            return None
    return (en if en.tzinfo else en.replace(tzinfo=HORA_LEGAL)).astimezone(UTC) if en.year > 1900 else None


def _numero(valor: Any) -> float | None:
    """Text or number; True is neither."""
    try:
        numero = float(valor)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if isinstance(valor, bool) or not isfinite(numero) else numero


def _nombre(valor: Any) -> str | None:
    """Their names have doubled spaces."""
    return " ".join(str(valor or "").split()) or None
