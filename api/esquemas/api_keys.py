"""Users' own keys to providers. A key comes in and never goes out: only its last four characters do."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from api.campos import Booleano, Entero, Instante, Opcion, Texto
from api.esquemas.comunes import Cambios, Entrada
from shared.catalogo import CON_CLAVE, CON_SECRETO
from shared.clima import Proveedor
from shared.modelos import EstadoPrueba

SECRETO = re.compile(r"[\x21-\x7e]{8,500}\Z", re.ASCII)


def _secreta(**opciones: Any) -> Texto:
    return Texto(
        maximo=500,
        load_only=True,
        validate=validate.Regexp(SECRETO, error="Entre 8 y 500 caracteres ASCII, sin espacios."),
        metadata={"example": "0123456789abcdef", "minLength": 8, "format": "password"},
        **opciones,
    )


def _limite(**opciones: Any) -> Entero:
    return Entero(
        validate=validate.Range(0, 1_000_000, error="Debe estar entre 0 y 1000000."),
        metadata={"description": "Llamadas al proveedor por día (UTC), reintentos incluidos."},
        **opciones,
    )


class ApiKeyNueva(Entrada):
    REGLAS = {
        "anyOf": [
            {"properties": {"proveedor": {"enum": sorted(CON_SECRETO)}}},
            {
                "properties": {"proveedor": {"enum": sorted(CON_CLAVE - CON_SECRETO)}},
                "not": {"required": ["api_secret"]},
            },
        ]
    }

    proveedor = Opcion(Proveedor, required=True, metadata={"example": "meteoblue"})
    api_key = _secreta(required=True)
    api_secret = _secreta()
    descripcion = Texto(maximo=255, metadata={"example": "Plan gratuito de la oficina"})
    limite_consultas_diarias = _limite(load_default=1000)

    @validates_schema
    def _admitida(self, datos: dict[str, Any], **_: Any) -> None:
        if datos["proveedor"] not in CON_CLAVE:
            raise ValidationError(f"No usa clave. La usan: {', '.join(sorted(CON_CLAVE))}.", "proveedor")
        if "api_secret" in datos and datos["proveedor"] not in CON_SECRETO:
            raise ValidationError(f"Ese proveedor no lo usa; solo {', '.join(sorted(CON_SECRETO))}.", "api_secret")


class CambiosApiKey(Cambios):
    api_key = _secreta()
    api_secret = _secreta(allow_none=True)
    descripcion = Texto(maximo=255, allow_none=True)
    limite_consultas_diarias = _limite()
    activa = Booleano(metadata={"description": "Con false no se usa: pregunta la clave de la instalación, si la hay."})


class Prueba(Schema):
    estado = Opcion(EstadoPrueba, required=True)
    detalle = fields.String(required=True, allow_none=True, metadata={"example": "El proveedor aceptó la clave."})
    probada_en = Instante(required=True, allow_none=True)


class ApiKeySalida(Schema):
    id = fields.Integer(required=True)
    proveedor = fields.String(required=True, validate=validate.OneOf(sorted(CON_CLAVE)))
    termina_en = fields.String(required=True, metadata={"description": "Los últimos 4 caracteres.", "example": "cdef"})
    tiene_secreto = fields.Boolean(required=True)
    descripcion = fields.String(required=True, allow_none=True)
    activa = fields.Boolean(required=True)
    limite_consultas_diarias = fields.Integer(required=True)
    consultas_realizadas = fields.Integer(required=True, metadata={"description": "Llamadas de hoy (UTC)."})
    cuota_restante = fields.Integer(required=True, metadata={"description": "Llamadas que quedan hoy (UTC)."})
    rechazada_en = Instante(
        required=True, allow_none=True, metadata={"description": "Cuándo la rechazó el proveedor; no se usa desde ahí."}
    )
    prueba = fields.Nested(
        Prueba, required=True, allow_none=True, metadata={"description": "La última; null si no se ha probado."}
    )
    ultimo_uso = Instante(required=True, allow_none=True)
    creada_en = Instante(required=True)
    actualizada_en = Instante(required=True)


class ApiKeySobre(Schema):
    api_key = fields.Nested(ApiKeySalida, required=True)


class ApiKeys(Schema):
    api_keys = fields.List(fields.Nested(ApiKeySalida), required=True)
