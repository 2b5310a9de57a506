"""Accounts and tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import current_app
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from api.campos import Booleano, BooleanoTexto, Instante, Opcion, Texto
from api.esquemas.comunes import Cambios, Entrada, Mensaje, Pagina, PaginaSalida
from shared.adivinable import adivinable
from shared.modelos import Rol
from shared.settings import Settings
from shared.usuarios import LARGO_MAXIMO_BYTES
from shared.visible import CONTROL, INVISIBLE

FACIL = "Es de las primeras que se prueban. Elija otra: por ejemplo, varias palabras que solo usted juntaría."
LARGO_MINIMO = 10  # of a new password; those that were shorter go on working
CLAVE_NUEVA = {
    "minLength": LARGO_MINIMO,
    "maxLength": LARGO_MAXIMO_BYTES,
    "format": "password",
    "description": "Ni el usuario ni el correo; en producción, tampoco una de las que primero se prueban.",
}
USERNAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{1,48}[A-Za-z0-9_-]", re.ASCII)  # no dot at its ends
ETIQUETA = rf"[^\s{CONTROL}{INVISIBLE}.!-,/:-@\[-`{{-~]{{1,63}}"  # of a domain: letters of any script, digits, hyphens
CORREO = re.compile(rf"[^@\s{CONTROL}{INVISIBLE}]{{1,64}}@{ETIQUETA}(\.{ETIQUETA})+", re.ASCII)


def _clave_nueva(valor: str) -> None:
    if len(valor) < LARGO_MINIMO:
        raise ValidationError(f"Necesita al menos {LARGO_MINIMO} caracteres.")
    if len(valor.encode()) > LARGO_MAXIMO_BYTES:
        raise ValidationError(f"Puede ocupar {LARGO_MAXIMO_BYTES} bytes como mucho.")
    if len(set(valor)) == 1 or not valor.strip():
        raise ValidationError("No puede ser un mismo carácter repetido, ni solo espacios.")


def clave_ajena(clave: str, username: str, email: str, settings: Settings) -> None:
    """Raises ValidationError if the password is what everybody knows of the account or, in production, tries first."""
    conocidos = {username.casefold(), email.casefold(), email.partition("@")[0].casefold()}
    if clave.strip().casefold() in conocidos:
        raise ValidationError("No puede ser su usuario ni su correo.", "password")
    if settings.flask_env == "production" and adivinable(clave, username, email):
        raise ValidationError(FACIL, "password")


class _Clave(fields.String):
    """A password as typed: not trimmed, not normalised."""

    default_error_messages = {
        "required": "Falta este campo.",
        "null": "No puede ser null.",
        "invalid": "Debe ser texto entre comillas.",
        "invalid_utf8": "Debe ser texto en UTF-8.",
        "caracteres": "Lleva caracteres que no se admiten.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"pattern": r"^[^\x00]*$", **kwargs.pop("metadata", {})}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        texto: str = super()._deserialize(value, attr, data, **kwargs)
        if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in texto):  # lone surrogates: bytes bcrypt cannot be given
            raise self.make_error("caracteres")
        return texto


def _correo(**opciones: Any) -> Texto:
    return Texto(
        maximo=100,
        visible=True,
        validate=validate.Regexp(
            re.compile(CORREO.pattern + r"\Z", re.ASCII), error="Debe ser un correo, por ejemplo ana@ejemplo.co."
        ),
        metadata={"example": "ana@ejemplo.co"},
        **opciones,
    )


class Cuenta(Entrada):
    """Field by field, as `climaguru` checks them while they are typed."""

    username = Texto(
        maximo=50,
        required=True,
        validate=validate.Regexp(
            re.compile(USERNAME.pattern + r"\Z", re.ASCII),
            error="Entre 3 y 50 caracteres: letras sin acento, números, guion, guion bajo o, entre ellos, puntos.",
        ),
        metadata={"example": "ana.perez", "minLength": 3},
    )
    email = _correo(required=True)
    password = _Clave(
        required=True,
        validate=_clave_nueva,
        load_only=True,
        metadata={"example": "una frase larga", **CLAVE_NUEVA},
    )
    nombre_completo = Texto(maximo=100, visible=True, metadata={"example": "Ana Pérez"})


class Registro(Cuenta):
    @validates_schema(skip_on_field_errors=True)
    def _suya(self, datos: dict[str, Any], **_: Any) -> None:
        clave_ajena(datos["password"], datos["username"], datos["email"], current_app.extensions["settings"])


class Login(Entrada):
    username = Texto(
        maximo=100, visible=True, required=True, metadata={"example": "ana.perez", "description": "Usuario o correo."}
    )
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
    refresh_token = fields.String(
        required=True, metadata={"description": "Sirve una vez, en /api/auth/refresh, que da el siguiente."}
    )
    expires_in = fields.Integer(required=True, metadata={"description": "Segundos de vida del access_token."})
    usuario = fields.Nested(UsuarioSalida)


class SesionSalida(Schema):
    id = fields.UUID(required=True, metadata={"example": "0b6f3a52-7d1e-4c88-9a4e-2f5d7c1e9b30"})
    actual = fields.Boolean(required=True, metadata={"description": "Es la de esta petición.", "example": True})
    creada_en = Instante(required=True, metadata={"description": "Cuándo se entró."})
    usada_en = Instante(required=True, metadata={"description": "Cuándo dio tokens por última vez."})
    expira_en = Instante(required=True, metadata={"description": "Cuándo acaba si no se renueva antes."})
    ip_address = fields.String(
        required=True, allow_none=True, metadata={"description": "Desde dónde se usó por última vez."}
    )
    user_agent = fields.String(required=True, allow_none=True)


class SesionesPagina(PaginaSalida):
    sesiones = fields.List(fields.Nested(SesionSalida), required=True)


class SesionesCerradas(Mensaje):
    cerradas = fields.Integer(required=True, metadata={"description": "Cuántas se cerraron.", "example": 2})


class CambioPassword(Entrada):
    actual = _Clave(required=True, load_only=True, validate=validate.Length(max=1024, error="Demasiado larga."))
    nueva = _Clave(
        required=True,
        validate=_clave_nueva,
        load_only=True,
        metadata={"example": "otra frase larga", **CLAVE_NUEVA},
    )


class UsuarioNuevo(Registro):
    rol = Opcion(Rol, load_default=Rol.OPERARIO)


class CambiosUsuario(Cambios):
    rol = Opcion(Rol)
    activo = Booleano(metadata={"description": "false cierra sus sesiones al momento."})
    nombre_completo = Texto(maximo=100, visible=True, allow_none=True, metadata={"example": "Ana Pérez"})
    email = _correo()


class BuscarUsuarios(Pagina):
    q = Texto(maximo=100, metadata={"description": "Parte del usuario, del correo o del nombre."})
    rol = Opcion(Rol)
    activo = BooleanoTexto()


class UsuariosPagina(PaginaSalida):
    usuarios = fields.List(fields.Nested(UsuarioSalida), required=True)
