"""What was done, by whom and from where: rows of logs_actividad."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Any

import structlog
from flask import Response, g, request
from flask_limiter import RequestLimit
from limits import RateLimitItemPerSecond
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from api.base import LECTURA, limitador, sesion
from shared import usuarios

log = structlog.get_logger()

RECHAZOS = (400, 403, 404, 409, 413, 415, 422)
VENTANA_S = 60


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
    """After each request: a write by a known user that was refused (4xx) leaves a row too; a flood (429) leaves one."""
    usuario = g.get("usuario")
    if respuesta.status_code == 429:
        _anotar_exceso(respuesta)
    elif usuario is not None and request.method not in LECTURA and respuesta.status_code in RECHAZOS:
        _guardar("rechazada", usuario.id, respuesta)
    return respuesta


def _anotar_exceso(respuesta: Response) -> None:
    """One row for each limit, its window, and the account, or the network where there is none. What refuses without a
    window of its own has the time after which it says to come back; VENTANA_S at least."""
    limite = next((uno for uno in limitador.current_limits if uno.breached), None)
    usuario_id = _de_quien(limite)
    que = str(limite.limit) if limite else str(request.endpoint)
    ventana_s = limite.limit.get_expiry() if limite else int(respuesta.headers.get("Retry-After", 0))
    una = RateLimitItemPerSecond(1, max(VENTANA_S, ventana_s))
    with suppress(RedisError):  # then no row: the flood must not reach the database
        if limitador.limiter.hit(una, "anotada", que, f"usuario:{usuario_id}" if usuario_id else red()):
            _guardar("limitada", usuario_id, respuesta)


def _de_quien(limite: RequestLimit | None) -> int | None:
    """The account that asked, or that somebody tried to enter more often than its limit lets them."""
    if usuario := g.get("usuario"):
        quien: int = usuario.id
        return quien
    cuenta: str = g.get("cuenta", "")  # api/auth.py: _cuenta
    suya = limite is not None and cuenta.startswith("cuenta:") and cuenta in limite.key
    return int(cuenta.removeprefix("cuenta:")) if suya else None


def _guardar(accion: str, usuario_id: int | None, respuesta: Response) -> None:
    sesion().rollback()
    anotar(accion, usuario_id, {"metodo": request.method, "ruta": request.path, "estado": respuesta.status_code})
    try:
        sesion().commit()
    except SQLAlchemyError as e:
        log.warning("sin_anotar", tipo=type(e).__name__)
