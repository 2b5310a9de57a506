"""Memory of real processes at the longest historicos and largest downloads; `make bench ARGS=--memoria` says more."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.laboratorio.cli import variables
from tests.bench_memoria import DIEZ_ANOS, UN_ANO, bajar, todas
from tests.memoria import API_MIB, TRABAJADOR_MIB, Memoria, proceso_de, se_puede_medir, servidores_de
from tests.pila import Persona, Pila, pila
from tests.servidores import MariaDB, Redis

pytestmark = pytest.mark.skipif(not se_puede_medir, reason="/proc is of Linux")
CLAVES = dict.fromkeys(("OPENWEATHER_API_KEY", "METEOBLUE_API_KEY", "METEOSOURCE_API_KEY"), "laboratorio")
SIN_IDEAM = ["openmeteo", "openweather", "meteoblue", "meteosource", "siata"]  # its stations take a minute to make
A_LA_VEZ = 4


@pytest.fixture(scope="module")
def lista(mariadb: MariaDB, servidor_redis: Redis, laboratorio: str, carpeta: Path) -> Iterator[Pila]:
    entorno = {
        "DATABASE_URL": mariadb.crear_base("cg_memoria"),
        "REDIS_URL": servidor_redis.url.removesuffix("/0") + "/4",
        "BCRYPT_ROUNDS": "4",
        "LIMITE_API": "1000000/minute",
        "OPENMETEO_PRESUPUESTO": "1000000/day",
        **CLAVES,
        **variables(laboratorio),
    }
    with pila(carpeta / "memoria", **entorno) as p:
        yield p


def test_ni_el_trabajador_ni_la_api_pasan_de_su_memoria(lista: Pila) -> None:
    trabajador = Memoria(proceso_de(lista, "worker", "historico-1").pid)
    ana = Persona(lista.base, "ana")
    lugares = [{"latitud": 4 + n / 10, "longitud": -75, "proveedores": SIN_IDEAM} for n in range(A_LA_VEZ)]
    mes = {"ciudad": "Medellín", "fecha_inicio": "2024-01-01", "fecha_fin": "2024-01-31", "resolucion": "horaria"}
    cuerpos = [*({**lugar, **UN_ANO} for lugar in lugares), {**lugares[0], **DIEZ_ANOS}, mes]
    hechas = todas(ana, cuerpos)
    assert trabajador.pico < TRABAJADOR_MIB

    apis = [Memoria(h.pid) for h in servidores_de(lista)]  # by now one of them has read the names of all cities
    urls = [
        f"{ana.base}{sobre['enlaces']['descargar']}?formato={formato}"
        for sobre in (hechas[0], hechas[A_LA_VEZ])
        for formato in ("json", "csv", "txt", "yaml")
    ]
    urls *= 3  # so that what holds a whole series is seen
    with ThreadPoolExecutor(len(urls)) as hilos:
        largos = list(hilos.map(lambda url: bajar(ana, url), urls))
    assert min(largos) > 300_000
    assert max(api.pico for api in apis) < API_MIB
