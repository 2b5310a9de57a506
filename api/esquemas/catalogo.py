"""What there is to ask: places and providers."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from api.campos import Opcion, Texto
from api.esquemas.comunes import Busqueda
from api.esquemas.lugares import CORREGIDO_DE, LugarSalida
from shared.clima import Proveedor


class BuscarCiudad(Busqueda):
    q = Texto(maximo=100, required=True, metadata={"example": "medel"})


class Ciudades(Schema):
    ciudades = fields.List(fields.Nested(LugarSalida), required=True)
    corregido_de = CORREGIDO_DE


class ProveedorSalida(Schema):
    proveedor = Opcion(Proveedor, required=True)
    titulo = fields.String(required=True)
    cobertura = fields.String(required=True)
    necesita_clave = fields.Boolean(required=True)
    tipos = fields.List(fields.String(), required=True)
    parametros = fields.List(fields.String(), required=True)
    historia = fields.String(required=True)
    licencia = fields.String(required=True)
    utilizable = fields.Boolean(required=True, metadata={"description": "Si puede responder a quien pregunta."})
    clave = fields.String(required=True, allow_none=True, validate=validate.OneOf(["propia", "instalacion"]))
    clave_rechazada = fields.Boolean(required=True)
    cuota_restante = fields.Integer(required=True, allow_none=True)
    circuito = fields.String(required=True, validate=validate.OneOf(["cerrado", "abierto", "a_prueba", "desconocido"]))
    tasa_exito = fields.Float(required=True, allow_none=True)
    latencia_ms = fields.Integer(required=True, allow_none=True)


class Proveedores(Schema):
    proveedores = fields.List(fields.Nested(ProveedorSalida), required=True)
