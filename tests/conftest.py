"""Real servers for the whole run; a clean database for each test."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import hypothesis
import pytest
import redis
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from xdist.scheduler import LoadFileScheduling

from api import create_app
from deploy.laboratorio import crear_app
from deploy.laboratorio.cli import variables
from deploy.laboratorio.servidor import crear_servidor
from shared import esquema, permisos
from shared.db import crear_motor
from shared.modelos import Base
from shared.settings import Settings
from tests.preparado import SIN_TLS, Preparado
from tests.servidores import MariaDB, Redis, carpeta_de_datos

hypothesis.settings.register_profile("sin_prisa", deadline=None)  # nothing is timed here
hypothesis.settings.load_profile("sin_prisa")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # so a shell starts what runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # and what we start and interrupt would inherit it
ORIGENES = ["https://frente.ejemplo.co", "https://otro.ejemplo.co:8443"]

JUNTOS = (  # what shares a fixture that is dear to make goes to one process; the dearest first
    ("deploy/test_instalar", "deploy/test_runbook"),
    ("contrato/test_contrato",),
    ("caos/test_programaciones", "caos/test_caos"),
    ("ataque/test_ataque",),
    ("deploy/test_cliente_ordenes", "deploy/test_cliente_cortes"),
    ("test_recorrido",),
    ("deploy/test_systemd",),
    ("test_largos",),
    ("deploy/test_contenedores",),
    ("test_memoria",),
    ("deploy/test_flower",),
    ("shared/test_limpieza",),
)
SERVIDORES = {"mariadb", "servidor_redis", "escenario", "motor", "nueva", "blanco"}
PUESTO = {f"tests/{fichero}.py": n for n, grupo in enumerate(JUNTOS) for fichero in grupo}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Before -m looks at the marks."""
    if SERVIDORES & set(getattr(item, "fixturenames", ())):
        item.add_marker("servidor")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that none is left to one process at the end; all else stays in its chance order."""
    items.sort(key=lambda item: PUESTO.get(item.nodeid.partition("::")[0], len(JUNTOS)))


class PorFicheros(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Each file to one process, and those of JUNTOS that stand together to the same one."""

    def _split_scope(self, nodeid: str) -> str:
        fichero = super()._split_scope(nodeid)
        return str(PUESTO.get(fichero, fichero))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> PorFicheros:
    return PorFicheros(config, log)


@pytest.fixture(scope="session")
def carpeta() -> Iterator[Path]:
    """Short: socket paths have room for some hundred characters."""
    with tempfile.TemporaryDirectory(prefix="cg-", dir="/tmp", ignore_cleanup_errors=True) as nombre:
        yield Path(nombre)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    with tempfile.TemporaryDirectory(prefix="cg-", dir=carpeta_de_datos(), ignore_cleanup_errors=True) as sitio:
        servidor = MariaDB(Path(sitio))
        servidor.instalar()
        servidor.arrancar()
        yield servidor
        servidor.matar()  # nobody reads its data again


@pytest.fixture(scope="session")
def servidor_redis(carpeta: Path) -> Iterator[Redis]:
    sitio = carpeta / "redis"
    sitio.mkdir()
    servidor = Redis(sitio)
    servidor.arrancar()
    yield servidor
    servidor.parar()


@pytest.fixture(scope="session")
def laboratorio() -> Iterator[str]:
    """The laboratory on a free port; its URL."""
    servidor = crear_servidor(crear_app(), "127.0.0.1", 0)
    Thread(target=servidor.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{servidor.port}"
    servidor.shutdown()
    servidor.server_close()


def hacer_settings(url_base: str, url_redis: str, **otros: object) -> Settings:
    """Settings for tests: random secrets, a cheap bcrypt."""
    return Settings(
        flask_env="testing",
        secret_key="s" * 48,
        jwt_secret_key="j" * 48,
        encryption_key=Fernet.generate_key().decode(),
        database_url=url_base,
        redis_url=url_redis,
        bcrypt_rounds=4,
        **otros,
    )


@pytest.fixture(scope="session")
def motor_mariadb(mariadb: MariaDB) -> Iterator[Engine]:
    motor = crear_motor(hacer_settings(mariadb.crear_base("cg_verbos"), "redis://127.0.0.1:1"))
    esquema.subir(motor)
    yield motor
    motor.dispose()


@pytest.fixture(scope="session")
def motor_sqlite(carpeta: Path) -> Iterator[Engine]:
    motor = crear_motor(hacer_settings(f"sqlite:///{carpeta / 'verbos.db'}", "redis://127.0.0.1:1"))
    esquema.subir(motor)
    yield motor
    motor.dispose()


@pytest.fixture(params=["mariadb", "sqlite"])
def motor(request: pytest.FixtureRequest) -> Engine:
    elegido: Engine = request.getfixturevalue(f"motor_{request.param}")
    return elegido


@pytest.fixture
def s(motor: Engine) -> Iterator[Session]:
    """A session whose work is undone after the test, on MariaDB and on SQLite."""
    with motor.connect() as conexion:
        transaccion = conexion.begin()
        with Session(conexion, join_transaction_mode="create_savepoint", expire_on_commit=False) as sesion:
            yield sesion
        transaccion.rollback()


@pytest.fixture(scope="session")
def settings(mariadb: MariaDB, servidor_redis: Redis, laboratorio: str, carpeta: Path) -> Settings:
    """As the user that the application has in production, with no more than that user may do."""
    preparado = Preparado(mariadb, carpeta / "mysql.env", "cg_api")
    assert (fin := preparado.preparar()).returncode == 0, fin.stderr
    motor = crear_motor(hacer_settings(preparado.url("MIGRACIONES", SIN_TLS), "redis://127.0.0.1:1"))
    esquema.subir(motor)
    assert permisos.conceder(motor)
    motor.dispose()
    urls = {nombre.lower(): url for nombre, url in variables(laboratorio).items()}
    return hacer_settings(preparado.url("USER", SIN_TLS), servidor_redis.url, cors_origins=ORIGENES, **urls)


@pytest.fixture(scope="session")
def app(settings: Settings) -> Flask:
    """The real application on MariaDB and Redis."""
    return create_app(settings)


@pytest.fixture
def cliente(app: Flask, settings: Settings, mariadb: MariaDB) -> Iterator[FlaskClient]:
    """A client of an application without data."""
    app.extensions["revista"].olvidar()
    yield app.test_client()
    with redis.Redis.from_url(settings.url_redis) as r:
        r.flushall()
    mariadb.ejecutar_todas(*(f"DELETE FROM cg_api.{tabla.name}" for tabla in reversed(Base.metadata.sorted_tables)))
