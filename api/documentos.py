"""What a download is made of: a completed consulta, its answer, and its series piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from api.errores import Problema
from api.esquemas.consultas import ConsultaSalida
from api.formatos import Documento
from api.vistas import datos_clima, enlaces
from shared import archivo, respuestas
from shared.clima import Parametro, Resolucion, TipoConsulta, campos_de
from shared.db import Sesiones
from shared.modelos import Consulta
from shared.series import Fila, desempacar

SERIE_BORRADA = (
    "La serie de esta consulta se borró por antigüedad. Para tenerla otra vez, pida un historico nuevo del mismo lugar "
    "y las mismas fechas; los valores de todo el periodo siguen en {}."
)


class Borrada(Exception):
    """Retention deleted what a download was being made of, while it was sent: it ends there, cut short."""


def documento(s: Session, consulta: Consulta) -> Documento | None:
    """None: retention deleted its series."""
    datos, tramos = archivo.datos_de(s, consulta.id), respuestas.cuantos_tramos(s, consulta.id)
    if datos is None or (consulta.tipo_consulta == TipoConsulta.HISTORICO and not tramos):
        return None
    momento = {None: [], Resolucion.DIARIA: ["fecha"], Resolucion.HORARIA: ["instante", "hora_local", "fecha"]}
    return Documento(
        consulta=ConsultaSalida().dump(consulta),
        datos_clima=datos_clima(datos),
        valores=datos.datos_completos["valores"],
        campos=campos_de([Parametro(p) for p in consulta.parametros_solicitados]),
        momento=momento[consulta.resolucion],
        tramos=tramos,
    )


def serie_borrada(consulta: Consulta) -> Problema:
    return Problema(410, SERIE_BORRADA.format(enlaces(consulta)["self"]))


def tramos(sesiones: Sesiones, d: Documento) -> Iterator[list[Fila]]:
    """The stored pieces one by one, each read in a transaction of its own. Raises Borrada if one is gone."""
    numero = 0
    for _ in range(d.tramos):
        with sesiones.transaccion() as s:
            hallado = respuestas.tramo(s, d.consulta["id"], numero)
        if hallado is None:
            raise Borrada(f"consulta {d.consulta['id']}")
        numero = hallado[0] + 1
        yield desempacar(hallado[1])
