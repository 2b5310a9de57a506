"""What a client can send that is no good HTTP, to a real gunicorn with the settings of every start."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.frente import Api, Respuesta, con_esquema, crudo, leer
from tests.pila import Persona
from tests.servidores import MariaDB, Redis, esperar

FIN = b"Host: x\r\nConnection: close\r\n"
JSON = b"Content-Type: application/json\r\n"
TROZOS = JSON + b"Transfer-Encoding: chunked\r\n\r\n"
MIB = 1024 * 1024
ENTRAR = b"POST /api/auth/login HTTP/1.1\r\n"
SALUD = b"GET /health HTTP/1.1\r\n"
DE_DENTRO = re.compile(
    rb"gunicorn|python|werkzeug|flask|/work|/home|\.py|line \d|Traceback|limit_request", re.IGNORECASE
)


@pytest.fixture(scope="module")
def api(mariadb: MariaDB, servidor_redis: Redis, carpeta: Path) -> Iterator[Api]:
    sitio = carpeta / "gunicorn"
    sitio.mkdir()
    base = con_esquema(mariadb.crear_base("cg_gunicorn"))
    api = Api(sitio, ajustes={"DATABASE_URL": base, "REDIS_URL": servidor_redis.url.removesuffix("/0") + "/3"})
    api.arrancar()
    yield api
    api.parar()


def pedir(api: Api, peticion: bytes) -> Respuesta:
    return leer(crudo(api.puerto, peticion))


def comprobar(r: Respuesta, estado: int) -> None:
    assert r.estado == estado, r
    assert r.cabeceras["content-type"] == "application/problem+json"
    assert r.json["status"] == estado
    assert r.json["error"] == r.json["title"]
    assert r.json["message"] == r.json["detail"]
    assert "server" not in r.cabeceras
    assert not DE_DENTRO.search(r.cuerpo), r


MALAS = {
    "direccion larga": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + FIN + b"\r\n", 414),
    "busqueda larga": (b"GET /api/ciudades?q=" + b"a" * 100_000 + b" HTTP/1.1\r\n" + FIN + b"\r\n", 414),
    "cabeceras de mas": (SALUD + FIN + b"".join(b"X-%d: 1\r\n" % n for n in range(101)) + b"\r\n", 431),
    "cabecera larga": (SALUD + FIN + b"X-Larga: " + b"a" * 17_000 + b"\r\n\r\n", 431),
    "cabeceras sin fin": (SALUD + FIN + b"X-Larga: " + b"a" * 3 * MIB, 431),
    "CR en una cabecera": (SALUD + FIN + b"Idempotency-Key: a\rSet-Cookie: b=c\r\n\r\n", 400),
    "LF en una cabecera": (SALUD + FIN + b"X-Request-ID: a\nSet-Cookie: b=c\r\n\r\n", 400),
    "NUL en una cabecera": (SALUD + FIN + b"X-Request-ID: a\0b\r\n\r\n", 400),
    "cabecera doblada": (SALUD + FIN + b"X-Request-ID: a\r\n b\r\n\r\n", 400),
    "cabecera sin nombre": (SALUD + FIN + b": a\r\n\r\n", 400),
    "espacio antes de los dos puntos": (SALUD + FIN + b"Authorization : Bearer x\r\n\r\n", 400),
    "dos Host": (SALUD + FIN + b"Host: y\r\n\r\n", 400),
    "metodo en minusculas": (b"get /health HTTP/1.1\r\n" + FIN + b"\r\n", 400),
    "version que no hay": (b"GET /health HTTP/9.1\r\n" + FIN + b"\r\n", 400),
    "espacio en la direccion": (b"GET /health /x HTTP/1.1\r\n" + FIN + b"\r\n", 400),
    "byte alto en la direccion": (b"GET /api/ciudades?q=\xff HTTP/1.1\r\n" + FIN + b"\r\n", 400),
    "largo negativo": (ENTRAR + FIN + b"Content-Length: -1\r\n\r\n", 400),
    "dos largos": (ENTRAR + FIN + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 400),
    "largo y trozos": (ENTRAR + FIN + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "trozo sin numero": (ENTRAR + FIN + TROZOS + b"zz\r\n{}\r\n0\r\n\r\n", 400),
    "trozo sin fin": (ENTRAR + FIN + TROZOS + b"2\r\n{}XX\r\n0\r\n\r\n", 400),
    "trozos de mas de 1 MiB": (
        ENTRAR + FIN + TROZOS + (b"80000\r\n" + b" " * 0x80000 + b"\r\n") * 3 + b"0\r\n\r\n",
        413,
    ),
    "cuerpo de 2 MiB": (ENTRAR + FIN + JSON + b"Content-Length: 2097152\r\n\r\n" + b" " * 2 * MIB, 413),
    "cuerpo de 10 MB donde no hay nada": (b"POST /nada HTTP/1.1\r\n" + FIN + b"Content-Length: 10000000\r\n\r\n", 413),
    "NUL en el camino": (b"GET /api/consultas/%00 HTTP/1.1\r\n" + FIN + b"\r\n", 404),
    "camino que no es UTF-8": (b"GET /api/consultas/%ff%ed%a0%80 HTTP/1.1\r\n" + FIN + b"\r\n", 404),
    "camino hacia arriba": (b"GET /api/../../etc/passwd HTTP/1.1\r\n" + FIN + b"\r\n", 404),
    "barras de mas": (b"GET //evil.example/api//auth/me HTTP/1.1\r\n" + FIN + b"\r\n", 404),
    "OPTIONS *": (b"OPTIONS * HTTP/1.1\r\n" + FIN + b"\r\n", 404),
    "metodo inventado": (b"FOO /health HTTP/1.1\r\n" + FIN + b"\r\n", 405),
}


@pytest.mark.parametrize(("peticion", "estado"), MALAS.values(), ids=MALAS.keys())
def test_lo_que_no_es_buen_http_es_un_4xx_que_no_nombra_nada_de_dentro(api: Api, peticion: bytes, estado: int) -> None:
    comprobar(pedir(api, peticion), estado)
    assert pedir(api, SALUD + FIN + b"\r\n").estado == 200


def test_una_respuesta_buena_tampoco_dice_que_servidor_es(api: Api) -> None:
    r = pedir(api, SALUD + FIN + b"\r\n")
    assert (r.estado, r.cabeceras.get("server"), r.cabeceras["x-frame-options"]) == (200, None, "DENY")


@pytest.mark.parametrize("nombre", [b"Idempotency-Key", b"X-Request-ID", b"User-Agent", b"Last-Event-ID"])
@pytest.mark.parametrize("salto", [b"\r\n", b"\n", b"\r", b"%0d%0a", b"\xe5\x98\x8a\xe5\x98\x8d"])
def test_ninguna_cabecera_de_la_peticion_inyecta_una_en_la_respuesta(api: Api, nombre: bytes, salto: bytes) -> None:
    """What follows CRLF is a header of the request, and stays one; a lone CR or LF is refused."""
    inyectada = nombre + b": a" + salto + b"Set-Cookie: b=c" + salto + b"X-Inyectada: 1\r\n\r\n"
    r = pedir(api, SALUD + FIN + inyectada)
    assert r.estado == (400 if salto in (b"\r", b"\n") else 200)
    assert not {"set-cookie", "x-inyectada"} & set(r.cabeceras)


@pytest.mark.parametrize("cabecera", ["X-Forwarded-Proto: https", "X-Forwarded-Ssl: on", "X-Forwarded-Protocol: ssl"])
def test_de_un_vecino_que_no_es_proxy_de_confianza_no_se_cree_que_vino_por_tls(api: Api, cabecera: str) -> None:
    """Gunicorn by itself believes 127.0.0.1; how many proxies there are, only PROXIES_DE_CONFIANZA says."""
    r = pedir(api, SALUD + FIN + cabecera.encode() + b"\r\n\r\n")
    assert (r.estado, r.cabeceras.get("strict-transport-security")) == (200, None)


@pytest.mark.parametrize("cabecera", [b"SCRIPT_NAME: /api", b"PATH_INFO: /api/auth/me", b"REMOTE_USER: admin"])
def test_una_cabecera_no_cambia_el_camino_ni_el_usuario(api: Api, cabecera: bytes) -> None:
    assert pedir(api, SALUD + FIN + cabecera + b"\r\n\r\n").json == {"estado": "ok"}


@pytest.mark.parametrize("host", [b"evil.example", b"a b", b'"><script>', b"", b"x:99999", b"[::1", b"a/../b", b"\xff"])
def test_el_host_que_sea_no_cambia_la_respuesta(api: Api, host: bytes) -> None:
    r = pedir(api, b"GET /api/auth/me HTTP/1.1\r\nConnection: close\r\nHost: " + host + b"\r\n\r\n")
    comprobar(r, 401)
    assert b"evil" not in r.cuerpo


def test_la_direccion_entera_en_la_primera_linea_no_la_decide_quien_pide(api: Api) -> None:
    r = pedir(api, b"GET http://evil.example/api/auth/me HTTP/1.1\r\n" + FIN + b"\r\n")
    comprobar(r, 401)
    assert r.json["instance"] == "/api/auth/me"


def test_un_cuerpo_en_trozos_dentro_del_limite_se_lee(api: Api) -> None:
    r = pedir(api, ENTRAR + FIN + TROZOS + b'1f\r\n{"username":"x","password":"y"}\r\n0\r\n\r\n')
    comprobar(r, 401)


def test_un_cuerpo_ilegible_no_apaga_el_limite_de_entradas(mariadb: MariaDB, servidor_redis: Redis, api: Api) -> None:
    """What fails while a limit is being counted makes Flask-Limiter think that Redis is down, and count in memory."""
    suelto = b'{"username": "\\ud800", "password": "una cualquiera"}'
    for cuerpo in (TROZOS + b"zz\r\n", JSON + b"Content-Length: %d\r\n\r\n" % len(suelto) + suelto):
        assert pedir(api, ENTRAR + FIN + cuerpo).estado in (400, 422)
    assert "in-memory" not in (api.carpeta / "salida.txt").read_text()


def test_quien_promete_un_cuerpo_y_se_va_no_deja_nada_roto(api: Api) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", api.puerto)) as s:
            s.sendall(ENTRAR + FIN + JSON + b"Content-Length: 100\r\n\r\n{")
    esperar(lambda: requests.get(f"{api.url}/health", timeout=60).ok, "the API answering")
    assert "error_interno" not in (api.carpeta / "salida.txt").read_text()


def test_una_galleta_no_sirve_para_entrar(api: Api) -> None:
    ana = Persona(api.url, "ana")
    token = str(ana.http.headers["Authorization"]).removeprefix("Bearer ")
    galletas = {"access_token_cookie": token, "session": token, "Authorization": token}
    assert requests.get(f"{api.url}/api/auth/me", cookies=galletas, timeout=60).status_code == 401
    assert requests.get(f"{api.url}/api/auth/me", params={"jwt": token}, timeout=60).status_code == 401
