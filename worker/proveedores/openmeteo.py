"""Open-Meteo: forecast (now, recent days), archive (since 1940), air quality, geocoding. No key.

Source of every fact: open-meteo.com/en/docs and the server's own code (github.com/open-meteo/open-meteo).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from shared.clima import Lugar, Medicion, Periodo, Resolucion
from shared.costos import peso
from shared.db import plegar
from shared.settings import Settings
from worker.proveedores.cliente import Lectura, Perdidos, Peticion, perder
from worker.proveedores.http import ErrorProveedor, Http, Omitida
from worker.proveedores.openmeteo_lectura import ACTUAL, DIARIO, _numero, leer_actual, leer_lugares, leer_serie

SOLO_PRONOSTICO = ("visibilidad", "indice_uv")  # the archive documents neither
SOLO_AIRE = "calidad_aire"
AIRE_DESDE = date(2013, 1, 1)  # CAMS, Europe; elsewhere later: days before are nulls or a 400
DIAS_RECIENTES = 6  # ERA5 arrives with 5 days of delay


class OpenMeteo:
    atribucion = "Weather data by Open-Meteo.com (CC BY 4.0)"
    necesita_clave = False
    dias_por_tramo = 366
    asienta_dias = 10  # ERA5 arrives 5 days late and replaces what stood in for it

    def __init__(self, settings: Settings) -> None:
        self._pronostico = f"{_raiz(settings.openmeteo_url)}/v1/forecast"
        self._archivo = f"{_raiz(settings.openmeteo_archive_url)}/v1/archive"
        self._aire = f"{_raiz(settings.openmeteo_air_url)}/v1/air-quality"
        self._geocodificacion = f"{_raiz(settings.openmeteo_geocoding_url)}/v1/search"

    def tiempo_real(self, p: Peticion) -> Lectura:
        cuerpo = self._pedir(p, self._pronostico, {"current": _nombres(ACTUAL, p.campos - {SOLO_AIRE})})
        perdidos: Perdidos = {}
        medicion = leer_actual(cuerpo)
        if SOLO_AIRE in p.campos:
            medicion, perdidos = self._con_aire_actual(p, medicion)
        return Lectura([medicion], altura_m=_numero(cuerpo.get("elevation")), perdidos=perdidos)

    def historico(self, p: Peticion, periodo: Periodo) -> Lectura:
        """The archive, and for the days it does not have yet the forecast's past days."""
        frontera = datetime.now(UTC).date() - timedelta(days=DIAS_RECIENTES)
        mediciones: list[Medicion] = []
        altura = None
        if periodo.inicio <= frontera:
            viejo = Periodo(periodo.inicio, min(periodo.fin, frontera), periodo.resolucion)
            cuerpo = self._pedir(p, self._archivo, _rango(viejo, p.campos - {SOLO_AIRE, *SOLO_PRONOSTICO}))
            mediciones += leer_serie(cuerpo, periodo.resolucion)
            altura = _numero(cuerpo.get("elevation"))
        if periodo.fin > frontera:
            nuevo = Periodo(max(periodo.inicio, frontera + timedelta(days=1)), periodo.fin, periodo.resolucion)
            cuerpo = self._pedir(p, self._pronostico, _rango(nuevo, p.campos - {SOLO_AIRE}))
            mediciones += leer_serie(cuerpo, periodo.resolucion)
            altura = _numero(cuerpo.get("elevation"))
        mediciones = ya_pasaron(mediciones, periodo.resolucion, datetime.now(UTC))
        perdidos: Perdidos = {}
        if SOLO_AIRE in p.campos and periodo.fin >= AIRE_DESDE:
            mediciones, perdidos = self._con_aire(p, periodo, mediciones)
        sin_aire = any(SOLO_AIRE in m.extras for m in mediciones)
        return Lectura(mediciones, altura_m=altura, incompleta=sin_aire, perdidos=perdidos)

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
            aire = leer_actual(self._pedir(p, self._aire, {"current": "us_aqi"}))
        except (ErrorProveedor, Omitida) as e:
            aviso = {SOLO_AIRE: f"calidad del aire: {e.motivo}"}
            return replace(medicion, extras={**medicion.extras, **aviso}), perder(SOLO_AIRE, e)
        return replace(medicion, calidad_aire=aire.calidad_aire), {}

    def _con_aire(self, p: Peticion, periodo: Periodo, mediciones: list[Medicion]) -> tuple[list[Medicion], Perdidos]:
        """Add the US AQI by day or hour, like _con_aire_actual."""
        inicio = max(periodo.inicio, AIRE_DESDE)
        horas = Periodo(inicio, periodo.fin, Resolucion.HORARIA)
        params = {"hourly": "us_aqi", "start_date": str(horas.inicio), "end_date": str(horas.fin)}
        try:
            aire = leer_serie(self._pedir(p, self._aire, params), Resolucion.HORARIA)
        except (ErrorProveedor, Omitida) as e:
            aviso = {SOLO_AIRE: f"calidad del aire: {e.motivo}"}
            return [replace(m, extras={**m.extras, **aviso}) for m in mediciones], perder(SOLO_AIRE, e)
        if periodo.resolucion == Resolucion.HORARIA:
            por_hora = {m.observado_en: m.calidad_aire for m in aire}
            return [replace(m, calidad_aire=por_hora.get(m.observado_en)) for m in mediciones], {}
        por_dia = _media_por_dia(aire)
        return [replace(m, calidad_aire=por_dia.get(m.fecha)) for m in mediciones], {}

    def _pedir(self, p: Peticion, url: str, params: dict[str, Any]) -> dict[str, Any]:
        lugar = {"latitude": f"{p.lugar.latitud:.5f}", "longitude": f"{p.lugar.longitud:.5f}"}
        convenios = {"wind_speed_unit": "kmh", "timezone": p.lugar.zona_horaria or "auto"}
        return _objeto(
            p.http.json(url, {**lugar, **params, **convenios}, al_fallar=_con_motivo, costo=costo_de(params))
        )


def costo_de(params: dict[str, Any]) -> int:
    """Calls this one counts for (shared/costos.py)."""
    variables = sum(len(str(params[c]).split(",")) for c in ("current", "hourly", "daily") if c in params)
    dias = 1
    if "start_date" in params:
        dias = (date.fromisoformat(params["end_date"]) - date.fromisoformat(params["start_date"])).days + 1
    return peso(variables, dias)


def ya_pasaron(mediciones: list[Medicion], resolucion: Resolucion, ahora: datetime) -> list[Medicion]:
    """Without the hours to come and the day that is not over: those are forecast, not history."""
    duracion = timedelta(days=1) if resolucion == Resolucion.DIARIA else timedelta(0)
    return [m for m in mediciones if m.observado_en is not None and m.observado_en + duracion <= ahora]


def _media_por_dia(aire: list[Medicion]) -> dict[date | None, float]:
    dias: dict[date | None, list[float]] = {}
    for m in aire:
        if m.calidad_aire is not None:
            dias.setdefault(m.fecha, []).append(m.calidad_aire)
    return {dia: sum(v) / len(v) for dia, v in dias.items()}


def _nombres(tabla: dict[str, tuple[str, ...]], campos: frozenset[str]) -> str:
    pedidos = {"codigo_clima" if c == "descripcion_clima" else c for c in campos}
    return ",".join(nombres[0] for ours, nombres in tabla.items() if ours in pedidos) or "temperature_2m"


def _rango(periodo: Periodo, campos: frozenset[str]) -> dict[str, str]:
    diaria = periodo.resolucion == Resolucion.DIARIA
    variables = {"daily": _nombres(DIARIO, campos)} if diaria else {"hourly": _nombres(ACTUAL, campos)}
    return {**variables, "start_date": str(periodo.inicio), "end_date": str(periodo.fin)}


def _objeto(cuerpo: Any) -> dict[str, Any]:
    """One place per call is asked for, but a list of one is understood."""
    if isinstance(cuerpo, list) and cuerpo:
        cuerpo = cuerpo[0]
    if not isinstance(cuerpo, dict):
        raise ErrorProveedor("respondió algo que no se entiende")
    if cuerpo.get("error"):
        raise ErrorProveedor(f"rechazó la petición: {str(cuerpo.get('reason'))[:120]}")
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
