"""Favourite places."""

from __future__ import annotations

from marshmallow import Schema, fields

from api.campos import Booleano, Instante, Texto
from api.esquemas.comunes import Cambios, ConCoordenadas


class FavoritaNueva(ConCoordenadas):
    nombre_ciudad = Texto(maximo=100, required=True, metadata={"example": "Medellín"})
    pais = Texto(maximo=50, metadata={"example": "CO"})
    es_default = Booleano(load_default=False, metadata={"description": "Las demás dejan de serlo."})


class CambiosFavorita(Cambios):
    nombre_ciudad = Texto(maximo=100, metadata={"example": "La casa"})
    pais = Texto(maximo=50, allow_none=True)
    es_default = Booleano(metadata={"description": "Con true, las demás dejan de serlo."})


class FavoritaSalida(Schema):
    id = fields.Integer(required=True)
    nombre_ciudad = fields.String(required=True)
    pais = fields.String(required=True, allow_none=True)
    latitud = fields.Float(required=True)
    longitud = fields.Float(required=True)
    es_default = fields.Boolean(required=True)
    creada_en = Instante(required=True)


class FavoritaSobre(Schema):
    favorita = fields.Nested(FavoritaSalida, required=True)


class Favoritas(Schema):
    favoritas = fields.List(fields.Nested(FavoritaSalida), required=True)
