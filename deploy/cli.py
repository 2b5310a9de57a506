"""The `climaguru` command."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

SIN_CONCEDER = (
    "Los permisos por tabla quedan como estaban: los da climaguru_migraciones. Ejecute deploy/mysql/preparar.sh en la "
    "máquina de la base de datos y repita «climaguru db upgrade» con la URL de ese usuario."
)
DATOS = Path.home() / ".local" / "share" / "climaguru"


ORDENES = {  # imported when they are called: who only asks for the weather does not wait for SQLAlchemy
    "cambiar-clave": "deploy.cuentas:cambiar_clave",
    "cancelar": "deploy.cliente.ordenes:cancelar",
    "crear-admin": "deploy.cuentas:crear_admin",
    "entrar": "deploy.cliente.entrada:entrar",
    "generar-secretos": "deploy.claves:generar_secretos",
    "historico": "deploy.cliente.ordenes:historico",
    "laboratorio": "deploy.laboratorio:comando",
    "limpiar": "deploy.limpieza:limpiar",
    "renombrar": "deploy.nombres:renombrar",
    "reintentar": "deploy.cliente.ordenes:reintentar",
    "revisar-nombres": "deploy.nombres:revisar_nombres",
    "rotar-clave": "deploy.claves:rotar_clave",
    "salir": "deploy.cliente.entrada:salir",
    "seguir": "deploy.cliente.ordenes:seguir",
    "tiempo-real": "deploy.cliente.ordenes:tiempo_real",
}


class Ordenes(click.Group):
    """The commands of this file, and those of ORDENES."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *ORDENES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ORDENES:
            return super().get_command(ctx, cmd_name)
        modulo, _, nombre = ORDENES[cmd_name].partition(":")
        orden: click.Command = getattr(import_module(modulo), nombre)
        return orden


@click.group(cls=Ordenes, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="climaguru", prog_name="climaguru")
def main() -> None:
    """ClimaGuru: consultas meteorológicas para operadores.

    Para pedir: entrar, tiempo-real, historico, seguir. Las demás órdenes son para quien lleva una instalación: sus
    ajustes vienen del entorno, y deploy/env.example los explica uno por uno.
    """


@main.command()
@click.option("--puerto", default=5000, show_default=True, type=click.IntRange(1, 65535), help="Puerto de la API.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Dirección en la que escucha la API.")
@click.option(
    "--datos",
    default=DATOS,
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    envvar="CLIMAGURU_DATOS",
    help="Carpeta de la base de datos, la cola y los secretos. Sobrevive a los reinicios.",
)
@click.option(
    "--trabajadores",
    default=1,
    show_default=True,
    type=click.IntRange(1, 32),
    help="Procesos de trabajo por cola (tiempo_real y historico tienen los suyos).",
)
@click.option("--laboratorio", is_flag=True, help="Usa proveedores simulados en lugar de los de verdad.")
@click.option("--flower", type=click.IntRange(1, 65535), help="También Flower, en este puerto de 127.0.0.1.")
def up(puerto: int, host: str, datos: Path, trabajadores: int, laboratorio: bool, flower: int | None) -> None:
    """Arranca todo en esta máquina: base de datos, cola, API, trabajadores y agenda. Ctrl-C lo para.

    Con DATABASE_URL o REDIS_URL en el entorno usa esos servidores en lugar de los incluidos (SQLite y Valkey).
    La primera vez crea un administrador y muestra su contraseña una sola vez.
    """
    from deploy.local.pila import Opciones, levantar
    from deploy.local.supervisor import NoArranca

    try:
        levantar(Opciones(host, puerto, datos.resolve(), trabajadores, laboratorio, flower))
    except NoArranca as e:
        raise click.ClickException(str(e)) from e


@main.command()
@click.option(
    "--salida",
    default=Path("descargas"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Carpeta donde quedan las descargas.",
)
@click.option(
    "--laboratorio/--en-vivo",
    default=None,
    help="Fuerza los proveedores simulados o los de verdad. Sin opción: de verdad si hay Internet.",
)
def demo(salida: Path, laboratorio: bool | None) -> None:
    """Muestra el trabajo completo: dos consultas de principio a fin, con sus descargas, y lo para todo."""
    from deploy.cliente import Fallo
    from deploy.local.demo import ejecutar

    try:
        ejecutar(salida, laboratorio)
    except Fallo as e:
        raise click.ClickException(str(e)) from e


@main.group()
def db() -> None:
    """El esquema de la base de datos de DATABASE_URL."""


@db.command()
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Sube el esquema a REVISION (por defecto, a la última). Repetirlo no hace daño.

    Después da a los usuarios de deploy/mysql/preparar.sh sus permisos en cada tabla, si quien migra puede darlos, y
    dice qué cuentas tienen nombres de antes que hoy no se aceptarían (climaguru revisar-nombres).
    """
    from deploy.base import base_de_datos
    from deploy.nombres import informar
    from shared import esquema, permisos
    from shared.settings import cargar

    with base_de_datos(cargar(), al_dia=False) as sesiones:
        esquema.subir(sesiones.motor, revision)
        with sesiones.motor.connect() as conexion:
            ultima = esquema.al_dia(conexion)
        click.echo("Esquema al día." if ultima else f"Esquema en {revision}.")
        if not permisos.conceder(sesiones.motor):
            click.echo(SIN_CONCEDER, err=True)
        if ultima:  # in an older one the tables are not those of the code
            informar(sesiones)


@db.command()
@click.argument("revision")
@click.confirmation_option(prompt="Bajar el esquema puede borrar datos. ¿Seguir?")
def downgrade(revision: str) -> None:
    """Baja el esquema a REVISION («base» lo borra todo)."""
    from deploy.base import base_de_datos
    from shared import esquema
    from shared.settings import cargar

    with base_de_datos(cargar(), al_dia=False) as sesiones:
        esquema.bajar(sesiones.motor, revision)
    click.echo(f"Esquema en {revision}.")


if __name__ == "__main__":
    main()
