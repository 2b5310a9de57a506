"""One deadline for a whole call: connection, TLS, headers and body.

requests knows only how long one wait may be, so that who sends a byte within each is never late. Here each wait is cut
to what is left of the deadline. Only the lookup of a name is not ours to cut: the system's resolver bounds it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from time import monotonic
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import create_connection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MINIMA_S = 0.001  # 0 would be a socket that does not wait
_plazo: ContextVar[float] = ContextVar("plazo")


@contextmanager
def hasta(plazo: float) -> Iterator[None]:
    """Calls in the block end by then, a time.monotonic() value, with a timeout of requests."""
    antes = _plazo.set(plazo)
    try:
        yield
    finally:
        _plazo.reset(antes)


class Adaptador(HTTPAdapter):
    """requests' own, over connections that know the deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Grupo, "https": _GrupoTls}


class _Lector(RawIOBase):
    """What a socket receives; each time it waits for what is left at most. Raises TimeoutError."""

    def __init__(self, enchufe: socket.socket, crudo: RawIOBase) -> None:
        self._enchufe, self._crudo = enchufe, crudo
        self._espera_s, self._hasta = enchufe.gettimeout(), _plazo.get()

    def readable(self) -> bool:
        return True

    def readinto(self, sitio: WriteableBuffer, /) -> int | None:
        self._enchufe.settimeout(_lo_que_queda(self._espera_s, self._hasta))
        return self._crudo.readinto(sitio)

    def close(self) -> None:
        self._crudo.close()
        super().close()


class _Respuesta(HTTPResponse):
    """Its status line, headers and body are read through a _Lector."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: BufferedReader = BufferedReader(_Lector(sock, self.fp.detach()))


class _Conexion(HTTPConnection):
    response_class = _Respuesta

    def _new_conn(self) -> socket.socket:
        """urllib3's own waits its whole timeout for each address that the name has, and as long again for TLS."""
        try:
            return self._a_alguna_direccion()
        except TimeoutError as e:
            raise ConnectTimeoutError(self, "no address answered in time") from e
        except (OSError, UnicodeError) as e:
            raise NewConnectionError(self, "no address answered") from e

    def _a_alguna_direccion(self) -> socket.socket:
        fallo = OSError("the name has no address")
        for *_, direccion in socket.getaddrinfo(self._dns_host.strip("[]"), self.port, type=socket.SOCK_STREAM):
            espera_s = _lo_que_queda(self.timeout, _plazo.get())
            try:
                enchufe = create_connection((str(direccion[0]), self.port), espera_s, None, self.socket_options)
            except OSError as e:
                fallo = e
            else:
                enchufe.settimeout(max(MINIMA_S, min(espera_s, _plazo.get() - monotonic())))  # of the handshake
                return enchufe
        raise fallo


class _ConexionTls(_Conexion, HTTPSConnection):
    """The timeout that the socket has bounds the handshake as a whole: Python counts it down."""


class _Grupo(HTTPConnectionPool):
    ConnectionCls = _Conexion


class _GrupoTls(HTTPSConnectionPool):
    ConnectionCls = _ConexionTls


def _lo_que_queda(espera_s: float | None, plazo: float) -> float:
    """Seconds that a wait may take. Raises TimeoutError."""
    queda = plazo - monotonic()
    if queda <= 0:
        raise TimeoutError("timed out")
    return queda if espera_s is None else min(espera_s, queda)
