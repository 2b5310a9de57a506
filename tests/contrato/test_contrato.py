"""The running API against its own OpenAPI document: thousands of requests, well formed and not, from schemathesis.

Its seed is fixed, so that a failure is the same everywhere, and says how to repeat it. To look further by hand:
SEMILLA=2 EJEMPLOS=200 python -m pytest tests/contrato
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
import requests
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from deploy.laboratorio.cli import variables
from shared import esquema, usuarios
from shared.db import crear_motor
from shared.modelos import Rol
from tests.conftest import hacer_settings
from tests.frente import Api
from tests.pila import entorno_limpio
from tests.servidores import MariaDB, Redis
from worker.proceso import Proceso

AQUI = Path(__file__).parent
SEMILLA = os.environ.get("SEMILLA", "1")
EJEMPLOS = os.environ.get("EJEMPLOS", "5")  # of each kind per operation
CLAVE = "ninguna de los ejemplos"
LIMITES = {
    **dict.fromkeys(("LIMITE_LOGIN", "LIMITE_LOGIN_CUENTA", "LIMITE_REGISTRO", "LIMITE_API"), "1000000/minute"),
    **dict.fromkeys(("MAX_ACTIVAS", "MAX_PENDIENTES"), "1000000"),
}
DE_ADMIN = ["--include-tag", "usuarios", "--include-path", "/api/reportes/auditoria"]
DE_OPERARIA = ["--exclude-tag", "usuarios", "--exclude-path", "/api/reportes/auditoria"]


@pytest.fixture
def api(cuenta: str, mariadb: MariaDB, servidor_redis: Redis, laboratorio: str, carpeta: Path) -> Iterator[Api]:
    """Limits that do not fire, two accounts, two consultas (1 and 2) finished by the worker's own code.

    Each account has one of its own: what one run leaves behind is not what the other expects.
    """
    base, redis = mariadb.crear_base(f"cg_contrato_{cuenta}"), servidor_redis.url.removesuffix("/0") + "/5"
    settings = hacer_settings(base, redis, **{n.lower(): url for n, url in variables(laboratorio).items()})
    motor = crear_motor(settings)
    esquema.subir(motor)
    _crear_cuentas(motor)
    sitio = carpeta / f"api_contrato_{cuenta}"
    sitio.mkdir()
    api = Api(
        sitio, ajustes={"DATABASE_URL": base, "REDIS_URL": redis, **LIMITES}, opciones=("--graceful-timeout", "0")
    )
    api.arrancar()
    proceso = Proceso(settings)
    for consulta_id in _pedir(api.url):
        proceso.procesar(consulta_id)
    yield api
    api.parar()
    proceso.sesiones.motor.dispose()
    motor.dispose()


@pytest.mark.timeout(3600 if "EJEMPLOS" in os.environ else 600)
@pytest.mark.parametrize(("cuenta", "alcance"), [("operaria", DE_OPERARIA), ("admin", DE_ADMIN)])
def test_la_api_cumple_su_documento(api: Api, cuenta: str, alcance: list[str]) -> None:
    ajustes = ["--config-file", str(AQUI / "schemathesis.toml")]
    cuantos = ["--checks", "all", "--seed", SEMILLA, "--max-examples", EJEMPLOS, "--no-color"]
    orden = [sys.executable, "-m", "schemathesis.cli", *ajustes, "run", f"{api.url}/api/openapi.json"]
    fin = subprocess.run(
        [*orden, *cuantos, *alcance],
        env=entorno_limpio(**_sesion(api.url, cuenta)),
        cwd=AQUI.parent.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert fin.returncode == 0, f"{fin.stdout}{fin.stderr}"


def _crear_cuentas(motor: Engine) -> None:
    with Session(motor) as s:
        for username, rol in (("operaria", Rol.OPERARIO), ("admin", Rol.ADMIN)):
            usuarios.crear(s, username=username, email=f"{username}@ejemplo.co", password=CLAVE, rol=rol, rounds=4)
        s.commit()


def _pedir(url: str) -> list[int]:
    fin = datetime.now(UTC).date() - timedelta(days=9)
    dias = {"fecha_inicio": str(fin - timedelta(days=2)), "fecha_fin": str(fin)}
    pedidos = [("tiempo-real", {"ciudad": "Medellín"}), ("historico", {"ciudad": "Medellín", **dias})]
    con = {"Authorization": f"Bearer {_sesion(url, 'operaria')['TOKEN']}"}
    respuestas = [
        requests.post(f"{url}/api/consultas/{tipo}", json=cuerpo, headers=con, timeout=60) for tipo, cuerpo in pedidos
    ]
    return [int(r.json()["consulta"]["id"]) for r in respuestas]


def _sesion(url: str, cuenta: str) -> dict[str, str]:
    """What ganchos.py and schemathesis.toml read from the environment."""
    r = requests.post(f"{url}/api/auth/login", json={"username": cuenta, "password": CLAVE}, timeout=60)
    assert r.ok, f"{cuenta}: {r.text}"
    tokens = r.json()
    return {
        "API": url,
        "CUENTA": cuenta,
        "CUENTA_ID": str(tokens["usuario"]["id"]),
        "CLAVE": CLAVE,
        "SESION_ID": jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"],
        "TOKEN": tokens["access_token"],
        "TOKEN_DE_REFRESCO": tokens["refresh_token"],
    }
