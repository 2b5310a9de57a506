"""What reportes tell: figures of one user or of all, and the log of what was done."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from shared import resumenes
from shared.calendario import UN_DIA, dias, en_dias, medianoche
from shared.cifras import Cifras, frecuentes, percentil, sumar
from shared.clima import TipoConsulta
from shared.conteo import PROMEDIOS, TODOS, Tramo, contar
from shared.db import ahora
from shared.modelos import ApiKey, Consulta, Estado, LogActividad
from shared.redondeo import mitad_arriba

CIUDADES = 10
DIAS_SIN_DESDE = 30
DIAS_CON_DESDE = 366


def estadisticas(s: Session, usuario_id: int, desde: date | None = None, hasta: date | None = None) -> dict[str, Any]:
    """The figures of one user's consultas, or of TODOS, created on these UTC days, both included.

    Without `desde` they go back to the first, and consultas_por_dia lists the last DIAS_SIN_DESDE days up to `hasta`
    or today; with it, the last DIAS_CON_DESDE days that had any.
    """
    ahora_, primera = s.execute(_fechas(usuario_id)).one()
    hoy = ahora_.date()
    ultimo = min(hoy, hasta or hoy)
    cifras = _cifras(s, usuario_id, primera, desde or date.min, ultimo)
    con_hoy = ultimo == hoy and (desde is None or desde <= hoy)
    dias_de_hoy = cifras["dia"] if con_hoy else _cifras(s, usuario_id, primera, hoy, hoy)["dia"]
    listado_desde = desde or date.fromordinal(max(1, ultimo.toordinal() - DIAS_SIN_DESDE + 1))
    return {
        "total_consultas": sum(cifras["tipo"].values()),
        "consultas_hoy": dias_de_hoy.get(str(hoy), 0),
        "consultas_por_dia": _por_dia(cifras, listado_desde),
        "api_keys_activas": _api_keys_activas(s, usuario_id),
        **_resumidas(cifras),
    }


def _resumidas(cifras: Cifras) -> dict[str, Any]:
    proveedores = sorted(cifras["usada"].keys() | cifras["fallida"].keys())
    return {
        "por_estado": {e.value: cifras["estado"].get(e.value, 0) for e in Estado},
        "por_tipo": {t.value: cifras["tipo"].get(t.value, 0) for t in TipoConsulta},
        "ciudades_frecuentes": [{"ciudad": c, "total": n} for c, n in frecuentes(cifras["ciudad"], CIUDADES)],
        "proveedores": [
            {"proveedor": p, "usadas": cifras["usada"].get(p, 0), "fallidas": cifras["fallida"].get(p, 0)}
            for p in proveedores
        ],
        "tiempo_respuesta_ms": {"p50": percentil(cifras["ms"], 0.5), "p95": percentil(cifras["ms"], 0.95)},
        "promedios": {
            p: mitad_arriba(cifras["suma"][p] / cifras["n"][p], 2) if cifras["n"].get(p) else None for p in PROMEDIOS
        },
    }


def _por_dia(cifras: Cifras, desde: date) -> list[dict[str, Any]]:
    lista = [{"fecha": dia, "total": n} for dia, n in sorted(cifras["dia"].items()) if dia >= str(desde)]
    return lista[-DIAS_CON_DESDE:]


def _fechas(usuario_id: int) -> Select[datetime, datetime | None]:
    """The database's now, and when their first consulta was created."""
    primera = select(func.min(Consulta.creada_en))
    if usuario_id != TODOS:
        primera = primera.where(Consulta.usuario_id == usuario_id)
    return select(ahora(), primera.scalar_subquery())


def _cifras(s: Session, usuario_id: int, primera: datetime | None, desde: date, hasta: date) -> Cifras:
    """From the summaries, and what they do not hold counted now."""
    total, contado = resumenes.leer(s, usuario_id, desde, hasta)
    if primera is not None and (tramos := _por_contar(max(primera.date(), desde), hasta, contado)):
        sumar(total, contar(s, tramos, usuario_id))
    return total


def _por_contar(primero: date, ultimo: date, contado: dict[date, datetime]) -> list[Tramo]:
    """What is left of these days, each `contado` until an instant; neighbours joined."""
    tramos: list[Tramo] = []
    for dia in dias(primero, ultimo):
        desde, fin = contado.get(dia, medianoche(dia)), medianoche(dia + UN_DIA)
        if tramos and tramos[-1][1] == desde:
            tramos[-1] = (tramos[-1][0], fin)
        elif desde < fin:
            tramos.append((desde, fin))
    return tramos


def _api_keys_activas(s: Session, usuario_id: int) -> int:
    orden = select(func.count()).select_from(ApiKey).where(ApiKey.activa)
    return s.scalars(orden if usuario_id == TODOS else orden.where(ApiKey.usuario_id == usuario_id)).one()


def seleccionar_actividad(
    *,
    usuario_id: int | None = None,
    accion: str | None = None,
    ip: str | None = None,
    desde: date | None = None,
    hasta: date | None = None,
) -> Select[LogActividad]:
    """What was done, newest first; days in UTC, inclusive. Each filter alone is answered by its index."""
    entre = en_dias(LogActividad.creado_en, desde, hasta)
    orden = select(LogActividad).where(*entre)
    orden = orden.order_by(*([LogActividad.creado_en.desc()] if entre else []), LogActividad.id.desc())
    if usuario_id is not None:
        orden = orden.where(LogActividad.usuario_id == usuario_id)
    if accion:
        orden = orden.where(LogActividad.accion == accion)
    if ip:
        orden = orden.where(LogActividad.ip_address == ip)
    return orden
