"""deploy/instalar.sh under another root, with a stand-in for systemctl."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.gobierno import Gobierno
from tests.pila import entorno_limpio

REPO = Path(__file__).parents[2]
FUERA = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", "descargas", ".hypothesis")


@dataclass
class Instalacion:
    fuente: Path
    raiz: Path
    gobierno: Gobierno
    recien: str = ""  # climaguru.env before anybody filled it in

    def instalar(self, *opciones: str, **entorno: str) -> subprocess.CompletedProcess[str]:
        fijo = {"RAIZ": str(self.raiz), "SYSTEMCTL": str(self.gobierno.systemctl), "PYTHON": sys.executable}
        fijo |= {"PIP_NO_COMPILE": "1"}  # most of it is never imported here
        return subprocess.run(
            ["sh", str(self.fuente / "deploy" / "instalar.sh"), *opciones],
            env=entorno_limpio(**fijo) | entorno,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def fichero(self) -> Path:
        return self.raiz / "etc/climaguru/climaguru.env"

    @property
    def version(self) -> str:
        return (self.raiz / "opt/climaguru/venv").readlink().name
