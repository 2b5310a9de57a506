from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.api.ayuda import CLAVE, como, entrar, problema

NUEVO = {"username": "nuevo", "email": "nuevo@ejemplo.co", "password": CLAVE}


@pytest.fixture
def admin(app: Flask, cliente: FlaskClient) -> dict[str, str]:
    return como(app, cliente, "jefa", "admin")


def _crear(cliente: FlaskClient, admin: dict[str, str], **campos: Any) -> dict[str, Any]:
    respuesta = cliente.post("/api/usuarios", json={**NUEVO, **campos}, headers=admin)
    assert respuesta.status_code == 201, respuesta.text
    usuario: dict[str, Any] = respuesta.json["usuario"]
    assert respuesta.headers["Location"] == f"/api/usuarios/{usuario['id']}"
    return usuario


def test_un_admin_crea_una_cuenta_con_el_rol_que_diga(cliente: FlaskClient, admin: dict[str, str]) -> None:
    usuario = _crear(cliente, admin, rol="consultor", nombre_completo="Nora Ruiz")
    assert (usuario["rol"], usuario["activo"], usuario["nombre_completo"]) == ("consultor", True, "Nora Ruiz")
    leido = cliente.get(f"/api/usuarios/{usuario['id']}", headers=admin).json
    assert leido["usuario"] == usuario
    assert cliente.post("/api/auth/login", json={"username": "nuevo", "password": CLAVE}).status_code == 200


@pytest.mark.parametrize("campo", ["username", "email"])
def test_lo_tomado_es_409_y_dice_que_campo(cliente: FlaskClient, admin: dict[str, str], campo: str) -> None:
    _crear(cliente, admin)
    otro = {"username": "otro", "email": "otro@ejemplo.co", "password": CLAVE, campo: NUEVO[campo].upper()}
    cuerpo = problema(cliente.post("/api/usuarios", json=otro, headers=admin), 409)
    assert list(cuerpo["errores"]) == [campo]


@pytest.mark.parametrize(
    ("filtro", "esperados"),
    [
        ("", ["jefa", "ana", "beto", "nuevo"]),
        ("q=AN", ["ana"]),
        ("q=ejemplo.co&rol=operario", ["ana", "beto"]),
        ("q=%25", []),
        ("rol=consultor", ["nuevo"]),
        ("activo=false", ["nuevo"]),
        ("per_page=1&page=2", ["ana"]),
        ("page=99", []),
    ],
)
def test_la_lista_se_filtra_y_se_pagina(
    cliente: FlaskClient, admin: dict[str, str], filtro: str, esperados: list[str]
) -> None:
    entrar(cliente, "ana")
    entrar(cliente, "beto")
    nuevo = _crear(cliente, admin, rol="consultor")
    cliente.delete(f"/api/usuarios/{nuevo['id']}", headers=admin)
    cuerpo = cliente.get(f"/api/usuarios?{filtro}", headers=admin).json
    assert [u["username"] for u in cuerpo["usuarios"]] == esperados


@pytest.mark.parametrize("filtro", ["activo=si", "rol=jefe", "page=0", "otra=1", "q="])
def test_un_filtro_malo_es_422(cliente: FlaskClient, admin: dict[str, str], filtro: str) -> None:
    cuerpo = problema(cliente.get(f"/api/usuarios?{filtro}", headers=admin), 422)
    assert list(cuerpo["errores"]) == [filtro.split("=")[0]]


def test_desactivar_cierra_las_sesiones_y_reactivar_no_las_revive(cliente: FlaskClient, admin: dict[str, str]) -> None:
    con = entrar(cliente, "ana")
    ana = cliente.get("/api/auth/me", headers=con).json["usuario"]["id"]
    fuera = cliente.delete(f"/api/usuarios/{ana}", headers=admin)
    assert fuera.json["usuario"]["activo"] is False
    assert cliente.delete(f"/api/usuarios/{ana}", headers=admin).status_code == 200  # again
    problema(cliente.get("/api/auth/me", headers=con), 401)
    cliente.patch(f"/api/usuarios/{ana}", json={"activo": True}, headers=admin)
    problema(cliente.get("/api/auth/me", headers=con), 401)
    assert cliente.post("/api/auth/login", json={"username": "ana", "password": CLAVE}).status_code == 200


def test_un_cambio_de_rol_vale_al_momento(cliente: FlaskClient, admin: dict[str, str]) -> None:
    con = entrar(cliente, "ana")
    ana = cliente.get("/api/auth/me", headers=con).json["usuario"]["id"]
    cliente.patch(f"/api/usuarios/{ana}", json={"rol": "consultor"}, headers=admin)
    problema(cliente.post("/api/consultas/tiempo-real", json={"ciudad": "Cali"}, headers=con), 403)


@pytest.mark.parametrize(
    ("cambio", "campo"),
    [
        ({}, "cuerpo"),
        ({"username": "otra"}, "username"),
        ({"password": "otra clave larga"}, "password"),
        ({"rol": "jefe"}, "rol"),
        ({"activo": 1}, "activo"),
        ({"email": None}, "email"),
    ],
)
def test_un_cambio_malo_nombra_el_campo(
    cliente: FlaskClient, admin: dict[str, str], cambio: dict[str, Any], campo: str
) -> None:
    usuario = _crear(cliente, admin)
    cuerpo = problema(cliente.patch(f"/api/usuarios/{usuario['id']}", json=cambio, headers=admin), 422)
    assert list(cuerpo["errores"]) == [campo]


@pytest.mark.parametrize("cambio", [{"activo": False}, {"rol": "operario"}])
def test_el_ultimo_admin_activo_ni_se_va_ni_baja(
    cliente: FlaskClient, admin: dict[str, str], cambio: dict[str, Any]
) -> None:
    yo = cliente.get("/api/auth/me", headers=admin).json["usuario"]["id"]
    problema(cliente.patch(f"/api/usuarios/{yo}", json=cambio, headers=admin), 409)
    problema(cliente.delete(f"/api/usuarios/{yo}", headers=admin), 409)
    otra = _crear(cliente, admin, rol="admin")
    assert cliente.patch(f"/api/usuarios/{yo}", json=cambio, headers=admin).status_code == 200
    assert otra["activo"]


def test_dos_admins_que_se_bajan_a_la_vez_dejan_uno(app: Flask, cliente: FlaskClient, admin: dict[str, str]) -> None:
    otro = como(app, cliente, "jefe", "admin")
    ids = [cliente.get("/api/auth/me", headers=con).json["usuario"]["id"] for con in (admin, otro)]

    def bajar(par: tuple[int, dict[str, str]]) -> int:
        return app.test_client().patch(f"/api/usuarios/{par[0]}", json={"rol": "operario"}, headers=par[1]).status_code

    with ThreadPoolExecutor(2) as hilos:
        estados = list(hilos.map(bajar, zip(ids, (admin, otro), strict=True)))
    assert sorted(estados) == [200, 409]


def test_una_cuenta_que_no_existe_es_404(cliente: FlaskClient, admin: dict[str, str]) -> None:
    problema(cliente.get("/api/usuarios/999999", headers=admin), 404)
    problema(cliente.patch("/api/usuarios/999999", json={"activo": True}, headers=admin), 404)
    problema(cliente.delete("/api/usuarios/999999", headers=admin), 404)
