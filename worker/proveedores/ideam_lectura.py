"""IDEAM's rows as readings and stations: pure functions, no calls. What each fact rests on: see ideam.py."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from shared.db import plegar
from shared.posible import posible
from worker.proveedores.cuerpos import INCOMPRENSIBLE, a_utc, bloque, codigo, instante_iso, numero_escrito, texto
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
HORA_LEGAL = timezone(timedelta(hours=-5))  # no summer time since 1993
HOLGURA = timedelta(minutes=15)  # how far a station's clock may be ahead of ours


def leer_datos(filas: list[dict[str, Any]], campo: str | None = None) -> list[Dato]:
    """Rows → readings, each once, those that cannot be as well (estaciones.separar); times as Colombian.

    campo: what the data set measures, if it is only one thing.
    """
    if filas and not any("fechaobservacion" in fila for fila in filas):
        raise ErrorProveedor(INCOMPRENSIBLE)
    datos = sin_repetir(d for fila in filas if (d := _dato(fila, campo)))
    return [d for d in datos if campo is None or d.campo == campo]


def leer_estaciones(filas: list[dict[str, Any]]) -> dict[str, Estacion]:
    """The stations named in rows of readings, by code."""
    estaciones: dict[str, Estacion] = {}
    for fila in filas:
        suyo = codigo(fila.get("codigoestacion"))
        if suyo and suyo not in estaciones:
            posicion = _latitud(fila.get("latitud")), _longitud(fila.get("longitud"))
            estaciones[suyo] = Estacion(suyo, texto(fila.get("nombreestacion")), *posicion)
    return estaciones


def leer_catalogo(filas: list[dict[str, Any]]) -> list[Estacion]:
    """The catalogue. `ubicaci_n` has its two numbers exchanged in many rows, so the plain columns go first."""
    estaciones = []
    for fila in filas:
        suyo = codigo(fila.get("codigo"))
        if suyo is None:
            continue
        punto = bloque(fila, "ubicaci_n")
        latitud = numero_escrito(fila.get("latitud", punto.get("latitude")))
        longitud = numero_escrito(fila.get("longitud", punto.get("longitude")))
        if latitud is not None and longitud is not None and abs(latitud) > abs(longitud):
            latitud, longitud = longitud, latitud  # Colombia lies between 66 and 82 degrees west
        altura = posible("altura_m", numero_escrito(fila.get("altitud")))
        posicion = _latitud(latitud), _longitud(longitud)
        estaciones.append(Estacion(suyo, texto(fila.get("nombre")), *posicion, altura))
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
    """None: not weather, or without a station, a time or a number."""
    sensor, estacion = codigo(fila.get("codigosensor")) or "", codigo(fila.get("codigoestacion"))
    campo = SENSORES.get(sensor) or _por_descripcion(fila.get("descripcionsensor")) or campo
    en, valor = _instante(fila.get("fechaobservacion")), numero_escrito(fila.get("valorobservado"))
    if campo is None or en is None or valor is None or estacion is None:
        return None
    factores = FACTORES.get(campo, {"": 1.0})
    valor *= factores.get(plegar(str(fila.get("unidadmedida") or "")).strip(), factores[""])
    return Dato(estacion, sensor, campo, en, valor)


def _por_descripcion(dicha: Any) -> str | None:
    plano = plegar(texto(dicha) or "")
    return next((campo for patron, campo in DESCRIPCIONES if patron.search(plano)), None)


def _instante(valor: Any) -> datetime | None:
    """ISO without a zone, Colombian (17.8 °C at 09:00 and 12.7 at 23:00 in Bogotá); the export writes mm/dd/yyyy AM."""
    if en := instante_iso(valor, HORA_LEGAL):
        return en
    try:
        return a_utc(datetime.strptime(str(valor), "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=HORA_LEGAL))
    except ValueError:
        return None


def _latitud(valor: Any) -> float | None:
    return posible("latitud", numero_escrito(valor))


def _longitud(valor: Any) -> float | None:
    return posible("longitud", numero_escrito(valor))
