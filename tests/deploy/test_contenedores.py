"""docker-compose.yml and the image, as far as they can be tried without Docker: see «In containers» in the README."""

from __future__ import annotations

import re
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import yaml

from deploy.laboratorio.cli import variables
from tests.deploy.contenedores import (
    BIN,
    DOCKER,
    NUESTRAS,
    RAIZ,
    Contenedor,
    NginxDelContenedor,
    RedisDelContenedor,
    compose,
    servicios,
)
from tests.pila import Persona, entorno_limpio
from tests.servidores import MariaDB, esperar

BASE = "cg_contenedores"
EXACTA = re.compile(r"[a-z./]+:\d+\.\d+\.\d+(-[a-z0-9-]+)?")
DE_CLAVES = re.compile(r"PASSWORD|SECRET|KEY|TOKEN|AUTH")


# --- what the files say --------------------------------------------------------------------------------------------


def test_compose_lo_entiende_y_cumple_la_especificacion(tmp_path: Path) -> None:
    bien = compose("--quiet")
    assert (bien.returncode, bien.stderr) == (0, "")
    texto = (RAIZ / "docker-compose.yml").read_text()
    for viejo, malo in {
        "shm_size: 64m": "inventada: 1",
        "restart: true}": "restart: {}}",
        "redis: {cond": "no: {cond",
    }.items():
        (tmp_path / "mal.yml").write_text(texto.replace(viejo, malo, 1))
        assert compose("--quiet", fichero=tmp_path / "mal.yml").returncode != 0, malo


def test_hadolint_no_encuentra_nada_en_el_dockerfile(tmp_path: Path) -> None:
    def lint(fichero: Path) -> str:
        orden = [str(BIN / "hadolint"), "--no-color", str(fichero)]
        return subprocess.run(orden, capture_output=True, text=True, check=False).stdout

    assert lint(DOCKER / "Dockerfile") == ""
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN pip install flask\n")
    assert {"DL3007", "DL3013", "DL3042"} <= set(re.findall(r"DL\d+", lint(tmp_path / "Dockerfile")))


def test_estan_los_servicios_pedidos_con_su_salud_y_sus_imagenes_fijas() -> None:
    assert set(servicios()) == {*NUESTRAS, "mysql", "redis", "nginx"}
    assert {n for n, s in servicios().items() if "healthcheck" not in s} == {"migrate"}
    assert all(EXACTA.fullmatch(s["image"]) for s in servicios().values())
    desde = re.findall(r"^FROM (\S+)", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    assert len(desde) == 2
    assert all(EXACTA.fullmatch(imagen) for imagen in desde)


def test_la_base_y_la_cola_no_se_alcanzan_desde_fuera_ni_la_api_sin_nginx() -> None:
    assert {n for n, s in servicios().items() if s.get("ports")} == {"nginx"}
    assert {n for n, s in servicios().items() if set(s["networks"]) == {"datos"}} == {"mysql", "redis", "migrate"}
    assert yaml.safe_load((RAIZ / "docker-compose.yml").read_text())["networks"]["datos"] == {"internal": True}
    assert list(servicios()["nginx"]["networks"]) == ["frente"]


def test_lo_nuestro_corre_sin_privilegios_y_espera_a_las_migraciones() -> None:
    assert re.search(r"^USER 10001:10001$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    for nombre in NUESTRAS:
        s = servicios()[nombre]
        assert (s["read_only"], s["cap_drop"], s["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
        assert "user" not in s
        if nombre != "migrate":
            assert s["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_ningun_secreto_esta_escrito_en_el_fichero_ni_entra_en_la_imagen() -> None:
    for nombre, s in servicios().items():
        for ajuste, valor in (s.get("environment") or {}).items():
            assert not DE_CLAVES.search(ajuste) or valor.startswith("/run/secrets/"), (nombre, ajuste)
    ignora = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in ignora
    assert "deploy/docker/secretos" in ignora
    fuera = subprocess.run(["git", "check-ignore", "deploy/docker/secretos/X"], cwd=RAIZ, stdout=-1, check=False)
    assert fuera.returncode == 0


# --- the entry point and the secrets -------------------------------------------------------------------------------


def entrar(carpeta: Path, *orden: str, **entorno: str) -> subprocess.CompletedProcess[str]:
    entorno = entorno_limpio(SECRETOS_DIR=str(carpeta), **entorno)
    orden = ("sh", str(DOCKER / "entrada.sh"), *orden)
    return subprocess.run(orden, env=entorno, capture_output=True, text=True, check=False)


def test_cada_secreto_llega_como_variable_entero_y_sin_decirlo(tmp_path: Path) -> None:
    raro = "a b'c\"d$(id)`e`\\f ñ\nsegunda"
    (tmp_path / "DB_PASSWORD").write_text(raro + "\n")
    (tmp_path / "otro").mkdir()
    (tmp_path / "otro" / "redis").write_text("redis://x")
    fin = entrar(tmp_path, "env", "-0", REDIS_URL_FILE=str(tmp_path / "otro" / "redis"), SSL_CERT_FILE="/x.pem")
    vistas = dict(linea.split("=", 1) for linea in fin.stdout.split("\0") if linea)
    assert (fin.returncode, fin.stderr) == (0, "")
    assert (vistas["DB_PASSWORD"], vistas["REDIS_URL"], vistas["SSL_CERT_FILE"]) == (raro, "redis://x", "/x.pem")
    assert not {"REDIS_URL_FILE", "SECRETOS_DIR", "valor", "nombre", "fichero"} & set(vistas)


def test_la_orden_ocupa_el_lugar_de_la_entrada_y_su_codigo_es_el_suyo(tmp_path: Path) -> None:
    orden = ["sh", str(DOCKER / "entrada.sh"), "sh", "-c", "echo $$; exit 7"]
    proceso = subprocess.Popen(orden, env=entorno_limpio(SECRETOS_DIR=str(tmp_path)), stdout=-1, text=True)
    salida, _ = proceso.communicate()
    assert (int(salida), proceso.returncode) == (proceso.pid, 7)


@pytest.mark.parametrize(
    ("ficheros", "entorno", "dice"),
    [
        ({"SECRET_KEY": ""}, {}, "el fichero de SECRET_KEY está vacío"),
        ({"SECRET_KEY": "canaria"}, {"SECRET_KEY": "canaria"}, "deje sólo uno"),
        ({"PATH": "canaria"}, {}, "PATH está en el entorno"),
        ({"a; id": "canaria"}, {}, "no es el nombre de un ajuste"),
        ({}, {"DB_PASSWORD_FILE": "/no/esta"}, "no se puede leer el fichero de DB_PASSWORD"),
    ],
)
def test_un_secreto_dudoso_detiene_el_arranque_sin_decir_su_valor(
    tmp_path: Path, ficheros: dict[str, str], entorno: dict[str, str], dice: str
) -> None:
    for nombre, valor in ficheros.items():
        (tmp_path / nombre).write_text(valor)
    fin = entrar(tmp_path, "echo", "arrancó", **entorno)
    assert (fin.returncode, fin.stdout) == (78, "")
    assert dice in fin.stderr
    assert "canaria" not in fin.stderr


@pytest.fixture(scope="module")
def secretos(carpeta: Path) -> Path:
    donde = carpeta / "secretos"
    subprocess.run(["sh", str(DOCKER / "secretos.sh"), str(donde)], check=True, capture_output=True)
    return donde


def test_los_secretos_se_crean_una_vez_y_sin_mostrarlos(tmp_path: Path) -> None:
    secretos = tmp_path / "secretos"
    subprocess.run(["sh", str(DOCKER / "secretos.sh"), str(secretos)], check=True, capture_output=True)
    antes = {f.name: f.read_text() for f in secretos.iterdir()}
    assert set(antes) == set(yaml.safe_load((RAIZ / "docker-compose.yml").read_text())["secrets"])
    (secretos / "JWT_SECRET_KEY").unlink()
    orden = ["sh", str(DOCKER / "secretos.sh"), str(secretos)]
    fin = subprocess.run(orden, check=True, capture_output=True, text=True)
    despues = {f.name: f.read_text() for f in secretos.iterdir()}
    assert {n for n in antes if antes[n] != despues[n]} == {"JWT_SECRET_KEY"}
    assert fin.stdout.count("\n") == 1
    assert not [v for v in despues.values() if v.strip() in fin.stdout + fin.stderr]
    assert stat.S_IMODE(secretos.stat().st_mode) == 0o700
    assert {stat.S_IMODE(f.stat().st_mode) for f in secretos.iterdir()} == {0o444}
    assert re.fullmatch("redis://climaguru:[0-9a-f]{64}@redis:6379/0\n", despues["REDIS_URL"])


# --- the commands, run ---------------------------------------------------------------------------------------------


@dataclass
class Todo:
    carpeta: Path
    secretos: Path
    ajustes: dict[str, str]
    redis: RedisDelContenedor

    def servicio(self, nombre: str) -> Contenedor:
        (self.carpeta / nombre).mkdir(exist_ok=True)
        return Contenedor(self.carpeta / nombre, nombre=nombre, secretos=self.secretos, ajustes=self.ajustes)


@pytest.fixture
def todo(carpeta: Path, secretos: Path, mariadb: MariaDB, laboratorio: str) -> Iterator[Todo]:
    """An empty database and an empty Redis, whose passwords are secrets, and simulated providers."""
    sitio = carpeta / "contenedores"
    (sitio / "redis").mkdir(parents=True, exist_ok=True)
    mariadb.crear_base(BASE)
    clave = (secretos / "DB_PASSWORD").read_text().strip()
    mariadb.ejecutar(f"CREATE USER climaguru_user@'127.0.0.1' IDENTIFIED BY '{clave}'")
    mariadb.ejecutar(f"GRANT ALL ON {BASE}.* TO climaguru_user@'127.0.0.1'")
    donde = {"DB_HOST": "127.0.0.1", "DB_PORT": str(mariadb.puerto), "DB_NAME": BASE}
    redis = RedisDelContenedor(sitio / "redis", secretos=secretos)
    url = re.sub("@.+/0", f"@127.0.0.1:{redis.puerto}/0", (secretos / "REDIS_URL").read_text())
    (secretos / "REDIS_URL").chmod(0o644)
    (secretos / "REDIS_URL").write_text(url)
    redis.arrancar()
    yield Todo(sitio, secretos, donde | variables(laboratorio), redis)
    redis.parar()
    mariadb.ejecutar(f"DROP DATABASE {BASE}")
    mariadb.ejecutar("DROP USER climaguru_user@'127.0.0.1'")


def test_cada_orden_de_compose_hace_lo_suyo_tras_nginx(todo: Todo, mariadb: MariaDB) -> None:
    for _ in range(2):  # migrate runs at each `up`
        fin = todo.servicio("migrate").correr()
        assert (fin.returncode, fin.stdout) == (0, "Esquema al día.\n"), fin.stderr
    nombres = ["api", "worker-tiempo-real", "worker-historico", "beat"]
    arrancados = [todo.servicio(nombre) for nombre in nombres]
    (todo.carpeta / "nginx").mkdir()
    nginx = NginxDelContenedor(todo.carpeta / "nginx", destino=arrancados[0].puerto)
    try:
        for servidor in (*arrancados, nginx):
            servidor.lanzar()
        for servidor in (*arrancados, nginx):
            servidor.esperar_listo()  # until its own healthcheck says so
        ana = Persona(nginx.url, "ana")
        assert ana.pedir("tiempo-real", ciudad="Cali")["consulta"]["estado"] == "completada"
        meses = {"fecha_inicio": "2026-01-01", "fecha_fin": "2026-01-03", "resolucion": "diaria"}
        assert ana.pedir("historico", ciudad="Cali", **meses)["consulta"]["estado"] == "completada"
        assert requests.get(f"{nginx.url}/metrics", timeout=60).status_code == 404
        ips = mariadb.ejecutar(f"SELECT DISTINCT ip_origen FROM {BASE}.consultas")
        assert ips == [("127.0.0.1",)]
        _comprobar_procesos(todo, arrancados)
        negadas = todo.redis.negadas()
        assert negadas == [], "\n".join(map(str, negadas))
        arrancados[3].parar()
        arrancados[1].matar()
        esperar(lambda: not arrancados[1].sano(), "the healthcheck of a worker that died")
        arrancados[0].parar()
        assert not arrancados[0].sano()
    finally:
        for servidor in (nginx, *arrancados):
            servidor.parar()


def _comprobar_procesos(todo: Todo, arrancados: list[Contenedor]) -> None:
    """Each is the command itself, with its secrets nowhere but in its environment."""
    valores = [f.read_text().strip() for f in todo.secretos.iterdir()]
    for c in arrancados:
        assert c.proceso is not None
        assert b"entrada.sh" not in Path(f"/proc/{c.proceso.pid}/cmdline").read_bytes()
        registro = (c.carpeta / "salida.txt").read_text()
        assert not [v for v in valores if v in registro], c.nombre


def test_flower_pide_su_clave(todo: Todo) -> None:
    flower = todo.servicio("flower")
    try:
        flower.arrancar()
        url = f"http://127.0.0.1:{flower.puerto}/flower/"
        for ruta in ("", "metrics", "healthcheck"):
            assert requests.get(url + ruta, timeout=60).status_code == 401
        usuario, clave = (todo.secretos / "FLOWER_BASIC_AUTH").read_text().strip().split(":")
        assert requests.get(url, auth=(usuario, clave), timeout=60).ok
    finally:
        flower.parar()
