"""A systemctl for tests: the units' own commands as real processes, started and restarted as systemd would."""

from __future__ import annotations

import json
import signal
import socketserver
import sys
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any

from tests.deploy.unidades import Maquina, Servicio, avisos

GUION = """#!{python}
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect({toma!r})
s.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
codigo, texto = json.loads(s.makefile().readline())
print(texto, end="")
sys.exit(codigo)
"""
UNIDADES = ("climaguru-api", "climaguru-worker@tiempo-real-1", "climaguru-worker@historico-1", "climaguru-beat")


class Gobierno:
    """systemctl, the script, tells this process what to do; `ordenes` are the ones it was given."""

    def __init__(self, raiz: Path, carpeta: Path, puerto: int) -> None:
        self.raiz, self.carpeta, self.puerto = raiz, carpeta, puerto
        self.ordenes: list[list[str]] = []
        self.vivos: dict[str, tuple[Servicio, ExitStack]] = {}
        gobierno = self

        class Oido(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                orden = json.loads(self.rfile.readline())
                gobierno.ordenes.append(orden)
                self.wfile.write(json.dumps(gobierno.obedecer(*orden)).encode() + b"\n")

        self._servidor = socketserver.ThreadingUnixStreamServer(str(carpeta / "toma"), Oido)
        Thread(target=self._servidor.serve_forever, daemon=True).start()
        self.systemctl = carpeta / "systemctl"
        self.systemctl.write_text(GUION.format(python=sys.executable, toma=str(carpeta / "toma")))
        self.systemctl.chmod(0o755)

    def cerrar(self) -> None:
        for _, pila in self.vivos.values():
            pila.close()
        self._servidor.shutdown()
        self._servidor.server_close()

    def obedecer(self, verbo: str, *resto: str) -> tuple[int, str]:
        unidades = [u for u in resto if not u.startswith("--")]
        match verbo:
            case "is-active":
                return (0 if unidades[0] in self.vivos else 3), ""
            case "start":
                for nombre in UNIDADES:
                    self._arrancar(f"{nombre}.service")
            case "reload":
                self._recargar(unidades[0])
            case "restart" | "try-restart":
                for unidad in set(unidades) & set(self.vivos):
                    self._parar(unidad)
                    self._arrancar(unidad)
            case "list-units":
                return 0, "".join(f"{u} loaded active running x\n" for u in sorted(self.vivos) if "worker@" in u)
        return 0, ""

    def orden_de(self, unidad: str) -> str:
        """The command line it runs with now."""
        return Path(f"/proc/{self.vivos[unidad][0].proceso.pid}/cmdline").read_text().replace("\0", " ")

    def _arrancar(self, unidad: str) -> None:
        lineas = (self.raiz / "etc/climaguru/climaguru.env").read_text().splitlines()
        entorno = dict(linea.split("=", 1) for linea in lineas if "=" in linea and linea[0] not in "# ")
        maquina = Maquina(self.raiz, entorno)
        pila = ExitStack()
        if unidad != "climaguru-api.service":
            self.vivos[unidad] = pila.enter_context(maquina.servicio(unidad)), pila
            return
        aviso = self.carpeta / "aviso"
        aviso.unlink(missing_ok=True)
        with avisos(aviso) as s:
            opciones: Any = ("-b", f"127.0.0.1:{self.puerto}", "-w", "1")
            api = pila.enter_context(maquina.servicio(unidad, *opciones, NOTIFY_SOCKET=str(aviso)))
            self.vivos[unidad] = api, pila
            assert b"READY=1" in s.recv(4096)

    def _parar(self, unidad: str) -> None:
        servicio, pila = self.vivos.pop(unidad)
        servicio.parar()
        pila.close()

    def _recargar(self, unidad: str) -> None:
        servicio, _ = self.vivos[unidad]
        servicio.proceso.send_signal(signal.SIGHUP)
