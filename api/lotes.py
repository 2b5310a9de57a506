"""Lotes: up to 500 consultas accepted together, followed and downloaded as one."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, url_for

from api import acceso, paquetes
from api.acceso import usuario_actual
from api.actividad import anotar
from api.admision import admision
from api.base import Rutas, db, sesion
from api.errores import Problema
from api.esquemas.cabeceras import da
from api.esquemas.consultas import pedido_de
from api.esquemas.lotes import DescargaLote, FormatoLote, LoteNuevo, LoteNuevoAceptado, LoteSalida
from api.lugar import con_lugar
from api.presupuestos import presupuestar
from shared import lotes, metricas
from shared.clima import Pedido, TipoConsulta
from shared.cola import Timbre
from shared.db import Sesiones
from shared.modelos import Estado, Lote

rutas = Rutas("lotes", __name__, url_prefix="/api/consultas", description="Muchas consultas de una vez")
rutas.before_request(acceso.exigir_operario)

Respuesta = tuple[dict[str, Any], int, dict[str, str]]
RETRY_S = "2"
LOTE_BORRADO = "Las consultas de este lote se borraron por antigüedad. Envíe otro lote para pedirlas de nuevo."
REPETIDO = "El que se creó antes con esa Idempotency-Key."


@rutas.post("/lote")
@rutas.pide("Idempotency-Key")
@rutas.arguments(LoteNuevo)
@rutas.response(202, LoteNuevoAceptado, description="Aceptado entero.", headers=da("Location", "Retry-After"))
@rutas.alt_response(
    200, schema=LoteNuevoAceptado, description=REPETIDO, headers=da("Location", "Idempotency-Replayed"), success=True
)
def crear(datos: dict[str, Any]) -> Respuesta:
    """Pide hasta 500 consultas de una vez: se aceptan todas o ninguna."""
    pedidos = [_pedido(n, elemento) for n, elemento in enumerate(datos["consultas"])]
    with admision("lote") as condiciones:
        lote, repetido = lotes.crear(sesion(), usuario_actual().id, pedidos, **condiciones)
    cuerpo = _aceptado(lote)
    if repetido:
        return cuerpo, 200, {"Location": cuerpo["enlaces"]["self"], "Idempotency-Replayed": "true"}
    anotar("crear_lote", usuario_actual().id, {"lote_id": lote.id, "total": lote.total})
    sesion().commit()
    metricas.aceptadas.labels("lote").inc(lote.total)
    timbre: Timbre = current_app.extensions["timbre"]
    timbre.tocar_debidas()
    cuesta = presupuestar(*pedidos)
    return cuerpo | cuesta, 202, {"Location": cuerpo["enlaces"]["self"], "Retry-After": RETRY_S}


@rutas.get("/lotes/<int:lote_id>")
@rutas.response(200, LoteSalida)
def leer(lote_id: int) -> dict[str, Any]:
    """Cómo va un lote: cuántas hay en cada estado, y sus id."""
    lote = _visible(lote_id)
    cuentas = lotes.por_estado(sesion(), lote.id)
    return {
        **_aceptado(lote),
        "por_estado": cuentas,
        "progreso": lotes.progreso(sesion(), lote.id),
        "terminado": not _quedan(cuentas),
        "borradas": lote.total - sum(cuentas.values()),
        "creado_en": lote.creado_en,
    }


@rutas.get("/lotes/<int:lote_id>/descargar")
@rutas.arguments(DescargaLote, location="query")
@rutas.response(200, {"type": "string"}, content_type="text/csv", headers=da("Content-Disposition"))
@rutas.response(200, {"type": "string", "format": "binary"}, content_type="application/zip")
@rutas.alt_response(409, description="Quedan consultas sin terminar.")
@rutas.alt_response(410, description="Todas sus consultas se borraron por antigüedad. Si quedan algunas, se descargan.")
def descargar(opciones: dict[str, Any], lote_id: int) -> Response:
    """Todo el lote como un CSV, o como un zip con un fichero por consulta y un índice.

    De lo que ya se borró por antigüedad queda una fila sin valores en el CSV, que lo dice en `origen`, y una entrada en
    `manifiesto.json`, que lo dice en `borrado`.
    """
    lote = _visible(lote_id)
    cuentas = lotes.por_estado(sesion(), lote.id)
    if quedan := _quedan(cuentas):
        raise Problema(409, f"Quedan {quedan} consultas sin terminar. Espere a que `terminado` sea true.")
    ids = lotes.ids(sesion(), lote.id)
    if not ids:
        raise Problema(410, LOTE_BORRADO)
    formato: FormatoLote = opciones["formato"]
    escribir, tipo = (
        (paquetes.en_csv, "text/csv; charset=utf-8")
        if formato == FormatoLote.CSV
        else (paquetes.en_zip, "application/zip")
    )
    nombre = f'attachment; filename="lote_{lote.id}.{formato}"'
    db.session.remove()  # nothing stays open while the client reads
    cabeceras = {"Content-Disposition": nombre, "Cache-Control": "private, no-cache"}
    faltan = [None] * (lote.total - len(ids))
    return Response(escribir(Sesiones(db.engine), [*ids, *faltan]), 200, cabeceras, content_type=tipo)


def _pedido(n: int, elemento: dict[str, Any]) -> Pedido:
    tipo = TipoConsulta(elemento["tipo"])
    return pedido_de(tipo, con_lugar(tipo, elemento, f"consultas.{n}."))


def _aceptado(lote: Lote) -> dict[str, Any]:
    propio = url_for("lotes.leer", lote_id=lote.id)
    return {
        "lote_id": lote.id,
        "total": lote.total,
        "consultas": lotes.ids(sesion(), lote.id),
        "enlaces": {"self": propio, "descargar": f"{propio}/descargar"},
    }


def _quedan(cuentas: dict[Estado, int]) -> int:
    return sum(cuantas for estado, cuantas in cuentas.items() if not estado.final)


def _visible(lote_id: int) -> Lote:
    lote = lotes.leer(sesion(), lote_id)
    if lote is None or not acceso.puede_leer(lote.usuario_id):
        raise Problema(404, "No existe ese lote, o no es suyo.")
    return lote
