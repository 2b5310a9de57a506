"""`make bench ARGS=--limpieza`: 100 000 of a million consultas deleted beside a stream of new ones."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from statistics import median, quantiles
from time import perf_counter
from typing import NamedTuple, TypeVar

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import consultas, esquema, limpieza, resumenes
from shared.db import INSISTIR_S, Sesiones, crear_motor
from shared.retencion import CLASES
from shared.settings import Settings
from tests.conftest import hacer_settings
from tests.servidores import MariaDB
from tests.shared.test_consultas import HOY, RESULTADO
from tests.siembra import DIAS, sembrar

CONSULTAS = 1_000_000
BORRAR = 100_000
USUARIOS = 50
VIDAS = 1500  # consultas of the stream, measured alone, before and after
# Of each historico among the oldest: a piece of series and what two providers answered, 6 kB each
SERIES = """
INSERT INTO series SELECT id, 0, 366, REPEAT(MD5(id), 190) FROM consultas
WHERE tipo_consulta = 'historico' AND estado = 'completada' AND id <= {hasta}
"""
PIEZAS = (
    SERIES,
    "INSERT INTO respuestas SELECT consulta_id, 'openmeteo', 0, '{{}}', datos FROM series",
    "INSERT INTO respuestas SELECT consulta_id, 'ideam', 0, '{{}}', datos FROM series",
    "ANALYZE TABLE series, respuestas",
)
T = TypeVar("T")
consola = Console(width=130)


class Hecho(NamedTuple):
    """duraciones: seconds of each batch. segundos: of all of it, rests included."""

    borradas: int
    segundos: float
    duraciones: list[float]


def medir(mariadb: MariaDB) -> None:
    url = mariadb.crear_base("cg_limpieza")
    motor = crear_motor(hacer_settings(url, "redis://127.0.0.1:1"))
    esquema.subir(motor)
    consola.print(f"{CONSULTAS} consultas of {USUARIOS} users, {DIAS} days; {_segundos(motor):.0f} s to make and count")
    antes = _corriente(Sesiones(motor))
    esperas = _esperas(mariadb)
    durante, hecho = _mientras_se_limpia(motor, url)
    esperas = _esperas(mariadb) - esperas
    despues = _corriente(Sesiones(motor))
    motor.dispose()
    _decir(antes, durante, despues, hecho)
    consola.print(f"row locks that anybody waited for meanwhile: {esperas}")


def ajustes(url: str) -> Settings:
    dias = DIAS - DIAS * BORRAR // CONSULTAS
    return hacer_settings(url, "redis://127.0.0.1:1", retencion_consultas_dias=dias, retencion_respuestas_dias=0)


def _segundos(motor: Engine) -> float:
    empezo = perf_counter()
    sembrar(motor, CONSULTAS, USUARIOS)
    with motor.begin() as conexion:
        for orden in PIEZAS:
            conexion.execute(text(orden.format(hasta=BORRAR * 2)))
    while Sesiones(motor).hacer(resumenes.resumir):
        pass
    return perf_counter() - empezo


def _esperas(mariadb: MariaDB) -> int:
    return int(str(mariadb.ejecutar("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_waits'")[0][1]))


def _corriente(sesiones: Sesiones) -> list[float]:
    return [_una_vida(sesiones) for _ in range(VIDAS)]


def _una_vida(sesiones: Sesiones) -> float:
    """Milliseconds from nothing to completada, in three transactions."""
    empezo = perf_counter()
    with sesiones.transaccion() as s:
        consulta, _ = consultas.crear(s, 7, HOY, max_activas=10_000)
    with sesiones.transaccion() as s:
        encargo = consultas.tomar(s, consulta.id)
    assert encargo is not None
    with sesiones.transaccion() as s:
        assert consultas.completar(s, encargo, RESULTADO)
    return (perf_counter() - empezo) * 1000


def _mientras_se_limpia(motor: Engine, url: str) -> tuple[list[float], Hecho]:
    """The stream, for as long as another process deletes."""
    aqui, alla = multiprocessing.Pipe()
    otro = multiprocessing.get_context("spawn").Process(target=_limpiar, args=(url, alla))
    otro.start()
    tiempos, sesiones = [], Sesiones(motor)
    aqui.recv()
    while not aqui.poll():
        tiempos.append(_una_vida(sesiones))
    hecho: Hecho = aqui.recv()
    otro.join()
    return tiempos, hecho


def _limpiar(url: str, alla: Connection) -> None:
    settings = ajustes(url)
    motor = crear_motor(settings)
    sesiones = Cronometrada(motor)
    alla.send("ready")
    empezo = perf_counter()
    borradas = sum(t.filas for t in limpieza.limpiar(sesiones, settings, CLASES[0]))
    alla.send(Hecho(borradas, perf_counter() - empezo, sesiones.duraciones))
    motor.dispose()


class Cronometrada(Sesiones):
    """duraciones: seconds of each transaction, its search and its commit included."""

    def __init__(self, motor: Engine) -> None:
        super().__init__(motor)
        self.duraciones: list[float] = []

    def hacer(self, verbo: Callable[[Session], T], insistir_s: float = INSISTIR_S) -> T:
        empezo = perf_counter()
        resultado = super().hacer(verbo, insistir_s)
        self.duraciones.append(perf_counter() - empezo)
        return resultado


def _decir(antes: list[float], durante: list[float], despues: list[float], hecho: Hecho) -> None:
    tabla = Table(title="One consulta of the stream, from nothing to completada: three transactions")
    for titulo in ("", "consultas", "p50 ms", "p95 ms", "worst ms"):
        tabla.add_column(titulo, justify="right" if titulo else "left")
    for nombre, tiempos in (("alone, before", antes), ("beside limpieza", durante), ("alone, after", despues)):
        numeros = (median(tiempos), _p95(tiempos), max(tiempos))
        tabla.add_row(nombre, str(len(tiempos)), *(f"{ms:.1f}" for ms in numeros))
    consola.print(tabla)
    solas = antes + despues
    p50, p95 = median(durante) / median(solas), _p95(durante) / _p95(solas)
    consola.print(f"beside limpieza / alone: {p50:.2f} (p50), {p95:.2f} (p95)")
    tandas = hecho.duraciones
    consola.print(f"{hecho.borradas} consultas deleted in {hecho.segundos:.0f} s, {sum(tandas):.0f} s of it at work:")
    consola.print(f"{len(tandas)} batches, p50 {median(tandas):.2f} s, longest {max(tandas):.2f} s")


def _p95(tiempos: list[float]) -> float:
    return quantiles(tiempos, n=20)[-1]
