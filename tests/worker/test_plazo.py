"""A provider that always sends one more byte is left at the deadline of the consulta, wherever in its answer it is."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import pytest

from tests.deploy.certificado import autofirmado
from tests.proveedores.servidor import http, servir
from worker.proveedores.http import Causa, ErrorProveedor, Esperas, Http, crear_sesion

CUELGUE_S = 30.0  # bounds a hang; what is under test ends after PLAZO_S
PLAZO_S = 1.0
BIEN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Goteo:
    """A server that sends `primero` at once and then `gota` again and again. fin: its peer has hung up."""

    primero: bytes
    gota: bytes
    tls: ssl.SSLContext | None = None
    aceptadas: int = 0
    fin: Event = field(default_factory=Event)

    @contextmanager
    def escuchar(self) -> Iterator[str]:
        with socket.create_server(("127.0.0.1", 0)) as oido:
            Thread(target=self._aceptar, args=(oido,), daemon=True).start()
            yield f"http{'s' if self.tls else ''}://127.0.0.1:{oido.getsockname()[1]}/"
            self.fin.set()
            oido.shutdown(socket.SHUT_RDWR)

    def _aceptar(self, oido: socket.socket) -> None:
        with suppress(OSError):
            while True:
                enchufe, _ = oido.accept()
                self.aceptadas += 1
                Thread(target=self._gotear, args=(enchufe,), daemon=True).start()

    def _gotear(self, enchufe: socket.socket) -> None:
        with suppress(OSError), self._canal(enchufe) as canal:
            canal.recv(65536)
            canal.sendall(self.primero)
            for gota in repeat(self.gota):
                if self.fin.is_set():
                    return
                canal.sendall(gota)
                sleep(0.02)
        self.fin.set()

    def _canal(self, enchufe: socket.socket) -> socket.socket:
        return self.tls.wrap_socket(enchufe, server_side=True) if self.tls else enchufe


@pytest.fixture(scope="module")
def certificado(tmp_path_factory: pytest.TempPathFactory) -> Path:
    carpeta = tmp_path_factory.mktemp("tls")
    autofirmado(carpeta)
    return carpeta


def contexto(certificado: Path) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificado / "fullchain.pem", certificado / "privkey.pem")
    return tls


def sin_colgar(pedir: Callable[[], Any]) -> BaseException | Any:
    """What it answered or raised; fails if it still hangs after CUELGUE_S."""
    hilos = ThreadPoolExecutor(1)
    try:
        pedida = hilos.submit(pedir)
        return pedida.exception(CUELGUE_S) or pedida.result()
    finally:
        hilos.shutdown(wait=False)


GOTEOS = {
    "estado": (b"", b"H"),
    "cabecera": (b"HTTP/1.1 200 OK\r\nX-Larga: ", b"a"),
    "cabeceras": (b"HTTP/1.1 200 OK\r\n", b"X: a\r\n"),
    "provisional": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "cuerpo": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" "),
    "cuerpo_sin_largo": (b"HTTP/1.0 200 OK\r\n\r\n", b" "),
    "largo_de_un_trozo": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    "trozos": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "despedida": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"X: a\r\n"),
    "cuerpo_de_un_503": (b"HTTP/1.1 503 No\r\nContent-Length: 1000000\r\n\r\n", b" "),
}


@pytest.mark.parametrize("cifrado", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("donde", GOTEOS)
def test_quien_gotea_se_deja_en_el_plazo_este_donde_este(certificado: Path, donde: str, cifrado: bool) -> None:
    goteo = Goteo(*GOTEOS[donde], contexto(certificado) if cifrado else None)
    with goteo.escuchar() as url:
        raiz = str(certificado / "fullchain.pem")
        fallo = sin_colgar(lambda: http(PLAZO_S, lectura_s=20).json(url, certificados=raiz))
        assert isinstance(fallo, ErrorProveedor), fallo
        assert (fallo.causa, "a tiempo" in fallo.motivo, goteo.aceptadas) == (Causa.TARDE, True, 1)
        assert goteo.fin.wait(CUELGUE_S), "the connection is still open"


@pytest.mark.parametrize("gota", [b"", b"\x00"], ids=["callado", "goteo"])
def test_quien_no_acaba_de_saludar_se_deja_en_el_plazo(gota: bytes) -> None:
    """A TLS record of 16 KiB that never ends, or nothing at all."""
    goteo = Goteo(b"\x16\x03\x03\x40\x00\x02" if gota else b"", gota)
    with goteo.escuchar() as url:
        fallo = sin_colgar(
            lambda: Http(crear_sesion(1), Esperas(20, 20), monotonic() + PLAZO_S).json(url.replace("http:", "https:"))
        )
        assert isinstance(fallo, ErrorProveedor), fallo
        assert (fallo.causa, goteo.aceptadas) == (Causa.TARDE, 1)
        if gota:  # who sends nothing does not notice
            assert goteo.fin.wait(CUELGUE_S), "the connection is still open"


def test_un_nombre_con_muchas_direcciones_que_no_contestan_no_pasa_del_plazo(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener whose queue is full lets every new connection wait; each of sixty addresses would have its second."""
    with ExitStack() as abiertos:
        oido = abiertos.enter_context(socket.create_server(("0.0.0.0", 0), backlog=0))
        puerto = oido.getsockname()[1]
        for _ in range(4):
            uno = abiertos.enter_context(socket.socket())
            uno.setblocking(False)
            uno.connect_ex(("127.0.0.1", puerto))
        verdadero, probadas = socket.getaddrinfo, []

        def muchas(nombre: str, puerto: int, *args: Any, **kwargs: Any) -> list[Any]:
            if nombre == "muchas.example":
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", puerto)) for n in range(2, 62)]
            probadas.append(nombre)
            return verdadero(nombre, puerto, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", muchas)
        fallo = sin_colgar(
            lambda: Http(crear_sesion(1), Esperas(1, 1), monotonic() + 1.5).json(f"http://muchas.example:{puerto}/")
        )
    assert isinstance(fallo, ErrorProveedor), fallo
    assert fallo.causa == Causa.TARDE
    assert probadas[:1] == ["127.0.0.2"]
    assert len(probadas) <= 2


def test_de_un_nombre_vale_la_primera_direccion_que_contesta(monkeypatch: pytest.MonkeyPatch) -> None:
    verdadero = socket.getaddrinfo

    def dos(nombre: str, puerto: int, *args: Any, **kwargs: Any) -> list[Any]:
        if nombre != "dos.example":
            return verdadero(nombre, puerto, *args, **kwargs)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (quien, puerto)) for quien in ("127.0.0.9", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", dos)
    with servir() as red:
        red.siempre({"ok": 1})
        assert http().json(red.base.replace("127.0.0.1", "dos.example")) == {"ok": 1}
    assert red.pedidas[0].cabeceras["Host"].startswith("dos.example:")


def test_el_silencio_se_corta_antes_del_plazo(certificado: Path) -> None:
    """lectura_s goes on bounding each wait: three tries, long before the deadline."""
    goteo = Goteo(b"", b"")
    with goteo.escuchar() as url:
        fallo = sin_colgar(lambda: http(CUELGUE_S * 2, lectura_s=0.1).json(url))
    assert isinstance(fallo, ErrorProveedor), fallo
    assert (fallo.causa, goteo.aceptadas) == (Causa.TARDE, 3)


@pytest.mark.parametrize("cifrado", [False, True], ids=["http", "https"])
def test_con_quien_responde_bien_se_habla_por_una_sola_conexion(certificado: Path, cifrado: bool) -> None:
    """Five calls of five consultas, each with its own deadline."""
    aceptadas = 0
    with socket.create_server(("127.0.0.1", 0)) as oido, ExitStack() as abiertos:

        def atender() -> None:
            nonlocal aceptadas
            with suppress(OSError):
                while True:
                    enchufe = oido.accept()[0]
                    aceptadas += 1
                    canal = contexto(certificado).wrap_socket(enchufe, server_side=True) if cifrado else enchufe
                    abiertos.enter_context(canal)
                    while canal.recv(65536):
                        canal.sendall(BIEN)

        Thread(target=atender, daemon=True).start()
        sesion = crear_sesion(4)
        url = f"http{'s' if cifrado else ''}://127.0.0.1:{oido.getsockname()[1]}/"
        for plazo_s in (5, 60, 5, 60, 5):
            una = Http(sesion, Esperas(2, 2), monotonic() + plazo_s)
            assert una.json(url, certificados=str(certificado / "fullchain.pem")) == {}
        sesion.close()
        oido.shutdown(socket.SHUT_RDWR)
    assert aceptadas == 1


@pytest.mark.parametrize("destino", ["/otra", "http://[", "http://otra.example/", "\u00ff"])
def test_de_una_redireccion_no_se_lee_el_cuerpo(destino: str) -> None:
    cabeza = f"HTTP/1.1 302 Found\r\nLocation: {destino}\r\n\r\n".encode("latin-1")
    goteo = Goteo(cabeza, b"x" * 65536)
    with goteo.escuchar() as url:
        fallo = sin_colgar(lambda: http(CUELGUE_S * 2, lectura_s=20).json(url))
        assert isinstance(fallo, ErrorProveedor), fallo
        assert fallo.motivo.startswith("redirige a ")
        assert goteo.fin.wait(CUELGUE_S), "the connection is still open"
