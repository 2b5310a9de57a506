"""Programaciones: what users want asked again and again. Their runs stand in shared/ejecuciones.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from shared import cron, favoritas, lugares
from shared.clima import Lugar, Parametro, Pedido, Periodo, Proveedor, Resolucion, Ubicacion
from shared.db import reloj
from shared.modelos import Programacion
from shared.usuarios import en_fila

MAXIMO = 100  # per user
LUGARES_MAXIMOS = 100


class Demasiadas(Exception):
    """The user has MAXIMO already."""


def seleccionar(usuario_id: int | None, *, activa: bool | None = None) -> Select[Programacion]:
    """A user's programaciones, or (None) everybody's, in the order in which they were made."""
    orden = select(Programacion).order_by(Programacion.id)
    if usuario_id is not None:
        orden = orden.where(Programacion.usuario_id == usuario_id)
    if activa is not None:
        orden = orden.where(Programacion.activa.is_(activa))
    return orden


def leer(s: Session, programacion_id: int) -> Programacion | None:
    return s.get(Programacion, programacion_id)


def crear(s: Session, usuario_id: int, **campos: Any) -> Programacion:
    """Raises Demasiadas, and CronInvalido; nothing is written then."""
    en_fila(s, usuario_id)
    cuantas = s.scalars(select(func.count()).where(Programacion.usuario_id == usuario_id)).one()
    if cuantas >= MAXIMO:
        raise Demasiadas
    programacion = Programacion(usuario_id=usuario_id, **campos)
    _calcular(programacion, reloj(s))
    s.add(programacion)
    s.flush()
    s.refresh(programacion)
    return programacion


def cambiar(s: Session, programacion: Programacion, **cambios: Any) -> None:
    """Raises CronInvalido. What is due is worked out anew only if when it is due was changed."""
    for campo, valor in cambios.items():
        setattr(programacion, campo, valor)
    if {"cron", "zona_horaria", "activa"} & cambios.keys():
        _calcular(programacion, reloj(s))
    s.flush()
    s.refresh(programacion)


def borrar(s: Session, programacion: Programacion) -> None:
    """It and its ejecuciones go; consultas that it asked for stay."""
    s.delete(programacion)


def pedidos(s: Session, programacion: Programacion, instante: datetime) -> list[Pedido]:
    """What a run at this instant asks: one per place; none if it is for favourites and there are none."""
    p = programacion
    return [
        Pedido(
            tipo=p.tipo,
            ciudad=ciudad,
            lugar=ubicacion.lugar if ubicacion else None,
            ubicacion=ubicacion,
            parametros=[Parametro(x) for x in p.parametros],
            proveedores=None if p.proveedores is None else [Proveedor(x) for x in p.proveedores],
            formato=p.formato,
            periodo=_ventana(p, ubicacion.lugar if ubicacion else None, instante),
        )
        for ciudad, ubicacion in _lugares(s, p)
    ]


def ubicaciones(p: Programacion) -> list[Ubicacion | None]:
    """What each of its places is understood as; None: not in the gazetteer, or no longer beyond doubt, so that a
    provider will have to know it."""
    return [_ubicada(dado) for dado in p.lugares or []]


def _lugares(s: Session, p: Programacion) -> list[tuple[str | None, Ubicacion | None]]:
    """(name, place); no place: to be looked up by a provider."""
    if p.lugares is None:
        return [(f.nombre_ciudad, favoritas.ubicacion(f)) for f in favoritas.todas(s, p.usuario_id)]
    return [(dado.get("ciudad"), _ubicada(dado)) for dado in p.lugares]


def _ubicada(dado: Mapping[str, Any]) -> Ubicacion | None:
    try:
        return lugares.ubicar(dado.get("ciudad"), dado.get("latitud"), dado.get("longitud"))
    except lugares.Dudosa:
        return None


def _ventana(p: Programacion, lugar: Lugar | None, instante: datetime) -> Periodo | None:
    """The last ventana_dias complete days, by the clocks of the place; of the programacion, where it is not known."""
    if p.ventana_dias is None:
        return None
    zona = lugar.zona_horaria if lugar and lugar.zona_horaria else p.zona_horaria
    fin = instante.astimezone(ZoneInfo(zona)).date() - timedelta(days=1)
    return Periodo(fin - timedelta(days=p.ventana_dias - 1), fin, p.resolucion or Resolucion.DIARIA)


def _calcular(p: Programacion, instante: datetime) -> None:
    p.calculada_en = instante
    p.proxima_en = cron.siguiente(p.cron, p.zona_horaria, instante) if p.activa else None
