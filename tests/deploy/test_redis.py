"""deploy/redis: the Redis of VM 1 with its password and its permissions, and all that runs against it."""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
import requests

from deploy.laboratorio.cli import variables
from deploy.local.pila import generar_secretos
from shared.cola import PREFIJO, crear_celery
from shared.settings import Settings
from tests.deploy.unidades import Maquina, esperar_a
from tests.frente import con_esquema
from tests.pila import Persona, entorno_limpio
from tests.servidores import MariaDB, Servidor, binario, esperar, puerto_libre

REDIS = Path(__file__).parents[2] / "deploy" / "redis"
AJENAS = (
    *("FLUSHALL", "FLUSHDB", "KEYS *", "CONFIG GET requirepass", "CONFIG SET dir /tmp", "DEBUG SLEEP 9", "SHUTDOWN"),
    *("SCRIPT FLUSH", "SCRIPT KILL", "FUNCTION FLUSH", "EVAL return 0", "MONITOR", "ACL LIST", "ACL SETUSER x on"),
    *("CLIENT LIST", "CLIENT KILL TYPE normal", "SAVE", "REPLICAOF h 1", "MODULE LOAD /x.so", "MIGRATE h 1 k 0 1"),
    *("SLOWLOG GET", "SWAPDB 0 1", "GET otra", "SET otra 1", "DEL otra", "PUBLISH otro x", "SUBSCRIBE otro"),
)


@dataclass
class RedisCerrado(Servidor):
    """redis-server on redis.conf of a root folder; `prueba` is a user that only this test adds."""

    raiz: Path = field(default_factory=Path)

    def orden(self) -> list[str]:
        conf = str(self.raiz / "etc/redis/redis.conf")
        return [binario("redis-server"), conf, "--user", "prueba", "on", ">prueba", "~*", "&*", "+@all"]

    def vive(self) -> object:
        return self.mirar().ping()

    def mirar(self) -> Any:
        return redis.Redis(port=self.puerto, db=3, username="prueba", password="prueba", decode_responses=True)

    @property
    def entorno_env(self) -> Path:
        return self.raiz / "etc/climaguru/climaguru.env"

    @property
    def url(self) -> str:
        return next(x for x in self.entorno_env.read_text().splitlines() if x.startswith("REDIS_URL=")).partition("=")[
            2
        ]


def raiz_sin_clave(carpeta: Path, url: str = "redis://127.0.0.1:{}/3") -> RedisCerrado:
    """As an installation of before: redis.conf of the package, climaguru.env without a password."""
    uno = RedisCerrado(carpeta, raiz=carpeta / "raiz")
    (uno.raiz / "etc/redis").mkdir(parents=True)
    (uno.raiz / "etc/climaguru").mkdir()
    conf = f"port {uno.puerto}\nbind 127.0.0.1\nsave ''\ndir {carpeta}"
    (uno.raiz / "etc/redis/redis.conf").write_text(conf)
    uno.entorno_env.write_text(f"# un ajuste\nSECRET_KEY=a$b`c\\d\nREDIS_URL={url.format(uno.puerto)}\n# REGISTRO=\n")
    return uno


def proteger(raiz: Path, *opciones: str, **entorno: str) -> subprocess.CompletedProcess[str]:
    orden = ["sh", str(REDIS / "proteger.sh"), *opciones]
    return subprocess.run(
        orden, env=entorno_limpio(RAIZ=str(raiz), **entorno), capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def cerrado(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCerrado]:
    uno = raiz_sin_clave(tmp_path_factory.mktemp("redis"))
    fin = proteger(uno.raiz)
    assert fin.returncode == 0, fin.stderr
    uno.arrancar()
    yield uno
    uno.parar()


def ficheros(raiz: Path) -> dict[str, tuple[int, str]]:
    return {str(f): (f.stat().st_mode, f.read_text()) for f in raiz.rglob("*") if f.is_file()}


def test_crea_la_clave_una_vez_y_solo_cambia_esa_linea(tmp_path: Path) -> None:
    uno = raiz_sin_clave(tmp_path)
    antes = ficheros(uno.raiz)
    assert proteger(uno.raiz, "--dry-run").returncode == 0
    assert ficheros(uno.raiz) == antes
    fin = proteger(uno.raiz)
    clave = uno.url.removeprefix("redis://climaguru:").partition("@")[0]
    assert len(clave) == 64
    assert uno.url == f"redis://climaguru:{clave}@127.0.0.1:{uno.puerto}/3"
    otras = [x for x in uno.entorno_env.read_text().splitlines() if "REDIS_URL" not in x]
    assert otras == ["# un ajuste", "SECRET_KEY=a$b`c\\d", "# REGISTRO="]
    reglas = uno.raiz / "etc/redis/climaguru.conf"
    assert hashlib.sha256(clave.encode()).hexdigest() in reglas.read_text()
    assert {stat.S_IMODE(f.stat().st_mode) for f in (uno.entorno_env, reglas)} == {0o640}
    assert clave not in fin.stdout + fin.stderr + reglas.read_text()
    despues = ficheros(uno.raiz)
    assert proteger(uno.raiz).stdout == ""
    assert ficheros(uno.raiz) == despues


def test_cambiar_la_clave_reinicia_redis_y_repetirlo_no(tmp_path: Path) -> None:
    uno, ordenes = raiz_sin_clave(tmp_path), tmp_path / "ordenes.txt"
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$*" >>{ordenes}\n')
    systemctl.chmod(0o755)
    claves = set()
    for _ in range(2):
        for _ in range(2):
            proteger(uno.raiz, SYSTEMCTL=str(systemctl))
        claves.add(uno.url)
        texto = uno.entorno_env.read_text()
        uno.entorno_env.write_text(re.sub("^REDIS_URL=redis://climaguru:.*@", "REDIS_URL=redis://", texto, flags=re.M))
    assert len(claves) == 2
    assert ordenes.read_text().splitlines() == ["restart redis-server.service"] * 2


@pytest.mark.parametrize("url", ["redis://:mia@127.0.0.1:{}/0", "redis://10.0.0.7:{}/0", "unix:///run/redis.sock"])
def test_un_redis_que_no_es_suyo_no_se_toca(tmp_path: Path, url: str) -> None:
    uno = raiz_sin_clave(tmp_path, url)
    antes = ficheros(uno.raiz)
    assert proteger(uno.raiz).returncode == 1
    assert ficheros(uno.raiz) == antes


def test_unas_reglas_ajenas_en_redis_conf_se_respetan(tmp_path: Path) -> None:
    uno = raiz_sin_clave(tmp_path)
    with (uno.raiz / "etc/redis/redis.conf").open("a") as f:
        f.write("\nrequirepass otra\n")
    antes = ficheros(uno.raiz)
    fin = proteger(uno.raiz)
    assert (fin.returncode, "ya tiene contraseña" in fin.stderr) == (1, True)
    assert ficheros(uno.raiz) == antes


def test_sin_clave_no_se_lee_nada(cerrado: RedisCerrado) -> None:
    for sin in (f"redis://127.0.0.1:{cerrado.puerto}/0", f"redis://climaguru:otra@127.0.0.1:{cerrado.puerto}/0"):
        r: Any = redis.Redis.from_url(sin)
        with r:
            for orden in ("PING", "GET cg:latido", "SCAN 0", "INFO", "SUBSCRIBE cg:cambios"):
                with pytest.raises(redis.AuthenticationError):
                    r.execute_command(*orden.split())
    cerrado.mirar().acl_log_reset()


def test_al_arrancar_lee_entero_su_fichero_tambien_las_transacciones(tmp_path: Path) -> None:
    """It reads it as the user default, who is off; Redis 7.0 leaves out what that user could not do."""
    uno = raiz_sin_clave(tmp_path)
    with (uno.raiz / "etc/redis/redis.conf").open("a") as conf:
        conf.write("\nappendonly yes\naof-use-rdb-preamble no\n")
    assert proteger(uno.raiz).returncode == 0
    uno.arrancar()
    try:
        with redis.Redis.from_url(uno.url) as r, r.pipeline(transaction=True) as tubo:
            tubo.zadd("cg:una", {"a": 1}).sadd("cg:otra", "b").execute()
        uno.parar()
        uno.arrancar()
        assert (uno.mirar().exists("cg:una", "cg:otra"), uno.mirar().acl_log()) == (2, [])
    finally:
        uno.parar()


def test_lo_que_los_servicios_no_necesitan_se_les_niega(cerrado: RedisCerrado) -> None:
    mirar = cerrado.mirar()
    permitidas = [o for o in AJENAS if mirar.execute_command("ACL", "DRYRUN", "climaguru", *o.split()) == "OK"]
    assert permitidas == []
    assert mirar.execute_command("ACL", "DRYRUN", "climaguru", "GET", f"{PREFIJO}latido") == "OK"


def test_redis_cli_entra_con_la_clave_de_los_ajustes_sin_decirla(cerrado: RedisCerrado) -> None:
    guion = REDIS.parent / "con-ajustes.sh"
    orden = [
        "sh",
        str(guion),
        "sh",
        "-c",
        f"redis-cli -p {cerrado.puerto} -e --user climaguru ping; ps -o args= -C redis-cli",
    ]
    fin = subprocess.run(orden, env=entorno_limpio(RAIZ=str(cerrado.raiz)), capture_output=True, text=True, check=False)
    assert fin.stdout.split() == ["PONG"], fin.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="the units' cells are only on Linux")
def test_una_consulta_va_de_principio_a_fin_y_nada_se_le_niega(
    cerrado: RedisCerrado, mariadb: MariaDB, laboratorio: str, tmp_path: Path
) -> None:
    """API, two workers, beat and Flower with the units' own commands; what Redis refused stands in ACL LOG."""
    mirar = cerrado.mirar()
    mirar.acl_log_reset()
    base = con_esquema(mariadb.crear_base("cg_redis"))
    ajustes = {"FLASK_ENV": "production", **generar_secretos(), "DATABASE_URL": base, "REDIS_URL": cerrado.url}
    maquina = Maquina(tmp_path, ajustes | variables(laboratorio))
    puerto, de_flower = puerto_libre(), puerto_libre()
    with ExitStack() as pila:
        api = pila.enter_context(maquina.servicio("climaguru-api.service", "-b", f"127.0.0.1:{puerto}", "-w", "1"))
        todos = [
            pila.enter_context(maquina.servicio(f"climaguru-{n}.service"))
            for n in ("worker@tiempo-real-1", "worker@historico-1", "beat")
        ]
        clave = {"FLOWER_BASIC_AUTH": "operador:larga"}
        todos.append(pila.enter_context(maquina.servicio("climaguru-flower.service", f"--port={de_flower}", **clave)))
        url = f"http://127.0.0.1:{puerto}"

        def lista() -> bool:
            visto = requests.get(f"{url}/health/ready", timeout=60).json()
            return visto["trabajadores"] == 2 and visto["beat_s"] is not None

        esperar_a(api, lista, "two workers and beat")
        _usar(Persona(url, "ana"), url)
        _mirar_flower(f"http://127.0.0.1:{de_flower}/flower")
        _controlar(cerrado.url)
        for servicio in (*todos, api):
            servicio.parar()
    negadas: Any = mirar.acl_log()
    assert negadas == []
    assert {c.partition(":")[0] for c in mirar.scan_iter()} == {"cg", "LIMITS"}, (
        "all that is written is the services' own"
    )


def _usar(ana: Persona, url: str) -> None:
    """Both kinds, waiting for the events of one; a wrong login; the gauges."""
    assert ana.pedir("tiempo-real", ciudad="Cali")["consulta"]["estado"] == "completada"
    dias = {"fecha_inicio": "2026-01-01", "fecha_fin": "2026-01-03"}
    historico = ana.pedir("historico", ciudad="Cali", **dias)
    assert historico["consulta"]["estado"] == "completada"
    sobre = ana.http.post(f"{url}/api/consultas/tiempo-real", json={"ciudad": "Pasto"}, timeout=60).json()
    eventos = ana.http.get(f"{url}{sobre['enlaces']['self']}/eventos", timeout=60).text
    assert '"completada"' in eventos
    assert (
        requests.post(f"{url}/api/auth/login", json={"username": "ana", "password": "no"}, timeout=60).status_code
        == 401
    )
    ana.entrar("ana", "una frase larga")
    assert "climaguru_trabajadores 2.0" in requests.get(f"{url}/metrics", timeout=60).text


def _mirar_flower(flower: str) -> None:
    quien = ("operador", "larga")

    def trabajadores() -> Any:
        r = requests.get(f"{flower}/api/workers", params={"refresh": 1}, auth=quien, timeout=60)
        return r.ok and len(r.json()) == 2

    esperar(trabajadores, "Flower seeing the workers")
    for ruta in ("broker", "api/queues/length", "tasks", "workers"):
        assert requests.get(f"{flower}/{ruta}", auth=quien, timeout=60).ok, ruta


def _controlar(url: str) -> None:
    """What `celery inspect`, control and purge do."""
    app = crear_celery(Settings(redis_url=url))
    assert len(app.control.inspect(timeout=5, limit=2).stats() or {}) == 2
    app.control.enable_events()
    app.control.purge()
    app.close()
