"""How providers are asked over HTTP: time limits, retries, refusals, and the one error type.

A provider's file calls `Http.json` and gets parsed JSON, or an ErrorProveedor whose `motivo` users may read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum, auto
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import requests
import tenacity
import urllib3

from worker.proveedores.plazo import Adaptador, hasta

INTENTOS = 3
ESPERA_BASE_S, ESPERA_MAXIMA_S = 0.3, 4.0
SEGUNDOS = re.compile(r"[0-9]{1,9}")  # «²» is a digit too, and no number
CUERPO_MAXIMO = 32 * 1024 * 1024
AGENTE = "ClimaGuru/0.1"
CABECERA_LABORATORIO = "X-Laboratorio"
MOTIVOS = {
    400: "rechazó la petición",
    401: "rechazó la clave",
    403: "rechazó la clave o el acceso",
    404: "no tiene datos para ese lugar",
    429: "límite de peticiones alcanzado",
}


PASAN = (408, 425, 429)  # the 4xx that say nothing against the question


class Causa(StrEnum):
    """Why a provider has no part in an answer. All but PERMANENTE may pass."""

    PERMANENTE = auto()  # it will not help this consulta, or refused the question
    CIRCUITO = auto()  # it has been failing and rests
    PRESUPUESTO = auto()  # we have asked it too much for now
    CUOTA = auto()  # the user's key is spent for today
    FALLO = auto()  # it failed
    TARDE = auto()  # it did not answer in time


class ErrorProveedor(Exception):
    """A provider did not give usable data.

    motivo: Spanish, for API users, without URLs or keys. reintentable: asking again at once may help.
    espera_s: what Retry-After asked for. estado: the HTTP status, if there was one. cuerpo: parsed JSON of a refusal.
    tarde: it was a matter of time.
    """

    def __init__(
        self,
        motivo: str,
        *,
        reintentable: bool = False,
        espera_s: float | None = None,
        estado: int | None = None,
        cuerpo: Any = None,
        tarde: bool = False,
    ) -> None:
        super().__init__(motivo)
        self.motivo = motivo
        self.tarde = tarde
        self.reintentable = reintentable
        self.espera_s = espera_s
        self.estado = estado
        self.cuerpo = cuerpo

    @property
    def causa(self) -> Causa:
        """A 4xx refuses the question itself, whenever it is asked; what has no status may go otherwise next time."""
        if self.tarde:
            return Causa.TARDE
        rechazo = self.estado is not None and 400 <= self.estado < 500 and self.estado not in PASAN
        return Causa.PERMANENTE if rechazo and not self.reintentable else Causa.FALLO


class Omitida(Exception):
    """The provider cannot help here (no key, outside its area, no such data). Not a failure. motivo: Spanish.

    causa: whether it could help later. espera_s: after how long it could, where that is known.
    """

    def __init__(self, motivo: str, causa: Causa = Causa.PERMANENTE, espera_s: float | None = None) -> None:
        super().__init__(motivo)
        self.motivo = motivo
        self.causa = causa
        self.espera_s = espera_s


@dataclass(frozen=True, slots=True)
class Esperas:
    """Seconds to wait for a connection and between two bytes."""

    conexion_s: float
    lectura_s: float


def crear_sesion(conexiones: int) -> requests.Session:
    """One per process: keeps connections open, ignores proxies and .netrc of the machine."""
    sesion = _Sesion()
    sesion.trust_env = False
    sesion.headers["User-Agent"] = AGENTE
    adaptador = Adaptador(pool_connections=16, pool_maxsize=conexiones)
    sesion.mount("http://", adaptador)
    sesion.mount("https://", adaptador)
    return sesion


class _Sesion(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere: none is followed, and requests would read the whole body of one before it says so."""


class Http:
    """The calls of one consulta to one provider, all within one deadline (a time.monotonic() value).

    permiso: held around each call, told its cost; raises Omitida when the call may not be made. al_reintentar: called
    before each call that is made again.
    tapar: applied to every body; takes the key out of it.
    laboratorio: True once any answer came from the laboratory. latencia_ms: of all calls so far.
    """

    def __init__(
        self,
        sesion: requests.Session,
        esperas: Esperas,
        plazo: float,
        permiso: Callable[[int], AbstractContextManager[None]] = lambda _: nullcontext(),
        al_reintentar: Callable[[], None] = lambda: None,
        tapar: Callable[[bytes], bytes] = lambda cuerpo: cuerpo,
    ) -> None:
        self._tapar = tapar
        self._al_reintentar = al_reintentar
        self._permiso = permiso
        self._sesion = sesion
        self._esperas = esperas
        self._plazo = plazo
        self._empezo = monotonic()
        self.laboratorio = False

    @property
    def latencia_ms(self) -> int:
        return round((monotonic() - self._empezo) * 1000)

    def json(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        cabeceras: Mapping[str, str] | None = None,
        al_fallar: Callable[[ErrorProveedor], ErrorProveedor] = lambda e: e,
        costo: int = 1,
        certificados: str | None = None,
    ) -> Any:
        """GET and parse. Retries what may pass (connection, timeout, 429, 5xx) with full jitter.

        costo: how many calls of the provider's budget this one counts for. certificados: a file of certificates to
        trust instead of the usual ones. Raises ErrorProveedor, which al_fallar may replace by what the provider's own
        error body means, and Omitida when the budget is spent.
        """
        reintentar = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, ErrorProveedor) and e.reintentable),
            wait=self._espera,
            stop=self._parar,
            before_sleep=lambda _: self._al_reintentar(),
            reraise=True,
        )

        ultimo: ErrorProveedor | None = None

        def intento() -> Any:
            nonlocal ultimo
            if ultimo is not None and monotonic() >= self._plazo:
                raise ultimo  # no time left for another try: what went wrong says more than that
            try:
                with self._permiso(costo):
                    return self._una_vez(url, params, cabeceras, certificados)
            except ErrorProveedor as e:
                ultimo = al_fallar(e)
                raise ultimo from e

        return reintentar(intento)

    def _espera(self, estado: tenacity.RetryCallState) -> float:
        error = estado.outcome.exception() if estado.outcome else None
        pedida = error.espera_s if isinstance(error, ErrorProveedor) else None
        azar = tenacity.wait_random_exponential(multiplier=ESPERA_BASE_S, max=ESPERA_MAXIMA_S)(estado)
        return azar if pedida is None else pedida + azar / 10

    def _parar(self, estado: tenacity.RetryCallState) -> bool:
        return estado.attempt_number >= INTENTOS or monotonic() + estado.upcoming_sleep >= self._plazo

    def _una_vez(
        self, url: str, params: Mapping[str, Any] | None, cabeceras: Mapping[str, str] | None, certificados: str | None
    ) -> Any:
        queda = self._plazo - monotonic()
        if queda <= 0:
            raise ErrorProveedor("se agotó el tiempo de la consulta", tarde=True)
        esperas = (min(self._esperas.conexion_s, queda), min(self._esperas.lectura_s, queda))
        try:
            with (
                hasta(self._plazo),
                self._sesion.get(
                    url,
                    params=params,
                    headers=cabeceras,
                    timeout=esperas,
                    stream=True,
                    allow_redirects=False,
                    verify=certificados or True,
                ) as respuesta,
            ):
                self.laboratorio |= CABECERA_LABORATORIO in respuesta.headers
                return self._interpretar(respuesta)
        except requests.Timeout:
            fallo = ErrorProveedor("no respondió a tiempo", reintentable=True, tarde=True)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            fallo = ErrorProveedor("no se pudo conectar o cortó la respuesta", reintentable=True)
        except requests.RequestException:
            fallo = ErrorProveedor("la petición no se pudo hacer")
        raise fallo  # out here, so that no exception whose text holds the URL, and maybe a key, hangs on it

    def _interpretar(self, respuesta: requests.Response) -> Any:
        estado = respuesta.status_code
        if 300 <= estado < 400:
            destino = _servidor(respuesta.headers.get("Location", "")) or "otro lugar"
            raise ErrorProveedor(f"redirige a {destino} y no se sigue", estado=estado)
        crudo = self._leer(respuesta)
        if estado == 200:
            return _json(crudo)
        try:
            cuerpo = _json(crudo)
        except ErrorProveedor:
            cuerpo = None
        pasajero = estado in (202, 408, 425, 429) or estado >= 500
        raise ErrorProveedor(
            MOTIVOS.get(estado, f"respondió {estado}"),
            reintentable=pasajero,
            espera_s=_retry_after(respuesta.headers.get("Retry-After")) if pasajero else None,
            estado=estado,
            cuerpo=cuerpo,
        )

    def _leer(self, respuesta: requests.Response) -> bytes:
        """The body, decoded; a huge one is cut at CUERPO_MAXIMO."""
        trozos: list[bytes] = []
        largo = 0
        try:
            while trozo := respuesta.raw.read1(65536, decode_content=True):
                largo += len(trozo)
                if largo > CUERPO_MAXIMO:
                    raise ErrorProveedor("la respuesta pasa de 32 MiB")
                trozos.append(trozo)
        except urllib3.exceptions.ReadTimeoutError:
            raise ErrorProveedor("no terminó de responder a tiempo", reintentable=True, tarde=True) from None
        except urllib3.exceptions.HTTPError:
            raise ErrorProveedor("no se pudo conectar o cortó la respuesta", reintentable=True) from None
        return self._tapar(b"".join(trozos))


def _json(crudo: bytes) -> Any:
    try:
        return json.loads(crudo)
    except (ValueError, RecursionError) as e:
        raise ErrorProveedor("respondió algo que no es JSON", reintentable=True) from e


def _retry_after(valor: str | None) -> float | None:
    """Seconds or an HTTP date, as RFC 9110 section 10.2.3."""
    if not valor:
        return None
    if SEGUNDOS.fullmatch(valor.strip()):
        return float(valor)
    try:
        return max(0.0, (parsedate_to_datetime(valor) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _servidor(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # «http://[», say
        return None
