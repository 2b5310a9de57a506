"""Users' own provider keys: store, reveal to the worker, reserve their daily quota, mark them refused."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session

from shared.cifrado import Cifrador
from shared.db import ahora
from shared.modelos import ApiKey

HOY = func.date(ahora())


@dataclass(frozen=True, slots=True)
class ClaveDeUsuario:
    """A user's key in the clear, for one call; never printed."""

    id: int
    clave: str = field(repr=False)
    secreto: str | None = field(repr=False)


def de_usuario(s: Session, cifrador: Cifrador, usuario_id: int, proveedor: str) -> ClaveDeUsuario | None:
    """The user's active key for this provider, unless the provider refused it. Raises Ilegible."""
    orden = select(ApiKey).where(
        ApiKey.usuario_id == usuario_id, ApiKey.proveedor == proveedor, ApiKey.activa, ApiKey.rechazada_en.is_(None)
    )
    fila = s.scalars(orden).one_or_none()
    if fila is None:
        return None
    secreto = cifrador.descifrar(fila.api_secret_encrypted) if fila.api_secret_encrypted else None
    return ClaveDeUsuario(fila.id, cifrador.descifrar(fila.api_key_encrypted), secreto)


def todas(s: Session, usuario_id: int) -> list[ApiKey]:
    """The user's keys, still encrypted."""
    return list(s.scalars(select(ApiKey).where(ApiKey.usuario_id == usuario_id).order_by(ApiKey.id)))


def restante(s: Session, clave_id: int) -> int:
    """Calls left today (UTC)."""
    gastadas = case((ApiKey.dia_cuota == HOY, ApiKey.consultas_realizadas), else_=0)
    return s.scalars(select(ApiKey.limite_consultas_diarias - gastadas).where(ApiKey.id == clave_id)).one()


def reservar(s: Session, clave_id: int) -> bool:
    """Take one of today's (UTC) calls, before it is made; False when they are spent. Exact among all workers.

    One UPDATE that counts and checks: the row lock serialises those who come at once. On a new day the count
    starts again at 1. MySQL assigns from left to right, so the count is set before its day.
    """
    es_hoy = ApiKey.dia_cuota == HOY
    orden = (
        update(ApiKey)
        .where(
            ApiKey.id == clave_id,
            ApiKey.limite_consultas_diarias > 0,
            or_(ApiKey.dia_cuota.is_(None), ~es_hoy, ApiKey.consultas_realizadas < ApiKey.limite_consultas_diarias),
        )
        .ordered_values(
            (ApiKey.consultas_realizadas, case((es_hoy, ApiKey.consultas_realizadas + 1), else_=1)),
            (ApiKey.dia_cuota, HOY),
            (ApiKey.ultimo_uso, ahora()),
        )
    )
    resultado = s.execute(orden.execution_options(synchronize_session=False))
    return resultado.rowcount == 1  # type: ignore[attr-defined,no-any-return]


def marcar_rechazada(s: Session, clave_id: int) -> None:
    """The provider said 401 or 403: not used again until the user changes it."""
    s.execute(update(ApiKey).where(ApiKey.id == clave_id).values(rechazada_en=ahora()))
