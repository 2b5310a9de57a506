"""Is the process of this container well? `python -m deploy.docker.sano api|beat|trabajador`; ends with 1 if not."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

import requests

from shared import cola
from shared.almacen import abrir
from shared.settings import cargar

SILENCIO_MAXIMO_S = 60.0


def api(puerto: str = "8000") -> bool:
    return requests.get(f"http://127.0.0.1:{puerto}/health", timeout=3).ok


def beat() -> bool:
    silencio_s = cola.silencio_s(abrir(cargar()))
    return silencio_s is not None and silencio_s < SILENCIO_MAXIMO_S


def trabajador(nombre: str) -> bool:
    """nombre: what stands before @ in its -n. It says every few seconds in Redis that it is alive."""
    return bool(abrir(cargar()).exists(f"{cola.PREFIJO}trabajador:{nombre}@{socket.gethostname()}"))


PRUEBAS: dict[str, Callable[..., bool]] = {"api": api, "beat": beat, "trabajador": trabajador}

if __name__ == "__main__":
    sys.exit(0 if PRUEBAS[sys.argv[1]](*sys.argv[2:]) else 1)
