"""What the schemas of every noun share."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from api.campos import EnteroTexto, Fecha, Numero

SIN_NULL = "No puede ser null: envíe el número, o quite latitud y longitud si el lugar va por su ciudad."


class Ambito(StrEnum):
    TODOS = "todos"


class Entrada(Schema):
    """A request body: unknown fields are refused by name."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "Este campo no existe.", "type": "Debe ser un objeto JSON.", "invalid": "No válido."}


class Busqueda(Entrada):
    """A query string."""


class Pagina(Busqueda):
    page = EnteroTexto(load_default=1, validate=validate.Range(1, 1_000_000, error="Debe ser 1 o más."))
    per_page = EnteroTexto(load_default=10, validate=validate.Range(1, 100, error="Debe estar entre 1 y 100."))


class EntreDias(Busqueda):
    desde = Fecha(metadata={"description": "Creadas este día (UTC) o después.", "example": "2026-01-01"})
    hasta = Fecha(metadata={"description": "Creadas este día (UTC) o antes.", "example": "2026-01-31"})

    @validates_schema
    def _orden(self, datos: dict[str, Any], **_: Any) -> None:
        if "desde" in datos and "hasta" in datos and datos["desde"] > datos["hasta"]:
            raise ValidationError("Debe ser igual o posterior a desde.", "hasta")


class PaginaSalida(Schema):
    total = fields.Integer(required=True)
    pages = fields.Integer(required=True)
    current_page = fields.Integer(required=True)
    per_page = fields.Integer(required=True)


class Cambios(Entrada):
    """The body of a PATCH: any of its fields, but one at least."""

    REGLAS: ClassVar[dict[str, Any]] = {"minProperties": 1}

    @validates_schema(skip_on_field_errors=True)
    def _alguno(self, datos: dict[str, Any], **_: Any) -> None:
        if not datos:
            raise ValidationError("Envíe al menos un campo que cambiar.")


class ConCoordenadas(Entrada):
    """latitud and longitud, both or neither."""

    REGLAS: ClassVar[dict[str, Any]] = {"dependentRequired": {"latitud": ["longitud"], "longitud": ["latitud"]}}

    latitud = Numero(
        error_messages={"null": SIN_NULL},
        validate=validate.Range(-90, 90, error="Debe estar entre -90 y 90."),
        metadata={"example": 6.2518, "minimum": -90, "maximum": 90},
    )
    longitud = Numero(
        error_messages={"null": SIN_NULL},
        validate=validate.Range(-180, 180, error="Debe estar entre -180 y 180."),
        metadata={"example": -75.5636, "minimum": -180, "maximum": 180},
    )

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _juntas(self, _: dict[str, Any], original: Any, **__: Any) -> None:
        dadas = [c for c in ("latitud", "longitud") if isinstance(original, Mapping) and c in original]
        if len(dadas) == 1 and original[dadas[0]] is not None:  # a null is told by its own field
            falta = "longitud" if dadas == ["latitud"] else "latitud"
            raise ValidationError("Falta este campo: latitud y longitud van juntas.", falta)


class ProblemaSalida(Schema):
    """The shape of every error, as api/errores.py writes it."""

    type = fields.String(required=True, metadata={"example": "about:blank"})
    title = fields.String(required=True, metadata={"description": "Qué clase de error es."})
    status = fields.Integer(required=True, metadata={"minimum": 400, "maximum": 599, "example": 422})
    detail = fields.String(required=True, metadata={"description": "Qué pasa y qué hacer."})
    instance = fields.String(required=True, metadata={"description": "La dirección pedida."})
    error = fields.String(required=True, metadata={"description": "Lo mismo que title."})
    message = fields.String(required=True, metadata={"description": "Lo mismo que detail."})
    id_peticion = fields.String(required=True, metadata={"description": "El de la cabecera X-Request-ID."})
    errores = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "Con 422: los campos que corregir, y por qué.", "example": {"ciudad": ["Sobra."]}},
    )
    quiso_decir = fields.List(
        fields.String(),
        metadata={
            "description": "Con 422 por un lugar dudoso: los que pudo querer decir; envíe uno tal cual como ciudad.",
            "example": ["Montería, Córdoba", "Córdoba, Argentina", "Córdoba, España"],
        },
    )


class Mensaje(Schema):
    message = fields.String(required=True)
