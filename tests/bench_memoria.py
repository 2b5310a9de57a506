"""`make bench ARGS=--memoria`: memory of a real worker and a real API at their largest work, calls made, bytes kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import requests
from rich.console import Console
from rich.table import Table

from deploy.laboratorio.cli import variables
from tests.memoria import API_MIB, TRABAJADOR_MIB, Memoria, proceso_de, servidores_de
from tests.pila import Persona, Pila, pila
from tests.servidores import MariaDB, Redis, esperar, puerto_libre

CLAVES = dict.fromkeys(("OPENWEATHER_API_KEY", "METEOBLUE_API_KEY", "METEOSOURCE_API_KEY"), "laboratorio")
DIEZ_ANOS = {"fecha_inicio": "2016-01-02", "fecha_fin": "2025-12-31"}
UN_ANO = {"fecha_inicio": "2024-11-01", "fecha_fin": "2025-10-31", "resolucion": "horaria"}
UNA_HORA_S = 3600.0
MUCHAS = 32  # threads of a worker
VARIAS = 8
MAYORES = ("diez años por días", "un año por horas")
consola = Console(width=150)


def medir(carpeta: Path, mariadb: MariaDB, redis: Redis) -> None:
    base = mariadb.crear_base("cg_memoria")
    with _laboratorio() as url:
        entorno = {
            "DATABASE_URL": base,
            "REDIS_URL": redis.url,
            "BCRYPT_ROUNDS": "4",
            "LIMITE_API": "1000000/minute",
            "OPENMETEO_PRESUPUESTO": "1000000/day",
            "METEOSOURCE_PLAN": "standard",
            **CLAVES,
            **variables(url),
        }
        with pila(carpeta, **entorno) as p:
            ana = Persona(p.base, "ana")
            mayores = _trabajador(p, ana, url)
            _bytes(mariadb)
            _api(p, ana, mayores)


@contextmanager
def _laboratorio() -> Iterator[str]:
    puerto = puerto_libre()
    orden = [sys.executable, "-m", "deploy.laboratorio", "--puerto", str(puerto)]
    proceso = subprocess.Popen(orden, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{puerto}"
    try:
        esperar(lambda: requests.get(f"{url}/_laboratorio/salud", timeout=2).ok, "the laboratory starting")
        yield url
    finally:
        proceso.terminate()
        proceso.wait(20)


def _trabajador(p: Pila, ana: Persona, laboratorio: str) -> dict[str, dict[str, Any]]:
    """The same process throughout. Returns one consulta of each of the two largest kinds."""
    tabla = Table(title=f"One worker process of historico, MiB above idle (limit {TRABAJADOR_MIB}); calls by provider")
    for titulo in ("", "s", "peak", "after", "openmeteo", "ideam", "others"):
        tabla.add_column(titulo, justify="right" if titulo else "left")
    memoria = Memoria(proceso_de(p, "worker", "historico-1").pid)
    lugares = [{"latitud": 4 + n / 10, "longitud": -75 + n / 20, "max_edad_s": 0} for n in range(MUCHAS)]
    solo = {"proveedores": ["openmeteo"]}
    trabajos: dict[str, list[dict[str, Any]]] = {
        "diez años por días": [{"ciudad": "Medellín", **DIEZ_ANOS}],
        "diez años por días, ya sabidos": [{"ciudad": "Medellín", **DIEZ_ANOS}],
        "un año por horas": [{"ciudad": "Bogotá, CO", **UN_ANO}],
        f"{VARIAS} años por horas a la vez": [{**lugar, **UN_ANO} for lugar in lugares[:VARIAS]],
        f"{MUCHAS} años por horas a la vez, solo Open-Meteo": [{**lugar, **UN_ANO, **solo} for lugar in lugares],
    }
    hechas = {}
    for titulo, cuerpos in trabajos.items():
        requests.delete(f"{laboratorio}/_laboratorio/peticiones", timeout=5)
        memoria.olvidar_el_pico()
        empezo = monotonic()
        hechas[titulo] = todas(ana, cuerpos)[0]
        cuentas = requests.get(f"{laboratorio}/_laboratorio/peticiones", timeout=5).json()
        veces = {proveedor: cuenta["total"] for proveedor, cuenta in cuentas.items()}
        quienes = [veces.pop("openmeteo"), veces.pop("ideam"), sum(veces.values())]
        numeros = [monotonic() - empezo, memoria.pico, memoria.ahora, *quienes]
        tabla.add_row(titulo, *(f"{n:.0f}" for n in numeros))
    consola.print(f"idle: {memoria.en_reposo:.0f} MiB")
    consola.print(tabla)
    return {titulo: hechas[titulo] for titulo in MAYORES}


def todas(ana: Persona, cuerpos: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Submit all, wait for the last; their bodies."""
    url = f"{ana.base}/api/consultas/historico"
    sobres = [ana.http.post(url, json=cuerpo, timeout=30).json() for cuerpo in cuerpos]

    def terminadas() -> bool:
        leidas = [ana.http.get(ana.base + s["enlaces"]["self"], timeout=60).json() for s in sobres]
        assert not [c for c in leidas if c["consulta"]["estado"] == "error"]
        return all(c["consulta"]["estado"] == "completada" for c in leidas)

    esperar(terminadas, "all of them ending", UNA_HORA_S)
    return sobres


def _bytes(mariadb: MariaDB) -> None:
    """What the columns hold, and what the pages of InnoDB take for it."""
    tabla = Table(title="Bytes on MariaDB")
    for titulo in ("", "rows", "bytes", "per value", "on disk"):
        tabla.add_column(titulo, justify="right" if titulo else "left")
    for titulo, orden in _SERIES.items():
        ((filas, suma, valores),) = mariadb.ejecutar(orden)
        numeros = [int(str(x or 0)) for x in (filas, suma, valores)]
        tabla.add_row(titulo, f"{numeros[0]}", f"{numeros[1]}", f"{numeros[1] / max(1, numeros[2]):.2f}", "")
    for que in ("series", "respuestas", "pasado"):
        ((filas, suma, disco),) = mariadb.ejecutar(_TOTAL.format(que=que))
        tabla.add_row(f"{que}, in all", str(filas), str(suma or 0), "", f"{int(str(disco)) / 2**20:.1f} MiB")
    consola.print(tabla)
    for proveedor, de_horas, celdas, por_ano in mariadb.ejecutar(_PASADO):
        clase = "hours" if de_horas else "days"
        consola.print(f"pasado: {proveedor} by {clase}, {celdas} cells: {por_ano} bytes a cell and year")


_CAMPOS = 12  # those of Medicion that all parametros fill
_SERIES = {
    f"series, {clase}": f"SELECT COUNT(*), SUM(LENGTH(datos)), SUM(filas) * {_CAMPOS} FROM cg_memoria.series "
    f"WHERE consulta_id IN (SELECT id FROM cg_memoria.consultas WHERE resolucion = '{resolucion}')"
    for clase, resolucion in (("by days", "diaria"), ("by hours", "horaria"))
}
_TOTAL = """
SELECT COUNT(*), SUM(LENGTH(datos)),
  (SELECT file_size FROM information_schema.innodb_sys_tablespaces WHERE name = 'cg_memoria/{que}')
FROM cg_memoria.{que}
"""
_PASADO = """
SELECT proveedor, de_horas, COUNT(*), ROUND(SUM(bytes) / SUM(hojas) * IF(de_horas, 12, 1)) FROM (
  SELECT proveedor, huella, MAX(MONTH(hoja)) > 1 AS de_horas, COUNT(DISTINCT hoja) AS hojas, SUM(LENGTH(datos)) AS bytes
  FROM cg_memoria.pasado GROUP BY proveedor, huella) AS celdas
GROUP BY proveedor, de_horas
"""


def _api(p: Pila, ana: Persona, mayores: dict[str, dict[str, Any]]) -> None:
    tabla = Table(title=f"API processes, MiB above idle at the peak, the one that grew most (limit {API_MIB})")
    for titulo in ("", "one", f"{VARIAS} at once", "MiB sent"):
        tabla.add_column(titulo, justify="right" if titulo else "left")
    memorias = [Memoria(h.pid) for h in servidores_de(p)]
    for titulo, sobre in mayores.items():
        for formato in ("json", "csv", "txt", "yaml"):
            url = f"{ana.base}{sobre['enlaces']['descargar']}?formato={formato}"
            _fila(tabla, f"{titulo}, {formato}", memorias, ana, url)
    lote = {"consultas": [{"tipo": "historico", "latitud": 4 + n / 10, "longitud": -75 + n / 20, **UN_ANO,
                           "proveedores": ["openmeteo"]} for n in range(VARIAS)]}  # fmt: skip
    r = ana.http.post(f"{ana.base}/api/consultas/lote", json=lote, timeout=60).json()
    esperar(lambda: _entero(ana, r["lote_id"]), "the lote ending", UNA_HORA_S)
    for formato in ("csv", "zip"):
        url = f"{ana.base}/api/consultas/lotes/{r['lote_id']}/descargar?formato={formato}"
        _fila(tabla, f"lote de {VARIAS} años por horas, {formato}", memorias, ana, url)
    consola.print(tabla)


def _entero(ana: Persona, lote_id: int) -> bool:
    cuenta = ana.http.get(f"{ana.base}/api/consultas/lotes/{lote_id}", timeout=30).json()
    return bool(cuenta["por_estado"].get("completada", 0) == VARIAS)


def _fila(tabla: Table, titulo: str, memorias: list[Memoria], ana: Persona, url: str) -> None:
    picos = []
    for veces in (1, VARIAS):
        for m in memorias:
            m.olvidar_el_pico()
        with ThreadPoolExecutor(veces) as hilos:
            largos = list(hilos.map(lambda _: bajar(ana, url), range(veces)))
        picos.append(max(m.pico for m in memorias))
    tabla.add_row(titulo, *(f"{n:.1f}" for n in picos), f"{largos[0] / 2**20:.1f}")


def bajar(ana: Persona, url: str) -> int:
    """Read it all, keep nothing; how many bytes came."""
    with requests.get(url, headers=dict(ana.http.headers), stream=True, timeout=300) as r:
        assert r.ok, r.text
        return sum(len(trozo) for trozo in r.iter_content(65536))
