"""/api/docs in a real browser: it shows every operation and runs one, obeys the CSP, and asks no other host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from shared import esquema
from shared.db import crear_motor
from tests.conftest import hacer_settings
from tests.frente import Api
from tests.navegador import navegador
from tests.servidores import MariaDB, Redis

REGISTRO = "document.getElementById('operations-auth-auth-register')"


@pytest.fixture(scope="module")
def api(mariadb: MariaDB, servidor_redis: Redis, carpeta: Path) -> Iterator[Api]:
    base = mariadb.crear_base("cg_navegador")
    motor = crear_motor(hacer_settings(base, servidor_redis.url))
    esquema.subir(motor)
    motor.dispose()
    sitio = carpeta / "api_navegador"
    sitio.mkdir()
    api = Api(sitio, ajustes={"DATABASE_URL": base, "REDIS_URL": servidor_redis.url.removesuffix("/0") + "/4"})
    api.arrancar()
    yield api
    api.parar()


def test_la_documentacion_se_ve_y_se_prueba_en_un_navegador_sin_romper_la_csp(api: Api, tmp_path: Path) -> None:
    rutas = requests.get(f"{api.url}/api/openapi.json", timeout=60).json()["paths"].values()
    with navegador(tmp_path) as n:
        n.abrir(f"{api.url}/api/docs#/auth/auth-register")  # this one is shown open
        n.hasta(f"{REGISTRO}?.querySelector('.try-out__btn')")
        operaciones = n.evaluar("document.querySelectorAll('.opblock').length")
        n.evaluar(f"{REGISTRO}.querySelector('.try-out__btn').click()")
        n.hasta(f"{REGISTRO}.querySelector('.execute')")
        n.evaluar(f"{REGISTRO}.querySelector('.execute').click()")
        estado = n.hasta(f"{REGISTRO}.querySelector('.live-responses-table tbody .response-col_status')?.innerText")
        idioma = n.evaluar("document.documentElement.lang + ' ' + document.title")
    assert operaciones == sum(metodo in ("get", "post", "put", "patch", "delete") for r in rutas for metodo in r)
    assert estado.split()[0] == "201"  # the example of the document is a body that the API takes
    assert idioma == "es ClimaGuru: documentación de la API"
    assert n.quejas == []
    ajenas = {u for u in n.pedidas if urlsplit(u).scheme != "data" and not u.startswith(api.url)}
    assert ajenas == set()
