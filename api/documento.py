"""The OpenAPI document: what operations share is added here, so that a route says only what is its own.

From the route: the docstring is the summary (after an empty line, the description), @rutas.arguments and
@rutas.response give the schemas, alt_response(409, …) an error of its own, pide and da the headers
(api/esquemas/cabeceras.py). From here: operationId, security, and every error that such an operation can answer.
A route is behind the token unless it says @rutas.doc(security=[]).
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from apispec import APISpec, BasePlugin
from flask import Flask
from werkzeug.routing import Rule

from api import acceso
from api.acceso import SIN_TOKEN, SOLO_LECTURA
from api.base import LECTURA
from api.documentos import SERIE_BORRADA
from api.errores import DETALLES, TITULOS
from api.esquemas.cabeceras import PEDIDAS, da
from api.esquemas.comunes import ProblemaSalida
from api.traductor import Esquemas

CON_CUERPO = (400, 413, 415, 422)
DETALLES_DE = DETALLES | {
    401: SIN_TOKEN,
    403: SOLO_LECTURA,
    404: "No existe esa consulta, o no es suya.",
    409: "La consulta está en estado «procesando»; solo se descarga una «completada».",
    410: SERIE_BORRADA.format("/api/consultas/12"),
    422: "Corrija estos campos y vuelva a enviar: ciudad.",
}
BIEN = {200: "Bien.", 201: "Creado.", 202: "Aceptado: se hará en segundo plano.", 204: "Hecho, sin nada que devolver."}
CUOTA = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
CABECERAS_DE = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
DESCRIPCION = """\
El tiempo de ahora, o de días pasados, en una ciudad o unas coordenadas. Cada **consulta** se acepta al momento, se
resuelve en segundo plano preguntando a varios proveedores a la vez, y acaba con una sola respuesta en la que cada
número dice de dónde sale.

1. Pida una cuenta en `POST /api/auth/register` y entre en `POST /api/auth/login`.
2. Envíe el `access_token` en `Authorization: Bearer …` (botón **Authorize**). Cuando venza, `POST /api/auth/refresh` da
   otro a cambio del `refresh_token`, y un `refresh_token` nuevo: guarde los dos.
3. Pida el tiempo en `POST /api/consultas/tiempo-real`: la respuesta es 202 y `Location` dice dónde mirar.
4. Mire allí hasta que `estado` sea `completada` o `error`. `?esperar=20`, `Prefer: wait=20` y `…/eventos` ahorran
   preguntar una y otra vez.
5. Baje el resultado de `…/descargar` en JSON, CSV, texto o YAML.

Los instantes van en UTC (ISO 8601 con `Z`). Los campos que no existen se rechazan. Todo error tiene la misma forma
(`application/problem+json`, RFC 9457) y dice qué hacer; `id_peticion` lo identifica en los registros.
"""
OPCIONES = {
    "info": {"description": DESCRIPCION, "license": {"name": "MIT", "identifier": "MIT"}},
    "servers": [{"url": "/", "description": "Este servidor"}],
    "security": [{"token": []}],
}
AJUSTES = {
    "API_TITLE": "ClimaGuru",
    "API_VERSION": "1",
    "API_SPEC_OPTIONS": OPCIONES,
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/api",
    "OPENAPI_JSON_PATH": "openapi.json",
}
ESQUEMAS_DE_SEGURIDAD = {
    "token": "El access_token de /api/auth/login.",
    "token_de_refresco": "El último refresh_token de la sesión; solo sirve, una vez, en /api/auth/refresh.",
}


def complementos(app: Flask) -> dict[str, Any]:
    """What flask-smorest's Api.init_app takes as spec_kwargs."""
    return {"marshmallow_plugin": Esquemas(), "extra_plugins": [Operaciones(app)]}


class Operaciones(BasePlugin):
    """Completes each operation when its blueprint is registered."""

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self.app = app

    def init_spec(self, spec: APISpec) -> None:
        self.spec = spec
        for nombre, descripcion in ESQUEMAS_DE_SEGURIDAD.items():
            esquema = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": descripcion}
            spec.components.security_scheme(nombre, esquema)
        spec.components.schema("Problema", schema=ProblemaSalida)
        for estado in sorted(DETALLES_DE):
            spec.components.response(_nombre(estado), _problema(estado), lazy=True)

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, rule: Rule | None = None, **_: Any
    ) -> None:
        assert rule is not None
        assert operations is not None
        for metodo, operacion in operations.items():
            operacion["operationId"] = re.sub("[._]", "-", rule.endpoint)
            self._parametros(operacion)
            errores = self._errores(metodo, operacion, rule)
            operacion["responses"] = _respuestas(operacion.get("responses", {}), errores)

    def _parametros(self, operacion: dict[str, Any]) -> None:
        pedidas = [{"in": "header", "name": n, "required": False, **PEDIDAS[n]} for n in operacion.pop("x-pide", ())]
        if pedidas:
            operacion.setdefault("parameters", []).extend(pedidas)

    def _errores(self, metodo: str, operacion: dict[str, Any], rule: Rule) -> set[int]:
        errores = {429, 500, 503}
        if operacion.get("security") != []:
            errores.add(401)
        antes = self.app.before_request_funcs.get(rule.endpoint.partition(".")[0], [])
        escribe = metodo.upper() not in LECTURA
        if acceso.exigir_admin in antes or (acceso.exigir_operario in antes and escribe):
            errores.add(403)
        if rule.arguments:
            errores.add(404)
        if "requestBody" in operacion:
            errores.update(CON_CUERPO)
        if operacion.get("parameters"):  # those of the path are not among them: what is wrong there is 404
            errores.add(422)
        return errores


def _respuestas(propias: dict[Any, Any], errores: set[int]) -> dict[str, Any]:
    """Those of the route and the shared ones, by status; each with X-Request-ID."""
    todas: dict[int, Any] = {estado: _nombre(estado) for estado in errores}
    for clave, respuesta in propias.items():
        estado = int(clave)
        if isinstance(respuesta, str):  # flask-smorest's own 422
            continue
        comun = _problema(estado) if estado >= 400 else {}
        cabeceras = da("X-Request-ID") | comun.get("headers", {}) | respuesta.get("headers", {})
        todas[estado] = comun | respuesta | {"headers": cabeceras}
        if respuesta["description"] == HTTPStatus(estado).phrase:  # flask-smorest's, where the route gives none
            todas[estado]["description"] = BIEN[estado]
    return {str(estado): todas[estado] for estado in sorted(todas)}


def _nombre(estado: int) -> str:
    return f"Problema{estado}"


def _problema(estado: int) -> dict[str, Any]:
    detalle = DETALLES_DE[estado]
    ejemplo = {
        "type": "about:blank",
        "title": TITULOS[estado],
        "status": estado,
        "detail": detalle,
        "instance": "/api/consultas/12",
        "error": TITULOS[estado],
        "message": detalle,
        "id_peticion": "6f1c2e0a9b7d4c55b1e2f3a4d5c6b7a8",
    }
    if estado == 422:
        ejemplo["errores"] = {"ciudad": ["Puede tener 100 caracteres como mucho."]}
    return {
        "description": TITULOS[estado],
        "headers": da("X-Request-ID", *CABECERAS_DE.get(estado, ()), a_veces=CUOTA if estado == 429 else ()),
        "content": {"application/problem+json": {"schema": "Problema", "example": ejemplo}},
    }
