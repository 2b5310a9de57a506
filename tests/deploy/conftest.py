from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.cliente import Cliente
from tests.deploy.servicio import CLAVE, Servicio, Terminal, servicio
from tests.servidores import MariaDB, Redis


@pytest.fixture(scope="session")
def clima(mariadb: MariaDB, servidor_redis: Redis, laboratorio: str, carpeta: Path) -> Iterator[Servicio]:
    """The API that the client's tests speak to."""
    redis = servidor_redis.url.removesuffix("/0") + "/7"
    with servicio(carpeta / "cliente", mariadb.crear_base("cg_cliente"), redis, laboratorio) as s:
        yield s


@pytest.fixture(scope="session")
def hecha(clima: Servicio) -> int:
    """The id of a historico of ana's, of January by hours, finished: some 100 KB."""
    with Cliente(clima.url) as cliente:
        cliente.entrar("ana", CLAVE)
        pedida = cliente.historico("Bogotá", desde="2026-01-01", hasta="2026-01-31", resolucion="horaria")
        clima.terminar_pendientes()
        assert cliente.esperar(pedida.id).completada
    return pedida.id


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture
def ana(terminal: Terminal, clima: Servicio) -> Terminal:
    """ana's terminal, logged in."""
    terminal.entrar(clima.url)
    return terminal
