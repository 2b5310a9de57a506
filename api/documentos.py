"""What a download is made of: a completed consulta, its answer, and its series piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from api.esquemas.consultas import ConsultaSalida
from api.formatos import Documento
from api.vistas import datos_clima
from shared import archivo, respuestas
from shared.clima import Parametro, Resolucion, campos_de
from shared.db import Sesiones
from shared.modelos import Consulta
from shared.series import Fila, desempacar


def documento(s: Session, consulta: Consulta) -> Documento:
    datos = archivo.datos_de(s, consulta.id)
    assert datos is not None  # written in the same transaction as estado completada
    momento = {None: [], Resolucion.DIARIA: ["fecha"], Resolucion.HORARIA: ["instante", "fecha"]}
    return Documento(
        consulta=ConsultaSalida().dump(consulta),
        datos_clima=datos_clima(datos),
        valores=datos.datos_completos["valores"],
        campos=campos_de([Parametro(p) for p in consulta.parametros_solicitados]),
        momento=momento[consulta.resolucion],
    )


def tramos(sesiones: Sesiones, consulta_id: int) -> Iterator[list[Fila]]:
    """The stored pieces one by one, each read in a transaction of its own."""
    numero = 0
    while True:
        with sesiones.transaccion() as s:
            hallado = respuestas.tramo(s, consulta_id, numero)
        if hallado is None:
            return
        numero = hallado[0] + 1
        yield desempacar(hallado[1])
