"""`climaguru entrar` and `climaguru salir`: the session that the other commands use."""

from __future__ import annotations

import sys

import click

from deploy.cliente import ajustes
from deploy.cliente.cliente import Cliente
from deploy.cliente.direccion import es_local
from deploy.cliente.errores import SinPermiso
from deploy.cliente.fin import MalUsada, Orden
from deploy.cliente.opciones import Servidor, avisar
from deploy.cliente.salida import decir

servidor = click.option(
    "--url", envvar="CLIMAGURU_URL", show_envvar=True, help="El servidor; queda como el de las demás órdenes."
)


@click.command("entrar", cls=Orden)
@servidor
@click.option("--usuario", help="Usuario o correo; sin ella se pregunta.")
@click.option(
    "--clave-stdin", is_flag=True, help="Lee la contraseña de la entrada estándar, para programas; si no, se pregunta."
)
def entrar(url: str | None, usuario: str | None, clave_stdin: bool) -> None:
    """Abre una sesión en un servidor y la guarda para las demás órdenes, en un fichero que solo lee usted.

    La contraseña no se guarda, ni se puede dar como opción: la verían los demás usuarios de la máquina (ps).
    La sesión dura mientras se use: un día desde la última vez que se renovó.
    """
    direccion = Servidor(url, None).direccion()
    if clave_stdin and not usuario:
        raise MalUsada("Con --clave-stdin indique también --usuario.")
    if direccion.startswith("http://") and not es_local(direccion):
        avisar(f"{direccion} no va cifrada: quien esté en medio puede leer la contraseña. Use https:// si puede.")
    try:
        usuario = usuario or click.prompt("Usuario", err=True)
        clave = _de_stdin() if clave_stdin else click.prompt("Contraseña", hide_input=True, err=True)
    except click.Abort as e:
        if isinstance(e.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from e
        raise MalUsada("No se escribió la contraseña; no se entró.") from e
    with Cliente(direccion, al_reintentar=avisar) as cliente:
        sesion = cliente.entrar(str(usuario), str(clave))
    ajustes.recordar(direccion, ajustes.Guardada(sesion.usuario, sesion.access_token, sesion.refresh_token))
    decir(f"Entró en {direccion} como «{sesion.usuario}» ({sesion.rol}).")


@click.command("salir", cls=Orden)
@servidor
def salir(url: str | None) -> None:
    """Cierra la sesión guardada: sus tokens dejan de servir y se borran de aquí."""
    abierto = Servidor(url, None)
    try:
        with abierto.abrir() as cliente:
            cliente.salir()
    except SinPermiso:
        pass  # it had ended by itself
    ajustes.olvidar(abierto.direccion())
    decir(f"Cerró la sesión en {abierto.direccion()}.")


def _de_stdin() -> str:
    return sys.stdin.readline().rstrip("\r\n")
