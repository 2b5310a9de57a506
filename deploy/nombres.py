"""Accounts from before today's rules for names: which they are, and a way to rename them.

Not a migration: the rules are the API's own and change with it, no table does, and whoever reads the list has to be
able to ask for it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click
from sqlalchemy.orm import Session

from deploy.base import base_de_datos
from deploy.cuentas import NOMBRES, revisar
from shared import usuarios
from shared.db import Sesiones
from shared.settings import cargar
from shared.visible import a_la_vista

if TYPE_CHECKING:
    from marshmallow import Schema

CAMPOS = ("username", "email", "nombre_completo")
MOSTRADAS = 50
TANDA = 1000
ID_MAXIMO = 2**31 - 1
BIEN = "Todas las cuentas tienen nombres que hoy se aceptarían."
NORMALIZADO = "Hoy se guardaría normalizado (NFC, sin espacios a los lados)."
QUE_HACER = (
    "Siguen como están. Para corregir una: «climaguru renombrar ID --usuario NUEVO» (o --correo, --nombre), o "
    "desactívela con DELETE /api/usuarios/ID. Para ver la lista otra vez: «climaguru revisar-nombres»."
)


@click.command("revisar-nombres")
def revisar_nombres() -> None:
    """Dice qué cuentas tienen un usuario, un correo o un nombre que hoy no se aceptaría. No cambia nada."""
    with base_de_datos(cargar()) as sesiones:
        if not informar(sesiones):
            click.echo(BIEN)


@click.command("renombrar")
@click.argument("usuario_id", metavar="ID", type=click.IntRange(1, ID_MAXIMO))
@click.option("--usuario", help="El nombre de usuario nuevo.")
@click.option("--correo", help="El correo nuevo.")
@click.option("--nombre", help="El nombre completo nuevo.")
def renombrar(usuario_id: int, usuario: str | None, correo: str | None, nombre: str | None) -> None:
    """Cambia cómo se llama la cuenta ID. Sus sesiones y su contraseña siguen valiendo."""
    pedidos = zip(CAMPOS, (usuario, correo, nombre), strict=True)
    cambios = revisar(**{campo: valor for campo, valor in pedidos if valor is not None})
    if not cambios:
        raise click.UsageError("Indique --usuario, --correo o --nombre.")
    with base_de_datos(cargar()) as sesiones:
        try:
            with sesiones.transaccion() as s:
                antes = _renombrar(s, usuario_id, cambios)
        except usuarios.YaExiste as e:
            ocupados = " y ese ".join(NOMBRES[campo] for campo in e.args[0])
            raise click.ClickException(f"Ya existe una cuenta con ese {ocupados}.") from e
    for campo, valor in cambios.items():
        click.echo(f"Cuenta {usuario_id}, {NOMBRES[campo]}: «{a_la_vista(antes[campo] or '')}» es ahora «{valor}».")


def informar(sesiones: Sesiones) -> int:
    """Print a line for each of the first MOSTRADAS, how many there are and what to do; nothing if there are none."""
    with sesiones.transaccion() as s:
        faltas = _faltas(s)
        vistas = list(islice(faltas, MOSTRADAS))
        total = len(vistas) + sum(1 for _ in faltas)
    if total:
        click.echo(f"Nombres de cuentas de antes que hoy no se aceptarían: {total}.")
        for linea in vistas:
            click.echo(f"  {linea}")
        if total > len(vistas):
            click.echo(f"  … y {total - len(vistas)} más.")
        click.echo(QUE_HACER)
    return total


def _faltas(s: Session) -> Iterator[str]:
    """By account and field."""
    from api.esquemas.cuentas import Cuenta  # here: the API takes a second to import, and not every command needs it

    esquemas = {campo: Cuenta(only=(campo,)) for campo in CAMPOS}
    for cuenta in s.scalars(usuarios.seleccionar().execution_options(yield_per=TANDA)):
        for campo, esquema in esquemas.items():
            valor = getattr(cuenta, campo)
            if valor is not None and (motivo := _motivo(esquema, campo, valor)):
                yield f"id {cuenta.id}, {NOMBRES[campo]} «{a_la_vista(valor)}»: {motivo}"


def _motivo(esquema: Schema, campo: str, valor: str) -> str | None:
    """Why it would not be taken as it is today."""
    from marshmallow import ValidationError

    try:
        como: str = esquema.load({campo: valor})[campo]
    except ValidationError as e:
        return " ".join(e.messages_dict[campo])
    return None if como == valor else NORMALIZADO


def _renombrar(s: Session, usuario_id: int, cambios: dict[str, str]) -> dict[str, str | None]:
    """What they were."""
    cuenta = usuarios.leer(s, usuario_id)
    if cuenta is None:
        raise click.ClickException(f"No hay ninguna cuenta con el id {usuario_id}.")
    antes = {campo: getattr(cuenta, campo) for campo in cambios}
    usuarios.cambiar(s, cuenta, **cambios)
    usuarios.anotar(
        s, "cambiar_usuario", None, agente="climaguru renombrar", detalle={"usuario_id": usuario_id, **cambios}
    )
    return antes
