"""The Flask extensions, bound to an application by create_app. One application per process: Limiter holds one."""

from __future__ import annotations

from typing import Any, NoReturn

from flask import Request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_smorest import Api, Blueprint
from flask_sqlalchemy import SQLAlchemy
from marshmallow import RAISE, Schema, missing
from sqlalchemy.orm import Session
from webargs.flaskparser import FlaskParser, abort

from shared.modelos import Base

db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
limitador = Limiter(get_remote_address, headers_enabled=True)
api = Api()


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
        try:
            return req.get_json(cache=True)
        except RecursionError:  # nested thousands deep
            abort(400)

    def _handle_invalid_json_error(self, error: Exception, req: Request, *args: Any, **kwargs: Any) -> NoReturn:
        abort(400)


class Rutas(Blueprint):  # type: ignore[misc]
    """A blueprint whose bodies go through Analizador."""

    ARGUMENTS_PARSER = Analizador()


def sesion() -> Session:
    """The database session of this request."""
    return db.session()
