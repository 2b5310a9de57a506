"""What only MariaDB can show: locks, and plans over enough rows for the optimizer to have a choice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared import archivo, consultas, esquema, reportes, resumenes
from shared.calendario import dias, medianoche
from shared.clima import TipoConsulta
from shared.conteo import TODOS
from shared.db import crear_motor
from shared.modelos import Consulta, Estado
from shared.paginas import pagina
from tests.conftest import hacer_settings
from tests.planes import Orden, Plan, explicar, ordenes
from tests.servidores import MariaDB
from tests.shared.test_reportes import hace, hoy, mes_pasado
from tests.siembra import sembrar


@pytest.fixture(scope="module")
def motor_grande(mariadb: MariaDB) -> Iterator[Engine]:
    motor = crear_motor(hacer_settings(mariadb.crear_base("cg_reportes"), "redis://127.0.0.1:1"))
    esquema.subir(motor)
    sembrar(motor, 20_000, 5)
    yield motor
    motor.dispose()


def sesion(motor: Engine) -> Session:
    s = Session(motor, expire_on_commit=False)
    s.execute(text("SET innodb_lock_wait_timeout = 1"))
    return s


def test_resumir_y_reintentar_se_esperan(motor_grande: Engine) -> None:
    with sesion(motor_grande) as resume, sesion(motor_grande) as reintenta:
        del_dia = select(func.max(Consulta.id)).where(Consulta.estado == Estado.ERROR, Consulta.creada_en < hace(2, 0))
        consulta_id = reintenta.scalars(del_dia).one()
        tramo = (hace(3, 0), hace(2, 0))
        assert consultas.reintentar(reintenta, consulta_id)
        with pytest.raises(OperationalError, match="Lock wait timeout"):
            resumenes.anadir(resume, tramo[0].date(), tramo, primero=True)
        resume.rollback()
        reintenta.rollback()
        assert resumenes.anadir(resume, tramo[0].date(), tramo, primero=True)
        with pytest.raises(OperationalError, match="Lock wait timeout"):
            consultas.reintentar(reintenta, consulta_id)
        reintenta.rollback()
        resume.rollback()


def test_sumar_un_mes_y_reintentar_se_esperan(motor_grande: Engine) -> None:
    mes, fin = mes_pasado(3), mes_pasado(2)
    suyos = set(dias(mes, fin - timedelta(1)))
    with sesion(motor_grande) as suma, sesion(motor_grande) as reintenta:
        for dia in suyos:
            resumenes.anadir(suma, dia, (medianoche(dia), medianoche(dia + timedelta(1))), primero=True)
        suma.commit()
        del_mes = select(func.max(Consulta.id)).where(
            Consulta.estado == Estado.ERROR, Consulta.creada_en < medianoche(fin)
        )
        consulta_id = reintenta.scalars(del_mes).one()
        assert consultas.reintentar(reintenta, consulta_id)
        with pytest.raises(OperationalError, match="Lock wait timeout"):
            resumenes.sumar_mes(suma, mes, suyos)
        suma.rollback()
        reintenta.rollback()
        assert resumenes.sumar_mes(suma, mes, suyos)
        with pytest.raises(OperationalError, match="Lock wait timeout"):
            consultas.reintentar(reintenta, consulta_id)
        reintenta.rollback()
        suma.rollback()


def planes(motor: Engine, hechas: list[Orden], tabla: str) -> list[Plan]:
    explicadas = [orden for orden in hechas if tabla in orden.sql]
    assert explicadas
    return [plan for orden in explicadas for plan in explicar(motor, orden)]


@pytest.mark.parametrize(
    ("filtro", "indice"),
    [
        ({}, "ix_consultas_usuario"),
        ({"tipo": TipoConsulta.TIEMPO_REAL}, "ix_consultas_usuario_tipo"),
        ({"estado": Estado.COMPLETADA}, "ix_consultas_activas"),
        ({"ciudad": "medellin"}, "ix_consultas_usuario_ciudad"),
        ({"desde": hoy() - timedelta(90)}, "ix_consultas_usuario_creada"),
        ({"hasta": hoy() - timedelta(90)}, "ix_consultas_usuario_creada"),
        ({"desde": hoy() - timedelta(90), "hasta": hoy() - timedelta(60)}, "ix_consultas_usuario_creada"),
    ],
)
def test_cada_filtro_de_mis_consultas_usa_su_indice(motor_grande: Engine, filtro: dict[str, Any], indice: str) -> None:
    for numero in (1, 30):
        with Session(motor_grande) as s, ordenes(motor_grande) as hechas:
            pagina(s, archivo.seleccionar(2, **filtro), numero, 10)
        total, ids, *_ = todos = planes(motor_grande, hechas, "consultas")
        assert all(plan.type in ("ref", "range", "eq_ref", "const") for plan in todos), todos
        assert ids.key == indice
        assert total.key == indice or not filtro
        assert all("Using index" in plan.extra and "filesort" not in plan.extra for plan in (total, ids)), todos


@pytest.mark.parametrize(
    ("filtro", "indice"),
    [
        ({}, "PRIMARY"),
        ({"usuario_id": 2}, "ix_logs_actividad_usuario_id"),
        ({"accion": "login"}, "ix_logs_actividad_accion"),
        ({"ip": "10.0.1.1"}, "ix_logs_actividad_ip_address"),
        ({"desde": hoy() - timedelta(90), "hasta": hoy() - timedelta(60)}, "ix_logs_actividad_creado_en"),
    ],
)
def test_cada_filtro_de_la_auditoria_usa_su_indice(motor_grande: Engine, filtro: dict[str, Any], indice: str) -> None:
    with Session(motor_grande) as s, ordenes(motor_grande) as hechas:
        pagina(s, reportes.seleccionar_actividad(**filtro), 3, 10)
    todos = planes(motor_grande, hechas, "logs_actividad")
    assert all(plan.type != "ALL" and "filesort" not in plan.extra for plan in todos), todos
    assert todos[1].key == indice


@pytest.mark.parametrize("quien", [2, TODOS])
def test_las_estadisticas_leen_por_indices(motor_grande: Engine, quien: int) -> None:
    with Session(motor_grande) as s:
        for _ in range(5):
            assert resumenes.resumir(s)
        with ordenes(motor_grande) as hechas:
            reportes.estadisticas(s, quien, hoy() - timedelta(20), hoy())
        todos = planes(motor_grande, [o for o in hechas if "api_keys" not in o.sql], "SELECT")
        assert all(plan.type != "ALL" for plan in todos), todos
        s.rollback()
