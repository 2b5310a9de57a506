"""The OpenAPI document says all that a client needs, in Spanish, and the page that shows it needs no other host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.documento import CON_CUERPO
from api.traductor import SUELTOS
from tests.api.ayuda import entrar, problema

METODOS = ("get", "post", "put", "patch", "delete")
SIN_DOCUMENTO = {"/api/openapi.json", "/api/docs", "/api/docs/<fichero>"}
EN_INGLES = {estado.phrase for estado in HTTPStatus}
Documento = dict[str, Any]


@pytest.fixture(scope="module")
def documento(app: Flask) -> Documento:
    dicho: Documento = app.test_client().get("/api/openapi.json").get_json()
    return dicho


@pytest.fixture(scope="module")
def operaciones(documento: Documento) -> dict[str, dict[str, Any]]:
    return {
        f"{metodo.upper()} {ruta}": operacion | {"en_ruta": dichas.get("parameters", [])}
        for ruta, dichas in documento["paths"].items()
        for metodo, operacion in dichas.items()
        if metodo in METODOS
    }


def test_el_documento_pasa_el_validador(documento: Documento) -> None:
    assert [str(e) for e in OpenAPIV31SpecValidator(documento).iter_errors()] == []


def test_toda_ruta_de_la_api_esta_en_el_documento(app: Flask, operaciones: dict[str, Any]) -> None:
    reales = {
        f"{metodo} " + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", regla.rule)
        for regla in app.url_map.iter_rules()
        for metodo in (regla.methods or set()) - {"HEAD", "OPTIONS"}
        if regla.rule.startswith("/api/") and regla.rule not in SIN_DOCUMENTO
    }
    assert reales == set(operaciones)


def test_toda_operacion_dice_que_hace(documento: Documento, operaciones: dict[str, Any]) -> None:
    etiquetas = {e["name"] for e in documento["tags"] if e["description"]}
    for nombre, o in operaciones.items():
        assert o.get("summary", "").endswith("."), f"{nombre}: la vista no tiene docstring"
        assert set(o["tags"]) <= etiquetas, nombre
        assert [e for e in o["responses"] if int(e) < 400], f"{nombre}: falta @rutas.response"
    identificadores = [o["operationId"] for o in operaciones.values()]
    assert len(set(identificadores)) == len(identificadores)


def test_todo_error_que_una_operacion_puede_dar_tiene_la_forma_de_los_errores(
    documento: Documento, operaciones: dict[str, Any]
) -> None:
    for nombre, o in operaciones.items():
        assert errores_debidos(o) <= set(map(int, o["responses"])), nombre
        for estado, dicha in o["responses"].items():
            respuesta = _resuelta(documento, dicha)
            assert respuesta["headers"]["X-Request-ID"]["required"], (nombre, estado)
            assert respuesta["description"] not in EN_INGLES, (nombre, estado)
            if int(estado) >= 400:
                (tipo, medio), *otros = respuesta["content"].items()
                assert (tipo, otros) == ("application/problem+json", []), (nombre, estado)
                assert medio["schema"] == {"$ref": "#/components/schemas/Problema"}, (nombre, estado)
                assert medio["example"]["status"] == int(estado), (nombre, estado)


def errores_debidos(o: dict[str, Any]) -> set[int]:
    debidos = {429, 500, 503}
    debidos |= {401} if o.get("security") != [] else set()
    debidos |= {404} if o["en_ruta"] else set()
    debidos |= set(CON_CUERPO) if "requestBody" in o else set()
    return debidos | ({422} if o.get("parameters") else set())


def test_esperar_y_autenticarse_se_dicen_en_cabeceras(documento: Documento) -> None:
    respuestas = documento["components"]["responses"]
    assert respuestas["Problema429"]["headers"]["Retry-After"]["required"]
    assert respuestas["Problema503"]["headers"]["Retry-After"]["required"]
    assert respuestas["Problema401"]["headers"]["WWW-Authenticate"]["required"]


def test_el_candado_del_documento_es_el_de_la_api(app: Flask, operaciones: dict[str, Any]) -> None:
    cliente = app.test_client()
    for nombre, o in operaciones.items():
        metodo, ruta = nombre.split()
        ruta = ruta.replace("{sesion_id}", str(UUID(int=1)))
        respuesta = cliente.open(re.sub(r"\{\w+\}", "1", ruta), method=metodo)
        assert (respuesta.status_code == 401) == (o.get("security") != []), nombre


def test_todo_esquema_tiene_un_ejemplo_que_lo_cumple(documento: Documento) -> None:
    componentes = documento["components"]
    for nombre, esquema in componentes["schemas"].items():
        validador = OAS31Validator({"$ref": f"#/components/schemas/{nombre}", "components": componentes})
        assert [e.message for e in validador.iter_errors(esquema["example"])] == [], nombre
        sueltos = [c for c, v in _hojas(esquema["example"], nombre) if v in (SUELTOS["string"], SUELTOS["number"])]
        assert sueltos == [], "dé su ejemplo en metadata o en api/esquemas/ejemplos.py"


def test_todo_cuerpo_que_se_envia_es_un_objeto_sin_campos_de_mas(
    documento: Documento, operaciones: dict[str, Any]
) -> None:
    for nombre, o in operaciones.items():
        for medio in o.get("requestBody", {}).get("content", {}).values():
            assert _resuelta(documento, medio["schema"])["additionalProperties"] is False, nombre


def test_un_error_de_verdad_cumple_el_esquema_del_documento(cliente: FlaskClient, documento: Documento) -> None:
    validador = OAS31Validator(documento["components"]["schemas"]["Problema"])
    con = entrar(cliente)
    for respuesta, estado in (
        (cliente.get("/api/auth/me"), 401),
        (cliente.get("/api/consultas/1", headers=con), 404),
        (cliente.put("/api/auth/me", headers=con), 405),
        (cliente.post("/api/consultas/historico", json={"otro": 1}, headers=con), 422),
    ):
        assert [e.message for e in validador.iter_errors(problema(respuesta, estado))] == []


def test_la_pagina_de_documentacion_no_pide_nada_a_nadie_mas(cliente: FlaskClient) -> None:
    respuesta = cliente.get("/api/docs")
    assert respuesta.status_code == 200
    assert respuesta.content_type == "text/html; charset=utf-8"
    assert '<html lang="es">' in respuesta.text
    pagina = Pagina()
    pagina.feed(respuesta.text)
    assert pagina.en_linea == []  # what the CSP would not run
    for destino in pagina.destinos:
        assert re.fullmatch(r"[a-z0-9./-]+", destino), destino  # relative: no host, and any prefix of a proxy
        assert cliente.get(f"/api/{destino}").status_code == 200
    assert "://" not in cliente.get("/api/docs/docs.js").text


def test_la_csp_solo_se_abre_en_la_pagina_de_documentacion(cliente: FlaskClient) -> None:
    politica = cliente.get("/api/docs").headers["Content-Security-Policy"]
    assert "default-src 'none'" in politica
    assert "frame-ancestors 'none'" in politica
    assert "unsafe" not in politica
    assert not re.search(r"https?:|\*", politica)
    for otra in ("/api/docs/docs.js", "/api/openapi.json", "/api/docs/nada"):
        assert cliente.get(otra).headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    "fichero", ["index.html", "../docs.py", "..%2fdocs.py", "%2e%2e/docs.py", "LICENSE", "docs.html"]
)
def test_de_la_documentacion_solo_se_sirve_lo_que_usa_la_pagina(cliente: FlaskClient, fichero: str) -> None:
    problema(cliente.get(f"/api/docs/{fichero}"), 404)


def test_las_piezas_de_la_documentacion_se_conservan_y_se_revalidan(cliente: FlaskClient) -> None:
    primera = cliente.get("/api/docs/swagger-ui-bundle.js")
    assert "max-age" in primera.headers["Cache-Control"]
    segunda = cliente.get("/api/docs/swagger-ui-bundle.js", headers={"If-None-Match": primera.headers["ETag"]})
    assert segunda.status_code == 304


class Pagina(HTMLParser):
    """destinos: what it links to; en_linea: scripts and styles written in it."""

    def __init__(self) -> None:
        super().__init__()
        self.destinos: list[str] = []
        self.en_linea: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        dichos = dict(attrs)
        self.destinos += [v for n, v in dichos.items() if n in ("src", "href") and v]
        self.en_linea += [n for n in dichos if n == "style" or n.startswith("on")]
        self.en_linea += [tag] if tag == "style" or (tag == "script" and "src" not in dichos) else []


def _resuelta(documento: Documento, parte: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in parte:
        return parte
    for paso in parte["$ref"].removeprefix("#/").split("/"):
        documento = documento[paso]
    return documento


def _hojas(valor: Any, camino: str) -> Iterator[tuple[str, Any]]:
    if isinstance(valor, dict | list):
        for clave, parte in valor.items() if isinstance(valor, dict) else enumerate(valor):
            yield from _hojas(parte, f"{camino}.{clave}")
    else:
        yield camino, valor
