"""Who is calling, and may they: tokens, sessions, roles, requests per user. Decided here and nowhere else.

Every protected blueprint names one of exigir_login, exigir_operario and exigir_admin as its before_request.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from time import time
from typing import Any, ParamSpec, TypeVar

from flask import Flask, current_app, g, request
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token, get_jwt, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTDecodeError, JWTExtendedException, WrongTokenError
from jwt import ExpiredSignatureError, PyJWTError
from sqlalchemy.orm import Session

from api.base import LECTURA, limitador, sesion
from api.errores import Problema
from shared import sesiones
from shared.modelos import Rol, Sesion, Usuario
from shared.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")
DESAFIO = {"WWW-Authenticate": 'Bearer realm="climaguru"'}
SIN_TOKEN = "Envíe un token válido en la cabecera Authorization: Bearer <token>; se obtiene en /api/auth/login."
NO_REFRESCO = "Ese es un token de refresco, que solo sirve en /api/auth/refresh. Aquí va el de acceso: access_token."
NO_ACCESO = "Ese es un token de acceso. Aquí va el de refresco: el refresh_token que dio /api/auth/login o /refresh."
VENCIDO = "El token venció. Pida otro en /api/auth/refresh o vuelva a entrar."
INVALIDO = "El token no sirve (se cerró la sesión, cambió la clave o la cuenta está inactiva). Vuelva a entrar."
SOLO_LECTURA = "Su rol de consultor permite leer, no crear ni cambiar. Pida a un administrador otro rol."
SOLO_ADMIN = "Solo un administrador puede hacer esto."
LARGO_ID = 10  # digits of an INT
EPOCA = "epoca"  # claim: sesiones.epoca when the token was issued
SESION = "sid"  # claim: the session it belongs to
DE_TEXTO = ("type", "jti", SESION, EPOCA)


def configurar(app: Flask, settings: Settings) -> None:
    app.config.update(
        JWT_SECRET_KEY=settings.jwt_secret_key.get_secret_value(),
        JWT_ALGORITHM="HS256",
        JWT_DECODE_ALGORITHMS=["HS256"],
        JWT_TOKEN_LOCATION=["headers"],
        JWT_COOKIE_CSRF_PROTECT=False,  # no cookies; else each token has a random claim, and no two are the same
        JWT_ACCESS_TOKEN_EXPIRES=settings.jwt_access_token_expires,
        JWT_REFRESH_TOKEN_EXPIRES=settings.jwt_refresh_token_expires,
    )
    JWTManager(app).decode_key_loader(_clave_para)


def _clave_para(_: dict[str, Any], dicho: dict[str, Any]) -> str:
    """No key for a token without all that ours have. Here, for the library fills in what is missing afterwards."""
    if "exp" not in dicho or not all(isinstance(dicho.get(nombre), str) for nombre in DE_TEXTO):
        raise JWTDecodeError("a claim is missing")
    clave: str = current_app.config["JWT_SECRET_KEY"]
    return clave


def tokens(usuario: Usuario, abierta: Sesion) -> dict[str, Any]:
    """What a login and a refresh answer."""
    return {
        "access_token": token_de_acceso(usuario, abierta),
        "refresh_token": token_de_refresco(usuario, abierta),
        "expires_in": current_app.config["JWT_ACCESS_TOKEN_EXPIRES"],
    }


def token_de_acceso(usuario: Usuario, abierta: Sesion) -> str:
    """username and rol are for frontends to read; here the database is asked."""
    dicho = {**_de_todos(usuario, abierta), "username": usuario.username, "rol": usuario.rol.value}
    token: str = create_access_token(str(usuario.id), additional_claims=dicho)
    return token


def token_de_refresco(usuario: Usuario, abierta: Sesion) -> str:
    """The only one of the session that is good: however often it is asked for, the same to the byte."""
    emitido = abierta.expira_en - timedelta(seconds=current_app.config["JWT_REFRESH_TOKEN_EXPIRES"])
    de_la_fila = {"jti": abierta.jti_refresco, "iat": emitido, "nbf": emitido, "exp": abierta.expira_en}
    token: str = create_refresh_token(str(usuario.id), additional_claims=_de_todos(usuario, abierta) | de_la_fila)
    return token


def _de_todos(usuario: Usuario, abierta: Sesion) -> dict[str, Any]:
    return {EPOCA: sesiones.epoca(usuario), SESION: abierta.id}


def exigir_login() -> None:
    """Before each request of a protected blueprint; as con_login."""
    _exigir(refresh=False)


def exigir_operario() -> None:
    """As exigir_login; a consultor may only read."""
    exigir_login()
    if usuario_actual().rol == Rol.CONSULTOR and request.method not in LECTURA:
        raise Problema(403, SOLO_LECTURA)


def exigir_admin() -> None:
    """As exigir_login, for administrators only."""
    exigir_login()
    exigir_rol(Rol.ADMIN)


def exigir_rol(*roles: Rol) -> None:
    """Of the user who is already known to be logged in."""
    if usuario_actual().rol not in roles:
        raise Problema(403, SOLO_ADMIN if roles == (Rol.ADMIN,) else "Su rol no permite hacer esto.")


def es_admin() -> bool:
    """Does this request carry the live access token of an admin? Of a route that is open to all."""
    if "Authorization" not in request.headers:
        return False
    try:
        exigir_login()
    except Problema:
        return False
    return usuario_actual().rol == Rol.ADMIN


def con_login(vista: Callable[P, R]) -> Callable[P, R]:
    """A view that needs a live access token; who it speaks for goes to g.usuario."""
    return _antes(exigir_login, vista)


def con_refresh(vista: Callable[P, R]) -> Callable[P, R]:
    """A view that needs a live refresh token."""
    return _antes(lambda: _exigir(refresh=True), vista)


def usuario_actual() -> Usuario:
    usuario: Usuario = g.usuario
    return usuario


def sesion_actual() -> str:
    """The id of the session whose token the caller sent."""
    sesion_id: str = get_jwt()[SESION]
    return sesion_id


def puede_leer(dueno_id: int) -> bool:
    """An operario reads what is theirs; consultor and admin read everything."""
    return _lee(usuario_actual(), dueno_id)


def puede_cambiar(dueno_id: int) -> bool:
    """What is theirs; an admin, everything. Keys and favourites are read by the same rule."""
    return usuario_actual().id == dueno_id or usuario_actual().rol == Rol.ADMIN


def vigencia(dueno_id: int) -> Callable[[Session], bool]:
    """Asked later, outside this request: does the caller's token still live, and may they read what is dueno_id's?"""
    token = get_jwt()
    usuario_id, sesion_id, desde, vence = usuario_actual().id, token[SESION], token[EPOCA], token["exp"]

    def vigente(s: Session) -> bool:
        usuario = sesiones.con_token(s, usuario_id, sesion_id, desde) if time() < vence else None
        return usuario is not None and _lee(usuario, dueno_id)

    return vigente


def _lee(usuario: Usuario, dueno_id: int) -> bool:
    return usuario.id == dueno_id or usuario.rol in (Rol.CONSULTOR, Rol.ADMIN)


def _antes(exigir: Callable[[], None], vista: Callable[P, R]) -> Callable[P, R]:
    @wraps(vista)
    def protegida(*args: P.args, **kwargs: P.kwargs) -> R:
        exigir()
        return vista(*args, **kwargs)

    return protegida


def _exigir(*, refresh: bool) -> None:
    try:
        verify_jwt_in_request(refresh=refresh)
    except ExpiredSignatureError as e:
        raise Problema(401, VENCIDO, cabeceras=DESAFIO) from e
    except WrongTokenError as e:
        raise Problema(401, NO_ACCESO if refresh else NO_REFRESCO, cabeceras=DESAFIO) from e
    except (JWTExtendedException, PyJWTError, ValueError) as e:
        raise Problema(401, SIN_TOKEN, cabeceras=DESAFIO) from e
    token = get_jwt()
    quien = token["sub"]
    usuario_id = int(quien) if len(quien) <= LARGO_ID and quien.isascii() and quien.isdecimal() else 0
    usuario = sesiones.con_token(sesion(), usuario_id, token[SESION], token[EPOCA])
    if usuario is None:
        raise Problema(401, INVALIDO, cabeceras=DESAFIO)
    g.usuario = usuario
    _contar()


def _limite() -> str:
    settings: Settings = current_app.extensions["settings"]
    return settings.limite_api


@limitador.shared_limit(_limite, scope="api", key_func=lambda: f"usuario:{usuario_actual().id}")
def _contar() -> None:
    """One request of this user; 429 when they have made LIMITE_API."""
