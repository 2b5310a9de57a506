"""Every error in one shape: RFC 9457 problem details, plus the customer's `error` and `message`."""

from __future__ import annotations

from typing import Any

import orjson
import structlog
from flask import Flask, Response, g, request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as SinConexiones
from werkzeug.exceptions import HTTPException

from shared.usuarios import Ocupado

log = structlog.get_logger()

TITULOS = {
    400: "Petición mal formada",
    401: "No autenticado",
    403: "No permitido",
    404: "No encontrado",
    405: "Método no permitido",
    406: "Formato no disponible",
    409: "Conflicto",
    410: "Borrado por antigüedad",
    413: "Cuerpo demasiado grande",
    414: "Dirección demasiado larga",
    415: "Tipo de contenido no admitido",
    422: "Datos no válidos",
    429: "Demasiadas peticiones",
    500: "Error interno",
    503: "Servicio no disponible",
}
DETALLES = {
    400: "No se entiende la petición. Revise que el cuerpo sea JSON bien formado.",
    404: "No existe nada en esta dirección. Revise la ruta y el identificador.",
    405: "Esta dirección no admite ese método. La cabecera Allow dice cuáles admite.",
    413: "El cuerpo pasa del máximo de 1 MiB. Divida el envío en partes.",
    415: "Envíe el cuerpo como JSON, con la cabecera Content-Type: application/json.",
    429: "Ha hecho demasiadas peticiones. Espere lo que dice Retry-After y vuelva a intentarlo.",
    500: "Algo falló de nuestro lado y quedó registrado. Si se repite, avise con el id_peticion.",
    503: "Un servicio del que dependemos no responde. Vuelva a intentarlo en unos segundos.",
}
ESPERA_503_S = 5
OCUPADO = "Hay demasiada gente entrando a la vez. Vuelva a intentarlo en unos segundos."
CAMPOS_EN_DETALLE = 20
SUGERENCIAS = 20
CAMPOS_EN_ERRORES = 100  # a body may have any number of bad fields; an error is not as long as the request


class Sugerencia(str):
    """What is wrong with a field, and what may have been meant: each of quiso_decir is understood in its place."""

    quiso_decir: list[str]

    def __new__(cls, texto: str, quiso_decir: list[str]) -> Sugerencia:
        nueva = super().__new__(cls, texto)
        nueva.quiso_decir = quiso_decir
        return nueva


class Problema(Exception):
    """An answer that is an error. detalle: Spanish, says what is wrong and what to do next."""

    def __init__(
        self,
        estado: int,
        detalle: str,
        errores: dict[str, list[str]] | None = None,
        cabeceras: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detalle)
        self.estado = estado
        self.detalle = detalle
        self.errores = errores
        self.cabeceras = cabeceras or {}


def no_encontrado(que: str = "consulta") -> Problema:
    """The same answer for what does not exist and for what is somebody else's."""
    return Problema(404, f"No existe esa {que}, o no es suya.")


def registrar(app: Flask) -> None:
    app.register_error_handler(Problema, _problema)
    app.register_error_handler(HTTPException, _http)
    for dependencia in (OperationalError, InterfaceError, SinConexiones):
        app.register_error_handler(dependencia, _sin_dependencia)
    app.register_error_handler(Ocupado, _ocupado)
    app.register_error_handler(Exception, _interno)


def _problema(e: Problema) -> Response:
    return respuesta(e.estado, e.detalle, e.errores, e.cabeceras)


def _http(e: HTTPException) -> Response:
    estado = e.code or 500
    if 300 <= estado < 400:
        return Response(status=estado, headers=e.get_headers())
    errores = _campos(getattr(e, "data", None))
    detalle = DETALLES.get(estado, "La petición no se pudo atender.")
    if errores:
        mas = ["…"] if len(errores) > CAMPOS_EN_DETALLE else []
        detalle = f"Corrija estos campos y vuelva a enviar: {', '.join([*list(errores)[:CAMPOS_EN_DETALLE], *mas])}."
    propias = {k: v for k, v in e.get_headers() if k in ("Allow", "Retry-After")}
    return respuesta(estado, detalle, errores, propias)


def _sin_dependencia(e: Exception) -> Response:
    log.error("dependencia_caida", tipo=type(e).__name__, causa=type(e.__cause__).__name__)
    return respuesta(503, DETALLES[503], cabeceras={"Retry-After": str(ESPERA_503_S)})


def _ocupado(_: Ocupado) -> Response:
    return respuesta(503, OCUPADO, cabeceras={"Retry-After": str(ESPERA_503_S)})


def _interno(e: Exception) -> Response:
    log.exception("error_interno", exc_info=e)
    return respuesta(500, DETALLES[500])


def respuesta(
    estado: int,
    detalle: str,
    errores: dict[str, list[str]] | None = None,
    cabeceras: dict[str, str] | None = None,
) -> Response:
    titulo = TITULOS.get(estado, "Error")
    quiso_decir = [una for textos in (errores or {}).values() for t in textos for una in getattr(t, "quiso_decir", ())]
    if quiso_decir and len(errores or {}) == 1:
        detalle = next(iter((errores or {}).values()))[0]
    cuerpo: dict[str, Any] = {
        "type": "about:blank",
        "title": titulo,
        "status": estado,
        "detail": detalle,
        "instance": request.path,
        "error": titulo,
        "message": detalle,
        "id_peticion": g.get("id_peticion", ""),
    }
    if errores:
        cuerpo["errores"] = {campo: [str(texto) for texto in textos] for campo, textos in errores.items()}
    if quiso_decir:
        cuerpo["quiso_decir"] = list(dict.fromkeys(quiso_decir))[:SUGERENCIAS]
    crudo = orjson.dumps(cuerpo)
    return Response(crudo, estado, cabeceras, content_type="application/problem+json")


def _campos(datos: Any) -> dict[str, list[str]]:
    """webargs' nested messages as {"parametros.0": […]}; the location (json, query) is dropped."""
    mensajes = (datos or {}).get("messages") or {}
    planos: dict[str, list[str]] = {}
    for del_lugar in mensajes.values() if isinstance(mensajes, dict) else []:
        _aplanar(del_lugar, "", planos)
    return dict(list(planos.items())[:CAMPOS_EN_ERRORES])


def _aplanar(mensajes: Any, prefijo: str, planos: dict[str, list[str]]) -> None:
    if isinstance(mensajes, dict):
        for clave, valor in mensajes.items():
            legible = str(clave)[:100].encode(errors="replace").decode()  # a field's name may be anything
            nombre = prefijo if clave == "_schema" else f"{prefijo}.{legible}".lstrip(".")
            _aplanar(valor, nombre, planos)
    else:
        textos = mensajes if isinstance(mensajes, list) else [mensajes]
        planos.setdefault(prefijo or "cuerpo", []).extend(t if isinstance(t, Sugerencia) else str(t) for t in textos)
