"""Clients that wait, listen, or send slowly."""

from __future__ import annotations

import json
import select
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from time import sleep

import pytest
import requests

from tests.frente import Api, Nginx
from tests.nginx.ayuda import FIN
from tests.nginx.conftest import HILOS, nginx_ante
from tests.pila import Persona


def test_los_eventos_llegan_de_uno_en_uno(ana: Persona, donde: str) -> None:
    """The first is read while the consulta is still pending; it is cancelled only afterwards."""
    with ana.http.get(f"{donde}/eventos", stream=True, timeout=20) as flujo:
        lineas = (linea for linea in flujo.iter_lines(chunk_size=1) if linea.startswith(b"data: "))
        primero = json.loads(next(lineas)[6:])
        requests.post(f"{donde}/cancelar", headers=dict(ana.http.headers), timeout=10).raise_for_status()
        ultimo = json.loads(list(lineas)[-1][6:])
    assert (primero["estado"], ultimo["codigo_error"]) == ("pendiente", "cancelada")


@pytest.mark.parametrize("cambio", ["proxy_buffering off;", "gzip off;"])
def test_los_eventos_no_dependen_de_una_sola_linea(
    api: Api, carpeta: Path, ana: Persona, donde: str, cambio: str
) -> None:
    """X-Accel-Buffering of the API and the location of this file say the same, each enough by itself."""
    with (
        nginx_ante(api.puerto, carpeta, **{cambio: ""}) as nginx,
        ana.http.get(f"{donde.replace(ana.base, nginx.url)}/eventos", stream=True, timeout=20) as flujo,
    ):
        assert next(linea for linea in flujo.iter_lines(chunk_size=1) if linea.startswith(b"data: "))


def test_esperar_varios_segundos_acaba_en_la_respuesta(ana: Persona, donde: str) -> None:
    con = dict(ana.http.headers)
    with ThreadPoolExecutor(1) as hilos:
        espera = hilos.submit(requests.get, f"{donde}?esperar=30", headers=con, timeout=40)
        sleep(6)
        assert not espera.done()
        requests.post(f"{donde}/cancelar", headers=con, timeout=10).raise_for_status()
        assert espera.result(timeout=20).json()["consulta"]["codigo_error"] == "cancelada"


def test_los_cuerpos_lentos_no_ocupan_los_hilos_de_la_api(nginx: Nginx, ana: Persona) -> None:
    """Three times as many slow clients as threads; another client is answered all the while, and they at the end."""
    cuerpo = json.dumps({"username": "lenta", "password": "x" * 100}).encode()
    cabeza = b"POST /api/auth/login HTTP/1.1\r\n" + FIN + b"Content-Type: application/json\r\n"
    with ExitStack() as abiertas:
        lentas = [
            abiertas.enter_context(socket.create_connection(("127.0.0.1", nginx.puerto), 20)) for _ in range(3 * HILOS)
        ]
        for s in lentas:
            s.sendall(cabeza + b"Content-Length: %d\r\n\r\n" % len(cuerpo))
        for n in range(10):
            for s in lentas:
                s.sendall(cuerpo[n : n + 1])
            sleep(0.2)
            assert ana.http.get(f"{ana.base}/api/auth/me", timeout=20).status_code == 200
        assert select.select(lentas, [], [], 0)[0] == [], "none of them has been answered yet"
        for s in lentas:
            s.sendall(cuerpo[10:])
        estados = {s.makefile("rb").readline().split()[1] for s in lentas}
    assert estados <= {b"401", b"429"}


def test_las_cabeceras_lentas_tampoco(nginx: Nginx, ana: Persona) -> None:
    with ExitStack() as abiertas:
        lentas = [
            abiertas.enter_context(socket.create_connection(("127.0.0.1", nginx.puerto), 20)) for _ in range(3 * HILOS)
        ]
        for s in lentas:
            s.sendall(b"GET /api/auth/me HTTP/1.1\r\nHost: x\r\nX-Lenta: ")
        assert all(ana.http.get(f"{ana.base}/api/auth/me", timeout=20).ok for _ in range(5))
        assert select.select(lentas, [], [], 0)[0] == []
