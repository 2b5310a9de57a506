"""Rotation of ENCRYPTION_KEY: every user's provider key under its first key, a row and a transaction at a time.

It may be killed at any point and run again, and run while the API and the workers do: a row is only written if it
still holds what was read, so a change by its owner is never overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from shared.cifrado import Cifrador, Ilegible
from shared.db import Sesiones
from shared.modelos import ApiKey

TANDA = 200


class Suerte(Enum):
    """What became of a row. PENDIENTE: only in a dry run. BORRADA: by its owner, meanwhile."""

    RECIFRADA = auto()
    PENDIENTE = auto()
    YA_NUEVA = auto()
    ILEGIBLE = auto()
    BORRADA = auto()


@dataclass(frozen=True, slots=True)
class Cifrada:
    """A row's encrypted columns."""

    clave: str = field(repr=False)
    secreto: str | None = field(repr=False)


def rotar(sesiones: Sesiones, cifrador: Cifrador, *, simular: bool = False) -> Iterator[tuple[int, Suerte]]:
    """Yield each row's id and what became of it, once that is committed. Both columns move together or neither."""
    ultimo = 0
    while tanda := sesiones.hacer(partial(_ids, despues_de=ultimo)):
        for clave_id in tanda:
            una = partial(_una, cifrador=cifrador, clave_id=clave_id, simular=simular)
            while (suerte := sesiones.hacer(una)) is None:
                pass
            yield clave_id, suerte
        ultimo = tanda[-1]


def contar(s: Session) -> int:
    return s.scalars(select(func.count()).select_from(ApiKey)).one()


def _una(s: Session, cifrador: Cifrador, clave_id: int, simular: bool) -> Suerte | None:
    """None: its owner changed it between our reading and our writing; look again."""
    fila = s.execute(select(*COLUMNAS).where(ApiKey.id == clave_id)).one_or_none()
    if fila is None:
        return Suerte.BORRADA
    leida = Cifrada(*fila)
    try:
        nueva = _recifrada(cifrador, leida)
    except Ilegible:
        return Suerte.ILEGIBLE
    if nueva == leida:
        return Suerte.YA_NUEVA
    if simular:
        return Suerte.PENDIENTE
    return Suerte.RECIFRADA if _guardar(s, clave_id, leida, nueva) else None


def _ids(s: Session, despues_de: int) -> list[int]:
    return list(s.scalars(select(ApiKey.id).where(ApiKey.id > despues_de).order_by(ApiKey.id).limit(TANDA)))


def _recifrada(cifrador: Cifrador, leida: Cifrada) -> Cifrada:
    secreto = cifrador.recifrar(leida.secreto) if leida.secreto else leida.secreto
    return Cifrada(cifrador.recifrar(leida.clave), secreto)


def _guardar(s: Session, clave_id: int, leida: Cifrada, nueva: Cifrada) -> bool:
    """False: the row is no longer what was read. actualizada_en stays: nothing changed for its owner."""
    orden = (
        update(ApiKey)
        .where(
            ApiKey.id == clave_id,
            ApiKey.api_key_encrypted == leida.clave,
            ApiKey.api_secret_encrypted.is_not_distinct_from(leida.secreto),
        )
        .values(
            api_key_encrypted=nueva.clave,
            api_secret_encrypted=nueva.secreto,
            actualizada_en=ApiKey.actualizada_en,
        )
    )
    hecho = s.execute(orden.execution_options(synchronize_session=False))
    return hecho.rowcount == 1  # type: ignore[attr-defined,no-any-return]


COLUMNAS = (ApiKey.api_key_encrypted, ApiKey.api_secret_encrypted)
