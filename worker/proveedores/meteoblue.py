"""Meteoblue packages: the current hour, and the last days. A key of the API goes in the query, optionally signed.

Sources: docs.meteoblue.com/en/weather-apis (packages, parameters, history_days, signing), bodies recorded by clients.
Credits: a free key has 10 000 000 a year; one package costs 8 000 a call (measured by two independent clients on
basic-1h and seeing-1h; not published), so current_basic-1h is taken to cost 16 000. A day's limit can be set per key.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from time import time
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from shared.catalogo import FICHAS
from shared.clima import Medicion, Periodo, Proveedor, Resolucion
from shared.settings import Settings
from worker.proveedores.cliente import Clave, Lectura, Peticion
from worker.proveedores.cuerpos import Cuerpo, objeto
from worker.proveedores.http import ErrorProveedor, Omitida
from worker.proveedores.meteoblue_lectura import leer_actual, leer_altura, leer_serie

AHORA = ("current", "basic-1h")
HISTORIA = {Resolucion.DIARIA: "basic-day", Resolucion.HORARIA: "basic-1h"}
CREDITOS_POR_PAQUETE = 8_000
DIAS_ATRAS = 4  # &history_days={1...4}: docs.meteoblue.com/blog, "forecast packages with up to 4 days historical data"
VIGENCIA_FIRMA_S = 600
MENSAJES = ("error_message", "reason", "error")
DE_CUOTA = ("credit", "quota", "daily", "monthly", "yearly", "budget")
DE_CLAVE = ("api key", "apikey", "api_key", "signature")


class Meteoblue:
    atribucion = "Weather data by meteoblue (www.meteoblue.com)"
    necesita_clave = True
    dias_por_tramo = None
    asienta_dias = 10
    da = FICHAS[Proveedor.METEOBLUE].da

    def __init__(self, settings: Settings) -> None:
        self._raiz = settings.meteoblue_url.removesuffix("/packages")

    def tiempo_real(self, p: Peticion) -> Lectura:
        clave = _clave(p, self.da[None])
        cuerpo = self._pedir(p, clave, "_".join(AHORA), {"forecast_days": 1})
        extras = {"creditos_estimados": len(AHORA) * CREDITOS_POR_PAQUETE}
        medicion = leer_actual(cuerpo)
        return Lectura([replace(medicion, extras=medicion.extras | extras)], altura_m=leer_altura(cuerpo))

    def historico(self, p: Peticion, periodo: Periodo) -> Lectura:
        """The part of the period that history_days reaches, without the hours to come and the unfinished day."""
        clave = _clave(p, self.da[periodo.resolucion])
        hoy = _hoy(p.lugar.zona_horaria)
        inicio = max(periodo.inicio, hoy - timedelta(days=DIAS_ATRAS))
        diaria = periodo.resolucion == Resolucion.DIARIA
        fin = min(periodo.fin, hoy - timedelta(days=int(diaria)))
        if fin < inicio:
            viejo = periodo.fin < inicio
            raise Omitida(f"solo tiene los últimos {DIAS_ATRAS} días" if viejo else "el periodo pedido aún no termina")
        atras = (hoy - inicio).days
        params = {"forecast_days": 1, **({"history_days": atras} if atras else {})}
        cuerpo = self._pedir(p, clave, HISTORIA[periodo.resolucion], params)
        ahora = datetime.now(UTC)
        mediciones = leer_serie(cuerpo, periodo.resolucion)
        dentro = [m for m in mediciones if m.fecha and inicio <= m.fecha <= fin and _paso(m, diaria, ahora)]
        return Lectura(dentro, altura_m=leer_altura(cuerpo))

    def _pedir(self, p: Peticion, clave: Clave, paquetes: str, params: dict[str, Any]) -> dict[str, Any]:
        """iso8601 is asked for because its hours carry their offset and its days are local dates; timestamps do not
        give local midnight, and plain text hides a change to summer time."""
        lugar = {"lat": f"{p.lugar.latitud:.5f}", "lon": f"{p.lugar.longitud:.5f}"}
        if p.lugar.altura_m is not None:
            lugar["asl"] = str(round(p.lugar.altura_m))
        zona = {"tz": p.lugar.zona_horaria} if p.lugar.zona_horaria else {}
        forma = {"format": "json", "timeformat": "iso8601"}
        consulta = _firmada(f"/packages/{paquetes}", {**lugar, "apikey": clave.clave, **forma, **zona, **params}, clave)
        return _objeto(p.http.json(f"{self._raiz}{consulta}", al_fallar=_con_motivo))


def firma(consulta: str, secreto: str) -> str:
    """hex(HMAC-SHA256(secret, "/packages/…?…&expire=<unix>")), of the text before it is percent-encoded.

    docs.meteoblue.com/en/weather-apis/introduction/overview#signing-api-calls, as three independent clients do it.
    """
    return hmac.new(secreto.encode(), consulta.encode(), sha256).hexdigest()


def _paso(m: Medicion, diaria: bool, ahora: datetime) -> bool:
    """Not an hour to come nor a day that is not over: those are forecast. A day without instant goes by its fecha."""
    if m.observado_en is None:
        return diaria
    return m.observado_en + timedelta(days=int(diaria)) <= ahora


def _clave(p: Peticion, campos: frozenset[str]) -> Clave:
    if p.clave is None or not p.clave.clave:
        raise Omitida("falta la clave de Meteoblue")
    if not p.campos & campos:
        raise Omitida("no da ninguno de los parámetros pedidos")
    return p.clave


def _hoy(zona: str | None) -> date:
    return datetime.now(ZoneInfo(zona) if zona else UTC).date()


def _firmada(ruta: str, params: dict[str, Any], clave: Clave) -> str:
    """Path and query; with a secret, also expire and sig. Slashes stay, so that what is signed is what is sent."""
    if clave.secreto:
        params = {**params, "expire": int(time()) + VIGENCIA_FIRMA_S}
    enviada = f"{ruta}?{urlencode(params, quote_via=quote, safe='/')}"
    if not clave.secreto:
        return enviada
    claro = "&".join(f"{nombre}={valor}" for nombre, valor in params.items())
    return f"{enviada}&sig={firma(f'{ruta}?{claro}', clave.secreto)}"


def _objeto(recibido: Any) -> Cuerpo:
    """One place per call is asked for, but a list of one is understood. An error can come with a 200."""
    cuerpo = objeto(recibido)
    if cuerpo.get("error") or cuerpo.get("error_message"):
        raise _con_motivo(ErrorProveedor("rechazó la petición", cuerpo=cuerpo))
    return cuerpo


def _con_motivo(e: ErrorProveedor) -> ErrorProveedor:
    """Their texts are not published: spent credits are told by a word, a bad key or signature by status or word.

    Neither passes by waiting within a consulta. The body is dropped: it may repeat the key.
    """
    cuerpo, e.cuerpo = e.cuerpo if isinstance(e.cuerpo, dict) else {}, None
    texto = " ".join(str(cuerpo.get(nombre)) for nombre in MENSAJES).lower()
    if e.estado == 402 or any(palabra in texto for palabra in DE_CUOTA):
        return ErrorProveedor("límite diario o créditos agotados", estado=e.estado)
    if e.estado in (401, 403) or any(palabra in texto for palabra in DE_CLAVE):
        return ErrorProveedor("rechazó la clave o la firma", estado=e.estado)
    return e
