"""deploy/mysql on a real MariaDB of its own, with TLS: what each user can do, and what it cannot."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from shared import consultas, esquema
from shared.db import Sesiones, crear_motor
from shared.modelos import Base, Estado
from tests.conftest import hacer_settings
from tests.deploy.certificado import autofirmado
from tests.deploy.ordenes import climaguru, entorno_de
from tests.servidores import MariaDB, binario
from tests.shared.test_consultas import RESULTADO, leida, tomada

MYSQL = Path(__file__).parents[2] / "deploy" / "mysql"
RED = "127.0.0.0/255.0.0.0"
USUARIOS = {"USER": "climaguru_user", "MIGRACIONES": "climaguru_migraciones", "RESPALDO": "climaguru_respaldo"}


class ServidorConfigurado(MariaDB):
    """A server that reads climaguru.cnf, with a certificate of its own."""

    def orden(self) -> list[str]:
        programa, _, *resto = super().orden()
        cert = [f"--ssl-cert={self.carpeta}/fullchain.pem", f"--ssl-key={self.carpeta}/privkey.pem"]
        return [programa, f"--defaults-file={MYSQL / 'climaguru.cnf'}", *resto, *cert]


@dataclass
class Preparado:
    servidor: MariaDB
    claves: Path

    def preparar(self, *opciones: str) -> subprocess.CompletedProcess[str]:
        fijas = ["sh", str(MYSQL / "preparar.sh"), "--desde", RED, "--claves", str(self.claves), *opciones, "--"]
        cliente = ["--no-defaults", "--host=127.0.0.1", f"--port={self.servidor.puerto}", "--user=root"]
        return subprocess.run([*fijas, *cliente], capture_output=True, text=True, check=False)

    def clave(self, quien: str) -> str:
        pares = dict(linea.split("=", 1) for linea in self.claves.read_text().splitlines())
        return pares[f"CLAVE_{quien}"]

    def url(self, quien: str, opciones: str = "") -> str:
        return f"mysql://{USUARIOS[quien]}:{self.clave(quien)}@127.0.0.1:{self.servidor.puerto}/climaguru{opciones}"

    @contextmanager
    def conexion(self, quien: str) -> Iterator[pymysql.cursors.Cursor]:
        uno = pymysql.connect(
            host="127.0.0.1",
            port=self.servidor.puerto,
            user=USUARIOS[quien],
            password=self.clave(quien),
            database="climaguru",
            autocommit=True,
        )
        with uno, uno.cursor() as cursor:
            yield cursor

    def rechaza(self, quien: str, sql: str) -> None:
        with self.conexion(quien) as cursor, pytest.raises(pymysql.Error, match="denied") as e:
            cursor.execute(sql)
        assert e.value.args[0] in (1044, 1142, 1227, 1370)


@contextmanager
def motor_de(url: str) -> Iterator[Engine]:
    motor = crear_motor(hacer_settings(url, "redis://127.0.0.1:1"))
    try:
        yield motor
    finally:
        motor.dispose()


@pytest.fixture(scope="module")
def preparado(carpeta: Path) -> Iterator[Preparado]:
    """Prepared twice, the schema made by the migrations user."""
    sitio = carpeta / "mysql"
    sitio.mkdir()
    autofirmado(sitio)
    servidor = ServidorConfigurado(sitio)
    servidor.instalar()
    servidor.arrancar()
    todo = Preparado(servidor, sitio / "claves" / "mysql.env")
    try:
        assert (primera := todo.preparar()).returncode == 0, primera.stderr
        guardadas = todo.claves.read_text()
        assert (segunda := todo.preparar()).returncode == 0, segunda.stderr
        assert todo.claves.read_text() == guardadas
        with motor_de(todo.url("MIGRACIONES")) as motor:
            assert climaguru(entorno_de(motor), "db", "upgrade").exit_code == 0
        yield todo
    finally:
        servidor.parar()


def test_dry_run_no_cambia_nada_ni_muestra_claves(preparado: Preparado, tmp_path: Path) -> None:
    otro = Preparado(preparado.servidor, tmp_path / "claves.env")
    fin = otro.preparar("--dry-run", "--base", "otra_base", "--escuchar", "100.64.1.2")
    assert (fin.returncode, fin.stderr) == (0, "")
    assert "CREATE DATABASE IF NOT EXISTS `otra_base`" in fin.stdout
    assert r"ON `otra\_base`.*" in fin.stdout
    assert "IDENTIFIED BY '***'" in fin.stdout
    assert not otro.claves.exists()
    assert preparado.servidor.ejecutar("SHOW DATABASES LIKE 'otra%'") == []


@pytest.mark.parametrize(
    "opciones",
    [
        ("--base", "x`; DROP"),
        ("--desde", "%' OR '1"),
        ("--desde", "100.64.0.0/10"),
        ("--escuchar", "0\nskip-grant-tables"),
        ("--nada",),
    ],
)
def test_lo_que_no_es_un_nombre_ni_una_red_no_llega(preparado: Preparado, opciones: tuple[str, ...]) -> None:
    fin = preparado.preparar(*opciones)
    assert (fin.returncode, fin.stdout) == (2, "")
    assert fin.stderr.startswith("preparar.sh: ")


def test_las_claves_son_largas_distintas_y_solo_de_root(preparado: Preparado) -> None:
    claves = {preparado.clave(quien) for quien in USUARIOS}
    assert len(claves) == 3
    assert min(map(len, claves)) >= 32
    assert preparado.claves.stat().st_mode & 0o777 == 0o600
    assert preparado.preparar().stdout.count(preparado.clave("USER")) == 0


def test_una_clave_cambiada_a_mano_no_se_pisa(preparado: Preparado) -> None:
    """The password is only set when the user is new: who rotates it does it in the server and in the file."""
    quien = f"'climaguru_respaldo'@'{RED}'"
    preparado.servidor.ejecutar(f"ALTER USER {quien} IDENTIFIED BY 'puesta-a-mano'")
    try:
        assert preparado.preparar().returncode == 0
        with pytest.raises(pymysql.Error, match="denied"), preparado.conexion("RESPALDO"):
            pass
    finally:
        preparado.servidor.ejecutar(f"ALTER USER {quien} IDENTIFIED BY '{preparado.clave('RESPALDO')}'")


def test_los_ajustes_son_los_del_cliente(preparado: Preparado) -> None:
    pedidos = {
        "default_storage_engine": "InnoDB",
        "character_set_server": "utf8mb4",
        "collation_server": "utf8mb4_unicode_ci",
        "innodb_flush_log_at_trx_commit": "1",
        "time_zone": "+00:00",
        "local_infile": "OFF",
        "bind_address": "127.0.0.1",
    }
    vistos = {str(nombre): valor for nombre, valor in preparado.servidor.ejecutar("SHOW GLOBAL VARIABLES")}
    assert {nombre: vistos[nombre] for nombre in pedidos} == pedidos
    juego = "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = 'climaguru'"
    assert preparado.servidor.ejecutar(juego) == [("utf8mb4_unicode_ci",)]
    motores = "SELECT DISTINCT engine FROM information_schema.tables WHERE table_schema = 'climaguru' AND engine > ''"
    assert preparado.servidor.ejecutar(motores) == [("InnoDB",)]


def test_la_aplicacion_hace_su_trabajo(preparado: Preparado) -> None:
    with motor_de(preparado.url("USER")) as motor:
        with Sesiones(motor).transaccion() as s:
            assert esquema.al_dia(s.connection())
            encargo = tomada(s)
            assert consultas.completar(s, encargo, RESULTADO)
        with Sesiones(motor).transaccion() as s:
            assert leida(s, encargo.id).estado == Estado.COMPLETADA
        with motor.begin() as conexion:
            assert conexion.exec_driver_sql("SELECT COUNT(*) FROM vista_consultas_completas").scalar_one() >= 1
            for tabla in reversed(Base.metadata.sorted_tables):
                conexion.execute(tabla.delete())


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE nueva (id INT)",
        "DROP TABLE consultas",
        "ALTER TABLE consultas ADD otra INT",
        "TRUNCATE logs_actividad",
        "CREATE VIEW otra AS SELECT 1",
        "SELECT * FROM mysql.user",
        "SELECT * FROM mysql.global_priv",
        "CREATE USER otro",
        "GRANT SELECT ON climaguru.* TO root@localhost",
        "SET GLOBAL max_connections = 1",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "CREATE DATABASE otra",
    ],
)
def test_la_aplicacion_no_puede_mas(preparado: Preparado, sql: str) -> None:
    preparado.rechaza("USER", sql)


@pytest.mark.parametrize("sql", ["SELECT * FROM mysql.user", "CREATE USER otro", "CREATE DATABASE otra"])
def test_quien_migra_no_sale_de_su_base(preparado: Preparado, sql: str) -> None:
    preparado.rechaza("MIGRACIONES", sql)


@pytest.mark.parametrize(
    "sql",
    ["DELETE FROM usuarios", "UPDATE usuarios SET rol = 'admin'", "DROP TABLE usuarios", "SELECT * FROM mysql.user"],
)
def test_quien_copia_no_escribe(preparado: Preparado, sql: str) -> None:
    preparado.rechaza("RESPALDO", sql)


def test_quien_copia_vuelca_la_base_entera(preparado: Preparado) -> None:
    opciones = ["--no-defaults", "--host=127.0.0.1", f"--port={preparado.servidor.puerto}", "--user=climaguru_respaldo"]
    fin = subprocess.run(
        [binario("mariadb-dump"), *opciones, "--single-transaction", "--no-tablespaces", "--triggers", "climaguru"],
        env={**os.environ, "MYSQL_PWD": preparado.clave("RESPALDO")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (fin.returncode, fin.stderr) == (0, "")
    assert all(f"CREATE TABLE `{tabla}`" in fin.stdout for tabla in Base.metadata.tables)
    assert "VIEW `vista_consultas_completas`" in fin.stdout


def test_quien_migra_puede_bajar_y_volver_a_subir(preparado: Preparado) -> None:
    with motor_de(preparado.url("MIGRACIONES")) as motor:
        assert climaguru(entorno_de(motor), "db", "downgrade", "base", "--yes").exit_code == 0
        assert climaguru(entorno_de(motor), "db", "upgrade").exit_code == 0


def test_desde_fuera_de_la_red_no_se_entra(preparado: Preparado) -> None:
    hosts = "SELECT DISTINCT host FROM mysql.user WHERE user LIKE 'climaguru%'"
    assert preparado.servidor.ejecutar(hosts) == [(RED,)]


def test_con_tls_obligado_solo_entra_la_url_que_lo_lleva(preparado: Preparado, tmp_path: Path) -> None:
    """Last in the file's own sense: it restores what it changed. ssl_ca is checked: another authority is refused."""
    assert preparado.preparar("--tls").returncode == 0
    try:
        bueno = preparado.servidor.carpeta / "fullchain.pem"
        with motor_de(preparado.url("USER", f"?ssl_ca={bueno}")) as motor, motor.connect() as conexion:
            assert conexion.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'").one()[1].startswith("TLS_")
        autofirmado(tmp_path)
        for opciones in (f"?ssl_ca={tmp_path / 'fullchain.pem'}", "?ssl_disabled=true"):
            with (
                motor_de(preparado.url("USER", opciones)) as motor,
                pytest.raises(OperationalError),
                motor.connect(),
            ):
                pass
        assert preparado.preparar().returncode == 0
        sin = "SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'climaguru%' AND ssl_type = ''"
        assert preparado.servidor.ejecutar(sin) == [(0,)], "running it without --tls does not undo it"
    finally:
        for usuario in USUARIOS.values():
            preparado.servidor.ejecutar(f"ALTER USER '{usuario}'@'{RED}' REQUIRE NONE")
