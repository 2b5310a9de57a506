"""Ears on every place where a secret must not be."""

from __future__ import annotations

import ast
import json
import re
import socket
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

import pymysql
import redis
import requests
from celery import Celery

from tests.canarios.bandada import Bandada, abierto

TRABAJADORES = 2
PREGUNTAS = ("conf", "stats", "report", "registered", "active", "reserved", "scheduled")
ENTRE_COMILLAS = re.compile(rb'"((?:[^"\\]|\\.)*)"')


class Grabadora:
    """An HTTP client that keeps every answer, headers and all; only the tokens that one is given are left out."""

    def __init__(self, base: str, bandada: Bandada) -> None:
        self.base = base
        self.respuestas: list[bytes] = []
        self._bandada = bandada
        self._http = requests.Session()

    def pedir(self, metodo: str, ruta: str, token: str = "", **opciones: Any) -> requests.Response:
        cabeceras = opciones.pop("headers", {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        r = self._http.request(metodo, self.base + ruta, headers=cabeceras, timeout=60, **opciones)
        self.respuestas.append(f"{r.status_code} {r.headers}\n".encode() + self._sin_tokens(r))
        return r

    def json(self, metodo: str, ruta: str, token: str = "", **cuerpo: Any) -> requests.Response:
        return self.pedir(metodo, ruta, token, json=cuerpo)

    def close(self) -> None:
        self._http.close()

    def _sin_tokens(self, r: requests.Response) -> bytes:
        with suppress(ValueError):
            cuerpo = r.json()
            if isinstance(cuerpo, dict) and "access_token" in cuerpo:
                self._bandada.tokens += [cuerpo.pop(t) for t in ("access_token", "refresh_token") if t in cuerpo]
                return json.dumps(cuerpo).encode()
        return r.content


class Oido:
    """Everything that is said to Redis, as MONITOR tells it."""

    def __init__(self, puerto: int) -> None:
        self.crudo = b""
        self._enchufe = socket.create_connection(("127.0.0.1", puerto))
        self._enchufe.sendall(b"MONITOR\r\n")
        self._hilo = Thread(target=self._oir)
        self._hilo.start()

    def close(self) -> None:
        with suppress(OSError):  # closed already
            self._enchufe.shutdown(socket.SHUT_RDWR)
        self._hilo.join()
        self._enchufe.close()

    def argumentos(self) -> Iterator[bytes]:
        for hallado in ENTRE_COMILLAS.finditer(self.crudo):
            valor: bytes = ast.literal_eval(f'b"{hallado[1].decode("latin-1")}"')  # Redis escapes as Python does
            yield valor

    def mensajes(self) -> list[Any]:
        """The bodies of Celery's messages: [args, kwargs, …]."""
        sobres = (json.loads(a) for a in self.argumentos() if a.startswith(b'{"body":'))
        return [json.loads(b64decode(s["body"])) for s in sobres if "task" in s["headers"]]

    def _oir(self) -> None:
        trozos = []
        while trozo := self._enchufe.recv(1 << 20):
            trozos.append(trozo)
        self.crudo = b"".join(trozos)


@contextmanager
def sucesos(app: Celery) -> Iterator[list[dict[str, Any]]]:
    """Celery's events, which is what Flower shows; and afterwards what else it asks the workers."""
    oidos: list[dict[str, Any]] = []
    with app.connection() as conexion:
        receptor = app.events.Receiver(conexion, handlers={"*": oidos.append})
        hilo = Thread(target=lambda: receptor.capture(limit=None, timeout=None, wakeup=False))
        hilo.start()
        try:
            yield oidos
        finally:
            inspector = app.control.inspect(timeout=5, limit=TRABAJADORES)
            oidos += [{"type": pregunta, "dicho": getattr(inspector, pregunta)()} for pregunta in PREGUNTAS]
            receptor.should_stop = True
            hilo.join()


def claves_de_redis(cliente: redis.Redis) -> dict[str, bytes]:
    """Every key, and its value as Redis dumps it, opened."""
    lectores: dict[bytes, Any] = {
        b"string": cliente.get,
        b"list": lambda k: cliente.lrange(k, 0, -1),
        b"set": cliente.smembers,
        b"zset": lambda k: cliente.zrange(k, 0, -1),
        b"hash": cliente.hgetall,
    }
    valores = {}
    for clave in cliente.scan_iter("*", count=1000):
        valor = lectores[cliente.type(clave)](clave)
        crudo = valor if isinstance(valor, bytes) else repr(valor).encode()
        valores[clave.decode(errors="replace")] = clave + b"\n" + abierto(crudo)
    return valores


def volcado(conexion: pymysql.Connection[Any]) -> dict[str, bytes]:
    """Every column of every table, by "table.column"."""
    columnas: dict[str, bytes] = {}
    with conexion.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        for (tabla,) in cursor.fetchall():
            cursor.execute(f"SELECT * FROM `{tabla}`")
            filas = cursor.fetchall()
            for n, (columna, *_) in enumerate(cursor.description):
                valores = (fila[n] for fila in filas)
                partes = [abierto(v) if isinstance(v, bytes) else str(v).encode() for v in valores]
                columnas[f"{tabla}.{columna}"] = b"\n".join(partes)
    return columnas
