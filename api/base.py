"""The Flask extensions, bound to an application by create_app. One application per process: Limiter holds one."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

from flask import Request, current_app
from flask.json.provider import DefaultJSONProvider
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_smorest import Api, Blueprint
from flask_sqlalchemy import SQLAlchemy
from marshmallow import RAISE, Schema, missing
from sqlalchemy import Select
from sqlalchemy.orm import Session
from webargs.flaskparser import FlaskParser, abort
from werkzeug.routing import IntegerConverter, Map

from api.errores import Problema
from api.esquemas.comunes import ProblemaSalida
from shared import paginas
from shared.modelos import Base

db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
limitador = Limiter(get_remote_address, headers_enabled=True)
LECTURA = ("GET", "HEAD", "OPTIONS")  # methods that change nothing
ID_MAXIMO = 1_999_999_999  # INT of the tables, less the end that no short pattern says
REPITE = "El JSON repite la clave «{}» en un mismo objeto. Déjela una sola vez."
NOMBRES_MAXIMOS = 1000  # in one JSON object: refusing each by name would take a second for a body of 1 MiB


class Interfaz(Api):  # type: ignore[misc]
    """flask-smorest's, less what api/documento.py says itself: each error by name, no default that excuses the rest."""

    DEFAULT_ERROR_RESPONSE_NAME = None
    ERROR_SCHEMA = ProblemaSalida

    def _register_pagination_header(self) -> None:
        """None of our answers has it."""


api = Interfaz()


class Identificador(IntegerConverter):
    """<int:…> in a path: what an INT key can be, in ASCII digits; anything else is 404. Werkzeug's own takes ٣ for 3.

    The pattern keeps the limits by itself: where a number matches and is then refused, Werkzeug says 405.
    """

    regex = "(?:[1-9][0-9]{0,8}|1[0-9]{9})"

    def __init__(self, mapa: Map) -> None:
        super().__init__(mapa, min=1, max=ID_MAXIMO)


class Repetida(ValueError):
    """A name twice in one object; the argument is the name."""


class Json(DefaultJSONProvider):
    """JSON as RFC 8259 asks and no laxer: UTF-8, no name twice, none by the thousand. ValueError for what is not."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        texto = s.decode("utf-8-sig") if isinstance(s, bytes) else s
        try:
            return super().loads(texto, object_pairs_hook=_sin_repetir, **kwargs)
        except RecursionError as e:
            raise ValueError("nested too deep") from e


class Analizador(FlaskParser):
    """JSON that says it is JSON: anything else is 415, not an empty body; what cannot be parsed is 400.

    No body at all is {} where no field is required.
    """

    DEFAULT_UNKNOWN_BY_LOCATION = {"json": RAISE, "query": RAISE}

    def load_json(self, req: Request, schema: Schema) -> Any:
        if not req.get_data(cache=True) and not any(campo.required for campo in schema.fields.values()):
            return missing
        if not req.is_json:
            abort(415)
        return super().load_json(req, schema)

    def _raw_load_json(self, req: Request) -> Any:
        """Webargs' own would not go through Json."""
        try:
            return current_app.json.loads(req.get_data(cache=True))
        except Repetida as e:
            nombre = str(e.args[0])[:100].encode(errors="replace").decode()  # it may be anything
            raise Problema(400, REPITE.format(nombre)) from e
        except ValueError:
            abort(400)


class Rutas(Blueprint):  # type: ignore[misc]
    """A blueprint whose bodies go through Analizador."""

    ARGUMENTS_PARSER = Analizador()

    @staticmethod
    def pide(*cabeceras: str) -> Any:
        """Says in the OpenAPI document that the route reads these headers of api/esquemas/cabeceras.py: PEDIDAS."""
        return Blueprint.doc(**{"x-pide": cabeceras})


def sesion() -> Session:
    """The database session of this request."""
    return db.session()


def paginar(nombre: str, seleccionar: Callable[..., Select[Any]], filtros: dict[str, Any]) -> dict[str, Any]:
    """The page that `filtros` (api/esquemas/comunes.py: Pagina) asks for of what seleccionar(**filtros) selects."""
    filtros = dict(filtros)
    numero, por_pagina = filtros.pop("page"), filtros.pop("per_page")
    filas, total = paginas.pagina(sesion(), seleccionar(**filtros), numero, por_pagina)
    pages = ceil(total / por_pagina)
    return {nombre: filas, "total": total, "pages": pages, "current_page": numero, "per_page": por_pagina}


def _sin_repetir(pares: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pares) > NOMBRES_MAXIMOS:
        raise ValueError("too many names in one object")
    objeto: dict[str, Any] = {}
    for nombre, valor in pares:
        if nombre in objeto:
            raise Repetida(nombre)
        objeto[nombre] = valor
    return objeto
