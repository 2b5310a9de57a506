"""Figures, and the log of what was done."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from api.campos import EnteroTexto, Instante, Opcion, Texto
from api.esquemas.comunes import Ambito, EntreDias, Pagina, PaginaSalida


def _usuario(descripcion: str) -> EnteroTexto:
    return EnteroTexto(
        validate=validate.Range(1, error="Debe ser 1 o más."),
        metadata={"example": 7, "minimum": 1, "description": descripcion},
    )


class Direccion(Texto):
    """An IP address, in its usual spelling."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}], **kwargs.pop("metadata", {})}
        super().__init__(maximo=45, metadata=metadata, **kwargs)

    default_error_messages = {"ip": "Debe ser una dirección IP, por ejemplo 190.85.12.7."}

    def _deserialize(self, *args: Any, **kwargs: Any) -> str:
        try:
            return str(ip_address(super()._deserialize(*args, **kwargs)))
        except ValueError as e:
            raise self.make_error("ip") from e


class FiltroEstadisticas(EntreDias):
    usuario_id = _usuario("Las cifras de este usuario, en vez de las propias; solo consultores y administradores.")
    ambito = Opcion(
        Ambito, metadata={"description": "«todos»: las cifras de todos; solo consultores y administradores."}
    )

    @validates_schema
    def _uno(self, datos: dict[str, Any], **_: Any) -> None:
        if "usuario_id" in datos and "ambito" in datos:
            raise ValidationError("Envíe usuario_id o ambito, no los dos.", "ambito")


class FiltroAuditoria(EntreDias, Pagina):
    usuario_id = _usuario("Lo que hizo este usuario.")
    accion = Texto(maximo=50, metadata={"example": "crear_consulta"})
    ip = Direccion(metadata={"example": "190.85.12.7"})


class TotalDia(Schema):
    fecha = fields.String(required=True, metadata={"format": "date", "example": "2026-01-31"})
    total = fields.Integer(required=True, metadata={"example": 12})


class TotalCiudad(Schema):
    ciudad = fields.String(required=True, metadata={"example": "Medellín"})
    total = fields.Integer(required=True, metadata={"example": 5})


class ParteProveedor(Schema):
    proveedor = fields.String(required=True, metadata={"example": "openmeteo"})
    usadas = fields.Integer(required=True, metadata={"description": "Consultas en cuya respuesta se usó."})
    fallidas = fields.Integer(required=True, metadata={"description": "Consultas en las que falló."})


class TiempoRespuesta(Schema):
    p50 = fields.Integer(required=True, allow_none=True, metadata={"example": 850})
    p95 = fields.Integer(required=True, allow_none=True, metadata={"example": 2400})


class Promedios(Schema):
    temperatura = fields.Float(required=True, allow_none=True, metadata={"description": "°C", "example": 21.4})
    humedad = fields.Float(required=True, allow_none=True, metadata={"description": "%", "example": 78.0})
    presion = fields.Float(required=True, allow_none=True, metadata={"description": "hPa", "example": 1014.2})
    viento = fields.Float(required=True, allow_none=True, metadata={"description": "km/h", "example": 7.9})


def _cuentas(ejemplo: dict[str, int]) -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=fields.Integer(), required=True, metadata={"example": ejemplo})


class Estadisticas(Schema):
    total_consultas = fields.Integer(required=True, metadata={"example": 42})
    por_estado = _cuentas({"pendiente": 0, "procesando": 1, "completada": 38, "error": 3})
    por_tipo = _cuentas({"tiempo_real": 30, "historico": 12})
    consultas_hoy = fields.Integer(
        required=True, metadata={"description": "Creadas hoy (UTC), aunque hoy quede fuera de desde y hasta."}
    )
    consultas_por_dia = fields.List(
        fields.Nested(TotalDia),
        required=True,
        metadata={
            "description": "Los días (UTC) con alguna consulta, en orden. Sin desde, de los últimos 30 días hasta "
            "«hasta» u hoy, aunque las demás cifras abarquen todo; con desde, los últimos 366 del periodo."
        },
    )
    ciudades_frecuentes = fields.List(
        fields.Nested(TotalCiudad),
        required=True,
        metadata={"description": "Las diez más pedidas, sin distinguir acentos ni mayúsculas."},
    )
    proveedores = fields.List(
        fields.Nested(ParteProveedor),
        required=True,
        metadata={"description": "Los que se usaron o fallaron alguna vez en el periodo."},
    )
    api_keys_activas = fields.Integer(required=True, metadata={"description": "Las de ahora mismo."})
    tiempo_respuesta_ms = fields.Nested(
        TiempoRespuesta,
        required=True,
        metadata={"description": "De las completadas, en milisegundos, con un error del 2,5 % como mucho."},
    )
    promedios = fields.Nested(
        Promedios, required=True, metadata={"description": "De las respuestas de las completadas."}
    )


class ActividadSalida(Schema):
    id = fields.Integer(required=True)
    usuario_id = fields.Integer(required=True, allow_none=True)
    accion = fields.String(required=True, metadata={"example": "crear_consulta"})
    detalle = fields.Dict(required=True, allow_none=True)
    ip_address = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)
    creado_en = Instante(required=True)


class Auditoria(PaginaSalida):
    registros = fields.List(fields.Nested(ActividadSalida), required=True)
