"""Nothing secret gets out: the whole stack is run with canaries for every secret, through every failure there is, and
then its log, its HTTP answers, all it says to Redis, what Flower shows, its files and every column are searched.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pymysql
import pytest
import redis

from deploy.laboratorio.cli import variables
from shared.clima import TipoConsulta
from shared.cola import crear_celery
from shared.settings import Settings
from tests.canarios.bandada import CABEZA_JWT, CIFRADO_FERNET, HASH_BCRYPT, MARCA, Bandada, abierto, formas
from tests.canarios.oidos import Grabadora, Oido, claves_de_redis, sucesos, volcado
from tests.canarios.pasos import recorrer
from tests.canarios.recorrido import Recorrido
from tests.pila import pila
from tests.servidores import MariaDB, Redis

SECRETOS = ("SECRET_KEY", "JWT_SECRET_KEY", "DB_PASSWORD", "METEOBLUE_API_SECRET", "IDEAM_APP_TOKEN")
AJUSTES = {
    "DB_HOST": "127.0.0.1",
    "DB_NAME": "cg_canarios",
    "DB_USER": "canario",
    "BCRYPT_ROUNDS": "4",
    "CELERY_WORKER_TASK_EVENTS": "true",  # as `celery worker -E`: Flower listens to it
    "PLAZO_TIEMPO_REAL_S": "3",
    "PLAZO_TRAMO_S": "3",
    "ESPERA_LECTURA_S": "1",
}
DE_INSTALACION = ("OPENWEATHER_API_KEY", "METEOBLUE_API_KEY", "METEOSOURCE_API_KEY")


@pytest.fixture(scope="module")
def bandada() -> Bandada:
    return Bandada()


@pytest.fixture(scope="module")
def entorno(bandada: Bandada, mariadb: MariaDB, servidor_redis: Redis, laboratorio: str) -> Iterator[dict[str, str]]:
    """A production whose every secret is a canary."""
    clave_redis = bandada.nuevo("la clave de Redis")
    secretos = {nombre: bandada.nuevo(nombre) for nombre in (*SECRETOS, *DE_INSTALACION)}
    mariadb.crear_base("cg_canarios")
    mariadb.ejecutar(f"CREATE USER 'canario'@'127.0.0.1' IDENTIFIED BY '{secretos['DB_PASSWORD']}'")
    mariadb.ejecutar("GRANT ALL ON cg_canarios.* TO 'canario'@'127.0.0.1'")
    with redis.Redis(port=servidor_redis.puerto) as raiz:
        raiz.execute_command("ACL", "SETUSER", "canario", "on", f">{clave_redis}", "~*", "&*", "+@all")
        yield {
            "FLASK_ENV": "production",
            "ENCRYPTION_KEY": bandada.fernet("ENCRYPTION_KEY"),
            **secretos,
            **AJUSTES,
            "DB_PORT": str(mariadb.puerto),
            "REDIS_URL": f"redis://canario:{quote(clave_redis, safe='')}@127.0.0.1:{servidor_redis.puerto}/5",
            **variables(laboratorio),
        }
        raiz.execute_command("ACL", "DELUSER", "canario")


@pytest.fixture(scope="module")
def lugares(
    entorno: dict[str, str], bandada: Bandada, carpeta: Path, mariadb: MariaDB, servidor_redis: Redis, laboratorio: str
) -> dict[str, bytes]:
    """All that was heard and is left of one run, by where."""
    sitio = carpeta / "canarios"
    celery = crear_celery(Settings(redis_url=entorno["REDIS_URL"]))
    raiz = pymysql.connect(
        host="127.0.0.1", port=mariadb.puerto, user="root", database="cg_canarios", autocommit=True, ssl_disabled=True
    )
    with (
        closing(celery),
        raiz,
        redis.Redis(port=servidor_redis.puerto, db=5) as cola,
        closing(Oido(servidor_redis.puerto)) as oido,
        pila(sitio, **entorno) as p,
        closing(Grabadora(p.base, bandada)) as http,
    ):
        r = Recorrido(p, http, bandada, laboratorio, cola, raiz, entorno)
        with sucesos(celery) as oidos:
            recorrer(r)
        r.lugares["procesos"] = repr([h.cmdline() for h in p.hijos()]).encode()
        p.proceso.send_signal(signal.SIGTERM)
        p.parar()  # a second signal: no need to wait for anything
        oido.close()
        r.lugares |= {f"Redis {k}": v for k, v in claves_de_redis(cola).items()} | volcado(raiz)
    r.lugares |= {"Flower": repr(oidos).encode(), "HTTP": b"\n".join(http.respuestas), "Redis, dicho": oido.crudo}
    r.lugares["Redis, dicho y abierto"] = b"\n".join(abierto(a) for a in oido.argumentos())
    r.lugares["argumentos"] = json.dumps(oido.mensajes()).encode()
    return r.lugares | {f"fichero {f.name}": f.read_bytes() for f in sitio.rglob("*") if f.is_file()}


def test_ningun_secreto_sale_de_donde_vive(lugares: dict[str, bytes], bandada: Bandada) -> None:
    assert len(bandada.nombres) > 60
    assert len(bandada.tokens) > 8
    fugas = [f"{lugar}: {hallado}" for lugar, crudo in lugares.items() for hallado in bandada.hallados(crudo)]
    assert fugas == [], "\n".join(fugas)


def test_los_hashes_y_lo_cifrado_solo_estan_en_sus_columnas(lugares: dict[str, bytes]) -> None:
    con_hash = {lugar for lugar, crudo in lugares.items() if HASH_BCRYPT in crudo}
    con_cifrado = {lugar for lugar, crudo in lugares.items() if CIFRADO_FERNET in crudo}
    assert con_hash == {"usuarios.password_hash"}
    assert con_cifrado == {"api_keys.api_key_encrypted", "api_keys.api_secret_encrypted"}


def test_una_tarea_solo_lleva_identificadores(lugares: dict[str, bytes]) -> None:
    mensajes = json.loads(lugares["argumentos"])
    assert len(mensajes) > 50
    for argumentos, nombrados, _ in mensajes:
        assert nombrados == {}
        assert all(isinstance(a, int) or a in list(TipoConsulta) for a in argumentos), argumentos


def test_se_oyo_todo_lo_que_se_queria_oir(lugares: dict[str, bytes]) -> None:
    """Or the rest of this file would prove nothing."""
    for lugar, dicho in {
        "fichero registro.txt": (
            "error_interno",
            "clave_ilegible",
            "DataError",
            "consulta_no_guardada",
            "ProgrammingError",
            "Invalid request",
        ),
        "HTTP": ("422", "409", "413", "415", "500", "termina_en", "cambiar_api_key", "rechaz"),
        "Flower": ("task-received", "'args': ", "broker_url", "'pool'"),
        "Redis, dicho": ("PUBLISH", "cg:lectura", "LIMITS"),
        "Redis, dicho y abierto": ("laboratorio", '"lang": "py"'),
        "logs_actividad.accion": ("login_fallido", "cambiar_password", "rotar_clave"),
        "consola": ("Recifradas", "Administrador"),
    }.items():
        for trozo in dicho:
            assert trozo.encode() in lugares[lugar], (lugar, trozo)


@pytest.mark.parametrize("secreto", [MARCA, CABEZA_JWT])
def test_la_busqueda_encuentra_un_secreto_en_cualquier_forma(secreto: str) -> None:
    bandada = Bandada()
    canario = bandada.nuevo("uno") if secreto == MARCA else secreto
    for nombre, forma in formas(canario):
        assert bandada.hallados(b"xx" + forma + b"yy"), nombre
    if secreto == MARCA:
        assert bandada.hallados(canario[:7].encode())
        assert bandada.hallados(canario[-5:].encode())
        assert bandada.hallados(canario.lower().encode())
        assert not bandada.hallados(canario[-4:].encode())
