"""What the schemas of every noun share."""

from __future__ import annotations

from marshmallow import RAISE, Schema, fields


class Entrada(Schema):
    """A request body: unknown fields are refused by name."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "Este campo no existe.", "type": "Debe ser un objeto JSON.", "invalid": "No válido."}


class Busqueda(Entrada):
    """A query string."""


class Mensaje(Schema):
    message = fields.String(required=True)
