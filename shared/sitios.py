"""Between an Ubicacion and the columns that keep it: latitud, longitud, zona_horaria, and `lugar` for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from shared import lugares
from shared.clima import Lugar, Por, Ubicacion
from shared.modelos import Consulta

COLUMNAS = ("ciudad", "latitud", "longitud", "zona_horaria", "lugar")
GUARDADOS = ("nombre", "region", "pais", "altura_m", "geonameid")


def columnas(ubicacion: Ubicacion | None) -> dict[str, Any]:
    """Of a consulta; all None while the place is still to be looked up."""
    if ubicacion is None:
        return dict.fromkeys(("latitud", "longitud", "zona_horaria", "lugar"))
    lugar = ubicacion.lugar
    return {
        "latitud": Decimal(str(lugar.latitud)),
        "longitud": Decimal(str(lugar.longitud)),
        "zona_horaria": lugar.zona_horaria,
        "lugar": guardado(ubicacion),
    }


def guardado(ubicacion: Ubicacion) -> dict[str, Any]:
    """As the column `lugar` holds it."""
    lugar = {campo: getattr(ubicacion.lugar, campo) for campo in GUARDADOS}
    resto = {"corregido_de": ubicacion.corregido_de, "alternativas": [asdict(otra) for otra in ubicacion.alternativas]}
    return {**lugar, "por": ubicacion.por, **{campo: valor for campo, valor in resto.items() if valor}}


def de_columnas(fila: Mapping[Any, Any]) -> Ubicacion | None:
    """Back from the columns of a consulta. Of a row older than `lugar`, what is known of it."""
    if fila["latitud"] is None:
        return None
    punto = float(fila["latitud"]), float(fila["longitud"])
    datos = fila["lugar"]
    if datos is None:
        return Ubicacion(Lugar(*punto, nombre=fila["ciudad"], zona_horaria=fila["zona_horaria"]))
    lugar = Lugar(*punto, zona_horaria=fila["zona_horaria"], **{campo: datos.get(campo) for campo in GUARDADOS})
    otras = tuple(Lugar(**otra) for otra in datos.get("alternativas", ()))
    return Ubicacion(lugar, Por(datos["por"]), datos.get("corregido_de"), otras)


def visible(consulta: Consulta) -> Ubicacion | None:
    """As de_columnas, for people: an older row whose name and point are a place of the gazetteer is that place."""
    fila = {columna: getattr(consulta, columna) for columna in COLUMNAS}
    if fila["lugar"] is None and fila["latitud"] is not None and fila["ciudad"]:
        reconocida = lugares.reconocer(fila["ciudad"], float(fila["latitud"]), float(fila["longitud"]))
        if reconocida:
            return reconocida
    return de_columnas(fila)
