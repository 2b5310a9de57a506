"""Gunicorn's settings, for every start: `gunicorn -c python:deploy.gunicorn_conf "api:create_app()"`.

What differs by machine (address, processes) goes on the command line, which wins over this file.
"""

from __future__ import annotations

import json
import logging
import re
import socket
from pathlib import Path
from typing import Any

from gunicorn import util
from gunicorn.http.wsgi import Response

from shared.memoria import contener

bind = "127.0.0.1:8000"
workers = 2
worker_class = "gthread"
threads = 200  # each waiting client (esperar, eventos) holds one, and little else
worker_connections = 1000
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  (heartbeats never wait for a disk)
graceful_timeout = 10  # who waits longer than this for an answer asks again
keepalive = 75  # longer than nginx keeps an idle connection (60 s), so that it is never nginx who finds it closed
loglevel = "warning"
proc_name = "climaguru"
control_socket_disable = True

# nginx lets through 8 KiB a line; bodies are limited by api.CUERPO_MAXIMO
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8192 * 2

# the scheme and the path are believed from PROXIES_DE_CONFIANZA proxies by the application, and from nobody here
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

MAL_PEDIDA = re.compile(r"(Invalid request from ip=\S+ [\w ]+).*", re.DOTALL)
PROBLEMAS = {
    400: ("Petición mal formada", "No se entiende la petición HTTP. Revise su primera línea y sus cabeceras."),
    414: ("Dirección demasiado larga", "La dirección pasa de 8 KiB. Envíe menos parámetros en ella."),
    431: ("Cabeceras demasiado grandes", "Las cabeceras son más de cien, o alguna pasa de 16 KiB. Envíe menos."),
    500: ("Error interno", "Algo falló de nuestro lado y quedó registrado."),
}


def post_fork(_servidor: object, _proceso: object) -> None:
    """In each process that answers."""
    contener()


def problema(conexion: socket.socket, estado: int, frase: str, *_: object) -> None:
    """Answer what never became a request of the application, in its shape and in none of gunicorn's words."""
    titulo, detalle = PROBLEMAS.get(estado, PROBLEMAS[400 if estado < 500 else 500])
    cuerpo = {"type": "about:blank", "title": titulo, "status": estado, "detail": detalle, "instance": "/"}
    crudo = json.dumps({**cuerpo, "error": titulo, "message": detalle, "id_peticion": ""}).encode()
    cabeceras = (
        f"HTTP/1.1 {estado} {frase}\r\nConnection: close\r\nContent-Length: {len(crudo)}\r\n"
        "Content-Type: application/problem+json\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\r\n"
    )
    util.write_nonblock(conexion, cabeceras.encode() + crudo)


def sin_peticion(registro: logging.LogRecord) -> bool:
    """Gunicorn logs what it could not parse, which may be a token, and addresses with their query."""
    registro.msg = MAL_PEDIDA.sub(r"\1", str(registro.msg))
    if registro.msg.startswith("Error handling request") and isinstance(registro.args, tuple):
        registro.args = tuple(str(a).partition("?")[0] for a in registro.args)
    return True


def sin_anuncio(respuesta: Any) -> list[str]:
    """Gunicorn has no setting to leave out its Server header."""
    return [linea for linea in _cabeceras(respuesta) if not linea.startswith("Server:")]


_cabeceras = Response.default_headers
Response.default_headers = sin_anuncio
util.write_error = problema
logging.getLogger("gunicorn.error").addFilter(sin_peticion)
