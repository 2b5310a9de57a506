"""deploy/mysql on a real MariaDB of its own, with TLS: what each user can do, and what it cannot."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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
from tests.preparado import RED, USUARIOS, Preparado
from tests.servidores import MariaDB, binario
from tests.shared.test_consultas import RESULTADO, leida, tomada

MYSQL = Path(__file__).parents[2] / "deploy" / "mysql"


class ServidorConfigurado(MariaDB):
    """A server that reads climaguru.cnf, with a certificate of its own."""

    def orden(self) -> list[str]:
        programa, _, *resto = super().orden()
        cert = [f"--ssl-cert={self.carpeta}/fullchain.pem", f"--ssl-key={self.carpeta}/privkey.pem"]
        return [programa, f"--defaults-file={MYSQL / 'climaguru.cnf'}", *resto, *cert]


def rechaza(preparado: Preparado, quien: str, sql: str) -> None:
    with preparado.conexion(quien) as cursor, pytest.raises(pymysql.Error, match="denied") as e:
        cursor.execute(sql)
    assert e.value.args[0] in (1044, 1045, 1142, 1227, 1370)


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
            subida = climaguru(entorno_de(motor), "db", "upgrade")
            assert (subida.exit_code, subida.output) == (0, "Esquema al día.\n")
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
    assert len(claves) == len(USUARIOS)
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


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE nueva (id INT)",
        "DROP TABLE consultas",
        "ALTER TABLE consultas ADD otra INT",
        "UPDATE logs_actividad SET accion = 'nada'",
        "DELETE FROM logs_actividad",
        "REPLACE INTO logs_actividad (id, accion, creado_en) VALUES (1, 'nada', NOW())",
        "TRUNCATE logs_actividad",
        "UPDATE alembic_version SET version_num = '0000'",
        "DELETE FROM vista_consultas_completas",
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
    rechaza(preparado, "USER", sql)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE logs_actividad SET accion = 'nada'",
        "INSERT INTO logs_actividad (accion, creado_en) VALUES ('nada', NOW())",
        "DELETE FROM consultas",
        "SELECT * FROM usuarios",
        "DROP TABLE logs_actividad",
        "GRANT DELETE ON climaguru.logs_actividad TO root@localhost",
    ],
)
def test_quien_borra_actividad_no_hace_otra_cosa(preparado: Preparado, sql: str) -> None:
    rechaza(preparado, "RETENCION", sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM mysql.user",
        "CREATE USER otro",
        "CREATE DATABASE otra",
        f"GRANT FILE ON *.* TO climaguru_user@'{RED}'",
        f"GRANT SELECT ON mysql.* TO climaguru_user@'{RED}'",
        f"GRANT SELECT ON climaguru.usuarios TO climaguru_user@'{RED}' IDENTIFIED BY 'otra'",
        f"SET PASSWORD FOR climaguru_user@'{RED}' = PASSWORD('otra')",
    ],
)
def test_quien_migra_no_sale_de_su_base(preparado: Preparado, sql: str) -> None:
    rechaza(preparado, "MIGRACIONES", sql)


@pytest.mark.parametrize(
    "sql",
    ["DELETE FROM usuarios", "UPDATE usuarios SET rol = 'admin'", "DROP TABLE usuarios", "SELECT * FROM mysql.user"],
)
def test_quien_copia_no_escribe(preparado: Preparado, sql: str) -> None:
    rechaza(preparado, "RESPALDO", sql)


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
