"""What HTTP clients reach. `gunicorn "api:create_app()"`."""

from __future__ import annotations

import re
from time import monotonic
from uuid import uuid4

import redis
import structlog
from flask import Flask, Response, g, request
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from api import acceso, auth, catalogo, consultas, errores, salud
from api.base import api, db, limitador
from shared import registro
from shared.almacen import OPCIONES, abrir
from shared.cambios import Avisos, Escucha
from shared.cola import Timbre, crear_celery
from shared.db import opciones_motor, preparar
from shared.limites import Limites
from shared.settings import Settings, cargar
from shared.usuarios import Cerradura

log = structlog.get_logger()

CUERPO_MAXIMO = 1024 * 1024
ID_PETICION = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
CABECERAS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
EXPUESTAS = ["Location", "Retry-After", "ETag", "X-Request-ID", "Idempotency-Replayed", "Content-Disposition"]


def create_app(settings: Settings | None = None) -> Flask:
    settings = settings or cargar()
    registro.configurar(settings)
    app = Flask("climaguru", static_folder=None)
    _configurar(app, settings)
    errores.registrar(app)
    _extensiones(app, settings)
    api.register_blueprint(auth.rutas)
    api.register_blueprint(consultas.rutas)
    api.register_blueprint(catalogo.rutas)
    app.register_blueprint(salud.rutas)
    app.before_request(_empezar)
    app.after_request(_terminar)
    return app


def _configurar(app: Flask, settings: Settings) -> None:
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        TESTING=settings.flask_env == "testing",
        MAX_CONTENT_LENGTH=CUERPO_MAXIMO,
        SQLALCHEMY_DATABASE_URI=settings.url_base_de_datos,
        SQLALCHEMY_ENGINE_OPTIONS=opciones_motor(settings),
        RATELIMIT_STORAGE_URI=settings.url_limites,
        RATELIMIT_STORAGE_OPTIONS=OPCIONES,
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        API_TITLE="ClimaGuru",
        API_VERSION="1",
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/api",
        OPENAPI_JSON_PATH="openapi.json",
        PROPAGATE_EXCEPTIONS=False,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    if settings.proxies_de_confianza:
        n = settings.proxies_de_confianza
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n)  # type: ignore[method-assign]


def _extensiones(app: Flask, settings: Settings) -> None:
    cliente_redis = abrir(settings)
    app.extensions.update(
        settings=settings,
        timbre=Timbre(crear_celery(settings)),
        cerradura=Cerradura(settings.bcrypt_rounds),
        redis=cliente_redis,
        escucha=Escucha(lambda: redis.Redis.from_url(settings.url_redis, socket_connect_timeout=1)),
        limites=Limites(cliente_redis, settings.url_limites, settings.openmeteo_presupuesto),
    )
    db.init_app(app)
    with app.app_context():
        preparar(db.engine)
    Avisos(cliente_redis).vigilar(db.session)
    limitador.init_app(app)
    acceso.configurar(app, settings)
    CORS(app, resources={r"/api/*": {"origins": settings.cors_origins}}, expose_headers=EXPUESTAS, max_age=600)
    api.init_app(app)
    errores.registrar(app)  # after flask-smorest, whose own handler it replaces
    api.spec.components.security_scheme("token", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})


def _empezar() -> None:
    pedido = request.headers.get("X-Request-ID", "")
    g.id_peticion = pedido if ID_PETICION.fullmatch(pedido) else uuid4().hex
    g.empezo = monotonic()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(id_peticion=g.id_peticion)


def _terminar(respuesta: Response) -> Response:
    respuesta.headers["X-Request-ID"] = g.get("id_peticion", "")
    for nombre, valor in CABECERAS.items():
        respuesta.headers.setdefault(nombre, valor)
    if not request.path.startswith("/health"):
        ms = round((monotonic() - g.get("empezo", monotonic())) * 1000)
        log.info("peticion", metodo=request.method, ruta=request.path, estado=respuesta.status_code, ms=ms)
    return respuesta
