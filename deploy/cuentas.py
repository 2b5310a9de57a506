"""Accounts, for whoever runs the installation: make an admin, set a forgotten password."""

from __future__ import annotations

import secrets
from typing import Any

import click

from deploy.base import base_de_datos
from shared import usuarios
from shared.modelos import Rol
from shared.settings import Settings, cargar
from shared.visible import a_la_vista

NOMBRES = {"username": "usuario", "email": "correo", "password": "contraseña", "nombre_completo": "nombre"}
BYTES_GENERADOS = 12
generable = click.option(
    "--generar", is_flag=True, help="Genera la contraseña y la muestra una vez, en lugar de pedirla."
)


@click.command("crear-admin")
@click.option("--usuario", prompt="Usuario", help="Nombre de usuario.")
@click.option("--correo", prompt="Correo", help="Correo electrónico.")
@generable
def crear_admin(usuario: str, correo: str, generar: bool) -> None:
    """Crea un administrador en la base de datos de DATABASE_URL."""
    settings = cargar()
    cuenta = revisar(username=usuario, email=correo)
    with base_de_datos(settings) as sesiones:
        clave = _clave(generar, settings, **cuenta)
        try:
            with sesiones.transaccion() as s:
                admin = usuarios.crear(s, **cuenta, password=clave, rol=Rol.ADMIN, rounds=settings.bcrypt_rounds)
                hecho = {"usuario_id": admin.id, "rol": admin.rol}
                usuarios.anotar(s, "crear_usuario", None, agente="climaguru crear-admin", detalle=hecho)
        except usuarios.YaExiste as e:
            ocupados = " y ese ".join(NOMBRES[campo] for campo in e.args[0])
            raise click.ClickException(f"Ya existe una cuenta con ese {ocupados}.") from e
    click.echo(f"Administrador «{admin.username}» creado.")
    _mostrar(clave, generar)


@click.command("cambiar-clave")
@click.option("--usuario", prompt="Usuario", help="Nombre de usuario o correo.")
@generable
def cambiar_clave(usuario: str, generar: bool) -> None:
    """Pone otra contraseña a una cuenta, y cierra todas sus sesiones."""
    settings = cargar()
    with base_de_datos(settings) as sesiones:
        with sesiones.transaccion() as s:
            cuenta = usuarios.buscar(s, usuario.encode(errors="replace").decode())
        if cuenta is None:
            raise click.ClickException(f"No hay ninguna cuenta con el usuario o el correo «{usuario}».")
        clave = _clave(generar, settings, cuenta.username, cuenta.email)
        nuevo = usuarios.cifrar_password(clave, settings.bcrypt_rounds)
        with sesiones.transaccion() as s:
            if not usuarios.cambiar_password(s, cuenta, nuevo):
                raise click.ClickException("Alguien cambió esa contraseña mientras tanto; no se tocó.")
            hecho = {"usuario_id": cuenta.id}
            usuarios.anotar(s, "cambiar_password", None, agente="climaguru cambiar-clave", detalle=hecho)
    click.echo(f"Contraseña de «{a_la_vista(cuenta.username)}» cambiada; sus sesiones quedaron cerradas.")
    if not cuenta.activo:
        click.echo("La cuenta está inactiva: no podrá entrar hasta que un administrador la active.")
    _mostrar(clave, generar)


def _clave(generar: bool, settings: Settings, username: str, email: str) -> str:
    """Of this account. Made, or typed twice without being shown. Never an argument: others can read those."""
    if generar:
        return secrets.token_urlsafe(BYTES_GENERADOS)
    try:
        clave: str = click.prompt("Contraseña", hide_input=True)
        revisar(password=clave)
        _ajena(clave, username, email, settings)
        otra = click.prompt("La misma otra vez", hide_input=True)
    except click.Abort as e:
        raise click.ClickException("No se escribió ninguna contraseña; no se cambió nada.") from e
    if otra != clave:
        raise click.ClickException("Las dos contraseñas no son iguales; no se cambió nada.")
    return clave


def revisar(**datos: str) -> dict[str, str]:
    """By the same rules as /api/auth/register."""
    from marshmallow import ValidationError

    from api.esquemas.cuentas import Cuenta  # here: the API takes a second to import, and not every command needs it

    try:
        revisados: dict[str, str] = Cuenta(only=tuple(datos)).load(datos)
    except ValidationError as e:
        mensajes: Any = e.messages
        textos = [f"{NOMBRES[campo]}: {' '.join(motivos)}" for campo, motivos in mensajes.items()]
        raise click.ClickException(" ".join(textos)) from e
    return revisados


def _ajena(clave: str, username: str, email: str, settings: Settings) -> None:
    from marshmallow import ValidationError

    from api.esquemas.cuentas import clave_ajena

    try:
        clave_ajena(clave, username, email, settings)
    except ValidationError as e:
        raise click.ClickException(f"contraseña: {' '.join(map(str, e.messages))}") from e


def _mostrar(clave: str, generada: bool) -> None:
    if generada:
        click.echo(f"Contraseña: {clave}   (no se volverá a mostrar)")
