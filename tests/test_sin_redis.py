"""What still holds while Redis is down: who is logged out stays out, guesses stay limited, consultas are accepted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.frente import Api, con_esquema
from tests.pila import Persona
from tests.servidores import MariaDB


@pytest.fixture(scope="module")
def api(mariadb: MariaDB, carpeta: Path) -> Iterator[Api]:
    sitio = carpeta / "sin-redis"
    sitio.mkdir()
    base = con_esquema(mariadb.crear_base("cg_sin_redis"))
    servidor = Api(sitio, ajustes={"DATABASE_URL": base, "REDIS_URL": "redis://127.0.0.1:9/0"})
    servidor.arrancar()
    yield servidor
    servidor.parar()


def test_quien_salio_sigue_fuera(api: Api) -> None:
    ana = Persona(api.url, "ana")
    assert ana.http.get(f"{api.url}/api/auth/me", timeout=60).ok
    assert ana.http.post(f"{api.url}/api/auth/logout", timeout=60).ok
    assert ana.http.get(f"{api.url}/api/auth/me", timeout=60).status_code == 401


def test_adivinar_una_clave_se_limita_igual(api: Api) -> None:
    Persona(api.url, "beto")
    mala = {"username": "beto", "password": "no es esta"}
    estados = [requests.post(f"{api.url}/api/auth/login", json=mala, timeout=60).status_code for _ in range(11)]
    assert estados == [401] * 10 + [429]


def test_se_aceptan_consultas_y_se_miran(api: Api) -> None:
    carla = Persona(api.url, "carla")
    pedida = carla.http.post(f"{api.url}/api/consultas/tiempo-real", json={"ciudad": "Cali"}, timeout=60)
    assert pedida.status_code == 202
    mirada = carla.http.get(f"{api.url}{pedida.headers['Location']}?esperar=1", timeout=60).json()
    assert mirada["consulta"]["estado"] == "pendiente"
