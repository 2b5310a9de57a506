"""One server over HTTP: who we are, how long we insist, and what its refusals mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import tenacity
from requests.auth import AuthBase

from deploy.cliente.direccion import es_local, limpiar_url
from deploy.cliente.errores import Fallo, NoLlega, PlazoVencido, Rechazada, SinPermiso
from shared.visible import a_la_vista

CONEXION_S, LECTURA_S = 10.0, 30.0
PACIENCIA_S = 5.0  # with a server that does not answer
OCUPADO_S = 60.0  # with one that says when to come back
REFRESCO_S = 10.0  # a refresh that is not heard is repeated while the server still gives the same answer: 30 s
PASAJEROS = (429, 502, 503, 504)
MAL_ESCRITO = "El token o la clave de idempotencia llevan caracteres que no se admiten."
SEGUNDOS = re.compile(r"[0-9]{1,9}")
T = TypeVar("T")
DIRECTO = {"http": "", "https": "", "all": ""}  # "" is no proxy, whatever the environment says


@dataclass
class Tokens:
    acceso: str | None = field(default=None, repr=False)
    refresco: str | None = field(default=None, repr=False)


class Portador(AuthBase):
    """Always given, also without a token: requests would otherwise look for a password in .netrc."""

    def __init__(self, token: str | None) -> None:
        """Raises Rechazada here: further down, what cannot be a header is an exception that repeats it."""
        self._token = (token or "").strip()
        if not self._token.isascii() or not self._token.isprintable():
            raise Rechazada(MAL_ESCRITO, 400)

    def __call__(self, peticion: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            peticion.headers["Authorization"] = f"Bearer {self._token}"
        return peticion


class Conexion:
    """Keeps one HTTP session; not for several threads at once.

    al_refrescar: told each new pair of tokens. de_otro: asked for those of another process that shares the session and
    has renewed it meanwhile. al_reintentar: told why, once per request that has to be repeated.
    oida: the server has answered before. Proxies and certificates come from the environment (HTTPS_PROXY, NO_PROXY,
    REQUESTS_CA_BUNDLE); a server on this machine is never asked through a proxy. No redirect is followed, for a token
    would go where it was not meant to.
    """

    def __init__(
        self,
        url: str,
        tokens: Tokens,
        al_refrescar: Callable[[str, str], None] | None = None,
        al_reintentar: Callable[[str], None] | None = None,
        de_otro: Callable[[], tuple[str, str] | None] = lambda: None,
    ) -> None:
        self.url = limpiar_url(url)
        self.tokens = tokens
        self.oida = False
        self._al_refrescar = al_refrescar
        self._al_reintentar = al_reintentar
        self._de_otro = de_otro
        self._proxies = DIRECTO if es_local(self.url) else None
        self.http = requests.Session()
        self.http.headers["User-Agent"] = f"climaguru-cliente/{version('climaguru')}"

    def pedir(
        self,
        metodo: str,
        ruta: str,
        *,
        paciencia_s: float = PACIENCIA_S,
        hasta: float | None = None,
        con_sesion: bool = True,
        **opciones: Any,
    ) -> requests.Response:
        """A good answer (2xx or 304), after as many tries as patience allows; opciones are those of requests.

        An access token that ended is renewed; twice, for what another process had may have ended too. hasta: a
        time.monotonic() value. Raises Fallo.
        """

        def intentar() -> requests.Response:
            token = self.tokens.acceso if con_sesion else None
            return self._insistir(lambda: self._una_vez(metodo, ruta, token, **opciones), paciencia_s, hasta)

        for _ in range(2):
            try:
                return intentar()
            except SinPermiso as e:
                if e.estado != 401 or not con_sesion or not self.tokens.refresco:
                    raise
            self._renovar()
        return intentar()

    def json(self, respuesta: requests.Response) -> dict[str, Any]:
        try:
            cuerpo = respuesta.json()
        except requests.JSONDecodeError:
            cuerpo = None
        if not isinstance(cuerpo, dict):
            raise self.no_es_la_api()
        return cuerpo

    def no_es_la_api(self) -> NoLlega:
        return NoLlega(f"Lo que responde en {self.url} no es la API de ClimaGuru. Revise la dirección.")

    def cortada(self, e: requests.RequestException) -> Fallo:
        """What an exception of requests means; its text is left out, for it may hold addresses and passwords."""
        if isinstance(e, requests.exceptions.InvalidHeader):
            return Rechazada(MAL_ESCRITO, 400)
        if isinstance(e, requests.exceptions.SSLError):
            return NoLlega(f"El certificado de {self.url} no es de confianza (vea REQUESTS_CA_BUNDLE).")
        if isinstance(e, requests.exceptions.ProxyError):
            return NoLlega("El proxy no responde. Revise HTTP_PROXY, HTTPS_PROXY y NO_PROXY.", pasajero=True)
        if isinstance(e, requests.Timeout):
            return NoLlega(f"{self.url} no respondió a tiempo.", pasajero=True)
        if isinstance(e, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
            return NoLlega(
                f"No se llega a {self.url}. Revise la dirección y que el servidor esté en marcha.", pasajero=True
            )
        return NoLlega(f"La petición a {self.url} no se pudo hacer. Revise la dirección.")

    def _renovar(self) -> None:
        """New tokens, from the server or from another process that has asked it before us."""
        try:
            r = self._insistir(self._refrescar, PACIENCIA_S, None)
        except SinPermiso as e:
            raise SinPermiso("La sesión venció o se cerró. Entre otra vez.", e.estado) from e
        if r is None:
            return
        cuerpo = self.json(r)
        acceso, refresco = cuerpo.get("access_token"), cuerpo.get("refresh_token")
        if not isinstance(acceso, str) or not isinstance(refresco, str):
            raise self.no_es_la_api()
        self.tokens = Tokens(acceso, refresco)
        if self._al_refrescar:
            self._al_refrescar(acceso, refresco)

    def _refrescar(self) -> requests.Response | None:
        """One try. None: another process has; the refresh token that it used up would end the session if sent late."""
        if otros := self._de_otro():
            self.tokens = Tokens(*otros)
            return None
        return self._una_vez("POST", "/api/auth/refresh", self.tokens.refresco, lectura_s=REFRESCO_S)

    def _insistir(self, intento: Callable[[], T], paciencia_s: float, hasta: float | None) -> T:
        """Two tries at least, and until patience ends, which is longer where the server says when to come back."""

        def esperar(estado: tenacity.RetryCallState) -> float:
            azar = tenacity.wait_random_exponential(multiplier=0.5, max=8)(estado)
            pedida = _error(estado).espera_s
            espera = azar if pedida is None else pedida + azar / 10
            return espera if hasta is None else max(0.0, min(espera, hasta - monotonic()))

        def parar(estado: tenacity.RetryCallState) -> bool:
            limite = paciencia_s if _error(estado).espera_s is None else max(paciencia_s, OCUPADO_S)
            gastado = (estado.seconds_since_start or 0.0) + estado.upcoming_sleep
            vencida = gastado >= limite and (estado.attempt_number > 1 or estado.upcoming_sleep >= limite)
            return vencida or (hasta is not None and monotonic() >= hasta)

        def avisar(estado: tenacity.RetryCallState) -> None:
            if self._al_reintentar and estado.attempt_number == 1:
                self._al_reintentar(f"{_error(estado)} Se vuelve a intentar.")

        reintentar = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, NoLlega) and e.pasajero),
            wait=esperar,
            stop=parar,
            before_sleep=avisar,
            reraise=True,
        )
        try:
            return reintentar(intento)
        except NoLlega as e:
            if e.pasajero and hasta is not None and monotonic() >= hasta:
                raise PlazoVencido("El plazo venció.") from e
            raise

    def _una_vez(
        self, metodo: str, ruta: str, token: str | None, *, lectura_s: float = LECTURA_S, **opciones: Any
    ) -> requests.Response:
        try:
            respuesta = self.http.request(
                metodo,
                self.url + ruta,
                auth=Portador(token),
                timeout=(min(CONEXION_S, lectura_s), lectura_s),
                allow_redirects=False,
                proxies=self._proxies,
                **opciones,
            )
            fallo = self._fallo(respuesta)
        except requests.RequestException as e:
            raise self.cortada(e) from None
        except UnicodeError:
            raise Rechazada(MAL_ESCRITO, 400) from None
        except OSError as e:
            raise NoLlega("No se pueden leer los certificados que dice REQUESTS_CA_BUNDLE.") from e
        if fallo:
            raise fallo
        self.oida = True
        return respuesta

    def _fallo(self, respuesta: requests.Response) -> Fallo | None:
        estado = respuesta.status_code
        if 200 <= estado < 300 or estado == 304:
            return None
        if estado < 400:
            destino = urlsplit(a_la_vista(respuesta.headers.get("Location", "")))
            return NoLlega(f"{self.url} remite a {destino.scheme}://{destino.netloc}. Use esa dirección en su lugar.")
        problema = _problema(respuesta)
        texto, errores, quiso_decir = problema or (
            f"El servidor respondió {estado} y no como la API de ClimaGuru.",
            {},
            [],
        )
        if estado in (401, 403):
            return SinPermiso(texto, estado, errores)
        if estado in PASAJEROS:
            return NoLlega(texto, pasajero=True, espera_s=retry_after(respuesta))
        if problema is None:
            return self.no_es_la_api()
        return NoLlega(texto) if estado >= 500 else Rechazada(texto, estado, errores, quiso_decir)


def retry_after(respuesta: requests.Response) -> float | None:
    """Seconds; ours and nginx's are never dates."""
    valor = respuesta.headers.get("Retry-After", "")
    return float(valor) if SEGUNDOS.fullmatch(valor) else None


def _problema(respuesta: requests.Response) -> tuple[str, dict[str, list[str]], list[str]] | None:
    """detail, errores and quiso_decir of problem+json; None if it is none."""
    try:
        cuerpo = respuesta.json()
        detalle, errores, peticion = cuerpo["detail"], cuerpo.get("errores", {}), cuerpo.get("id_peticion")
        campos = {a_la_vista(c): [a_la_vista(t) for t in textos] for c, textos in errores.items()}
        cola = f" (id_peticion {a_la_vista(peticion)})" if respuesta.status_code == 500 and peticion else ""
        return a_la_vista(detalle) + cola, campos, [a_la_vista(uno) for uno in cuerpo.get("quiso_decir", [])]
    except (requests.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None


def _error(estado: tenacity.RetryCallState) -> NoLlega:
    error = estado.outcome.exception() if estado.outcome else None
    assert isinstance(error, NoLlega)
    return error
