"""Every command of deploy/RUNBOOK.md, in its order, on an installation that works before and after."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.deploy.instalacion import REPO, Instalacion
from tests.pila import Persona
from tests.preparado import SIN_TLS, Preparado
from tests.servidores import MariaDB, Redis, binario, esperar

RUNBOOK = (REPO / "deploy/RUNBOOK.md").read_text()
BASE = "cg_instalar"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the machine it is about is Linux")


def ordenes() -> list[str]:
    lineas = [linea for bloque in re.findall(r"```sh\n(.*?)```", RUNBOOK, re.DOTALL) for linea in bloque.splitlines()]
    partidas = [re.split(r"\s{2,}# ", linea, maxsplit=1) for linea in lineas]
    return [orden for orden, *nota in partidas if not nota or not nota[0].startswith("not run")]


def atajo(carpeta: Path, nombre: str, *orden: object) -> None:
    """A command of this name on PATH."""
    guion = carpeta / nombre
    guion.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, orden))} "$@"\n')
    guion.chmod(0o755)


@pytest.fixture
def entorno(
    en_marcha: Instalacion, vm2: Preparado, mariadb: MariaDB, servidor_redis: Redis, tmp_path: Path
) -> dict[str, str]:
    """PATH with the commands as they stand on the two machines, each for the servers of the test."""
    raiz = en_marcha.raiz
    atajo(tmp_path, "systemctl", en_marcha.gobierno.systemctl)
    atajo(tmp_path, "climaguru", raiz / "usr/local/sbin/climaguru")
    base_redis = urlsplit(servidor_redis.url[:-1] + "6").path[1:]
    atajo(tmp_path, "redis-cli", binario("redis-cli"), "-p", servidor_redis.puerto, "-n", base_redis)
    atajo(tmp_path, "mysql", binario("mariadb"), "-h", "127.0.0.1", "-P", mariadb.puerto, "-u", "root")
    respaldos = raiz / "var/backups/climaguru"
    respaldos.mkdir(parents=True, exist_ok=True)
    copia = en_marcha.fichero.with_name("respaldo.env")
    copia.write_text(f"RESPALDO_DESTINO={respaldos}\nDATABASE_URL={vm2.url('RESPALDO', SIN_TLS)}\n")
    copia.chmod(0o600)
    return en_marcha.entorno() | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}


def aqui(orden: str, una: Instalacion) -> str:
    """The command with the paths, the port and the database of the test."""
    orden = re.sub(r"(?<![\w.])/(opt|etc|var/lib|var/backups)/climaguru", rf"{una.raiz}/\1/climaguru", orden)
    orden = orden.replace("127.0.0.1:8000", f"127.0.0.1:{una.gobierno.puerto}")
    return re.sub(r"(mysql|--reemplazar) climaguru\b", rf"\1 {BASE}", orden)


def correr(orden: str, una: Instalacion, entorno: dict[str, str]) -> subprocess.CompletedProcess[str]:
    con = ["bash", "-o", "pipefail", "-c", aqui(orden, una)]
    return subprocess.run(
        con, cwd=una.fuente, env=entorno, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_todas_las_ordenes_funcionan_y_al_final_se_sirve(en_marcha: Instalacion, entorno: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{en_marcha.gobierno.puerto}"

    def trabajadores() -> bool:
        return int(requests.get(f"{url}/health/ready", timeout=60).json()["trabajadores"]) >= 2

    esperar(trabajadores, "two workers")
    assert correr("deploy/backup.sh --entorno /etc/climaguru/respaldo.env", en_marcha, entorno).returncode == 0
    admin = "climaguru crear-admin --usuario admin --correo admin@ejemplo.co --generar"
    assert correr(admin, en_marcha, entorno).returncode == 0
    dichas = ordenes()
    assert len(dichas) > 45
    for orden in dichas:
        if "inspect" in orden:
            esperar(trabajadores, "the workers")
        fin = correr(orden, en_marcha, entorno)
        assert fin.returncode == 0, f"{orden}\n{fin.stdout}\n{fin.stderr}"
        assert "ERROR" not in fin.stderr, f"{orden}\n{fin.stderr}"
    esperar(trabajadores, "two workers again")
    cali = Persona(url, "runbook").pedir("tiempo-real", ciudad="Cali", proveedores=["openmeteo"])
    assert cali["consulta"]["estado"] == "completada"


def test_toda_orden_esta_en_un_bloque_que_se_corre_y_lo_que_se_nombra_existe() -> None:
    assert set(re.findall(r"^```(\w+)", RUNBOOK, re.MULTILINE)) == {"sh"}
    for destino in re.findall(r"\]\(([^)#]+)", RUNBOOK):
        assert (REPO / "deploy" / destino).exists(), destino
    alertas = (REPO / "deploy/prometheus/alertas.yml").read_text()
    titulos = set(re.findall(r'"title": "([^"]+)"', (REPO / "deploy/grafana/climaguru.json").read_text()))
    for visto in re.findall(r"\*\*([^*]+)\*\*", RUNBOOK):
        partes = visto.split(" → ")
        assert set(partes) <= titulos | {"ClimaGuru", "Safe at any moment", "Not safe"}, visto
    for alerta in re.findall(r"alert `(\w+)`", RUNBOOK):
        assert f"alert: {alerta}" in alertas
