"""What a consulta will cost is said when it is accepted; what its answer lacks, wherever the answer is shown."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient

from deploy.cliente.pantalla import resumen
from deploy.cliente.respuestas import leer_consulta
from shared.presupuestos import Pagador
from tests.api.ayuda import entrar
from tests.worker.test_proceso import Doble, Hacer, con, dias, falla
from worker.proveedores.http import ErrorProveedor, Omitida

__all__ = ["con"]  # a fixture
TR, HI, LOTE = (f"/api/consultas/{que}" for que in ("tiempo-real", "historico", "lote"))
NADIE = Pagador(0)
AQUI = {"latitud": 0, "longitud": 0}
DIEZ_ANOS = {**AQUI, "fecha_inicio": "2014-01-01", "fecha_fin": "2023-12-31"}
ENERO = {**AQUI, "fecha_inicio": "2024-01-01", "fecha_fin": "2024-01-31"}


@pytest.fixture
def ana(cliente: FlaskClient) -> dict[str, str]:
    return entrar(cliente, "eva")


def test_al_aceptar_se_dice_lo_que_costara_y_si_cabe(app: Flask, cliente: FlaskClient, ana: dict[str, str]) -> None:
    presupuestos = app.extensions["limites"].presupuestos
    ahora = cliente.post(TR, json={**AQUI, "proveedores": ["openmeteo"]}, headers=ana).json
    assert (ahora["costo"], ahora["cabe_ahora"]) == ({"openmeteo": 2}, True)
    largo = cliente.post(HI, json={**DIEZ_ANOS, "proveedores": ["openmeteo"]}, headers=ana).json
    assert (largo["costo"], largo["cabe_ahora"]) == ({"openmeteo": 538}, False)  # 600 a minute, 480 for a historico
    assert presupuestos.gastar("openmeteo", 599, NADIE).cabe
    sin_sitio = cliente.post(TR, json={**AQUI, "proveedores": ["openmeteo"]}, headers=ana).json
    assert (sin_sitio["costo"], sin_sitio["cabe_ahora"]) == ({"openmeteo": 2}, False)
    assert "costo" not in cliente.get(ahora["enlaces"]["self"], headers=ana).get_json()


def test_un_lote_dice_lo_que_costaran_todas_y_si_caben(app: Flask, cliente: FlaskClient, ana: dict[str, str]) -> None:
    uno = {**AQUI, "tipo": "tiempo_real", "proveedores": ["openmeteo"]}
    lote = cliente.post(LOTE, json={"consultas": [uno] * 3}, headers=ana).json
    assert (lote["costo"], lote["cabe_ahora"]) == ({"openmeteo": 6}, True)
    assert app.extensions["limites"].presupuestos.gastar("openmeteo", 595, NADIE).cabe
    clave = {**ana, "Idempotency-Key": "un lote"}
    lote = cliente.post(LOTE, json={"consultas": [uno] * 3}, headers=clave).json
    assert (lote["costo"], lote["cabe_ahora"]) == ({"openmeteo": 6}, False)
    assert cliente.post(LOTE, json={"consultas": [uno] * 2}, headers=ana).json["cabe_ahora"] is True
    assert "costo" not in cliente.post(LOTE, json={"consultas": [uno] * 3}, headers=clave).get_json()


def test_lo_repetido_no_cuesta(cliente: FlaskClient, ana: dict[str, str]) -> None:
    clave = {**ana, "Idempotency-Key": "una"}
    assert "costo" in cliente.post(TR, json=AQUI, headers=clave).get_json()
    assert "costo" not in cliente.post(TR, json=AQUI, headers=clave).get_json()


FALTANTES = [
    {
        "proveedor": "ideam",
        "desde": "2024-01-01",
        "hasta": "2024-01-31",
        "motivo": "no respondió a tiempo",
        "pasajero": True,
    },
    {
        "proveedor": "siata",
        "desde": "2024-01-01",
        "hasta": "2024-01-31",
        "motivo": "no tiene archivo",
        "pasajero": False,
    },
]
EN_CORTO = {"total": 2, "pasajeros": 1, "proveedores": ["ideam", "siata"]}


def test_lo_que_falta_se_dice_en_todas_partes(
    con: Hacer, cliente: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    ana = entrar(cliente, "eva")
    tarde = falla(ErrorProveedor("no respondió a tiempo", tarde=True))
    proceso = con(openmeteo=Doble(dias), ideam=tarde, siata=falla(Omitida("no tiene archivo")))
    lote = cliente.post(LOTE, json={"consultas": [{"tipo": "historico", **ENERO}]}, headers=ana).json
    (consulta_id,) = lote["consultas"]
    proceso.procesar(consulta_id)
    propia = f"/api/consultas/{consulta_id}"
    sobre = cliente.get(propia, headers=ana).json
    assert sobre["consulta"]["parcial"]
    assert sobre["datos_clima"]["faltantes"] == FALTANTES
    lista = cliente.get("/api/consultas/mis-consultas", headers=ana).json["consultas"]
    assert [c["faltan"] for c in (sobre["consulta"], *lista)] == [EN_CORTO] * 2
    bajadas = {f: cliente.get(f"{propia}/descargar?formato={f}", headers=ana) for f in ("json", "yaml", "txt")}
    assert bajadas["json"].json["datos_clima"]["faltantes"] == FALTANTES
    assert yaml.safe_load(bajadas["yaml"].text)["datos_clima"]["faltantes"] == FALTANTES
    assert "ideam        todo, del 2024-01-01 al 2024-01-31: no respondió a tiempo (puede" in bajadas["txt"].text
    paquete = zipfile.ZipFile(io.BytesIO(cliente.get(f"{lote['enlaces']['descargar']}?formato=zip", headers=ana).data))
    (manifiesto,) = json.loads(paquete.read("manifiesto.json"))
    assert (manifiesto["faltan"], manifiesto["faltantes"]) == (EN_CORTO, FALTANTES)
    resumen(leer_consulta(sobre))
    salida = capsys.readouterr().out
    assert "Falta de ideam todo del 2024-01-01 al 2024-01-31: no respondió a tiempo; puede llegar" in salida
    assert "Falta de siata todo del 2024-01-01 al 2024-01-31: no tiene archivo\n" in salida
