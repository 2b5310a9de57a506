"""Favourite places: at most one of a user's is the default."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import lugares, sitios
from shared.clima import Ubicacion
from shared.modelos import CiudadFavorita
from shared.usuarios import en_fila

MAXIMO = 100  # per user; a programacion may ask for all of them


class YaGuardada(Exception):
    """The user has a favourite at these coordinates."""


class Demasiadas(Exception):
    """The user has MAXIMO already."""


def todas(s: Session, usuario_id: int) -> list[CiudadFavorita]:
    """The default first, then as they were added."""
    orden = select(CiudadFavorita).where(CiudadFavorita.usuario_id == usuario_id)
    return list(s.scalars(orden.order_by(CiudadFavorita.es_default.desc(), CiudadFavorita.id)))


def leer(s: Session, favorita_id: int) -> CiudadFavorita | None:
    return s.get(CiudadFavorita, favorita_id)


def por_defecto(s: Session, usuario_id: int) -> CiudadFavorita | None:
    """The one that a consulta without a place asks about."""
    orden = select(CiudadFavorita).where(CiudadFavorita.usuario_id == usuario_id, CiudadFavorita.es_default.is_(True))
    return s.scalars(orden.order_by(CiudadFavorita.id).limit(1)).one_or_none()


def ubicacion(favorita: CiudadFavorita) -> Ubicacion:
    """Its place; where its coordinates were given, its own name and country are all that is known."""
    latitud, longitud = float(favorita.latitud), float(favorita.longitud)
    datos = favorita.lugar
    if datos is None:
        dada = lugares.ubicar(favorita.nombre_ciudad, latitud, longitud)
        assert dada is not None
        return replace(dada, lugar=replace(dada.lugar, pais=favorita.pais))
    punto = {"latitud": latitud, "longitud": longitud, "zona_horaria": datos["zona_horaria"]}
    guardada = sitios.de_columnas({**punto, "lugar": datos})
    assert guardada is not None
    return guardada


def columnas(ubicacion: Ubicacion) -> dict[str, Any]:
    """Of a favourite whose place was found by its name."""
    return {c: v for c, v in sitios.columnas(ubicacion).items() if c in ("latitud", "longitud")} | {
        "lugar": {**sitios.guardado(ubicacion), "zona_horaria": ubicacion.lugar.zona_horaria}
    }


def crear(s: Session, usuario_id: int, *, es_default: bool = False, **campos: Any) -> CiudadFavorita:
    """Raises YaGuardada and Demasiadas; nothing is written then."""
    en_fila(s, usuario_id)
    cuantas = s.scalars(select(func.count()).where(CiudadFavorita.usuario_id == usuario_id)).one()
    if cuantas >= MAXIMO:
        raise Demasiadas
    favorita = CiudadFavorita(usuario_id=usuario_id, es_default=es_default, **campos)
    try:
        with s.begin_nested():
            s.add(favorita)
    except IntegrityError as e:
        raise YaGuardada from e
    if es_default:
        _sola(s, favorita)
    s.refresh(favorita)
    return favorita


def cambiar(s: Session, favorita: CiudadFavorita, **cambios: Any) -> None:
    en_fila(s, favorita.usuario_id)
    s.execute(update(CiudadFavorita).where(CiudadFavorita.id == favorita.id).values(**cambios))
    if cambios.get("es_default"):
        _sola(s, favorita)
    s.refresh(favorita)


def borrar(s: Session, favorita: CiudadFavorita) -> None:
    s.delete(favorita)


def _sola(s: Session, favorita: CiudadFavorita) -> None:
    otras = (CiudadFavorita.usuario_id == favorita.usuario_id) & (CiudadFavorita.id != favorita.id)
    s.execute(update(CiudadFavorita).where(otras).values(es_default=False))
