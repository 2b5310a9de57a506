"""Every verb on a consulta. Nothing else writes `estado`.

pendiente ──tomar──▶ procesando ──completar──▶ completada
    ▲                  │   │
    └─devolver/rescatar┘   └─registrar_fallo, cancelar─▶ error

Each change is one UPDATE that names the state (and the turno) it expects; if it touched one row, you did it.
All verbs take an open session; the caller commits. Leases and waits use the database's clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import uniform
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from shared import respuestas, resumenes, sitios
from shared.admision import admitir
from shared.cambios import cambio
from shared.clima import (
    Encargo,
    Lugar,
    Pedido,
    Por,
    Resultado,
    TipoConsulta,
    Ubicacion,
)
from shared.db import ahora, ms_desde
from shared.filas import columnas_de, datos_de_clima, en_corto, encargo_de, juntos, participantes
from shared.modelos import TRANSICIONES, CodigoError, Consulta, DatosClima, Estado
from shared.usuarios import en_fila

PRIMER_TOQUE_S = 5  # the sweep rings if the first doorbell was not heard by then
SIGUIENTE_TOQUE_S = 10
ARRIENDO_S = {TipoConsulta.TIEMPO_REAL: 30, TipoConsulta.HISTORICO: 45}
MAX_INTENTOS = {TipoConsulta.TIEMPO_REAL: 3, TipoConsulta.HISTORICO: 5}
ESPERA_INICIAL_S, ESPERA_MAXIMA_S = 2, 20
# how old a consulta may be that is put off: for providers that rest, and for room in our own call budgets
PACIENCIA_S = {CodigoError.PROVEEDORES_FALLARON: 120, CodigoError.CUOTA_AGOTADA: 900}
PACIENCIA_PROGRAMADA_S = {CodigoError.PROVEEDORES_FALLARON: 3600, CodigoError.CUOTA_AGOTADA: 26 * 3600}
# for a window of a call budget whose end is known: a day's window, and two hours for those who wait for the same one
PACIENCIA_VENTANA_S = 26 * 3600
APLAZAR_S = (8, 16)  # chosen by chance in between, so that not all come back together
APLAZAR_MAXIMO_S = 600
INTENTOS_CON_PLAZO = 2  # of a consulta that is older than its deadline


class ClaveReutilizada(Exception):
    """The Idempotency-Key was used before with another body."""


# when it was asked for, accepted or put back by reintentar; and its age
_pedida_en = func.coalesce(Consulta.reintentada_en, Consulta.creada_en)
_edad_ms = ms_desde(_pedida_en)


# --- accepting -------------------------------------------------------------------------------------------


def crear(
    s: Session,
    usuario_id: int,
    pedido: Pedido,
    *,
    max_activas: int,
    max_pendientes: int = 1_000_000,
    ip: str | None = None,
    id_peticion: str | None = None,
    clave: str | None = None,
    huella: str | None = None,
) -> tuple[Consulta, bool]:
    """Accept a consulta. Returns it and whether this clave had already created it (exact under concurrency).

    Raises ClaveReutilizada, DemasiadasActivas and Saturada; nothing is written then.
    """
    if clave is not None:
        en_fila(s, usuario_id)
        if anterior := _con_clave(s, usuario_id, clave, huella):
            return anterior, True
    admitir(s, usuario_id, 1, max_activas=max_activas, max_pendientes=max_pendientes)
    consulta = Consulta(
        usuario_id=usuario_id,
        ip_origen=ip,
        id_peticion=id_peticion,
        clave_idempotencia=clave,
        huella=huella,
        tocar_en=ahora(PRIMER_TOQUE_S),
        **columnas_de(pedido),
    )
    s.add(consulta)
    s.flush()
    s.refresh(consulta)
    return consulta, False


def _con_clave(s: Session, usuario_id: int, clave: str, huella: str | None) -> Consulta | None:
    orden = select(Consulta).where(Consulta.usuario_id == usuario_id, Consulta.clave_idempotencia == clave)
    consulta = s.scalars(orden).one_or_none()
    if consulta and consulta.huella != huella:
        raise ClaveReutilizada
    return consulta


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
    fila = s.execute(select(Consulta.__table__, _edad_ms.label("edad_ms")).where(Consulta.id == consulta_id))
    suya = fila.mappings().one()
    return encargo_de(suya, edad_s=suya["edad_ms"] / 1000)


def ubicar(s: Session, encargo: Encargo, lugar: Lugar) -> bool:
    """Note the place that the geocoder found for the city. False: the lease was lost."""
    return _avanzar(s, encargo, **sitios.columnas(Ubicacion(lugar, Por.GEOCODIFICADOR)))


def avanzar(s: Session, encargo: Encargo, progreso: int) -> bool:
    """Report progress (0–99) and extend the lease. False: cancelled or lost; stop working."""
    return _avanzar(s, encargo, progreso=progreso)


def tomar_justa(s: Session, cola: TipoConsulta) -> Encargo | None:
    """Claim the oldest due consulta of the user who has the fewest in hand: nobody's five hundred starve one.

    A doorbell of historico only says that there is work; who is served is decided here. None: nothing is due.
    """
    en_mano = (
        select(Consulta.usuario_id, func.count().label("cuantas"))
        .where(Consulta.estado == Estado.PROCESANDO, Consulta.cola == cola)
        .group_by(Consulta.usuario_id)
        .subquery()
    )
    quienes = (
        select(Consulta.usuario_id, func.min(Consulta.id).label("id"))
        .where(Consulta.estado == Estado.PENDIENTE, Consulta.cola == cola, Consulta.disponible_en <= ahora())
        .group_by(Consulta.usuario_id)
        .subquery()
    )
    orden = (
        select(quienes.c.usuario_id)
        .outerjoin(en_mano, en_mano.c.usuario_id == quienes.c.usuario_id)
        .order_by(func.coalesce(en_mano.c.cuantas, 0), quienes.c.id)
    )
    for usuario_id in s.scalars(orden).all():
        suyas = (
            select(Consulta.id)
            .where(Consulta.estado == Estado.PENDIENTE, Consulta.cola == cola, Consulta.usuario_id == usuario_id)
            .where(Consulta.disponible_en <= ahora())
            .order_by(Consulta.id)
            .limit(1)
            .with_for_update(skip_locked=True)  # what another takes at this moment is passed over, not waited for
        )
        if (consulta_id := s.scalar(suyas)) and (encargo := tomar(s, consulta_id)):
            return encargo
    return None


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
        faltan=en_corto(resultado.faltantes),
        progreso=100,
        **participantes(resultado.fuentes),
        **_final(),
    ):
        return False
    s.execute(delete(DatosClima).where(DatosClima.consulta_id == encargo.id))  # of an answer in part, asked again
    s.execute(insert(DatosClima).values(consulta_id=encargo.id, **datos_de_clima(resultado)))
    return True


def registrar_fallo(
    s: Session,
    encargo: Encargo,
    codigo: CodigoError,
    mensaje: str,
    *,
    definitivo: bool,
    fallidas: Iterable[str] = (),
    plazo_s: float | None = None,
) -> Estado | None:
    """Back to pendiente after a growing wait, or to error when it is final, or attempts or time are spent.

    Returns where it stands now; None: the lease was lost or it was cancelled, and nothing was written.
    fallidas: the providers that failed; they are kept if it then waits, and ends, with nobody left to ask.
    plazo_s: how old it may be and still be tried again; what failed for want of time is not tried after it, and
    nothing a third time.
    """
    mia, fuentes = Consulta.turno == encargo.turno, {"fuentes_fallidas": juntos(fallidas)}
    if not definitivo and encargo.intentos < MAX_INTENTOS[encargo.pedido.tipo]:
        a_tiempo: tuple[ColumnElement[bool], ...] = ()
        if plazo_s is not None and (codigo == CodigoError.TIEMPO_AGOTADO or encargo.intentos >= INTENTOS_CON_PLAZO):
            a_tiempo = (_pedida_en > ahora(-plazo_s),)
        espera_s = min(ESPERA_MAXIMA_S, ESPERA_INICIAL_S * 3 ** (encargo.intentos - 1))
        if _a_pendiente(s, encargo.id, espera_s, mia, *a_tiempo, **fuentes):
            return Estado.PENDIENTE
    return Estado.ERROR if _fallar(s, encargo.id, Estado.PROCESANDO, codigo, mensaje, mia, **fuentes) else None


def cancelar(s: Session, consulta_id: int) -> bool:
    """End it before its time. False: it had ended already. Whoever works on it finds out at the next step."""
    estados = (Estado.PENDIENTE, Estado.PROCESANDO, Estado.PENDIENTE)  # it may be handed back between two looks
    return any(_fallar(s, consulta_id, estado, CodigoError.CANCELADA, CANCELADA) for estado in estados)


def reintentar(s: Session, consulta_id: int, id_peticion: str | None = None) -> bool:
    """Put an error, or an answer in part, back to pendiente with its attempts renewed. False: neither of them.

    What providers had answered is kept: respuestas of a historico, and the sources in datos_clima. What will never
    come of an answer in part is not asked again; of an error, it is.
    """
    cambios = {
        "codigo_error": None,
        "mensaje_error": None,
        "completada_en": None,
        "tiempo_respuesta_ms": None,
        "fuentes_usadas": None,
        "fuentes_fallidas": None,
        "id_peticion": id_peticion,
        "intentos": 0,
        "progreso": 0,
        "faltan": None,
        "reintentada_en": ahora(),
        "disponible_en": ahora(),
        "tocar_en": ahora(PRIMER_TOQUE_S),
    }
    en_parte = Consulta.parcial.is_(True)
    reintentable = or_(Consulta.estado == Estado.ERROR, and_(Consulta.estado == Estado.COMPLETADA, en_parte))
    suya = select(Consulta.id).where(Consulta.id == consulta_id, reintentable)
    if s.scalar(suya.with_for_update()) is None:
        return False
    resumenes.olvidar(s, consulta_id)
    if _mover(s, consulta_id, Estado.ERROR, Estado.PENDIENTE, **cambios):
        respuestas.olvidar_ausencias(s, consulta_id)
        return True
    return _mover(s, consulta_id, Estado.COMPLETADA, Estado.PENDIENTE, en_parte, **cambios)


def aplazar(
    s: Session, encargo: Encargo, codigo: CodigoError, mensaje: str, ventana_s: float | None = None
) -> Estado | None:
    """Back to pendiente without spending an attempt, unless it is older than PACIENCIA_S; then to error.

    Returns where it stands now; None: the lease was lost or it was cancelled, and nothing was written.
    ventana_s: when the call budget that it waits for has room again. It comes back then, PACIENCIA_VENTANA_S at most.

    Those of a programacion may wait for the next day's budget, and come back the more seldom the longer they wait.
    """
    mia = Consulta.turno == encargo.turno
    paciencia_s, espera_s = PACIENCIA_S[codigo], uniform(*APLAZAR_S)
    if encargo.programada:
        edad_s = (s.scalar(select(_edad_ms).where(Consulta.id == encargo.id)) or 0) / 1000
        paciencia_s, espera_s = PACIENCIA_PROGRAMADA_S[codigo], max(espera_s, min(APLAZAR_MAXIMO_S, edad_s / 4))
    if ventana_s is not None:
        paciencia_s, espera_s = PACIENCIA_VENTANA_S, ventana_s + uniform(0, min(ventana_s / 10, APLAZAR_S[1]))
    joven = _pedida_en > ahora(-paciencia_s)
    if _a_pendiente(s, encargo.id, espera_s, mia, joven, intentos=Consulta.intentos - 1):
        return Estado.PENDIENTE
    return Estado.ERROR if _fallar(s, encargo.id, Estado.PROCESANDO, codigo, mensaje, mia) else None


def devolver(s: Session, encargo: Encargo) -> bool:
    """Hand a claimed consulta back untried, to be taken again at once: its worker is about to stop."""
    return _a_pendiente(s, encargo.id, 0, Consulta.turno == encargo.turno, intentos=Consulta.intentos - 1)


# --- repairing -------------------------------------------------------------------------------------------


def por_tocar(s: Session, cola: TipoConsulta, limite: int) -> list[int]:
    """Up to `limite` due pendiente consultas, oldest first; each is claimed for this sweep as it is returned."""
    debidas = (
        select(Consulta.id)
        .where(Consulta.estado == Estado.PENDIENTE, Consulta.cola == cola, Consulta.tocar_en <= ahora())
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
    **cambios: Any,
) -> bool:
    fin = {"codigo_error": codigo, "mensaje_error": mensaje, **_final(), **cambios}
    return _mover(s, consulta_id, de, Estado.ERROR, *condiciones, **fin)


def _final() -> dict[str, Any]:
    return {
        "completada_en": ahora(),
        "tiempo_respuesta_ms": ms_desde(Consulta.creada_en),
        "vence_en": None,
        "tocar_en": None,
    }
