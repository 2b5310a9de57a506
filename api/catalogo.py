"""What there is to ask: providers and places."""

from __future__ import annotations

from typing import Any

from flask import current_app
from redis.exceptions import RedisError

from api import acceso
from api.acceso import usuario_actual
from api.base import Rutas, sesion
from api.esquemas.catalogo import BuscarCiudad, Ciudades, Proveedores
from shared import api_keys, lugares
from shared.catalogo import FICHAS
from shared.clima import Proveedor
from shared.limites import Limites, Salud
from shared.modelos import ApiKey
from shared.settings import Settings

rutas = Rutas("catalogo", __name__, url_prefix="/api", description="Qué se puede preguntar")
rutas.before_request(acceso.exigir_login)
DE_LA_FICHA = ("titulo", "cobertura", "necesita_clave", "tipos", "parametros", "historia", "licencia")


@rutas.get("/proveedores")
@rutas.response(200, Proveedores)
def proveedores() -> dict[str, Any]:
    """Los proveedores: qué cubren, si puedo usarlos, cómo están y cuánto les queda."""
    settings: Settings = current_app.extensions["settings"]
    propias = {clave.proveedor: clave for clave in api_keys.todas(sesion(), usuario_actual().id)}
    return {"proveedores": [_uno(p, propias.get(p), settings) for p in Proveedor]}


@rutas.get("/ciudades")
@rutas.arguments(BuscarCiudad, location="query")
@rutas.response(200, Ciudades)
def ciudades(filtro: dict[str, str]) -> dict[str, Any]:
    """Hasta diez lugares cuyo nombre empieza así, los más probables primero; si no hay, los de nombre parecido."""
    q = filtro["q"]
    return {"ciudades": lugares.buscar(q), **({"corregido_de": q} if lugares.corregida(q) else {})}


def _uno(proveedor: Proveedor, propia: ApiKey | None, settings: Settings) -> dict[str, Any]:
    ficha = FICHAS[proveedor]
    sirve = propia is not None and propia.activa and propia.rechazada_en is None
    salud, queda = _estado(proveedor)
    return {
        "proveedor": proveedor,
        **{dato: getattr(ficha, dato) for dato in DE_LA_FICHA},
        "utilizable": sirve or not ficha.necesita_clave or settings.tiene_clave(proveedor),
        "clave": "propia" if sirve else "instalacion" if settings.tiene_clave(proveedor) else None,
        "clave_rechazada": propia is not None and propia.rechazada_en is not None,
        "cuota_restante": api_keys.restante(sesion(), propia.id) if propia and sirve else queda,
        "circuito": salud.circuito,
        "tasa_exito": salud.exito,
        "latencia_ms": salud.latencia_ms,
    }


def _estado(proveedor: Proveedor) -> tuple[Salud, int | None]:
    """Health and what is left of the installation's budget; with Redis down, nothing is known."""
    limites: Limites = current_app.extensions["limites"]
    try:
        return limites.salud(proveedor), limites.presupuestos.queda(proveedor)
    except RedisError:
        return Salud("desconocido", None, None), None
