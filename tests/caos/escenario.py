"""A whole installation to hurt: its own MariaDB, Redis, laboratory and `climaguru up`; nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import pymysql
import redis
import requests

from deploy.laboratorio.cli import variables
from shared.cifrado import Cifrador
from shared.settings import Settings
from tests.caos.redes import VM2, Cable
from tests.pila import Persona, Pila, entorno_limpio
from tests.servidores import MariaDB, Redis, carpeta_de_datos, esperar, puerto_libre

RAIZ = Path(__file__).parents[2]
HIJO = RAIZ / "deploy" / "local" / "hijo.py"
BASE = "cg_caos"
USUARIOS = 4
NORMAL = [{"proveedor": "meteoblue", "tipo": "demora", "demora_s": 0.8}]  # so that a fault finds work in hand
VOLATILES = ("gasto", "fallos", "prueba", "vuelo", "lectura", "muestras")

# The database itself notes every change of a consulta: a second end cannot hide behind the first.
TABLA_TESTIGO = """
    CREATE TABLE @@caos_cambios (n INT AUTO_INCREMENT PRIMARY KEY, consulta_id INT, de VARCHAR(12), a VARCHAR(12),
    version_de INT, version_a INT, turno_de BIGINT, turno_a BIGINT, KEY (consulta_id)) ENGINE=InnoDB
"""
AL_CAMBIAR = """
    CREATE TRIGGER @@caos_cambio AFTER UPDATE ON @@consultas FOR EACH ROW INSERT INTO @@caos_cambios
    (consulta_id, de, a, version_de, version_a, turno_de, turno_a)
    VALUES (NEW.id, OLD.estado, NEW.estado, OLD.version, NEW.version, OLD.turno, NEW.turno)
"""
AL_BORRAR = """
    CREATE TRIGGER @@caos_borrada AFTER DELETE ON @@consultas FOR EACH ROW INSERT INTO @@caos_cambios
    (consulta_id, de, a) VALUES (OLD.id, OLD.estado, 'borrada')
"""


def atado(orden: list[str]) -> list[str]:
    """The same command, ended by the kernel if this process dies (deploy/local/hijo.py)."""
    return [sys.executable, "-S", str(HIJO), str(os.getpid()), *orden]


class RedisAtado(Redis):
    def orden(self) -> list[str]:
        return atado(super().orden())


@dataclass
class MariaDBAtada(MariaDB):
    """Spoken to through its socket, so that the judge needs no network; in a namespace of its own if given a cable."""

    cable: Cable | None = None

    @property
    def host(self) -> str:
        return VM2 if self.cable else "127.0.0.1"

    def url(self, base: str) -> str:
        return f"mysql+pymysql://caos@{self.host}:{self.puerto}/{base}?charset=utf8mb4&ssl_disabled=true"

    def orden(self) -> list[str]:
        opciones = [o for o in super().orden() if not o.startswith("--bind-address")]
        orden = atado([*opciones, f"--bind-address={self.host}"])
        return ["ip", "netns", "exec", self.cable.dos, *orden] if self.cable else orden

    def ejecutar(self, sql: str, *valores: object) -> list[tuple[Any, ...]]:
        enchufe = str(self.carpeta / "m.sock")
        conexion = pymysql.connect(
            unix_socket=enchufe, user="root", connect_timeout=5, autocommit=True, ssl_disabled=True
        )
        with conexion, conexion.cursor() as cursor:
            cursor.execute(sql, valores or None)
            return list(cursor.fetchall())

    def vive(self) -> object:
        with socket.socket(socket.AF_UNIX) as enchufe:  # pymysql 1.2 leaves it open when nobody listens
            enchufe.connect(str(self.carpeta / "m.sock"))
        return super().vive()

    def preparar(self) -> None:
        self.instalar()
        self.arrancar()
        self.ejecutar("CREATE USER 'caos'@'%'")
        self.ejecutar("GRANT ALL ON *.* TO 'caos'@'%'")
        self.crear_base(BASE)


class Escenario:
    """`with Escenario() as e:` everything runs, four users have tokens, the witness is in the database."""

    def __init__(self, cable: Cable | None = None, trabajadores: int = 2) -> None:
        self._cierres = ExitStack()
        self.extras = ExitStack()  # what a fault started beside the stack
        self._trabajadores = trabajadores
        self._cable = cable
        self.cabeceras: list[dict[str, str]] = []
        self.desde_id = self.previstas = self.limite = 0

    def __enter__(self) -> Self:
        try:
            self._arrancar()
        except BaseException:
            self._cierres.close()
            raise
        return self

    def __exit__(self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None) -> None:
        self._cierres.close()

    def _arrancar(self) -> None:
        temporal = tempfile.TemporaryDirectory(prefix="cgcaos-", dir=carpeta_de_datos(), ignore_cleanup_errors=True)
        self.carpeta = Path(self._cierres.enter_context(temporal))
        for nombre in ("mariadb", "redis", "datos"):
            (self.carpeta / nombre).mkdir()
        self.mariadb = MariaDBAtada(self.carpeta / "mariadb", cable=self._cable)
        self.redis = RedisAtado(self.carpeta / "redis")
        self._cierres.callback(self.mariadb.parar)
        self._cierres.callback(self.redis.parar)
        self.mariadb.preparar()
        self.redis.arrancar()
        self._arrancar_laboratorio()
        self.puerto = puerto_libre()
        self._cierres.callback(self.parar_pila)
        self._cierres.enter_context(self.extras)
        self.arrancar_pila()
        self._poblar()

    def _arrancar_laboratorio(self) -> None:
        puerto = puerto_libre()
        self.laboratorio = f"http://127.0.0.1:{puerto}"
        orden = atado([sys.executable, "-m", "deploy.laboratorio", "--puerto", str(puerto)])
        silencio = subprocess.DEVNULL
        proceso = subprocess.Popen(orden, cwd=RAIZ, stdin=silencio, stdout=silencio, env=entorno_limpio())
        self._cierres.callback(proceso.wait, 20)
        self._cierres.callback(proceso.terminate)
        esperar(lambda: requests.get(f"{self.laboratorio}/_laboratorio/salud", timeout=2).ok, "the laboratory")

    # --- the stack

    def entorno(self) -> dict[str, str]:
        """What the stack's processes get, their secrets aside."""
        propios = {"METEOBLUE_API_KEY": "laboratorio", "PYTHONPATH": str(RAIZ)}  # this tree, wherever it was copied
        url = self.mariadb.url(BASE)
        servidores = {"DATABASE_URL": url, "REDIS_URL": self.redis.url, "BCRYPT_ROUNDS": "4"}
        servidores |= {"LIMITE_API": "1000000/minute", "TMPDIR": str(self.carpeta)}  # gone with all the rest
        return entorno_limpio(**servidores, **propios, **variables(self.laboratorio))

    @property
    def datos(self) -> Path:
        return self.carpeta / "datos"

    def secretos(self) -> dict[str, str]:
        secretos: dict[str, str] = json.loads((self.datos / "secretos.json").read_text())
        return secretos

    def arrancar_pila(self, *, completa: bool = True) -> None:
        """completa: wait until it is ready and its workers say so; else only until the API answers."""
        up = [sys.executable, "-m", "deploy.cli", "up", "--puerto", str(self.puerto), "--datos", str(self.datos)]
        with (self.carpeta / "registro.txt").open("ab") as salida:
            proceso = subprocess.Popen(
                atado([*up, "--trabajadores", str(self._trabajadores)]),
                cwd=RAIZ,
                env=self.entorno(),
                stdin=subprocess.DEVNULL,
                stdout=salida,
                stderr=salida,
            )
        self.pila = Pila(f"http://127.0.0.1:{self.puerto}", proceso, self.carpeta / "registro.txt")
        esperar(self.lista if completa else self.viva, "climaguru up")

    def parar_pila(self) -> None:
        """Politely; what is left after half a minute is killed."""
        if self.pila.proceso.poll() is not None:
            return
        procesos = self.pila.hijos()
        self._seguir(procesos)
        self.pila.proceso.terminate()
        _, quedan = psutil.wait_procs([psutil.Process(self.pila.proceso.pid), *procesos], 30)
        for p in quedan:
            with suppress(psutil.NoSuchProcess):
                p.kill()
        self.pila.proceso.wait(10)

    @staticmethod
    def _seguir(procesos: list[psutil.Process]) -> None:
        for p in procesos:
            with suppress(psutil.NoSuchProcess):
                p.send_signal(signal.SIGCONT)

    def viva(self) -> bool:
        if self.pila.proceso.poll() is not None:
            raise AssertionError(self.pila.texto()[-4000:])
        return requests.get(f"{self.pila.base}/health", timeout=60).ok

    def lista(self) -> bool:
        if not self.viva():
            return False
        r = requests.get(f"{self.pila.base}/health/ready", timeout=60)
        return r.ok and r.json()["trabajadores"] >= 2 * self._trabajadores

    def trabajadores(self, grupo: str = "") -> list[psutil.Process]:
        """The stack's worker processes; grupo: "tiempo-real" or "historico", all of them by default."""
        return self._procesos("worker.app worker", f"-n {grupo}")

    def beat(self) -> list[psutil.Process]:
        return self._procesos("worker.app beat")

    def api(self) -> list[psutil.Process]:
        return self._procesos("gunicorn")

    def _procesos(self, *textos: str) -> list[psutil.Process]:
        hallados = []
        for p in self.pila.hijos():
            with suppress(psutil.NoSuchProcess):
                orden = " ".join(p.cmdline())
                if all(t in orden for t in textos):
                    hallados.append(p)
        return hallados

    # --- what a test needs around a fault

    def sql(self, orden: str, *valores: object) -> list[tuple[Any, ...]]:
        return self.mariadb.ejecutar(orden.replace("@@", f"{BASE}."), *valores)

    def cliente_redis(self) -> redis.Redis:
        return redis.Redis(port=self.redis.puerto, socket_timeout=5)

    def averiar(self, *fallas: dict[str, Any]) -> None:
        requests.put(f"{self.laboratorio}/_laboratorio/fallas", json=[*fallas], timeout=60).raise_for_status()

    def peticiones(self, proveedor: str) -> dict[str, Any]:
        r = requests.get(f"{self.laboratorio}/_laboratorio/peticiones", timeout=60)
        cuentas: dict[str, dict[str, Any]] = r.json()
        return cuentas[proveedor]

    def reponer(self, previstas: int) -> None:
        """Everything well again, counters at zero, ready for a load of `previstas` consultas.

        From here on their ids are greater than desde_id. limite: the quota of a user who sends a quarter of them.
        """
        self.previstas, self.limite = previstas, max(1, previstas // 10)
        esperar(self.lista, "the stack being whole again")
        self.desde_id = self.sql("SELECT COALESCE(MAX(id), 0) FROM @@consultas")[0][0]
        self.averiar(*NORMAL)
        requests.delete(f"{self.laboratorio}/_laboratorio/peticiones", timeout=60).raise_for_status()
        self.sql(
            "UPDATE @@api_keys SET consultas_realizadas = 0, rechazada_en = NULL, limite_consultas_diarias = %s",
            self.limite,
        )
        with self.cliente_redis() as r:
            claves = [c for nombre in VOLATILES for c in r.scan_iter(f"*cg:{nombre}*")]
            if claves:
                r.delete(*claves)

    def _poblar(self) -> None:
        """Users with tokens; the first with a meteosource key of their own; the witness's triggers."""
        for n in range(USUARIOS):
            persona = Persona(self.pila.base, f"caos{n}")
            self.cabeceras.append({"Authorization": str(persona.http.headers["Authorization"])})
            persona.http.close()
        cifrador = Cifrador(Settings(encryption_key=self.secretos()["ENCRYPTION_KEY"]))
        self.sql(
            "INSERT INTO @@api_keys (usuario_id, proveedor, api_key_encrypted, activa, limite_consultas_diarias,"
            " consultas_realizadas, creada_en, actualizada_en) SELECT id, 'meteosource', %s, 1, 10, 0,"
            " UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) FROM @@usuarios WHERE username = 'caos0'",
            cifrador.cifrar("clave-del-caos"),
        )
        for orden in (TABLA_TESTIGO, AL_CAMBIAR, AL_BORRAR):
            self.sql(orden)
