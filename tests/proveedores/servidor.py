"""A loopback server that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from worker.proveedores.http import Esperas, Http, crear_sesion

COMPARTIDAS = Path(os.environ.get("CLIMAGURU_FIXTURES", Path(__file__).parents[3] / "shared" / "provider-fixtures"))
TOLERANCIA = 0.01


@dataclass
class Pedida:
    """A request as it arrived: path without query, query values as single strings, headers."""

    ruta: str
    params: dict[str, str]
    cabeceras: dict[str, str]


@dataclass
class Respuestas:
    """base: the server's URL. responder: what to answer, (status, body, headers); replace it in a test."""

    base: str
    responder: Callable[[Pedida], tuple[int, bytes, dict[str, str]]] = lambda _: (404, b"{}", {})
    pedidas: list[Pedida] = field(default_factory=list)

    def siempre(self, cuerpo: bytes | object, estado: int = 200, **cabeceras: str) -> None:
        crudo = cuerpo if isinstance(cuerpo, bytes) else json.dumps(cuerpo).encode()
        self.responder = lambda _: (estado, crudo, cabeceras)


@contextmanager
def servir() -> Iterator[Respuestas]:
    respuestas = Respuestas("")

    class Manejador(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            partes = urlsplit(self.path)
            params = {k: v[0] for k, v in parse_qs(partes.query, keep_blank_values=True).items()}
            pedida = Pedida(partes.path, params, dict(self.headers.items()))
            respuestas.pedidas.append(pedida)
            estado, cuerpo, cabeceras = respuestas.responder(pedida)
            self.send_response(estado)
            for nombre, valor in {"Content-Length": str(len(cuerpo)), **cabeceras}.items():
                self.send_header(nombre.replace("_", "-"), valor)
            self.end_headers()
            self.wfile.write(cuerpo)

        def log_message(self, *_: Any) -> None: ...

    servidor = ThreadingHTTPServer(("127.0.0.1", 0), Manejador)
    servidor.daemon_threads = True
    Thread(target=servidor.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    respuestas.base = f"http://127.0.0.1:{servidor.server_address[1]}"
    try:
        yield respuestas
    finally:
        servidor.shutdown()
        servidor.server_close()


def http(plazo_s: float = 5, lectura_s: float = 2) -> Http:
    """A real client with short limits."""
    return Http(crear_sesion(4), Esperas(1, lectura_s), monotonic() + plazo_s)


def indice(proveedor: str) -> list[dict[str, Any]]:
    """The recorded bodies of one provider (its folder name in the index); none where the folder is absent."""
    fichero = COMPARTIDAS / "index.json"
    if not fichero.exists():
        return []
    return [f for f in json.loads(fichero.read_text()) if f["archivo"].startswith(f"{proveedor}/")]


def exitos(proveedor: str, *tipos: str) -> list[Any]:
    """Recorded successes of these kinds as pytest parameters: (index entry, expected)."""
    return [
        pytest.param(f, json.loads((COMPARTIDAS / f["esperado"]).read_text()), id=Path(f["archivo"]).stem)
        for f in indice(proveedor)
        if f.get("esperado") and f["tipo"] in tipos
    ]


def errores(proveedor: str) -> list[Any]:
    """Recorded refusals as pytest parameters: index entry."""
    return [pytest.param(f, id=Path(f["archivo"]).stem) for f in indice(proveedor) if not f.get("esperado")]


def cuerpo(ficha: dict[str, Any]) -> bytes:
    return Path(COMPARTIDAS, ficha["archivo"]).read_bytes()


def iguales(valores: dict[str, Any], esperado: dict[str, Any], campos: tuple[str, ...]) -> dict[str, Any]:
    """Fields in which valores is not esperado within the tolerance: {field: (ours, theirs)}; empty when equal."""
    malos = {}
    for campo in campos:
        nuestro, suyo = valores[campo], esperado.get(campo)
        if (nuestro is None) != (suyo is None) or (suyo is not None and abs(nuestro - suyo) > TOLERANCIA):
            malos[campo] = (nuestro, suyo)
    return malos
