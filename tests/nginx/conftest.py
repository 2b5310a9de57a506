"""The real deploy/nginx/climaguru.conf in a real nginx, before a real gunicorn with few threads, and before an echo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from tests.frente import Api, Nginx, con_esquema
from tests.pila import Persona
from tests.servidores import MariaDB, Redis, puerto_libre

HILOS = 4
BASE = "cg_nginx"
Vistas = list[tuple[str, dict[str, str]]]


@pytest.fixture(scope="session")
def api(mariadb: MariaDB, servidor_redis: Redis, carpeta: Path) -> Iterator[Api]:
    ajustes = {
        "DATABASE_URL": con_esquema(mariadb.crear_base(BASE)),
        "REDIS_URL": servidor_redis.url.removesuffix("/0") + "/4",
        "PROXIES_DE_CONFIANZA": "1",
    }
    (carpeta / "api_nginx").mkdir()
    api = Api(carpeta / "api_nginx", ajustes=ajustes, opciones=("--threads", str(HILOS)))
    api.arrancar()
    yield api
    api.parar()


@contextmanager
def nginx_ante(destino: int, carpeta: Path, **cambios: str) -> Iterator[Nginx]:
    puerto = puerto_libre()
    (carpeta / f"nginx{puerto}").mkdir()
    nginx = Nginx(carpeta / f"nginx{puerto}", puerto, destino=destino, cambios=cambios)
    try:
        nginx.arrancar()
        yield nginx
    finally:
        nginx.parar()


@pytest.fixture(scope="session")
def nginx(api: Api, carpeta: Path) -> Iterator[Nginx]:
    with nginx_ante(api.puerto, carpeta) as uno:
        yield uno


@pytest.fixture(scope="session")
def ana(nginx: Nginx) -> Persona:
    return Persona(nginx.url, "ana")


@pytest.fixture
def donde(ana: Persona) -> Iterator[str]:
    """A consulta that nobody works on."""
    r = ana.http.post(f"{ana.base}/api/consultas/tiempo-real", json={"ciudad": "Cali"}, timeout=10)
    yield ana.base + r.json()["enlaces"]["self"]
    ana.http.post(f"{ana.base}{r.json()['enlaces']['cancelar']}", timeout=10)


class Eco(BaseHTTPRequestHandler):
    """An upstream that takes everything, and remembers what reached it."""

    vistas: ClassVar[Vistas] = []

    def do_GET(self) -> None:
        self.vistas.append((self.path, dict(self.headers.items())))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def nginx_ante_eco(carpeta: Path) -> Iterator[Nginx]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Eco) as servidor:
        Thread(target=servidor.serve_forever, daemon=True).start()
        with nginx_ante(servidor.server_port, carpeta) as nginx:
            yield nginx
        servidor.shutdown()


@pytest.fixture
def eco(nginx_ante_eco: Nginx) -> tuple[Nginx, Vistas]:
    Eco.vistas.clear()
    return nginx_ante_eco, Eco.vistas
