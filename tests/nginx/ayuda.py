"""What tests of nginx share: the shape of an error, whoever answered, and requests from another address."""

from __future__ import annotations

import json
import socket
from typing import Any

FIN = b"Host: x\r\nConnection: close\r\n"


def problema(r: Any, estado: int) -> dict[str, Any]:
    """The shape of the API's errors, whoever answered; r: of requests, or of frente.leer."""
    codigo, cabeceras = (r.estado, r.cabeceras) if hasattr(r, "estado") else (r.status_code, r.headers)
    cuerpo: dict[str, Any] = json.loads(r.cuerpo) if hasattr(r, "estado") else r.json()
    minusculas = {n.lower(): v for n, v in cabeceras.items()}
    assert (codigo, cuerpo["status"]) == (estado, estado), cuerpo
    assert minusculas["content-type"] == "application/problem+json"
    assert (cuerpo["error"], cuerpo["message"]) == (cuerpo["title"], cuerpo["detail"])
    assert minusculas["x-content-type-options"] == "nosniff"
    assert minusculas["server"] == "nginx", "no version"
    return cuerpo


def desde(direccion: str, puerto: int, ruta: str, cuerpo: object, **cabeceras: str) -> int:
    """POST from this address of the loopback; the status."""
    crudos = json.dumps(cuerpo).encode()
    lineas = {"Content-Type": "application/json", "Content-Length": str(len(crudos)), **cabeceras}
    texto = "".join(f"{n}: {v}\r\n" for n, v in lineas.items())
    with socket.create_connection(("127.0.0.1", puerto), 20, (direccion, 0)) as s:
        s.sendall(f"POST {ruta} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{texto}\r\n".encode() + crudos)
        return int(s.makefile("rb").readline().split()[1])
