"""Every attack, then a table: `python -m tests.ataque [nombres…]`. Exit 1 if anything got through."""

from __future__ import annotations

import sys
from time import monotonic

import click
from rich.console import Console
from rich.table import Table

from tests.ataque import colas, esperas, puertas, salidas
from tests.ataque.blanco import Blanco
from tests.ataque.registro import ATAQUES, Informe, titulo

MODULOS = (esperas, colas, puertas, salidas)  # importing them fills ATAQUES
ANCHO = 140


@click.command()
@click.argument("nombres", nargs=-1, type=click.Choice(list(ATAQUES)))
@click.option("--corto", is_flag=True, help="La forma breve, la de `make test`.")
def main(nombres: tuple[str, ...], corto: bool) -> None:
    """Ataca una instalación entera, con sus valores por defecto, como lo haría un usuario hostil."""
    consola, empezo = Console(width=None if sys.stdout.isatty() else ANCHO), monotonic()
    informes: dict[str, Informe] = {}
    with Blanco() as b:
        for nombre in nombres or ATAQUES:
            consola.print(f"· {titulo(nombre)}")
            informes[nombre] = ATAQUES[nombre](b, not corto)
    consola.print(_tabla(informes))
    consola.print(f"{len(informes)} ataques en {monotonic() - empezo:.0f} s")
    raise SystemExit(any(i.pasaron for i in informes.values()))


def _tabla(informes: dict[str, Informe]) -> Table:
    tabla = Table(title="Ataques")
    tabla.add_column("ataque")
    tabla.add_column("intentos", justify="right")
    tabla.add_column("pasaron", justify="right")
    tabla.add_column("visto")
    for nombre, i in informes.items():
        tabla.add_row(titulo(nombre), str(i.intentos), f"[{'red' if i.pasaron else 'green'}]{i.pasaron}[/]", i.nota)
    return tabla


if __name__ == "__main__":
    main()
