"""Users' own keys to providers: stored encrypted, shown by their last four characters, checked by a worker."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, current_app, url_for

from api import acceso
from api.acceso import usuario_actual
from api.actividad import anotar
from api.base import Rutas, sesion
from api.errores import Problema, no_encontrado
from api.esquemas.api_keys import ApiKeyNueva, ApiKeys, ApiKeySobre, CambiosApiKey
from api.esquemas.cabeceras import da
from shared import api_keys
from shared.catalogo import CON_SECRETO
from shared.cifrado import Cifrador
from shared.cola import Timbre
from shared.modelos import ApiKey

rutas = Rutas("api_keys", __name__, url_prefix="/api/api-keys", description="Claves propias de los proveedores")
rutas.before_request(acceso.exigir_operario)

Respuesta = tuple[dict[str, Any], int, dict[str, str]]
SIN_SECRETO = "Ese proveedor no usa api_secret."


@rutas.get("")
@rutas.response(200, ApiKeys)
def listar() -> dict[str, Any]:
    """Las claves propias, sin las claves: solo sus últimos cuatro caracteres."""
    return {"api_keys": [_ver(clave) for clave in api_keys.todas(sesion(), usuario_actual().id)]}


@rutas.post("")
@rutas.arguments(ApiKeyNueva)
@rutas.response(201, ApiKeySobre, headers=da("Location"))
@rutas.alt_response(409, description="Ya tiene una clave de ese proveedor.")
def crear(datos: dict[str, Any]) -> Respuesta:
    """Guarda una clave, cifrada. Se usa antes que la de la instalación."""
    try:
        clave = api_keys.crear(sesion(), _cifrador(), usuario_actual().id, **datos)
    except api_keys.YaGuardada as e:
        texto = "Ya tiene una clave de ese proveedor. Cámbiela con PATCH o bórrela antes."
        raise Problema(409, texto, {"proveedor": [texto]}) from e
    anotar("crear_api_key", usuario_actual().id, {"api_key_id": clave.id, "proveedor": clave.proveedor})
    sesion().commit()
    return {"api_key": _ver(clave)}, 201, {"Location": url_for(".leer", clave_id=clave.id)}


@rutas.get("/<int:clave_id>")
@rutas.response(200, ApiKeySobre)
def leer(clave_id: int) -> dict[str, Any]:
    """Una clave propia, su cuota de hoy y su última prueba."""
    return {"api_key": _ver(_propia(clave_id))}


@rutas.patch("/<int:clave_id>")
@rutas.arguments(CambiosApiKey)
@rutas.response(200, ApiKeySobre)
def cambiar(datos: dict[str, Any], clave_id: int) -> dict[str, Any]:
    """Cambia la clave, su descripción, su límite, o si se usa."""
    clave = _propia(clave_id)
    if "api_secret" in datos and clave.proveedor not in CON_SECRETO:
        raise Problema(422, SIN_SECRETO, {"api_secret": [SIN_SECRETO]})
    api_keys.cambiar(sesion(), _cifrador(), clave, **datos)
    anotar("cambiar_api_key", usuario_actual().id, {"api_key_id": clave.id, "campos": sorted(datos)})
    sesion().commit()
    return {"api_key": _ver(clave)}


@rutas.delete("/<int:clave_id>")
@rutas.response(204)
def borrar(clave_id: int) -> Response:
    """La borra. Las consultas que se hicieron con ella quedan como están."""
    api_keys.borrar(sesion(), _propia(clave_id))
    anotar("borrar_api_key", usuario_actual().id, {"api_key_id": clave_id})
    sesion().commit()
    return Response(status=204)


@rutas.post("/<int:clave_id>/probar")
@rutas.response(202, ApiKeySobre, headers=da("Location", "Retry-After"))
def probar(clave_id: int) -> Respuesta:
    """Encarga a un trabajador una llamada al proveedor con esta clave; el resultado queda en `prueba`."""
    clave = _propia(clave_id)
    api_keys.pedir_prueba(sesion(), clave)
    anotar("probar_api_key", usuario_actual().id, {"api_key_id": clave.id})
    sesion().commit()
    timbre: Timbre = current_app.extensions["timbre"]
    timbre.probar(clave.id)
    return {"api_key": _ver(clave)}, 202, {"Location": url_for(".leer", clave_id=clave.id), "Retry-After": "1"}


def _cifrador() -> Cifrador:
    cifrador: Cifrador = current_app.extensions["cifrador"]
    return cifrador


def _propia(clave_id: int) -> ApiKey:
    clave = api_keys.leer(sesion(), clave_id)
    if clave is None or not acceso.puede_cambiar(clave.usuario_id):
        raise no_encontrado("clave")
    return clave


def _ver(clave: ApiKey) -> dict[str, Any]:
    gastadas = clave.consultas_realizadas if clave.dia_cuota == datetime.now(UTC).date() else 0
    prueba = {"estado": clave.prueba, "detalle": clave.prueba_detalle, "probada_en": clave.probada_en}
    return {
        **{campo: getattr(clave, campo) for campo in CAMPOS},
        "termina_en": clave.ultimos or "",
        "tiene_secreto": clave.api_secret_encrypted is not None,
        "consultas_realizadas": gastadas,
        "cuota_restante": max(0, clave.limite_consultas_diarias - gastadas),
        "prueba": prueba if clave.prueba else None,
    }


CAMPOS = (
    "id",
    "proveedor",
    "descripcion",
    "activa",
    "limite_consultas_diarias",
    "rechazada_en",
    "ultimo_uso",
    "creada_en",
    "actualizada_en",
)
