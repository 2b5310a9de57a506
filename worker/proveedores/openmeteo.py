"""Open-Meteo: forecast (now, recent days), archive (since 1940), air quality, geocoding. No key.

Source of every fact: open-meteo.com/en/docs and the server's own code (github.com/open-meteo/open-meteo).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any

from shared.clima import Lugar, Medicion, Periodo, Resolucion
from shared.db import plegar
from shared.settings import Settings
from worker.proveedores.cliente import Lectura, Peticion
from worker.proveedores.http import ErrorProveedor, Http

# Ours → their names, the current one first, then those of bodies before 2024.
ACTUAL = {
    "temperatura": ("temperature_2m", "temperature"),
    "humedad_relativa": ("relative_humidity_2m", "relativehumidity_2m"),
    "presion_atmosferica": ("pressure_msl",),
    "velocidad_viento": ("wind_speed_10m", "windspeed_10m", "windspeed"),
    "direccion_viento": ("wind_direction_10m", "winddirection_10m", "winddirection"),
    "precipitacion": ("precipitation",),
    "visibilidad": ("visibility",),
    "indice_uv": ("uv_index",),
    "codigo_clima": ("weather_code", "weathercode"),
    "calidad_aire": ("us_aqi",),
}
DIARIO = {
    "temperatura": ("temperature_2m_mean",),
    "temperatura_min": ("temperature_2m_min",),
    "temperatura_max": ("temperature_2m_max",),
    "humedad_relativa": ("relative_humidity_2m_mean",),
    "presion_atmosferica": ("pressure_msl_mean",),
    "velocidad_viento": ("wind_speed_10m_mean", "wind_speed_10m_max", "windspeed_10m_max"),
    "direccion_viento": ("wind_direction_10m_dominant", "winddirection_10m_dominant"),
    "precipitacion": ("precipitation_sum",),
    "visibilidad": ("visibility_mean",),
    "indice_uv": ("uv_index_max",),
    "codigo_clima": ("weather_code", "weathercode"),
}
SOLO_PRONOSTICO = ("visibilidad", "indice_uv")  # the archive documents neither
SOLO_AIRE = "calidad_aire"
AIRE_DESDE = date(2013, 1, 1)  # CAMS, Europe; elsewhere later: days before are nulls or a 400
DIAS_RECIENTES = 6  # ERA5 arrives with 5 days of delay
PRONOSTICO_ATRAS = 92  # past_days of /v1/forecast

CONVERSIONES = {
    "m/s": 3.6,
    "kn": 1.852,
    "mp/h": 1.609344,
    "inch": 25.4,
    "ft": 0.3048,
    "km": 1000.0,
    "km/h": 1.0,
}

CODIGOS_WMO = {
    0: "Cielo despejado",
    1: "Mayormente despejado",
    2: "Parcialmente nublado",
    3: "Cubierto",
    45: "Niebla",
    48: "Niebla con escarcha",
    51: "Llovizna ligera",
    53: "Llovizna moderada",
    55: "Llovizna densa",
    56: "Llovizna helada ligera",
    57: "Llovizna helada densa",
    61: "Lluvia ligera",
    63: "Lluvia moderada",
    65: "Lluvia fuerte",
    66: "Lluvia helada ligera",
    67: "Lluvia helada fuerte",
    71: "Nevada ligera",
    73: "Nevada moderada",
    75: "Nevada fuerte",
    77: "Granos de nieve",
    80: "Chubascos ligeros",
    81: "Chubascos moderados",
    82: "Chubascos violentos",
    85: "Chubascos de nieve ligeros",
    86: "Chubascos de nieve fuertes",
    95: "Tormenta",
    96: "Tormenta con granizo ligero",
    99: "Tormenta con granizo fuerte",
}


class OpenMeteo:
    atribucion = "Weather data by Open-Meteo.com (CC BY 4.0)"
    necesita_clave = False

    def __init__(self, settings: Settings) -> None:
        self._pronostico = f"{_raiz(settings.openmeteo_url)}/v1/forecast"
        self._archivo = f"{_raiz(settings.openmeteo_archive_url)}/v1/archive"
        self._aire = f"{_raiz(settings.openmeteo_air_url)}/v1/air-quality"
        self._geocodificacion = f"{_raiz(settings.openmeteo_geocoding_url)}/v1/search"

    def tiempo_real(self, p: Peticion) -> Lectura:
        cuerpo = self._pedir(p, self._pronostico, {"current": _nombres(ACTUAL, p.campos - {SOLO_AIRE})})
        medicion = leer_actual(cuerpo)
        if SOLO_AIRE in p.campos:
            medicion = self._con_aire_actual(p, medicion)
        return Lectura([medicion], altura_m=_numero(cuerpo.get("elevation")))

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
        if SOLO_AIRE in p.campos and periodo.fin >= AIRE_DESDE:
            mediciones = self._con_aire(p, periodo, mediciones)
        return Lectura(mediciones, altura_m=altura)

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

    def _con_aire_actual(self, p: Peticion, medicion: Medicion) -> Medicion:
        """Air quality is a second service: when it fails, only its own field is lost, and extras says so."""
        try:
            aire = leer_actual(self._pedir(p, self._aire, {"current": "us_aqi"}))
        except ErrorProveedor as e:
            return replace(medicion, extras={**medicion.extras, SOLO_AIRE: f"calidad del aire: {e.motivo}"})
        return replace(medicion, calidad_aire=aire.calidad_aire)

    def _con_aire(self, p: Peticion, periodo: Periodo, mediciones: list[Medicion]) -> list[Medicion]:
        """Add the US AQI by day or hour, like _con_aire_actual."""
        inicio = max(periodo.inicio, AIRE_DESDE)
        horas = Periodo(inicio, periodo.fin, Resolucion.HORARIA)
        params = {"hourly": "us_aqi", "start_date": str(horas.inicio), "end_date": str(horas.fin)}
        try:
            aire = leer_serie(self._pedir(p, self._aire, params), Resolucion.HORARIA)
        except ErrorProveedor as e:
            return [replace(m, extras={**m.extras, SOLO_AIRE: f"calidad del aire: {e.motivo}"}) for m in mediciones]
        if periodo.resolucion == Resolucion.HORARIA:
            por_hora = {m.observado_en: m.calidad_aire for m in aire}
            return [replace(m, calidad_aire=por_hora.get(m.observado_en)) for m in mediciones]
        por_dia = _media_por_dia(aire)
        return [replace(m, calidad_aire=por_dia.get(m.fecha)) for m in mediciones]

    def _pedir(self, p: Peticion, url: str, params: dict[str, Any]) -> dict[str, Any]:
        lugar = {"latitude": f"{p.lugar.latitud:.5f}", "longitude": f"{p.lugar.longitud:.5f}"}
        convenios = {"wind_speed_unit": "kmh", "timezone": p.lugar.zona_horaria or "auto"}
        return _objeto(
            p.http.json(url, {**lugar, **params, **convenios}, al_fallar=_con_motivo, costo=costo_de(params))
        )


def costo_de(params: dict[str, Any]) -> int:
    """Calls this one counts for: more than 10 variables or 2 weeks weigh as several (open-meteo.com/en/pricing)."""
    variables = sum(len(str(params[c]).split(",")) for c in ("current", "hourly", "daily") if c in params)
    dias = 1
    if "start_date" in params:
        dias = (date.fromisoformat(params["end_date"]) - date.fromisoformat(params["start_date"])).days + 1
    return ceil(max(1, variables / 10) * max(1, dias / 14))


def leer_actual(cuerpo: dict[str, Any]) -> Medicion:
    """The `current` block. Its precipitation is the sum of `interval` seconds, kept as given with the interval."""
    bloque = cuerpo.get("current")
    unidades = cuerpo.get("current_units") or {}
    if not isinstance(bloque, dict):
        bloque, unidades = cuerpo.get("current_weather"), cuerpo.get("current_weather_units") or {}
    if not isinstance(bloque, dict):
        raise ErrorProveedor("respondió sin datos actuales")
    valores = {ours: _valor(bloque, unidades, theirs) for ours, theirs in ACTUAL.items()}
    intervalo = _numero(bloque.get("interval"))
    extras = {"precipitacion_intervalo_s": int(intervalo)} if intervalo is not None else {}
    return _medicion(valores, _instante(bloque.get("time"), cuerpo), extras=extras)


def leer_serie(cuerpo: dict[str, Any], resolucion: Resolucion) -> list[Medicion]:
    """The `daily` or `hourly` block as one Medicion per local day or per hour; nulls stay None."""
    nombre, tabla = ("daily", DIARIO) if resolucion == Resolucion.DIARIA else ("hourly", ACTUAL)
    bloque = cuerpo.get(nombre)
    if not isinstance(bloque, dict) or not isinstance(bloque.get("time"), list):
        raise ErrorProveedor("respondió sin la serie pedida")
    unidades = cuerpo.get(f"{nombre}_units") or {}
    columnas = {ours: _columna(bloque, unidades, theirs) for ours, theirs in tabla.items()}
    return list(_filas(cuerpo, bloque["time"], columnas))


def ya_pasaron(mediciones: list[Medicion], resolucion: Resolucion, ahora: datetime) -> list[Medicion]:
    """Without the hours to come and the day that is not over: those are forecast, not history."""
    duracion = timedelta(days=1) if resolucion == Resolucion.DIARIA else timedelta(0)
    return [m for m in mediciones if m.observado_en is not None and m.observado_en + duracion <= ahora]


def _filas(cuerpo: dict[str, Any], horas: list[Any], columnas: dict[str, list[float | None]]) -> Iterator[Medicion]:
    for n, hora in enumerate(horas):
        valores = {campo: columna[n] if n < len(columna) else None for campo, columna in columnas.items()}
        instante = _instante(hora, cuerpo)
        fecha = (instante + _desfase(cuerpo)).date() if instante else None
        yield _medicion(valores, instante, fecha=fecha)


def _medicion(
    valores: dict[str, float | None],
    instante: datetime | None,
    fecha: date | None = None,
    extras: dict[str, Any] | None = None,
) -> Medicion:
    codigo = valores.pop("codigo_clima")
    entero = None if codigo is None else int(codigo)
    texto = None if entero is None else CODIGOS_WMO.get(entero)
    campos: dict[str, Any] = {**valores, "codigo_clima": entero, "descripcion_clima": texto}
    return Medicion(**campos, observado_en=instante, fecha=fecha, extras=extras or {})


def _valor(bloque: dict[str, Any], unidades: dict[str, Any], nombres: tuple[str, ...]) -> float | None:
    for nombre in nombres:
        valor = _numero(bloque.get(nombre))
        if valor is not None:
            return _convertir(valor, unidades.get(nombre))
    return None


def _columna(bloque: dict[str, Any], unidades: dict[str, Any], nombres: tuple[str, ...]) -> list[float | None]:
    """The first of these columns that holds any number."""
    for nombre in nombres:
        columna = bloque.get(nombre)
        if isinstance(columna, list) and any(v is not None for v in columna):
            unidad = unidades.get(nombre)
            return [None if (v := _numero(x)) is None else _convertir(v, unidad) for x in columna]
    return []


def _convertir(valor: float, unidad: object) -> float:
    """To our units by the unit the body declares, whatever was asked for."""
    if unidad == "°F":
        return (valor - 32) * 5 / 9
    return valor * CONVERSIONES.get(str(unidad), 1.0)


def _numero(valor: Any) -> float | None:
    """A finite number, or None. True is not 1, and text is not a number."""
    if isinstance(valor, bool) or not isinstance(valor, int | float):
        return None
    return float(valor) if abs(valor) < 1e9 else None


def _instante(valor: Any, cuerpo: dict[str, Any]) -> datetime | None:
    """iso8601 is local without a zone: minus utc_offset_seconds, which holds for the whole range even across a
    change to summer time. unixtime is UTC as it is."""
    if isinstance(valor, int) and not isinstance(valor, bool):
        return datetime.fromtimestamp(valor, UTC)
    try:
        return datetime.fromisoformat(str(valor)).replace(tzinfo=UTC) - _desfase(cuerpo)
    except ValueError:
        return None


def _desfase(cuerpo: dict[str, Any]) -> timedelta:
    return timedelta(seconds=_numero(cuerpo.get("utc_offset_seconds")) or 0)


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


def leer_lugares(cuerpo: dict[str, Any]) -> list[Lugar]:
    """Places found, best first; nothing found comes as 200 without `results`."""
    return [_lugar(fila) for fila in cuerpo.get("results") or []]


def _lugar(fila: dict[str, Any]) -> Lugar:
    return Lugar(
        latitud=fila["latitude"],
        longitud=fila["longitude"],
        nombre=fila.get("name"),
        pais=fila.get("country_code"),
        region=fila.get("admin1"),
        zona_horaria=fila.get("timezone"),
        altura_m=_numero(fila.get("elevation")),
    )


def _raiz(url: str) -> str:
    """Accepts the base with or without the version that the documentation shows in it."""
    return url.removesuffix("/v1")
