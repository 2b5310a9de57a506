"""The layer in front of the dialects: counts every request, and spoils those that a Falla has chosen."""

import json
from collections.abc import Callable, Iterable, Iterator
from threading import Event
from typing import TYPE_CHECKING, NoReturn, cast
from urllib.parse import quote

from flask import Response
from werkzeug.test import run_wsgi_app

from deploy.laboratorio.errores import JSON, PROVEEDORES, cuota, error, pagina
from deploy.laboratorio.fallas import Control, Falla
from deploy.laboratorio.peticiones import Registro

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MARCA = ("X-Laboratorio", "climaguru")
COLGADO_S = 120.0
GOTEO_S = 1.0
ENORME_BYTES = 33 * 1024 * 1024
OTRO_SERVIDOR = "http://otro-servidor.invalid/"
BASURAS = (
    b'{"inesperado":[1,"dos",null]}',
    b'[[null,{"current":7}],"x"]',
    b"42",
    b'{"current":"llueve","hourly":[]}',
    b'""',
)


class Averias:
    """WSGI middleware. demora_s is added to every provider's answer, faulty or not."""

    def __init__(self, app: "WSGIApplication", control: Control, registro: Registro) -> None:
        self.app, self.control, self.registro = app, control, registro
        self.demora_s = 0.0

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        proveedor, _, ruta = environ["PATH_INFO"].lstrip("/").partition("/")
        if proveedor not in PROVEEDORES:
            return self.app(environ, start_response)
        falla, soltar = self.control.decidir(proveedor, f"/{ruta}")
        self.registro.entrar(proveedor, f"/{ruta}", falla is not None)
        salir = self.registro.salida(proveedor)
        try:
            if self.demora_s:
                soltar.wait(self.demora_s)
            cuerpo = self._responder(falla, soltar, environ, _marcar(start_response))
        except BaseException:
            salir()
            raise
        return _hasta_el_final(cuerpo, salir)

    def _responder(
        self, falla: Falla | None, soltar: Event, environ: "WSGIEnvironment", start: "StartResponse"
    ) -> Iterable[bytes]:
        if falla is None:
            return self.app(environ, start)
        if falla.tipo == "demora":
            soltar.wait(falla.demora_s)
            return self.app(environ, start)
        if falla.tipo == "corte":
            _cortar()
        if falla.tipo == "colgado":
            soltar.wait(COLGADO_S if falla.demora_s is None else falla.demora_s)
            _cortar()
        if falla.tipo == "eco" and falla.estado != 200:
            return _eco_en_error(falla, _peticion(environ))(environ, start)
        if falla.tipo in ("json_malo", "corte_a_medias", "goteo", "eco", "cabecera_mala"):
            return self._estropear(falla, soltar, environ, start)
        return _ajena(falla)(environ, start)

    def _estropear(
        self, falla: Falla, soltar: Event, environ: "WSGIEnvironment", start: "StartResponse"
    ) -> Iterable[bytes]:
        """Ask the dialect for its good answer and hand over something worse."""
        trozos, estado, cabeceras = run_wsgi_app(self.app, environ, buffered=True)
        cuerpo = b"".join(trozos)
        if falla.tipo == "json_malo":
            cuerpo = cuerpo[: max(1, len(cuerpo) * 3 // 5)]
        if falla.tipo == "eco":
            cuerpo = _eco_en_todo(cuerpo, _peticion(environ))
        if falla.tipo == "cabecera_mala":
            cabeceras.add("Esto no", "es una cabecera")  # names have no spaces
        cabeceras.set("Content-Length", str(len(cuerpo)))
        start(estado, list(cabeceras))
        if falla.tipo == "goteo":
            return _gotear(cuerpo, GOTEO_S if falla.demora_s is None else falla.demora_s, soltar)
        return _a_medias(cuerpo) if falla.tipo == "corte_a_medias" else [cuerpo]


def _hasta_el_final(trozos: Iterable[bytes], salir: Callable[[], None]) -> Iterator[bytes]:
    """The same pieces; salir is called after the last one, or when the client is gone."""
    try:
        yield from trozos
    finally:
        salir()
        cerrar = getattr(trozos, "close", None)
        if cerrar:
            cerrar()


def _cortar() -> NoReturn:
    """The server turns this into a closed socket."""
    raise ConnectionAbortedError("corte pedido al laboratorio")


def _a_medias(cuerpo: bytes) -> Iterator[bytes]:
    yield cuerpo[: max(1, len(cuerpo) // 2)]
    raise ConnectionAbortedError("corte a medias pedido al laboratorio")


def _gotear(cuerpo: bytes, cada_s: float, soltar: Event) -> Iterator[bytes]:
    for i in range(len(cuerpo)):
        yield cuerpo[i : i + 1]
        if soltar.wait(cada_s):
            raise ConnectionAbortedError("el plan de fallas cambió")


def _ajena(falla: Falla) -> Response:
    """An answer that has nothing to do with what was asked."""
    respuesta: Response
    match falla.tipo:
        case "cuota":
            return cuota(falla.proveedor)
        case "html":
            return pagina(falla.estado or 200)
        case "redireccion":
            return Response(b"", status=302, headers={"Location": OTRO_SERVIDOR})
        case "enorme":
            return Response(_relleno(), content_type=JSON)
        case "basura":
            return Response(BASURAS[falla.aplicadas % len(BASURAS)], content_type=JSON)
        case "retry_after":
            respuesta = error(falla.proveedor, falla.estado or 429)
            respuesta.headers["Retry-After"] = falla.retry_after or "5"
            return respuesta
    respuesta = error(falla.proveedor, falla.estado or 500)
    if falla.retry_after:
        respuesta.headers["Retry-After"] = falla.retry_after
    return respuesta


def _peticion(environ: "WSGIEnvironment") -> str:
    """Its address and its headers, in one line: wherever the key went."""
    cabeceras = " ".join(f"{nombre}={valor}" for nombre, valor in environ.items() if nombre.startswith("HTTP_"))
    return f"{environ['PATH_INFO']}?{environ['QUERY_STRING']} {cabeceras}"


def _eco_en_error(falla: Falla, peticion: str) -> Response:
    estado = falla.estado or 401
    respuesta = error(falla.proveedor, estado, peticion)
    if 300 <= estado < 400:
        respuesta.headers["Location"] = OTRO_SERVIDOR + quote(peticion)
    return respuesta


def _eco_en_todo(cuerpo: bytes, peticion: str) -> bytes:
    """The same JSON with the request for every value; anything else is replaced by the request."""

    def repetir(valor: object) -> object:
        if isinstance(valor, dict):
            return {clave: repetir(v) for clave, v in valor.items()}
        return [repetir(v) for v in valor] if isinstance(valor, list) else peticion

    try:
        return json.dumps(repetir(json.loads(cuerpo))).encode()
    except ValueError:
        return peticion.encode()


def _relleno() -> Iterator[bytes]:
    trozo = b"x" * 65536
    yield b'{"relleno":"'
    for _ in range(ENORME_BYTES // len(trozo)):
        yield trozo
    yield b'"}'


def _marcar(start_response: "StartResponse") -> "StartResponse":
    def marcado(estado: str, cabeceras: list[tuple[str, str]], *resto: object) -> Callable[[bytes], object]:
        seguir = cast(Callable[..., Callable[[bytes], object]], start_response)
        return seguir(estado, [*cabeceras, MARCA], *resto)

    return cast("StartResponse", marcado)
