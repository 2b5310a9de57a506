"""Lotes: consultas sent, followed and downloaded together."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from api.campos import COMUNES, Instante, Lista, Opcion
from api.esquemas.comunes import Busqueda, Entrada
from api.esquemas.consultas import COSTO, Historico, TiempoReal
from shared.clima import TipoConsulta
from shared.lotes import MAXIMO


class TiempoRealDeLote(TiempoReal):
    tipo = fields.String(required=True, validate=validate.OneOf([TipoConsulta.TIEMPO_REAL]))


class HistoricoDeLote(Historico):
    tipo = fields.String(required=True, validate=validate.OneOf([TipoConsulta.HISTORICO]))


class Elemento(fields.Field[Any]):
    """One consulta of a lote: the body of its tipo, and `tipo`."""

    ESQUEMAS = {TipoConsulta.TIEMPO_REAL: TiempoRealDeLote, TipoConsulta.HISTORICO: HistoricoDeLote}

    default_error_messages = {**COMUNES, "type": "Debe ser un objeto JSON."}

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.make_error("type")
        esquema = next((e for tipo, e in self.ESQUEMAS.items() if value.get("tipo") == tipo), None)
        if esquema is None:
            raise ValidationError({"tipo": [f"Debe ser uno de estos valores: {', '.join(self.ESQUEMAS)}."]})
        datos: dict[str, Any] = esquema().load(value)
        return datos


class LoteNuevo(Entrada):
    consultas = Lista(Elemento(), maximo=MAXIMO, de="consultas", required=True)


class LoteAceptado(Schema):
    lote_id = fields.Integer(required=True)
    total = fields.Integer(required=True)
    consultas = fields.List(fields.Integer(), required=True, metadata={"description": "Los id, en el orden enviado."})
    enlaces = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class LoteNuevoAceptado(LoteAceptado):
    costo = fields.Dict(keys=fields.String(), values=fields.Integer(), metadata={"description": COSTO})
    cabe_ahora = fields.Boolean(
        metadata={"description": "Si los presupuestos tienen ya sitio para el lote entero.", "example": True}
    )


class PorEstado(Schema):
    pendiente = fields.Integer(required=True)
    procesando = fields.Integer(required=True)
    completada = fields.Integer(required=True)
    error = fields.Integer(required=True, metadata={"example": 0})


class LoteSalida(LoteAceptado):
    por_estado = fields.Nested(PorEstado, required=True)
    progreso = fields.Integer(required=True, metadata={"minimum": 0, "maximum": 100})
    terminado = fields.Boolean(required=True)
    borradas = fields.Integer(
        required=True,
        metadata={"minimum": 0, "example": 0, "description": "Las que ya no están: se borraron por antigüedad."},
    )
    creado_en = Instante(required=True)


class FormatoLote(StrEnum):
    CSV = "csv"
    ZIP = "zip"


class DescargaLote(Busqueda):
    formato = Opcion(FormatoLote, load_default=FormatoLote.CSV)
