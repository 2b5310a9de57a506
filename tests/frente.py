"""What stands before the application: a real gunicorn with the settings of every start, and a real nginx."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests

from deploy.local.pila import generar_secretos
from shared import esquema
from shared.db import crear_motor
from tests.conftest import hacer_settings
from tests.pila import entorno_limpio
from tests.servidores import Servidor, binario

CONF = Path(__file__).parent.parent / "deploy" / "nginx" / "climaguru.conf"


@dataclass
class Api(Servidor):
    """One gunicorn process on an existing schema. ajustes: environment variables; opciones: gunicorn's own."""

    ajustes: dict[str, str] = field(default_factory=dict)
    opciones: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.puerto}"

    def orden(self) -> list[str]:
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", "python:deploy.gunicorn_conf", "-w", "1"]
        return [*gunicorn, "-b", f"127.0.0.1:{self.puerto}", *self.opciones, "api:create_app()"]

    def entorno(self) -> dict[str, str]:
        return entorno_limpio(FLASK_ENV="testing", BCRYPT_ROUNDS="4", **generar_secretos()) | self.ajustes

    def vive(self) -> object:
        return requests.get(f"{self.url}/health", timeout=2).ok


@dataclass
class Nginx(Servidor):
    """The real deploy/nginx/climaguru.conf before what listens on `destino`; `cambios`: further replacements in it."""

    destino: int = 0
    cambios: dict[str, str] = field(default_factory=dict)
    conf: Path = CONF
    conexiones: int = 512

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.puerto}"

    def orden(self) -> list[str]:
        conf = re.sub(r"\n *listen \[::\].*", "", self.conf.read_text())  # where the tests run there may be no IPv6
        suyos = {"server 127.0.0.1:8000 ": f"server 127.0.0.1:{self.destino} ", "listen 80;": f"listen {self.puerto};"}
        for viejo, nuevo in (self.cambios | suyos).items():
            assert viejo in conf, viejo
            conf = conf.replace(viejo, nuevo)
        (self.carpeta / "climaguru.conf").write_text(conf)
        (self.carpeta / "nginx.conf").write_text(self._general())
        aqui = str(self.carpeta)
        return [binario("nginx"), "-p", aqui, "-e", f"{aqui}/error.log", "-c", f"{aqui}/nginx.conf"]

    def vive(self) -> object:
        return requests.get(f"{self.url}/no-existe", timeout=2, allow_redirects=False).status_code

    def _general(self) -> str:
        """What /etc/nginx/nginx.conf has around the sites, with every path in our folder and in the foreground."""
        temporales = "".join(
            f"{n}_temp_path {self.carpeta}/{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        usuario = "user root;" if os.geteuid() == 0 else ""
        return (
            f"{usuario} daemon off; worker_processes 1; pid {self.carpeta}/nginx.pid;"
            f"events {{ worker_connections {self.conexiones}; }}"
            f"http {{ access_log {self.carpeta}/access.log; {temporales} include {self.carpeta}/climaguru.conf; }}"
        )


def crudo(puerto: int, peticion: bytes) -> bytes:
    """Send these bytes as they are; what comes back until the connection closes."""
    with socket.create_connection(("127.0.0.1", puerto), timeout=30) as conexion:
        trozos = []
        with suppress(ConnectionError):  # the answer may come before all was sent
            conexion.sendall(peticion)
        with suppress(ConnectionError):
            while trozo := conexion.recv(65536):
                trozos.append(trozo)
        return b"".join(trozos)


@dataclass(frozen=True)
class Respuesta:
    estado: int
    cabeceras: dict[str, str]
    cuerpo: bytes

    @property
    def json(self) -> dict[str, object]:
        leido: dict[str, object] = json.loads(self.cuerpo)
        return leido


def leer(recibido: bytes) -> Respuesta:
    """What `crudo` gave, taken apart; names of headers in lower case."""
    cabeza, _, cuerpo = recibido.partition(b"\r\n\r\n")
    primera, *lineas = cabeza.decode("latin-1").split("\r\n")
    pares = (linea.split(": ", 1) for linea in lineas)
    return Respuesta(int(primera.split()[1]), {n.lower(): v for n, v in pares}, cuerpo)


def con_esquema(base: str) -> str:
    """The same database URL, its tables made."""
    motor = crear_motor(hacer_settings(base, "redis://127.0.0.1:1"))
    esquema.subir(motor)
    motor.dispose()
    return base
