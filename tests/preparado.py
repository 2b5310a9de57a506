"""A database as deploy/mysql/preparar.sh and `climaguru db upgrade` leave it: its users, each with its rights."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql

from tests.servidores import MariaDB

GUION = Path(__file__).parents[1] / "deploy" / "mysql" / "preparar.sh"
SIN_TLS = (
    "?ssl_disabled=true"  # which most of our servers do not offer: PyMySQL reads all authorities before it finds out
)
RED = "127.0.0.0/255.0.0.0"
USUARIOS = {
    "USER": "climaguru_user",
    "RETENCION": "climaguru_retencion",
    "MIGRACIONES": "climaguru_migraciones",
    "RESPALDO": "climaguru_respaldo",
}


@dataclass
class Preparado:
    servidor: MariaDB
    claves: Path
    base: str = "climaguru"

    def preparar(self, *opciones: str, guion: Path = GUION) -> subprocess.CompletedProcess[str]:
        fijas = ["--desde", RED, "--base", self.base, "--claves", str(self.claves)]
        cliente = ["--no-defaults", "--host=127.0.0.1", f"--port={self.servidor.puerto}", "--user=root"]
        orden = ["sh", str(guion), *fijas, *opciones, "--", *cliente]
        return subprocess.run(orden, capture_output=True, text=True, check=False)

    def clave(self, quien: str) -> str:
        pares = dict(linea.split("=", 1) for linea in self.claves.read_text().splitlines())
        return pares[f"CLAVE_{quien}"]

    def url(self, quien: str, opciones: str = "") -> str:
        sitio = f"127.0.0.1:{self.servidor.puerto}/{self.base}"
        return f"mysql://{USUARIOS[quien]}:{self.clave(quien)}@{sitio}{opciones}"

    @contextmanager
    def conexion(self, quien: str) -> Iterator[pymysql.cursors.Cursor]:
        uno = pymysql.connect(
            host="127.0.0.1",
            port=self.servidor.puerto,
            user=USUARIOS[quien],
            password=self.clave(quien),
            database=self.base,
            autocommit=True,
        )
        with uno, uno.cursor() as cursor:
            yield cursor
