"""Meteosource: /point for now, /time_machine (paid plans) for the past, one UTC day per call. Key in a header.

Sources: meteosource.com/documentation; the official clients (github.com/Meteosource/pymeteosource and meteosource_js);
recorded bodies. The plan is part of the path. `current` has no time. `icon` is a name in `current`, where the number is
`icon_num`, and a number elsewhere. A section may be null, and the free plan leaves whole fields out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from shared.catalogo import FICHAS, GRATIS_METEOSOURCE
from shared.clima import Periodo, Proveedor, Resolucion
from shared.settings import Settings
from worker.proveedores.cliente import Lectura, Peticion
from worker.proveedores.cuerpos import INCOMPRENSIBLE
from worker.proveedores.http import ErrorProveedor, Omitida
from worker.proveedores.meteosource_lectura import _altura, leer_actual, leer_serie, medianoche, resumir_dias

PLAN_GRATIS = "free"
LLAMADAS = 32  # per historico: 31 local days touch 32 UTC days, and each is a call that the plan counts
ANOS_ATRAS = 20


class Meteosource:
    atribucion = "Powered by Meteosource (meteosource.com)"
    necesita_clave = True
    dias_por_tramo = None
    asienta_dias = 10
    da = FICHAS[Proveedor.METEOSOURCE].da

    def __init__(self, settings: Settings) -> None:
        self._plan = settings.meteosource_plan
        self._base = f"{settings.meteosource_url.removesuffix('/api/v1')}/api/v1/{self._plan}"

    def tiempo_real(self, p: Peticion) -> Lectura:
        self._exigir(p, GRATIS_METEOSOURCE if self._plan == PLAN_GRATIS else self.da[None])
        cuerpo = self._pedir(p, "point", sections="current", language="es")
        return Lectura([leer_actual(cuerpo)], altura_m=_altura(cuerpo))

    def historico(self, p: Peticion, periodo: Periodo) -> Lectura:
        """By the local days of the place, put together from the hours of the UTC days that they touch."""
        if self._plan == PLAN_GRATIS:
            raise Omitida("el plan gratuito de Meteosource no da datos del pasado")
        self._exigir(p, self.da[periodo.resolucion])
        zona = ZoneInfo(p.lugar.zona_horaria) if p.lugar.zona_horaria else UTC
        desde, hasta = _limites(periodo, zona, datetime.now(UTC))
        cuerpos = [self._pedir(p, "time_machine", date=str(dia)) for dia in _dias_utc(desde, hasta)]
        por_hora = {m.observado_en: m for cuerpo in cuerpos for m in leer_serie(cuerpo) if m.observado_en}
        horas = [replace(por_hora[h], fecha=h.astimezone(zona).date()) for h in sorted(por_hora) if desde <= h < hasta]
        diaria = periodo.resolucion == Resolucion.DIARIA
        return Lectura(list(resumir_dias(horas, zona)) if diaria else horas, altura_m=_altura(cuerpos[0]))

    def _exigir(self, p: Peticion, campos: frozenset[str]) -> None:
        _clave(p)
        if not p.campos & campos:
            raise Omitida(f"el plan {self._plan} de Meteosource no da ninguno de los parámetros pedidos")

    def _pedir(self, p: Peticion, que: str, **params: str) -> dict[str, Any]:
        """timezone=UTC as the official clients do: local times would be ambiguous when summer time ends."""
        lugar = {"lat": _coordenada(p.lugar.latitud, "NS"), "lon": _coordenada(p.lugar.longitud, "EW")}
        pedido = {**lugar, **params, "timezone": "UTC", "units": "metric"}
        return _objeto(p.http.json(f"{self._base}/{que}", pedido, {"X-API-Key": _clave(p)}, al_fallar=_con_motivo))


def _coordenada(grados: float, letras: str) -> str:
    """«4.60971N», «74.08175W»: as the documentation and their answers write them."""
    return f"{abs(grados):.5f}{letras[grados < 0]}"


def _limites(periodo: Periodo, zona: tzinfo, ahora: datetime) -> tuple[datetime, datetime]:
    """From when (included) to when (not) there is a past to ask for: whole days if daily. Raises Omitida."""
    hoy = ahora.astimezone(zona).date()
    primero = hoy - timedelta(days=ANOS_ATRAS * 365)
    if periodo.fin < primero:
        raise Omitida(f"solo tiene los últimos {ANOS_ATRAS} años")
    desde = medianoche(max(periodo.inicio, primero), zona)
    pasado = medianoche(hoy, zona) if periodo.resolucion == Resolucion.DIARIA else ahora
    hasta = min(medianoche(periodo.fin + timedelta(days=1), zona), pasado)
    if hasta <= desde:
        raise Omitida("ese periodo todavía no ha pasado")
    llamadas = len(_dias_utc(desde, hasta))
    if llamadas > LLAMADAS:
        raise Omitida(f"ese periodo pide {llamadas} llamadas, una por día, y el máximo por consulta es {LLAMADAS}")
    return desde, hasta


def _dias_utc(desde: datetime, hasta: datetime) -> list[date]:
    ultimo = (hasta - timedelta(microseconds=1)).date()
    return [desde.date() + timedelta(days=n) for n in range((ultimo - desde.date()).days + 1)]


def _clave(p: Peticion) -> str:
    if p.clave is None:
        raise Omitida("no hay una clave de Meteosource")
    return p.clave.clave


def _objeto(cuerpo: Any) -> dict[str, Any]:
    if not isinstance(cuerpo, dict):
        raise ErrorProveedor(INCOMPRENSIBLE)
    return cuerpo


def _con_motivo(e: ErrorProveedor) -> ErrorProveedor:
    """What their `detail` adds to the status; its texts are not published, so only a few words are looked for.

    A key that is good but whose plan does not reach is not a refused key: that error has no estado.
    """
    detalle = str(e.cuerpo.get("detail") or "").lower() if isinstance(e.cuerpo, dict) else ""
    if "x-api-key" in detalle:
        return ErrorProveedor("no recibió la clave", estado=e.estado, cuerpo=e.cuerpo)
    if e.estado == 402 or (e.estado in (401, 403) and re.search(r"\b(plan|tier|subscription)\b", detalle)):
        estado = 402 if e.estado == 402 else None
        return ErrorProveedor("el plan de la clave no incluye esos datos, o venció", estado=estado, cuerpo=e.cuerpo)
    if e.estado == 429 and (e.espera_s is None or "daily" in detalle):  # a spent day is not back within seconds
        return ErrorProveedor("límite de peticiones del plan alcanzado", estado=e.estado, cuerpo=e.cuerpo)
    return e
