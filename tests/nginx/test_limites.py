"""Limits, errors in one shape whoever says them, and compression."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from tests.frente import Api, Nginx, crudo, leer
from tests.nginx.ayuda import FIN, problema
from tests.nginx.conftest import Vistas, nginx_ante
from tests.pila import Persona
from tests.servidores import puerto_libre


def test_un_cuerpo_de_mas_de_1_mib_se_rechaza_en_nuestra_forma(nginx: Nginx, ana: Persona) -> None:
    url, tipo = f"{nginx.url}/api/consultas/tiempo-real", {"Content-Type": "application/json"}
    uno_mas = problema(ana.http.post(url, data=b" " * (2**20 + 1), headers=tipo, timeout=20), 413)
    assert uno_mas["instance"] == "/", "nginx says it, not the API"
    problema(ana.http.post(url, data=b" " * 10_000_000, headers=tipo, timeout=20), 413)
    problema(ana.http.post(url, data=iter([b" " * 2**19] * 3), headers=tipo, timeout=20), 413)
    justo = json.dumps({"ciudad": "Cali"}).encode().ljust(2**20)
    assert ana.http.post(url, data=justo, headers=tipo, timeout=20).status_code == 202


@pytest.mark.parametrize(
    ("peticion", "estado"),
    [
        (b"GET /api/" + b"a" * 9000 + b" HTTP/1.1\r\n" + FIN + b"\r\n", 414),
        (b"GET /health HTTP/1.1\r\n" + FIN + b"X-Larga: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET /health HTTP/1.1\r\n" + FIN + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n", 431),
        (b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (b"GET /health HTTP/9.1\r\n" + FIN + b"\r\n", 505),
        (b"\x16\x03\x01\x02 TLS a la puerta que no es\r\n\r\n", 400),
        (b"TRACE /health HTTP/1.1\r\n" + FIN + b"\r\n", 405),
        (b"POST /api/auth/login HTTP/1.1\r\n" + FIN + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /api/no-existe HTTP/1.1\r\n" + FIN + b"\r\n", 404),
    ],
)
def test_todo_error_tiene_la_misma_forma_lo_diga_nginx_o_la_api(nginx: Nginx, peticion: bytes, estado: int) -> None:
    r = leer(crudo(nginx.puerto, peticion))
    problema(r, estado)
    assert b"gunicorn" not in r.cuerpo


def test_sin_api_se_dice_502_y_cuando_volver(carpeta: Path) -> None:
    with nginx_ante(puerto_libre(), carpeta) as nginx:
        r = requests.get(f"{nginx.url}/api/auth/me", timeout=10)
    assert int(r.headers["Retry-After"]) > 0
    assert problema(r, 502)["id_peticion"] == r.headers["X-Request-ID"]


def test_una_api_que_no_responde_es_504(api: Api, carpeta: Path, ana: Persona, donde: str) -> None:
    with nginx_ante(api.puerto, carpeta, **{"proxy_read_timeout 65s": "proxy_read_timeout 1s"}) as nginx:
        problema(ana.http.get(donde.replace(ana.base, nginx.url) + "?esperar=5", timeout=20), 504)


def test_quien_pide_demasiado_deprisa_recibe_429_y_cuando_volver(eco: tuple[Nginx, Vistas], carpeta: Path) -> None:
    with nginx_ante(eco[0].destino, carpeta, **{"rate=50r/s": "rate=1r/m", "burst=200": "burst=2"}) as nginx:
        respuestas = [requests.get(f"{nginx.url}/api/x", timeout=10) for _ in range(6)]
    assert respuestas[0].status_code == 200
    problema(respuestas[-1], 429)
    assert respuestas[-1].headers["Retry-After"] == "1"


def test_lo_largo_va_comprimido_y_su_etag_sigue_sirviendo(ana: Persona, donde: str) -> None:
    r = ana.http.get(donde, timeout=10)
    assert (r.headers["Content-Encoding"], r.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert r.headers["ETag"].startswith("W/")
    assert ana.http.get(donde, headers={"If-None-Match": r.headers["ETag"]}, timeout=10).status_code == 304
    espera = ana.http.get(f"{donde}?esperar=1", headers={"If-None-Match": r.headers["ETag"]}, timeout=10)
    assert espera.status_code == 304, "it waited, since nothing had changed"


def test_donde_hay_secretos_no_se_comprime(ana: Persona) -> None:
    r = ana.http.post(f"{ana.base}/api/auth/login", json={"username": "ana", "password": "una frase larga"}, timeout=10)
    assert "access_token" in r.json()
    assert "Content-Encoding" not in r.headers
