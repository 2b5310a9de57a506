from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shared.catalogo import FICHAS
from shared.clima import Proveedor
from shared.limites import FALLOS_PARA_ABRIR
from shared.presupuestos import Pagador
from shared.settings import Settings
from tests.api.ayuda import entrar, problema
from worker.proveedores import crear_proveedores


def de(cliente: FlaskClient, con: dict[str, str], nombre: str) -> dict[str, object]:
    todos: list[dict[str, object]] = cliente.get("/api/proveedores", headers=con).json["proveedores"]
    return {p["proveedor"]: p for p in todos}[nombre]


def test_estan_los_seis_con_lo_que_cubren(cliente: FlaskClient) -> None:
    todos = cliente.get("/api/proveedores", headers=entrar(cliente)).json["proveedores"]
    assert {p["proveedor"] for p in todos} == set(Proveedor)
    assert all(p["cobertura"] and p["parametros"] and p["tipos"] for p in todos)


def test_sin_clave_no_se_puede_usar_el_que_la_necesita(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    assert de(cliente, con, "openmeteo")["utilizable"] is True
    assert de(cliente, con, "meteosource")["utilizable"] is False


def test_se_ve_el_circuito_la_tasa_y_lo_que_queda(app: Flask, cliente: FlaskClient) -> None:
    con = entrar(cliente)
    limites = app.extensions["limites"]
    limites.anotar("openmeteo", bien=True, latencia_ms=80)
    limites.presupuestos.gastar("openmeteo", 100, Pagador(0))
    for _ in range(FALLOS_PARA_ABRIR):
        limites.anotar("siata", bien=False, latencia_ms=10)
    visto = de(cliente, con, "openmeteo")
    assert (visto["circuito"], visto["tasa_exito"], visto["latencia_ms"]) == ("cerrado", 1.0, 80)
    assert visto["cuota_restante"] == 500
    assert de(cliente, con, "siata")["circuito"] == "abierto"


def test_las_fichas_dicen_de_la_clave_lo_mismo_que_los_clientes(settings: Settings) -> None:
    clientes = crear_proveedores(settings)
    assert set(clientes) == set(Proveedor)
    for nombre, cliente in clientes.items():
        assert FICHAS[Proveedor(nombre)].necesita_clave == cliente.necesita_clave
        assert cliente.atribucion


def test_las_ciudades_se_buscan_por_el_principio(cliente: FlaskClient) -> None:
    halladas = cliente.get("/api/ciudades?q=medel", headers=entrar(cliente)).json["ciudades"]
    assert len(halladas) <= 10
    campos = {"nombre", "pais", "region", "latitud", "longitud", "zona_horaria", "altura_m", "geonameid"}
    assert set(halladas[0]) == campos
    assert (halladas[0]["nombre"], halladas[0]["pais"], halladas[0]["region"]) == ("Medellín", "CO", "Antioquia")


@pytest.mark.parametrize("consulta", ["", "?q=", f"?q={'a' * 101}", "?q=a%00b"])
def test_una_busqueda_mala_se_dice(cliente: FlaskClient, consulta: str) -> None:
    problema(cliente.get(f"/api/ciudades{consulta}", headers=entrar(cliente)), 422)


def test_lo_que_no_existe_es_una_lista_vacia(cliente: FlaskClient) -> None:
    assert cliente.get("/api/ciudades?q=xyzzyx", headers=entrar(cliente)).json == {"ciudades": []}


def test_si_ningun_nombre_empieza_asi_se_dan_los_parecidos_y_se_dice(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    cuerpo = cliente.get("/api/ciudades?q=Barranquila", headers=con).json
    assert (cuerpo["ciudades"][0]["nombre"], cuerpo["corregido_de"]) == ("Barranquilla", "Barranquila")
    assert "corregido_de" not in dict(cliente.get("/api/ciudades?q=Barranq", headers=con).json or {})
    assert cliente.get("/api/ciudades?q=Córdoba", headers=con).json["ciudades"][0]["nombre"] == "Montería"
