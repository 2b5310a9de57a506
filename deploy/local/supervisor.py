"""Starts services in order, restarts those that die, prints one log, stops all in reverse order.

Written here because it must do four things together that honcho and supervisor (the packages) split between them:
restart a service that died, start in order with a readiness check, one prefixed log, and no orphan after SIGKILL.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

from rich.console import Console
from rich.text import Text

from shared.visible import a_la_vista

GRACIA_S = 30.0
PAUSA_MAXIMA_S = 10.0
ESTABLE_S = 30.0  # who lived longer starts again without a pause for earlier falls
COLORES = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan", "bright_magenta")
HIJO = Path(__file__).with_name("hijo.py")


class NoArranca(Exception):
    """A service did not become ready; the message says which."""


@dataclass
class Servicio:
    """listo: True once it works; it is waited for before the next service is started."""

    nombre: str
    orden: list[str]
    listo: Callable[[], bool] | None = None
    proceso: subprocess.Popen[str] | None = field(default=None, init=False)
    caidas: int = field(default=0, init=False)
    no_antes: float = field(default=0.0, init=False)
    lanzado: float = field(default=0.0, init=False)


class Supervisor:
    def __init__(self, servicios: list[Servicio], entorno: dict[str, str], carpeta: Path) -> None:
        self._servicios = servicios
        self._entorno = entorno
        self._carpeta = carpeta
        self._fin = Event()
        self._consola = Console(soft_wrap=True, highlight=False)
        self._ancho = max(len(s.nombre) for s in servicios)

    def decir(self, texto: str) -> None:
        self._consola.print(Text(texto, style="bold"))

    def arrancar(self, espera_s: float = 40) -> None:
        """Start every service in order. Raises NoArranca, with all of them stopped again, if one does not work."""
        try:
            for servicio in self._servicios:
                self._lanzar(servicio)
                self._esperar(servicio, monotonic() + espera_s)
        except BaseException:
            self.parar()
            raise

    def vigilar(self) -> None:
        """Restart what dies, until SIGINT or SIGTERM; then stop all. A second signal kills."""
        for senal in (signal.SIGINT, signal.SIGTERM):
            signal.signal(senal, lambda *_: self._al_pedir_fin())
        try:
            while not self._fin.wait(0.3):
                for servicio in self._servicios:
                    self._revisar(servicio)
        finally:
            self.parar()

    def parar(self) -> None:
        """Stop all in reverse order; those that do not end within GRACIA_S are killed."""
        for servicio in reversed(self._servicios):
            if servicio.proceso and servicio.proceso.poll() is None:
                servicio.proceso.terminate()
                try:
                    servicio.proceso.wait(GRACIA_S)
                except subprocess.TimeoutExpired:
                    self._matar(servicio)

    def _al_pedir_fin(self) -> None:
        if self._fin.is_set():
            for servicio in self._servicios:
                self._matar(servicio)
        else:
            self.decir("Parando… (otra vez para cortar en seco)")
        self._fin.set()

    def _revisar(self, servicio: Servicio) -> None:
        assert servicio.proceso is not None
        codigo = servicio.proceso.poll()
        if codigo is None or monotonic() < servicio.no_antes:
            return
        if servicio.no_antes == 0:
            if monotonic() - servicio.lanzado > ESTABLE_S:
                servicio.caidas = 0
            servicio.caidas += 1
            pausa = min(PAUSA_MAXIMA_S, 0.5 * 2**servicio.caidas)
            servicio.no_antes = monotonic() + pausa
            self.decir(f"{servicio.nombre} terminó con código {codigo}; se reinicia en {pausa:.0f} s")
            return
        servicio.no_antes = 0.0
        self._lanzar(servicio)

    def _lanzar(self, servicio: Servicio) -> None:
        servicio.lanzado = monotonic()
        envoltura = [sys.executable, "-S", str(HIJO), str(os.getpid())]
        servicio.proceso = subprocess.Popen(
            [*envoltura, *servicio.orden],
            env=self._entorno,
            cwd=self._carpeta,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches only the supervisor, which stops them in order
        )
        Thread(target=self._copiar, args=(servicio.nombre, servicio.proceso), daemon=True).start()

    def _copiar(self, nombre: str, proceso: subprocess.Popen[str]) -> None:
        color = COLORES[[s.nombre for s in self._servicios].index(nombre) % len(COLORES)]
        assert proceso.stdout is not None
        with proceso.stdout as salida:
            for linea in salida:
                texto = Text(f"{nombre:<{self._ancho}} │ ", style=color)
                self._consola.print(texto.append(a_la_vista(linea.rstrip()), style="default"))

    def _esperar(self, servicio: Servicio, hasta: float) -> None:
        assert servicio.proceso is not None
        while servicio.listo and not servicio.listo():
            if servicio.proceso.poll() is not None:
                raise NoArranca(f"{servicio.nombre} terminó con código {servicio.proceso.returncode} al arrancar.")
            if monotonic() > hasta:
                raise NoArranca(f"{servicio.nombre} no estuvo listo a tiempo.")
            sleep(0.05)

    @staticmethod
    def _matar(servicio: Servicio) -> None:
        if servicio.proceso and servicio.proceso.poll() is None:
            os.killpg(servicio.proceso.pid, signal.SIGKILL)
            servicio.proceso.wait()
