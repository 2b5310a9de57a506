"""What every answer carries, whoever wrote it: security headers, and CORS for the listed origins."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Response, current_app, request
from flask.typing import ResponseReturnValue
from flask_cors import CORS

from shared.settings import Settings

SIEMPRE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",  # for <img> and <script>; CORS requests are not held to it
    "Cache-Control": "no-store",  # tokens and people's data; a view that may be kept says so itself
}
HSTS = "max-age=63072000"  # two years, of this host only: its neighbours may not have TLS
ESPERA_DEL_LIMITE = "X-RateLimit-Retry-After"  # Flask-Limiter would write Retry-After on every answer, over a view
PERMITIDAS = [
    *("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"),
    *("Last-Event-ID", "Prefer", "X-Request-ID"),
]
EXPUESTAS = [
    *("Location", "Retry-After", "ETag", "X-Request-ID", "Idempotency-Replayed"),
    *("Preference-Applied", "Content-Disposition"),
    *("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
]


def registrar(app: Flask, settings: Settings) -> None:
    """No cookies are used, so no credentials are allowed; "*" (alone in the list) lets any page ask with its token."""
    CORS(
        app,
        resources={r"/api/.*": {"origins": settings.cors_origins}},
        allow_headers=PERMITIDAS,
        expose_headers=EXPUESTAS,
        max_age=600,
        send_wildcard=True,
        always_send=False,
        vary_header=False,  # it is missing there when the list has one origin; _poner writes it
    )
    app.before_request(_opciones)
    app.after_request(_poner)


def _opciones() -> ResponseReturnValue | None:
    """What a browser asks before a CORS request carries no token: it is answered before access is looked at."""
    if request.method != "OPTIONS" or request.routing_exception:
        return None
    return current_app.make_default_options_response()


def _poner(respuesta: Response) -> Response:
    espera = respuesta.headers.pop(ESPERA_DEL_LIMITE, None)
    if espera and respuesta.status_code == 429:
        respuesta.headers.setdefault("Retry-After", str(max(1, int(espera))))
    for nombre, valor in SIEMPRE.items():
        respuesta.headers.setdefault(nombre, valor)
    if "Location" in respuesta.headers:
        respuesta.headers["Location"] = _sin_servidor(respuesta.headers["Location"])
    if request.is_secure:
        respuesta.headers["Strict-Transport-Security"] = HSTS
    settings: Settings = current_app.extensions["settings"]
    if settings.cors_origins not in ([], ["*"]):
        respuesta.vary.add("Origin")
    return respuesta


def _sin_servidor(destino: str) -> str:
    """Werkzeug's own redirects repeat the Host that the client sent; a path is enough for anybody."""
    partes = urlsplit(destino)
    return urlunsplit(("", "", "/" + partes.path.lstrip("/"), partes.query, ""))
