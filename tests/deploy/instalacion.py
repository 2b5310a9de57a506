"""deploy/instalar.sh under another root, with a stand-in for systemctl."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.gobierno import Gobierno
from tests.pila import entorno_limpio

REPO = Path(__file__).parents[2]
NADIE = "nobody"
FUERA = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", "descargas", ".hypothesis")


SIRVE = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"


def constructor() -> dict[str, str]:
    """Who runs pip, and a Python that they can reach: another user, where root runs the tests."""
    for python in (str(Path(sys.executable).resolve()), "/usr/bin/python3"):
        orden = ["runuser", "-u", NADIE, "--", python, "-c", SIRVE]
        if os.geteuid() == 0 and subprocess.run(orden, check=False, capture_output=True).returncode == 0:
            return {"CONSTRUCTOR": NADIE, "PYTHON": python}
    return {"PYTHON": sys.executable}


@dataclass
class Instalacion:
    fuente: Path
    raiz: Path
    gobierno: Gobierno
    recien: str = ""  # climaguru.env before anybody filled it in

    def instalar(self, *opciones: str, **entorno: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(self.fuente / "deploy" / "instalar.sh"), *opciones],
            env=self.entorno() | entorno,
            capture_output=True,
            text=True,
            check=False,
        )

    def entorno(self) -> dict[str, str]:
        fijo = {"RAIZ": str(self.raiz), "SYSTEMCTL": str(self.gobierno.systemctl), "PIP_LOG": str(self.registro_pip)}
        fijo |= {"PIP_NO_COMPILE": "1"}  # most of it is never imported here
        return entorno_limpio(**fijo, **constructor())

    @property
    def registro_pip(self) -> Path:
        """Written by pip, and so its owner is who ran it."""
        return self.raiz.parent / "registro" / "pip.txt"

    @property
    def fichero(self) -> Path:
        return self.raiz / "etc/climaguru/climaguru.env"

    @property
    def version(self) -> str:
        return (self.raiz / "opt/climaguru/venv").readlink().name
