"""Submitting, reading and listing; what bad input gets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from api.base import db
from tests.api.ayuda import entrar, enviar, problema

TR = "/api/consultas/tiempo-real"
HI = "/api/consultas/historico"
MES = {"ciudad": "Bogotá", "fecha_inicio": "2026-01-01", "fecha_fin": "2026-01-31"}
CAMPOS = {
    *("id", "tipo_consulta", "ciudad", "latitud", "longitud", "fecha_inicio", "fecha_fin", "formato_salida"),
    *("parametros_solicitados", "estado", "mensaje_error", "tiempo_respuesta_ms", "creada_en", "completada_en"),
    *("codigo_error", "proveedores_solicitados", "resolucion", "progreso", "intentos", "parcial", "lote_id"),
    *("avisos", "faltan", "reanuda_en"),
    *("programacion_id", "lugar"),
}


@pytest.fixture
def con(cliente: FlaskClient) -> dict[str, str]:
    return entrar(cliente)


def cuantas(app: Flask) -> int:
    with app.app_context():
        return int(db.session.execute(text("SELECT COUNT(*) FROM consultas")).scalar_one())


def test_una_consulta_se_acepta_con_202_y_dice_donde_seguirla(cliente: FlaskClient, con: dict[str, str]) -> None:
    r = cliente.post(TR, json={"ciudad": "medellin"}, headers=con)
    assert r.status_code == 202
    c = r.json["consulta"]
    assert set(c) == CAMPOS
    assert (c["estado"], c["ciudad"], c["tipo_consulta"]) == ("pendiente", "medellin", "tiempo_real")
    assert (c["latitud"], c["longitud"]) == pytest.approx((6.245, -75.57), abs=0.02)
    assert r.headers["Location"] == r.json["enlaces"]["self"] == f"/api/consultas/{c['id']}"
    assert int(r.headers["Retry-After"]) >= 1
    assert c["creada_en"].endswith("Z")


@pytest.mark.parametrize(
    ("lugar", "zona"),
    [
        ({"ciudad": "Bogotá"}, "America/Bogota"),
        ({"latitud": -13.8, "longitud": -171.8}, "Pacific/Apia"),
        ({"latitud": -14.3, "longitud": -170.7}, "Pacific/Pago_Pago"),
    ],
)
def test_hoy_por_dias_se_rechaza_y_se_dice_que_hacer(
    cliente: FlaskClient, con: dict[str, str], lugar: dict[str, Any], zona: str
) -> None:
    """Today by the place's clock: Apia and Pago Pago, 130 km apart, never have the same one."""
    hoy = datetime.now(ZoneInfo(zona)).date()
    dias = {"fecha_inicio": str(hoy), "fecha_fin": str(hoy)}
    errores = problema(cliente.post(HI, json=lugar | dias, headers=con), 422)["errores"]
    assert errores == {"fecha_inicio": [f"Hoy ({hoy}) aún no termina en ese lugar: pida resolucion horaria."]}
    por_horas = cliente.post(HI, json=lugar | dias | {"resolucion": "horaria"}, headers=con)
    assert (por_horas.status_code, por_horas.json["consulta"]["avisos"]) == (202, [])
    cuerpo = {"consultas": [{"tipo": "historico", **lugar, **dias}]}
    errores = problema(cliente.post("/api/consultas/lote", json=cuerpo, headers=con), 422)["errores"]
    assert set(errores) == {"consultas.0.fecha_inicio"}


def test_unos_dias_que_acaban_hoy_dicen_que_llegan_hasta_ayer(cliente: FlaskClient, con: dict[str, str]) -> None:
    hoy = datetime.now(ZoneInfo("America/Bogota")).date()
    ayer = hoy - timedelta(days=1)
    dias = {"ciudad": "Bogotá", "fecha_inicio": str(ayer), "fecha_fin": str(hoy)}
    c = cliente.post(HI, json=dias, headers=con).json["consulta"]
    assert c["fecha_fin"] == str(hoy)
    assert len(c["avisos"]) == 1
    assert c["avisos"][0].startswith(f"El {hoy} aún no terminaba en ese lugar cuando se pidió")
    assert f"llega hasta el {ayer}." in c["avisos"][0]
    assert cliente.post(HI, json=dias | {"fecha_fin": str(ayer)}, headers=con).json["consulta"]["avisos"] == []


QUITAR = "No puede ser null: envíe el número, o quite latitud y longitud si el lugar va por su ciudad."


@pytest.mark.parametrize(
    ("coordenadas", "errores"),
    [
        ({"latitud": None}, {"latitud": [QUITAR]}),
        ({"longitud": None}, {"longitud": [QUITAR]}),
        ({"latitud": None, "longitud": None}, {"latitud": [QUITAR], "longitud": [QUITAR]}),
        ({"latitud": 4.6, "longitud": None}, {"longitud": [QUITAR]}),
        ({"latitud": 4.6}, {"longitud": ["Falta este campo: latitud y longitud van juntas."]}),
    ],
)
def test_una_coordenada_null_junto_a_una_ciudad_dice_que_hacer(
    cliente: FlaskClient, con: dict[str, str], coordenadas: dict[str, Any], errores: dict[str, list[str]]
) -> None:
    r = cliente.post(TR, json={"ciudad": "Bogotá", **coordenadas}, headers=con)
    assert problema(r, 422)["errores"] == errores


@pytest.mark.parametrize(
    ("crudo", "clave"),
    [
        ('{"ciudad": "Bogotá", "ciudad": "Cali"}', "ciudad"),
        ('{"a": {"formato": 1, "formato": 1}}', "formato"),
        ('{"\\ud800": 1, "\\ud800": 2}', "?"),
        (f'{{"{"x" * 200}": 1, "{"x" * 200}": 2}}', "x" * 100),
    ],
)
def test_una_clave_repetida_en_el_json_se_nombra(
    cliente: FlaskClient, con: dict[str, str], crudo: str, clave: str
) -> None:
    r = cliente.post(TR, data=crudo.encode(), content_type="application/json", headers=con)
    assert problema(r, 400)["detail"] == f"El JSON repite la clave «{clave}» en un mismo objeto. Déjela una sola vez."


def test_cero_y_cero_es_un_lugar(cliente: FlaskClient, con: dict[str, str]) -> None:
    c = cliente.post(TR, json={"latitud": 0, "longitud": -0.0}, headers=con).json["consulta"]
    assert (c["latitud"], c["longitud"], c["ciudad"]) == (0, 0, None)


def test_las_coordenadas_mandan_y_la_ciudad_es_la_etiqueta(cliente: FlaskClient, con: dict[str, str]) -> None:
    c = cliente.post(TR, json={"ciudad": "Mi finca", "latitud": 4.5, "longitud": -75}, headers=con).json["consulta"]
    assert (c["ciudad"], c["latitud"], c["longitud"]) == ("Mi finca", 4.5, -75)


@pytest.mark.parametrize(
    ("cuerpo", "campos"),
    [
        ({}, {"ciudad"}),
        ({"latitud": 6}, {"longitud"}),
        ({"longitud": 6}, {"latitud"}),
        ({"latitud": True, "longitud": 1}, {"latitud"}),
        ({"latitud": "4,6", "longitud": "4.6"}, {"latitud", "longitud"}),
        ({"latitud": 90.01, "longitud": -180.01}, {"latitud", "longitud"}),
        ({"latitud": None, "longitud": 1}, {"latitud"}),
        ({"latitud": [1], "longitud": {}}, {"latitud", "longitud"}),
        ({"ciudad": ""}, {"ciudad"}),
        ({"ciudad": "   "}, {"ciudad"}),
        ({"ciudad": "a" * 101}, {"ciudad"}),
        ({"ciudad": "a\nb"}, {"ciudad"}),
        ({"ciudad": "a\u0000b"}, {"ciudad"}),
        ({"ciudad": "\ud800"}, {"ciudad"}),
        ({"ciudad": 7}, {"ciudad"}),
        ({"ciudad": "Cali", "formato": "xml"}, {"formato"}),
        ({"ciudad": "Cali", "formato": ["csv"]}, {"formato"}),
        ({"ciudad": "Cali", "parametros": ["temperatura", "nieve"]}, {"parametros.1"}),
        ({"ciudad": "Cali", "parametros": []}, {"parametros"}),
        ({"ciudad": "Cali", "parametros": "temperatura"}, {"parametros"}),
        ({"ciudad": "Cali", "proveedores": ["accuweather"]}, {"proveedores.0"}),
        ({"ciudad": "Cali", "max_edad_s": 1.5}, {"max_edad_s"}),
        ({"ciudad": "Cali", "max_edad_s": -1}, {"max_edad_s"}),
        ({"ciudad": "Cali", "max_edad_s": 10**30}, {"max_edad_s"}),
        ({"ciudad": "Cali", "estado": "completada", "usuario_id": 1}, {"estado", "usuario_id"}),
        ({"ciudad": "Cali", "\ud800": 1}, {"?"}),
        ({"ciudad": 1, "latitud": "x", "longitud": 999, "formato": "doc", "otro": 1}, None),
    ],
)
def test_un_cuerpo_malo_nombra_todos_los_campos_y_no_escribe_nada(
    app: Flask, cliente: FlaskClient, con: dict[str, str], cuerpo: dict[str, Any], campos: set[str] | None
) -> None:
    errores = problema(enviar(cliente, TR, cuerpo, con), 422)["errores"]
    assert set(errores) == (set(cuerpo) if campos is None else campos)
    assert all(texto.endswith(".") for textos in errores.values() for texto in textos)
    assert cuantas(app) == 0


@pytest.mark.parametrize("crudo", ['{"latitud": NaN, "longitud": 0}', '{"latitud": 1e400, "longitud": 0}'])
def test_lo_que_no_es_finito_no_es_un_numero(cliente: FlaskClient, con: dict[str, str], crudo: str) -> None:
    r = cliente.post(TR, data=crudo, content_type="application/json", headers=con)
    assert set(problema(r, 422)["errores"]) == {"latitud"}


@pytest.mark.parametrize(
    ("crudo", "tipo", "estado"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 422),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"latitud": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b"[]", "application/json", 422),
        (b'"Cali"', "application/json", 422),
        (b"ciudad=Cali", "application/x-www-form-urlencoded", 415),
        (b'{"ciudad": "Cali"}', "text/plain", 415),
        (b'{"ciudad": "' + b"a" * (1024 * 1024) + b'"}', "application/json", 413),
    ],
)
def test_un_cuerpo_que_no_se_entiende_es_un_4xx(
    app: Flask, cliente: FlaskClient, con: dict[str, str], crudo: bytes, tipo: str, estado: int
) -> None:
    problema(cliente.post(TR, data=crudo, content_type=tipo, headers=con), estado)
    assert cuantas(app) == 0


@pytest.mark.parametrize(
    "ciudad", ["🌧️", "Robert'); DROP TABLE consultas;--", "a" * 100, "=CMD()", "ciudad que no existe"]
)
def test_una_ciudad_rara_se_acepta_y_se_guarda_tal_cual(cliente: FlaskClient, con: dict[str, str], ciudad: str) -> None:
    r = cliente.post(TR, json={"ciudad": ciudad}, headers=con)
    assert r.status_code == 202
    assert cliente.get(r.headers["Location"], headers=con).json["consulta"]["ciudad"] == ciudad


HOY = datetime.now(UTC).date()


@pytest.mark.parametrize(
    ("cambio", "campos"),
    [
        ({"fecha_inicio": "2026-02-30"}, {"fecha_inicio"}),
        ({"fecha_inicio": "20260101"}, {"fecha_inicio"}),
        ({"fecha_inicio": "2026-1-1", "fecha_fin": "01/02/2026"}, {"fecha_inicio", "fecha_fin"}),
        ({"fecha_inicio": "2026-01-01T00:00"}, {"fecha_inicio"}),
        ({"fecha_inicio": 20260101}, {"fecha_inicio"}),
        ({"fecha_inicio": "2026-02-01"}, {"fecha_fin"}),
        ({"fecha_inicio": "1939-12-31"}, {"fecha_inicio"}),
        ({"fecha_fin": str(HOY + timedelta(days=2))}, {"fecha_fin"}),
        ({"fecha_inicio": "9999-01-01", "fecha_fin": "9999-12-31"}, {"fecha_inicio", "fecha_fin"}),
        ({"fecha_inicio": "2015-01-01"}, {"fecha_fin"}),
        ({"fecha_inicio": "2025-01-01", "resolucion": "horaria"}, {"fecha_fin"}),
        ({"resolucion": "mensual"}, {"resolucion"}),
        ({"fecha_inicio": "2026-02-30", "formato": "x", "ciudad": ""}, {"fecha_inicio", "formato", "ciudad"}),
    ],
)
def test_unas_fechas_malas_nombran_el_campo(
    app: Flask, cliente: FlaskClient, con: dict[str, str], cambio: dict[str, Any], campos: set[str]
) -> None:
    assert set(problema(cliente.post(HI, json=MES | cambio, headers=con), 422)["errores"]) == campos
    assert cuantas(app) == 0


def test_sin_fechas_se_dicen_las_dos(cliente: FlaskClient, con: dict[str, str]) -> None:
    errores = problema(cliente.post(HI, json={"ciudad": "Cali"}, headers=con), 422)["errores"]
    assert set(errores) == {"fecha_inicio", "fecha_fin"}


@pytest.mark.parametrize("cambio", [{"fecha_inicio": "2016-01-25"}, {"resolucion": "horaria"}])
def test_los_rangos_mas_largos_se_aceptan(cliente: FlaskClient, con: dict[str, str], cambio: dict[str, str]) -> None:
    r = cliente.post(HI, json=MES | cambio, headers=con)
    assert r.status_code == 202
    assert r.json["consulta"]["resolucion"] == cambio.get("resolucion", "diaria")


@pytest.mark.parametrize("camino", ["99", "2147483648", "9" * 40])
@pytest.mark.parametrize("final", ["", "/descargar"])
def test_lo_que_no_existe_es_404(cliente: FlaskClient, con: dict[str, str], camino: str, final: str) -> None:
    problema(cliente.get(f"/api/consultas/{camino}{final}", headers=con), 404)


@pytest.mark.parametrize("camino", ["-1", "abc", "1.5", "1%27"])
def test_un_identificador_que_no_es_un_numero_es_404(cliente: FlaskClient, con: dict[str, str], camino: str) -> None:
    problema(cliente.get(f"/api/consultas/{camino}", headers=con), 404)


def test_lo_ajeno_es_404(cliente: FlaskClient, con: dict[str, str]) -> None:
    donde = cliente.post(TR, json={"ciudad": "Cali"}, headers=con).headers["Location"]
    beto = entrar(cliente, "beto")
    problema(cliente.get(donde, headers=beto), 404)
    problema(cliente.get(f"{donde}/descargar", headers=beto), 404)
    assert cliente.get("/api/consultas/mis-consultas", headers=beto).json["total"] == 0


def test_el_consultor_lee_todo_y_no_crea_nada(app: Flask, cliente: FlaskClient, con: dict[str, str]) -> None:
    donde = cliente.post(TR, json={"ciudad": "Cali"}, headers=con).headers["Location"]
    consultor = entrar(cliente, "cora")
    with app.app_context():
        db.session.execute(text("UPDATE usuarios SET rol = 'consultor' WHERE username = 'cora'"))
        db.session.commit()
    assert cliente.get(donde, headers=consultor).status_code == 200
    problema(cliente.post(TR, json={"ciudad": "Cali"}, headers=consultor), 403)


def test_el_etag_ahorra_el_cuerpo(cliente: FlaskClient, con: dict[str, str]) -> None:
    donde = cliente.post(TR, json={"ciudad": "Cali"}, headers=con).headers["Location"]
    primera = cliente.get(donde, headers=con)
    assert int(primera.headers["Retry-After"]) >= 1
    repetida = cliente.get(donde, headers=con | {"If-None-Match": primera.headers["ETag"]})
    assert (repetida.status_code, repetida.data) == (304, b"")


def test_antes_de_completarse_no_se_descarga(cliente: FlaskClient, con: dict[str, str]) -> None:
    donde = cliente.post(TR, json={"ciudad": "Cali"}, headers=con).headers["Location"]
    assert "pendiente" in problema(cliente.get(f"{donde}/descargar", headers=con), 409)["detail"]
    problema(cliente.get(f"{donde}/descargar?formato=xml", headers=con), 422)


def test_la_lista_va_por_paginas_y_con_filtros(cliente: FlaskClient, con: dict[str, str]) -> None:
    for ciudad in ("Cali", "Medellín", "Bogotá"):
        cliente.post(TR, json={"ciudad": ciudad}, headers=con)
    cliente.post(HI, json=MES, headers=con)
    lista = cliente.get("/api/consultas/mis-consultas?per_page=3", headers=con).json
    assert (lista["total"], lista["pages"], lista["current_page"], lista["per_page"]) == (4, 2, 1, 3)
    assert [c["id"] for c in lista["consultas"]] == sorted((c["id"] for c in lista["consultas"]), reverse=True)
    assert cliente.get("/api/consultas/mis-consultas?page=9", headers=con).json["consultas"] == []

    def total(filtro: str) -> int:
        return int(cliente.get(f"/api/consultas/mis-consultas?{filtro}", headers=con).json["total"])

    assert total("tipo=historico") == 1
    assert total("ciudad=medellin") == 1
    assert total("estado=error") == 0
    assert total(f"desde={HOY}&hasta={HOY}") == 4
    assert total(f"hasta={HOY - timedelta(days=2)}") == 0


@pytest.mark.parametrize(
    "filtro",
    [
        *("page=0", "page=x", "page=1.5", "per_page=101", "per_page=-1", "tipo=otro", "estado=lista", "desde=ayer"),
        *("hasta=2026-02-30", "desde=2026-02-01&hasta=2026-01-01", "orden=id", "page=99999999999", "ciudad="),
    ],
)
def test_un_filtro_malo_es_422(cliente: FlaskClient, con: dict[str, str], filtro: str) -> None:
    problema(cliente.get(f"/api/consultas/mis-consultas?{filtro}", headers=con), 422)


def test_la_misma_clave_de_idempotencia_da_la_misma_consulta(
    app: Flask, cliente: FlaskClient, con: dict[str, str]
) -> None:
    con = con | {"Idempotency-Key": "abc"}
    primera = cliente.post(TR, json={"ciudad": "Cali"}, headers=con)
    segunda = cliente.post(TR, json={"ciudad": "Cali"}, headers=con)
    assert (primera.status_code, segunda.status_code) == (202, 200)
    assert segunda.headers["Idempotency-Replayed"] == "true"
    assert segunda.json["consulta"]["id"] == primera.json["consulta"]["id"]
    problema(cliente.post(TR, json={"ciudad": "Pasto"}, headers=con), 422)
    problema(cliente.post(HI, json=MES, headers=con), 422)
    assert cuantas(app) == 1


@pytest.mark.parametrize("clave", ["", "ñ", "x" * 101])
def test_una_clave_de_idempotencia_mala_se_nombra(cliente: FlaskClient, con: dict[str, str], clave: str) -> None:
    r = cliente.post(TR, json={"ciudad": "Cali"}, headers=con | {"Idempotency-Key": clave})
    assert list(problema(r, 422)["errores"]) == ["Idempotency-Key"]


def test_los_errores_de_ruta_y_metodo_tienen_la_misma_forma(cliente: FlaskClient) -> None:
    problema(cliente.get("/no/existe"), 404)
    r = cliente.get("/api/auth/login")
    problema(r, 405)
    assert "POST" in r.headers["Allow"]


def test_el_id_de_peticion_del_cliente_vale_si_es_sano(cliente: FlaskClient) -> None:
    assert cliente.get("/health", headers={"X-Request-ID": "mi-id.1"}).headers["X-Request-ID"] == "mi-id.1"
    raro = "a b<script>"
    assert cliente.get("/health", headers={"X-Request-ID": raro}).headers["X-Request-ID"] != raro


def test_un_fallo_del_programa_no_ensena_nada(
    app: Flask, cliente: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def romper(*_: object) -> None:
        raise RuntimeError("clave-canaria SELECT *")

    monkeypatch.setattr("api.acceso.sesiones.con_token", romper)
    con = entrar(cliente)
    r = cliente.get("/api/auth/me", headers=con)
    problema(r, 500)
    assert "canaria" not in r.text


def test_el_documento_openapi_se_genera(cliente: FlaskClient) -> None:
    documento = json.loads(cliente.get("/api/openapi.json").data)
    assert set(documento["paths"]) >= {TR, HI, "/api/auth/login", "/api/consultas/{consulta_id}/descargar"}
