"""Every verb on a consulta. Nothing else writes `estado`.

pendiente ──tomar──▶ procesando ──completar──▶ completada
    ▲                  │   │
    └─devolver/rescatar┘   └─registrar_fallo, cancelar─▶ error

Each change is one UPDATE that names the state (and the turno) it expects; if it touched one row, you did it.
All verbs take an open session; the caller commits. Leases and waits use the database's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.cambios import cambio
from shared.clima import (
    Encargo,
    EstadoFuente,
    Fuente,
    Lugar,
    Parametro,
    Pedido,
    Periodo,
    Proveedor,
    Resultado,
    TipoConsulta,
    fuente_de_json,
    fuente_json,
)
from shared.db import ahora, ms_desde
from shared.modelos import TRANSICIONES, CodigoError, Consulta, DatosClima, Estado

ACTIVAS = (Estado.PENDIENTE, Estado.PROCESANDO)
PRIMER_TOQUE_S = 5  # the sweep rings if the first doorbell was not heard by then
SIGUIENTE_TOQUE_S = 10
ARRIENDO_S = {TipoConsulta.TIEMPO_REAL: 30, TipoConsulta.HISTORICO: 60}
MAX_INTENTOS = {TipoConsulta.TIEMPO_REAL: 3, TipoConsulta.HISTORICO: 5}
ESPERA_INICIAL_S, ESPERA_MAXIMA_S = 2, 60
APLAZAR_S, PACIENCIA_S = 15, 900  # for room in our own call budgets
PRECIPITACION_MAXIMA_MM = 9999.99
CANDIDATAS = 8  # users tried before giving up, when others claim at the same time


class ClaveReutilizada(Exception):
    """The Idempotency-Key was used before with another body."""


class Saturada(Exception):
    """The installation has as many pendiente consultas as it will take."""


class DemasiadasActivas(Exception):
    """The user has MAX_ACTIVAS unfinished consultas already."""


# --- accepting -------------------------------------------------------------------------------------------


def crear(
    s: Session,
    usuario_id: int,
    pedido: Pedido,
    *,
    max_activas: int,
    max_pendientes: int = 1_000_000,
    ip: str | None = None,
    clave: str | None = None,
    huella: str | None = None,
) -> tuple[Consulta, bool]:
    """Accept a consulta. Returns it and whether this clave had already created it (exact under concurrency).

    Raises ClaveReutilizada, DemasiadasActivas and Saturada; nothing is written then.
    """
    anterior = _con_clave(s, usuario_id, clave, huella)
    if anterior:
        return anterior, True
    if contar_activas(s, usuario_id) >= max_activas:
        raise DemasiadasActivas
    if contar_pendientes(s, max_pendientes) >= max_pendientes:
        raise Saturada
    consulta = Consulta(
        usuario_id=usuario_id, ip_origen=ip, clave_idempotencia=clave, huella=huella, **_columnas(pedido)
    )
    try:
        with s.begin_nested():
            s.add(consulta)
    except IntegrityError:
        ganadora = _con_clave(s, usuario_id, clave, huella)
        if ganadora is None:
            raise
        return ganadora, True
    s.refresh(consulta)
    return consulta, False


def contar_pendientes(s: Session, tope: int) -> int:
    """How many wait in the whole installation, counted up to `tope`."""
    algunas = select(Consulta.id).where(Consulta.estado == Estado.PENDIENTE).limit(tope).subquery()
    return s.scalars(select(func.count()).select_from(algunas)).one()


def contar_activas(s: Session, usuario_id: int) -> int:
    orden = select(func.count()).where(Consulta.usuario_id == usuario_id, Consulta.estado.in_(ACTIVAS))
    return s.scalars(orden).one()


def _con_clave(s: Session, usuario_id: int, clave: str | None, huella: str | None) -> Consulta | None:
    if clave is None:
        return None
    orden = select(Consulta).where(Consulta.usuario_id == usuario_id, Consulta.clave_idempotencia == clave)
    consulta = s.scalars(orden).one_or_none()
    if consulta and consulta.huella != huella:
        raise ClaveReutilizada
    return consulta


def _columnas(pedido: Pedido) -> dict[str, Any]:
    lugar, periodo = pedido.lugar, pedido.periodo
    return {
        "tipo_consulta": pedido.tipo,
        "ciudad": pedido.ciudad,
        "latitud": None if lugar is None else Decimal(str(lugar.latitud)),
        "longitud": None if lugar is None else Decimal(str(lugar.longitud)),
        "zona_horaria": lugar.zona_horaria if lugar else None,
        "fecha_inicio": periodo.inicio if periodo else None,
        "fecha_fin": periodo.fin if periodo else None,
        "resolucion": periodo.resolucion if periodo else None,
        "formato_salida": pedido.formato,
        "parametros_solicitados": list(pedido.parametros),
        "proveedores_solicitados": None if pedido.proveedores is None else list(pedido.proveedores),
        "max_edad_s": pedido.max_edad_s,
        "tocar_en": ahora(PRIMER_TOQUE_S),
    }


# --- working ---------------------------------------------------------------------------------------------


def tomar(s: Session, consulta_id: int) -> Encargo | None:
    """Claim a pendiente consulta. None: cancelled, finished, not due yet, or another worker was first."""
    tipo = s.scalar(select(Consulta.tipo_consulta).where(Consulta.id == consulta_id))
    if tipo is None or not _mover(
        s,
        consulta_id,
        Estado.PENDIENTE,
        Estado.PROCESANDO,
        Consulta.disponible_en <= ahora(),
        intentos=Consulta.intentos + 1,
        turno=Consulta.turno + 1,
        vence_en=ahora(ARRIENDO_S[tipo]),
        tocar_en=None,
    ):
        return None
    return _encargo(s.execute(select(Consulta.__table__).where(Consulta.id == consulta_id)).mappings().one())


def ubicar(s: Session, encargo: Encargo, lugar: Lugar) -> bool:
    """Note the coordinates found for the city. False: the lease was lost."""
    return _avanzar(s, encargo, latitud=lugar.latitud, longitud=lugar.longitud, zona_horaria=lugar.zona_horaria)


def avanzar(s: Session, encargo: Encargo, progreso: int) -> bool:
    """Report progress (0–99) and extend the lease. False: cancelled or lost; stop working."""
    return _avanzar(s, encargo, progreso=progreso)


def tomar_justa(s: Session, tipo: TipoConsulta) -> Encargo | None:
    """Claim the oldest due consulta of the user who has the fewest in hand: nobody's five hundred starve one.

    A doorbell of historico only says that there is work; who is served is decided here. None: nothing is due.
    """
    en_mano = (
        select(Consulta.usuario_id, func.count().label("cuantas"))
        .where(Consulta.estado == Estado.PROCESANDO, Consulta.tipo_consulta == tipo)
        .group_by(Consulta.usuario_id)
        .subquery()
    )
    primeras = (
        select(Consulta.usuario_id, func.min(Consulta.id).label("id"))
        .where(Consulta.estado == Estado.PENDIENTE, Consulta.tipo_consulta == tipo, Consulta.disponible_en <= ahora())
        .group_by(Consulta.usuario_id)
        .subquery()
    )
    orden = (
        select(primeras.c.id)
        .outerjoin(en_mano, en_mano.c.usuario_id == primeras.c.usuario_id)
        .order_by(func.coalesce(en_mano.c.cuantas, 0), primeras.c.id)
        .limit(CANDIDATAS)
    )
    for consulta_id in s.scalars(orden).all():
        if encargo := tomar(s, consulta_id):
            return encargo
    return None


def _encargo(fila: Mapping[Any, Any]) -> Encargo:
    lugar = None
    if fila["latitud"] is not None:
        lugar = Lugar(
            float(fila["latitud"]), float(fila["longitud"]), nombre=fila["ciudad"], zona_horaria=fila["zona_horaria"]
        )
    periodo = None
    if fila["fecha_inicio"] is not None:
        periodo = Periodo(fila["fecha_inicio"], fila["fecha_fin"], fila["resolucion"])
    pedidos = fila["proveedores_solicitados"]
    pedido = Pedido(
        tipo=fila["tipo_consulta"],
        ciudad=fila["ciudad"],
        lugar=lugar,
        parametros=[Parametro(p) for p in fila["parametros_solicitados"]],
        proveedores=None if pedidos is None else [Proveedor(p) for p in pedidos],
        formato=fila["formato_salida"],
        periodo=periodo,
        max_edad_s=fila["max_edad_s"],
    )
    return Encargo(fila["id"], fila["usuario_id"], fila["turno"], fila["intentos"], pedido, fila["parcial"])


def renovar(s: Session, encargo: Encargo) -> bool:
    """Extend the lease and nothing that anybody sees. False: cancelled or lost; stop working."""
    return _avanzar(s, encargo, version=Consulta.version)


def completar(s: Session, encargo: Encargo, resultado: Resultado) -> bool:
    """Finish with an answer. False: the lease was lost or it was cancelled, and nothing was written."""
    if not _mover(
        s,
        encargo.id,
        Estado.PROCESANDO,
        Estado.COMPLETADA,
        Consulta.turno == encargo.turno,
        parcial=resultado.parcial,
        progreso=100,
        **_final(),
    ):
        return False
    s.execute(delete(DatosClima).where(DatosClima.consulta_id == encargo.id))  # of an answer in part, asked again
    s.execute(insert(DatosClima).values(consulta_id=encargo.id, **_datos_clima(resultado)))
    return True


def registrar_fallo(s: Session, encargo: Encargo, codigo: CodigoError, mensaje: str, *, definitivo: bool) -> bool:
    """Back to pendiente after a growing wait, or to error when it is final or the attempts are spent."""
    if definitivo or encargo.intentos >= MAX_INTENTOS[encargo.pedido.tipo]:
        return _fallar(s, encargo.id, Estado.PROCESANDO, codigo, mensaje, Consulta.turno == encargo.turno)
    espera_s = min(ESPERA_MAXIMA_S, ESPERA_INICIAL_S * 3 ** (encargo.intentos - 1))
    return _a_pendiente(s, encargo.id, espera_s, Consulta.turno == encargo.turno)


def cancelar(s: Session, consulta_id: int) -> bool:
    """End it before its time. False: it had ended already. Whoever works on it finds out at the next step."""
    estados = (Estado.PENDIENTE, Estado.PROCESANDO, Estado.PENDIENTE)  # it may be handed back between two looks
    return any(_fallar(s, consulta_id, estado, CodigoError.CANCELADA, CANCELADA) for estado in estados)


def reintentar(s: Session, consulta_id: int) -> bool:
    """Put an error, or an answer in part, back to pendiente with its attempts renewed. False: neither of them.

    What providers had answered is kept: respuestas of a historico, and the sources in datos_clima.
    """
    cambios = {
        "codigo_error": None,
        "mensaje_error": None,
        "completada_en": None,
        "tiempo_respuesta_ms": None,
        "intentos": 0,
        "progreso": 0,
        "disponible_en": ahora(),
        "tocar_en": ahora(PRIMER_TOQUE_S),
    }
    return _mover(s, consulta_id, Estado.ERROR, Estado.PENDIENTE, **cambios) or _mover(
        s, consulta_id, Estado.COMPLETADA, Estado.PENDIENTE, Consulta.parcial.is_(True), **cambios
    )


def aplazar(s: Session, encargo: Encargo, mensaje: str) -> bool:
    """Back to pendiente without spending an attempt, as long as it is not older than PACIENCIA_S; then to error."""
    mia = Consulta.turno == encargo.turno
    joven = Consulta.creada_en > ahora(-PACIENCIA_S)
    return _a_pendiente(s, encargo.id, APLAZAR_S, mia, joven, intentos=Consulta.intentos - 1) or _fallar(
        s, encargo.id, Estado.PROCESANDO, CodigoError.CUOTA_AGOTADA, f"Se agotó la cuota. {mensaje}", mia
    )


def devolver(s: Session, encargo: Encargo) -> bool:
    """Hand a claimed consulta back untried, to be taken again at once: its worker is about to stop."""
    return _a_pendiente(s, encargo.id, 0, Consulta.turno == encargo.turno, intentos=Consulta.intentos - 1)


# --- repairing -------------------------------------------------------------------------------------------


def por_tocar(s: Session, tipo: TipoConsulta, limite: int) -> list[int]:
    """Up to `limite` due pendiente consultas, oldest first; each is claimed for this sweep as it is returned."""
    debidas = (
        select(Consulta.id)
        .where(Consulta.estado == Estado.PENDIENTE, Consulta.tipo_consulta == tipo, Consulta.tocar_en <= ahora())
        .order_by(Consulta.tocar_en)
        .limit(limite)
        .with_for_update(skip_locked=True)
    )
    ids = list(s.scalars(debidas))
    if ids:
        s.execute(update(Consulta).where(Consulta.id.in_(ids)).values(tocar_en=ahora(SIGUIENTE_TOQUE_S)))
    return ids


def rescatar(s: Session, limite: int = 500) -> list[int]:
    """Take consultas from workers whose lease ended; returns the ids put back to pendiente.

    One that has used up its attempts has probably killed its workers: it ends in error/interno.
    """
    vencidas = (
        select(Consulta.id, Consulta.intentos, Consulta.tipo_consulta)
        .where(Consulta.estado == Estado.PROCESANDO, Consulta.vence_en <= ahora())
        .limit(limite)
        .with_for_update(skip_locked=True)
    )
    devueltas = []
    for consulta_id, intentos, tipo in s.execute(vencidas).all():
        if intentos >= MAX_INTENTOS[tipo]:
            _fallar(
                s,
                consulta_id,
                Estado.PROCESANDO,
                CodigoError.INTERNO,
                INTERRUMPIDA,
                Consulta.vence_en <= ahora(),
            )
        elif _a_pendiente(s, consulta_id, 0, Consulta.vence_en <= ahora()):
            devueltas.append(consulta_id)
    return devueltas


CANCELADA = "La canceló quien la pidió."
INTERRUMPIDA = "El proceso se interrumpió varias veces y se abandonó. Vuelva a intentarlo con «reintentar»."


# --- reading ---------------------------------------------------------------------------------------------


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
    """A user's consultas, newest first. ciudad: the name, accents and case aside; days in UTC, inclusive."""
    orden = select(Consulta).where(Consulta.usuario_id == usuario_id).order_by(Consulta.id.desc())
    if tipo:
        orden = orden.where(Consulta.tipo_consulta == tipo)
    if estado:
        orden = orden.where(Consulta.estado == estado)
    if ciudad:
        orden = orden.where(Consulta.ciudad == ciudad)
    if desde:
        orden = orden.where(Consulta.creada_en >= datetime.combine(desde, time(), UTC))
    if hasta:
        orden = orden.where(Consulta.creada_en < datetime.combine(hasta + timedelta(days=1), time(), UTC))
    return orden


def version(s: Session, consulta_id: int) -> tuple[int, bool] | None:
    """Its version, and whether it has ended; None: there is none."""
    fila = s.execute(select(Consulta.version, Consulta.estado).where(Consulta.id == consulta_id)).one_or_none()
    return None if fila is None else (fila.version, fila.estado.final)


def posicion(s: Session, consulta: Consulta) -> int | None:
    """Its place in the queue of its tipo, 1 being next; None unless pendiente."""
    if consulta.estado != Estado.PENDIENTE:
        return None
    antes = select(func.count()).where(
        Consulta.estado == Estado.PENDIENTE,
        Consulta.tipo_consulta == consulta.tipo_consulta,
        Consulta.id < consulta.id,
    )
    return s.scalars(antes).one() + 1


def fuentes_previas(s: Session, consulta_id: int) -> list[Fuente]:
    """The sources that an answer in part already has, to be kept when it is asked again."""
    datos = datos_de(s, consulta_id)
    fuentes = [fuente_de_json(f) for f in datos.datos_completos["fuentes"]] if datos else []
    return [f for f in fuentes if f.valores]


def espera_mayor_s(s: Session) -> float | None:
    """Seconds that the oldest pendiente consulta has waited; None if there is none."""
    orden = select(ms_desde(Consulta.creada_en)).where(Consulta.estado == Estado.PENDIENTE)
    espera_ms = s.scalar(orden.order_by(Consulta.creada_en).limit(1))
    return None if espera_ms is None else espera_ms / 1000


def datos_de(s: Session, consulta_id: int) -> DatosClima | None:
    return s.scalars(select(DatosClima).where(DatosClima.consulta_id == consulta_id)).one_or_none()


# --- the only writes to estado ---------------------------------------------------------------------------


def _mover(
    s: Session, consulta_id: int, de: Estado, a: Estado, *condiciones: ColumnElement[bool], **cambios: Any
) -> bool:
    """Move one row from `de` to `a` if nobody moved it first; True if this call did it."""
    if (de, a) not in TRANSICIONES:
        raise ValueError(f"{de} → {a} is not a legal change")
    orden = update(Consulta).where(Consulta.id == consulta_id, Consulta.estado == de, *condiciones)
    valores = {"estado": a, "version": Consulta.version + 1, **cambios}
    resultado = s.execute(orden.values(valores).execution_options(synchronize_session=False))
    movida: bool = resultado.rowcount == 1  # type: ignore[attr-defined]
    if movida:
        cambio(s, consulta_id)
    return movida


def _avanzar(s: Session, encargo: Encargo, **cambios: Any) -> bool:
    condicion = Consulta.turno == encargo.turno
    arriendo = ahora(ARRIENDO_S[encargo.pedido.tipo])
    return _mover(s, encargo.id, Estado.PROCESANDO, Estado.PROCESANDO, condicion, vence_en=arriendo, **cambios)


def _a_pendiente(
    s: Session, consulta_id: int, espera_s: float, *condiciones: ColumnElement[bool], **cambios: Any
) -> bool:
    cuando = {"disponible_en": ahora(espera_s), "tocar_en": ahora(espera_s), "vence_en": None}
    return _mover(s, consulta_id, Estado.PROCESANDO, Estado.PENDIENTE, *condiciones, **cuando, **cambios)


def _fallar(
    s: Session,
    consulta_id: int,
    de: Estado,
    codigo: CodigoError,
    mensaje: str,
    *condiciones: ColumnElement[bool],
) -> bool:
    return _mover(
        s, consulta_id, de, Estado.ERROR, *condiciones, codigo_error=codigo, mensaje_error=mensaje, **_final()
    )


def _final() -> dict[str, Any]:
    return {
        "completada_en": ahora(),
        "tiempo_respuesta_ms": ms_desde(Consulta.creada_en),
        "vence_en": None,
        "tocar_en": None,
    }


def _datos_clima(resultado: Resultado) -> dict[str, Any]:
    """The row of datos_clima. A number too large for the customer's column stays whole in datos_completos."""
    valores = resultado.valores
    columnas = {"temperatura_promedio": valores.get("temperatura"), **valores}
    columnas.pop("temperatura", None)
    lluvia = columnas.get("precipitacion")
    if isinstance(lluvia, float) and lluvia > PRECIPITACION_MAXIMA_MM:  # years of rain exceed DECIMAL(6,2)
        columnas["precipitacion"] = None
    return {
        **columnas,
        "fuentes_utilizadas": [f.proveedor for f in resultado.fuentes if f.estado == EstadoFuente.USADA],
        "datos_completos": {
            "valores": valores,
            "dispersion": resultado.dispersion,
            "fuentes": [fuente_json(f) for f in resultado.fuentes],
        },
    }
