"""Accounts and tokens."""

from __future__ import annotations

import re

from marshmallow import Schema, ValidationError, fields, validate

from api.campos import Instante, Opcion, Texto
from api.esquemas.comunes import Entrada
from shared.modelos import Rol
from shared.usuarios import LARGO_MAXIMO_BYTES

USERNAME = re.compile(r"[A-Za-z0-9_.-]{3,50}", re.ASCII)
CORREO = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+", re.ASCII)


def _clave_nueva(valor: str) -> None:
    if len(valor) < 8:
        raise ValidationError("Necesita al menos 8 caracteres.")
    if len(valor.encode("utf-8", "surrogatepass")) > LARGO_MAXIMO_BYTES:
        raise ValidationError(f"Puede ocupar {LARGO_MAXIMO_BYTES} bytes como mucho.")
    if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in valor):
        raise ValidationError("Lleva caracteres que no se admiten.")


class _Clave(fields.String):
    """A password as typed: not trimmed, not normalised."""

    default_error_messages = {
        "required": "Falta este campo.",
        "null": "No puede ser null.",
        "invalid": "Debe ser texto entre comillas.",
        "invalid_utf8": "Debe ser texto en UTF-8.",
    }


class Registro(Entrada):
    username = Texto(
        maximo=50,
        required=True,
        validate=validate.Regexp(
            re.compile(USERNAME.pattern + r"\Z", re.ASCII),
            error="Entre 3 y 50 caracteres: letras sin acento, números, punto, guion o guion bajo.",
        ),
        metadata={"example": "ana.perez", "minLength": 3},
    )
    email = Texto(
        maximo=100,
        required=True,
        validate=validate.Regexp(
            re.compile(CORREO.pattern + r"\Z", re.ASCII), error="Debe ser un correo, por ejemplo ana@ejemplo.co."
        ),
        metadata={"example": "ana@ejemplo.co", "format": "email"},
    )
    password = _Clave(
        required=True,
        validate=_clave_nueva,
        load_only=True,
        metadata={"example": "una frase larga", "minLength": 8, "maxLength": 72, "format": "password"},
    )
    nombre_completo = Texto(maximo=100, metadata={"example": "Ana Pérez"})


class Login(Entrada):
    username = Texto(maximo=100, required=True, metadata={"example": "ana.perez", "description": "Usuario o correo."})
    password = _Clave(required=True, load_only=True, validate=validate.Length(max=1024, error="Demasiado larga."))


class Logout(Entrada):
    refresh_token = fields.String(
        error_messages={"invalid": "Debe ser texto entre comillas.", "null": "No puede ser null."}
    )


class UsuarioSalida(Schema):
    id = fields.Integer(required=True)
    username = fields.String(required=True)
    email = fields.String(required=True)
    nombre_completo = fields.String(required=True, allow_none=True)
    rol = Opcion(Rol, required=True)
    activo = fields.Boolean(required=True)
    ultimo_login = Instante(required=True, allow_none=True)
    creado_en = Instante(required=True)


class UsuarioSobre(Schema):
    message = fields.String()
    usuario = fields.Nested(UsuarioSalida, required=True)


class Tokens(Schema):
    access_token = fields.String(required=True)
    refresh_token = fields.String()
    expires_in = fields.Integer(required=True, metadata={"description": "Segundos de vida del access_token."})
    usuario = fields.Nested(UsuarioSalida)
