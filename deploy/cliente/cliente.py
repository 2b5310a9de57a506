"""The client: one method for each thing one does with a consulta."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from io import BytesIO
from math import ceil
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, BinaryIO, Self
from uuid import uuid4

import requests
import tenacity

from deploy.cliente.conexion import LECTURA_S, PACIENCIA_S, Conexion, Tokens, retry_after
from deploy.cliente.destino import escribir, formato_de
from deploy.cliente.errores import NoLlega, PlazoVencido, Rechazada
from deploy.cliente.respuestas import Consulta, Sesion, leer_consulta, leer_sesion

URL = "http://127.0.0.1:5000"
SONDEO_S = 20  # of one long poll; under what proxies cut
AUSENCIA_S = 300.0  # how long a server that had answered may be away while we wait for a consulta
BAJADAS = 3  # tries of one download that was cut
TROZO = 65536


class Cliente:
    """Speaks to one server. `with Cliente(url) as clima:` closes its connections.

    token: an access token; with refresh_token it is renewed when it expires. A refresh token is good once: al_refrescar
    is told the new pair (access, refresh), to keep it, and de_otro is asked before for the pair of another process that
    shares the session and has renewed it, if any. al_reintentar: told, in Spanish, why a request is being repeated.
    Every method raises Fallo, of errores.py.
    """

    def __init__(
        self,
        url: str = URL,
        *,
        token: str | None = None,
        refresh_token: str | None = None,
        al_refrescar: Callable[[str, str], None] | None = None,
        al_reintentar: Callable[[str], None] | None = None,
        de_otro: Callable[[], tuple[str, str] | None] = lambda: None,
    ) -> None:
        self._conexion = Conexion(url, Tokens(token, refresh_token), al_refrescar, al_reintentar, de_otro)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None) -> None:
        self.cerrar()

    def cerrar(self) -> None:
        self._conexion.http.close()

    @property
    def url(self) -> str:
        return self._conexion.url

    def entrar(self, usuario: str, password: str) -> Sesion:
        """Log in; what follows is done as this user."""
        credencial = {"username": usuario, "password": password}
        r = self._conexion.pedir("POST", "/api/auth/login", json=credencial, con_sesion=False)
        try:
            sesion = leer_sesion(self._conexion.json(r))
        except (KeyError, TypeError) as e:
            raise self._conexion.no_es_la_api() from e
        self._conexion.tokens = Tokens(sesion.access_token, sesion.refresh_token)
        return sesion

    def salir(self) -> None:
        """Log out: all tokens of the session stop working on the server."""
        self._conexion.pedir("POST", "/api/auth/logout")
        self._conexion.tokens = Tokens()

    def tiempo_real(self, ciudad: str | None = None, *, clave: str | None = None, **pedido: Any) -> Consulta:
        """Ask for the weather of now. pedido: latitud and longitud, parametros, proveedores, formato, max_edad_s.

        clave: the Idempotency-Key; the same one with the same words is the same consulta, however often it is sent.
        """
        return self._crear("tiempo-real", clave, ciudad=ciudad, **pedido)

    def historico(
        self,
        ciudad: str | None = None,
        *,
        desde: date | str,
        hasta: date | str,
        clave: str | None = None,
        **pedido: Any,
    ) -> Consulta:
        """Ask for past days, both included; pedido as in tiempo_real, and resolucion (diaria or horaria)."""
        return self._crear("historico", clave, ciudad=ciudad, fecha_inicio=str(desde), fecha_fin=str(hasta), **pedido)

    def leer(self, consulta_id: int) -> Consulta:
        return self._consulta(self._conexion.pedir("GET", _ruta(consulta_id)))

    def seguir(self, consulta_id: int, *, plazo_s: float | None = None) -> Iterator[Consulta]:
        """The consulta now, and again each time it changes, until it ends; raises PlazoVencido.

        Survives restarts of the server and cuts of up to AUSENCIA_S.
        """
        hasta = None if plazo_s is None else monotonic() + plazo_s
        conocida: str | None = None
        while True:
            empezo = monotonic()
            respuesta = self._mirar(consulta_id, conocida, hasta)
            if respuesta.status_code != 304:
                consulta = self._consulta(respuesta)
                yield consulta
                if consulta.terminada:
                    return
                conocida = respuesta.headers.get("ETag")
            if conocida is None or (respuesta.status_code == 304 and monotonic() - empezo < 1):
                _dormir(
                    min(retry_after(respuesta) or 1.0, SONDEO_S), hasta
                )  # what stands between does not let us wait there

    def esperar(
        self, consulta_id: int, *, plazo_s: float | None = None, al_cambiar: Callable[[Consulta], None] | None = None
    ) -> Consulta:
        """The consulta once it is completada or in error; as seguir."""
        for consulta in self.seguir(consulta_id, plazo_s=plazo_s):
            if al_cambiar:
                al_cambiar(consulta)
        return consulta

    def descargar(self, consulta_id: int, destino: str | Path | BinaryIO, formato: str | None = None) -> int:
        """The answer as a file; its size in bytes.

        formato: json, csv, txt or yaml; None: what the name of the file says, or else what the consulta was asked in.
        A path holds the whole of it or what it held before. OSError: it could not be written.
        """
        if isinstance(destino, str | Path):
            with escribir(Path(destino)) as fichero:
                return self._bajar(consulta_id, fichero, formato or formato_de(Path(destino)), propio=True)
        return self._bajar(consulta_id, destino, formato, propio=False)

    def serie(self, consulta_id: int) -> list[dict[str, Any]]:
        """The rows of a historico, one per day or hour; empty for tiempo_real."""
        fichero = BytesIO()
        self._bajar(consulta_id, fichero, "json", propio=True)
        filas: list[dict[str, Any]] = json.loads(fichero.getvalue())["datos_clima"].get("serie", [])
        return filas

    def cancelar(self, consulta_id: int) -> Consulta:
        return self._consulta(self._conexion.pedir("POST", f"{_ruta(consulta_id)}/cancelar"))

    def reintentar(self, consulta_id: int) -> Consulta:
        """Ask again only what failed, of one in error or completed in part; one that is under way is left to it."""
        try:
            return self._consulta(self._conexion.pedir("POST", f"{_ruta(consulta_id)}/reintentar"))
        except Rechazada as e:
            consulta = self.leer(consulta_id) if e.estado == 409 else None
            if consulta is None or consulta.terminada:
                raise
            return consulta  # also when it was this very request, whose first answer was lost

    def _crear(self, tipo: str, clave: str | None, **pedido: Any) -> Consulta:
        cuerpo = {campo: valor for campo, valor in pedido.items() if valor is not None}
        cabeceras = {"Idempotency-Key": clave or uuid4().hex}  # the same in each try: a lost answer makes no second one
        return self._consulta(self._conexion.pedir("POST", f"/api/consultas/{tipo}", json=cuerpo, headers=cabeceras))

    def _mirar(self, consulta_id: int, conocida: str | None, hasta: float | None) -> requests.Response:
        """At once if nothing is known of it yet; else as soon as it is not `conocida`, or after SONDEO_S (304)."""
        queda = SONDEO_S if hasta is None else hasta - monotonic()
        if queda <= 0:
            raise PlazoVencido("El plazo venció.")
        espera = min(SONDEO_S, ceil(queda)) if conocida else 0
        return self._conexion.pedir(
            "GET",
            _ruta(consulta_id),
            params={"esperar": espera} if espera else None,
            headers={"If-None-Match": conocida} if conocida else None,
            lectura_s=LECTURA_S if hasta is None else min(LECTURA_S, queda + 1),
            paciencia_s=AUSENCIA_S if self._conexion.oida else PACIENCIA_S,
            hasta=hasta,
        )

    def _bajar(self, consulta_id: int, fichero: BinaryIO, formato: str | None, *, propio: bool) -> int:
        """propio: the file is ours, and is begun again after a cut; what went to a pipe cannot be taken back."""
        escritos = 0

        def intento() -> None:
            nonlocal escritos
            if escritos:
                fichero.seek(0)
                fichero.truncate()
                escritos = 0
            parametros = {"formato": formato} if formato else None
            ruta = f"{_ruta(consulta_id)}/descargar"
            with self._conexion.pedir("GET", ruta, params=parametros, stream=True) as respuesta:
                trozos = respuesta.iter_content(TROZO)
                while trozo := self._siguiente(trozos):
                    fichero.write(trozo)
                    escritos += len(trozo)

        def otra_vez(e: BaseException) -> bool:
            return isinstance(e, NoLlega) and e.pasajero and (propio or not escritos)

        tenacity.Retrying(
            retry=tenacity.retry_if_exception(otra_vez),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=8),
            stop=tenacity.stop_after_attempt(BAJADAS),
            reraise=True,
        )(intento)
        return escritos

    def _siguiente(self, trozos: Iterator[bytes]) -> bytes:
        """The next piece; empty at the end. Only what the network did is translated, not what the disk does."""
        try:
            return next(trozos, b"")
        except requests.RequestException as e:
            raise self._conexion.cortada(e) from None

    def _consulta(self, respuesta: requests.Response) -> Consulta:
        repetida = respuesta.headers.get("Idempotency-Replayed") == "true"
        try:
            return leer_consulta(self._conexion.json(respuesta), repetida=repetida)
        except (KeyError, TypeError, ValueError) as e:
            raise self._conexion.no_es_la_api() from e


def _ruta(consulta_id: int) -> str:
    return f"/api/consultas/{int(consulta_id)}"


def _dormir(segundos: float, hasta: float | None) -> None:
    sleep(segundos if hasta is None else max(0.0, min(segundos, hasta - monotonic())))
