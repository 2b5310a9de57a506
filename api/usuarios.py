"""Accounts, for administrators."""

from __future__ import annotations

from typing import Any

from flask import current_app, url_for

from api import acceso
from api.actividad import anotar
from api.auth import ya_existe
from api.base import Rutas, paginar, sesion
from api.errores import Problema, no_encontrado
from api.esquemas.cabeceras import da
from api.esquemas.cuentas import (
    BuscarUsuarios,
    CambiosUsuario,
    UsuarioNuevo,
    UsuarioSobre,
    UsuariosPagina,
)
from shared import usuarios
from shared.modelos import Usuario
from shared.settings import Settings

rutas = Rutas("usuarios", __name__, url_prefix="/api/usuarios", description="Cuentas (administradores)")
rutas.before_request(acceso.exigir_admin)

Respuesta = tuple[dict[str, Any], int, dict[str, str]]
ULTIMO = "Es el único administrador activo. Nombre antes a otro."


@rutas.get("")
@rutas.arguments(BuscarUsuarios, location="query")
@rutas.response(200, UsuariosPagina)
def listar(filtros: dict[str, Any]) -> dict[str, Any]:
    """Las cuentas, de la más antigua a la más nueva."""
    return paginar("usuarios", usuarios.seleccionar, filtros)


@rutas.post("")
@rutas.arguments(UsuarioNuevo)
@rutas.response(201, UsuarioSobre, headers=da("Location"))
@rutas.alt_response(409, description="El usuario o el correo ya tiene cuenta.")
def crear(datos: dict[str, Any]) -> Respuesta:
    """Crea una cuenta con el rol que se diga."""
    settings: Settings = current_app.extensions["settings"]
    with ya_existe():
        usuario = usuarios.crear(sesion(), **datos, rounds=settings.bcrypt_rounds)
    anotar("crear_usuario", acceso.usuario_actual().id, {"usuario_id": usuario.id, "rol": usuario.rol})
    sesion().commit()
    return {"usuario": usuario}, 201, {"Location": url_for(".leer", usuario_id=usuario.id)}


@rutas.get("/<int:usuario_id>")
@rutas.response(200, UsuarioSobre)
def leer(usuario_id: int) -> dict[str, Any]:
    """Una cuenta."""
    return {"usuario": _existente(usuario_id)}


@rutas.patch("/<int:usuario_id>")
@rutas.arguments(CambiosUsuario)
@rutas.response(200, UsuarioSobre)
@rutas.alt_response(409, description="El correo está tomado, o es el último administrador activo.")
def cambiar(datos: dict[str, Any], usuario_id: int) -> dict[str, Any]:
    """Cambia el rol, el nombre, el correo, o si puede entrar."""
    return _cambiar("cambiar_usuario", usuario_id, datos)


@rutas.delete("/<int:usuario_id>")
@rutas.response(200, UsuarioSobre)
@rutas.alt_response(409, description="Es el último administrador activo.")
def desactivar(usuario_id: int) -> dict[str, Any]:
    """La desactiva: sus sesiones se cierran al momento y sus consultas se conservan."""
    return _cambiar("desactivar_usuario", usuario_id, {"activo": False})


def _cambiar(accion: str, usuario_id: int, cambios: dict[str, Any]) -> dict[str, Any]:
    usuario = _existente(usuario_id)
    try:
        with ya_existe():
            usuarios.cambiar(sesion(), usuario, **cambios)
    except usuarios.UltimoAdmin as e:
        raise Problema(409, ULTIMO) from e
    anotar(accion, acceso.usuario_actual().id, {"usuario_id": usuario.id, **cambios})
    sesion().commit()
    return {"usuario": usuario}


def _existente(usuario_id: int) -> Usuario:
    usuario = usuarios.leer(sesion(), usuario_id)
    if usuario is None:
        raise no_encontrado("cuenta")
    return usuario
