from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from api.base import db
from shared import consultas
from shared.clima import TipoConsulta
from shared.modelos import Consulta
from shared.settings import Settings
from tests.api.ayuda import entrar, problema
from worker.proceso import Proceso

AYER = str((datetime.now(UTC) - timedelta(days=3)).date())
AHORA = {"tipo": "tiempo_real", "ciudad": "Medellín", "proveedores": ["openmeteo"]}
ANTES = {"tipo": "historico", "ciudad": "Cali", "fecha_inicio": AYER, "fecha_fin": AYER, "formato": "csv"}


def pedir(cliente: FlaskClient, con: dict[str, str], *elementos: Any, **cabeceras: str) -> Any:
    return cliente.post("/api/consultas/lote", json={"consultas": elementos}, headers={**con, **cabeceras})


@pytest.fixture
def proceso(settings: Settings, cliente: FlaskClient) -> Iterator[Proceso]:
    hecho = Proceso(settings)
    yield hecho
    hecho.sesiones.motor.dispose()


def test_un_lote_se_acepta_entero_y_en_orden(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    respuesta = pedir(cliente, con, AHORA, ANTES)
    assert respuesta.status_code == 202
    cuerpo = respuesta.json
    assert (cuerpo["total"], len(cuerpo["consultas"])) == (2, 2)
    tipos = [cliente.get(f"/api/consultas/{i}", headers=con).json["consulta"] for i in cuerpo["consultas"]]
    assert [c["tipo_consulta"] for c in tipos] == ["tiempo_real", "historico"]
    assert {c["lote_id"] for c in tipos} == {cuerpo["lote_id"]}
    lote = cliente.get(respuesta.headers["Location"], headers=con).json
    assert lote["por_estado"] == {"pendiente": 2, "procesando": 0, "completada": 0, "error": 0}
    assert (lote["progreso"], lote["terminado"]) == (0, False)


@pytest.mark.parametrize(
    ("malo", "campo"),
    [
        ({**AHORA, "latitud": 91, "longitud": 0}, "consultas.1.latitud"),
        ({**AHORA, "tipo": "manana"}, "consultas.1.tipo"),
        ({"ciudad": "Cali"}, "consultas.1.tipo"),
        ({**ANTES, "fecha_fin": "2000-01-01"}, "consultas.1.fecha_fin"),
        ({**AHORA, "otro": 1}, "consultas.1.otro"),
        (7, "consultas.1"),
    ],
)
def test_uno_malo_rechaza_el_lote_entero_y_dice_cual(app: Flask, cliente: FlaskClient, malo: Any, campo: str) -> None:
    con = entrar(cliente)
    cuerpo = problema(pedir(cliente, con, AHORA, malo), 422)
    assert list(cuerpo["errores"]) == [campo]
    assert cliente.get("/api/consultas/mis-consultas", headers=con).json["total"] == 0


@pytest.mark.parametrize("cuantas", [0, 501])
def test_un_lote_lleva_entre_una_y_quinientas(cliente: FlaskClient, cuantas: int) -> None:
    cuerpo = problema(pedir(cliente, entrar(cliente), *[AHORA] * cuantas), 422)
    assert list(cuerpo["errores"]) == ["consultas"]


def test_quinientas_caben_en_una_cuenta_vacia_y_ni_una_mas(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    lugares = [{"tipo": "tiempo_real", "latitud": n / 100, "longitud": 0} for n in range(500)]
    assert len(pedir(cliente, con, *lugares).json["consultas"]) == 500
    respuesta = pedir(cliente, con, AHORA)
    problema(respuesta, 429)
    assert respuesta.headers["Retry-After"]
    assert respuesta.json["detail"].startswith("Puede tener 500 consultas sin terminar: tiene 500 y pide 1 más.")


def test_un_lote_que_no_cabe_entero_no_entra_en_parte(
    cliente: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "max_activas", 3)
    con = entrar(cliente)
    assert pedir(cliente, con, AHORA, AHORA).status_code == 202
    assert problema(pedir(cliente, con, AHORA, AHORA), 429)["detail"].endswith("Espere a que acaben algunas.")
    assert problema(pedir(cliente, con, *[AHORA] * 4), 429)["detail"].endswith("Envíe menos de una vez.")
    assert cliente.get("/api/consultas/mis-consultas", headers=con).json["total"] == 2
    assert pedir(cliente, con, AHORA).status_code == 202


def test_reintentar_pasa_por_la_misma_puerta(
    cliente: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "max_activas", 2)
    con = entrar(cliente)
    primera, segunda = pedir(cliente, con, AHORA, AHORA).json["consultas"]
    cliente.post(f"/api/consultas/{primera}/cancelar", headers=con)
    assert pedir(cliente, con, AHORA).status_code == 202
    problema(cliente.post(f"/api/consultas/{primera}/reintentar", headers=con), 429)
    cliente.post(f"/api/consultas/{segunda}/cancelar", headers=con)
    assert cliente.post(f"/api/consultas/{primera}/reintentar", headers=con).status_code == 202


def test_las_de_un_lote_esperan_su_turno_con_los_historicos(app: Flask, cliente: FlaskClient) -> None:
    ana, beto = entrar(cliente), entrar(cliente, "beto")
    pedir(cliente, ana, *[AHORA] * 5)
    (de_beto,) = pedir(cliente, beto, AHORA).json["consultas"]
    with app.app_context():
        s = db.session()
        assert set(s.scalars(select(Consulta.cola))) == {TipoConsulta.HISTORICO}
        primero = consultas.tomar_justa(s, TipoConsulta.HISTORICO)
        segundo = consultas.tomar_justa(s, TipoConsulta.HISTORICO)
        assert primero
        assert segundo
        assert (segundo.id, primero.con_calma) == (de_beto, True)
        s.rollback()


def test_de_muchos_timbres_a_la_vez_ninguno_vuelve_con_las_manos_vacias(cliente: FlaskClient, proceso: Proceso) -> None:
    """A bell that finds another's hand on the one consulta that it looks at would be lost until the next sweep."""
    con, timbres = entrar(cliente), 24
    pedir(cliente, con, *[AHORA] * timbres)
    todos = Barrier(timbres)

    def tomar(_: int) -> int | None:
        todos.wait(60)
        encargo = proceso.sesiones.hacer(lambda s: consultas.tomar_justa(s, TipoConsulta.HISTORICO))
        return encargo.id if encargo else None

    with ThreadPoolExecutor(timbres) as hilos:
        tomadas = list(hilos.map(tomar, range(timbres)))
    assert None not in tomadas
    assert len(set(tomadas)) == timbres


def test_la_misma_clave_de_idempotencia_es_el_mismo_lote_tambien_a_la_vez(app: Flask, cliente: FlaskClient) -> None:
    con = entrar(cliente)

    def uno(_: int) -> tuple[int, int]:
        respuesta = pedir(app.test_client(), con, AHORA, ANTES, **{"Idempotency-Key": "la-mia"})
        return respuesta.status_code, respuesta.json["lote_id"]

    with ThreadPoolExecutor(8) as hilos:
        hechos = list(hilos.map(uno, range(8)))
    assert sorted(estado for estado, _ in hechos) == [200] * 7 + [202]
    assert len({lote for _, lote in hechos}) == 1
    assert cliente.get("/api/consultas/mis-consultas", headers=con).json["total"] == 2
    problema(pedir(cliente, con, AHORA, **{"Idempotency-Key": "la-mia"}), 422)


def test_un_lote_saturado_no_escribe_nada(cliente: FlaskClient, settings: Settings, monkeypatch: Any) -> None:
    monkeypatch.setattr(settings, "max_pendientes", 1)
    con = entrar(cliente)
    problema(pedir(cliente, con, AHORA, AHORA), 503)
    assert cliente.get("/api/consultas/mis-consultas", headers=con).json["total"] == 0


def test_un_lote_sin_terminar_no_se_descarga(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    cuerpo = problema(cliente.get(pedir(cliente, con, AHORA).json["enlaces"]["descargar"], headers=con), 409)
    assert "1" in cuerpo["detail"]


@pytest.fixture
def terminado(app: Flask, cliente: FlaskClient, proceso: Proceso) -> tuple[dict[str, str], dict[str, Any]]:
    """A lote of one tiempo_real, one historico and one that was cancelled; the owner's headers too."""
    con = entrar(cliente)
    lote = pedir(cliente, con, AHORA, ANTES, {**AHORA, "ciudad": "=1+1"}).json
    cliente.post(f"/api/consultas/{lote['consultas'][2]}/cancelar", headers=con)
    proceso.procesar(lote["consultas"][0])
    proceso.procesar_justa()
    leido: dict[str, Any] = cliente.get(lote["enlaces"]["self"], headers=con).get_json()
    return con, leido


def test_el_csv_trae_cada_consulta_y_las_que_fallaron_sin_valores(
    cliente: FlaskClient, terminado: tuple[dict[str, str], dict[str, Any]]
) -> None:
    con, lote = terminado
    assert (lote["terminado"], lote["progreso"]) == (True, 100)
    respuesta = cliente.get(lote["enlaces"]["descargar"], headers=con)
    assert respuesta.headers["Content-Disposition"] == f'attachment; filename="lote_{lote["lote_id"]}.csv"'
    filas = list(csv.DictReader(io.StringIO(respuesta.text)))
    assert [int(f["consulta_id"]) for f in filas] == lote["consultas"]
    assert [f["estado"] for f in filas] == ["completada", "completada", "error"]
    assert filas[1]["fecha"] == AYER
    assert all(float(f["temperatura"]) for f in filas[:2])
    assert (filas[2]["temperatura"], filas[2]["codigo_error"], filas[2]["ciudad"]) == ("", "cancelada", "'=1+1")


def test_el_zip_trae_un_fichero_por_consulta_y_un_manifiesto(
    cliente: FlaskClient, terminado: tuple[dict[str, str], dict[str, Any]]
) -> None:
    con, lote = terminado
    una, otra, tercera = lote["consultas"]
    respuesta = cliente.get(lote["enlaces"]["descargar"] + "?formato=zip", headers=con)
    assert respuesta.content_type == "application/zip"
    paquete = zipfile.ZipFile(io.BytesIO(respuesta.data))
    assert paquete.testzip() is None
    assert set(paquete.namelist()) == {f"consulta_{una}.json", f"consulta_{otra}.csv", "manifiesto.json"}
    manifiesto = json.loads(paquete.read("manifiesto.json"))
    assert [(m["id"], m["estado"]) for m in manifiesto] == [
        (una, "completada"),
        (otra, "completada"),
        (tercera, "error"),
    ]
    propia = cliente.get(f"/api/consultas/{una}/descargar", headers=con)
    assert paquete.read(f"consulta_{una}.json") == propia.data
