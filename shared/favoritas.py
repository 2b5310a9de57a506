"""Favourite places: at most one of a user's is the default."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

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
