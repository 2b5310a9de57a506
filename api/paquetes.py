"""A whole lote as one file, streamed: never more than one piece of one consulta in memory.

ids: of its consultas, in order; None for each that retention has deleted.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import Any

import orjson
from zipstream import ZipStream

from api.documentos import Borrada, documento, tramos
from api.esquemas.consultas import ConsultaSalida
from api.formatos import FORMATOS, Documento, linea
from shared import archivo
from shared.clima import Parametro, campos_de
from shared.db import Sesiones
from shared.modelos import Estado

CAMPOS = campos_de(list(Parametro))
CONSULTA = ["id", "tipo_consulta", "estado", "codigo_error", "ciudad", "latitud", "longitud"]
MOMENTO = ["instante", "hora_local", "fecha"]
BORRADO = "borrado por antigüedad"
Ids = list[int | None]


def en_csv(sesiones: Sesiones, ids: Ids) -> Iterator[bytes]:
    """A row per day or hour of each historico, one per tiempo_real, and one without values for what ended in error.

    One without values, too, for what was deleted: `origen` says so.
    """
    yield linea(["consulta_id", *CONSULTA[1:], *MOMENTO, *CAMPOS, "fuentes", "origen"])
    for consulta_id in ids:
        consulta, entero = _una(sesiones, consulta_id)
        suyas = [consulta[c] for c in CONSULTA]
        if entero is None:
            yield linea(
                [*suyas, *[None] * (len(MOMENTO) + len(CAMPOS) + 1), BORRADO if _borrado(consulta, entero) else None]
            )
            continue
        origen = "laboratorio" if entero.datos_clima["laboratorio"] else "proveedores"
        if not entero.momento:
            valores = [entero.valores.get(c) if c in entero.campos else None for c in CAMPOS]
            fuentes = " ".join(entero.datos_clima["fuentes_utilizadas"])
            yield linea([*suyas, consulta["completada_en"], None, None, *valores, fuentes, origen])
        for filas in tramos(sesiones, entero):
            yield b"".join(
                linea([*suyas, *(f.get(c) for c in (*MOMENTO, *CAMPOS)), f["fuentes"], origen]) for f in filas
            )


def en_zip(sesiones: Sesiones, ids: Ids) -> Iterator[bytes]:
    """manifiesto.json says how each consulta ended; those that were completed have a file in their own format.

    `faltantes`: what its answer lacks, as in datos_clima.
    `borrado`: "serie" or "consulta", where retention left nothing to make a file of; else null.
    """
    paquete = ZipStream(compress_type=zipfile.ZIP_DEFLATED)
    manifiesto = []
    for consulta_id in ids:
        consulta, entero = _una(sesiones, consulta_id)
        fichero = f"consulta_{consulta_id}.{consulta['formato_salida']}" if entero else None
        faltantes = entero.datos_clima["faltantes"] if entero else []
        borrado = _borrado(consulta, entero)
        visible = dict.fromkeys(ConsultaSalida().fields) | consulta  # the same names in each
        manifiesto.append({"fichero": fichero, "borrado": borrado, **visible, "faltantes": faltantes})
        if fichero:
            paquete.add(_escrita(sesiones, consulta_id), fichero)
    paquete.add(orjson.dumps(manifiesto, option=orjson.OPT_INDENT_2), "manifiesto.json")
    yield from paquete


def _escrita(sesiones: Sesiones, consulta_id: int | None) -> Iterator[bytes]:
    """Its file, read when the zip comes to it. Raises Borrada."""
    consulta, entero = _una(sesiones, consulta_id)
    if entero is None:
        raise Borrada(f"consulta {consulta_id}")
    yield from FORMATOS[consulta["formato_salida"]][1](entero, tramos(sesiones, entero))


def _una(sesiones: Sesiones, consulta_id: int | None) -> tuple[dict[str, Any], Documento | None]:
    """The consulta as the API shows it (all null: it was deleted), and what its download is made of, if any."""
    with sesiones.transaccion() as s:
        consulta = None if consulta_id is None else archivo.leer(s, consulta_id)
        if consulta is None:
            return dict.fromkeys(ConsultaSalida().fields) | {"id": consulta_id}, None
        visible: dict[str, Any] = ConsultaSalida().dump(consulta)
        return visible, documento(s, consulta) if consulta.estado == Estado.COMPLETADA else None


def _borrado(consulta: dict[str, Any], entero: Documento | None) -> str | None:
    if consulta["estado"] is None:
        return "consulta"
    return "serie" if entero is None and consulta["estado"] == Estado.COMPLETADA else None
