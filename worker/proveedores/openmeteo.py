"""Open-Meteo: forecast (now, recent days), archive (since 1940), air quality, geocoding. No key.

Source of every fact: open-meteo.com/en/docs and the server's own code (github.com/open-meteo/open-meteo).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from shared.catalogo import AIRE, FICHAS
from shared.clima import Lugar, Medicion, Periodo, Proveedor, Resolucion
from shared.costos import peso
from shared.db import plegar
from shared.posible import fuera, posible
from shared.settings import Settings
from worker.proveedores.cliente import Lectura, Perdidos, Peticion, perder
from worker.proveedores.cuerpos import Cuerpo, frontera, numero, objeto, texto
from worker.proveedores.http import ErrorProveedor, Http, Omitida
from worker.proveedores.openmeteo_lectura import ACTUAL, DIARIO, leer_actual, leer_lugares, leer_serie

AIRE_DESDE = date(2013, 1, 1)  # CAMS, Europe; elsewhere later: days before are nulls or a 400
ARCHIVO_DESDE = date(1940, 1, 1)
DIAS_RECIENTES = 6  # ERA5 arrives with 5 days of delay
SOLO_PRONOSTICO = frozenset({"visibilidad", "indice_uv"})  # the archive documents neither


class OpenMeteo:
    atribucion = "Weather data by Open-Meteo.com (CC BY 4.0)"
    necesita_clave = False
    dias_por_tramo = 366
    asienta_dias = 10  # ERA5 arrives 5 days late and replaces what stood in for it
    da = FICHAS[Proveedor.OPENMETEO].da

    def __init__(self, settings: Settings) -> None:
        self._pronostico = f"{_raiz(settings.openmeteo_url)}/v1/forecast"
        self._archivo = f"{_raiz(settings.openmeteo_archive_url)}/v1/archive"
        self._aire = f"{_raiz(settings.openmeteo_air_url)}/v1/air-quality"
        self._geocodificacion = f"{_raiz(settings.openmeteo_geocoding_url)}/v1/search"

    def tiempo_real(self, p: Peticion) -> Lectura:
        _exigir(p, self.da[None])
        if not p.campos & self.da[None] - {AIRE}:
            cuerpo = self._pedir(p, self._aire, {"current": "us_aqi"})
            return Lectura([leer_actual(cuerpo)], altura_m=numero(cuerpo.get("elevation")))
        cuerpo = self._pedir(p, self._pronostico, {"current": _nombres(ACTUAL, p.campos - {AIRE}), **_cuartos(p)})
        perdidos: Perdidos = {}
        medicion = leer_actual(cuerpo)
        if AIRE in p.campos:
            medicion, perdidos = self._con_aire_actual(p, medicion)
        return Lectura([medicion], altura_m=numero(cuerpo.get("elevation")), perdidos=perdidos)

    def historico(self, p: Peticion, periodo: Periodo) -> Lectura:
        """The archive, for the days it does not have yet the forecast's past days, and air quality beside them.

        A service that has nothing of what is wanted is not asked, and days of which none has anything get no row.
        """
        _exigir(p, self.da[periodo.resolucion])
        partes = list(self._partes(p, periodo))
        con_aire = AIRE in p.campos and periodo.fin >= AIRE_DESDE
        if not partes and not con_aire:
            raise Omitida(f"no tiene {_lista(p.campos & self.da[periodo.resolucion])} de esos días")
        mediciones: list[Medicion] = []
        altura = None
        for url, campos, suyo in partes:
            cuerpo = self._pedir(p, url, _rango(suyo, campos, _zona(p.lugar), ARCHIVO_DESDE))
            mediciones += en_sus_dias(leer_serie(cuerpo, suyo.resolucion), suyo, _zona(p.lugar))
            altura = numero(cuerpo.get("elevation"))
        perdidos: Perdidos = {}
        if con_aire:
            mediciones, perdidos = self._con_aire(p, periodo, mediciones)
        mediciones = ya_pasaron(mediciones, periodo.resolucion, datetime.now(UTC))
        sin_aire = any(AIRE in m.extras for m in mediciones)
        return Lectura(mediciones, altura_m=altura, incompleta=sin_aire, perdidos=perdidos)

    def _partes(self, p: Peticion, periodo: Periodo) -> Iterator[tuple[str, frozenset[str], Periodo]]:
        """Whom to ask for the weather: (URL, fields, days)."""
        limite = datetime.now(UTC).date() - timedelta(days=DIAS_RECIENTES)
        campos = p.campos & self.da[periodo.resolucion] - {AIRE}
        if periodo.inicio <= limite and campos - SOLO_PRONOSTICO:
            viejo = replace(periodo, fin=min(periodo.fin, limite))
            yield self._archivo, campos - SOLO_PRONOSTICO, viejo
        if periodo.fin > limite and campos:
            nuevo = replace(periodo, inicio=max(periodo.inicio, limite + timedelta(days=1)))
            yield self._pronostico, campos, nuevo

    def resolver(self, http: Http, ciudad: str) -> Lugar | None:
        """The place with exactly this name («Nombre» or «Nombre, CO»); their fuzzy matches are not taken."""
        nombre, _, pais = (parte.strip() for parte in ciudad.partition(","))
        params = {"name": nombre, "count": 10, "language": "es", "format": "json"}
        cuerpo = _objeto(http.json(self._geocodificacion, params, al_fallar=_con_motivo))
        for lugar in leer_lugares(cuerpo):
            mismo_pais = not pais or plegar(pais) in (plegar(lugar.pais or ""), plegar(lugar.region or ""))
            if plegar(lugar.nombre or "") == plegar(nombre) and mismo_pais:
                return lugar
        return None

    def _con_aire_actual(self, p: Peticion, medicion: Medicion) -> tuple[Medicion, Perdidos]:
        """Air quality is a second service: when it fails, only its own field is lost, and extras says so."""
        try:
            with frontera("openmeteo"):
                aire = leer_actual(self._pedir(p, self._aire, {"current": "us_aqi"}))
        except (ErrorProveedor, Omitida) as e:
            aviso = {AIRE: f"calidad del aire: {e.motivo}"}
            return replace(medicion, extras={**medicion.extras, **aviso}), perder(AIRE, e)
        return replace(medicion, calidad_aire=aire.calidad_aire), {}

    def _con_aire(self, p: Peticion, periodo: Periodo, mediciones: list[Medicion]) -> tuple[list[Medicion], Perdidos]:
        """Add the US AQI by day or hour, like _con_aire_actual; where nothing else was asked it is alone."""
        zona = _zona(p.lugar)
        horas = Periodo(max(periodo.inicio, AIRE_DESDE), periodo.fin, Resolucion.HORARIA)
        try:
            with frontera("openmeteo"):
                cuerpo = self._pedir(p, self._aire, _rango(horas, frozenset({AIRE}), zona, AIRE_DESDE))
                aire = en_sus_dias(leer_serie(cuerpo, Resolucion.HORARIA), horas, zona)
        except (ErrorProveedor, Omitida) as e:
            if not mediciones:
                raise
            aviso = {AIRE: f"calidad del aire: {e.motivo}"}
            return [replace(m, extras={**m.extras, **aviso}) for m in mediciones], perder(AIRE, e)
        if periodo.resolucion == Resolucion.DIARIA:
            return _juntas(mediciones, por_dias(aire, zona), lambda m: m.fecha), {}
        return _juntas(mediciones, aire, lambda m: m.observado_en), {}

    def _pedir(self, p: Peticion, url: str, params: dict[str, Any]) -> dict[str, Any]:
        lugar = {"latitude": f"{p.lugar.latitud:.5f}", "longitude": f"{p.lugar.longitud:.5f}"}
        convenios = {"wind_speed_unit": "kmh", "timezone": p.lugar.zona_horaria or "auto"}
        return _objeto(
            p.http.json(url, {**lugar, **convenios, **params}, al_fallar=_con_motivo, costo=costo_de(params))
        )


def _exigir(p: Peticion, campos: frozenset[str]) -> None:
    if not p.campos & campos:
        raise Omitida("no da ninguno de los parámetros pedidos")


def costo_de(params: dict[str, Any]) -> int:
    """Calls this one counts for (shared/costos.py)."""
    variables = sum(
        len(str(params[c]).split(",")) for c in ("current", "minutely_15", "hourly", "daily") if c in params
    )
    dias = 1
    if "start_date" in params:
        dias = (date.fromisoformat(params["end_date"]) - date.fromisoformat(params["start_date"])).days + 1
    return peso(variables, dias)


def ya_pasaron(mediciones: list[Medicion], resolucion: Resolucion, ahora: datetime) -> list[Medicion]:
    """Without the hours to come and the day that is not over: those are forecast, not history."""
    duracion = timedelta(days=1) if resolucion == Resolucion.DIARIA else timedelta(0)
    return [m for m in mediciones if m.observado_en is not None and m.observado_en + duracion <= ahora]


def en_sus_dias(mediciones: list[Medicion], periodo: Periodo, zona: tzinfo) -> list[Medicion]:
    """Those of the period, each with its day. Days are as the server told them; an hour's is by the place's clock,
    because an offset of the server's holds for a whole answer, even across a change to summer time."""
    if periodo.resolucion == Resolucion.HORARIA:
        con_hora = ((m, m.observado_en) for m in mediciones if m.observado_en)
        mediciones = [replace(m, fecha=hora.astimezone(zona).date()) for m, hora in con_hora]
    return [m for m in mediciones if m.fecha and periodo.inicio <= m.fecha <= periodo.fin]


def por_dias(aire: list[Medicion], zona: tzinfo) -> list[Medicion]:
    """The mean US AQI of each day's hours that can be, imposibles saying which cannot; None for a day that has none."""
    dias: dict[date, list[float]] = {}
    for m in aire:
        if m.fecha is not None:
            dias.setdefault(m.fecha, []).extend([] if m.calidad_aire is None else [m.calidad_aire])
    return [_un_dia(dia, horas, zona) for dia, horas in dias.items()]


def _un_dia(dia: date, horas: list[float], zona: tzinfo) -> Medicion:
    buenas = [v for v in horas if posible(AIRE, v) is not None]
    malas = [v for v in horas if posible(AIRE, v) is None]
    return Medicion(
        calidad_aire=sum(buenas) / len(buenas) if buenas else None,
        fecha=dia,
        observado_en=datetime.combine(dia, time(), zona).astimezone(UTC),
        imposibles={AIRE: fuera(AIRE, malas)} if malas else {},
    )


def _juntas(
    mediciones: list[Medicion], aire: list[Medicion], clave: Callable[[Medicion], date | None]
) -> list[Medicion]:
    """In order of time, each day or hour once, with the weather and the air that there is of it."""
    por_clave = {clave(m): m for m in aire}
    for m in mediciones:
        suyo = por_clave.get(clave(m))
        if suyo is not None:
            m = replace(m, calidad_aire=suyo.calidad_aire, imposibles=m.imposibles | suyo.imposibles)  # noqa: PLW2901
        por_clave[clave(m)] = m
    return [por_clave[c] for c in sorted(c for c in por_clave if c is not None)]


def _cuartos(p: Peticion) -> dict[str, Any]:
    """The rain of the last hour by quarters, for `current` has only that of one. Three before and this one would do,
    but where clocks stand at half hours the server counts from up to three quarters off (ForecastapiQuery.swift)."""
    if "precipitacion" not in p.campos:
        return {}
    return {"minutely_15": "precipitation", "past_minutely_15": 6, "forecast_minutely_15": 4}


def _nombres(tabla: dict[str, tuple[str, ...]], campos: frozenset[str]) -> str:
    pedidos = {"codigo_clima" if c == "descripcion_clima" else c for c in campos}
    return ",".join(nombres[0] for ours, nombres in tabla.items() if ours in pedidos)


def _rango(periodo: Periodo, campos: frozenset[str], zona: tzinfo, desde: date) -> dict[str, str]:
    """The variables and days to ask for. Hours are asked in UTC, from `desde` at the earliest: of a zone with half
    hours the server reads others than it shows, and its local days are off by one hour in half of the year."""
    if periodo.resolucion == Resolucion.DIARIA:
        return {"daily": _nombres(DIARIO, campos), "start_date": str(periodo.inicio), "end_date": str(periodo.fin)}
    inicio = datetime.combine(periodo.inicio, time(), zona).astimezone(UTC).date()
    fin = datetime.combine(periodo.fin + timedelta(days=1), time(), zona).astimezone(UTC) - timedelta(seconds=1)
    dias = {"start_date": str(max(inicio, desde)), "end_date": str(fin.date())}
    return {"hourly": _nombres(ACTUAL, campos), **dias, "timezone": "GMT"}


def _zona(lugar: Lugar) -> tzinfo:
    return ZoneInfo(lugar.zona_horaria) if lugar.zona_horaria else UTC


def _lista(campos: frozenset[str]) -> str:
    nombres = {"visibilidad": "visibilidad", "indice_uv": "índice UV", AIRE: "calidad del aire"}
    return " ni ".join(nombre for campo, nombre in nombres.items() if campo in campos)


def _objeto(recibido: Any) -> Cuerpo:
    """One place per call is asked for."""
    cuerpo = objeto(recibido)
    if cuerpo.get("error"):
        raise ErrorProveedor(f"rechazó la petición: {(texto(cuerpo.get('reason')) or 'sin decir por qué')[:120]}")
    return cuerpo


def _con_motivo(e: ErrorProveedor) -> ErrorProveedor:
    """Their `reason` tells a spent day from a spent minute: only the minute is worth waiting for."""
    razon = e.cuerpo.get("reason") if isinstance(e.cuerpo, dict) else None
    if e.estado != 429 or not isinstance(razon, str):
        return e
    largo = razon.startswith(("Daily", "Hourly"))
    motivo = "límite diario u horario alcanzado" if largo else e.motivo
    return ErrorProveedor(motivo, reintentable=not largo, espera_s=e.espera_s, estado=e.estado, cuerpo=e.cuerpo)


def _raiz(url: str) -> str:
    """Accepts the base with or without the version that the documentation shows in it."""
    return url.removesuffix("/v1")
