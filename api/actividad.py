"""What was done, by whom and from where: rows of logs_actividad."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import structlog
from flask import Response, g, request
from sqlalchemy.exc import SQLAlchemyError

from api.base import LECTURA, sesion
from shared import usuarios

log = structlog.get_logger()

RECHAZOS = (400, 403, 404, 409, 413, 415, 422)


def anotar(accion: str, usuario_id: int | None, detalle: dict[str, Any] | None = None) -> None:
    """Part of the caller's transaction. `detalle` never holds a password, a token or a key."""
    usuarios.anotar(
        sesion(),
        accion,
        usuario_id,
        ip=direccion(),
        agente=request.headers.get("User-Agent"),
        detalle={"id_peticion": g.id_peticion, **(detalle or {})},
    )


def direccion() -> str | None:
    """The client's address; None when what a proxy forwarded is none (it is text, and may be any text)."""
    try:
        return str(ip_address((request.remote_addr or "").split("%")[0]))
    except ValueError:
        return None


def red() -> str:
    """The network that the client's address is of: what one person or one provider's customer has. "?": no address."""
    quien = direccion()
    return str(ip_network(f"{quien}/{64 if ':' in quien else 24}", strict=False)) if quien else "?"


def anotar_rechazo(respuesta: Response) -> Response:
    """After each request: a write by a known user that was refused (4xx) leaves a row too."""
    usuario = g.get("usuario")
    if usuario is None or request.method in LECTURA or respuesta.status_code not in RECHAZOS:
        return respuesta
    sesion().rollback()
    anotar("rechazada", usuario.id, {"metodo": request.method, "ruta": request.path, "estado": respuesta.status_code})
    try:
        sesion().commit()
    except SQLAlchemyError as e:
        log.warning("sin_anotar", tipo=type(e).__name__)
    return respuesta
