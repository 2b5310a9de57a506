"""The services of docker-compose.yml run without Docker: their commands and settings, by the image's entry point."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import sleep
from typing import Any

import redis

from tests.frente import Nginx
from tests.pila import entorno_limpio
from tests.servidores import Servidor, binario, puerto_libre

RAIZ = Path(__file__).parents[2]
DOCKER = RAIZ / "deploy" / "docker"
BIN = Path(sys.executable).parent
NUESTRAS = ("migrate", "api", "worker-tiempo-real", "worker-historico", "beat", "flower")


def compose(*opciones: str, fichero: Path = RAIZ / "docker-compose.yml") -> subprocess.CompletedProcess[str]:
    """Docker's own Compose reads the file, and checks it against the Compose specification; no engine is asked."""
    orden = [str(BIN / "docker-compose"), "--project-directory", str(RAIZ), "-f", str(fichero), "config", *opciones]
    return subprocess.run(orden, env=entorno_limpio(), capture_output=True, text=True, check=False)


@cache
def servicios() -> dict[str, Any]:
    leido: dict[str, Any] = json.loads(compose("--format", "json").stdout)["services"]
    return leido


@dataclass
class Contenedor(Servidor):
    """One service. secretos: the folder with all of them, of which it sees its own; ajustes: what differs here."""

    nombre: str = ""
    secretos: Path = Path()
    ajustes: dict[str, str] = field(default_factory=dict)

    def orden(self) -> list[str]:
        return self._aqui(servicios()[self.nombre]["command"])

    def entorno(self) -> dict[str, str]:
        propios = {n: v for n, v in servicios()[self.nombre]["environment"].items() if v is not None}
        aqui = {"/tmp": str(self.carpeta), "0.0.0.0:9200": f"127.0.0.1:{puerto_libre()}"}
        propios = {n: orden_con(v, aqui) for n, v in propios.items()}
        camino = f"{DOCKER}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"
        return entorno_limpio() | {"PATH": camino, "SECRETOS_DIR": str(self._montados())} | propios | self.ajustes

    def vive(self) -> object:
        assert self.proceso is not None
        assert self.proceso.poll() is None, (self.carpeta / "salida.txt").read_text()
        sleep(0.5)  # a healthcheck is a process of its own, and would take the processor from what starts
        return self.sano()

    def sano(self) -> bool:
        """Its own healthcheck."""
        cual, *prueba = servicios()[self.nombre]["healthcheck"]["test"]
        assert cual == "CMD"
        orden = self._aqui(prueba)[0 if prueba[0] == "entrada.sh" else 2 :]  # Docker runs it beside the entry point
        fin = subprocess.run(orden, env=self.entorno(), cwd=self.carpeta, capture_output=True, check=False)
        return fin.returncode == 0

    def correr(self) -> subprocess.CompletedProcess[str]:
        """One that ends by itself."""
        return subprocess.run(
            self.orden(), env=self.entorno(), cwd=self.carpeta, capture_output=True, text=True, check=False
        )

    def _aqui(self, orden: list[str]) -> list[str]:
        """Where in the image there is a port or a folder, here it is one of ours."""
        cambios = {"0.0.0.0:8000": f"127.0.0.1:{self.puerto}", "/var/lib/climaguru": str(self.carpeta)}
        cambios |= {"--address=0.0.0.0": "--address=127.0.0.1"}
        cambios |= {
            f"{antes}5555": f"{antes}{self.puerto}" for antes in ("--port=", "', ")
        }  # a port may have 5555 in it
        cambiada = [orden_con(parte, cambios) for parte in orden]
        if cambiada[-2:] == ["deploy.docker.sano", "api"]:
            cambiada.append(str(self.puerto))
        return ["sh", str(DOCKER / "entrada.sh"), *cambiada[cambiada[0] == "entrada.sh" :]]

    def _montados(self) -> Path:
        montados = self.carpeta / "run-secrets"
        montados.mkdir(exist_ok=True)
        for secreto in servicios()[self.nombre]["secrets"]:
            if not (montados / secreto["source"]).exists():
                (montados / secreto["source"]).symlink_to(self.secretos / secreto["source"])
        return montados


@dataclass
class RedisDelContenedor(Servidor):
    """The service redis, whose image's entry point becomes the redis-server that it was given. secretos: as above."""

    secretos: Path = Path()

    def orden(self) -> list[str]:
        guion, *opciones = servicios()["redis"]["command"][1:]
        assert guion == "/usr/local/bin/climaguru-redis.sh"
        de_aqui = ["--port", str(self.puerto), "--bind", "127.0.0.1", "--dir", str(self.carpeta)]
        prueba = ["--user", "prueba", "on", ">prueba", "~*", "&*", "+@all"]
        return ["sh", str(DOCKER / "redis.sh"), *opciones, *de_aqui, *prueba]

    def entorno(self) -> dict[str, str]:
        de_la_imagen = self.carpeta / "docker-entrypoint.sh"
        de_la_imagen.write_text('#!/bin/sh\nexec "$@"\n')
        de_la_imagen.chmod(0o755)
        reglas = {"REGLAS": str(RAIZ / "deploy/redis/climaguru.conf"), "TMPDIR": str(self.carpeta)}
        propio = entorno_limpio() | {"SECRETOS_DIR": str(self.secretos)} | reglas
        return propio | {"PATH": f"{self.carpeta}{os.pathsep}{propio['PATH']}"}

    def vive(self) -> object:
        """Its own healthcheck."""
        cual, prueba = servicios()["redis"]["healthcheck"]["test"]
        assert cual == "CMD-SHELL"
        prueba = prueba.replace("$$", "$").replace("/run/secrets", str(self.secretos))
        aqui = prueba.replace("redis-cli ", f"redis-cli -p {self.puerto} ")
        return subprocess.run(["sh", "-c", aqui], capture_output=True, check=False).returncode == 0

    def negadas(self) -> Any:
        """What it refused."""
        with redis.Redis(port=self.puerto, username="prueba", password="prueba") as r:
            return r.acl_log()


def orden_con(parte: str, cambios: dict[str, str]) -> str:
    for viejo, nuevo in cambios.items():
        parte = parte.replace(viejo, nuevo)
    return parte


@dataclass
class NginxDelContenedor(Nginx):
    """nginx on what deploy/docker/nginx.sh makes of deploy/nginx/climaguru.conf. proxies: CLIMAGURU_PROXIES."""

    proxies: str = ""

    def orden(self) -> list[str]:
        conf = self.carpeta / "climaguru.conf"
        entorno = {"CLIMAGURU_CONF": str(self.conf), "CLIMAGURU_DESTINO": str(conf)}
        entorno["CLIMAGURU_FLOWER"] = "127.0.0.1:9"  # where nobody is; a name would be asked of Docker
        entorno["CLIMAGURU_PROXIES"] = self.proxies
        entorno["CLIMAGURU_API"] = f"localhost:{self.destino}"  # a name, as api is there
        subprocess.run(["sh", str(DOCKER / "nginx.sh")], env=entorno_limpio(**entorno), check=True)
        conf.write_text(re.sub(r"listen 80;", f"listen 127.0.0.1:{self.puerto};", conf.read_text()))
        conf.write_text(re.sub(r"\n *listen \[::\].*", "", conf.read_text()))
        (self.carpeta / "nginx.conf").write_text(self._general())
        aqui = str(self.carpeta)
        return [binario("nginx"), "-p", aqui, "-e", f"{aqui}/error.log", "-c", f"{aqui}/nginx.conf"]
