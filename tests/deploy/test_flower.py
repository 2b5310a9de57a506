"""Flower as climaguru-flower.service runs it, behind the real nginx, before a real worker, in a real browser."""

from __future__ import annotations

import shutil
import socket
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
import requests

from deploy.laboratorio.cli import variables
from deploy.local.pila import generar_secretos
from tests.deploy.unidades import Maquina, esperar_a
from tests.frente import Nginx, con_esquema
from tests.navegador import navegador
from tests.pila import Persona
from tests.servidores import MariaDB, Redis, esperar, puerto_libre

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is only on Linux")
CLAVE = ("operador", "una-clave-larga")
LADRILLO = {"latitud": 6.2518, "longitud": -75.5636, "proveedores": ["openmeteo"]}


@dataclass
class Torre:
    """url, nginx: of nginx. directa: of Flower itself, which nobody limits."""

    url: str
    nginx: int
    maquina: Maquina
    puerto: int

    def flower(self) -> Any:
        return self.maquina.servicio(
            "climaguru-flower.service", f"--port={self.puerto}", FLOWER_BASIC_AUTH=":".join(CLAVE)
        )

    @property
    def directa(self) -> str:
        return f"http://127.0.0.1:{self.puerto}/flower"

    def arranca(self) -> bool:
        return requests.get(f"{self.directa}/", timeout=60).status_code == 401

    def tareas(self) -> dict[str, dict[str, Any]]:
        """By id, as Flower's own API tells them."""
        r = requests.get(f"{self.directa}/api/tasks", params={"taskname": "procesar_consulta"}, auth=CLAVE, timeout=60)
        return {i: t for i, t in r.json().items() if t["state"] == "SUCCESS"} if r.ok else {}


@pytest.fixture(scope="module")
def torre(
    mariadb: MariaDB, servidor_redis: Redis, laboratorio: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Torre]:
    """API, a worker of tiempo_real and nginx; Flower is started by the tests."""
    sitio = tmp_path_factory.mktemp("flower")
    base, url_redis = con_esquema(mariadb.crear_base("cg_flower")), servidor_redis.url.removesuffix("/0") + "/7"
    servidores = {"DATABASE_URL": base, "REDIS_URL": url_redis, "PROXIES_DE_CONFIANZA": "1"}
    maquina = Maquina(sitio, {"FLASK_ENV": "production", **generar_secretos(), **servidores, **variables(laboratorio)})
    puerto, de_flower = puerto_libre(), puerto_libre()
    (sitio / "nginx").mkdir()
    cambios = {"proxy_pass http://127.0.0.1:5555": f"proxy_pass http://127.0.0.1:{de_flower}"}
    nginx = Nginx(sitio / "nginx", puerto_libre(), destino=puerto, cambios=cambios)
    with (
        maquina.servicio("climaguru-api.service", "-b", f"127.0.0.1:{puerto}", "-w", "1") as api,
        maquina.servicio("climaguru-worker@tiempo-real-1.service") as trabajador,
    ):
        listo = f"http://127.0.0.1:{puerto}/health/ready"
        esperar_a(api, lambda: requests.get(listo, timeout=60).json()["trabajadores"], "a worker")
        nginx.arrancar()
        try:
            yield Torre(nginx.url, nginx.puerto, maquina, de_flower)
        finally:
            nginx.parar()
        trabajador.parar()
        api.parar()
    with redis.Redis.from_url(url_redis) as r:
        r.flushdb()


def test_una_tarea_terminada_se_ve_en_el_navegador_solo_desde_la_vpn_y_sigue_tras_reiniciar(
    torre: Torre, tmp_path: Path
) -> None:
    ana = Persona(torre.url, "ana")
    with torre.flower() as flower:
        esperar_a(flower, torre.arranca, "Flower")
        trabajadores = f"{torre.directa}/api/workers"
        esperar(lambda: requests.get(trabajadores, params={"refresh": 1}, auth=CLAVE, timeout=60).json(), "its workers")

        def vista() -> bool:
            ana.pedir("tiempo-real", **LADRILLO)  # it sees what happens from when the worker sends events
            return bool(torre.tareas())

        esperar(vista, "a finished task")
        consulta = ana.pedir("tiempo-real", **LADRILLO)["consulta"]["id"]
        argumentos = f"[{consulta}, 'tiempo_real']"
        esperar(lambda: [t for t in torre.tareas().values() if t["args"] == argumentos], "this task")
        with navegador(tmp_path) as n:
            n.abrir(f"{torre.url}/flower/tasks", Authorization=f"Basic {b64encode(':'.join(CLAVE).encode()).decode()}")
            fila = n.hasta(
                "[...document.querySelectorAll('#tasks-table tbody tr')].map(f => f.innerText)"
                f".find(t => t.includes({argumentos!r})) || ''"
            )
            foto = n.foto()
        assert "procesar_consulta" in fila
        assert "SUCCESS" in fila
        assert foto[:8] == b"\x89PNG\r\n\x1a\n"
        assert {u.partition("/flower/")[0] for u in n.pedidas if not u.startswith("data:")} == {torre.url}
        todo = requests.get(f"{torre.url}/flower/api/tasks", auth=CLAVE, timeout=60).text
        assert not [s for s in ("6.2518", "75.5636", "ana@ejemplo", "127.0.0.1") if s in todo]
        flower.parar()
    with torre.flower() as flower:
        esperar_a(flower, torre.arranca, "Flower again")
        assert argumentos in {t["args"] for t in torre.tareas().values()}
        _solo_para_la_vpn_y_para_esta_maquina(torre)
        flower.parar()


def _solo_para_la_vpn_y_para_esta_maquina(torre: Torre) -> None:
    """From another address it is not there, whatever password comes with it."""
    clave = b64encode(":".join(CLAVE).encode())
    for ruta in ("/flower/", "/flower/api/tasks"):
        pedido = f"GET {ruta} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic ".encode() + clave
        with socket.create_connection(("127.0.0.1", torre.nginx), 60, ("127.0.0.2", 0)) as s:
            s.sendall(pedido + b"\r\n\r\n")
            respuesta = s.makefile("rb").read()
        assert respuesta.split()[1] == b"404", respuesta
        assert b'"status":404' in respuesta
    assert requests.get(f"{torre.url}/flower/api/tasks", auth=("operador", "otra"), timeout=60).status_code == 401
