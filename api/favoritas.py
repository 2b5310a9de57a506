"""Favourite places of a user."""

from __future__ import annotations

from typing import Any

from flask import Response, url_for

from api import acceso
from api.acceso import usuario_actual
from api.actividad import anotar
from api.base import Rutas, sesion
from api.errores import Problema, Sugerencia, no_encontrado
from api.esquemas.cabeceras import da
from api.esquemas.favoritas import CambiosFavorita, FavoritaNueva, Favoritas, FavoritaSobre
from shared import favoritas, lugares
from shared.modelos import CiudadFavorita

rutas = Rutas("favoritas", __name__, url_prefix="/api/favoritas", description="Ciudades favoritas")
rutas.before_request(acceso.exigir_operario)

Respuesta = tuple[dict[str, Any], int, dict[str, str]]


@rutas.get("")
@rutas.response(200, Favoritas)
def listar() -> dict[str, Any]:
    """Las ciudades favoritas propias, primero la que se usa por defecto."""
    return {"favoritas": favoritas.todas(sesion(), usuario_actual().id)}


@rutas.post("")
@rutas.arguments(FavoritaNueva)
@rutas.response(201, FavoritaSobre, headers=da("Location"))
@rutas.alt_response(409, description="Ya es favorita, o ya tiene el máximo.")
def crear(datos: dict[str, Any]) -> Respuesta:
    """Guarda una ciudad; sin coordenadas, se buscan por su nombre."""
    try:
        favorita = favoritas.crear(sesion(), usuario_actual().id, **_ubicada(datos))
    except favoritas.YaGuardada as e:
        raise Problema(409, "Ese lugar ya está entre sus favoritas.") from e
    except favoritas.Demasiadas as e:
        texto = f"Puede guardar {favoritas.MAXIMO} favoritas como mucho. Borre alguna antes."
        raise Problema(409, texto) from e
    anotar("crear_favorita", usuario_actual().id, {"favorita_id": favorita.id})
    sesion().commit()
    return {"favorita": favorita}, 201, {"Location": url_for(".leer", favorita_id=favorita.id)}


@rutas.get("/<int:favorita_id>")
@rutas.response(200, FavoritaSobre)
def leer(favorita_id: int) -> dict[str, Any]:
    """Una ciudad favorita."""
    return {"favorita": _propia(favorita_id)}


@rutas.patch("/<int:favorita_id>")
@rutas.arguments(CambiosFavorita)
@rutas.response(200, FavoritaSobre)
def cambiar(datos: dict[str, Any], favorita_id: int) -> dict[str, Any]:
    """Cambia su nombre, su país, o si es la que se usa por defecto."""
    favorita = _propia(favorita_id)
    favoritas.cambiar(sesion(), favorita, **datos)
    anotar("cambiar_favorita", usuario_actual().id, {"favorita_id": favorita.id})
    sesion().commit()
    return {"favorita": favorita}


@rutas.delete("/<int:favorita_id>")
@rutas.response(204)
def borrar(favorita_id: int) -> Response:
    """La quita de las favoritas."""
    favoritas.borrar(sesion(), _propia(favorita_id))
    anotar("borrar_favorita", usuario_actual().id, {"favorita_id": favorita_id})
    sesion().commit()
    return Response(status=204)


def _ubicada(datos: dict[str, Any]) -> dict[str, Any]:
    """With the coordinates of the gazetteer where none were sent."""
    if "latitud" in datos:
        return datos
    nombre = ", ".join(filter(None, (datos["nombre_ciudad"], datos.get("pais"))))
    try:
        ubicacion = lugares.ubicar(nombre)
    except lugares.Dudosa as e:
        raise Problema(422, e.texto, {"nombre_ciudad": [Sugerencia(e.texto, e.quiso_decir)]}) from e
    if ubicacion is None:
        texto = "No se conoce esa ciudad. Revise el nombre y el país, o envíe latitud y longitud."
        raise Problema(422, texto, {"nombre_ciudad": [texto]})
    return {**datos, **favoritas.columnas(ubicacion)}


def _propia(favorita_id: int) -> CiudadFavorita:
    favorita = favoritas.leer(sesion(), favorita_id)
    if favorita is None or not acceso.puede_cambiar(favorita.usuario_id):
        raise no_encontrado("favorita")
    return favorita
