"""What a consulta will cost in calls, provider by provider, before anybody is asked: pure functions over what it asks.

Counted as the call budgets of shared/limites.py count: Open-Meteo weighs a call by variables and days, the others by
the call. It is the most that may be spent, for what is known already is not asked again. IDEAM and SIATA have no budget
and are not here. tests/worker/test_costos.py holds these figures against what the clients really spend.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, time, timedelta
from math import ceil, inf
from zoneinfo import ZoneInfo

from shared.catalogo import AIRE, FICHAS
from shared.clima import Lugar, Pedido, Periodo, Proveedor, Resolucion, campos_de

HORAS_MAXIMAS_DIAS = 61  # of a piece by hours: 1 464 rows per provider
VENTANA_DIAS = {Resolucion.DIARIA: 366, Resolucion.HORARIA: HORAS_MAXIMAS_DIAS}  # asked, combined and stored together
SOLO_PRONOSTICO = {"visibilidad", "indice_uv"}  # not in Open-Meteo's archive
AIRE_DESDE = date(2013, 1, 1)
DIAS_RECIENTES = 6  # that the archive does not have yet
OPENWEATHER_DESDE = date(1979, 1, 2)
METEOBLUE_ATRAS = 4
METEOSOURCE_ANOS = 20
PLAN_GRATIS = "free"
# Those that pay a call for each day (or hour) of the past. For lack of which fields of a day they are asked: not of
# visibility and UV, which no archive has, or the whole period would always lack. How many calls one consulta may spend
# as if they were nothing; and how many a whole day has, less what is left to others.
SUPLEN = {
    p: {r: FICHAS[p].da[r] - {"visibilidad", "indice_uv"} for r in Resolucion}
    for p in (Proveedor.OPENWEATHER, Proveedor.METEOSOURCE)
}
SIN_MIRAR = {Proveedor.OPENWEATHER: 31, Proveedor.METEOSOURCE: 32}
DE_UN_DIA = {Proveedor.OPENWEATHER: 800, Proveedor.METEOSOURCE: 320}
DIAS_POR_PIEZA = {  # so that a piece stays within SIN_MIRAR
    Proveedor.OPENWEATHER: {Resolucion.DIARIA: 31, Resolucion.HORARIA: 1},
    Proveedor.METEOSOURCE: dict.fromkeys(Resolucion, 31),
}


def peso(variables: int, dias: int) -> int:
    """Of one call to Open-Meteo: more than 10 variables or 2 weeks weigh as several (open-meteo.com/en/pricing)."""
    return ceil(max(1, variables / 10) * max(1, dias / 14))


def costo(pedido: Pedido, pueden: Collection[str], *, plan_meteosource: str = PLAN_GRATIS) -> dict[str, int]:
    """Calls by provider, of those that can be asked (pueden). A place not known yet is looked up at Open-Meteo.

    Whoever is asked only for what others lack (es_suplente) is left out: it may well cost nothing.
    """
    campos = frozenset(campos_de(pedido.parametros))
    total: dict[str, int] = {}
    for proveedor in pueden if pedido.proveedores is None else [p for p in pedido.proveedores if p in pueden]:
        llamadas = costo_de(proveedor, campos, pedido.periodo, pedido.lugar, plan_meteosource=plan_meteosource)
        if llamadas and not es_suplente(proveedor, llamadas):
            total[str(proveedor)] = llamadas
    if pedido.lugar is None:
        total["openmeteo"] = total.get("openmeteo", 0) + 1
    return total


def costo_de(
    proveedor: str,
    campos: frozenset[str],
    periodo: Periodo | None,
    lugar: Lugar | None,
    *,
    plan_meteosource: str = PLAN_GRATIS,
    ahora: datetime | None = None,
) -> int:
    """Calls that this provider counts for now (periodo None) or for days of the past; 0: none, or nobody counts."""
    ahora = ahora or datetime.now(UTC)
    zona = ZoneInfo(lugar.zona_horaria) if lugar and lugar.zona_horaria else ZoneInfo("UTC")
    if proveedor == Proveedor.METEOSOURCE and periodo and plan_meteosource == PLAN_GRATIS:
        return 0
    if periodo is None:
        return _AHORA[proveedor](campos) if proveedor in _AHORA else 0
    return _PASADO[proveedor](campos, periodo, zona, ahora) if proveedor in _PASADO else 0


def es_suplente(proveedor: str, llamadas: int) -> bool:
    """Would it take so many calls that it is asked only for the days that others lack?"""
    return llamadas > SIN_MIRAR.get(Proveedor(proveedor), inf) if proveedor in set(Proveedor) else False


def _openmeteo_ahora(campos: frozenset[str]) -> int:
    otros = campos & FICHAS[Proveedor.OPENMETEO].da[None] - {AIRE}
    variables = len(otros) + ("precipitacion" in otros)  # of the rain also its quarters of an hour
    return (peso(variables, 1) if otros else 0) + (AIRE in campos)


def _openmeteo(campos: frozenset[str], periodo: Periodo, zona: ZoneInfo, ahora: datetime) -> int:
    """As its client cuts and splits: pieces of VENTANA_DIAS; archive, recent days and air are calls of their own."""
    frontera = ahora.date() - timedelta(days=DIAS_RECIENTES)
    de_pronostico = campos & FICHAS[Proveedor.OPENMETEO].da[periodo.resolucion] - {AIRE}
    de_archivo = de_pronostico - SOLO_PRONOSTICO
    total = 0
    for t in periodo.tramos(VENTANA_DIAS[periodo.resolucion]):
        viejos = max(0, (min(t.fin, frontera) - t.inicio).days + 1)
        con_aire = max(0, (t.fin - max(t.inicio, AIRE_DESDE)).days + 1) if AIRE in campos else 0
        total += peso(len(de_archivo), viejos) if viejos and de_archivo else 0
        total += peso(len(de_pronostico), t.dias - viejos) if t.dias > viejos and de_pronostico else 0
        total += peso(1, con_aire) if con_aire else 0
    return total


def _openweather_ahora(campos: frozenset[str]) -> int:
    return 1 + (AIRE in campos) if campos & FICHAS[Proveedor.OPENWEATHER].da[None] else 0


def _openweather(campos: frozenset[str], periodo: Periodo, zona: ZoneInfo, ahora: datetime) -> int:
    """A call for each day that is over, or each hour that has come."""
    if not campos & FICHAS[Proveedor.OPENWEATHER].da[periodo.resolucion]:
        return 0
    desde = _medianoche(max(periodo.inicio, OPENWEATHER_DESDE), zona)
    if periodo.resolucion == Resolucion.DIARIA:
        hasta = min(periodo.fin, ahora.astimezone(zona).date() - timedelta(days=1))
        return max(0, (hasta - max(periodo.inicio, OPENWEATHER_DESDE)).days + 1)
    fin = min(_medianoche(periodo.fin + timedelta(days=1), zona), ahora)
    return max(0, ceil((fin - desde) / timedelta(hours=1)))


def _meteoblue(campos: frozenset[str], periodo: Periodo, zona: ZoneInfo, ahora: datetime) -> int:
    hoy = ahora.astimezone(zona).date()
    fin = min(periodo.fin, hoy - timedelta(days=int(periodo.resolucion == Resolucion.DIARIA)))
    return int(
        bool(campos & FICHAS[Proveedor.METEOBLUE].da[periodo.resolucion])
        and fin >= max(periodo.inicio, hoy - timedelta(days=METEOBLUE_ATRAS))
    )


def _meteosource(campos: frozenset[str], periodo: Periodo, zona: ZoneInfo, ahora: datetime) -> int:
    """A call for each UTC day that the local ones touch."""
    hoy = ahora.astimezone(zona).date()
    if not campos & FICHAS[Proveedor.METEOSOURCE].da[periodo.resolucion]:
        return 0
    desde = _medianoche(max(periodo.inicio, hoy - timedelta(days=METEOSOURCE_ANOS * 365)), zona)
    pasado = _medianoche(hoy, zona) if periodo.resolucion == Resolucion.DIARIA else ahora
    hasta = min(_medianoche(periodo.fin + timedelta(days=1), zona), pasado)
    return max(0, ((hasta - timedelta(microseconds=1)).date() - desde.date()).days + 1) if hasta > desde else 0


def _medianoche(dia: date, zona: ZoneInfo) -> datetime:
    return datetime.combine(dia, time(), zona).astimezone(UTC)


_AHORA: dict[str, Callable[[frozenset[str]], int]] = {
    Proveedor.OPENMETEO: _openmeteo_ahora,
    Proveedor.OPENWEATHER: _openweather_ahora,
    Proveedor.METEOBLUE: lambda campos: int(bool(campos & FICHAS[Proveedor.METEOBLUE].da[None])),
    Proveedor.METEOSOURCE: lambda campos: int(bool(campos & FICHAS[Proveedor.METEOSOURCE].da[None])),
}
_PASADO: dict[str, Callable[[frozenset[str], Periodo, ZoneInfo, datetime], int]] = {
    Proveedor.OPENMETEO: _openmeteo,
    Proveedor.OPENWEATHER: _openweather,
    Proveedor.METEOBLUE: _meteoblue,
    Proveedor.METEOSOURCE: _meteosource,
}
