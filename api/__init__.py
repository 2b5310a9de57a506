"""What HTTP clients reach. `gunicorn "api:create_app()"`."""

from __future__ import annotations

import re
from time import monotonic
from uuid import uuid4

import redis
import structlog
from flask import Flask, Response, g, request
from gunicorn.http.errors import ParseException
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix

from api import (
    acceso,
    actividad,
    api_keys,
    auth,
    cabeceras,
    catalogo,
    consultas,
    docs,
    documento,
    errores,
    favoritas,
    lotes,
    metricas,
    programaciones,
    reportes,
    salud,
    sesiones,
    usuarios,
)
from api.aforo import Aforo
from api.base import Identificador, Json, api, db, limitador
from shared import metricas as contadas
from shared import registro
from shared.almacen import OPCIONES, abrir
from shared.cambios import Avisos, Escucha
from shared.cifrado import Cifrador
from shared.cola import Timbre, crear_celery
from shared.db import opciones_motor, preparar
from shared.limites import Limites
from shared.presupuestos import Presupuestos
from shared.settings import Settings, cargar
from shared.usuarios import Cerradura

log = structlog.get_logger()

CUERPO_MAXIMO = 1024 * 1024
ID_PETICION = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


def create_app(settings: Settings | None = None) -> Flask:
    settings = settings or cargar()
    registro.configurar(settings)
    contadas.preparar(settings.prometheus_multiproc_dir)
    app = Flask("climaguru", static_folder=None)
    _configurar(app, settings)
    app.before_request(_empezar)
    app.before_request(_leer_cuerpo)
    app.after_request(_terminar)
    app.after_request(actividad.anotar_rechazo)
    errores.registrar(app)
    cabeceras.registrar(app, settings)
    _extensiones(app, settings)
    api.register_blueprint(auth.rutas)
    api.register_blueprint(sesiones.rutas)
    api.register_blueprint(consultas.rutas)
    api.register_blueprint(lotes.rutas)
    api.register_blueprint(catalogo.rutas)
    api.register_blueprint(reportes.rutas)
    api.register_blueprint(api_keys.rutas)
    api.register_blueprint(favoritas.rutas)
    api.register_blueprint(programaciones.rutas)
    api.register_blueprint(usuarios.rutas)
    app.register_blueprint(docs.rutas)
    app.register_blueprint(salud.rutas)
    app.register_blueprint(metricas.rutas)
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
        RATELIMIT_SWALLOW_ERRORS=True,  # of two that find Redis gone at once, only the first counts in memory
        RATELIMIT_HEADER_RETRY_AFTER=cabeceras.ESPERA_DEL_LIMITE,
        PROPAGATE_EXCEPTIONS=False,
        **documento.AJUSTES,
    )
    app.url_map.merge_slashes = False  # the redirect it makes would repeat the client's Host; //x is simply not found
    app.url_map.converters["int"] = Identificador
    app.json = Json(app)
    app.json.sort_keys = False
    app.json.ensure_ascii = False
    if settings.proxies_de_confianza:
        n = settings.proxies_de_confianza
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n)  # type: ignore[method-assign]


def _extensiones(app: Flask, settings: Settings) -> None:
    cliente_redis = abrir(settings)
    app.extensions.update(
        settings=settings,
        timbre=Timbre(crear_celery(settings)),
        cerradura=Cerradura(settings.bcrypt_rounds),
        revista=salud.Revista(),
        aforo=Aforo(settings.esperas_por_usuario, settings.esperas_por_proceso),
        cifrador=Cifrador(settings),
        redis=cliente_redis,
        escucha=Escucha(lambda: redis.Redis.from_url(settings.url_redis, socket_connect_timeout=1)),
        limites=Limites(
            cliente_redis, Presupuestos(cliente_redis, settings.openmeteo_presupuesto, settings.parte_por_usuario)
        ),
    )
    db.init_app(app)
    with app.app_context():
        preparar(db.engine)
    Avisos(cliente_redis).vigilar(db.session)
    limitador.init_app(app)
    acceso.configurar(app, settings)
    api.init_app(app, spec_kwargs=documento.complementos(app))
    errores.registrar(app)  # after flask-smorest, whose own handler it replaces


def _empezar() -> None:
    pedido = request.headers.get("X-Request-ID", "")
    g.id_peticion = pedido if ID_PETICION.fullmatch(pedido) else uuid4().hex
    g.empezo = monotonic()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(id_peticion=g.id_peticion)


def _leer_cuerpo() -> None:
    """Before anybody asks for it: a body that cannot be read is a 4xx here, not a surprise inside a limit or a view."""
    try:
        cuerpo = request.get_data(cache=True)
    except ParseException as e:  # gunicorn's, of the chunks
        raise BadRequest from e
    if request.content_length is None and len(cuerpo) >= CUERPO_MAXIMO:  # Werkzeug cuts chunks there without a word
        raise RequestEntityTooLarge


def _terminar(respuesta: Response) -> Response:
    respuesta.headers["X-Request-ID"] = g.get("id_peticion", "")
    duro_s = monotonic() - g.get("empezo", monotonic())
    que = (request.method, request.url_rule.rule) if request.url_rule else ("otro", "otra")
    contadas.peticiones.labels(*que, respuesta.status_code).observe(duro_s)
    if not request.path.startswith(("/health", "/metrics")):
        ms = round(duro_s * 1000)
        log.info("peticion", metodo=request.method, ruta=request.path, estado=respuesta.status_code, ms=ms)
    _soltar_sesion()
    return respuesta


def _soltar_sesion() -> None:
    """Before Flask-SQLAlchemy does: if the database dies as the last read is rolled back, that is no error any more."""
    try:
        db.session.remove()
    except SQLAlchemyError as e:
        log.warning("sesion_sin_base", tipo=type(e).__name__)
        db.session.registry.clear()
