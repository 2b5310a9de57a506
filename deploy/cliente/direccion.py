"""The address of a server, as people type it."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from deploy.cliente.errores import Rechazada


def limpiar_url(url: str) -> str:
    """Without a final slash or /api. Raises Rechazada if it is no http address, or carries a password."""
    limpia = url.strip().rstrip("/").removesuffix("/api").rstrip("/")
    try:
        partes = urlsplit(limpia)
        buena = partes.scheme in ("http", "https") and partes.hostname and (partes.port or True)
    except ValueError:
        buena = False
    if (
        not buena
        or partes.query
        or partes.fragment
        or "@" in partes.netloc
        or not limpia.isprintable()
        or " " in limpia
    ):
        como = "Se escribe como https://clima.ejemplo.co o http://127.0.0.1:5000."
        raise Rechazada("La dirección del servidor no se entiende.", 400, {"url": [como]})
    return limpia


def es_local(url: str) -> bool:
    servidor = urlsplit(url).hostname or ""
    try:
        return ip_address(servidor).is_loopback
    except ValueError:
        return servidor == "localhost" or servidor.endswith(".localhost")
