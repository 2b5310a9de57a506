"""How the marshmallow schemas read in the OpenAPI document: the same limits that they check, and an example of each.

A field's example is the one in its metadata, or else that of its name in api/esquemas/ejemplos.py. What a schema checks
beyond its fields it says in REGLAS, as JSON Schema, beside the validator that enforces it:
    REGLAS = {"anyOf": [{"required": ["ciudad"]}, {"required": ["latitud", "longitud"]}]}
"""

from __future__ import annotations

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_instance
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, fields, validate

from api.campos import EnteroTexto, Instante, Texto
from api.esquemas.ejemplos import EJEMPLOS
from shared.visible import CONTROL, INVISIBLE


def _texto(menos: str) -> str:
    return rf"^[^{menos}]*[^\s{menos}][^{menos}]*$"


TEXTO, VISIBLE = _texto(CONTROL), _texto(CONTROL + INVISIBLE)
SUELTOS: dict[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "string": "texto", "object": {}}
DE_PYTHON = {"integer": int, "number": int | float, "boolean": bool, "string": str, "array": list, "object": dict}
POR_FORMATO = {"date": "2026-01-31", "date-time": "2026-01-31T15:04:05Z", "email": "ana@ejemplo.co"}


class Conversor(OpenAPIConverter):
    """apispec's, and what our own fields add; called for each field with what is known of it so far in `ret`."""

    def init_attribute_functions(self) -> None:
        super().init_attribute_functions()  # type: ignore[no-untyped-call]
        propias = [self.patron, self.instante, self.entero, self.tipo_de_enum, self.uno_de, self.por_nombre]
        self.attribute_functions = [*self.attribute_functions[:-1], *propias, self.attribute_functions[-1]]

    def patron(self, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, str]:
        """Regexp matches from the start, as Python writes it; in JSON Schema a pattern says its own ends."""
        exprs = [str(v.regex.pattern) for v in field.validators if isinstance(v, validate.Regexp)]
        if exprs:
            expr = exprs[0].removeprefix("^").removesuffix(r"\Z").removesuffix("$")
            espacios = rf"[^\S{CONTROL}]*" if isinstance(field, Texto) else ""  # which Texto trims
            return {"pattern": f"^{espacios}(?:{expr}){espacios}$"}
        if not isinstance(field, Texto) or "anyOf" in ret:
            return {}
        return {"pattern": VISIBLE if field.visible else TEXTO}

    def instante(self, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, str]:
        if not isinstance(field, Instante):
            return {}
        ret.pop("pattern", None)
        return {"format": "date-time"}

    def entero(self, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, int]:
        """Of a query string: no more than nine digits are read."""
        return {"maximum": 999_999_999} if isinstance(field, EnteroTexto) and "maximum" not in ret else {}

    def tipo_de_enum(self, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, str]:
        return {"type": "string"} if isinstance(field, fields.Enum) else {}

    def uno_de(self, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
        """A field whose value follows one of several schemas has them in ESQUEMAS."""
        varios = getattr(field, "ESQUEMAS", {}).values()
        return {"oneOf": [self.resolve_nested_schema(e) for e in varios]} if varios else {}  # type: ignore[no-untyped-call]

    def por_nombre(self, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
        """The example of a field that is a value, not an object of its own; where the name is used for the same."""
        propio = isinstance(field, fields.Nested) or "$ref" in ret.get("items", {})
        if propio or "example" in ret or field.name not in EJEMPLOS:
            return {}
        valor = EJEMPLOS[field.name]
        mismo = field.allow_none if valor is None else isinstance(valor, DE_PYTHON[ret.get("type", "object")])
        return {"example": valor} if mismo and valor in ret.get("enum", [valor]) else {}


class Esquemas(MarshmallowPlugin):
    """Registers each schema as a component, with its REGLAS and an example."""

    Converter = Conversor

    spec: APISpec

    def schema_helper(self, name: str, _: Any, schema: Any = None, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        definicion: dict[str, Any] = super().schema_helper(name, _, schema=schema, **kwargs)  # type: ignore[no-untyped-call]
        definicion.update(reglas(type(resolve_schema_instance(schema))))
        definicion["example"] = self.ejemplo(definicion)
        return definicion

    def ejemplo(self, esquema: dict[str, Any]) -> Any:
        """A value for this JSON Schema, from the examples that its parts have."""
        if "$ref" in esquema:
            componentes = self.spec.components.schemas
            return self.ejemplo(componentes[esquema["$ref"].rsplit("/", 1)[1]])
        for clave in ("example", "default", "const"):
            if clave in esquema:
                return esquema[clave]
        if "enum" in esquema:
            return esquema["enum"][0]
        for union in ("allOf", "oneOf", "anyOf"):
            if union in esquema and "properties" not in esquema:
                return self.ejemplo(esquema[union][0])
        return self._por_tipo(esquema)

    def _por_tipo(self, esquema: dict[str, Any]) -> Any:
        tipos = esquema.get("type", "object")
        tipo = tipos if isinstance(tipos, str) else tipos[0]
        if tipo == "array":
            return [self.ejemplo(esquema["items"])]
        if tipo == "object" and "properties" in esquema:
            return {nombre: self.ejemplo(parte) for nombre, parte in esquema["properties"].items()}
        if esquema.get("format") in POR_FORMATO:
            return POR_FORMATO[esquema["format"]]
        return esquema.get("minimum", SUELTOS[tipo])


def reglas(tipo: type[Schema]) -> dict[str, Any]:
    """Of the class and, before it, of those it inherits from."""
    return {clave: valor for clase in reversed(tipo.__mro__) for clave, valor in vars(clase).get("REGLAS", {}).items()}
