"""Submit a consulta, follow it, list one's own, download the answer."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from math import ceil, floor
from typing import Any

import structlog
from flask import Response, current_app, g, request
from redis.exceptions import RedisError

from api import acceso, espera
from api.acceso import usuario_actual
from api.actividad import anotar
from api.admision import admision, limites
from api.aforo import Aforo
from api.base import Rutas, db, paginar, sesion
from api.documentos import documento, serie_borrada, tramos
from api.errores import Problema, no_encontrado
from api.esquemas.cabeceras import da
from api.esquemas.consultas import (
    ConsultaSobre,
    ConsultasPagina,
    Descarga,
    DescargaJson,
    Espera,
    Historico,
    MisConsultas,
    TiempoReal,
    pedido_de,
)
from api.formatos import FORMATOS
from api.lugar import con_lugar
from api.presupuestos import presupuestar
from api.vistas import datos_clima, enlaces
from shared import archivo, consultas, metricas
from shared.admision import admitir
from shared.clima import TipoConsulta
from shared.cola import Timbre, clase_de, demora_s
from shared.db import Sesiones
from shared.modelos import Consulta, Estado

rutas = Rutas("consultas", __name__, url_prefix="/api/consultas", description="Consultas del tiempo")
rutas.before_request(acceso.exigir_operario)

log = structlog.get_logger()

RETRY_MINIMO_S, RETRY_MAXIMO_S = 1, 60
OYEN_S = "5"
DEMASIADOS_OYEN = (
    "Hay demasiadas peticiones suyas, o de todos, esperando cambios. Cierre alguna, o pregunte cada poco sin esperar."
)
PREFER = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})\b", re.ASCII | re.IGNORECASE)
VERSION = re.compile(r"\d{1,9}", re.ASCII)
Respuesta = tuple[dict[str, Any], int, dict[str, str]]
SIN_CAMBIO = "No cambió desde If-None-Match."
EVENTO = {  # one of the stream
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$", "description": "La versión de la consulta."},
        "event": {"type": "string", "enum": ["consulta"]},
        "data": {"type": "string", "contentMediaType": "application/json", "description": "La consulta, como en GET."},
    },
}
UN_EVENTO = 'id: 3\nevent: consulta\ndata: {"id":12,"estado":"completada"}\n\n'
UN_CSV = "fecha,ciudad,temperatura,fuentes,origen\r\n2026-01-31,Medellín,22.4,openmeteo,proveedores\r\n"
YA_TERMINADA = "La que se creó antes con esa Idempotency-Key, o la que terminó dentro de Prefer: wait=N."
DE_YA_TERMINADA = da("Location", a_veces=("Idempotency-Replayed", "Preference-Applied"))
DE_ACEPTADA = da("Location", "Retry-After", a_veces=("Preference-Applied",))


@rutas.post("/tiempo-real")
@rutas.pide("Idempotency-Key", "Prefer")
@rutas.arguments(TiempoReal)
@rutas.response(202, ConsultaSobre, description="Aceptada.", headers=DE_ACEPTADA)
@rutas.alt_response(200, schema=ConsultaSobre, description=YA_TERMINADA, headers=DE_YA_TERMINADA, success=True)
def crear_tiempo_real(datos: dict[str, Any]) -> Respuesta:
    """Pide el tiempo de ahora en un lugar; consulte Location hasta que estado sea completada o error."""
    return _crear(TipoConsulta.TIEMPO_REAL, datos)


@rutas.post("/historico")
@rutas.pide("Idempotency-Key", "Prefer")
@rutas.arguments(Historico)
@rutas.response(202, ConsultaSobre, description="Aceptada.", headers=DE_ACEPTADA)
@rutas.alt_response(200, schema=ConsultaSobre, description=YA_TERMINADA, headers=DE_YA_TERMINADA, success=True)
def crear_historico(datos: dict[str, Any]) -> Respuesta:
    """Pide el tiempo de unos días pasados en un lugar, por días o por horas."""
    return _crear(TipoConsulta.HISTORICO, datos)


@rutas.get("/mis-consultas")
@rutas.arguments(MisConsultas, location="query")
@rutas.response(200, ConsultasPagina)
def mis_consultas(filtros: dict[str, Any]) -> dict[str, Any]:
    """Las consultas propias, la más nueva primero."""
    return paginar("consultas", partial(archivo.seleccionar, usuario_actual().id), filtros)


@rutas.get("/<int:consulta_id>")
@rutas.pide("If-None-Match")
@rutas.arguments(Espera, location="query")
@rutas.response(200, ConsultaSobre, headers=da("ETag", a_veces=("Retry-After",)))
@rutas.alt_response(304, description=SIN_CAMBIO, headers=da("ETag", a_veces=("Retry-After",)))
def leer(opciones: dict[str, int], consulta_id: int) -> Respuesta:
    """Una consulta y, si terminó bien, sus datos. Con esperar, responde en cuanto cambia o termina."""
    consulta = _visible(consulta_id)
    if opciones["esperar"]:
        consulta = _esperada(consulta, opciones["esperar"]) or consulta
    etiqueta = f"{consulta.id}-{consulta.version}"
    cabeceras = {"ETag": f'"{etiqueta}"', "Cache-Control": "private, no-cache", **_retry_after(consulta)}
    if request.if_none_match.contains_weak(etiqueta):  # nginx makes an ETag weak when it compresses the answer
        return Response(status=304, headers=cabeceras)  # type: ignore[return-value]
    return _sobre(consulta), 200, cabeceras


@rutas.get("/<int:consulta_id>/eventos")
@rutas.pide("Last-Event-ID")
@rutas.response(200, EVENTO, content_type="text/event-stream", example=UN_EVENTO)
@rutas.alt_response(204, description="Terminó, y Last-Event-ID es su último evento: un navegador ya no vuelve.")
@rutas.alt_response(429, description="Ya escuchan demasiados: cierre alguno, o consulte cada poco.")
def eventos(consulta_id: int) -> Response:
    """Un evento por cada cambio, hasta el final (Server-Sent Events; Last-Event-ID reanuda)."""
    consulta = _visible(consulta_id)
    ultimo = request.headers.get("Last-Event-ID", "")
    desde = int(ultimo) if VERSION.fullmatch(ultimo) else 0
    if consulta.estado.final and desde >= consulta.version:
        return Response(status=204)  # an EventSource comes back for ever, until it gets this
    aforo: Aforo = current_app.extensions["aforo"]
    quien, sigue = usuario_actual().id, acceso.vigencia(consulta.usuario_id)
    db.session.remove()  # nothing stays open while the client listens
    if not aforo.entrar(quien):
        raise Problema(429, DEMASIADOS_OYEN, cabeceras={"Retry-After": OYEN_S})
    flujo = espera.eventos(Sesiones(db.engine), current_app.extensions["escucha"], consulta_id, desde, sigue)
    cabeceras = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    respuesta = Response(flujo, 200, cabeceras, content_type="text/event-stream; charset=utf-8")
    respuesta.call_on_close(partial(aforo.salir, quien))  # also if not one byte of it was read
    return respuesta


@rutas.post("/<int:consulta_id>/cancelar")
@rutas.response(200, ConsultaSobre)
@rutas.alt_response(409, description="Ya estaba completada.")
def cancelar(consulta_id: int) -> Respuesta:
    """La termina en error con codigo_error cancelada. Repetirlo no hace nada más."""
    consulta = _propia(consulta_id)
    if consultas.cancelar(sesion(), consulta.id):
        anotar("cancelar_consulta", usuario_actual().id, {"consulta_id": consulta.id})
    sesion().commit()
    sesion().refresh(consulta)
    if consulta.estado == Estado.COMPLETADA:
        raise Problema(409, "La consulta ya está completada; no queda nada que cancelar.")
    return _sobre(consulta), 200, {}


@rutas.post("/<int:consulta_id>/reintentar")
@rutas.response(202, ConsultaSobre, headers=da("Location", "Retry-After"))
@rutas.alt_response(409, description="No está en error ni completada en parte.")
def reintentar(consulta_id: int) -> Respuesta:
    """Pide otra vez solo lo que falló, de una consulta en error o completada en parte."""
    consulta = _propia(consulta_id)
    with limites(current_app.extensions["settings"]) as topes:
        admitir(sesion(), consulta.usuario_id, 1, **topes)
    if not consultas.reintentar(sesion(), consulta.id, g.id_peticion):
        estado = f"La consulta está en estado «{consulta.estado}»"
        raise Problema(409, f"{estado}; solo se reintenta una en «error», o «completada» en parte.")
    anotar("reintentar_consulta", usuario_actual().id, {"consulta_id": consulta.id})
    sesion().commit()
    sesion().refresh(consulta)
    return _en_marcha(consulta)


@rutas.get("/<int:consulta_id>/descargar")
@rutas.pide("If-None-Match")
@rutas.arguments(Descarga, location="query")
@rutas.response(200, DescargaJson, headers=da("ETag", "Content-Disposition"))
@rutas.response(200, {"type": "string"}, content_type="text/csv", example=UN_CSV)
@rutas.response(200, {"type": "string"}, content_type="text/plain")
@rutas.response(200, DescargaJson, content_type="application/yaml")
@rutas.alt_response(304, description=SIN_CAMBIO, headers=da("ETag"))
@rutas.alt_response(409, description="Aún no está completada; el cuerpo dice su estado.")
@rutas.alt_response(410, description="Su serie se borró por antigüedad; el cuerpo dice cómo tenerla otra vez.")
def descargar(opciones: dict[str, Any], consulta_id: int) -> Response:
    """La respuesta como fichero json, csv, txt o yaml."""
    consulta = _visible(consulta_id)
    if consulta.estado != Estado.COMPLETADA:
        raise Problema(409, f"La consulta está en estado «{consulta.estado}»; solo se descarga una «completada».")
    entero = documento(sesion(), consulta)
    if entero is None:
        raise serie_borrada(consulta)
    formato = opciones.get("formato", consulta.formato_salida)
    cabeceras = {
        "ETag": f'"{consulta.id}-{consulta.version}-{formato}"',
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="consulta_{consulta.id}.{formato}"',
    }
    if request.if_none_match.contains_weak(cabeceras["ETag"].strip('"')):
        return Response(status=304, headers=cabeceras)
    tipo, escribir = FORMATOS[formato]
    db.session.remove()  # nothing stays open while the client reads
    return Response(escribir(entero, tramos(Sesiones(db.engine), entero)), 200, cabeceras, content_type=tipo)


def _crear(tipo: TipoConsulta, datos: dict[str, Any]) -> Respuesta:
    pedido = pedido_de(tipo, con_lugar(tipo, datos))
    with admision(tipo) as condiciones:
        consulta, repetida = consultas.crear(sesion(), usuario_actual().id, pedido, **condiciones)
    cuesta = {} if repetida else presupuestar(pedido)
    cuerpo, estado, cabeceras = _aceptada(consulta, repetida)
    return cuerpo | cuesta, estado, cabeceras


def _aceptada(consulta: Consulta, repetida: bool) -> Respuesta:
    """Answer 202 for a new consulta, 200 for one this Idempotency-Key had made, or that ended within Prefer: wait."""
    if repetida:
        return _sobre(consulta), 200, {"Location": enlaces(consulta)["self"], "Idempotency-Replayed": "true"}
    anotar("crear_consulta", usuario_actual().id, {"consulta_id": consulta.id})
    sesion().commit()
    metricas.aceptadas.labels(consulta.tipo_consulta).inc()
    log.info("consulta_aceptada", consulta_id=consulta.id)
    cuerpo, estado, cabeceras = _en_marcha(consulta)
    segundos = _prefiere_esperar()
    if segundos and (esperada := _esperada(consulta, segundos, hasta_el_final=True)):
        cabeceras["Preference-Applied"] = f"wait={segundos}"
        cuerpo = _sobre(esperada)
        if esperada.estado.final:
            del cabeceras["Retry-After"]
            estado = 200
    return cuerpo, estado, cabeceras


def _en_marcha(consulta: Consulta) -> Respuesta:
    """Ring, after the commit, so that the worker can see the row; and say where to look."""
    timbre: Timbre = current_app.extensions["timbre"]
    timbre.tocar(consulta.id, consulta.cola)
    return _sobre(consulta), 202, {"Location": enlaces(consulta)["self"], **_retry_after(consulta)}


def _esperada(consulta: Consulta, segundos: int, *, hasta_el_final: bool = False) -> Consulta | None:
    """The consulta once it ended or, with If-None-Match, once its ETag is another; or as it is after `segundos`.

    None: too many wait already.
    """
    conocidas = request.if_none_match
    por_cambio = bool(conocidas) and not hasta_el_final

    def cumple(version: int, final: bool) -> bool:
        return not conocidas.contains_weak(f"{consulta.id}-{version}") if por_cambio else final

    return _visible(consulta.id) if espera.esperar(consulta.id, cumple, segundos) else None


def _prefiere_esperar() -> int:
    """N of `Prefer: wait=N` (RFC 7240), at most MAXIMA_S; 0 if it was not asked. What is not understood is ignored."""
    hallado = PREFER.search(request.headers.get("Prefer", ""))
    return min(int(hallado[1]), espera.MAXIMA_S) if hallado else 0


def _retry_after(consulta: Consulta) -> dict[str, str]:
    """When to look again; nothing if it ended. From what stands before it and how long its kind took lately."""
    if consulta.estado.final:
        return {}
    if reanuda_en := consulta.reanuda_en:
        segundos = ceil((reanuda_en - datetime.now(UTC)).total_seconds())
    else:
        segundos = floor(_demora_s(consulta))  # half of a consulta's kind end sooner: rather a look too soon
    return {"Retry-After": str(min(RETRY_MAXIMO_S, max(RETRY_MINIMO_S, segundos)))}


def _demora_s(consulta: Consulta) -> float:
    inicio, fin = consulta.fecha_inicio, consulta.fecha_fin
    dias = (fin - inicio).days + 1 if inicio and fin else 0
    delante = (archivo.posicion(sesion(), consulta) or 1) - 1
    queda = 1 - consulta.progreso / 100
    redis = current_app.extensions["redis"]
    try:
        return demora_s(redis, consulta.cola, clase_de(consulta.resolucion, dias), delante, queda)
    except RedisError:
        return 0.0


def _visible(consulta_id: int) -> Consulta:
    consulta = archivo.leer(sesion(), consulta_id)
    if consulta is None or not acceso.puede_leer(consulta.usuario_id):
        raise no_encontrado()
    return consulta


def _propia(consulta_id: int) -> Consulta:
    """One that the caller may change: their own; an admin, anybody's."""
    consulta = _visible(consulta_id)
    if not acceso.puede_cambiar(consulta.usuario_id):
        raise no_encontrado()
    return consulta


def _sobre(consulta: Consulta) -> dict[str, Any]:
    sobre: dict[str, Any] = {"consulta": consulta, "enlaces": enlaces(consulta)}
    if (posicion := archivo.posicion(sesion(), consulta)) is not None:
        sobre["posicion"] = posicion
    if consulta.estado == Estado.COMPLETADA and (datos := archivo.datos_de(sesion(), consulta.id)):
        sobre["datos_clima"] = datos_clima(datos)
    return sobre
