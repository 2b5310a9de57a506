"""Accounts and tokens: register, login, refresh, logout, me. The list of sessions is in api/sesiones.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from flask import current_app, g, request
from flask_jwt_extended import decode_token, get_jwt
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt import PyJWTError
from marshmallow import ValidationError
from redis import Redis
from redis.exceptions import RedisError

from api import acceso
from api.acceso import usuario_actual
from api.actividad import anotar, direccion, red
from api.base import Rutas, limitador, paginar, sesion
from api.errores import Problema
from api.esquemas.comunes import Mensaje, Pagina
from api.esquemas.cuentas import CambioPassword, Login, Logout, Registro, Tokens, UsuarioSobre, clave_ajena
from api.esquemas.reportes import Auditoria
from shared import reportes, sesiones, usuarios
from shared.cola import PREFIJO
from shared.db import plegar
from shared.settings import Settings

rutas = Rutas("auth", __name__, url_prefix="/api/auth", description="Cuentas y sesiones")
CONOCIDA, CONOCIDA_S = f"{PREFIJO}conocida:", 30 * 86_400
DESACTIVADA = "La cuenta está desactivada. Pida a un administrador que la active."
OCUPADO = "Ya está en uso; elija otro."
REUSADO = (
    "Ese refresh_token ya se había cambiado por otro: puede que alguien más lo tenga, y la sesión se cerró. "
    "Vuelva a entrar; en /api/auth/actividad se ve desde dónde llegó."
)


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings


def _cuenta() -> str:
    """The account that somebody tries to enter, however they write its name; where there is none, a digest of what they
    wrote, for it may be their password."""
    if "cuenta" not in g:
        cuerpo = request.get_json(silent=True)
        escrito = str(cuerpo.get("username") if isinstance(cuerpo, dict) else None).strip()  # as Texto trims it
        conocido = usuarios.buscar(sesion(), escrito) if len(escrito) <= 100 and escrito.isprintable() else None
        digerido = sha256(plegar(escrito).encode(errors="replace")).hexdigest()[:32]
        g.cuenta = f"cuenta:{conocido.id}" if conocido else f"nombre:{digerido}"
    cuenta: str = g.cuenta
    return cuenta


def _cuenta_y_red() -> str:
    return f"{_cuenta()}:{red()}"


def _red_conocida() -> bool:
    """Has this account been entered from this network lately? Guesses from elsewhere do not lock its owner out."""
    cliente: Redis = current_app.extensions["redis"]
    try:
        return bool(cliente.exists(f"{CONOCIDA}{_cuenta_y_red()}"))
    except RedisError:
        return False


def _entro() -> None:
    """The right password: its failures are forgotten, and the network is known."""
    cliente: Redis = current_app.extensions["redis"]
    _olvidar_fallos(_cuenta())
    with suppress(RedisError):
        cliente.set(f"{CONOCIDA}{_cuenta_y_red()}", "1", ex=CONOCIDA_S)


def _olvidar_fallos(cuenta: str) -> None:
    with suppress(RedisError):
        for limite in limitador.current_limits:
            if cuenta in limite.key:
                limitador.limiter.clear(limite.limit, *limite.request_args)


def _propia_cuenta() -> str:
    return f"password:{usuario_actual().id}"


@contextmanager
def ya_existe() -> Iterator[None]:
    """A taken username or email is 409."""
    try:
        yield
    except usuarios.YaExiste as e:
        sesion().rollback()
        raise Problema(409, "Ese usuario o correo ya tiene cuenta.", {c: [OCUPADO] for c in e.args[0]}) from e


@rutas.post("/register")
@limitador.limit(lambda: _settings().limite_registro)
@rutas.doc(security=[])
@rutas.arguments(Registro)
@rutas.response(201, UsuarioSobre)
@rutas.alt_response(403, description="El registro está cerrado.")
@rutas.alt_response(409, description="El usuario o el correo ya tiene cuenta.")
def register(datos: dict[str, Any]) -> dict[str, Any]:
    """Crea una cuenta de operario."""
    if not _settings().registro_abierto:
        raise Problema(403, "El registro está cerrado. Pida una cuenta a un administrador.")
    with ya_existe():
        usuario = usuarios.crear(sesion(), **datos, rounds=_settings().bcrypt_rounds, red=red())
    anotar("registro", usuario.id)
    sesion().commit()
    return {"message": "Cuenta creada. Ya puede entrar en /api/auth/login.", "usuario": usuario}


@rutas.post("/login")
@limitador.limit(lambda: _settings().limite_login)
@limitador.limit(lambda: _settings().limite_login_cuenta, key_func=_cuenta_y_red)  # counted before it is checked
@limitador.limit(lambda: _settings().limite_login_total, key_func=_cuenta, exempt_when=_red_conocida)
@rutas.doc(security=[])
@rutas.arguments(Login)
@rutas.response(200, Tokens)
@rutas.alt_response(401, description="Usuario o contraseña incorrectos, o la cuenta está desactivada.")
def login(datos: dict[str, Any]) -> dict[str, Any]:
    """Entra con usuario o correo y contraseña."""
    cerradura: usuarios.Cerradura = current_app.extensions["cerradura"]
    try:
        usuario = cerradura.abrir(sesion(), datos["username"], datos["password"], red())
    except usuarios.Desactivada as e:
        raise _no_entra(datos["username"], DESACTIVADA) from e
    if usuario is None:
        raise _no_entra(datos["username"], "Usuario o contraseña incorrectos.")
    usuarios.anotar_login(sesion(), usuario)
    abierta, cerradas = sesiones.abrir(sesion(), usuario.id, _visita())
    anotar("login", usuario.id, {"sesion_id": abierta.id, **({"cerradas": cerradas} if cerradas else {})})
    sesion().commit()
    _entro()
    return {**acceso.tokens(usuario, abierta), "usuario": usuario}


@rutas.post("/refresh")
@acceso.con_refresh
@rutas.doc(security=[{"token_de_refresco": []}])
@rutas.response(200, Tokens)
def refresh() -> dict[str, Any]:
    """Tokens nuevos a cambio del refresh_token, que va en Authorization y deja de servir.

    Guarde los dos. Si la respuesta se pierde, repita: durante 30 segundos el mismo refresh_token da el mismo sucesor.
    Usado más tarde, cierra la sesión entera, porque puede que alguien más lo tenga.
    """
    usuario, sesion_id = usuario_actual(), acceso.sesion_actual()
    try:
        abierta = sesiones.rotar(sesion(), usuario.id, sesion_id, get_jwt()["jti"], _visita())
    except sesiones.Reusado as e:
        anotar("refresco_reusado", usuario.id, {"sesion_id": sesion_id})
        sesion().commit()
        raise Problema(401, REUSADO, cabeceras=acceso.DESAFIO) from e
    if abierta is None:
        raise Problema(401, acceso.INVALIDO, cabeceras=acceso.DESAFIO)
    anotar("refresh", usuario.id, {"sesion_id": sesion_id})
    sesion().commit()
    return acceso.tokens(usuario, abierta)


@rutas.post("/logout")
@acceso.con_login
@rutas.arguments(Logout, required=False)
@rutas.response(200, Mensaje)
def logout(datos: dict[str, Any]) -> dict[str, str]:
    """Cierra la sesión: sus tokens, el de refresco también, dejan de servir.

    No hace falta enviar el refresh_token; si va en el cuerpo y es de otra sesión suya, también esa se cierra.
    """
    cuales = {acceso.sesion_actual()}
    if "refresh_token" in datos:
        cuales.add(_propio(datos["refresh_token"])[acceso.SESION])
    sesiones.cerrar(sesion(), usuario_actual().id, *cuales)
    anotar("logout", usuario_actual().id)
    sesion().commit()
    return {"message": "Sesión cerrada."}


@rutas.post("/cambiar-password")
@acceso.con_login
@limitador.limit(lambda: _settings().limite_login_cuenta, key_func=_propia_cuenta)  # counted before it is checked
@rutas.arguments(CambioPassword)
@rutas.response(200, Mensaje)
@rutas.alt_response(409, description="La contraseña se cambió mientras tanto.")
def cambiar_password(datos: dict[str, str]) -> dict[str, str]:
    """Cambia la contraseña; todas las sesiones abiertas, esta también, se cierran."""
    usuario = usuario_actual()
    try:
        clave_ajena(datos["nueva"], usuario.username, usuario.email, _settings())
    except ValidationError as e:
        textos = [str(texto) for texto in e.messages]
        raise Problema(422, "Elija otra contraseña.", {"nueva": textos}) from e
    sesion().commit()  # no transaction is held while bcrypt works
    if not usuarios.coincide(datos["actual"], usuario.password_hash, red()):
        raise Problema(422, "La contraseña actual no es esa.", {"actual": ["No es su contraseña."]})
    nuevo = usuarios.cifrar_password(datos["nueva"], _settings().bcrypt_rounds, red())
    if not usuarios.cambiar_password(sesion(), usuario, nuevo):
        raise Problema(409, "La contraseña se cambió mientras tanto. Vuelva a entrar.")
    _olvidar_fallos(_propia_cuenta())
    anotar("cambiar_password", usuario.id)
    sesion().commit()
    return {"message": "Contraseña cambiada. Vuelva a entrar con la nueva."}


@rutas.get("/actividad")
@acceso.con_login
@rutas.arguments(Pagina, location="query")
@rutas.response(200, Auditoria)
def actividad(filtros: dict[str, Any]) -> dict[str, Any]:
    """Lo que se hizo con la cuenta propia, lo más nuevo primero: también quién intentó entrar y desde dónde."""
    return paginar("registros", reportes.seleccionar_actividad, {"usuario_id": usuario_actual().id, **filtros})


@rutas.get("/me")
@acceso.con_login
@rutas.response(200, UsuarioSobre)
def me() -> dict[str, Any]:
    """Quién soy."""
    return {"usuario": usuario_actual()}


def _no_entra(nombre: str, motivo: str) -> Problema:
    """Noted; what is no account's name is not, for it may be a password."""
    conocido = usuarios.buscar(sesion(), nombre)
    anotar("login_fallido", conocido.id if conocido else None, {"username": conocido.username if conocido else None})
    sesion().commit()
    return Problema(401, motivo, cabeceras=acceso.DESAFIO)


def _visita() -> sesiones.Visita:
    """hasta: by this machine's clock, as it will be when the token comes back."""
    hasta = datetime.now(UTC) + timedelta(seconds=_settings().jwt_refresh_token_expires)
    return sesiones.Visita(direccion(), request.headers.get("User-Agent"), hasta)


def _propio(refresh_token: str) -> dict[str, Any]:
    """The claims of the caller's own refresh token."""
    try:
        token: dict[str, Any] = decode_token(refresh_token, allow_expired=True)
    except (JWTExtendedException, PyJWTError, ValueError) as e:
        raise Problema(422, "El refresh_token no es válido.", {"refresh_token": ["No es un token nuestro."]}) from e
    if token["type"] != "refresh":
        raise Problema(422, acceso.NO_ACCESO, {"refresh_token": ["Es un token de acceso, no de refresco."]})
    if token["sub"] != str(usuario_actual().id):
        raise Problema(422, "El refresh_token no es suyo.", {"refresh_token": ["No es su token de refresco."]})
    return token
