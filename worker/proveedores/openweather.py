"""OpenWeather: /weather for now, One Call 3.0 for the past, air pollution as an extra. One key in the URL.

Sources: openweathermap.org/current, /api/one-call-3, /history, /api/air-pollution, /api/geocoding-api and /faq, and
recorded bodies. Only day_summary says its units, so readers are told them: `metric` still means m/s; rain is always mm
and visibility m. `appid` in the URL is the only way they document to send the key. What has nothing to say is left out
of a body, or comes as {}.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from shared.catalogo import AIRE, FICHAS, VIENTO
from shared.clima import Medicion, Periodo, Proveedor, Resolucion
from shared.settings import Settings
from worker.proveedores.cliente import Lectura, Peticion
from worker.proveedores.cuerpos import Cuerpo, frontera, objeto
from worker.proveedores.http import MOTIVOS, ErrorProveedor, Omitida
from worker.proveedores.openweather_lectura import leer_actual, leer_aire, leer_resumen, leer_serie

COD = re.compile(r"[1-5][0-9][0-9]")
UNIDADES = "metric"
LLAMADAS = 31  # per historico: a month of days, or a day of hours; One Call gives 1 000 free calls a day to a whole key
DESDE = date(1979, 1, 2)  # first day of day_summary


class OpenWeather:
    atribucion = "Weather data provided by OpenWeather (openweathermap.org)"
    necesita_clave = True
    dias_por_tramo = None
    asienta_dias = 10
    da = FICHAS[Proveedor.OPENWEATHER].da

    def __init__(self, settings: Settings) -> None:
        self._base = settings.openweather_url.removesuffix("/data/2.5")

    def tiempo_real(self, p: Peticion) -> Lectura:
        """temperatura_min and _max are the spread within the city at this moment, not the day's."""
        _exigir(p, self.da[None])
        medicion = leer_actual(self._pedir(p, "/data/2.5/weather", units=UNIDADES, lang="es"), UNIDADES)
        return Lectura([self._con_aire(p, medicion) if AIRE in p.campos else medicion])

    def historico(self, p: Peticion, periodo: Periodo) -> Lectura:
        """One call per day or per hour, at most LLAMADAS; what is not over yet is not asked for."""
        diaria = periodo.resolucion == Resolucion.DIARIA
        _exigir(p, self.da[periodo.resolucion])
        zona = ZoneInfo(p.lugar.zona_horaria) if p.lugar.zona_horaria else UTC
        comienzos = _comienzos(periodo, zona, datetime.now(UTC))
        _exigir_presupuesto(periodo, len(comienzos))
        if diaria:
            return Lectura([self._dia(p, comienzo.astimezone(zona)) for comienzo in comienzos])
        return Lectura(self._horas(p, comienzos, zona))

    def _con_aire(self, p: Peticion, medicion: Medicion) -> Medicion:
        """Air pollution is a second service: when it fails, only its extras are lost, and extras says so."""
        try:
            with frontera("openweather"):
                aire = leer_aire(self._pedir(p, "/data/2.5/air_pollution"))
        except (ErrorProveedor, Omitida) as e:  # Omitida: the budget of calls is spent
            return replace(medicion, extras={**medicion.extras, AIRE: f"calidad del aire: {e.motivo}"})
        return replace(medicion, extras={**medicion.extras, **(aire[0].extras if aire else {})})

    def _dia(self, p: Peticion, medianoche: datetime) -> Medicion:
        params = {"date": str(medianoche.date()), "tz": medianoche.isoformat()[-6:], "units": UNIDADES}  # tz: ±HH:MM
        resumen = self._pedir(p, "/data/3.0/onecall/day_summary", **params)
        return leer_resumen(resumen, UNIDADES, medianoche.tzinfo or UTC)

    def _horas(self, p: Peticion, comienzos: list[datetime], zona: tzinfo) -> list[Medicion]:
        """One instant per call; the 2.5 form of the answer has a whole UTC day, which is then not asked for again."""
        halladas: dict[datetime, Medicion] = {}
        for hora in comienzos:
            if hora not in halladas:
                params = {"dt": int(hora.timestamp()), "units": UNIDADES, "lang": "es"}
                serie = leer_serie(self._pedir(p, "/data/3.0/onecall/timemachine", **params), UNIDADES)
                halladas |= {m.observado_en: m for m in serie if m.observado_en}
        dentro = [h for h in sorted(halladas) if comienzos[0] <= h <= comienzos[-1]]
        return [replace(halladas[h], fecha=h.astimezone(zona).date()) for h in dentro]

    def _pedir(self, p: Peticion, ruta: str, **params: Any) -> dict[str, Any]:
        lugar = {"lat": f"{p.lugar.latitud:.5f}", "lon": f"{p.lugar.longitud:.5f}"}
        return _objeto(p.http.json(self._base + ruta, {**lugar, **params, "appid": _clave(p)}, al_fallar=_con_motivo))


def _comienzos(periodo: Periodo, zona: tzinfo, ahora: datetime) -> list[datetime]:
    """When the days of the period that are over begin, or its hours that have come; UTC."""
    primero = max(periodo.inicio, DESDE)
    dias = [primero + timedelta(days=n) for n in range((periodo.fin - primero).days + 2)]
    noches = [datetime.combine(dia, time(), zona).astimezone(UTC) for dia in dias]
    if periodo.resolucion == Resolucion.DIARIA:
        return [noche for noche, siguiente in pairwise(noches) if siguiente <= ahora]
    horas = (noches[-1] - noches[0]) // timedelta(hours=1) if noches else 0
    return [hora for n in range(horas) if (hora := noches[0] + timedelta(hours=n)) <= ahora]


def _exigir_presupuesto(periodo: Periodo, llamadas: int) -> None:
    if periodo.fin < DESDE:
        raise Omitida(f"no tiene datos anteriores a {DESDE.year}")
    if not llamadas:
        raise Omitida("ese periodo todavía no ha pasado")
    if llamadas > LLAMADAS:
        cada = "día" if periodo.resolucion == Resolucion.DIARIA else "hora"
        raise Omitida(f"ese periodo pide {llamadas} llamadas, una por {cada}, y el máximo por consulta es {LLAMADAS}")


def _exigir(p: Peticion, campos: frozenset[str]) -> None:
    _clave(p)
    if p.campos <= {AIRE}:
        raise Omitida("no da el índice US AQI, solo uno propio de 1 a 5")
    if p.campos <= VIENTO - campos:
        raise Omitida("de un día solo da el viento máximo, no el medio")
    if not p.campos & campos:
        raise Omitida("no da ninguno de los parámetros pedidos")


def _clave(p: Peticion) -> str:
    if p.clave is None:
        raise Omitida("no hay una clave de OpenWeather")
    return p.clave.clave


def _objeto(recibido: Any) -> Cuerpo:
    """`cod` is a number or a string, and 200 where it is there at all; a refusal inside a 200 is one all the same."""
    cuerpo = objeto(recibido)
    cod = str(cuerpo.get("cod", 200))
    if COD.fullmatch(cod) and int(cod) != 200:
        motivo = MOTIVOS.get(int(cod), f"respondió {cod}")
        raise _con_motivo(ErrorProveedor(motivo, estado=int(cod), cuerpo=cuerpo))
    return cuerpo


def _con_motivo(e: ErrorProveedor) -> ErrorProveedor:
    """What their `message` adds to the status. Raises Omitida for a good key that has no One Call subscription."""
    texto = str(e.cuerpo.get("message") or "").lower() if isinstance(e.cuerpo, dict) else ""
    if e.estado == 401 and "one call" in texto:
        raise Omitida("la clave no tiene la suscripción One Call 3.0, que da el pasado")
    if e.estado == 401:
        motivo = "rechazó la clave; una nueva tarda unas horas en servir"
    elif e.estado == 429 and e.espera_s is None:  # a spent minute, day or month, or a blocked account: never seconds
        motivo = "límite de peticiones de la clave alcanzado"
    elif e.estado == 400 and "out of allowed range" in texto:
        motivo = "no tiene datos para esas fechas"
    else:
        return e
    return ErrorProveedor(motivo, estado=e.estado, cuerpo=e.cuerpo)
