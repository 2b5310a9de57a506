"""Every fault, then a table: `python -m tests.caos [--semilla N] [nombres…]`. Exit 1 on any broken promise."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from random import Random, SystemRandom
from time import monotonic
from types import FrameType

import click
from rich.console import Console
from rich.table import Table

from tests.caos.fallos import FALLOS
from tests.caos.juicio import Fila
from tests.caos.ronda import CARGA, correr, limpiar_al_morir

CARRILES = 2  # installations side by side: the time goes in waiting for leases, not in the processor
ANCHO = 120  # of the table in a file


@click.command()
@click.argument("nombres", nargs=-1, type=click.Choice(list(FALLOS)))
@click.option("--semilla", type=int, help="Repite una tirada anterior; sin ella, al azar.")
@click.option("--consultas", default=CARGA, show_default=True, type=click.IntRange(20, CARGA), help="Carga.")
@click.option("--carriles", default=CARRILES, show_default=True, type=click.IntRange(1, 8), help="Pilas a la vez.")
def main(nombres: tuple[str, ...], semilla: int | None, consultas: int, carriles: int) -> None:
    """Hace fallar cada pieza de ClimaGuru bajo carga y comprueba que nada se pierde ni se repite."""
    semilla = SystemRandom().randrange(10**6) if semilla is None else semilla
    consola, empezo = Console(width=None if sys.stdout.isatty() else ANCHO), monotonic()
    consola.print(f"Semilla {semilla}. Para repetirla: python -m tests.caos --semilla {semilla} {' '.join(nombres)}")
    repartidos = repartir(list(nombres or FALLOS), carriles, Random(semilla))
    filas = _correr(repartidos, consultas, semilla, consola)
    consola.print(_tabla(filas))
    for fila in filas:
        for falta in fila.faltas:
            consola.print(f"[red]{fila.fallo}[/]: {falta}", soft_wrap=True, highlight=False)
    consola.print(f"{len(filas)} fallos en {monotonic() - empezo:.0f} s, semilla {semilla}")
    raise SystemExit(0 if all(f.bien for f in filas) else 1)


def repartir(nombres: list[str], carriles: int, azar: Random) -> list[list[str]]:
    """The longest first, each to the lane with least to do; then every lane in random order."""
    listas: list[list[str]] = [[] for _ in range(carriles)]
    for nombre in sorted(nombres, key=lambda n: -FALLOS[n].peso_s):
        min(listas, key=lambda lista: sum(FALLOS[n].peso_s for n in lista)).append(nombre)
    for lista in listas:
        azar.shuffle(lista)
    return [lista for lista in listas if lista]


def _correr(listas: list[list[str]], n: int, semilla: int, consola: Console) -> list[Fila]:
    """Each list in a process of its own. SIGTERM and Ctrl-C reach them, and they clean up before they end."""
    contexto = multiprocessing.get_context("spawn")
    signal.signal(signal.SIGTERM, _rendirse)
    with ProcessPoolExecutor(len(listas), contexto, initializer=limpiar_al_morir) as procesos:
        futuros = [procesos.submit(correr, lista, n, semilla) for lista in listas]
        filas = [fila for futuro in as_completed(futuros) for fila in futuro.result()]
    orden = list(FALLOS)
    return sorted(filas, key=lambda f: orden.index(f.fallo))


def _rendirse(_senal: int, _marco: FrameType | None) -> None:
    for proceso in multiprocessing.active_children():
        proceso.terminate()
    raise KeyboardInterrupt


def _tabla(filas: list[Fila]) -> Table:
    tabla = Table(title="Caos")
    tabla.add_column("fallo", no_wrap=True)
    for titulo in ("aceptadas", "completadas", "error", "perdidas", "duplicadas", "más lenta (s)", "duró (s)"):
        tabla.add_column(titulo, justify="right")
    tabla.add_column("")
    for f in filas:
        if f.omitido:
            tabla.add_row(f.fallo, *["–"] * 7, f"no se pudo: {f.omitido}")
            continue
        cuentas = (f.aceptadas, f.completadas, f.error, f.perdidas, f.duplicadas)
        tiempos = (f"{f.recuperacion_s:.1f}", f"{f.duro_s:.0f}")
        tabla.add_row(f.fallo, *map(str, cuentas), *tiempos, "[green]bien[/]" if f.bien else "[red]mal[/]")
    return tabla


if __name__ == "__main__":
    main()
