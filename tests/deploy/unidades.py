"""The units of deploy/systemd read as systemd reads them, and their commands run in the same cell without systemd."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from tests.servidores import esperar

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
CELDA = Path(__file__).parent / "celda.py"
Ajustes = dict[str, list[str]]


def leer(nombre: str) -> Ajustes:
    """Every setting of a unit with its values; an instance is its template."""
    ajustes: Ajustes = {}
    plantilla = re.sub(r"@.+\.", "@.", nombre)
    for linea in (SYSTEMD / plantilla).read_text().splitlines():
        if re.match(r"[A-Z]\w+=", linea):
            clave, _, valor = linea.partition("=")
            ajustes.setdefault(clave, []).append(valor)
    return ajustes


def segundos(ajustes: Ajustes, clave: str) -> float:
    (valor,) = ajustes[clave]
    return float(valor)


def grupos(llamadas: str) -> set[str]:
    """The system calls of "@one @two name", as systemd-analyze expands them."""
    todas: set[str] = set()
    for palabra in llamadas.split():
        if not palabra.startswith("@"):
            todas.add(palabra)
            continue
        orden = ["systemd-analyze", "syscall-filter", "--no-pager", palabra]
        lineas = subprocess.run(orden, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
        todas |= grupos(" ".join(linea.strip() for linea in lineas if not linea.strip().startswith("#")))
    return todas


def llamadas_permitidas(ajustes: Ajustes) -> set[str]:
    permitidas: set[str] = set()
    for linea in ajustes["SystemCallFilter"]:
        quitar = linea.startswith("~")
        permitidas = permitidas - grupos(linea[1:]) if quitar else permitidas | grupos(linea)
    return permitidas


@dataclass
class Maquina:
    """A root folder in which /opt/climaguru, /var/lib/climaguru and /etc/climaguru stand; venv: what is run."""

    raiz: Path
    entorno: dict[str, str]
    venv: Path = field(default_factory=lambda: Path(sys.prefix))

    def __post_init__(self) -> None:
        for carpeta in ("opt/climaguru/deploy/systemd", "var/lib/climaguru", "etc/climaguru", "run/climaguru"):
            (self.raiz / carpeta).mkdir(parents=True, exist_ok=True)
        if not (self.raiz / "opt/climaguru/venv").exists():
            (self.raiz / "opt/climaguru/venv").symlink_to(self.venv)
            shutil.copy(SYSTEMD / "worker.sh", self.raiz / "opt/climaguru/deploy/systemd/worker.sh")

    def orden(self, unidad: str, clave: str = "ExecStart") -> list[str]:
        """The command line, with its paths in our root and the instance in place of %i."""
        (texto,) = leer(unidad)[clave]
        instancia = re.search(r"@(.+)\.service", unidad)
        texto = texto.replace("%i", instancia[1] if instancia else "").replace("$$", "$")
        return shlex.split(self._nuestra(texto))

    def _nuestra(self, texto: str) -> str:
        return re.sub(r"(?<![\w/])/(opt|var/lib|etc|run)/climaguru", rf"{self.raiz}/\1/climaguru", texto)

    @contextmanager
    def servicio(self, unidad: str, *opciones: str, **entorno: str) -> Iterator[Servicio]:
        """Start it as systemd would: its environment only, its system calls, no capability, no new code in memory."""
        ajustes = leer(unidad)
        fijas = dict(par.split("=", 1) for par in shlex.split(self._nuestra(" ".join(ajustes["Environment"]))))
        variables = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **fijas, **self.entorno, **entorno}
        celda = [sys.executable, str(CELDA), ",".join(sorted(llamadas_permitidas(ajustes)))]
        salida = self.raiz / f"{unidad}.txt"
        with salida.open("ab") as f:
            proceso = subprocess.Popen(
                [*celda, *self.orden(unidad), *opciones],
                env=variables,
                cwd="/",
                stdout=f,
                stderr=f,
                stdin=subprocess.DEVNULL,
            )
        uno = Servicio(proceso, salida, segundos(ajustes, "TimeoutStopSec"))
        try:
            yield uno
        finally:
            if proceso.poll() is None:
                proceso.kill()
                proceso.wait()


@dataclass
class Servicio:
    proceso: subprocess.Popen[bytes]
    salida: Path
    plazo_s: float

    def texto(self) -> str:
        return self.salida.read_text(errors="replace")

    def parar(self, bien: tuple[int, ...] = (0,)) -> float:
        """SIGTERM to the main process alone, as KillMode=mixed; how long it took. Asserts that it ended well (bien)."""
        inicio = monotonic()
        self.proceso.terminate()
        assert self.proceso.wait(self.plazo_s) in bien, self.texto()[-3000:]
        return monotonic() - inicio


@contextmanager
def avisos(donde: Path) -> Iterator[socket.socket]:
    """A NOTIFY_SOCKET, where a service of Type=notify says READY=1."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(donde))
        s.settimeout(60)
        yield s


def esperar_a(servicio: Servicio, listo: object, que: str) -> None:
    """Wait until listo(), and fail at once with its last words if it ends before."""

    def ya() -> object:
        assert servicio.proceso.poll() is None, servicio.texto()[-4000:]
        return listo()  # type: ignore[operator]

    esperar(ya, que)
