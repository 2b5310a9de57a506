"""backup.sh and restore.sh on a real MariaDB that is loaded, written to meanwhile, destroyed and restored."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, create_engine, select

from shared import esquema, usuarios
from shared.cifrado import Cifrador
from shared.db import Sesiones, preparar
from shared.modelos import ApiKey, Estado
from tests.conftest import hacer_settings
from tests.deploy.ordenes import climaguru, entorno_de
from tests.deploy.respaldos import (
    CLAVE,
    CLAVES,
    DEPLOY,
    SEGUIDA,
    Fin,
    Vigia,
    cargar,
    claves_age,
    ejecutar,
    espias,
    filas,
    inserciones,
    tablas,
)
from tests.servidores import MariaDB, esperar

BASE = "cg_respaldo"
LLENAS = {"usuarios", "api_keys", "consultas", "datos_clima", "respuestas", "series", "lotes", "programaciones"}
LLENAS |= {"ejecuciones", "ciudades_favoritas", "logs_actividad"}
USO, CONFIGURACION, OTRO_EN_MARCHA, FALLO, NO_VERIFICA, NO_VACIA = range(2, 8)


@dataclass
class Sitio:
    """A loaded database, and where its backups go. copiador may only read; restaurador owns the database."""

    mariadb: MariaDB
    motor: Engine
    clave_fernet: str
    carpeta: Path
    destino: Path
    privada: Path
    publica: Path

    def url(self, usuario: str, base: str = BASE) -> str:
        return f"mysql://{usuario}:{quote(CLAVE, safe='')}@127.0.0.1:{self.mariadb.puerto}/{base}?charset=utf8mb4"

    def respaldar(self, *opciones: object, **entorno: str) -> Fin:
        orden = ("--destino", self.destino, *opciones)
        return ejecutar("backup.sh", *orden, **{"DATABASE_URL": self.url("copiador")} | entorno)

    def respaldo(self, *opciones: object) -> Path:
        fin = self.respaldar(*opciones)
        assert fin.codigo == 0, fin.quejas
        return Path(fin.salida.splitlines()[-1])

    def restaurar(self, *opciones: object, base: str = BASE) -> Fin:
        return ejecutar("restore.sh", *opciones, DATABASE_URL=self.url("restaurador", base))


@pytest.fixture(scope="module")
def _sitio(mariadb: MariaDB, carpeta: Path) -> Iterator[Sitio]:
    carpeta = carpeta / "respaldo"
    carpeta.mkdir()
    motor = create_engine(mariadb.crear_base(BASE))
    preparar(motor)
    esquema.subir(motor)
    clave = CLAVE.replace("\\", "\\\\").replace("'", "''")
    for usuario, permisos in {"copiador": "SELECT, SHOW VIEW, TRIGGER", "restaurador": "ALL"}.items():
        mariadb.ejecutar(f"CREATE USER {usuario}@'127.0.0.1' IDENTIFIED BY '{clave}'")
        mariadb.ejecutar(f"GRANT {permisos} ON `cg\\_respaldo%`.* TO {usuario}@'127.0.0.1'")
    settings = hacer_settings("sqlite://", "redis://127.0.0.1:1")
    cargar(Sesiones(motor), Cifrador(settings))
    fernet = settings.encryption_key.get_secret_value()
    yield Sitio(mariadb, motor, fernet, carpeta, carpeta / "copias", *claves_age(carpeta))
    motor.dispose()


@pytest.fixture
def sitio(_sitio: Sitio, tmp_path: Path) -> Sitio:
    """The same database; a place for backups that nobody else uses."""
    _sitio.destino = tmp_path / "copias"
    return _sitio


def test_todo_lo_confirmado_antes_vuelve_igual_tras_perder_la_base(sitio: Sitio) -> None:
    bd = sitio.mariadb
    todas = tablas(bd, BASE)
    with Sesiones(sitio.motor).transaccion() as s:
        ana = usuarios.buscar(s, "ana")
        assert ana is not None
    with Vigia() as vigia:
        with inserciones(Sesiones(sitio.motor), ana.id) as hechas:
            esperar(lambda: hechas, "the first insert")
            antes = {tabla: filas(bd, BASE, tabla) for tabla in todas}
            hasta = len(hechas)
            fin = sitio.respaldar("--destinatarios", sitio.publica)
            assert len(hechas) > hasta
        assert fin.codigo == 0, fin.quejas
        despues = {tabla: filas(bd, BASE, tabla) for tabla in todas}
        bd.ejecutar(f"DROP DATABASE {BASE}")
        vuelta = sitio.restaurar("--identidad", sitio.privada, fin.salida.splitlines()[-1])
    assert vuelta.codigo == 0, vuelta.quejas
    _comprobar_filas(sitio, antes, despues)
    _comprobar_un_solo_instante(sitio, hechas[0])
    _comprobar_aplicacion(sitio)
    assert f"consultas: {len(filas(bd, BASE, 'consultas'))}" in vuelta.salida
    revision = bd.ejecutar(f"SELECT version_num FROM {BASE}.alembic_version")[0][0]
    assert f"Esquema en la revisión {revision}." in vuelta.salida
    _sin_claves(sitio, vigia, fin, vuelta)


def _comprobar_filas(
    sitio: Sitio, antes: dict[str, list[tuple[object, ...]]], despues: dict[str, list[tuple[object, ...]]]
) -> None:
    estado = {fila[0] for fila in sitio.mariadb.ejecutar(f"SELECT DISTINCT estado FROM {BASE}.consultas")}
    assert estado == {e.value for e in Estado}
    assert tablas(sitio.mariadb, BASE) == sorted(antes)
    assert set(antes) >= LLENAS
    for tabla, viejas in antes.items():
        nuevas = filas(sitio.mariadb, BASE, tabla)
        assert nuevas or tabla not in LLENAS, tabla
        if tabla == "vista_estadisticas_usuarios":  # it counts what came meanwhile
            continue
        assert set(map(repr, viejas)) <= set(map(repr, nuevas)) <= set(map(repr, despues[tabla])), tabla


def _comprobar_un_solo_instante(sitio: Sitio, desde: int) -> None:
    """What was committed together is either there together or not at all."""
    orden = f"SELECT JSON_VALUE(detalle, '$.consulta_id') FROM {BASE}.logs_actividad WHERE accion = '{SEGUIDA}'"
    anotadas = {int(str(fila[0])) for fila in sitio.mariadb.ejecutar(orden)}
    escritas = {fila[0] for fila in sitio.mariadb.ejecutar(f"SELECT id FROM {BASE}.consultas WHERE id >= {desde}")}
    assert anotadas == escritas


def _comprobar_aplicacion(sitio: Sitio) -> None:
    r = climaguru(entorno_de(sitio.motor, ENCRYPTION_KEY=sitio.clave_fernet), "db", "upgrade")
    assert "Esquema al día." in r.output, r.output
    cifrador = Cifrador(hacer_settings("sqlite://", "redis://x").model_copy(update=_con(sitio.clave_fernet)))
    with Sesiones(sitio.motor).transaccion() as s:
        claras = [
            (cifrador.descifrar(c.api_key_encrypted), cifrador.descifrar(c.api_secret_encrypted or ""))
            for c in s.scalars(select(ApiKey))
        ]
    assert sorted(claras) == sorted((f"{p}-{u}", "σ") for p in CLAVES for u in ("ana", "beto", "hernán"))


def _con(clave: str) -> dict[str, object]:
    return {"encryption_key": hacer_settings("sqlite://", "redis://x").encryption_key.__class__(clave)}


def _sin_claves(sitio: Sitio, vigia: Vigia, *fines: Fin) -> None:
    assert any(b"-dump" in linea for linea in vigia.vistas)  # it was looking
    assert any(b"restore.sh" in linea for linea in vigia.vistas)
    secretas = [CLAVE, quote(CLAVE, safe=""), CLAVE.replace("\\", "\\\\")]
    secretas += [re.findall(r"AGE-SECRET-KEY-\w+", sitio.privada.read_text())[0]]
    for secreta in secretas:
        assert not [linea for linea in vigia.vistas if secreta.encode() in linea]
        assert not [f for f in fines if secreta in f.salida + f.quejas]


def test_ningun_programa_recibe_la_clave_en_su_orden(sitio: Sitio, tmp_path: Path) -> None:
    camino, registro = espias(tmp_path)
    fin = sitio.respaldar("--destinatarios", sitio.publica, PATH=camino)
    orden = ("--dry-run", "--reemplazar", BASE, "--identidad", sitio.privada, fin.salida.splitlines()[-1])
    vuelta = ejecutar("restore.sh", *orden, DATABASE_URL=sitio.url("restaurador"), PATH=camino)
    assert (fin.codigo, vuelta.codigo) == (0, 0), fin.quejas + vuelta.quejas
    ordenes = registro.read_text()
    assert {"mariadb-dump", "mariadb", "age"} <= set(re.findall(rf"^{tmp_path}/(\S+) ", ordenes, re.MULTILINE))
    assert CLAVE not in ordenes
    assert quote(CLAVE, safe="") not in ordenes


def test_el_respaldo_cifrado_no_deja_nada_en_claro(sitio: Sitio) -> None:
    hecho = sitio.respaldo("--destinatarios", sitio.publica)
    assert hecho.name.endswith(".sql.zst.age")
    assert hecho.read_bytes().startswith(b"age-encryption.org/v1\n")
    assert {f.name for f in sitio.destino.iterdir()} == {hecho.name, hecho.name + ".sha256", ".cerrojo"}
    assert {f.stat().st_mode & 0o777 for f in sitio.destino.iterdir()} == {0o600}


def quemado(hecho: Path) -> None:
    datos = bytearray(hecho.read_bytes())
    datos[len(datos) // 2] ^= 1
    hecho.write_bytes(datos)


def cortado(hecho: Path) -> None:
    hecho.write_bytes(hecho.read_bytes()[:-40])


def sin_final(hecho: Path) -> None:
    texto = subprocess.run(["zstd", "-dc", str(hecho)], check=True, capture_output=True).stdout
    corto = texto[: texto.rindex(b"-- Dump completed")]
    hecho.write_bytes(subprocess.run(["zstd", "-c"], input=corto, check=True, capture_output=True).stdout)


def resumar(hecho: Path) -> None:
    """Its sum is made to agree: what is left to find it out is what is inside."""
    suma = subprocess.run(["sha256sum", hecho.name], cwd=hecho.parent, check=True, capture_output=True)
    Path(f"{hecho}.sha256").write_bytes(suma.stdout)


@pytest.mark.parametrize("cifrado", [False, True])
@pytest.mark.parametrize("con_suma", [False, True])
@pytest.mark.parametrize("danar", [quemado, cortado, sin_final])
def test_un_respaldo_danado_se_rechaza_antes_de_tocar_nada(
    sitio: Sitio, danar: object, con_suma: bool, cifrado: bool
) -> None:
    if cifrado and danar is sin_final:
        pytest.skip("what is inside cannot be changed")
    hecho = sitio.respaldo(*(("--destinatarios", sitio.publica) if cifrado else ()))
    danar(hecho)  # type: ignore[operator]
    if con_suma:
        resumar(hecho)
    fin = sitio.restaurar("--reemplazar", BASE, "--identidad", sitio.privada, hecho)
    assert fin.codigo == NO_VERIFICA, fin
    assert fin.quejas.splitlines()[-1].startswith("Error: ")
    assert len(filas(sitio.mariadb, BASE, "usuarios")) == 3


def test_sin_su_suma_o_sin_ser_un_respaldo_se_rechaza(sitio: Sitio, tmp_path: Path) -> None:
    hecho = sitio.respaldo()
    Path(f"{hecho}.sha256").unlink()
    assert sitio.restaurar("--reemplazar", BASE, hecho).codigo == NO_VERIFICA
    hecho.write_bytes(b"")
    resumar(hecho)
    assert sitio.restaurar("--reemplazar", BASE, hecho).codigo == NO_VERIFICA
    assert sitio.restaurar(tmp_path / "no-esta.sql.zst").codigo == USO
    assert len(filas(sitio.mariadb, BASE, "usuarios")) == 3


def test_con_otra_clave_privada_o_sin_ella_no_se_toca_nada(sitio: Sitio, tmp_path: Path) -> None:
    hecho = sitio.respaldo("--destinatarios", sitio.publica)
    otra, _ = claves_age(tmp_path)
    fin = sitio.restaurar("--reemplazar", BASE, "--identidad", otra, hecho)
    assert (fin.codigo, "no abre este respaldo" in fin.quejas) == (CONFIGURACION, True)
    assert sitio.restaurar("--reemplazar", BASE, hecho).codigo == CONFIGURACION
    otra.chmod(0o644)
    assert "chmod 0600" in sitio.restaurar("--reemplazar", BASE, "--identidad", otra, hecho).quejas
    assert len(filas(sitio.mariadb, BASE, "usuarios")) == 3


def test_una_base_con_datos_no_se_pisa_si_no_se_dice_su_nombre(sitio: Sitio) -> None:
    hecho = sitio.respaldo()
    assert sitio.restaurar(hecho).codigo == NO_VACIA
    assert sitio.restaurar("--reemplazar", "climaguru", hecho).codigo == USO
    ensayo = sitio.restaurar("--dry-run", "--reemplazar", BASE, hecho)
    assert (ensayo.codigo, "borrando antes" in ensayo.salida) == (0, True)
    sitio.mariadb.ejecutar(f"CREATE TABLE {BASE}.posterior (id INT)")
    fin = sitio.restaurar("--reemplazar", BASE, hecho)
    assert fin.codigo == 0, fin.quejas
    assert "posterior" not in tablas(sitio.mariadb, BASE)


def test_se_restaura_en_otra_base_vacia_y_las_vistas_son_de_quien_restaura(sitio: Sitio) -> None:
    hecho = sitio.respaldo()
    otra = f"{BASE}_2"
    sitio.mariadb.crear_base(otra)
    try:
        fin = sitio.restaurar(hecho, base=otra)
        assert fin.codigo == 0, fin.quejas
        orden = f"SELECT DISTINCT definer FROM information_schema.views WHERE table_schema = '{otra}'"
        assert sitio.mariadb.ejecutar(orden) == [("restaurador@127.0.0.1",)]
        for tabla in tablas(sitio.mariadb, BASE):
            assert filas(sitio.mariadb, otra, tabla) == filas(sitio.mariadb, BASE, tabla)
    finally:
        sitio.mariadb.ejecutar(f"DROP DATABASE {otra}")


@pytest.mark.parametrize("como", ["DB_*", "fichero", "entorno"])
def test_la_conexion_sale_de_donde_se_diga(sitio: Sitio, tmp_path: Path, como: str) -> None:
    entorno = {"DATABASE_URL": ""}
    opciones: tuple[object, ...] = ("--dry-run",)
    if como == "DB_*":
        entorno |= {"DB_HOST": "127.0.0.1", "DB_PORT": str(sitio.mariadb.puerto), "DB_NAME": BASE}
        entorno |= {"DB_USER": "copiador", "DB_PASSWORD": CLAVE}
    elif como == "fichero":
        cnf = tmp_path / "respaldo.cnf"
        clave = CLAVE.replace("\\", "\\\\").replace('"', '\\"')
        cnf.write_text(f'[client]\nhost=127.0.0.1\nport={sitio.mariadb.puerto}\nuser=copiador\npassword="{clave}"\n')
        opciones += ("--opciones", cnf, "--base", BASE)
        assert "chmod 0600" in sitio.respaldar(*opciones, **entorno).quejas
        cnf.chmod(0o600)
    else:
        env = tmp_path / "climaguru.env"
        env.write_text(
            f'# x\nDATABASE_URL="{sitio.url("copiador")}"\nRESPALDO_DIARIOS=3\nSECRET_KEY=$(touch /tmp/no)\n'
        )
        opciones += ("--entorno", env)
        assert "lo puede leer cualquiera" in sitio.respaldar(*opciones, **entorno).quejas
        env.chmod(0o640)
    fin = sitio.respaldar(*opciones, **entorno)
    assert fin.codigo == 0, fin.quejas
    assert f"Conservaría {3 if como == 'entorno' else 7} diarios" in fin.salida
    assert not sitio.destino.exists()


@pytest.mark.parametrize(
    ("opciones", "entorno", "codigo"),
    [
        (("--inventada",), {}, USO),
        (("--base",), {}, USO),
        (("--diarios", "0"), {}, USO),
        (("--semanales", "muchas"), {}, USO),
        ((), {"DATABASE_URL": "sqlite:///x.db"}, CONFIGURACION),
        ((), {"DATABASE_URL": ""}, CONFIGURACION),
        (("--base", "a b; DROP"), {}, CONFIGURACION),
        (("--destinatarios", "/no/esta"), {}, CONFIGURACION),
        (("--base", "no_hay"), {}, FALLO),
        ((), {"DATABASE_URL": "mysql://copiador:mala@127.0.0.1:1/x"}, FALLO),
    ],
)
def test_lo_que_impide_respaldar_se_dice_y_no_deja_respaldo(
    sitio: Sitio, opciones: tuple[str, ...], entorno: dict[str, str], codigo: int
) -> None:
    fin = sitio.respaldar(*opciones, **entorno)
    assert fin.codigo == codigo, fin
    assert fin.quejas.splitlines()[-1].startswith("Error: ")
    assert not [f for f in sitio.destino.glob("*") if f.name != ".cerrojo"]


def test_un_volcado_que_muere_a_medias_no_se_conserva(sitio: Sitio, tmp_path: Path) -> None:
    """What it wrote stands already compressed when it dies, or it even ends as if all were well."""
    for fin_del_volcado, codigo in (("exit 3", FALLO), ("exit 0", NO_VERIFICA)):
        falso = tmp_path / "mariadb-dump"
        falso.write_text(
            f"#!/bin/sh\n[ $2 = --version ] && echo MariaDB && exit\necho '-- MariaDB dump'\n{fin_del_volcado}\n"
        )
        falso.chmod(0o755)
        fin = sitio.respaldar(PATH=f"{tmp_path}:/usr/bin:/bin")
        assert fin.codigo == codigo, fin
        assert [f.name for f in sitio.destino.iterdir()] == [".cerrojo"]


def test_cuando_y_cuanto_se_respaldo_queda_medido(sitio: Sitio, tmp_path: Path) -> None:
    metrica = tmp_path / "climaguru.prom"
    antes = time.time()
    hecho = sitio.respaldo("--metrica", metrica)
    cifras = {f.name: f.samples[0].value for f in text_string_to_metric_families(metrica.read_text())}
    assert int(antes) <= cifras["climaguru_respaldo_terminado_seconds"] <= time.time()
    assert cifras["climaguru_respaldo_bytes"] == hecho.stat().st_size
    metrica.unlink()
    assert sitio.respaldar("--metrica", metrica, "--base", "no_existe").codigo == FALLO
    assert not metrica.exists()


def test_sirven_los_programas_con_sus_nombres_de_mysql(sitio: Sitio, tmp_path: Path) -> None:
    """Only mysqldump and mysql are on PATH; here they are MariaDB's too."""
    for carpeta in ("/bin", "/usr/bin"):
        for programa in Path(carpeta).iterdir():
            if not programa.name.startswith("mariadb") and not (tmp_path / programa.name).is_symlink():
                (tmp_path / programa.name).symlink_to(programa)
    fin = sitio.respaldar(PATH=str(tmp_path))
    assert fin.codigo == 0, fin.quejas
    vuelta = ejecutar(
        "restore.sh",
        "--dry-run",
        "--reemplazar",
        BASE,
        fin.salida.splitlines()[-1],
        DATABASE_URL=sitio.url("restaurador"),
        PATH=str(tmp_path),
    )
    assert vuelta.codigo == 0, vuelta.quejas


def test_al_mysqldump_de_oracle_se_le_dan_sus_opciones(sitio: Sitio, tmp_path: Path) -> None:
    """A stand-in that says what it was asked: none can be installed here."""
    falso = tmp_path / "mariadb-dump"
    falso.write_text('#!/bin/sh\n[ $2 = --version ] && echo Ver 8.4.8 && exit\necho "$@" >&2\nexit 1\n')
    falso.chmod(0o755)
    quejas = sitio.respaldar(PATH=f"{tmp_path}:/usr/bin:/bin").quejas
    assert "--set-gtid-purged=OFF --column-statistics=0" in quejas
    assert "--single-transaction" in quejas


def test_mientras_hay_uno_en_marcha_no_empieza_otro_y_sus_restos_se_recogen(sitio: Sitio) -> None:
    sitio.destino.mkdir()
    (sitio.destino / ".en-curso-viejo").write_text("x")
    with (sitio.destino / ".cerrojo").open("w") as cerrojo:
        fcntl.flock(cerrojo, fcntl.LOCK_EX)
        assert sitio.respaldar().codigo == OTRO_EN_MARCHA
        assert (sitio.destino / ".en-curso-viejo").exists()
    sitio.respaldo()
    assert not (sitio.destino / ".en-curso-viejo").exists()


def guardados(sitio: Sitio) -> set[str]:
    """The instants of the backups that there are."""
    return {f.name[len(BASE) + 1 :].split("Z")[0] for f in sitio.destino.glob(f"{BASE}-2026*.zst")}


def test_se_conservan_los_ultimos_de_cada_dia_y_de_cada_semana(sitio: Sitio) -> None:
    """2026-03-31 was a Tuesday: week 14, of which the 30th is too; the 29th is a Sunday, of week 13."""
    sitio.destino.mkdir()
    dias = ["0228", "0301", "0308", "0315", "0322", "0327", "0328", "0329", "0330", "0331"]
    for dia in dias:
        for hora in ("020000", "230000"):
            (sitio.destino / f"{BASE}-2026{dia}T{hora}Z.sql.zst").touch()
            (sitio.destino / f"{BASE}-2026{dia}T{hora}Z.sql.zst.sha256").touch()
    ajenos = ["otra-20260101T000000Z.sql.zst", f"{BASE}-20261399T000000Z.sql.zst", f"{BASE}-a-mano.sql.zst", "notas"]
    for ajeno in ajenos:
        (sitio.destino / ajeno).touch()
    opciones = ("--solo-rotar", "--diarios", "3", "--semanales", "4")
    antes = guardados(sitio)
    assert sitio.respaldar(*opciones, "--dry-run").salida.count("Borraría") == 15
    assert guardados(sitio) == antes
    assert sitio.respaldar(*opciones).codigo == 0
    esperados = {"20260315T230000", "20260322T230000", "20260329T230000", "20260330T230000", "20260331T230000"}
    assert guardados(sitio) == esperados | {"20261399T000000"}
    assert all((sitio.destino / ajeno).exists() for ajeno in ajenos)
    assert len(list(sitio.destino.glob("*.sha256"))) == len(esperados)
    assert sitio.respaldar(*opciones).salida == ""


def test_el_que_se_acaba_de_hacer_no_se_borra_aunque_haya_otros_del_futuro(sitio: Sitio) -> None:
    sitio.destino.mkdir()
    for dia in range(1, 5):
        (sitio.destino / f"{BASE}-2999010{dia}T000000Z.sql.zst").touch()
    assert sitio.respaldo("--diarios", "1", "--semanales", "0").exists()


@pytest.mark.parametrize("guion", ["backup.sh", "restore.sh"])
def test_la_ayuda_dice_que_los_secretos_van_aparte(guion: str) -> None:
    fin = ejecutar(guion, "--help")
    assert fin.codigo == 0
    assert "ENCRYPTION_KEY" in fin.salida
    assert max(map(len, fin.salida.splitlines())) <= 120


def test_los_guiones_pasan_shellcheck() -> None:
    guiones = sorted(map(str, DEPLOY.rglob("*.sh")))
    fin = subprocess.run(["shellcheck", "-x", *guiones], cwd=DEPLOY.parent, capture_output=True, text=True, check=False)
    assert (fin.returncode, fin.stdout) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_la_unidad_y_su_temporizador_son_de_systemd_y_estan_encerrados(tmp_path: Path) -> None:
    for unidad in (DEPLOY / "systemd").glob("climaguru-backup.*"):
        suya = unidad.read_text().replace("/opt/climaguru/deploy", str(DEPLOY))
        (tmp_path / unidad.name).write_text(suya)
    unidades = sorted(map(str, tmp_path.iterdir()))
    for orden in (["verify", *unidades], ["security", "--offline=true", "--threshold=30", unidades[0]]):
        fin = subprocess.run(["systemd-analyze", *orden], capture_output=True, text=True, check=False)
        assert fin.returncode == 0, fin.stdout + fin.stderr
