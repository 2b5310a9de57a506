"""Places: how one is named in a body, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields

from api.campos import Opcion
from api.errores import Sugerencia
from shared import lugares
from shared.clima import Por, Ubicacion


def ubicar(datos: Mapping[str, Any], campo: str = "ciudad") -> Ubicacion | None:
    """The place that a body means; None: nothing in the gazetteer is called so. ValidationError: it is in doubt."""
    try:
        return lugares.ubicar(datos.get(campo), datos.get("latitud"), datos.get("longitud"))
    except lugares.Dudosa as e:
        raise ValidationError([Sugerencia(e.texto, e.quiso_decir)], campo) from e


class LugarSalida(Schema):
    nombre = fields.String(required=True, allow_none=True)
    region = fields.String(
        required=True, allow_none=True, metadata={"description": "El departamento; fuera de Colombia, si se sabe."}
    )
    pais = fields.String(required=True, allow_none=True, metadata={"description": "ISO 3166, dos letras."})
    latitud = fields.Float(required=True)
    longitud = fields.Float(required=True)
    zona_horaria = fields.String(required=True, allow_none=True)
    altura_m = fields.Float(
        required=True, allow_none=True, metadata={"description": "Sobre el nivel del mar, si se sabe."}
    )
    geonameid = fields.Integer(
        required=True, allow_none=True, metadata={"description": "En geonames.org.", "example": 3674962}
    )


class LugarDeConsulta(LugarSalida):
    por = Opcion(
        Por,
        required=True,
        metadata={
            "description": "Cómo se supo: las coordenadas se dieron; el nombre está en el nomenclátor (GeoNames); "
            "o lo conocía el geocodificador de un proveedor."
        },
    )


CORREGIDO_DE = fields.String(
    metadata={"description": "Presente si se tomó un nombre parecido: lo que se escribió.", "example": "Medeyin"}
)
ALTERNATIVAS = fields.List(
    fields.Nested(LugarSalida),
    metadata={"description": "Presente si otros lugares de peso se llaman igual: tres como mucho."},
)


class ConUbicacion(Schema):
    """What was understood, of what has an Ubicacion; the last two only where there is something to say."""

    lugar = fields.Nested(
        LugarDeConsulta,
        required=True,
        allow_none=True,
        metadata={"description": "null mientras el nombre espera al geocodificador."},
    )
    corregido_de = CORREGIDO_DE
    alternativas = ALTERNATIVAS


def mostrada(ubicacion: Ubicacion | None) -> dict[str, Any]:
    """The fields of ConUbicacion."""
    if ubicacion is None:
        return {"lugar": None}
    u = ubicacion
    lugar = {campo: getattr(u.lugar, campo) for campo in LugarSalida().fields} | {"por": u.por}
    resto = {"corregido_de": u.corregido_de, "alternativas": list(u.alternativas)}
    return {"lugar": lugar, **{campo: valor for campo, valor in resto.items() if valor}}
