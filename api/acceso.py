"""Who is calling, and may they: tokens, roles, revocation. Decided here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, g, request
from flask_jwt_extended import JWTManager, get_jwt, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt import ExpiredSignatureError, PyJWTError

from api.base import sesion
from api.errores import Problema
from shared import usuarios
from shared.modelos import Rol, Usuario
from shared.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")
DESAFIO = {"WWW-Authenticate": 'Bearer realm="climaguru"'}
SIN_TOKEN = "Envíe un token válido en la cabecera Authorization: Bearer <token>; se obtiene en /api/auth/login."
VENCIDO = "El token venció. Pida otro en /api/auth/refresh o vuelva a entrar."
INVALIDO = "El token no sirve (cerró la sesión, cambió la clave o la cuenta está inactiva). Vuelva a entrar."
LECTURA = ("GET", "HEAD", "OPTIONS")


def configurar(app: Flask, settings: Settings) -> None:
    app.config.update(
        JWT_SECRET_KEY=settings.jwt_secret_key.get_secret_value(),
        JWT_ALGORITHM="HS256",
        JWT_DECODE_ALGORITHMS=["HS256"],
        JWT_TOKEN_LOCATION=["headers"],
        JWT_ACCESS_TOKEN_EXPIRES=settings.jwt_access_token_expires,
        JWT_REFRESH_TOKEN_EXPIRES=settings.jwt_refresh_token_expires,
    )
    JWTManager(app)


def exigir_login() -> None:
    """Before each request of a protected blueprint; as con_login."""
    _exigir(refresh=False)


def con_login(vista: Callable[P, R]) -> Callable[P, R]:
    """A view that needs a live access token; who it speaks for goes to g.usuario."""
    return _antes(exigir_login, vista)


def con_refresh(vista: Callable[P, R]) -> Callable[P, R]:
    """A view that needs a live refresh token."""
    return _antes(lambda: _exigir(refresh=True), vista)


def _antes(exigir: Callable[[], None], vista: Callable[P, R]) -> Callable[P, R]:
    @wraps(vista)
    def protegida(*args: P.args, **kwargs: P.kwargs) -> R:
        exigir()
        return vista(*args, **kwargs)

    return protegida


def exigir_operario() -> None:
    """As exigir_login; a consultor may only read."""
    exigir_login()
    if usuario_actual().rol == Rol.CONSULTOR and request.method not in LECTURA:
        raise Problema(403, "Su rol de consultor permite leer, no crear ni cambiar. Pida a un administrador otro rol.")


def usuario_actual() -> Usuario:
    usuario: Usuario = g.usuario
    return usuario


def puede_leer(dueno_id: int) -> bool:
    """An operario reads what is theirs; consultor and admin read everything."""
    return usuario_actual().id == dueno_id or usuario_actual().rol in (Rol.CONSULTOR, Rol.ADMIN)


def _exigir(*, refresh: bool) -> None:
    try:
        verify_jwt_in_request(refresh=refresh)
    except ExpiredSignatureError as e:
        raise Problema(401, VENCIDO, cabeceras=DESAFIO) from e
    except (JWTExtendedException, PyJWTError, ValueError) as e:
        raise Problema(401, SIN_TOKEN, cabeceras=DESAFIO) from e
    token = get_jwt()
    emitido_en = datetime.fromtimestamp(token["iat"], UTC)
    quien = token["sub"]
    usuario = usuarios.con_token(sesion(), int(quien), token["jti"], emitido_en) if quien.isdigit() else None
    if usuario is None:
        raise Problema(401, INVALIDO, cabeceras=DESAFIO)
    g.usuario = usuario
