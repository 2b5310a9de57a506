"""How much memory a real process takes at most, as Linux keeps it."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil

from tests.pila import Pila

TRABAJADOR_MIB = 150  # above idle, whatever it works on
API_MIB = 50  # above idle, during the largest download
se_puede_medir = sys.platform == "linux"


class Memoria:
    """Resident memory of a process above what it has now, in MiB."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")
        self.en_reposo = self._leer("VmRSS")

    def olvidar_el_pico(self) -> None:
        (self._proc / "clear_refs").write_text("5")  # proc(5): resets VmHWM

    @property
    def pico(self) -> float:
        return self._leer("VmHWM") - self.en_reposo

    @property
    def ahora(self) -> float:
        return self._leer("VmRSS") - self.en_reposo

    def _leer(self, que: str) -> float:
        linea = next(x for x in (self._proc / "status").read_text().splitlines() if x.startswith(que))
        return int(linea.split()[1]) / 1024


def proceso_de(p: Pila, *palabras: str) -> psutil.Process:
    """The one whose command line has all of these words and that does the work: it has no children."""
    suyos = [h for h in p.hijos() if all(any(x in parte for parte in h.cmdline()) for x in palabras)]
    return next(h for h in suyos if not h.children())


def servidores_de(p: Pila) -> list[psutil.Process]:
    """The processes of gunicorn that answer."""
    return [h for h in p.hijos() if any("gunicorn" in parte for parte in h.cmdline()) and not h.children()]
