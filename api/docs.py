"""/api/docs: the OpenAPI document for people. Swagger UI from its package; the page and its script are ours."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

rutas = Blueprint("docs", __name__, url_prefix="/api/docs")

NUESTROS = Path(__file__).parent / "estaticos"
SWAGGER = Path(str(files("flask_swagger_ui"))) / "dist"
FICHEROS = {
    "docs.css": (NUESTROS, "text/css"),
    "docs.js": (NUESTROS, "text/javascript"),
    "swagger-ui.css": (SWAGGER, "text/css"),
    "swagger-ui-bundle.js": (SWAGGER, "text/javascript"),
    "favicon-32x32.png": (SWAGGER, "image/png"),
}
CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # the icons inside Swagger UI's style sheet
        "connect-src 'self'",  # openapi.json, and «Try it out»
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
CONSERVAR_S = 3600


@rutas.get("")
def pagina() -> Response:
    respuesta = _servir(NUESTROS / "docs.html", "text/html")
    respuesta.headers["Content-Security-Policy"] = CSP
    respuesta.headers["Cache-Control"] = "no-cache"
    return respuesta


@rutas.get("/<fichero>")
def pieza(fichero: str) -> Response:
    if fichero not in FICHEROS:
        raise NotFound
    carpeta, tipo = FICHEROS[fichero]
    respuesta = _servir(carpeta / fichero, tipo)
    respuesta.headers["Cache-Control"] = f"public, max-age={CONSERVAR_S}"
    return respuesta


def _servir(fichero: Path, tipo: str) -> Response:
    respuesta = Response(_leer(fichero), mimetype=tipo)
    respuesta.add_etag()
    respuesta.make_conditional(request)
    return respuesta


@cache
def _leer(fichero: Path) -> bytes:
    """Once per process: they are few, and 2 MB in all."""
    return fichero.read_bytes()
