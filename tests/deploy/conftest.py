from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.cliente import Cliente
from deploy.laboratorio.cli import variables
from tests.deploy.gobierno import Gobierno
from tests.deploy.instalacion import FUERA, REPO, Instalacion
from tests.deploy.servicio import CLAVE, Servicio, Terminal, servicio
from tests.preparado import SIN_TLS, Preparado
from tests.servidores import MariaDB, Redis, puerto_libre


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


@pytest.fixture(scope="session")
def sesion_de_ana(clima: Servicio, carpeta: Path) -> Path:
    """What `climaguru entrar` left behind, typed once."""
    casa = carpeta / "casa_de_ana"
    casa.mkdir()
    una = Terminal(casa)
    una.entrar(clima.url)
    return una.config


@pytest.fixture
def ana(terminal: Terminal, sesion_de_ana: Path) -> Terminal:
    """ana's terminal, logged in; whoever ends or renews the session enters for themselves first."""
    terminal.config.parent.mkdir(parents=True)
    shutil.copy(sesion_de_ana, terminal.config)
    return terminal


@pytest.fixture(scope="session")
def nueva(carpeta: Path) -> Iterator[Instalacion]:
    """Installed once without a database: nothing is started yet."""
    sitio = carpeta / "instalar"
    sitio.mkdir()
    (sitio / "registro").mkdir()
    (sitio / "registro").chmod(0o777)
    carpeta.chmod(0o711)  # for who runs pip
    fuente = sitio / "fuente"
    shutil.copytree(REPO, fuente, ignore=FUERA)
    raiz = sitio / "raiz"
    gobierno = Gobierno(raiz, sitio, puerto_libre())
    una = Instalacion(fuente, raiz, gobierno)
    ensayo = una.instalar("--dry-run")
    assert ensayo.returncode == 0, ensayo.stderr
    assert "Nada se ha cambiado" in ensayo.stdout
    assert not raiz.exists()
    assert not gobierno.ordenes
    fin = una.instalar("--nombre", "clima.ejemplo.co")
    assert (fin.returncode, "Falta DATABASE_URL" in fin.stdout) == (3, True), fin.stderr
    una.recien = una.fichero.read_text()
    yield una
    gobierno.cerrar()


@pytest.fixture(scope="session")
def vm2(mariadb: MariaDB, carpeta: Path) -> Preparado:
    """What preparar.sh makes on the other machine."""
    uno = Preparado(mariadb, carpeta / "mysql.env", "cg_instalar")
    assert (fin := uno.preparar()).returncode == 0, fin.stderr
    return uno


@pytest.fixture(scope="session")
def en_marcha(nueva: Instalacion, vm2: Preparado, servidor_redis: Redis, laboratorio: str) -> Instalacion:
    """The settings filled in by hand, each user of the database in its file, and instalar.sh once more."""
    texto = nueva.recien.replace("\nDATABASE_URL=\n", f"\nDATABASE_URL={vm2.url('USER', SIN_TLS)}\n")
    texto = re.sub(r"\nREDIS_URL=.*\n", f"\nREDIS_URL={servidor_redis.url[:-1]}6\n", texto)
    texto += "".join(f"{n}={u}\n" for n, u in variables(laboratorio).items()) + "BCRYPT_ROUNDS=4\n"
    nueva.fichero.write_text(texto)
    for nombre, ajuste, quien in (
        ("migraciones.env", "DATABASE_URL", "MIGRACIONES"),
        ("retencion.env", "RETENCION_DATABASE_URL", "RETENCION"),
    ):
        fichero = nueva.fichero.with_name(nombre)
        fichero.write_text(f"{ajuste}={vm2.url(quien, SIN_TLS)}\n")
        fichero.chmod(0o600)
    fin = nueva.instalar()
    assert fin.returncode == 0, fin.stdout + fin.stderr
    assert nueva.fichero.read_text() == texto
    return nueva
