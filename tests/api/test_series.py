"""The rows of a historico are read by its download, and by nothing else: told by the SQL that reaches the database."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from api.base import db
from shared.modelos import Base, Pasado, Respuesta, Serie
from shared.settings import Settings
from tests.api.ayuda import entrar
from tests.planes import Orden, ordenes
from tests.worker.test_proceso import Doble, dias
from worker.proceso import Proceso

PESADAS = re.compile("|".join(rf"\b{t.__tablename__}\b" for t in (Serie, Respuesta, Pasado)))
MES = {"latitud": 0, "longitud": 0, "fecha_inicio": "2024-01-01", "fecha_fin": "2024-01-31"}
LIGERAS = [
    "/api/consultas/mis-consultas",
    "/api/consultas/{id}",
    "/api/consultas/{id}?esperar=1",
    "/api/consultas/{id}/eventos",
    "/api/consultas/lotes/{lote}",
    "/api/reportes/estadisticas",
]


@pytest.fixture
def motor_api(app: Flask) -> Engine:
    with app.app_context():
        return db.engine


def pesadas(hechas: list[Orden]) -> list[str]:
    return [o.sql for o in hechas if PESADAS.search(o.sql)]


def test_ni_la_lista_ni_la_consulta_leen_las_series(
    cliente: FlaskClient, settings: Settings, motor_api: Engine
) -> None:
    con = entrar(cliente)
    cuerpo = {"consultas": [{"tipo": "historico", **MES}]}
    lote = cliente.post("/api/consultas/lote", json=cuerpo, headers=con).json
    proceso = Proceso(settings, {"openmeteo": Doble(dias)})
    proceso.procesar(lote["consultas"][0])
    proceso.sesiones.motor.dispose()
    suyos = {"id": lote["consultas"][0], "lote": lote["lote_id"]}
    for ruta in LIGERAS:
        with ordenes(motor_api) as hechas:
            r = cliente.get(ruta.format(**suyos), headers=con)
            assert r.status_code == 200
            assert b"completada" in r.data
        assert hechas
        assert pesadas(hechas) == [], ruta
    with ordenes(motor_api) as hechas:
        r = cliente.get("/api/consultas/{id}/descargar?formato=csv".format(**suyos), headers=con)
        assert len(r.data.splitlines()) == 32
    assert pesadas(hechas)


def test_lo_que_pesa_esta_en_tablas_aparte() -> None:
    """A SELECT of a consulta or of its datos_clima cannot bring a blob along."""
    grandes = {t.name for t in Base.metadata.tables.values() for c in t.c if c.type.python_type is bytes}
    assert grandes == {t.__tablename__ for t in (Serie, Respuesta, Pasado)}
