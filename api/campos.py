"""Fields that refuse what JSON lets through: text for numbers, true for 1, NaN, control characters, lax dates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from math import isfinite
from typing import Any, TypeVar

from marshmallow import ValidationError, fields

from shared.visible import SIN_VERSE

E = TypeVar("E", bound=StrEnum)
FECHA = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
ENTERO = re.compile(r"\d{1,9}", re.ASCII)
COMUNES = {
    "required": "Falta este campo.",
    "null": "No puede ser null.",
    "validator_failed": "Valor no válido.",
}


class Numero(fields.Float):
    default_error_messages = {
        **COMUNES,
        "invalid": "Debe ser un número, sin comillas.",
        "finito": "Debe ser un número finito.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid")
        try:
            numero = float(value)
        except OverflowError as e:
            raise self.make_error("finito") from e
        if not isfinite(numero):
            raise self.make_error("finito")
        return numero


class Entero(fields.Integer):
    default_error_messages = {**COMUNES, "invalid": "Debe ser un número entero, sin comillas."}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        entero = isinstance(value, int) or (isinstance(value, float) and value.is_integer())  # in JSON 3.0 is one
        if isinstance(value, bool) or not entero:
            raise self.make_error("invalid")
        return int(value)


class Booleano(fields.Boolean):
    """true or false; not 1, nor "sí"."""

    default_error_messages = {**COMUNES, "invalid": "Debe ser true o false, sin comillas."}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class BooleanoTexto(fields.Boolean):
    """true or false in a query string."""

    default_error_messages = {**COMUNES, "invalid": "Debe ser true o false."}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if value not in ("true", "false"):
            raise self.make_error("invalid")
        return bool(value == "true")


class EnteroTexto(fields.Integer):
    """An integer in a query string."""

    default_error_messages = {**COMUNES, "invalid": "Debe ser un número entero."}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if not isinstance(value, str) or not ENTERO.fullmatch(value):
            raise self.make_error("invalid")
        return int(value)


class Texto(fields.String):
    """Unicode text without control characters, in NFC and trimmed. maximo: characters, before trimming and after.

    visible: nor what nobody sees, or what turns the writing around: of names, which people compare by eye.
    """

    default_error_messages = {
        **COMUNES,
        "invalid": "Debe ser texto entre comillas.",
        "invalid_utf8": "Debe ser texto en UTF-8.",
        "control": "No puede llevar saltos de línea ni caracteres de control.",
        "vacio": "No puede estar vacío.",
        "invisible": "No puede llevar caracteres invisibles ni que cambien el sentido de la escritura.",
        "largo": "Puede tener {maximo} caracteres como mucho.",
    }

    def __init__(self, *, maximo: int, visible: bool = False, **kwargs: Any) -> None:
        metadata = {"maxLength": maximo, "minLength": 1, **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)
        self.maximo, self.visible = maximo, visible

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in value):
            raise self.make_error("control")
        if self.visible and SIN_VERSE.search(value):
            raise self.make_error("invisible")
        texto = unicodedata.normalize("NFC", value).strip()
        if not texto:
            raise self.make_error("vacio")
        if max(len(value), len(texto)) > self.maximo:
            raise self.make_error("largo", maximo=self.maximo)
        return texto


class Fecha(fields.Date):
    """Exactly YYYY-MM-DD."""

    default_error_messages = {
        **COMUNES,
        "invalid": "Debe ser una fecha AAAA-MM-DD, por ejemplo 2026-01-31.",
        "inexistente": "Esa fecha no existe en el calendario.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> date:
        if not isinstance(value, str) or not FECHA.fullmatch(value):
            raise self.make_error("invalid")
        try:
            return date.fromisoformat(value)
        except ValueError as e:
            raise self.make_error("inexistente") from e


class Opcion(fields.Enum[E]):
    """One of the values of a StrEnum."""

    default_error_messages = {**COMUNES, "unknown": "Debe ser uno de estos valores: {choices}."}

    def __init__(self, tipo: type[E], **kwargs: Any) -> None:
        super().__init__(tipo, by_value=fields.Raw, **kwargs)
        self.choices_text = ", ".join(m.value for m in tipo)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> E:
        if not isinstance(value, str):
            raise self.make_error("unknown", choices=self.choices_text)
        try:
            return self.enum(value)
        except ValueError as e:
            raise self.make_error("unknown", choices=self.choices_text) from e


class Opciones(fields.List[Any]):
    """A non-empty list of values of a StrEnum, repeats dropped, in the order given."""

    default_error_messages = {**COMUNES, "invalid": "Debe ser una lista.", "vacia": "Elija al menos uno."}

    def __init__(self, tipo: type[StrEnum], **kwargs: Any) -> None:
        metadata = {"minItems": 1, "maxItems": 100, **kwargs.pop("metadata", {})}
        super().__init__(Opcion(tipo), metadata=metadata, **kwargs)
        self.tipo = tipo

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > 100:
            raise ValidationError("Demasiados elementos.")
        elegidas = list(dict.fromkeys(super()._deserialize(value, attr, data, **kwargs)))
        if not elegidas:
            raise self.make_error("vacia")
        return elegidas


class Lista(fields.List[Any]):
    """1 to `maximo` elements, called `de` in messages; a longer list is refused before any of them is looked at."""

    default_error_messages = {
        **COMUNES,
        "invalid": "Debe ser una lista.",
        "cuantas": "Envíe entre 1 y {maximo} {de}.",
    }

    def __init__(self, elemento: fields.Field[Any], *, maximo: int, de: str, **kwargs: Any) -> None:
        super().__init__(elemento, metadata={"minItems": 1, "maxItems": maximo}, **kwargs)
        self.maximo, self.de = maximo, de

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and not 1 <= len(value) <= self.maximo:
            raise self.make_error("cuantas", maximo=self.maximo, de=self.de)
        return super()._deserialize(value, attr, data, **kwargs)


class Instante(fields.DateTime):
    """ISO 8601 in UTC with Z, going out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M:%SZ", dump_only=True, **kwargs)
