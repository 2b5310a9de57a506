"""Private MariaDB and Redis servers: free ports, a temporary folder, gone afterwards. As root or as anyone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

import pymysql
import redis

T = TypeVar("T")

CAMINO = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"])
MEMORIA, MEMORIA_BASTANTE = "/dev/shm", 6 << 30
ESPERA_S = 180.0  # of a machine that does much else


def puerto_libre() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        puerto: int = s.getsockname()[1]
        return puerto


def carpeta_de_datos() -> str:
    """Where data that nobody keeps is written: memory, if this machine lends enough of it."""
    hay = os.access(MEMORIA, os.W_OK) and shutil.disk_usage(MEMORIA).free > MEMORIA_BASTANTE
    return MEMORIA if hay else "/tmp"


def binario(*nombres: str) -> str:
    for nombre in nombres:
        if hallado := shutil.which(nombre, path=CAMINO):
            return hallado
    raise RuntimeError(f"{nombres[0]} is not installed: run `make test`, or see tests/servidores.sh")


def esperar(listo: Callable[[], T], que: str, espera_s: float = ESPERA_S) -> T:
    """Poll until `listo` returns something true, and return it; a connection error means not yet.

    espera_s bounds a hang and measures nothing. Raises TimeoutError, which says what was waited for and what was seen.
    """
    hasta, pausa_s = monotonic() + espera_s, 0.01
    visto: object = "nothing: there was no time to look"
    while monotonic() < hasta:
        try:
            if hallado := listo():
                return hallado
            visto = hallado
        except (OSError, pymysql.Error, redis.RedisError) as e:
            visto = e
        sleep(pausa_s)
        pausa_s = min(0.1, pausa_s * 1.3)  # looking costs, and what takes long is not looked at more closely
    raise TimeoutError(f"{que}: not within {espera_s:.0f} s; seen last: {visto!r}")


@dataclass
class Servidor:
    """A server process that can be killed, paused and started again on the same port and data."""

    carpeta: Path
    puerto: int = field(default_factory=puerto_libre)
    proceso: subprocess.Popen[bytes] | None = None

    def orden(self) -> list[str]:
        raise NotImplementedError

    def entorno(self) -> dict[str, str] | None:
        """Its environment variables; None: those of this process."""
        return None

    def vive(self) -> object:
        raise NotImplementedError

    def arrancar(self) -> None:
        self.lanzar()
        self.esperar_listo()

    def lanzar(self) -> None:
        """Start it and do not wait: several that start together are ready sooner."""
        with (self.carpeta / "salida.txt").open("ab") as salida:
            self.proceso = subprocess.Popen(
                self.orden(), env=self.entorno(), stdout=salida, stderr=salida, stdin=subprocess.DEVNULL
            )

    def esperar_listo(self) -> None:
        esperar(self.vive, f"{type(self).__name__} starting")

    def matar(self) -> None:
        self._senal(signal.SIGKILL)
        assert self.proceso is not None
        self.proceso.wait()

    def parar(self) -> None:
        if self.proceso and self.proceso.poll() is None:
            self._senal(signal.SIGCONT)
            self._senal(signal.SIGTERM)
            try:
                self.proceso.wait(20)
            except subprocess.TimeoutExpired:
                self.matar()

    def _senal(self, senal: int) -> None:
        assert self.proceso is not None
        self.proceso.send_signal(senal)


class Redis(Servidor):
    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.puerto}/0"

    def orden(self) -> list[str]:
        opciones = ["--port", str(self.puerto), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.carpeta)]
        return [binario("redis-server", "valkey-server"), *opciones]

    def vive(self) -> object:
        with redis.Redis(port=self.puerto, socket_timeout=1) as cliente:
            return cliente.ping()


class MariaDB(Servidor):
    def url(self, base: str) -> str:
        """Without TLS, which it does not offer: PyMySQL reads all authorities of the machine before it finds out."""
        return f"mysql+pymysql://root@127.0.0.1:{self.puerto}/{base}?charset=utf8mb4&ssl_disabled=true"

    def instalar(self) -> None:
        """MariaDB 10.11's bootstrap crashes now and then on a busy machine: tried three times, each from nothing."""
        programa, datos = binario("mariadb-install-db", "mysql_install_db"), self.carpeta / "datos"
        opciones = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        for _ in range(3):
            shutil.rmtree(datos, ignore_errors=True)
            orden = [programa, "--no-defaults", *_como_root(), f"--datadir={datos}", *opciones]
            fin = subprocess.run(orden, check=False, capture_output=True, text=True)
            if fin.returncode == 0:
                return
        raise RuntimeError(fin.stdout + fin.stderr)

    def orden(self) -> list[str]:
        c = self.carpeta
        rutas = [f"--datadir={c / 'datos'}", f"--socket={c / 'm.sock'}", f"--pid-file={c / 'm.pid'}"]
        red = [f"--port={self.puerto}", "--bind-address=127.0.0.1", "--skip-name-resolve", "--max-connections=300"]
        ligero = ["--innodb-buffer-pool-size=128M", "--innodb-log-file-size=32M", "--performance-schema=OFF"]
        return [binario("mariadbd", "mysqld"), "--no-defaults", *_como_root(), *rutas, *red, *ligero]

    def vive(self) -> object:
        return self.ejecutar("SELECT 1")

    def ejecutar(self, sql: str) -> list[tuple[object, ...]]:
        return self.ejecutar_todas(sql)

    def ejecutar_todas(self, *sql: str) -> list[tuple[object, ...]]:
        """As root, who may do everything; the rows of the last one."""
        conexion = pymysql.connect(
            host="127.0.0.1", port=self.puerto, user="root", connect_timeout=2, autocommit=True, ssl_disabled=True
        )
        with conexion, conexion.cursor() as cursor:
            for una in sql:
                cursor.execute(una)
            return list(cursor.fetchall())

    def crear_base(self, nombre: str) -> str:
        """A new empty database; its URL."""
        self.ejecutar(f"CREATE DATABASE {nombre} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
        return self.url(nombre)


def _como_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []
