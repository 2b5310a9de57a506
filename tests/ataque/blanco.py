"""The installation that is attacked: MariaDB, Redis, laboratory, `climaguru up` on its defaults, nginx before it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from secrets import token_hex
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from tests.caos.escenario import Escenario
from tests.frente import Nginx

PASSWORD = "una frase larga"
PROCESOS = 2  # of the API, as gunicorn_conf.py starts them


class Desde(HTTPAdapter):
    """Connections leave from this address, so that nginx and the API see clients of different networks."""

    def __init__(self, ip: str) -> None:
        self._ip = ip
        super().__init__(pool_maxsize=64)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, source_address=(self._ip, 0), **kwargs)


@dataclass
class Persona:
    """Somebody with an account, at an address of this machine's loopback network."""

    blanco: Blanco
    nombre: str
    id: int
    ip: str
    acceso: str
    refresco: str

    @property
    def cabeceras(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.acceso}"}

    def pedir(self, metodo: str, ruta: str, ip: str | None = None, **otros: Any) -> requests.Response:
        """ip: from another address than their own."""
        cabeceras = self.cabeceras | otros.pop("headers", {})
        return self.blanco.pedir(metodo, ruta, ip or self.ip, headers=cabeceras, **otros)


class Blanco(Escenario):
    """`with Blanco() as b:`. What the attacks reach is nginx: b.frente; b.pedir asks it from any address.

    ajustes: what is not as by default.
    """

    def __init__(self, **ajustes: str) -> None:
        self._ajustes = ajustes
        super().__init__(trabajadores=1)

    def _arrancar(self) -> None:
        self._sesiones: dict[str, requests.Session] = {}
        self._numeros = count(1)
        super()._arrancar()
        (self.carpeta / "nginx").mkdir()
        self.frente = Nginx(self.carpeta / "nginx", destino=self.puerto, conexiones=4096)
        self._cierres.callback(self.frente.parar)
        self.frente.arrancar()
        self._cierres.callback(self._cerrar)

    def _cerrar(self) -> None:
        for sesion in self._sesiones.values():
            sesion.close()

    def entorno(self) -> dict[str, str]:
        """The defaults: of what chaos sets only the servers remain."""
        suyo = super().entorno()
        del suyo["BCRYPT_ROUNDS"], suyo["LIMITE_API"]
        return suyo | {"PROXIES_DE_CONFIANZA": "1", "METEOSOURCE_API_KEY": "laboratorio"} | self._ajustes

    def _poblar(self) -> None:
        """Nobody: each attack makes its own."""

    def sesion(self, ip: str) -> requests.Session:
        if ip not in self._sesiones:
            sesion = requests.Session()
            sesion.trust_env = False
            sesion.mount("http://", Desde(ip))
            self._sesiones[ip] = sesion
        return self._sesiones[ip]

    def pedir(self, metodo: str, ruta: str, ip: str, **otros: Any) -> requests.Response:
        """Through nginx. Raises requests' errors."""
        return self.sesion(ip).request(metodo, f"{self.frente.url}{ruta}", timeout=90, **otros)

    def red(self) -> str:
        """An address of a network (/24) that nobody has used yet."""
        n = next(self._numeros)
        return f"127.{10 + n // 250}.{n % 250}.1"

    def persona(self, rol: str = "operario") -> Persona:
        """A new account, logged in from a network of its own."""
        ip, nombre = self.red(), f"p{token_hex(5)}"
        cuenta = {"username": nombre, "email": f"{nombre}@ejemplo.co", "password": PASSWORD}
        r = self.pedir("POST", "/api/auth/register", ip, json=cuenta)
        assert r.status_code == 201, r.text
        usuario_id = r.json()["usuario"]["id"]
        if rol != "operario":
            self.sql("UPDATE @@usuarios SET rol = %s WHERE id = %s", rol, usuario_id)
        r = self.entrar(nombre, PASSWORD, ip)
        assert r.status_code == 200, r.text
        return Persona(self, nombre, usuario_id, ip, r.json()["access_token"], r.json()["refresh_token"])

    def entrar(self, nombre: str, password: str, ip: str) -> requests.Response:
        return self.pedir("POST", "/api/auth/login", ip, json={"username": nombre, "password": password})

    @contextmanager
    def atascado(self) -> Iterator[dict[str, Any]]:
        """Meteoblue answers nobody: what asks it alone, as this body of a tiempo_real does, stays unfinished."""
        self.averiar({"proveedor": "meteoblue", "tipo": "colgado"})
        donde = {"latitud": round(1 + next(self._numeros) / 50, 2), "longitud": -75}  # nobody has asked of this place
        try:
            yield {**donde, "proveedores": ["meteoblue"]}
        finally:
            self.averiar()

    def vaciar(self) -> None:
        """Nothing unfinished, no call spent: the next attack finds nothing of this one."""
        self.averiar()
        self.sql(
            "UPDATE @@consultas SET estado = 'error', codigo_error = 'cancelada', turno = turno + 1"
            " WHERE estado IN ('pendiente', 'procesando')"
        )
        with self.cliente_redis() as r:
            if claves := [*r.scan_iter("*cg:gasto:*")]:
                r.delete(*claves)


@contextmanager
def abiertas(ip_de: Iterator[str], n: int, puerto: int, peticion: bytes) -> Iterator[list[socket.socket]]:
    """n connections on each of which this request was sent; nobody has read yet."""
    with ExitStack() as pila:
        todas = []
        for _ in range(n):
            conexion = socket.create_connection(("127.0.0.1", puerto), 60, source_address=(next(ip_de), 0))
            pila.callback(conexion.close)
            with suppress(ConnectionError):
                conexion.sendall(peticion)
            todas.append(conexion)
        yield todas
