from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from api.base import db
from tests.api.ayuda import entrar, problema

NUEVA = {"proveedor": "meteoblue", "api_key": "canaria-de-prueba-9876", "api_secret": "secreto-de-prueba-5432"}


def guardar(cliente: FlaskClient, con: dict[str, str], **campos: Any) -> dict[str, Any]:
    respuesta = cliente.post("/api/api-keys", json={**NUEVA, **campos}, headers=con)
    assert respuesta.status_code == 201, respuesta.text
    clave: dict[str, Any] = respuesta.json["api_key"]
    assert respuesta.headers["Location"] == f"/api/api-keys/{clave['id']}"
    return clave


def columna(app: Flask, nombre: str) -> Any:
    with app.app_context():
        return db.session.execute(text(f"SELECT {nombre} FROM api_keys")).scalar()


def test_de_una_clave_solo_salen_sus_ultimos_cuatro(app: Flask, cliente: FlaskClient) -> None:
    con = entrar(cliente)
    clave = guardar(cliente, con)
    assert (clave["termina_en"], clave["tiene_secreto"], clave["prueba"]) == ("9876", True, None)
    lista = cliente.get("/api/api-keys", headers=con)
    una = cliente.get(f"/api/api-keys/{clave['id']}", headers=con)
    assert lista.json["api_keys"] == [una.json["api_key"]] == [clave]
    for respuesta in (lista, una):
        assert "canaria" not in respuesta.text
        assert "secreto-de" not in respuesta.text
    assert "canaria" not in columna(app, "api_key_encrypted")


@pytest.mark.parametrize(
    ("cambio", "campo"),
    [
        ({"proveedor": "openmeteo"}, "proveedor"),
        ({"proveedor": "otro"}, "proveedor"),
        ({"api_key": "corta"}, "api_key"),
        ({"api_key": "con espacios dentro"}, "api_key"),
        ({"api_key": "x" * 501}, "api_key"),
        ({"proveedor": "openweather"}, "api_secret"),
        ({"limite_consultas_diarias": -1}, "limite_consultas_diarias"),
        ({"limite_consultas_diarias": "10"}, "limite_consultas_diarias"),
        ({"usuario_id": 1}, "usuario_id"),
    ],
)
def test_una_clave_mala_nombra_el_campo(cliente: FlaskClient, cambio: dict[str, Any], campo: str) -> None:
    respuesta = cliente.post("/api/api-keys", json={**NUEVA, **cambio}, headers=entrar(cliente))
    assert list(problema(respuesta, 422)["errores"]) == [campo]
    assert "canaria" not in respuesta.text


def test_la_segunda_de_un_proveedor_es_409_tambien_a_la_vez(app: Flask, cliente: FlaskClient) -> None:
    con = entrar(cliente)

    def crear(_: int) -> int:
        return app.test_client().post("/api/api-keys", json=NUEVA, headers=con).status_code

    with ThreadPoolExecutor(8) as hilos:
        assert sorted(hilos.map(crear, range(8))) == [201] + [409] * 7
    guardar(cliente, entrar(cliente, "beto"))


def test_cambiar_la_clave_olvida_lo_que_se_sabia_de_la_vieja(app: Flask, cliente: FlaskClient) -> None:
    con = entrar(cliente)
    ruta = f"/api/api-keys/{guardar(cliente, con)['id']}"
    with app.app_context():
        db.session.execute(text("UPDATE api_keys SET rechazada_en = UTC_TIMESTAMP(6), prueba = 'rechazada'"))
        db.session.commit()
    assert cliente.get(ruta, headers=con).json["api_key"]["rechazada_en"]
    otra = cliente.patch(ruta, json={"api_key": "otra-clave-0001", "api_secret": None}, headers=con).json["api_key"]
    assert (otra["termina_en"], otra["tiene_secreto"]) == ("0001", False)
    assert (otra["rechazada_en"], otra["prueba"]) == (None, None)


def test_cambiar_lo_demas_deja_la_clave_como_esta(app: Flask, cliente: FlaskClient) -> None:
    con = entrar(cliente)
    ruta = f"/api/api-keys/{guardar(cliente, con)['id']}"
    antes = columna(app, "api_key_encrypted")
    cambios = {"descripcion": "la buena", "limite_consultas_diarias": 0, "activa": False}
    cambiada = cliente.patch(ruta, json=cambios, headers=con).json["api_key"]
    assert {c: cambiada[c] for c in cambios} == cambios
    assert cambiada["cuota_restante"] == 0
    assert columna(app, "api_key_encrypted") == antes


@pytest.mark.parametrize("cambio", [{}, {"proveedor": "ideam"}, {"api_key": None}, {"activa": "no"}])
def test_un_cambio_malo_es_422(cliente: FlaskClient, cambio: dict[str, Any]) -> None:
    con = entrar(cliente)
    ruta = f"/api/api-keys/{guardar(cliente, con)['id']}"
    problema(cliente.patch(ruta, json=cambio, headers=con), 422)


def test_un_secreto_para_quien_no_lo_usa_es_422(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    clave = cliente.post("/api/api-keys", json={"proveedor": "ideam", "api_key": "un-token-1234"}, headers=con)
    ruta = clave.headers["Location"]
    assert list(problema(cliente.patch(ruta, json={"api_secret": "x" * 8}, headers=con), 422)["errores"]) == [
        "api_secret"
    ]


def test_borrarla_deja_las_consultas_como_estan(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    clave = guardar(cliente, con)
    consulta = cliente.post("/api/consultas/tiempo-real", json={"ciudad": "Cali"}, headers=con).headers["Location"]
    assert cliente.delete(f"/api/api-keys/{clave['id']}", headers=con).status_code == 204
    assert cliente.get("/api/api-keys", headers=con).json == {"api_keys": []}
    assert cliente.get(consulta, headers=con).status_code == 200
    guardar(cliente, con)


def test_probarla_la_deja_pendiente_y_pedirlo_otra_vez_no_cambia_nada(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    ruta = f"/api/api-keys/{guardar(cliente, con)['id']}"
    for _ in range(2):
        respuesta = cliente.post(f"{ruta}/probar", headers=con)
        assert respuesta.status_code == 202
        assert respuesta.json["api_key"]["prueba"] == {"estado": "pendiente", "detalle": None, "probada_en": None}
        assert respuesta.headers["Location"] == ruta
