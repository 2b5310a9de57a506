"""Batches on real processes: two beats at once, whoever runs them killed in mid-run, everything down for hours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import psutil
import pytest
import requests

from tests.caos.escenario import RAIZ, Escenario, atado
from tests.servidores import esperar

PROGRAMACIONES, LUGARES = 8, 5
CUERPO = {
    "cron": "0 0 1 1 *",  # no run comes due while a test lasts
    "zona_horaria": "America/Bogota",
    "tipo": "tiempo_real",
    "proveedores": ["openmeteo"],
    "parametros": ["temperatura"],
    "lugares": [{"latitud": 4 + n / 10, "longitud": -74} for n in range(LUGARES)],
}


@pytest.fixture
def vencidas(escenario: Escenario) -> Iterator[list[int]]:
    """Programaciones of several users, due when `encender` says so."""
    ids = []
    for n in range(PROGRAMACIONES):
        r = requests.post(
            f"{escenario.pila.base}/api/programaciones",
            json=CUERPO | {"nombre": f"Lote {n}"},
            headers=escenario.cabeceras[n % len(escenario.cabeceras)],
            timeout=60,
        )
        assert r.status_code == 201, r.text
        ids.append(r.json()["programacion"]["id"])
    yield ids
    pendientes = escenario.sql("SELECT id FROM @@consultas WHERE estado IN ('pendiente', 'procesando')")
    for (consulta_id,) in pendientes:
        donde = f"{escenario.pila.base}/api/consultas/{consulta_id}/cancelar"
        for cabeceras in escenario.cabeceras:
            requests.post(donde, headers=cabeceras, timeout=60)


def encender(e: Escenario, anos: int = 0) -> None:
    """All due at the same moment: since the first of January, or `anos` before."""
    primero = f"{datetime.now(UTC).year - anos}-01-01 05:00:00"
    e.sql("UPDATE @@programaciones SET proxima_en = %s WHERE proxima_en > UTC_TIMESTAMP()", primero)


def test_con_dos_agendas_cada_hora_se_ejecuta_una_vez(escenario: Escenario, vencidas: list[int]) -> None:
    otra = [sys.executable, "-m", "celery", "-A", "worker.app", "beat", "-s", str(escenario.carpeta / "otra")]
    with (escenario.carpeta / "otra.txt").open("ab") as salida:
        segunda = subprocess.Popen(
            atado([*otra, "--pidfile=", "-l", "WARNING"]),
            cwd=RAIZ,
            env=escenario.entorno() | escenario.secretos() | {"FLASK_ENV": "development"},
            stdin=subprocess.DEVNULL,
            stdout=salida,
            stderr=salida,
        )
    try:
        esperar(lambda: _latidos(escenario) > 1, "both beats sending")
        encender(escenario)
        esperar(lambda: _hechas(escenario, vencidas, "AND estado <> 'en_curso'") == len(vencidas), "their end")
    finally:
        segunda.terminate()
        segunda.wait(20)
    _cada_una_una_vez(escenario, vencidas)
    fines = escenario.sql(f"SELECT DISTINCT estado, completadas FROM @@ejecuciones WHERE {_suyas(vencidas)}")
    assert fines == [("completada", LUGARES)]


def test_si_matan_a_todos_a_mitad_no_falta_ni_sobra_nada(escenario: Escenario, vencidas: list[int]) -> None:
    """SIGKILL of beat and of every worker while the runs are being made; the supervisor starts them again."""
    encender(escenario)
    esperar(lambda: _hechas(escenario, vencidas) > 0, "the first run")
    for proceso in (*escenario.trabajadores(), *escenario.beat()):
        proceso.kill()
    _esperar_ejecuciones(escenario, vencidas)
    _cada_una_una_vez(escenario, vencidas)


def test_tras_anos_sin_nadie_se_recupera_una_vez_y_se_dice(escenario: Escenario, vencidas: list[int]) -> None:
    escenario.parar_pila()
    encender(escenario, anos=3)
    escenario.arrancar_pila()
    _esperar_ejecuciones(escenario, vencidas)
    _cada_una_una_vez(escenario, vencidas, saltadas=3)


def _esperar_ejecuciones(e: Escenario, ids: list[int]) -> None:
    esperar(lambda: _hechas(e, ids) >= len(ids), "a run of each")


def _cada_una_una_vez(e: Escenario, ids: list[int], *, saltadas: int = 0) -> None:
    sql = "SELECT programacion_id, total, saltadas FROM @@ejecuciones WHERE"
    assert e.sql(f"{sql} {_suyas(ids)} ORDER BY 1") == [(i, LUGARES, saltadas) for i in ids]
    sql = "SELECT programacion_id, COUNT(*), COUNT(DISTINCT lote_id) FROM @@consultas WHERE"
    assert e.sql(f"{sql} {_suyas(ids)} GROUP BY 1 ORDER BY 1") == [(i, LUGARES, 1) for i in ids]


def _hechas(e: Escenario, ids: list[int], y: str = "") -> int:
    cuantas: int = e.sql(f"SELECT COUNT(*) FROM @@ejecuciones WHERE {_suyas(ids)} {y}")[0][0]
    return cuantas


def _suyas(ids: list[int]) -> str:
    return f"programacion_id IN ({', '.join(map(str, ids))})"


def _latidos(e: Escenario) -> int:
    """Processes that are beats: those of the stack and the one beside it."""
    return len(e.beat()) + sum("worker.app beat" in " ".join(p.cmdline()) for p in psutil.Process().children())
