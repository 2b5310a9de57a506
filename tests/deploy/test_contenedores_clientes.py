"""Whom the container's nginx takes a client for, and so what its limits per address count."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.deploy.contenedores import DOCKER, NginxDelContenedor, servicios
from tests.nginx.conftest import Eco
from tests.pila import entorno_limpio
from tests.servidores import puerto_libre

PROXY = "127.0.0.9"
DE_MAS = 40  # /api/auth/ takes 20 at once and then 5 a second
ANA, BEA = "203.0.113.7", "2001:db8::7"


@contextmanager
def nginx_de(carpeta: Path, proxies: str) -> Iterator[NginxDelContenedor]:
    """Before an upstream that remembers what reached it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Eco) as api:
        Thread(target=api.serve_forever, daemon=True).start()
        sitio = carpeta / f"nginx{api.server_port}"
        sitio.mkdir()
        nginx = NginxDelContenedor(sitio, puerto_libre(), destino=api.server_port, proxies=proxies)
        try:
            nginx.arrancar()
            Eco.vistas.clear()
            yield nginx
        finally:
            nginx.parar()
            api.shutdown()


def pedir(nginx: NginxDelContenedor, desde: str, dice: str = "", ruta: str = "/api/auth/me") -> int:
    """From this address, with this X-Forwarded-For; the status."""
    cabecera = f"X-Forwarded-For: {dice}\r\nX-Real-IP: {dice}\r\n" if dice else ""
    with socket.create_connection(("127.0.0.1", nginx.puerto), 20, (desde, 0)) as s:
        s.sendall(f"GET {ruta} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{cabecera}\r\n".encode())
        return int(s.makefile("rb").readline().split()[1])


def agotar(nginx: NginxDelContenedor, desde: str, dice: str = "") -> None:
    """As this client, until it is told to wait. {}: another number each time."""
    vistos = [pedir(nginx, desde, dice.replace("{}", str(n))) for n in range(1, DE_MAS)]
    assert (vistos[0], vistos[-1]) == (200, 429)


def test_dos_clientes_se_cuentan_aparte_y_ninguno_se_hace_pasar_por_otro(carpeta: Path) -> None:
    with nginx_de(carpeta, "") as nginx:
        agotar(nginx, "127.0.0.2", "198.51.100.{}")
        assert pedir(nginx, "127.0.0.3") == 200
        agotar(nginx, PROXY, f"{ANA}, 198.51.100.{{}}")  # nobody said that it is a proxy


@pytest.mark.parametrize("proxies", [PROXY, f"10.0.0.0/8,{PROXY}/32"])
def test_tras_un_proxy_de_confianza_cuenta_quien_el_dice(carpeta: Path, proxies: str) -> None:
    with nginx_de(carpeta, proxies) as nginx:
        agotar(nginx, PROXY, ANA)
        assert Eco.vistas[-1][1]["X-Real-IP"] == ANA
        assert Eco.vistas[-1][1]["X-Forwarded-For"].split(", ")[-1] == ANA, "the one that the API believes"
        assert pedir(nginx, PROXY, BEA) == 200
        assert pedir(nginx, PROXY, f"198.51.100.1, {ANA}") == 429, "what ana said herself counts for nothing"
        agotar(nginx, "127.0.0.2", "198.51.100.{}")  # who is not that proxy says what they like
        assert pedir(nginx, "127.0.0.2", BEA) == 429
        assert pedir(nginx, "127.0.0.3", ANA) == 200


def test_flower_se_esconde_de_quien_llega_por_el_proxy(carpeta: Path) -> None:
    """The proxy itself is of this machine; those for whom it speaks are not."""
    with nginx_de(carpeta, "127.0.0.1") as nginx:
        assert pedir(nginx, "127.0.0.1", ANA, "/flower/") == 404
        assert pedir(nginx, "127.0.0.1", "100.64.0.3", "/flower/") == 502, "of the VPN; no Flower runs here"


@pytest.mark.parametrize("mal", ["todos", "10.0.0.1; deny all", "$host"])
def test_lo_que_no_es_una_direccion_no_entra_en_la_configuracion(tmp_path: Path, mal: str) -> None:
    entorno = entorno_limpio(
        CLIMAGURU_PROXIES=mal,
        CLIMAGURU_CONF=str(DOCKER.parent / "nginx/climaguru.conf"),
        CLIMAGURU_DESTINO=str(tmp_path / "x.conf"),
    )
    fin = subprocess.run(["sh", str(DOCKER / "nginx.sh")], env=entorno, capture_output=True, text=True, check=False)
    assert (fin.returncode, "CLIMAGURU_PROXIES" in fin.stderr, [*tmp_path.iterdir()]) == (1, True, [])


def test_sin_decirlo_compose_no_confia_en_ningun_proxy() -> None:
    assert servicios()["nginx"]["environment"] == {"CLIMAGURU_PROXIES": ""}
