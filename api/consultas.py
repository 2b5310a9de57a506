"""Submit a consulta, follow it, list one's own, download the answer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from math import ceil
from typing import Any

import orjson
from flask import Response, current_app, request
from redis.exceptions import RedisError

from api import acceso, espera
from api.acceso import usuario_actual
from api.actividad import anotar
from api.base import Rutas, db, sesion
from api.errores import Problema, no_encontrado
from api.esquemas.consultas import (
    ConsultaSalida,
    ConsultaSobre,
    ConsultasPagina,
    Descarga,
    Espera,
    Historico,
    MisConsultas,
    TiempoReal,
    lugar_de,
)
from api.formatos import FORMATOS, Documento
from api.vistas import datos_clima, enlaces
from shared import archivo, consultas, respuestas
from shared.clima import Parametro, Pedido, Periodo, Resolucion, TipoConsulta, campos_de
from shared.cola import Timbre, ritmo
from shared.db import Sesiones
from shared.modelos import Consulta, Estado, Rol
from shared.series import Fila, desempacar
from shared.settings import Settings

rutas = Rutas("consultas", __name__, url_prefix="/api/consultas", description="Consultas del tiempo")
rutas.before_request(acceso.exigir_operario)

CLAVE_IDEMPOTENCIA = re.compile(r"[\x20-\x7e]{1,100}")
ID_MAXIMO = 2**31 - 1  # INT of the table
RETRY_MINIMO_S = {TipoConsulta.TIEMPO_REAL: 1, TipoConsulta.HISTORICO: 2}
RETRY_MAXIMO_S = 60
SATURADA_S = 15
PREFER = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})\b", re.ASCII | re.IGNORECASE)
VERSION = re.compile(r"\d{1,9}", re.ASCII)
Respuesta = tuple[dict[str, Any], int, dict[str, str]]


@rutas.post("/tiempo-real")
@rutas.arguments(TiempoReal)
@rutas.response(202, ConsultaSobre)
def crear_tiempo_real(datos: dict[str, Any]) -> Respuesta:
    """Pide el tiempo de ahora en un lugar; consulte Location hasta que estado sea completada o error."""
    return _crear(TipoConsulta.TIEMPO_REAL, datos)


@rutas.post("/historico")
@rutas.arguments(Historico)
@rutas.response(202, ConsultaSobre)
def crear_historico(datos: dict[str, Any]) -> Respuesta:
    """Pide el tiempo de unos días pasados en un lugar, por días o por horas."""
    return _crear(TipoConsulta.HISTORICO, datos)


@rutas.get("/mis-consultas")
@rutas.arguments(MisConsultas, location="query")
@rutas.response(200, ConsultasPagina)
def mis_consultas(filtros: dict[str, Any]) -> dict[str, Any]:
    """Las consultas propias, la más nueva primero."""
    pagina, por_pagina = filtros.pop("page"), filtros.pop("per_page")
    orden = archivo.seleccionar(usuario_actual().id, **filtros)
    hallado = db.paginate(orden, page=pagina, per_page=por_pagina, error_out=False)
    return {
        "consultas": hallado.items,
        "total": hallado.total,
        "pages": hallado.pages,
        "current_page": pagina,
        "per_page": por_pagina,
    }


@rutas.get("/<int:consulta_id>")
@rutas.arguments(Espera, location="query")
@rutas.response(200, ConsultaSobre)
@rutas.alt_response(304, description="No cambió desde If-None-Match.")
def leer(opciones: dict[str, int], consulta_id: int) -> Respuesta:
    """Una consulta y, si terminó bien, sus datos. Con esperar, responde en cuanto cambia o termina."""
    consulta = _visible(consulta_id)
    if opciones["esperar"]:
        consulta = _esperada(consulta, opciones["esperar"])
    etiqueta = f"{consulta.id}-{consulta.version}"
    cabeceras = {"ETag": f'"{etiqueta}"', "Cache-Control": "private, no-cache", **_retry_after(consulta)}
    if request.if_none_match.contains(etiqueta):
        return Response(status=304, headers=cabeceras)  # type: ignore[return-value]
    return _sobre(consulta), 200, cabeceras


@rutas.get("/<int:consulta_id>/eventos")
@rutas.response(200, content_type="text/event-stream")
def eventos(consulta_id: int) -> Response:
    """Un evento por cada cambio, hasta el final (Server-Sent Events; Last-Event-ID reanuda)."""
    _visible(consulta_id)
    ultimo = request.headers.get("Last-Event-ID", "")
    desde = int(ultimo) if VERSION.fullmatch(ultimo) else 0
    db.session.remove()  # nothing stays open while the client listens
    flujo = espera.eventos(Sesiones(db.engine), current_app.extensions["escucha"], consulta_id, desde)
    cabeceras = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return Response(flujo, 200, cabeceras, content_type="text/event-stream; charset=utf-8")


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
@rutas.response(202, ConsultaSobre)
@rutas.alt_response(409, description="No está en error ni completada en parte.")
def reintentar(consulta_id: int) -> Respuesta:
    """Pide otra vez solo lo que falló, de una consulta en error o completada en parte."""
    consulta = _propia(consulta_id)
    if not consultas.reintentar(sesion(), consulta.id):
        estado = f"La consulta está en estado «{consulta.estado}»"
        raise Problema(409, f"{estado}; solo se reintenta una en «error», o «completada» en parte.")
    anotar("reintentar_consulta", usuario_actual().id, {"consulta_id": consulta.id})
    sesion().commit()
    sesion().refresh(consulta)
    return _en_marcha(consulta)


@rutas.get("/<int:consulta_id>/descargar")
@rutas.arguments(Descarga, location="query")
@rutas.response(200, content_type="application/octet-stream")
@rutas.alt_response(409, description="Aún no está completada; el cuerpo dice su estado.")
def descargar(opciones: dict[str, Any], consulta_id: int) -> Response:
    """La respuesta como fichero json, csv, txt o yaml."""
    consulta = _visible(consulta_id)
    if consulta.estado != Estado.COMPLETADA:
        raise Problema(409, f"La consulta está en estado «{consulta.estado}»; solo se descarga una «completada».")
    formato = opciones.get("formato", consulta.formato_salida)
    cabeceras = {
        "ETag": f'"{consulta.id}-{consulta.version}-{formato}"',
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="consulta_{consulta.id}.{formato}"',
    }
    if request.if_none_match.contains(cabeceras["ETag"].strip('"')):
        return Response(status=304, headers=cabeceras)
    tipo, escribir = FORMATOS[formato]
    documento = _documento(consulta)
    db.session.remove()  # nothing stays open while the client reads
    return Response(escribir(documento, _tramos(Sesiones(db.engine), consulta.id)), 200, cabeceras, content_type=tipo)


def _crear(tipo: TipoConsulta, datos: dict[str, Any]) -> Respuesta:
    settings: Settings = current_app.extensions["settings"]
    clave = _clave_idempotencia()
    huella = hashlib.sha256(orjson.dumps([tipo, request.get_json()], option=orjson.OPT_SORT_KEYS)).hexdigest()
    try:
        consulta, repetida = consultas.crear(
            sesion(),
            usuario_actual().id,
            _pedido(tipo, datos),
            max_activas=settings.max_activas,
            max_pendientes=settings.max_pendientes,
            ip=request.remote_addr,
            clave=clave,
            huella=huella if clave else None,
        )
    except consultas.ClaveReutilizada as e:
        texto = "Esa Idempotency-Key ya se usó con otro cuerpo. Use una nueva."
        raise Problema(422, texto, {"Idempotency-Key": [texto]}) from e
    except consultas.DemasiadasActivas as e:
        texto = f"Tiene {settings.max_activas} consultas sin terminar. Espere a que acaben algunas."
        raise Problema(429, texto, cabeceras={"Retry-After": "10"}) from e
    except consultas.Saturada as e:
        texto = "Hay demasiadas consultas esperando en todo el sistema. Vuelva a intentarlo en unos segundos."
        raise Problema(503, texto, cabeceras={"Retry-After": str(SATURADA_S)}) from e
    return _aceptada(consulta, repetida)


def _aceptada(consulta: Consulta, repetida: bool) -> Respuesta:
    """Answer 202 for a new consulta, 200 for one this Idempotency-Key had made, or that ended within Prefer: wait."""
    if repetida:
        return _sobre(consulta), 200, {"Location": enlaces(consulta)["self"], "Idempotency-Replayed": "true"}
    anotar("crear_consulta", usuario_actual().id, {"consulta_id": consulta.id})
    sesion().commit()
    cuerpo, estado, cabeceras = _en_marcha(consulta)
    segundos = _prefiere_esperar()
    if segundos:
        cabeceras["Preference-Applied"] = f"wait={segundos}"
        esperada = _esperada(consulta, segundos, hasta_el_final=True)
        cuerpo = _sobre(esperada)
        if esperada.estado.final:
            del cabeceras["Retry-After"]
            estado = 200
    return cuerpo, estado, cabeceras


def _en_marcha(consulta: Consulta) -> Respuesta:
    """Ring, after the commit, so that the worker can see the row; and say where to look."""
    timbre: Timbre = current_app.extensions["timbre"]
    timbre.tocar(consulta.id, consulta.tipo_consulta)
    return _sobre(consulta), 202, {"Location": enlaces(consulta)["self"], **_retry_after(consulta)}


def _esperada(consulta: Consulta, segundos: int, *, hasta_el_final: bool = False) -> Consulta:
    """The consulta once it ended or, with If-None-Match, once its ETag is another; or as it is after `segundos`."""
    conocidas = request.if_none_match
    por_cambio = bool(conocidas) and not hasta_el_final

    def cumple(version: int, final: bool) -> bool:
        return not conocidas.contains(f"{consulta.id}-{version}") if por_cambio else final

    espera.esperar(consulta.id, cumple, segundos)
    return _visible(consulta.id)


def _prefiere_esperar() -> int:
    """N of `Prefer: wait=N` (RFC 7240), at most MAXIMA_S; 0 if it was not asked. What is not understood is ignored."""
    hallado = PREFER.search(request.headers.get("Prefer", ""))
    return min(int(hallado[1]), espera.MAXIMA_S) if hallado else 0


def _retry_after(consulta: Consulta) -> dict[str, str]:
    """When to look again: what stands before it in the queue, at the pace the queue has had; nothing if it ended."""
    if consulta.estado.final:
        return {}
    try:
        por_s = ritmo(current_app.extensions["redis"], consulta.tipo_consulta)
    except RedisError:
        por_s = 0.0
    delante = archivo.posicion(sesion(), consulta) or 1
    segundos = ceil(delante / por_s) if por_s > 0 else 0
    return {"Retry-After": str(min(RETRY_MAXIMO_S, max(RETRY_MINIMO_S[consulta.tipo_consulta], segundos)))}


def _pedido(tipo: TipoConsulta, datos: dict[str, Any]) -> Pedido:
    periodo = None
    if tipo == TipoConsulta.HISTORICO:
        periodo = Periodo(datos["fecha_inicio"], datos["fecha_fin"], datos["resolucion"])
    return Pedido(
        tipo=tipo,
        ciudad=datos.get("ciudad"),
        lugar=lugar_de(datos),
        parametros=datos["parametros"],
        proveedores=datos.get("proveedores"),
        formato=datos["formato"],
        periodo=periodo,
        max_edad_s=datos.get("max_edad_s"),
    )


def _clave_idempotencia() -> str | None:
    clave = request.headers.get("Idempotency-Key")
    if clave is not None and not CLAVE_IDEMPOTENCIA.fullmatch(clave):
        texto = "Debe tener entre 1 y 100 caracteres ASCII imprimibles."
        raise Problema(422, f"Idempotency-Key no es válida. {texto}", {"Idempotency-Key": [texto]})
    return clave


def _visible(consulta_id: int) -> Consulta:
    consulta = archivo.leer(sesion(), consulta_id) if consulta_id <= ID_MAXIMO else None
    if consulta is None or not acceso.puede_leer(consulta.usuario_id):
        raise no_encontrado()
    return consulta


def _propia(consulta_id: int) -> Consulta:
    """One that the caller may change: their own; an admin, anybody's."""
    consulta = _visible(consulta_id)
    if consulta.usuario_id != usuario_actual().id and usuario_actual().rol != Rol.ADMIN:
        raise no_encontrado()
    return consulta


def _sobre(consulta: Consulta) -> dict[str, Any]:
    sobre: dict[str, Any] = {"consulta": consulta, "enlaces": enlaces(consulta)}
    if (posicion := archivo.posicion(sesion(), consulta)) is not None:
        sobre["posicion"] = posicion
    if consulta.estado == Estado.COMPLETADA and (datos := archivo.datos_de(sesion(), consulta.id)):
        sobre["datos_clima"] = datos_clima(datos)
    return sobre


def _documento(consulta: Consulta) -> Documento:
    datos = archivo.datos_de(sesion(), consulta.id)
    assert datos is not None  # written in the same transaction as estado completada
    momento = {None: [], Resolucion.DIARIA: ["fecha"], Resolucion.HORARIA: ["instante", "fecha"]}
    return Documento(
        consulta=ConsultaSalida().dump(consulta),
        datos_clima=datos_clima(datos),
        valores=datos.datos_completos["valores"],
        campos=campos_de([Parametro(p) for p in consulta.parametros_solicitados]),
        momento=momento[consulta.resolucion],
    )


def _tramos(sesiones: Sesiones, consulta_id: int) -> Iterator[list[Fila]]:
    """The stored pieces one by one, each read in a transaction of its own."""
    numero = 0
    while True:
        with sesiones.transaccion() as s:
            hallado = respuestas.tramo(s, consulta_id, numero)
        if hallado is None:
            return
        numero = hallado[0] + 1
        yield desempacar(hallado[1])
