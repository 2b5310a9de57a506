"""Lotes: consultas accepted together, all or none, and followed as one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, func, insert, select
from sqlalchemy.orm import Session

from shared.admision import admitir
from shared.clima import Pedido, TipoConsulta
from shared.consultas import ClaveReutilizada
from shared.db import ahora
from shared.filas import columnas_de
from shared.modelos import Consulta, Estado, Lote
from shared.usuarios import en_fila

MAXIMO = 500


def crear(
    s: Session,
    usuario_id: int,
    pedidos: list[Pedido],
    *,
    max_activas: int,
    max_pendientes: int,
    ip: str | None = None,
    id_peticion: str | None = None,
    clave: str | None = None,
    huella: str | None = None,
) -> tuple[Lote, bool]:
    """Accept 1 to MAXIMO consultas. Returns the lote and whether this clave had already created it.

    The consultas are due at once: one stroke of `tocar` rings for all of them. They queue with the historicos, where
    users take turns: five hundred of one never stand before another's single one.
    Raises ClaveReutilizada, DemasiadasActivas and Saturada; nothing is written then.
    """
    if clave is not None:
        en_fila(s, usuario_id)
        if anterior := _con_clave(s, usuario_id, clave, huella):
            return anterior, True
    admitir(s, usuario_id, len(pedidos), max_activas=max_activas, max_pendientes=max_pendientes)
    lote = Lote(usuario_id=usuario_id, total=len(pedidos), clave_idempotencia=clave, huella=huella)
    s.add(lote)
    s.flush()
    _llenar(s, lote, pedidos, ip_origen=ip, id_peticion=id_peticion)
    return lote, False


def crear_programado(s: Session, usuario_id: int, pedidos: list[Pedido], programacion_id: int) -> Lote:
    """The lote of a run of a programacion, under whatever limits the caller has."""
    lote = Lote(usuario_id=usuario_id, total=len(pedidos))
    s.add(lote)
    s.flush()
    _llenar(s, lote, pedidos, programacion_id=programacion_id)
    return lote


def leer(s: Session, lote_id: int) -> Lote | None:
    return s.get(Lote, lote_id)


def ids(s: Session, lote_id: int) -> list[int]:
    """Its consultas, in the order in which they were sent."""
    return list(s.scalars(select(Consulta.id).where(Consulta.lote_id == lote_id).order_by(Consulta.id)))


def por_estado(s: Session, lote_id: int) -> dict[Estado, int]:
    """How many stand in each estado; all four are there."""
    orden = select(Consulta.estado, func.count()).where(Consulta.lote_id == lote_id).group_by(Consulta.estado)
    contadas: dict[Any, Any] = {fila[0]: fila[1] for fila in s.execute(orden)}
    return {estado: contadas.get(estado, 0) for estado in Estado}


def progreso(s: Session, lote_id: int) -> int:
    """0–100: the mean of its consultas, those that ended counting as done; if none is left, all had ended."""
    hecho = case((Consulta.estado.in_((Estado.COMPLETADA, Estado.ERROR)), 100), else_=Consulta.progreso)
    media = s.scalar(select(func.avg(hecho)).where(Consulta.lote_id == lote_id))
    return 100 if media is None else int(media)


def _llenar(s: Session, lote: Lote, pedidos: list[Pedido], **comunes: Any) -> None:
    comunes |= {"usuario_id": lote.usuario_id, "lote_id": lote.id, "cola": TipoConsulta.HISTORICO}
    s.execute(insert(Consulta).values(tocar_en=ahora()), [columnas_de(pedido) | comunes for pedido in pedidos])


def _con_clave(s: Session, usuario_id: int, clave: str, huella: str | None) -> Lote | None:
    orden = select(Lote).where(Lote.usuario_id == usuario_id, Lote.clave_idempotencia == clave)
    lote = s.scalars(orden).one_or_none()
    if lote and lote.huella != huella:
        raise ClaveReutilizada
    return lote
