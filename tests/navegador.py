"""A real browser without a window: Chromium, spoken to in the DevTools protocol over its two pipes."""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

from tests.servidores import binario

VISIBLE = bool(os.environ.get("NAVEGADOR_VISIBLE"))  # shows what it does; needs a screen, and chromium itself
NOMBRES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")[VISIBLE:]
OPCIONES = [
    *(() if VISIBLE else ("--headless",)),
    *("--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    "--window-size=1280,800",
    "--no-sandbox",  # root and containers have none; all it opens is our own page
]
ESPERA_S = 180.0
COMO_3_Y_4 = """
import os, sys
lee, escribe = (os.dup(int(n)) for n in sys.argv[1:3])  # copies, since 3 or 4 may be one of the two
os.dup2(os.dup(lee), 3), os.dup2(os.dup(escribe), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Navegador:
    """One tab. quejas: the warnings and errors it logged, what was blocked, thrown. pedidas: the URLs it asked for."""

    def __init__(self, hacia: int, desde: int) -> None:
        self._hacia, self._desde = hacia, desde
        self._pendiente = b""
        self._numero = 0
        self._pagina: str | None = None
        self.quejas: list[str] = []
        self.pedidas: list[str] = []

    def abrir(self, url: str, **cabeceras: str) -> None:
        """cabeceras: sent with this request and all that follow."""
        destino = self.orden("Target.createTarget", url="about:blank")["targetId"]
        self._pagina = self.orden("Target.attachToTarget", targetId=destino, flatten=True)["sessionId"]
        for dominio in ("Runtime", "Log", "Network", "Page"):
            self.orden(f"{dominio}.enable")
        self.orden("Network.setExtraHTTPHeaders", headers=cabeceras)
        self.orden("Page.navigate", url=url)

    def foto(self) -> bytes:
        """The page as a PNG."""
        return base64.b64decode(self.orden("Page.captureScreenshot")["data"])

    def orden(self, metodo: str, **parametros: Any) -> dict[str, Any]:
        """Send a command and return its result; the events that come meanwhile are noted."""
        self._numero += 1
        mensaje: dict[str, Any] = {"id": self._numero, "method": metodo, "params": parametros}
        if self._pagina:
            mensaje["sessionId"] = self._pagina
        os.write(self._hacia, json.dumps(mensaje).encode() + b"\0")
        while (dicho := self._leer()).get("id") != self._numero:
            self._anotar(dicho.get("method", ""), dicho.get("params", {}))
        if "error" in dicho:
            raise RuntimeError(f"{metodo}: {dicho['error']}")
        resultado: dict[str, Any] = dicho["result"]
        return resultado

    def evaluar(self, expresion: str) -> Any:
        dicho = self.orden("Runtime.evaluate", expression=expresion, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in dicho:
            raise RuntimeError(dicho["exceptionDetails"])
        return dicho["result"].get("value")

    def hasta(self, expresion: str) -> Any:
        """The first true value of the expression (a text, or true), looked at again and again."""
        valor = self.evaluar(
            f"""new Promise(fin => {{
                const empezo = performance.now()
                const mirar = () => {{
                    const valor = {expresion}
                    const tarde = performance.now() - empezo > {ESPERA_S * 1000}
                    if (valor || tarde) fin(typeof valor === "string" ? valor : !!valor)
                    else setTimeout(mirar, 20)
                }}
                mirar()
            }})"""
        )
        assert valor, f"never true in the page: {expresion}\n{self.quejas}"
        return valor

    def _anotar(self, metodo: str, p: dict[str, Any]) -> None:
        if metodo == "Network.requestWillBeSent":
            self.pedidas.append(p["request"]["url"])
        elif metodo == "Log.entryAdded" and p["entry"]["level"] in ("warning", "error"):
            self.quejas.append(p["entry"]["text"])
        elif metodo == "Runtime.consoleAPICalled" and p["type"] in ("warning", "error", "assert"):
            self.quejas.append(str([a.get("value") for a in p["args"]]))
        elif metodo == "Runtime.exceptionThrown":
            self.quejas.append(p["exceptionDetails"]["text"])

    def _leer(self) -> dict[str, Any]:
        hasta = monotonic() + ESPERA_S + 15
        while b"\0" not in self._pendiente:
            if not select.select([self._desde], [], [], max(0, hasta - monotonic()))[0]:
                raise TimeoutError("the browser says nothing")
            trozo = os.read(self._desde, 65536)
            if not trozo:
                raise ConnectionError("the browser ended")
            self._pendiente += trozo
        uno, _, self._pendiente = self._pendiente.partition(b"\0")
        mensaje: dict[str, Any] = json.loads(uno)
        return mensaje


@contextmanager
def navegador(carpeta: Path) -> Iterator[Navegador]:
    """A browser with a new profile in this folder. It reads commands from descriptor 3 and answers on 4."""
    lee, hacia = os.pipe()
    desde, escribe = os.pipe()
    perfil = [f"--user-data-dir={carpeta}", *OPCIONES]
    orden = [sys.executable, "-c", COMO_3_Y_4, str(lee), str(escribe), binario(*NOMBRES), *perfil]
    with (carpeta / "salida.txt").open("wb") as salida:
        proceso = subprocess.Popen(orden, pass_fds=(lee, escribe), stdout=salida, stderr=salida)
    os.close(lee)
    os.close(escribe)
    try:
        yield Navegador(hacia, desde)
    finally:
        with suppress(OSError):  # it may have ended
            os.write(hacia, b'{"id": 0, "method": "Browser.close"}\0')
        os.close(hacia)
        os.close(desde)
        try:
            proceso.wait(10)
        except subprocess.TimeoutExpired:
            proceso.kill()
            proceso.wait()
