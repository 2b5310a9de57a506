"""Submit a consulta, follow it, list one's own, download the answer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import orjson
from flask import Response, current_app, request

from api import acceso
from api.acceso import usuario_actual
from api.auth import anotar
from api.base import Rutas, db, sesion
from api.errores import Problema, no_encontrado
from api.esquemas import (
    ConsultaSalida,
    ConsultaSobre,
    ConsultasPagina,
    Descarga,
    Historico,
    MisConsultas,
    TiempoReal,
    lugar_de,
)
from api.formatos import FORMATOS, Documento
from api.vistas import datos_clima, enlaces
from shared import consultas, respuestas
from shared.clima import Parametro, Pedido, Periodo, Resolucion, TipoConsulta, campos_de
from shared.cola import Timbre
from shared.db import Sesiones
from shared.modelos import Consulta, Estado
from shared.series import Fila, desempacar
from shared.settings import Settings

rutas = Rutas("consultas", __name__, url_prefix="/api/consultas", description="Consultas del tiempo")
rutas.before_request(acceso.exigir_operario)

CLAVE_IDEMPOTENCIA = re.compile(r"[\x20-\x7e]{1,100}")
ID_MAXIMO = 2**31 - 1  # INT of the table
ESPERA_S = {TipoConsulta.TIEMPO_REAL: 1, TipoConsulta.HISTORICO: 2}
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
    orden = consultas.seleccionar(usuario_actual().id, **filtros)
    hallado = db.paginate(orden, page=pagina, per_page=por_pagina, error_out=False)
    return {
        "consultas": hallado.items,
        "total": hallado.total,
        "pages": hallado.pages,
        "current_page": pagina,
        "per_page": por_pagina,
    }


@rutas.get("/<int:consulta_id>")
@rutas.response(200, ConsultaSobre)
def leer(consulta_id: int) -> Respuesta:
    """Una consulta y, si terminó bien, sus datos."""
    consulta = _visible(consulta_id)
    etiqueta = f'"{consulta.id}-{consulta.version}"'
    cabeceras = {"ETag": etiqueta, "Cache-Control": "private, no-cache"}
    if not consulta.estado.final:
        cabeceras["Retry-After"] = str(ESPERA_S[consulta.tipo_consulta])
    if request.if_none_match.contains(etiqueta.strip('"')):
        return Response(status=304, headers=cabeceras)  # type: ignore[return-value]
    return _sobre(consulta), 200, cabeceras


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
    return _aceptada(consulta, repetida)


def _aceptada(consulta: Consulta, repetida: bool) -> Respuesta:
    """Answer 202 for a new consulta, 200 for one this Idempotency-Key had made."""
    destino = enlaces(consulta)["self"]
    if repetida:
        return _sobre(consulta), 200, {"Location": destino, "Idempotency-Replayed": "true"}
    anotar("crear_consulta", usuario_actual().id, {"consulta_id": consulta.id})
    sesion().commit()
    timbre: Timbre = current_app.extensions["timbre"]
    timbre.tocar(consulta.id, consulta.tipo_consulta)  # after the commit: the worker must be able to see the row
    espera = str(ESPERA_S[consulta.tipo_consulta])
    return _sobre(consulta), 202, {"Location": destino, "Retry-After": espera}


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
    consulta = consultas.leer(sesion(), consulta_id) if consulta_id <= ID_MAXIMO else None
    if consulta is None or not acceso.puede_leer(consulta.usuario_id):
        raise no_encontrado()
    return consulta


def _sobre(consulta: Consulta) -> dict[str, Any]:
    sobre: dict[str, Any] = {"consulta": consulta, "enlaces": enlaces(consulta)}
    if consulta.estado == Estado.COMPLETADA and (datos := consultas.datos_de(sesion(), consulta.id)):
        sobre["datos_clima"] = datos_clima(datos)
    return sobre


def _documento(consulta: Consulta) -> Documento:
    datos = consultas.datos_de(sesion(), consulta.id)
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
