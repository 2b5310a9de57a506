"""Users' own provider keys: store, reveal to the worker, reserve their daily quota, mark them refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.cifrado import Cifrador
from shared.db import ahora
from shared.modelos import ApiKey, EstadoPrueba

HOY = func.date(ahora())
TOQUE_S = 5  # the sweep rings for a check whose doorbell was not heard by then
PLAZO_PRUEBA_S = 60  # for whoever took it
EN_MARCHA: dict[str, Any] = {"prueba": EstadoPrueba.PENDIENTE, "prueba_detalle": None, "probada_en": None}
OLVIDADA: dict[str, Any] = {
    "rechazada_en": None,
    "prueba": None,
    "prueba_detalle": None,
    "probada_en": None,
    "prueba_tocar_en": None,
    "prueba_numero": ApiKey.prueba_numero + 1,
}


@dataclass(frozen=True, slots=True)
class ClaveDeUsuario:
    """A user's key in the clear, for one call; never printed. numero: moves when the key is changed or checked."""

    id: int
    clave: str = field(repr=False)
    secreto: str | None = field(repr=False)
    numero: int


class YaGuardada(Exception):
    """The user has a key for this provider."""


def crear(
    s: Session, cifrador: Cifrador, usuario_id: int, *, api_key: str, api_secret: str | None = None, **campos: Any
) -> ApiKey:
    """Raises YaGuardada; nothing is written then."""
    clave = ApiKey(usuario_id=usuario_id, **_secretos(cifrador, api_key=api_key, api_secret=api_secret), **campos)
    try:
        with s.begin_nested():
            s.add(clave)
    except IntegrityError as e:
        raise YaGuardada from e
    s.refresh(clave)
    return clave


def leer(s: Session, clave_id: int) -> ApiKey | None:
    """Still encrypted."""
    return s.get(ApiKey, clave_id)


def cambiar(s: Session, cifrador: Cifrador, clave: ApiKey, **cambios: Any) -> None:
    """Set api_key, api_secret, descripcion, limite_consultas_diarias or activa.

    What was known of another key or secret, that it was refused or checked, is forgotten.
    """
    dados = {campo: cambios.pop(campo) for campo in ("api_key", "api_secret") if campo in cambios}
    if dados:
        cambios |= _secretos(cifrador, **dados) | OLVIDADA
    s.execute(update(ApiKey).where(ApiKey.id == clave.id).values(**cambios))
    s.refresh(clave)


def borrar(s: Session, clave: ApiKey) -> None:
    s.delete(clave)


def _secretos(cifrador: Cifrador, **dados: str | None) -> dict[str, Any]:
    """The columns for what was given of api_key and api_secret."""
    columnas: dict[str, Any] = {f"{c}_encrypted": cifrador.cifrar(v) if v else None for c, v in dados.items()}
    if api_key := dados.get("api_key"):
        columnas["ultimos"] = api_key[-4:]
    return columnas


def de_usuario(s: Session, cifrador: Cifrador, usuario_id: int, proveedor: str) -> ClaveDeUsuario | None:
    """The user's active key for this provider, unless the provider refused it. Raises Ilegible."""
    orden = select(ApiKey).where(
        ApiKey.usuario_id == usuario_id, ApiKey.proveedor == proveedor, ApiKey.activa, ApiKey.rechazada_en.is_(None)
    )
    fila = s.scalars(orden).one_or_none()
    return _revelar(fila, cifrador) if fila else None


def _revelar(fila: ApiKey, cifrador: Cifrador) -> ClaveDeUsuario:
    secreto = cifrador.descifrar(fila.api_secret_encrypted) if fila.api_secret_encrypted else None
    return ClaveDeUsuario(fila.id, cifrador.descifrar(fila.api_key_encrypted), secreto, fila.prueba_numero)


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


def marcar_rechazada(s: Session, clave_id: int, numero: int) -> None:
    """The provider said 401 or 403: not used again until the user changes it. Nothing, if they have by now."""
    s.execute(update(ApiKey).where(*_la_misma(clave_id, numero)).values(rechazada_en=ahora()))


def _la_misma(clave_id: int, numero: int) -> tuple[ColumnElement[bool], ...]:
    return ApiKey.id == clave_id, ApiKey.prueba_numero == numero


# --- checks: asked for by the API, done by a worker ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prueba:
    """A check to do."""

    clave: ClaveDeUsuario
    proveedor: str
    usuario_id: int


def pedir_prueba(s: Session, clave: ApiKey) -> None:
    """Ask for a check; one that is waiting already is enough."""
    orden = update(ApiKey).where(ApiKey.id == clave.id, ApiKey.prueba.is_distinct_from(EstadoPrueba.PENDIENTE))
    s.execute(orden.values(prueba_tocar_en=ahora(TOQUE_S), prueba_numero=ApiKey.prueba_numero + 1, **EN_MARCHA))
    s.refresh(clave)


def por_probar(s: Session, limite: int = 100) -> list[int]:
    """Keys whose check nobody has done in time: their doorbell was lost, or their worker."""
    orden = select(ApiKey.id).where(ApiKey.prueba_tocar_en <= ahora()).order_by(ApiKey.prueba_tocar_en)
    return list(s.scalars(orden.limit(limite)))


def tomar_prueba(s: Session, cifrador: Cifrador, clave_id: int) -> Prueba | None:
    """Claim a check for PLAZO_PRUEBA_S. None: done, or another worker was first. Raises Ilegible."""
    mia = update(ApiKey).where(ApiKey.id == clave_id, ApiKey.prueba_tocar_en <= ahora(TOQUE_S))
    tomada = s.execute(mia.values(prueba_tocar_en=ahora(PLAZO_PRUEBA_S)).execution_options(synchronize_session=False))
    if tomada.rowcount != 1:  # type: ignore[attr-defined]
        return None
    fila = s.scalars(select(ApiKey).where(ApiKey.id == clave_id).execution_options(populate_existing=True)).one()
    return Prueba(_revelar(fila, cifrador), fila.proveedor, fila.usuario_id)


def anotar_prueba(s: Session, prueba: Prueba, resultado: EstadoPrueba, detalle: str | None) -> bool:
    """Write how it went. False: the key was changed or checked again meanwhile. A good key is used again."""
    cambios: dict[str, Any] = {"prueba": resultado, "prueba_detalle": detalle, "probada_en": ahora()}
    if resultado != EstadoPrueba.SIN_RESPUESTA:
        cambios["rechazada_en"] = ahora() if resultado == EstadoPrueba.RECHAZADA else None
    orden = update(ApiKey).where(*_la_misma(prueba.clave.id, prueba.clave.numero))
    hecho = s.execute(orden.values(prueba_tocar_en=None, **cambios).execution_options(synchronize_session=False))
    return hecho.rowcount == 1  # type: ignore[attr-defined,no-any-return]


def anotar_ilegible(s: Session, clave_id: int) -> None:
    """The key cannot be decrypted any more: its check ends."""
    nada = {"prueba": EstadoPrueba.SIN_RESPUESTA, "prueba_tocar_en": None, "probada_en": ahora()}
    detalle = "Su clave guardada ya no se puede leer; guárdela otra vez."
    s.execute(update(ApiKey).where(ApiKey.id == clave_id).values(prueba_detalle=detalle, **nada))
