"""Which place a consulta asks about: it is said, and in doubt it is asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from api.base import db
from shared.modelos import Consulta
from tests.api.ayuda import entrar, problema

TR = "/api/consultas/tiempo-real"
HI = "/api/consultas/historico"
LOTE = "/api/consultas/lote"
MES = {"fecha_inicio": "2026-01-01", "fecha_fin": "2026-01-31"}
MEDELLIN = {
    "nombre": "Medellín",
    "region": "Antioquia",
    "pais": "CO",
    "latitud": 6.245,
    "longitud": -75.57151,
    "zona_horaria": "America/Bogota",
    "altura_m": None,
    "geonameid": 3674962,
    "por": "nomenclator",
}
NOCTURNA = {"nombre": "Noche", "cron": "0 2 * * *", "zona_horaria": "America/Bogota", "tipo": "tiempo_real"}


@pytest.fixture
def con(cliente: FlaskClient) -> dict[str, str]:
    return entrar(cliente)


def pedir(cliente: FlaskClient, con: dict[str, str], **cuerpo: Any) -> dict[str, Any]:
    """The consulta as it is read after it was accepted."""
    r = cliente.post(TR, json=cuerpo, headers=con)
    assert r.status_code == 202, r.text
    leida: dict[str, Any] = cliente.get(r.headers["Location"], headers=con).json["consulta"]
    assert leida == r.json["consulta"]
    return leida


def test_una_consulta_dice_de_que_lugar_es(cliente: FlaskClient, con: dict[str, str]) -> None:
    c = pedir(cliente, con, ciudad="medellin colombia")
    assert c["lugar"] == MEDELLIN
    assert (c["ciudad"], c["latitud"]) == ("medellin colombia", 6.245)
    assert "corregido_de" not in c
    assert "alternativas" not in c


def test_de_unas_coordenadas_solo_se_sabe_la_zona(cliente: FlaskClient, con: dict[str, str]) -> None:
    nada = dict.fromkeys(("region", "pais", "altura_m", "geonameid"))
    punto = {"latitud": 4.5, "longitud": -75.0, "zona_horaria": "America/Bogota", "por": "coordenadas"}
    assert pedir(cliente, con, latitud=4.5, longitud=-75)["lugar"] == {**nada, **punto, "nombre": None}
    con_nombre = pedir(cliente, con, latitud=4.5, longitud=-75, ciudad="Medellín")
    assert con_nombre["lugar"] == {**nada, **punto, "nombre": "Medellín"}


def test_un_nombre_mal_escrito_se_corrige_y_se_dice(cliente: FlaskClient, con: dict[str, str]) -> None:
    c = pedir(cliente, con, ciudad="Barranquila")
    assert (c["lugar"]["nombre"], c["corregido_de"], c["ciudad"]) == ("Barranquilla", "Barranquila", "Barranquila")


def test_los_homonimos_de_peso_se_dicen(cliente: FlaskClient, con: dict[str, str]) -> None:
    c = pedir(cliente, con, ciudad="San José")
    assert (c["lugar"]["nombre"], c["lugar"]["region"]) == ("San José del Guaviare", "Guaviare")
    assert [a["pais"] for a in c["alternativas"]] == ["US", "CR", "PH"]
    assert set(c["alternativas"][0]) == set(MEDELLIN) - {"por"}


def test_lo_que_no_esta_en_el_nomenclator_espera_al_geocodificador(cliente: FlaskClient, con: dict[str, str]) -> None:
    c = pedir(cliente, con, ciudad="Xyzzyx")
    assert (c["lugar"], c["latitud"]) == (None, None)


@pytest.mark.parametrize("ciudad", ["Córdoba", "Colombia", "Cobeñas"])
def test_un_nombre_dudoso_es_422_con_los_que_pudo_ser(cliente: FlaskClient, con: dict[str, str], ciudad: str) -> None:
    for ruta, mas in ((TR, {}), (HI, MES)):
        cuerpo = problema(cliente.post(ruta, json={"ciudad": ciudad, **mas}, headers=con), 422)
        assert list(cuerpo["errores"]) == ["ciudad"]
        assert cuerpo["quiso_decir"]
        assert all(uno in cuerpo["message"] and uno in cuerpo["errores"]["ciudad"][0] for uno in cuerpo["quiso_decir"])
    assert pedir(cliente, con, ciudad=cuerpo["quiso_decir"][0])["lugar"]["por"] == "nomenclator"


def test_en_un_lote_se_dice_cual_es_el_dudoso(cliente: FlaskClient, con: dict[str, str]) -> None:
    consultas = [{"tipo": "tiempo_real", "ciudad": ciudad} for ciudad in ("Cali", "Córdoba", "Perú")]
    cuerpo = problema(cliente.post(LOTE, json={"consultas": consultas}, headers=con), 422)
    assert list(cuerpo["errores"]) == ["consultas.1.ciudad", "consultas.2.ciudad"]
    assert "Montería, Córdoba" in cuerpo["errores"]["consultas.1.ciudad"][0]
    assert {"Montería, Córdoba", "Lima, Perú"} <= set(cuerpo["quiso_decir"])


def test_una_favorita_se_entiende_como_una_consulta(cliente: FlaskClient, con: dict[str, str]) -> None:
    r = cliente.post("/api/favoritas", json={"nombre_ciudad": "Barranquila"}, headers=con)
    assert r.status_code == 201
    favorita = r.json["favorita"]
    assert (favorita["lugar"]["nombre"], favorita["lugar"]["por"]) == ("Barranquilla", "nomenclator")
    assert (favorita["nombre_ciudad"], favorita["corregido_de"]) == ("Barranquila", "Barranquila")
    assert cliente.get("/api/favoritas", headers=con).json["favoritas"] == [favorita]
    cuerpo = problema(cliente.post("/api/favoritas", json={"nombre_ciudad": "Córdoba"}, headers=con), 422)
    assert "Montería, Córdoba" in cuerpo["quiso_decir"]
    dada = {"nombre_ciudad": "Finca", "pais": "CO", "latitud": 4.5, "longitud": -75}
    lugar = cliente.post("/api/favoritas", json=dada, headers=con).json["favorita"]["lugar"]
    assert (lugar["nombre"], lugar["pais"], lugar["por"]) == ("Finca", "CO", "coordenadas")


def test_una_programacion_dice_que_entiende_por_cada_lugar(cliente: FlaskClient, con: dict[str, str]) -> None:
    lugares = [{"ciudad": "Barranquila"}, {"latitud": 4.5, "longitud": -75}, {"ciudad": "Xyzzyx"}]
    r = cliente.post("/api/programaciones", json={**NOCTURNA, "lugares": lugares}, headers=con)
    assert r.status_code == 201, r.text
    programacion = r.json["programacion"]
    assert programacion["lugares"] == lugares
    una, dos, tres = programacion["ubicaciones"]
    assert (una["lugar"]["nombre"], una["corregido_de"]) == ("Barranquilla", "Barranquila")
    assert dos["lugar"]["por"] == "coordenadas"
    assert tres == {"lugar": None}
    dudosa = {**NOCTURNA, "lugares": [{"ciudad": "Cali"}, {"ciudad": "Córdoba"}]}
    cuerpo = problema(cliente.post("/api/programaciones", json=dudosa, headers=con), 422)
    assert list(cuerpo["errores"]) == ["lugares.1.ciudad"]
    assert "Montería, Córdoba" in cuerpo["quiso_decir"]
    ruta = f"/api/programaciones/{programacion['id']}"
    assert problema(cliente.patch(ruta, json={"lugares": dudosa["lugares"]}, headers=con), 422)["quiso_decir"]
    cliente.post(f"{ruta}/ejecutar", headers=con)
    hechas = cliente.get("/api/consultas/mis-consultas", headers=con).json["consultas"]
    assert {c["ciudad"]: c.get("corregido_de") for c in hechas}["Barranquila"] == "Barranquila"


def test_sin_lugar_se_pregunta_por_la_favorita_por_defecto(cliente: FlaskClient, con: dict[str, str]) -> None:
    cliente.post("/api/favoritas", json={"nombre_ciudad": "Cali"}, headers=con)
    cliente.post("/api/favoritas", json={"nombre_ciudad": "Medellín", "es_default": True}, headers=con)
    c = pedir(cliente, con)
    assert (c["ciudad"], c["lugar"]) == ("Medellín", MEDELLIN)
    assert cliente.post(HI, json=MES, headers=con).json["consulta"]["lugar"] == MEDELLIN
    consultas = [{"tipo": "tiempo_real"}, {"tipo": "historico", **MES}, {"tipo": "tiempo_real", "ciudad": "Cali"}]
    lote = cliente.post(LOTE, json={"consultas": consultas}, headers=con).json
    leidas = [cliente.get(f"/api/consultas/{n}", headers=con).json["consulta"] for n in lote["consultas"]]
    assert [leida["lugar"]["nombre"] for leida in leidas] == ["Medellín", "Medellín", "Cali"]


def test_los_dias_de_la_favorita_son_los_de_su_lugar(cliente: FlaskClient, con: dict[str, str]) -> None:
    """In Pago Pago it is never yet the day that it is where days begin, 25 hours before."""
    pago_pago = {"nombre_ciudad": "Pago Pago", "latitud": -14.28, "longitud": -170.7, "es_default": True}
    cliente.post("/api/favoritas", json=pago_pago, headers=con)
    manana = str(datetime.now(ZoneInfo("Etc/GMT-14")).date())
    horas = {"fecha_inicio": manana, "fecha_fin": manana, "resolucion": "horaria"}
    assert "fecha_fin" in problema(cliente.post(HI, json=horas, headers=con), 422)["errores"]
    lote = {"consultas": [{"tipo": "historico", **horas}]}
    assert "consultas.0.fecha_fin" in problema(cliente.post(LOTE, json=lote, headers=con), 422)["errores"]


def test_sin_lugar_ni_favorita_se_dice_que_hacer(cliente: FlaskClient, con: dict[str, str]) -> None:
    cliente.post("/api/favoritas", json={"nombre_ciudad": "Cali"}, headers=con)
    for ruta, cuerpo, campo in (
        (TR, {}, "ciudad"),
        (HI, MES, "ciudad"),
        (
            LOTE,
            {"consultas": [{"tipo": "tiempo_real", "ciudad": "Cali"}, {"tipo": "tiempo_real"}]},
            "consultas.1.ciudad",
        ),
    ):
        r = problema(cliente.post(ruta, json=cuerpo, headers=con), 422)
        assert list(r["errores"]) == [campo]
        assert "favorita" in r["message"]


def test_una_fila_de_antes_muestra_lo_que_se_sabe(app: Flask, cliente: FlaskClient, con: dict[str, str]) -> None:
    ids = [
        pedir(cliente, con, **cuerpo)["id"]
        for cuerpo in (
            {"ciudad": "medellin"},
            {"ciudad": "Finca", "latitud": 4.5, "longitud": -75},
            {"ciudad": "Xyzzyx"},
        )
    ]
    with app.app_context():
        db.session.execute(update(Consulta).values(lugar=None))
        db.session.commit()
    antes, finca, ninguno = (cliente.get(f"/api/consultas/{n}", headers=con).json["consulta"]["lugar"] for n in ids)
    assert antes == MEDELLIN
    assert (finca["nombre"], finca["por"], finca["zona_horaria"]) == ("Finca", "coordenadas", "America/Bogota")
    assert ninguno is None
