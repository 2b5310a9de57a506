"""Whose address is written down, and what the API is told about a request."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from tests.frente import Api, Nginx, con_esquema, crudo, leer
from tests.nginx.ayuda import FIN, desde, problema
from tests.nginx.conftest import BASE, Vistas, nginx_ante
from tests.pila import Persona
from tests.servidores import MariaDB, Redis


def direcciones(mariadb: MariaDB, base: str = BASE) -> list[object]:
    return [f[0] for f in mariadb.ejecutar(f"SELECT ip_address FROM {base}.logs_actividad ORDER BY id DESC LIMIT 1")]


@pytest.mark.parametrize("dicha", ["6.6.6.6", "6.6.6.6, 7.7.7.7", "127.0.0.1", "basura", "x" * 300, "::1%" + "z" * 200])
def test_la_direccion_anotada_es_la_del_cliente_diga_el_lo_que_diga(nginx: Nginx, mariadb: MariaDB, dicha: str) -> None:
    mentiras = {"X-Forwarded-For": dicha, "X-Real-IP": dicha, "Forwarded": f"for={dicha}", "Client-IP": dicha}
    nadie = {"username": "nadie", "password": "no es"}
    assert desde("127.0.0.5", nginx.puerto, "/api/auth/login", nadie, **mentiras) == 401
    assert direcciones(mariadb) == ["127.0.0.5"]


def test_la_consulta_guarda_de_donde_vino(nginx: Nginx, ana: Persona, mariadb: MariaDB) -> None:
    token = {"Authorization": str(ana.http.headers["Authorization"]), "X-Forwarded-For": "6.6.6.6"}
    assert desde("127.0.0.6", nginx.puerto, "/api/consultas/tiempo-real", {"ciudad": "Cali"}, **token) == 202
    assert mariadb.ejecutar(f"SELECT ip_origen FROM {BASE}.consultas ORDER BY id DESC LIMIT 1") == [("127.0.0.6",)]


def test_lo_que_reenvia_un_proxy_y_no_es_una_direccion_no_se_guarda(api: Api, mariadb: MariaDB) -> None:
    nadie = {"username": "nadie", "password": "no es"}
    assert desde("127.0.0.1", api.puerto, "/api/auth/login", nadie, **{"X-Forwarded-For": "x" * 300}) == 401
    assert direcciones(mariadb) == [None]


def test_sin_proxies_de_confianza_no_se_cree_a_ninguno(mariadb: MariaDB, servidor_redis: Redis, carpeta: Path) -> None:
    """The same nginx before an API that was not told of it: the address is nginx's own, never what a client says."""
    base = con_esquema(mariadb.crear_base("cg_nginx_sin"))
    ajustes = {"DATABASE_URL": base, "REDIS_URL": servidor_redis.url.removesuffix("/0") + "/5"}
    (carpeta / "api_sin").mkdir()
    sin = Api(carpeta / "api_sin", ajustes=ajustes)
    try:
        sin.arrancar()
        with nginx_ante(sin.puerto, carpeta) as nginx:
            for puerto in (nginx.puerto, sin.puerto):
                mentira = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https"}
                desde("127.0.0.7", puerto, "/api/auth/login", {"username": "nadie", "password": "x"}, **mentira)
        assert mariadb.ejecutar("SELECT ip_address FROM cg_nginx_sin.logs_actividad ORDER BY id") == [
            ("127.0.0.1",),
            ("127.0.0.7",),
        ]
    finally:
        sin.parar()


def test_la_api_recibe_las_cabeceras_que_pide_la_guia(eco: tuple[Nginx, Vistas]) -> None:
    nginx, vistas = eco
    mentiras = {"X-Forwarded-For": "6.6.6.6", "X-Real-IP": "6.6.6.6", "X-Forwarded-Proto": "https"}
    requests.get(f"{nginx.url}/api/x?a=1", headers={"Host": "api.ejemplo.co", **mentiras}, timeout=10)
    ruta, recibidas = vistas[-1]
    assert (ruta, recibidas["Host"]) == ("/api/x?a=1", "api.ejemplo.co")
    assert (recibidas["X-Real-IP"], recibidas["X-Forwarded-Proto"]) == ("127.0.0.1", "http")
    assert recibidas["X-Forwarded-For"] == "6.6.6.6, 127.0.0.1"


@pytest.mark.parametrize(
    "ruta",
    [
        *(b"/metrics", b"/metrics/", b"//metrics", b"/flower", b"/flowers/", b"/", b"/.env", b"/apix"),
        *(b"/api/../metrics", b"/api/%2e%2e/metrics", b"/api/..%2fmetrics", b"/api/x/../../metrics", b"/api"),
        *(
            b"/health/../metrics",
            b"/api//../metrics",
            b"/api/./../metrics",
            b"/healthy",
            b"/health/ready",
            b"/metrics?/api/",
        ),
    ],
)
def test_nada_de_lo_de_dentro_se_alcanza_desde_fuera(eco: tuple[Nginx, Vistas], ruta: bytes) -> None:
    nginx, vistas = eco
    problema(leer(crudo(nginx.puerto, b"GET " + ruta + b" HTTP/1.1\r\n" + FIN + b"\r\n")), 404)
    assert vistas == []


@pytest.mark.parametrize("ruta", ["/api", "/api/docs", "/health", "//evil.example/api/", "/x"])
def test_ninguna_redireccion_sale_de_aqui(nginx: Nginx, ruta: str) -> None:
    pedida = f"GET {ruta} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n"
    assert b"evil" not in crudo(nginx.puerto, pedida.encode()).split(b'"instance"')[0]
