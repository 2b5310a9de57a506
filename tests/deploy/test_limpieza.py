"""climaguru limpiar, on MariaDB and on SQLite."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import Engine, select

from deploy.limpieza import NOMBRES
from shared.db import Sesiones
from shared.modelos import Base, Estado, LogActividad
from shared.retencion import CLASES
from tests.deploy.ordenes import climaguru, entorno_de, queja
from tests.pila import entorno_limpio
from tests.servidores import esperar
from tests.shared.test_limpieza import cifras, hace, poner, presente, quedan, resumir_todo
from tests.shared.test_limpieza import leer as leer_todo
from tests.shared.test_limpieza import sesiones as _sesiones

sesiones = _sesiones
CONSULTAS = {"RETENCION_CONSULTAS_DIAS": "7", "RETENCION_RESPUESTAS_DIAS": "0"}
CUANTAS = 3000


def limpiar(motor: Engine, *opciones: str, **ajustes: str) -> Result:
    return climaguru(entorno_de(motor, **(ajustes or CONSULTAS)), "limpiar", *opciones)


def registros(sesiones: Sesiones) -> list[Any]:
    with sesiones.transaccion() as s:
        return [(fila.accion, fila.detalle) for fila in s.scalars(select(LogActividad))]


def test_borra_dice_cuanto_y_deja_constancia(motor: Engine, sesiones: Sesiones) -> None:
    poner(sesiones, 14, estado=Estado.PENDIENTE)  # its day is not counted from there on
    for dias in (14, 12, 9, 3):
        poner(sesiones, dias)
    resumir_todo(sesiones)
    r = limpiar(motor)
    assert r.exit_code == 0, r.output
    assert f"del {hace(12):%Y-%m-%d} al {hace(9):%Y-%m-%d} (consultas terminadas" in r.output
    assert "RETENCION_CONSULTAS_DIAS=7" in r.output
    assert "logs: se guardan siempre (RETENCION_LOGS_DIAS=0)." in r.output
    assert registros(sesiones) == [("limpiar", {"consultas": 2})]
    assert "1 más esperan a que los resúmenes" in r.output
    assert len(quedan(sesiones)) == 3


def test_simular_cuenta_lo_mismo_y_no_toca_nada(motor: Engine, sesiones: Sesiones) -> None:
    for dias in (14, 12, 9, 3):
        poner(sesiones, dias, piezas=2)
    resumir_todo(sesiones)
    antes = presente(leer_todo(sesiones))
    simulada = limpiar(motor, "--simular")
    assert simulada.exit_code == 0
    assert "consultas: se borrarían 3, del " in simulada.output
    assert "No se borró nada." in simulada.output
    assert presente(leer_todo(sesiones)) == antes
    assert registros(sesiones) == []
    assert "consultas: se borraron 3, del " in limpiar(motor).output


def test_cada_clase_tiene_un_nombre_que_se_lee() -> None:
    assert set(NOMBRES) == {clase.nombre for clase in CLASES}


def test_sin_retencion_no_se_borra_nada(motor: Engine, sesiones: Sesiones) -> None:
    poner(sesiones, 15, piezas=1, parcial=True, ajenas=1)
    resumir_todo(sesiones)
    r = limpiar(motor, FLASK_ENV="testing")
    assert r.output.count("se guardan siempre") == 5
    assert len(quedan(sesiones)) == 1
    assert registros(sesiones) == []


def test_si_la_matan_se_repite_y_los_reportes_no_cambian(motor: Engine, sesiones: Sesiones) -> None:
    """By SIGKILL, in the middle."""
    de_golpe(sesiones)
    antes = cifras(sesiones)
    with _aparte(motor) as proceso:
        esperar(lambda: len(quedan(sesiones)) < CUANTAS, "the first batch")
        proceso.kill()
    hechas = CUANTAS - len(quedan(sesiones))
    assert 0 < hechas < CUANTAS
    assert cifras(sesiones) == antes
    assert f"consultas: se borraron {CUANTAS - hechas}, " in limpiar(motor).output
    assert quedan(sesiones) == set()
    assert cifras(sesiones) == antes


def test_con_ctrl_c_se_para_entre_dos_tandas_y_lo_dice(motor: Engine, sesiones: Sesiones) -> None:
    de_golpe(sesiones)
    with _aparte(motor) as proceso:
        esperar(lambda: len(quedan(sesiones)) < CUANTAS, "the first batch")
        proceso.send_signal(signal.SIGINT)
        _, errores = proceso.communicate()
    assert proceso.returncode == 1
    assert "Se cortó aquí. Lo borrado queda borrado" in errores.decode()
    hechas = CUANTAS - len(quedan(sesiones))
    assert 0 < hechas < CUANTAS
    assert registros(sesiones) == [("limpiar", {"consultas": hechas})]


def de_golpe(sesiones: Sesiones) -> None:
    """CUANTAS old consultas."""
    modelo = poner(sesiones, 9)
    with sesiones.transaccion() as s:
        tabla = Base.metadata.tables["consultas"]
        fila = dict(s.execute(select(tabla).where(tabla.c.id == modelo)).mappings().one())
        s.execute(tabla.insert(), [{**fila, "id": modelo + n} for n in range(1, CUANTAS)])
    resumir_todo(sesiones)


def _aparte(motor: Engine) -> subprocess.Popen[bytes]:
    entorno = entorno_limpio(**entorno_de(motor, **CONSULTAS))
    return subprocess.Popen([sys.executable, "-m", "deploy.cli", "limpiar"], env=entorno, stdout=-1, stderr=-1)


@pytest.mark.parametrize("malo", ["-1", "siete", "1.5", "99999"])
def test_un_plazo_que_no_se_entiende_no_borra(motor: Engine, sesiones: Sesiones, malo: str) -> None:
    poner(sesiones, 9)
    resumir_todo(sesiones)
    r = limpiar(motor, RETENCION_CONSULTAS_DIAS=malo)
    assert r.exit_code == 1
    assert "RETENCION_CONSULTAS_DIAS" in str(r.output)
    assert len(quedan(sesiones)) == 1


def test_sin_tablas_se_dice_que_hacer(motor_sqlite: Engine, tmp_path: Path) -> None:
    assert "climaguru db upgrade" in queja(limpiar(motor_sqlite, DATABASE_URL=f"sqlite:///{tmp_path / 'nada.db'}"))
