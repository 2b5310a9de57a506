"""The whole stack as ops run it: real processes started by `climaguru up`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any

import psutil
import requests

from tests.servidores import esperar, puerto_libre


@dataclass
class Pila:
    base: str
    proceso: subprocess.Popen[bytes]
    registro: Path

    def hijos(self) -> list[psutil.Process]:
        return psutil.Process(self.proceso.pid).children(recursive=True)

    def texto(self) -> str:
        return self.registro.read_text(errors="replace")

    def parar(self, senal: int = signal.SIGINT) -> int:
        self.proceso.send_signal(senal)
        return self.proceso.wait(60)


def entorno_limpio(**extra: str) -> dict[str, str]:
    """Only what a fresh shell has, so that the machine's own settings never leak into a test."""
    return {c: os.environ[c] for c in ("PATH", "HOME", "LANG", "TMPDIR") if c in os.environ} | extra


@contextmanager
def pila(datos: Path, *opciones: str, puerto: int | None = None, **entorno: str) -> Iterator[Pila]:
    puerto = puerto or puerto_libre()
    datos.mkdir(parents=True, exist_ok=True)
    registro = datos / "registro.txt"
    orden = [sys.executable, "-m", "deploy.cli", "up", "--puerto", str(puerto), "--datos", str(datos), *opciones]
    suyo = entorno_limpio(**{"TMPDIR": str(datos), **entorno})  # what a killed supervisor leaves goes with its data
    with registro.open("ab") as salida:
        proceso = subprocess.Popen(orden, stdout=salida, stderr=salida, stdin=subprocess.DEVNULL, env=suyo)
    p = Pila(f"http://127.0.0.1:{puerto}", proceso, registro)
    try:
        esperar(lambda: _lista(p), "climaguru up being ready")
        yield p
    finally:
        if proceso.poll() is None:
            p.parar(signal.SIGTERM)


def _lista(p: Pila) -> bool:
    if p.proceso.poll() is not None:
        raise AssertionError(p.texto()[-4000:])
    respuesta = requests.get(f"{p.base}/health/ready", timeout=2)
    return respuesta.ok and respuesta.json()["trabajadores"] >= 2


class Persona:
    """Somebody with an account, over real HTTP."""

    def __init__(self, base: str, username: str) -> None:
        self.base = base
        self.http = requests.Session()
        cuenta = {"username": username, "email": f"{username}@ejemplo.co", "password": "una frase larga"}
        self._bien(self.http.post(f"{base}/api/auth/register", json=cuenta, timeout=60))
        self.entrar(username, cuenta["password"])

    def entrar(self, username: str, password: str) -> None:
        credencial = {"username": username, "password": password}
        tokens = self._bien(self.http.post(f"{self.base}/api/auth/login", json=credencial, timeout=60))
        self.http.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def pedir(self, tipo: str, **cuerpo: Any) -> dict[str, Any]:
        """Submit and poll to the end; the body of the last poll."""
        sobre = self._bien(self.http.post(f"{self.base}/api/consultas/{tipo}", json=cuerpo, timeout=60))
        donde = self.base + sobre["enlaces"]["self"]

        def terminada() -> bool:
            sleep(0.1)  # within LIMITE_API however long it takes
            sobre.update(self._bien(self.http.get(donde, timeout=60)))
            return sobre["consulta"]["estado"] in ("completada", "error")

        esperar(terminada, f"the end of {donde}")
        return sobre

    def descargar(self, sobre: dict[str, Any], formato: str) -> requests.Response:
        return self.http.get(f"{self.base}{sobre['enlaces']['descargar']}?formato={formato}", timeout=60)

    @staticmethod
    def _bien(respuesta: requests.Response) -> dict[str, Any]:
        assert respuesta.ok, respuesta.text
        cuerpo: dict[str, Any] = respuesta.json()
        return cuerpo
