"""What was done, by whom and from where: rows of logs_actividad."""

from __future__ import annotations

from typing import Any

from flask import g, request

from api.base import sesion
from shared import usuarios


def anotar(accion: str, usuario_id: int | None, detalle: dict[str, Any] | None = None) -> None:
    """Part of the caller's transaction. `detalle` never holds a password, a token or a key."""
    usuarios.anotar(
        sesion(),
        accion,
        usuario_id,
        ip=request.remote_addr,
        agente=request.headers.get("User-Agent"),
        detalle={"id_peticion": g.id_peticion, **(detalle or {})},
    )
