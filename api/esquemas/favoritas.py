"""Favourite places."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, missing

from api.campos import Booleano, Instante, Texto
from api.esquemas.comunes import Cambios, ConCoordenadas
from api.esquemas.lugares import ConUbicacion, mostrada
from shared import favoritas
from shared.modelos import CiudadFavorita


class FavoritaNueva(ConCoordenadas):
    nombre_ciudad = Texto(
        maximo=100,
        required=True,
        metadata={"example": "Medellín", "description": "Sin coordenadas, se busca como la ciudad de una consulta."},
    )
    pais = Texto(maximo=50, metadata={"example": "CO"})
    es_default = Booleano(load_default=False, metadata={"description": "Las demás dejan de serlo."})


class CambiosFavorita(Cambios):
    nombre_ciudad = Texto(maximo=100, metadata={"example": "La casa"})
    pais = Texto(maximo=50, allow_none=True)
    es_default = Booleano(metadata={"description": "Con true, las demás dejan de serlo."})


class FavoritaSalida(ConUbicacion):
    id = fields.Integer(required=True)
    nombre_ciudad = fields.String(required=True)
    pais = fields.String(required=True, allow_none=True)
    latitud = fields.Float(required=True)
    longitud = fields.Float(required=True)
    es_default = fields.Boolean(required=True)
    creada_en = Instante(required=True)

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        if attr in ConUbicacion._declared_fields and isinstance(obj, CiudadFavorita):
            return mostrada(favoritas.ubicacion(obj)).get(attr, missing)
        return super().get_attribute(obj, attr, default)


class FavoritaSobre(Schema):
    favorita = fields.Nested(FavoritaSalida, required=True)


class Favoritas(Schema):
    favoritas = fields.List(fields.Nested(FavoritaSalida), required=True)
