"""What the terminal shows: a bar while a consulta is under way, and its answer as a table."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from math import floor
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from deploy.cliente.respuestas import Consulta, Datos, Faltante, Fuente
from shared.visible import a_la_vista

ANCHO = 160  # of what no terminal reads
CAMPOS = {
    "Temperatura (°C)": "temperatura",
    "  mínima": "temperatura_min",
    "  máxima": "temperatura_max",
    "Presión (hPa)": "presion_atmosferica",
    "Humedad (%)": "humedad_relativa",
    "Viento (km/h)": "velocidad_viento",
    "  desde (°)": "direccion_viento",
    "Lluvia (mm)": "precipitacion",
    "Visibilidad (m)": "visibilidad",
    "Índice UV": "indice_uv",
    "Aire (US AQI)": "calidad_aire",
}


class Consola(Console):
    """rich's own would end the program with exit code 1 when the reader has gone."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Seguimiento(AbstractContextManager["Seguimiento"]):
    """A bar on stderr, where that is a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        consola = Consola(stderr=True)
        columnas = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
        )
        self._barra = Progress(*columnas, console=consola, disable=not consola.is_terminal, transient=True)
        self._tarea = self._barra.add_task("", total=100)

    def __enter__(self) -> Self:
        self._barra.start()
        return self

    def __exit__(self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None) -> None:
        self._barra.stop()

    def mostrar(self, c: Consulta) -> None:
        cola = f", {c.posicion}.ª en la cola" if c.posicion else ""
        if c.reanuda_en:
            cola = f", sigue a las {c.reanuda_en.astimezone():%H:%M:%S}"
        que = f"Consulta {c.id} · {_lugar(c)} · {c.estado}{cola}"
        self._barra.update(self._tarea, completed=c.progreso, description=a_la_vista(que))


def resumen(c: Consulta) -> None:
    """The combined answer beside what each source said, how well they agree, and whose data it is. On stdout."""
    if c.datos is None:
        return
    consola = Consola() if sys.stdout.isatty() else Consola(width=ANCHO)
    fechas = f", {c.fecha_inicio} a {c.fecha_fin}" if c.fecha_inicio else ""
    consola.print(_texto(f"{_lugar(c)} ({c.latitud}, {c.longitud}){fechas}", "bold"))
    if c.datos.laboratorio:
        consola.print("Datos SIMULADOS del laboratorio: no son observaciones.", style="yellow")
    consola.print(_tabla(c.datos))
    consola.print(_texto(f"Cielo: {c.datos.descripcion_clima or '—'}"))
    for fuente in c.datos.fuentes:
        dicho = [fuente.motivo, fuente.atribucion if fuente.estado == "usada" else None]
        consola.print(_texto(": ".join([f"{fuente.proveedor} {fuente.estado}", *filter(None, dicho)]), "dim"))
    for falta in c.datos.faltantes:
        consola.print(_texto(_falta(falta), "yellow" if falta.pasajero else "dim"))


def _texto(linea: str, estilo: str = "") -> Text:
    """One line, in which nothing that a server sent is a command to the terminal or to rich."""
    return Text(a_la_vista(linea), style=estilo)


def _falta(f: Faltante) -> str:
    que = ", ".join(f.campos) or "todo"
    fechas = f" del {f.desde} al {f.hasta}" if f.desde else ""
    fin = "; puede llegar si se reintenta" if f.pasajero else ""
    return f"Falta de {f.proveedor} {que}{fechas}: {f.motivo}{fin}"


def _tabla(d: Datos) -> Table:
    fuentes = [f for f in d.fuentes if f.valores]
    tabla = Table()
    for titulo in ("", "combinado", "acuerdo", *(f.proveedor for f in fuentes)):
        tabla.add_column(_texto(titulo), justify="right" if titulo else "left", no_wrap=True)
    for titulo, campo in CAMPOS.items():
        partes = (_de_fuente(f, campo) for f in fuentes)
        combinado = _cifra(getattr(d, campo), al_menos=campo in d.al_menos)
        tabla.add_row(titulo, combinado, _texto(d.acuerdo.get(campo, "—")), *partes)
    return tabla


def _de_fuente(f: Fuente, campo: str) -> str:
    """Its value, and of a historico in which share of the days it told it, if not in all."""
    cifra = _cifra(f.valores.get(campo), al_menos=campo in f.al_menos)
    parte = f.cobertura.get(campo, 1.0)
    return f"{cifra} ({parte:.0%})" if parte < 1 and cifra != "—" else cifra


def _cifra(valor: Any, *, al_menos: bool = False) -> str:
    if not isinstance(valor, int | float):
        return "—"
    if al_menos:
        return f"≥ {_cifra(valor)}"
    return f"{_mitad_arriba(valor * 10) / 10:g}" if abs(valor) < 10_000 else str(_mitad_arriba(valor))


def _mitad_arriba(valor: float) -> int:
    """As the API rounds: 0.5 is 1, where round() says 0. Nine decimals are arithmetic, not measurement."""
    return floor(round(valor, 9) + 0.5)


def _lugar(c: Consulta) -> str:
    """Which place was understood; beside it what was written, where that is another name."""
    if c.lugar is None or c.lugar.nombre is None:
        return c.ciudad or "Coordenadas"
    return f"{c.lugar} (de «{c.corregido_de}»)" if c.corregido_de else str(c.lugar)
