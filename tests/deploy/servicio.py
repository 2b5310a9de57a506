"""A real API for the client's tests, the worker's own code to finish what it accepts, and a terminal to type in."""

from __future__ import annotations

import shlex
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

from sqlalchemy import Engine, func, select

from deploy.laboratorio.cli import variables
from shared import esquema, usuarios
from shared.db import Sesiones, crear_motor
from shared.modelos import Consulta, Estado, Rol
from tests.conftest import hacer_settings
from tests.frente import Api
from tests.pila import entorno_limpio
from tests.servidores import ESPERA_S, esperar, puerto_libre
from worker.proceso import Proceso

CLAVE = "una frase larga"
JWT = "j" * 48


@dataclass
class Servicio:
    api: Api
    motor: Engine
    proceso: Proceso

    @property
    def url(self) -> str:
        return self.api.url

    def consultas(self) -> int:
        with Sesiones(self.motor).transaccion() as s:
            return s.scalar(select(func.count()).select_from(Consulta)) or 0

    def terminar_pendientes(self) -> None:
        with Sesiones(self.motor).transaccion() as s:
            pendientes = list(s.scalars(select(Consulta.id).where(Consulta.estado == Estado.PENDIENTE)))
        for consulta_id in pendientes:
            self.proceso.procesar(consulta_id)

    @contextmanager
    def trabajando(self) -> Iterator[None]:
        """Whatever is accepted meanwhile is finished."""
        fin = Event()

        def trabajar() -> None:
            while not fin.wait(0.02):
                self.terminar_pendientes()

        hilo = Thread(target=trabajar)
        hilo.start()
        try:
            yield
        finally:
            fin.set()
            hilo.join()


@contextmanager
def servicio(sitio: Path, base: str, redis: str, laboratorio: str, **ajustes: str) -> Iterator[Servicio]:
    """Users ana (operario) and carla (consultor)."""
    sitio.mkdir()
    settings = hacer_settings(base, redis, **{n.lower(): url for n, url in variables(laboratorio).items()})
    motor = crear_motor(settings)
    esquema.subir(motor)
    with Sesiones(motor).transaccion() as s:
        for username, rol in (("ana", Rol.OPERARIO), ("carla", Rol.CONSULTOR)):
            correo = f"{username}@ejemplo.co"
            usuarios.crear(s, username=username, email=correo, password=CLAVE, rol=rol, rounds=4)
    propios = {"DATABASE_URL": base, "REDIS_URL": redis, "JWT_SECRET_KEY": JWT, "LIMITE_LOGIN": "1000/minute"}
    api = Api(sitio, ajustes=propios | ajustes, opciones=("--graceful-timeout", "0"))
    proceso = Proceso(settings)
    try:
        api.arrancar()
        yield Servicio(api, motor, proceso)
    finally:
        api.parar()
        proceso.sesiones.motor.dispose()
        motor.dispose()


@dataclass(frozen=True)
class Resultado:
    codigo: int
    salida: str
    quejas: str


@dataclass
class EnMarcha:
    """A command that runs. Its outputs are files, so that nobody has to read them for it to go on."""

    proceso: subprocess.Popen[bytes]
    salida: Path
    quejas: Path

    def dice(self, texto: str) -> None:
        """Wait until it says so on stderr."""
        esperar(lambda: texto in self.quejas.read_text() or self._acabo(), f"«{texto}»")
        assert texto in self.quejas.read_text(), self.quejas.read_text()

    def interrumpir(self) -> Resultado:
        self.proceso.send_signal(signal.SIGINT)
        return self.fin()

    def fin(self) -> Resultado:
        codigo = self.proceso.wait(ESPERA_S)
        resultado = Resultado(codigo, self.salida.read_text(), self.quejas.read_text())
        dicho = resultado.salida + resultado.quejas
        for secreto in ("eyJ", CLAVE, "Traceback"):  # eyJ: how every JWT begins
            assert secreto not in dicho, dicho
        return resultado

    def _acabo(self) -> bool:
        return self.proceso.poll() is not None


@dataclass
class Terminal:
    """Types `climaguru …` in real processes, in a home of its own."""

    casa: Path
    entorno: dict[str, str] = field(default_factory=dict)
    ordenes: int = 0

    @property
    def config(self) -> Path:
        return self.casa / ".config" / "climaguru" / "config.toml"

    @property
    def token(self) -> str:
        (sesion,) = tomllib.loads(self.config.read_text())["sesiones"].values()
        token: str = sesion["access_token"]
        return token

    def entrar(self, url: str, usuario: str = "ana") -> None:
        r = self.escribe("entrar", "--url", url, "--usuario", usuario, "--clave-stdin", teclas=f"{CLAVE}\n")
        assert r.codigo == 0, r.quejas

    def escribe(self, *orden: str, teclas: str = "", **entorno: str) -> Resultado:
        return self.empieza(*orden, teclas=teclas, **entorno).fin()

    def empieza(self, *orden: str, teclas: str = "", **entorno: str) -> EnMarcha:
        return self._lanzar([sys.executable, "-m", "deploy.cli", *orden], teclas, entorno)

    def en_el_shell(self, linea: str, **entorno: str) -> Resultado:
        """`climaguru` there is the same command."""
        programa = shlex.join([sys.executable, "-m", "deploy.cli"])
        return self._lanzar(["bash", "-c", f'climaguru() {{ {programa} "$@"; }}\n{linea}'], "", entorno).fin()

    def _lanzar(self, orden: list[str], teclas: str, entorno: dict[str, str]) -> EnMarcha:
        self.ordenes += 1
        salida, quejas = self.casa / f"salida{self.ordenes}", self.casa / f"quejas{self.ordenes}"
        suyo = entorno_limpio(**{"HOME": str(self.casa), "PYTHONPATH": str(Path.cwd()), **self.entorno, **entorno})
        with salida.open("wb") as a, quejas.open("wb") as b:
            proceso = subprocess.Popen(orden, stdin=subprocess.PIPE, stdout=a, stderr=b, env=suyo, cwd=self.casa)
        assert proceso.stdin is not None
        with suppress(BrokenPipeError), proceso.stdin as teclado:
            teclado.write(teclas.encode())
        return EnMarcha(proceso, salida, quejas)


class Relevo:
    """Stands before a server and lets everything pass, but of the answer to some requests only the first bytes."""

    def __init__(self, destino: int, marca: bytes, tope: int, veces: int = 1) -> None:
        """marca: what the request has in it. tope: how many bytes of its answer pass before the connection is cut."""
        self.destino, self.marca, self.tope, self.quedan = destino, marca, tope, veces
        self.puerto = puerto_libre()
        self.oido = socket.create_server(("127.0.0.1", self.puerto))
        Thread(target=self._atender, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.puerto}"

    def _atender(self) -> None:
        with suppress(OSError):
            while True:
                cliente, _ = self.oido.accept()
                Thread(target=self._pasar, args=(cliente,), daemon=True).start()

    def _pasar(self, cliente: socket.socket) -> None:
        with cliente, socket.create_connection(("127.0.0.1", self.destino)) as servidor:
            estado: dict[str, Any] = {"tope": None}
            vuelta = Thread(target=self._volver, args=(servidor, cliente, estado), daemon=True)
            vuelta.start()
            with suppress(OSError):
                while trozo := cliente.recv(65536):
                    if self.marca in trozo and self.quedan:
                        self.quedan -= 1
                        estado["tope"] = self.tope
                    servidor.sendall(trozo)
                servidor.shutdown(socket.SHUT_WR)
            vuelta.join()

    def _volver(self, servidor: socket.socket, cliente: socket.socket, estado: dict[str, Any]) -> None:
        pasados = 0
        with suppress(OSError):
            while trozo := servidor.recv(65536):
                if estado["tope"] is not None and pasados + len(trozo) > estado["tope"]:
                    cliente.sendall(trozo[: max(0, estado["tope"] - pasados)])
                    break
                cliente.sendall(trozo)
                pasados += len(trozo) if estado["tope"] is not None else 0
        with suppress(OSError):
            cliente.shutdown(socket.SHUT_RDWR)
