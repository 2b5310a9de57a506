"""Retry-After against the truth: what whoever submitted was told, beside the time that their consulta really took."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any

import requests
from rich.console import Console
from rich.table import Table

from deploy.laboratorio.cli import variables
from tests.bench_caudal import AJUSTES
from tests.pila import Persona, pila
from tests.servidores import MariaDB, Redis, esperar, puerto_libre

UNA_A_UNA, A_LA_VEZ = 20, 200
MES = {"ciudad": "Cali", "fecha_inicio": "2025-01-01", "fecha_fin": "2025-01-31"}


def medir(consola: Console, carpeta: Path, mariadb: MariaDB, servidor: Redis) -> None:
    puerto = puerto_libre()
    url = f"http://127.0.0.1:{puerto}"
    orden = [sys.executable, "-m", "deploy.laboratorio", "--puerto", str(puerto)]
    lab = subprocess.Popen(orden, stdout=subprocess.DEVNULL)
    tabla = Table(title="Retry-After and what it should be at most: max(1 s, twice the truth)")
    for columna in ("", "told s, most", "truth s, median", "truth s, most", "told / the most it may be, worst"):
        tabla.add_column(columna, justify="right")
    try:
        esperar(lambda: requests.get(f"{url}/_laboratorio/salud", timeout=2).ok, "the laboratory starting")
        entorno = {"DATABASE_URL": mariadb.crear_base("cg_promesa"), "REDIS_URL": servidor.url, **AJUSTES}
        with pila(carpeta, **entorno, **variables(url)) as p:
            ana = Persona(p.base, "ana")
            ahora = [{"latitud": round(4 + n / 500, 3), "longitud": -74, "max_edad_s": 0} for n in range(A_LA_VEZ)]
            _fila(tabla, "idle, tiempo_real", [_una(ana, "tiempo-real", c) for c in ahora[:UNA_A_UNA]])
            _fila(tabla, "idle, a month of days", [_una(ana, "historico", {**MES, "max_edad_s": 0}) for _ in range(5)])
            with ThreadPoolExecutor(16) as hilos:
                _fila(tabla, "16 at a time, steady", list(hilos.map(lambda c: _una(ana, "tiempo-real", c), ahora)))
    finally:
        lab.terminate()
        lab.wait(20)
    consola.print(tabla)


def _una(ana: Persona, tipo: str, cuerpo: dict[str, Any]) -> tuple[int, float]:
    """What Retry-After said when it was accepted, and how long it took from then on; seconds."""
    with requests.Session() as http:
        http.headers.update(ana.http.headers)
        r = http.post(f"{ana.base}/api/consultas/{tipo}", json=cuerpo, timeout=60)
        empezo = monotonic()
        donde = ana.base + r.json()["enlaces"]["self"]
        while http.get(f"{donde}?esperar=30", timeout=60).json()["consulta"]["estado"] in ("pendiente", "procesando"):
            pass
        return int(r.headers["Retry-After"]), monotonic() - empezo


def _fila(tabla: Table, titulo: str, medidas: list[tuple[int, float]]) -> None:
    verdades = sorted(v for _, v in medidas)
    peor = max(dicho / max(1.0, 2 * verdad) for dicho, verdad in medidas)
    mayor = max(dicho for dicho, _ in medidas)
    tabla.add_row(titulo, str(mayor), f"{verdades[len(verdades) // 2]:.2f}", f"{verdades[-1]:.2f}", f"{peor:.2f}")
