"""How much memory a real process takes at most, as Linux keeps it."""

from __future__ import annotations

import sys
from pathlib import Path

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
