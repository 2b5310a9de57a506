"""A whole lote as one file, streamed: never more than one piece of one consulta in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import Any

import orjson
from zipstream import ZipStream

from api.documentos import documento, tramos
from api.esquemas.consultas import ConsultaSalida
from api.formatos import FORMATOS, Documento, linea
from shared import archivo
from shared.clima import Parametro, campos_de
from shared.db import Sesiones
from shared.modelos import Estado

CAMPOS = campos_de(list(Parametro))
CONSULTA = ["id", "tipo_consulta", "estado", "codigo_error", "ciudad", "latitud", "longitud"]


def en_csv(sesiones: Sesiones, ids: list[int]) -> Iterator[bytes]:
    """A row per day or hour of each historico, one per tiempo_real, and one without values for what ended in error."""
    yield linea(["consulta_id", *CONSULTA[1:], "instante", "fecha", *CAMPOS, "fuentes", "origen"])
    for consulta_id in ids:
        consulta, entero = _una(sesiones, consulta_id)
        suyas = [consulta[c] for c in CONSULTA]
        if entero is None:
            yield linea([*suyas, *[None] * (len(CAMPOS) + 4)])
            continue
        origen = "laboratorio" if entero.datos_clima["laboratorio"] else "proveedores"
        if not entero.momento:
            valores = [entero.valores.get(c) if c in entero.campos else None for c in CAMPOS]
            fuentes = " ".join(entero.datos_clima["fuentes_utilizadas"])
            yield linea([*suyas, consulta["completada_en"], None, *valores, fuentes, origen])
        for filas in tramos(sesiones, consulta_id):
            yield b"".join(
                linea([*suyas, f.get("instante"), f["fecha"], *(f.get(c) for c in CAMPOS), f["fuentes"], origen])
                for f in filas
            )


def en_zip(sesiones: Sesiones, ids: list[int]) -> Iterator[bytes]:
    """manifiesto.json says how each consulta ended; those that were completed have a file in their own format."""
    paquete = ZipStream(compress_type=zipfile.ZIP_DEFLATED)
    manifiesto = []
    for consulta_id in ids:
        consulta, entero = _una(sesiones, consulta_id)
        fichero = f"consulta_{consulta_id}.{consulta['formato_salida']}" if entero else None
        manifiesto.append({"fichero": fichero, **consulta})
        if fichero:
            paquete.add(_escrita(sesiones, consulta_id), fichero)
    paquete.add(orjson.dumps(manifiesto, option=orjson.OPT_INDENT_2), "manifiesto.json")
    yield from paquete


def _escrita(sesiones: Sesiones, consulta_id: int) -> Iterator[bytes]:
    """Its file, read when the zip comes to it."""
    consulta, entero = _una(sesiones, consulta_id)
    if entero:
        yield from FORMATOS[consulta["formato_salida"]][1](entero, tramos(sesiones, consulta_id))


def _una(sesiones: Sesiones, consulta_id: int) -> tuple[dict[str, Any], Documento | None]:
    """The consulta as the API shows it, and what its download is made of if it was completed."""
    with sesiones.transaccion() as s:
        consulta = archivo.leer(s, consulta_id)
        assert consulta is not None  # nobody deletes one of a lote that stands
        visible: dict[str, Any] = ConsultaSalida().dump(consulta)
        return visible, documento(s, consulta) if consulta.estado == Estado.COMPLETADA else None
