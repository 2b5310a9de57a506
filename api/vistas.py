"""How a consulta and its answer are shown."""

from __future__ import annotations

from typing import Any

from flask import url_for

from shared.clima import UNIDADES, iso_utc
from shared.modelos import Consulta, DatosClima
from shared.redondeo import mitad_arriba

VERBOS = ("descargar", "eventos", "cancelar", "reintentar")


def enlaces(consulta: Consulta) -> dict[str, str]:
    propio = url_for("consultas.leer", consulta_id=consulta.id)
    return {"self": propio, **{verbo: f"{propio}/{verbo}" for verbo in VERBOS}}


def datos_clima(datos: DatosClima) -> dict[str, Any]:
    """The customer's shape, with units, disagreement and every source."""
    valores = datos.datos_completos["valores"]
    fuentes = datos.datos_completos["fuentes"]
    return {
        "id": datos.id,
        "consulta_id": datos.consulta_id,
        "temperatura": {
            "promedio": valores.get("temperatura"),
            "min": valores.get("temperatura_min"),
            "max": valores.get("temperatura_max"),
        },
        "presion_atmosferica": valores.get("presion_atmosferica"),
        "humedad_relativa": _entero(valores.get("humedad_relativa")),
        "viento": {
            "velocidad": valores.get("velocidad_viento"),
            "direccion": _entero(valores.get("direccion_viento")),
        },
        "precipitacion": valores.get("precipitacion"),
        "visibilidad": _entero(valores.get("visibilidad")),
        "indice_uv": valores.get("indice_uv"),
        "calidad_aire": _entero(valores.get("calidad_aire")),
        "descripcion_clima": valores.get("descripcion_clima"),
        "unidades": UNIDADES,
        "dispersion": datos.datos_completos["dispersion"],
        "fuentes_utilizadas": datos.fuentes_utilizadas,
        "fuentes": fuentes,
        "faltantes": datos.datos_completos.get("faltantes", []),  # older answers did not say
        "laboratorio": any(f.get("laboratorio") for f in fuentes),
        "guardado_en": iso_utc(datos.guardado_en),
    }


def _entero(valor: float | None) -> int | None:
    return None if valor is None else int(mitad_arriba(valor))
