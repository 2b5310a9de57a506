"""The `climaguru` command."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.base import base_de_datos
from deploy.claves import generar_secretos, rotar_clave
from deploy.cuentas import cambiar_clave, crear_admin
from deploy.laboratorio import comando as laboratorio
from deploy.limpieza import limpiar
from shared import esquema
from shared.settings import cargar

DATOS = Path.home() / ".local" / "share" / "climaguru"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="climaguru", prog_name="climaguru")
def main() -> None:
    """ClimaGuru: consultas meteorológicas para operadores.

    Todo ajuste viene del entorno; deploy/env.example los explica uno por uno.
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
def up(puerto: int, host: str, datos: Path, trabajadores: int, laboratorio: bool) -> None:
    """Arranca todo en esta máquina: base de datos, cola, API, trabajadores y agenda. Ctrl-C lo para.

    Con DATABASE_URL o REDIS_URL en el entorno usa esos servidores en lugar de los incluidos (SQLite y Valkey).
    La primera vez crea un administrador y muestra su contraseña una sola vez.
    """
    from deploy.local.pila import Opciones, levantar
    from deploy.local.supervisor import NoArranca

    try:
        levantar(Opciones(host, puerto, datos.resolve(), trabajadores, laboratorio))
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
    from deploy.local.demo import Fallo, ejecutar

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
    """Sube el esquema a REVISION (por defecto, a la última). Repetirlo no hace daño."""
    with base_de_datos(cargar(), al_dia=False) as sesiones:
        esquema.subir(sesiones.motor, revision)
    click.echo("Esquema al día.")


@db.command()
@click.argument("revision")
@click.confirmation_option(prompt="Bajar el esquema puede borrar datos. ¿Seguir?")
def downgrade(revision: str) -> None:
    """Baja el esquema a REVISION («base» lo borra todo)."""
    with base_de_datos(cargar(), al_dia=False) as sesiones:
        esquema.bajar(sesiones.motor, revision)
    click.echo(f"Esquema en {revision}.")


for _orden in (crear_admin, cambiar_clave, rotar_clave, generar_secretos, limpiar, laboratorio):
    main.add_command(_orden)

if __name__ == "__main__":
    main()
