"""Rights per table as `climaguru db upgrade` gives them: a new table, an old installation, retention, a restore."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import Connection, Engine, create_engine, event
from structlog.testing import capture_logs

from shared import esquema, limpieza, permisos
from shared.db import Sesiones, crear_motor
from shared.modelos import Base, LogActividad, Sesion, Usuario
from shared.retencion import CLASES
from shared.settings import Settings
from tests.conftest import hacer_settings
from tests.deploy.ordenes import climaguru, entorno_de, queja
from tests.deploy.respaldos import ejecutar
from tests.deploy.unidades import leer
from tests.preparado import RED, SIN_TLS, Preparado
from tests.servidores import MariaDB
from tests.shared.test_limpieza import hace

TABLAS = sorted(Base.metadata.tables)
MIGRACION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "9999", "{ultima}"


def upgrade():
    op.create_table("nueva", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade():
    op.drop_table("nueva")
"""
NO_PUEDE = 1142


@pytest.fixture
def preparado(mariadb: MariaDB, carpeta: Path) -> Iterator[Preparado]:
    """An empty database and its users; the passwords are those of the whole server."""
    uno = Preparado(mariadb, carpeta / "mysql.env", "cg_per_misos")
    assert (fin := uno.preparar()).returncode == 0, fin.stderr
    yield uno
    olvidar = f"DELETE FROM mysql.tables_priv WHERE db = '{uno.base}'"
    mariadb.ejecutar_todas(f"DROP DATABASE {uno.base}", olvidar, "FLUSH PRIVILEGES")


@contextmanager
def motor_de(preparado: Preparado, quien: str) -> Iterator[Engine]:
    motor = crear_motor(hacer_settings(preparado.url(quien, SIN_TLS), "redis://127.0.0.1:1"))
    try:
        yield motor
    finally:
        motor.dispose()


def subir(preparado: Preparado) -> str:
    """`climaguru db upgrade` as the user that migrates; what it complained of."""
    with motor_de(preparado, "MIGRACIONES") as motor:
        fin = climaguru(entorno_de(motor), "db", "upgrade")
    assert (fin.exit_code, fin.stdout) == (0, "Esquema al día.\n"), fin.output
    return fin.stderr


def puede(cursor: pymysql.cursors.Cursor, tabla: str) -> str:
    """The initials of what may be done to this table: select, insert, update, delete."""
    cursor.execute(f"SELECT column_name FROM information_schema.columns WHERE table_name = '{tabla}' LIMIT 1")
    (columna,) = cursor.fetchone() or ("id",)
    return "".join(
        letra
        for letra, orden in {
            "s": f"SELECT * FROM {tabla} LIMIT 0",
            "i": f"INSERT INTO {tabla} SELECT * FROM {tabla} WHERE 1 = 0",
            "u": f"UPDATE {tabla} SET {columna} = {columna} WHERE 1 = 0",
            "d": f"DELETE FROM {tabla} WHERE 1 = 0",
        }.items()
        if _deja(cursor, orden)
    )


def _deja(cursor: pymysql.cursors.Cursor, orden: str) -> bool:
    try:
        cursor.execute(orden)
    except pymysql.Error as e:
        if e.args[0] != NO_PUEDE:
            raise
        return False
    return True


def test_la_actividad_solo_se_anade_y_lo_demas_se_escribe(preparado: Preparado) -> None:
    assert subir(preparado) == ""
    with preparado.conexion("USER") as aplicacion:
        assert {tabla: puede(aplicacion, tabla) for tabla in [*TABLAS, "alembic_version"]} == {
            **dict.fromkeys(TABLAS, "siud"),
            "logs_actividad": "si",
            "alembic_version": "s",
        }
    with preparado.conexion("RETENCION") as retencion:
        assert puede(retencion, "logs_actividad") == "sd"


def test_repetirlo_no_cambia_nada(preparado: Preparado) -> None:
    subir(preparado)
    antes = _concedido(preparado)
    assert preparado.preparar().returncode == 0
    assert subir(preparado) == ""
    assert _concedido(preparado) == antes


def _concedido(preparado: Preparado) -> list[tuple[object, ...]]:
    todos: list[tuple[object, ...]] = []
    for tabla in ("schema_privileges", "table_privileges"):
        orden = f"SELECT grantee, privilege_type, is_grantable FROM information_schema.{tabla}"
        todos += preparado.servidor.ejecutar(f"{orden} WHERE table_schema LIKE 'cg%misos' ORDER BY 1, 2, 3")
    return todos


def test_una_tabla_nueva_recibe_sus_permisos_al_migrar(
    preparado: Preparado, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subir(preparado)
    shutil.copytree(esquema.MIGRACIONES, tmp_path / "m", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "m/versions/9999_nueva.py").write_text(MIGRACION.format(ultima=esquema.ultima()))
    monkeypatch.setattr(esquema, "MIGRACIONES", tmp_path / "m")
    assert subir(preparado) == ""
    with preparado.conexion("USER") as aplicacion:
        assert puede(aplicacion, "nueva") == "siud"
        assert puede(aplicacion, "logs_actividad") == "si"


def test_una_instalacion_de_antes_se_estrecha_sin_que_falte_nada_en_ningun_momento(preparado: Preparado) -> None:
    """After each statement of the upgrade both a connection of before and a new one may do all the application does."""
    aplicacion, migraciones = (f"climaguru_{quien}@'{RED}'" for quien in ("user", "migraciones"))
    todo = f"`{preparado.base}`.*".replace("_", r"\_")
    preparado.servidor.ejecutar_todas(
        f"GRANT INSERT, UPDATE, DELETE ON {todo} TO {aplicacion}", f"REVOKE GRANT OPTION ON {todo} FROM {migraciones}"
    )
    assert "deploy/mysql/preparar.sh" in subir(preparado), (
        "the user that migrates may not grant yet: nothing is narrowed"
    )
    with preparado.conexion("USER") as otra:
        assert puede(otra, "logs_actividad") == "siud"
    claves = preparado.claves.read_text()
    assert preparado.preparar().returncode == 0
    assert preparado.claves.read_text() == claves
    with preparado.conexion("USER") as vieja, _tras_cada_permiso(lambda: _trabaja(preparado, vieja)) as dichas:
        assert subir(preparado) == ""
    assert len(dichas) > len(TABLAS)
    with preparado.conexion("USER") as nueva:
        assert puede(nueva, "logs_actividad") == "si"


def _trabaja(preparado: Preparado, vieja: pymysql.cursors.Cursor) -> None:
    with preparado.conexion("USER") as nueva:
        for cursor in (vieja, nueva):
            faltan = {t: p for t in TABLAS if (p := puede(cursor, t)) != "siud" and (t, p) != ("logs_actividad", "si")}
            assert faltan == {}


@contextmanager
def _tras_cada_permiso(hacer: Callable[[], None]) -> Iterator[list[str]]:
    """Do it after each GRANT and REVOKE of this process; those there were."""
    dichas: list[str] = []

    def oir(_c: Connection, _cursor: object, orden: str, *_: object) -> None:
        if orden.startswith(("GRANT", "REVOKE")):
            dichas.append(orden)
            hacer()

    event.listen(Engine, "after_cursor_execute", oir)
    try:
        yield dichas
    finally:
        event.remove(Engine, "after_cursor_execute", oir)


def test_una_clave_que_falta_se_anade_y_las_demas_quedan(mariadb: MariaDB, tmp_path: Path) -> None:
    """What an installation of before has: no user for retention, and maybe a last line that somebody left open."""
    uno = Preparado(mariadb, tmp_path / "mysql.env", "cg_claves")
    guardadas = "CLAVE_USER=una\nCLAVE_MIGRACIONES=dos\nCLAVE_RESPALDO=tres"
    uno.claves.write_text(guardadas)
    fin = uno.preparar()
    assert fin.returncode == 0, fin.stderr
    assert uno.claves.read_text().startswith(f"{guardadas}\nCLAVE_RETENCION=")
    assert uno.claves.stat().st_mode & 0o777 == 0o600
    assert uno.clave("RETENCION") not in fin.stdout + fin.stderr
    assert "de RETENCION" in fin.stdout
    mariadb.ejecutar("DROP DATABASE cg_claves")


def test_quien_no_puede_dar_permisos_migra_y_lo_dice(mariadb: MariaDB) -> None:
    """One user for everything, as in docker-compose.yml."""
    mariadb.ejecutar_todas("CREATE USER IF NOT EXISTS solo@'127.0.0.1' IDENTIFIED BY 'x'", "CREATE DATABASE cg_solo")
    mariadb.ejecutar("GRANT ALL ON cg_solo.* TO solo@'127.0.0.1'")
    motor = create_engine(f"mysql+pymysql://solo:x@127.0.0.1:{mariadb.puerto}/cg_solo{SIN_TLS}")
    fin = climaguru(entorno_de(motor), "db", "upgrade")
    assert (fin.exit_code, fin.stdout) == (0, "Esquema al día.\n")
    assert (fin.stderr.count("\n"), "preparar.sh" in fin.stderr) == (1, True)
    mariadb.ejecutar_todas("DROP DATABASE cg_solo", "DROP USER solo@'127.0.0.1'")


def test_en_sqlite_no_hay_permisos_que_dar(motor_sqlite: Engine) -> None:
    assert permisos.conceder(motor_sqlite)


# --- retention ------------------------------------------------------------------------------------------


@pytest.fixture
def vieja(preparado: Preparado) -> Preparado:
    """With two rows of activity, one of them young, and a session that expired."""
    subir(preparado)
    with motor_de(preparado, "USER") as motor, Sesiones(motor).transaccion() as s:
        s.add_all(LogActividad(accion="x", creado_en=hace(dias)) for dias in (30, 1))
        ana = Usuario(username="ana", email="ana@ejemplo.co", password_hash="-")
        s.add(ana)
        s.flush()
        s.add(Sesion(id="j", usuario_id=ana.id, jti_refresco="j", expira_en=hace(30)))
    return preparado


def quedan(preparado: Preparado) -> tuple[object, object]:
    """Rows of activity, sessions."""
    filas = [
        preparado.servidor.ejecutar(f"SELECT COUNT(*) FROM {preparado.base}.{tabla}")[0][0]
        for tabla in ("logs_actividad WHERE accion = 'x'", "sesiones")
    ]
    return filas[0], filas[1]


def ajustes(preparado: Preparado, url: str) -> Settings:
    de_la_app = preparado.url("USER", SIN_TLS)
    return hacer_settings(de_la_app, "redis://127.0.0.1:1", retencion_logs_dias=7, retencion_database_url=url)


def test_la_agenda_borra_la_actividad_vieja_con_el_usuario_de_la_retencion(vieja: Preparado) -> None:
    with motor_de(vieja, "USER") as motor:
        hechas = limpieza.un_rato(Sesiones(motor), ajustes(vieja, vieja.url("RETENCION", SIN_TLS)), 20)
    assert hechas == {"sesiones": 1, "logs": 1}
    assert quedan(vieja) == (1, 0)


def test_sin_ese_usuario_lo_dice_y_limpia_lo_demas(vieja: Preparado, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limpieza, "CLASES", CLASES[::-1])
    with motor_de(vieja, "USER") as motor, capture_logs() as lineas:
        assert limpieza.un_rato(Sesiones(motor), ajustes(vieja, ""), 20) == {"sesiones": 1}
    assert quedan(vieja) == (2, 0)
    (linea,) = [li for li in lineas if li["event"] == "limpieza_sin_permiso"]
    assert (linea["clase"], linea["log_level"]) == ("logs", "warning")
    assert "RETENCION_DATABASE_URL" in linea["que_hacer"]


def test_la_orden_hace_lo_mismo(vieja: Preparado) -> None:
    with motor_de(vieja, "USER") as motor:
        sin = entorno_de(motor, RETENCION_LOGS_DIAS="7")
        assert "RETENCION_DATABASE_URL" in queja(climaguru(sin, "limpiar"))
        assert quedan(vieja) == (2, 0)
        con = climaguru(sin | {"RETENCION_DATABASE_URL": vieja.url("RETENCION", SIN_TLS)}, "limpiar")
    assert con.exit_code == 0, con.output
    assert "logs: se borraron 1, " in con.output
    assert quedan(vieja) == (1, 0)


def test_solo_los_trabajadores_conocen_al_usuario_de_la_retencion() -> None:
    fichero = "-/etc/climaguru/retencion.env"
    assert fichero in leer("climaguru-worker@.service")["EnvironmentFile"]
    for otra in ("api", "beat", "flower"):
        assert fichero not in leer(f"climaguru-{otra}.service")["EnvironmentFile"]


# --- backups --------------------------------------------------------------------------------------------


def test_se_copia_se_restaura_y_los_permisos_siguen(vieja: Preparado, tmp_path: Path) -> None:
    copia = ejecutar("backup.sh", "--destino", tmp_path, DATABASE_URL=vieja.url("RESPALDO"))
    assert copia.codigo == 0, copia.quejas
    orden = ("--reemplazar", vieja.base, copia.salida.splitlines()[-1])
    fin = ejecutar("restore.sh", *orden, DATABASE_URL=vieja.url("MIGRACIONES"))
    assert fin.codigo == 0, fin.quejas
    assert quedan(vieja) == (2, 1)
    assert subir(vieja) == ""
    with vieja.conexion("USER") as aplicacion:
        assert puede(aplicacion, "logs_actividad") == "si"
        assert puede(aplicacion, "consultas") == "siud"
        assert _deja(aplicacion, "SELECT COUNT(*) FROM vista_consultas_completas")
