from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shared import favoritas
from tests.api.ayuda import entrar, problema

CALI = {"nombre_ciudad": "Cali", "pais": "CO", "latitud": 3.4516, "longitud": -76.532}


def guardar(cliente: FlaskClient, con: dict[str, str], **campos: Any) -> dict[str, Any]:
    respuesta = cliente.post("/api/favoritas", json={**CALI, **campos}, headers=con)
    assert respuesta.status_code == 201, respuesta.text
    favorita: dict[str, Any] = respuesta.json["favorita"]
    assert respuesta.headers["Location"] == f"/api/favoritas/{favorita['id']}"
    return favorita


def lista(cliente: FlaskClient, con: dict[str, str]) -> list[dict[str, Any]]:
    return list(cliente.get("/api/favoritas", headers=con).json["favoritas"])


def test_sin_favoritas_la_lista_esta_vacia(cliente: FlaskClient) -> None:
    assert lista(cliente, entrar(cliente)) == []


def test_guardar_leer_cambiar_y_borrar(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    favorita = guardar(cliente, con)
    assert {c: favorita[c] for c in CALI} == CALI
    ruta = f"/api/favoritas/{favorita['id']}"
    cambiada = cliente.patch(ruta, json={"nombre_ciudad": "La casa", "pais": None}, headers=con).json["favorita"]
    lugar = {**favorita["lugar"], "nombre": "La casa", "pais": None}
    assert cambiada == {**favorita, "nombre_ciudad": "La casa", "pais": None, "lugar": lugar}
    assert cliente.get(ruta, headers=con).json["favorita"] == cambiada
    assert cliente.delete(ruta, headers=con).status_code == 204
    problema(cliente.delete(ruta, headers=con), 404)
    assert lista(cliente, con) == []


def test_sin_coordenadas_se_buscan_por_el_nombre(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    favorita = cliente.post("/api/favoritas", json={"nombre_ciudad": "medellin"}, headers=con).json["favorita"]
    assert favorita["latitud"] == pytest.approx(6.25, abs=0.1)
    assert favorita["nombre_ciudad"] == "medellin"


def test_latitud_y_longitud_cero_son_un_lugar(cliente: FlaskClient) -> None:
    favorita = guardar(cliente, entrar(cliente), nombre_ciudad="Isla Nula", latitud=0, longitud=0)
    assert (favorita["latitud"], favorita["longitud"]) == (0, 0)


@pytest.mark.parametrize(
    ("cuerpo", "campo"),
    [
        ({"nombre_ciudad": "Xyzzyopolis"}, "nombre_ciudad"),
        ({"nombre_ciudad": "Cali", "latitud": 3.4}, "longitud"),
        ({"nombre_ciudad": "Cali", "latitud": 91, "longitud": 0}, "latitud"),
        ({"latitud": 1, "longitud": 1}, "nombre_ciudad"),
        ({**CALI, "es_default": "si"}, "es_default"),
        ({**CALI, "usuario_id": 1}, "usuario_id"),
    ],
)
def test_un_cuerpo_malo_nombra_el_campo(cliente: FlaskClient, cuerpo: dict[str, Any], campo: str) -> None:
    respuesta = cliente.post("/api/favoritas", json=cuerpo, headers=entrar(cliente))
    assert list(problema(respuesta, 422)["errores"]) == [campo]


def test_el_mismo_lugar_dos_veces_es_409_y_otro_usuario_si_puede(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    guardar(cliente, con)
    problema(cliente.post("/api/favoritas", json={**CALI, "nombre_ciudad": "Otra"}, headers=con), 409)
    guardar(cliente, entrar(cliente, "beto"))


def test_solo_una_es_la_de_por_defecto_y_va_primero(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    guardar(cliente, con, latitud=1, es_default=True)
    segunda = guardar(cliente, con, latitud=2, es_default=True)
    assert [f["es_default"] for f in lista(cliente, con)] == [True, False]
    assert lista(cliente, con)[0]["id"] == segunda["id"]
    cliente.patch(f"/api/favoritas/{segunda['id']}", json={"es_default": False}, headers=con)
    assert not any(f["es_default"] for f in lista(cliente, con))


def test_muchas_por_defecto_a_la_vez_dejan_una(app: Flask, cliente: FlaskClient) -> None:
    con = entrar(cliente)

    def crear(n: int) -> int:
        cuerpo = {**CALI, "latitud": n, "es_default": True}
        return app.test_client().post("/api/favoritas", json=cuerpo, headers=con).status_code

    with ThreadPoolExecutor(8) as hilos:
        assert set(hilos.map(crear, range(16))) == {201}
    assert sum(f["es_default"] for f in lista(cliente, con)) == 1


def test_hay_un_maximo_por_usuario(cliente: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(favoritas, "MAXIMO", 2)
    con = entrar(cliente)
    guardar(cliente, con, latitud=1)
    guardar(cliente, con, latitud=2)
    problema(cliente.post("/api/favoritas", json=CALI, headers=con), 409)
    assert len(lista(cliente, con)) == 2
