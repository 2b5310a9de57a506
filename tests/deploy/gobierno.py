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
        unidades = self._unidades([u for u in resto if not u.startswith("--")])
        vivas = [u for u in unidades if u in self.vivos]
        match verbo:
            case "is-active":
                return (0 if vivas else 3), ""
            case "start" | "enable":
                self._arrancar_si_faltan(unidades if verbo == "start" or "--now" in resto else [])
            case "stop" | "disable":
                self._parar_todas(vivas if verbo == "stop" or "--now" in resto else [])
            case "reload":
                self._recargar(unidades[0])
            case "restart" | "try-restart":
                self._parar_todas(vivas)
                self._arrancar_si_faltan(vivas)
            case "kill":
                self._matar(vivas)
            case "list-units":
                patron = resto[-1].rstrip("*'")
                return 0, "".join(f"{u} loaded active running x\n" for u in sorted(self.vivos) if u.startswith(patron))
            case "daemon-reload":
                pass
            case _:
                return 1, f"Unknown command verb {verbo}.\n"
        return 0, ""

    def _unidades(self, pedidas: list[str]) -> list[str]:
        """With their suffix; the target is all of its own."""
        pedidas = [u if u.endswith((".service", ".target")) else f"{u}.service" for u in pedidas]
        todas = [f"{u}.service" for u in UNIDADES]
        todas += [u for u in self.vivos if u not in todas]
        return todas if "climaguru.target" in pedidas else pedidas

    def _arrancar_si_faltan(self, unidades: list[str]) -> None:
        for unidad in unidades:
            if unidad not in self.vivos and unidad.startswith("climaguru"):
                self._arrancar(unidad)

    def _parar_todas(self, unidades: list[str]) -> None:
        for unidad in unidades:
            self._parar(unidad)

    def _matar(self, unidades: list[str]) -> None:
        """SIGKILL; and as Restart=always says."""
        for unidad in unidades:
            servicio, pila = self.vivos.pop(unidad)
            servicio.proceso.kill()
            servicio.proceso.wait()
            pila.close()
            self._arrancar(unidad)

    def orden_de(self, unidad: str) -> str:
        """The command line it runs with now."""
        return Path(f"/proc/{self.vivos[unidad][0].proceso.pid}/cmdline").read_text().replace("\0", " ")

    def _arrancar(self, unidad: str) -> None:
        lineas = (self.raiz / "etc/climaguru/climaguru.env").read_text().splitlines()
        entorno = dict(linea.split("=", 1) for linea in lineas if "=" in linea and linea[0] not in "# ")
        instancia = self.raiz / f"etc/climaguru/worker-{unidad.partition('@')[2].removesuffix('.service')}.env"
        propias = instancia.read_text().splitlines() if instancia.is_file() else []
        maquina = Maquina(self.raiz, entorno | dict(linea.split("=", 1) for linea in propias))
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
        servicio.parar((0, -signal.SIGTERM))  # as systemd; the second, if it had hardly begun
        pila.close()

    def _recargar(self, unidad: str) -> None:
        servicio, _ = self.vivos[unidad]
        servicio.proceso.send_signal(signal.SIGHUP)
