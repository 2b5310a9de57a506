"""The socket side: one thread per connection, HTTP/1.1 kept alive, silent unless asked."""

import errno
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

import click
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

CUERPO_MAXIMO = 1024 * 1024
LARGO = re.compile(r"[0-9]{1,9}")
COLA = 512
ESPERA_S = 60


class PuertoOcupadoError(OSError):
    """Somebody else listens there."""


def crear_servidor(app: "WSGIApplication", host: str, puerto: int, registrar: bool = False) -> BaseWSGIServer:
    """Listening already; `.port` is the real one. Raises PuertoOcupadoError, or OSError for a bad host."""
    manejador = ManejadorConRegistro if registrar else Manejador
    with _escuchar(host, puerto) as enchufe:
        return make_server(host, puerto, app, threaded=True, request_handler=manejador, fd=enchufe.fileno())


def _escuchar(host: str, puerto: int) -> socket.socket:
    familia, tipo, _, _, direccion = socket.getaddrinfo(host, puerto, type=socket.SOCK_STREAM)[0]
    enchufe = socket.socket(familia, tipo)
    try:
        enchufe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        enchufe.bind(direccion)
        enchufe.listen(COLA)
    except OSError as e:
        enchufe.close()
        if e.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PuertoOcupadoError(e.errno, e.strerror) from e
        raise
    return enchufe


class Manejador(WSGIRequestHandler):
    """werkzeug's own closes every connection and waits 10 ms after each answer; this one keeps it alive.

    The whole body is read before the application runs, so the next request line is always next in the stream.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = ESPERA_S

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        largo = environ.get("CONTENT_LENGTH") or "0"
        if not LARGO.fullmatch(largo) or int(largo) > CUERPO_MAXIMO or "HTTP_TRANSFER_ENCODING" in environ:
            self.send_error(413)
            return
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        environ["wsgi.input"] = BytesIO(self.rfile.read(int(largo)))
        inicio: list[Any] = []

        def start_response(estado: str, cabeceras: list[tuple[str, str]], _exc: object = None) -> Any:
            inicio[:] = [estado, cabeceras]
            return self.wfile.write

        try:
            self._enviar(cast(Any, self.server).app(environ, start_response), inicio)
        except ConnectionError:
            self.close_connection = True
            self._colgar()

    def _enviar(self, trozos: Iterable[bytes], inicio: list[Any]) -> None:
        """Headers leave with the first piece; pieces of unknown total go chunked."""
        try:
            por_trozos = False
            empezado = False
            for trozo in trozos:
                if not empezado:
                    por_trozos, empezado = self._cabeceras(*inicio), True
                self.wfile.write(b"%x\r\n%b\r\n" % (len(trozo), trozo) if por_trozos and trozo else trozo)
                self.wfile.flush()
            if not empezado:
                por_trozos = self._cabeceras(*inicio)
            self.wfile.write(b"0\r\n\r\n" if por_trozos else b"")
            self.wfile.flush()
        finally:
            if hasattr(trozos, "close"):
                trozos.close()

    def _cabeceras(self, estado: str, cabeceras: list[tuple[str, str]]) -> bool:
        codigo, _, frase = estado.partition(" ")
        self.send_response(int(codigo), frase)
        for nombre, valor in cabeceras:
            self.send_header(nombre, valor)
        con_largo = any(nombre.lower() == "content-length" for nombre, _ in cabeceras)
        por_trozos = not con_largo and self.command != "HEAD" and codigo not in ("204", "304")
        if por_trozos:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        return por_trozos

    def _colgar(self) -> None:
        with suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    def log(self, type: str, message: str, *args: object) -> None:
        """Silent."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Silent."""


class ManejadorConRegistro(Manejador):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Without the query: it carries keys."""
        estado = int(code) if isinstance(code, int) else code
        click.echo(f"{self.log_date_time_string()} {self.command} {self.path.partition('?')[0]} {estado}")
