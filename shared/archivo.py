"""Reading consultas: nothing here changes a row. The verbs that do stand in shared/consultas.py."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from shared.calendario import en_dias
from shared.clima import Fuente, TipoConsulta, fuente_de_json
from shared.db import ahora, ms_desde
from shared.modelos import Consulta, DatosClima, Estado


def leer(s: Session, consulta_id: int) -> Consulta | None:
    return s.get(Consulta, consulta_id)


def seleccionar(
    usuario_id: int,
    *,
    tipo: TipoConsulta | None = None,
    estado: Estado | None = None,
    ciudad: str | None = None,
    desde: date | None = None,
    hasta: date | None = None,
) -> Select[Consulta]:
    """A user's consultas, newest first. ciudad: the name, accents and case aside; days in UTC, inclusive.

    Each filter alone is answered by its index (usuario_id, …), order included; that of days by creada_en.
    """
    entre = en_dias(Consulta.creada_en, desde, hasta)
    orden = select(Consulta).where(Consulta.usuario_id == usuario_id, *entre)
    orden = orden.order_by(*([Consulta.creada_en.desc()] if entre else []), Consulta.id.desc())
    if tipo:
        orden = orden.where(Consulta.tipo_consulta == tipo)
    if estado:
        orden = orden.where(Consulta.estado == estado)
    if ciudad:
        orden = orden.where(Consulta.ciudad == ciudad)
    return orden


def version(s: Session, consulta_id: int) -> tuple[int, bool] | None:
    """Its version, and whether it has ended; None: there is none."""
    fila = s.execute(select(Consulta.version, Consulta.estado).where(Consulta.id == consulta_id)).one_or_none()
    return None if fila is None else (fila.version, fila.estado.final)


def posicion(s: Session, consulta: Consulta) -> int | None:
    """Its place in its queue, 1 being next; None unless pendiente. Those that wait for a later time are not in it."""
    if consulta.estado != Estado.PENDIENTE:
        return None
    antes = select(func.count()).where(
        Consulta.estado == Estado.PENDIENTE,
        Consulta.cola == consulta.cola,
        Consulta.id < consulta.id,
        Consulta.disponible_en <= ahora(),
    )
    return s.scalars(antes).one() + 1


def fuentes_previas(s: Session, consulta_id: int) -> list[Fuente]:
    """The sources that are kept when an answer in part is asked again: all but those that may still answer."""
    datos = datos_de(s, consulta_id)
    if datos is None:
        return []
    fuentes = [fuente_de_json(f) for f in datos.datos_completos["fuentes"]]
    faltantes = datos.datos_completos.get("faltantes")
    if faltantes is None:  # of before they were told
        return [f for f in fuentes if f.valores]
    otra_vez = {f["proveedor"] for f in faltantes if f["pasajero"] and "campos" not in f}
    return [f for f in fuentes if f.proveedor not in otra_vez]


def espera_mayor_s(s: Session) -> float | None:
    """Seconds that the pendiente consulta that could be taken first has waited; None if there is none."""
    debidas = (Consulta.estado == Estado.PENDIENTE, Consulta.disponible_en <= ahora())
    orden = select(ms_desde(Consulta.disponible_en)).where(*debidas)
    espera_ms = s.scalar(orden.order_by(Consulta.disponible_en).limit(1))
    return None if espera_ms is None else espera_ms / 1000


def datos_de(s: Session, consulta_id: int) -> DatosClima | None:
    return s.scalars(select(DatosClima).where(DatosClima.consulta_id == consulta_id)).one_or_none()
