"""The laboratory's Flask application: six dialects under one roof, and the room they are controlled from."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

from flask import Blueprint, Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException

from deploy.laboratorio import ideam, meteoblue, meteosource, openmeteo, openweather, siata
from deploy.laboratorio.averias import MARCA, Averias
from deploy.laboratorio.errores import PROVEEDORES, como_json, error
from deploy.laboratorio.fallas import Control, FallaMalaError, leer_fallas
from deploy.laboratorio.peticiones import Registro

DIALECTOS: dict[str, Blueprint] = {
    "openmeteo": openmeteo.rutas,
    "openweather": openweather.rutas,
    "meteoblue": meteoblue.rutas,
    "meteosource": meteosource.rutas,
    "ideam": ideam.rutas,
    "siata": siata.rutas,
}
mandos = Blueprint("laboratorio", __name__, url_prefix="/_laboratorio")


def crear_app(ahora: Callable[[], datetime] | None = None) -> Flask:
    """ahora: the clock, aware; the real UTC one by default, also replaceable later in config["AHORA"]."""
    app = Flask("laboratorio", static_folder=None)
    app.config["AHORA"] = ahora or (lambda: datetime.now(UTC))
    app.config["SECRETOS"] = {}
    app.extensions["fallas"], app.extensions["registro"] = Control(), Registro()
    for nombre, rutas in DIALECTOS.items():
        app.register_blueprint(rutas, url_prefix=f"/{nombre}")
    app.register_blueprint(mandos)
    app.register_error_handler(HTTPException, _como_su_dueno)
    averias = Averias(app.wsgi_app, app.extensions["fallas"], app.extensions["registro"])
    app.extensions["averias"] = averias
    app.wsgi_app = averias  # type: ignore[method-assign]
    return app


@mandos.get("/salud")
def salud() -> Response:
    return como_json({"estado": "ok", "ahora": current_app.config["AHORA"]().isoformat()})


@mandos.get("/fallas")
def ver_fallas() -> Response:
    return como_json(_control().ver())


@mandos.put("/fallas")
def poner_fallas() -> Response:
    try:
        fallas = leer_fallas(request.get_json(force=True, silent=True))
    except FallaMalaError as e:
        return como_json({"error": str(e)}, 422)
    _control().poner(fallas)
    return como_json(_control().ver())


@mandos.delete("/fallas")
def quitar_fallas() -> Response:
    _control().poner([])
    return como_json([])


@mandos.get("/peticiones")
def ver_peticiones() -> Response:
    return como_json(_registro().ver())


@mandos.delete("/peticiones")
def borrar_peticiones() -> Response:
    _registro().borrar()
    return como_json(_registro().ver())


@mandos.put("/secretos")
def poner_secretos() -> Response:
    """{"meteoblue": "…"}: from now on its `sig` is verified with this secret; {} goes back to taking any."""
    secretos = request.get_json(force=True, silent=True)
    if not isinstance(secretos, dict) or [k for k, v in secretos.items() if k != "meteoblue" or not isinstance(v, str)]:
        return como_json({"error": 'Se espera {"meteoblue": "secreto"}: solo Meteoblue firma peticiones.'}, 422)
    current_app.config["SECRETOS"] = secretos
    return como_json({"configurados": sorted(secretos)})


@mandos.after_request
def _marcar(respuesta: Response) -> Response:
    respuesta.headers.add(*MARCA)
    return respuesta


def _como_su_dueno(e: HTTPException) -> Response:
    """404, 405 and the like in the words of the provider whose prefix was asked."""
    proveedor = request.path.lstrip("/").partition("/")[0]
    estado = e.code or 500
    if proveedor in PROVEEDORES:
        return error(proveedor, estado)
    texto = f"El laboratorio no tiene {request.path}. Prefijos: {', '.join(PROVEEDORES)}."
    respuesta = como_json({"error": texto}, estado)
    respuesta.headers.add(*MARCA)
    return respuesta


def _control() -> Control:
    return cast(Control, current_app.extensions["fallas"])


def _registro() -> Registro:
    return cast(Registro, current_app.extensions["registro"])
