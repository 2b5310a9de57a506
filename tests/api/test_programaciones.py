from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from api.base import db
from shared import programaciones
from shared.db import ahora
from shared.modelos import Programacion
from shared.settings import Settings
from tests.api.ayuda import como, entrar, problema
from worker.proceso import Proceso
from worker.programador import Programador

RUTA = "/api/programaciones"
NOCTURNA: dict[str, Any] = {
    "nombre": "Lluvia de la semana",
    "cron": "0 2 * * *",
    "zona_horaria": "America/Bogota",
    "tipo": "historico",
    "lugares": [{"ciudad": "Medellín"}, {"latitud": 4.6, "longitud": -74.08}],
    "ventana_dias": 3,
    "parametros": ["precipitacion"],
    "proveedores": ["openmeteo"],
}
DE_AHORA = {c: v for c, v in NOCTURNA.items() if c != "ventana_dias"} | {"tipo": "tiempo_real"}


@pytest.fixture
def con(cliente: FlaskClient) -> dict[str, str]:
    return entrar(cliente)


@pytest.fixture
def proceso(settings: Settings, cliente: FlaskClient) -> Iterator[Proceso]:
    hecho = Proceso(settings)
    yield hecho
    hecho.sesiones.motor.dispose()


def crear(cliente: FlaskClient, con: dict[str, str], **otros: Any) -> dict[str, Any]:
    respuesta = cliente.post(RUTA, json=NOCTURNA | otros, headers=con)
    assert respuesta.status_code == 201, respuesta.text
    programacion: dict[str, Any] = respuesta.json["programacion"]
    assert respuesta.headers["Location"] == f"{RUTA}/{programacion['id']}"
    return programacion


def leer(cliente: FlaskClient, con: dict[str, str], programacion_id: int) -> dict[str, Any]:
    programacion: dict[str, Any] = cliente.get(f"{RUTA}/{programacion_id}", headers=con).json["programacion"]
    return programacion


def vencer(app: Flask) -> None:
    with app.app_context():
        db.session.execute(update(Programacion).values(proxima_en=ahora(-90)))
        db.session.commit()


# --- writing them ----------------------------------------------------------------------------------------


def test_se_guarda_y_se_lee_con_su_proxima_hora(cliente: FlaskClient, con: dict[str, str]) -> None:
    creada = crear(cliente, con, cron="  0  7 * * MON ", zona_horaria="Etc/UTC")
    assert creada == leer(cliente, con, creada["id"])
    assert creada["cron"] == "0 7 * * MON"
    assert creada["proxima_en"].endswith("T07:00:00Z")
    assert (creada["favoritas"], creada["resolucion"], creada["formato"]) == (False, "diaria", "json")
    assert (creada["activa"], creada["ultima_ejecucion"]) == (True, None)
    assert creada["lugares"] == NOCTURNA["lugares"]


def test_la_lista_trae_las_propias_y_admin_puede_ver_todas(
    app: Flask, cliente: FlaskClient, con: dict[str, str]
) -> None:
    suya, apagada = crear(cliente, con), crear(cliente, con, activa=False)
    ids = [p["id"] for p in cliente.get(RUTA, headers=con).json["programaciones"]]
    assert ids == [suya["id"], apagada["id"]]
    assert [p["id"] for p in cliente.get(f"{RUTA}?activa=true", headers=con).json["programaciones"]] == [suya["id"]]
    admin = como(app, cliente, "jefa", "admin")
    assert cliente.get(RUTA, headers=admin).json["total"] == 0
    assert cliente.get(f"{RUTA}?ambito=todos", headers=admin).json["total"] == 2
    problema(cliente.get(f"{RUTA}?ambito=todos", headers=con), 403)


@pytest.mark.parametrize(
    ("cambio", "campo"),
    [
        ({"cron": "60 * * * *"}, "cron"),  # each with its reason: tests/shared/test_cron.py
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": "* * * * * *"}, "cron"),
        ({"cron": "*/10 * * * *"}, "cron"),  # sooner again than CRON_MINIMO_S
        ({"cron": "0,14 3 * * 1"}, "cron"),
        ({"cron": "55,5 0,23 * * *"}, "cron"),
        ({"zona_horaria": "Bogotá"}, "zona_horaria"),
        ({"zona_horaria": "../etc/passwd"}, "zona_horaria"),
        ({"lugares": []}, "lugares"),
        ({"lugares": [{"ciudad": "Cali"}] * 101}, "lugares"),
        ({"lugares": [{}]}, "lugares.0.ciudad"),
        ({"lugares": [{"latitud": 1}]}, "lugares.0.longitud"),
        ({"favoritas": True}, "lugares"),
        ({"ventana_dias": 0}, "ventana_dias"),
        ({"ventana_dias": 367, "resolucion": "horaria"}, "ventana_dias"),
        ({"tipo": "tiempo_real"}, "ventana_dias"),
        ({"nombre": ""}, "nombre"),
        ({"otro": 1}, "otro"),
    ],
)
def test_lo_que_no_vale_se_dice_por_su_nombre(
    cliente: FlaskClient, con: dict[str, str], cambio: dict[str, Any], campo: str
) -> None:
    assert campo in problema(cliente.post(RUTA, json=NOCTURNA | cambio, headers=con), 422)["errores"]
    assert cliente.get(RUTA, headers=con).json["total"] == 0


@pytest.mark.parametrize("falta", ["nombre", "cron", "zona_horaria", "tipo", "lugares", "ventana_dias"])
def test_lo_que_falta_se_dice_por_su_nombre(cliente: FlaskClient, con: dict[str, str], falta: str) -> None:
    cuerpo = {campo: valor for campo, valor in NOCTURNA.items() if campo != falta}
    assert falta in problema(cliente.post(RUTA, json=cuerpo, headers=con), 422)["errores"]


def test_se_cambia_lo_que_se_envia_y_nada_mas(cliente: FlaskClient, con: dict[str, str]) -> None:
    antes = crear(cliente, con)
    ruta = f"{RUTA}/{antes['id']}"
    despues = cliente.patch(ruta, json={"nombre": "Otra", "favoritas": True}, headers=con).json["programacion"]
    distinto = {campo for campo in antes if antes[campo] != despues[campo]} - {"actualizada_en"}
    assert distinto == {"nombre", "lugares", "ubicaciones", "favoritas"}
    assert (despues["lugares"], despues["favoritas"]) == (None, True)
    apagada = cliente.patch(ruta, json={"activa": False}, headers=con).json["programacion"]
    assert apagada["proxima_en"] is None
    de_ahora = cliente.patch(ruta, json={"tipo": "tiempo_real"}, headers=con).json["programacion"]
    assert (de_ahora["ventana_dias"], de_ahora["resolucion"]) == (None, None)


@pytest.mark.parametrize(
    ("guardada", "cambio", "campo"),
    [
        (NOCTURNA, {"resolucion": "horaria"}, None),
        (NOCTURNA | {"ventana_dias": 400}, {"resolucion": "horaria"}, "ventana_dias"),
        (DE_AHORA, {"tipo": "historico"}, "ventana_dias"),
        (DE_AHORA, {"ventana_dias": 3}, "ventana_dias"),
        (NOCTURNA, {"favoritas": True, "lugares": [{"ciudad": "Cali"}]}, "lugares"),
        (NOCTURNA | {"favoritas": False}, {"favoritas": False}, None),
    ],
)
def test_un_cambio_tiene_que_encajar_con_lo_demas(
    cliente: FlaskClient, con: dict[str, str], guardada: dict[str, Any], cambio: dict[str, Any], campo: str | None
) -> None:
    suya = cliente.post(RUTA, json=guardada, headers=con).json["programacion"]
    respuesta = cliente.patch(f"{RUTA}/{suya['id']}", json=cambio, headers=con)
    if campo is None:
        assert respuesta.status_code == 200
        return
    assert campo in problema(respuesta, 422)["errores"]
    assert leer(cliente, con, suya["id"]) == suya


def test_borrada_no_queda_nada_de_ella_mas_que_sus_consultas(cliente: FlaskClient, con: dict[str, str]) -> None:
    suya = crear(cliente, con)
    lote = cliente.post(f"{RUTA}/{suya['id']}/ejecutar", headers=con).headers["Location"]
    assert cliente.delete(f"{RUTA}/{suya['id']}", headers=con).status_code == 204
    problema(cliente.get(f"{RUTA}/{suya['id']}", headers=con), 404)
    assert cliente.get(lote, headers=con).json["total"] == 2


def test_quien_tiene_el_maximo_no_guarda_otra(
    cliente: FlaskClient, con: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programaciones, "MAXIMO", 1)
    crear(cliente, con)
    assert "1 programaciones" in problema(cliente.post(RUTA, json=NOCTURNA, headers=con), 409)["detail"]


# --- running them ----------------------------------------------------------------------------------------


def test_a_mano_hace_un_lote_y_una_segunda_vez_espera_a_la_primera(cliente: FlaskClient, con: dict[str, str]) -> None:
    suya = crear(cliente, con)
    respuesta = cliente.post(f"{RUTA}/{suya['id']}/ejecutar", headers=con)
    assert respuesta.status_code == 202
    ejecucion = respuesta.json["ejecucion"]
    assert (ejecucion["estado"], ejecucion["manual"], ejecucion["total"]) == ("en_curso", True, 2)
    assert respuesta.headers["Location"] == ejecucion["enlaces"]["lote"]
    problema(cliente.post(f"{RUTA}/{suya['id']}/ejecutar", headers=con), 409)


def test_sin_favoritas_no_hay_nada_que_ejecutar_y_se_dice(cliente: FlaskClient, con: dict[str, str]) -> None:
    cuerpo = {c: v for c, v in NOCTURNA.items() if c != "lugares"} | {"favoritas": True}
    suya = cliente.post(RUTA, json=cuerpo, headers=con).json["programacion"]
    detalle = problema(cliente.post(f"{RUTA}/{suya['id']}/ejecutar", headers=con), 409)["detail"]
    assert "favoritas" in detalle


def test_a_su_hora_se_hace_se_sigue_y_se_sabe_como_acabo(
    app: Flask, cliente: FlaskClient, con: dict[str, str], settings: Settings, proceso: Proceso
) -> None:
    """The whole route: due, dispatched, worked on by the worker's own code, closed."""
    suya = crear(cliente, con)
    vencer(app)
    programador = Programador(settings, proceso.sesiones)
    programador.lanzar()
    programador.cerrar()
    en_curso = leer(cliente, con, suya["id"])["ultima_ejecucion"]
    assert (en_curso["estado"], en_curso["total"], en_curso["completadas"]) == ("en_curso", 2, 0)
    assert 0 <= en_curso["atraso_s"] <= 100

    proceso.procesar_justa()
    mitad = cliente.get(f"{RUTA}/{suya['id']}/ejecuciones", headers=con).json["ejecuciones"][0]
    assert (mitad["estado"], mitad["completadas"], mitad["terminada_en"]) == ("en_curso", 1, None)

    proceso.procesar_justa()
    programador.cerrar()
    fin = leer(cliente, con, suya["id"])["ultima_ejecucion"]
    assert (fin["estado"], fin["completadas"], fin["errores"]) == ("completada", 2, 0)
    assert fin["terminada_en"]
    descarga = cliente.get(fin["enlaces"]["descargar"], headers=con)
    assert len(descarga.text.splitlines()) == 1 + 2 * 3


def test_sus_consultas_van_con_los_historicos_y_dicen_de_quien_son(
    cliente: FlaskClient, con: dict[str, str], proceso: Proceso
) -> None:
    suya = cliente.post(RUTA, json=DE_AHORA, headers=con).json["programacion"]
    cliente.post(f"{RUTA}/{suya['id']}/ejecutar", headers=con)
    proceso.procesar_justa()
    hechas = cliente.get("/api/consultas/mis-consultas?estado=completada", headers=con).json["consultas"]
    assert [(c["tipo_consulta"], c["programacion_id"]) for c in hechas] == [("tiempo_real", suya["id"])]


# --- watching them ---------------------------------------------------------------------------------------


def test_health_y_metrics_dicen_que_no_se_ejecuto(
    app: Flask, cliente: FlaskClient, con: dict[str, str], settings: Settings, proceso: Proceso
) -> None:
    suya = crear(cliente, con)
    assert cliente.get("/health/ready").json["programaciones"]["activas"] == 1
    assert "climaguru_programaciones_atrasadas 0.0" in cliente.get("/metrics").text
    with app.app_context():
        db.session.execute(update(Programacion).values(proxima_en=ahora(-4000)))
        db.session.commit()
    app.extensions["revista"].olvidar()
    lista = cliente.get("/health/ready")
    assert lista.status_code == 200
    assert (lista.json["programaciones"]["atrasadas"], round(lista.json["programaciones"]["atraso_s"], -2)) == (1, 4000)
    assert "Hay programaciones sin ejecutar a su hora: 1." in lista.json["avisos"]
    assert "climaguru_programaciones_atrasadas 1.0" in cliente.get("/metrics").text

    programador = Programador(settings, proceso.sesiones)
    programador.lanzar()
    ultima = leer(cliente, con, suya["id"])["ultima_ejecucion"]
    for consulta_id in cliente.get(ultima["enlaces"]["lote"], headers=con).json["consultas"]:
        cliente.post(f"/api/consultas/{consulta_id}/cancelar", headers=con)
    programador.cerrar()
    app.extensions["revista"].olvidar()
    lista = cliente.get("/health/ready")
    assert lista.json["programaciones"]["ultimas_24h"] == {"completada": 0, "parcial": 0, "error": 1}
    assert "Hay ejecuciones de las últimas 24 h que acabaron mal, en todo o en parte: 1." in lista.json["avisos"]
    assert 'climaguru_ejecuciones_24h{estado="error"} 1.0' in cliente.get("/metrics").text
    assert 'climaguru_ejecuciones_consultas_24h{fin="errores"} 2.0' in cliente.get("/metrics").text


def test_sin_beat_se_avisa_aunque_se_atienda(cliente: FlaskClient) -> None:
    lista = cliente.get("/health/ready")
    assert (lista.status_code, lista.json["beat_s"]) == (200, None)
    assert any(aviso.startswith("Beat no da señales") for aviso in lista.json["avisos"])
    assert "climaguru_beat_silencio_seconds" not in cliente.get("/metrics").text
