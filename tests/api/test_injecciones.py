"""Hostile text in every field, query parameter, header and path of the OpenAPI document."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from api.base import db
from shared.modelos import Base
from shared.settings import Settings
from tests.api.ayuda import CLAVE, entrar, problema
from tests.api.documento import Operacion, citar, hojas, identificador, operaciones, poner

TR = "/api/consultas/tiempo-real"
CANARIA = "ciudad-canaria-de-beto"
SECRETO = "clave-canaria-de-beto"
ATAQUES = {
    "comillas": "' OR '1'='1' -- ",
    "tabla": "1; DROP TABLE consultas; --",
    "union": "%' UNION SELECT id, password_hash FROM usuarios -- ",
    "barra": "\\' OR 1=1 #",
    "json": '"}], "rol": "admin", "x": [{"',
    "comodines": "%_%",
    "plantilla": "{{7*7}}${7*7}<script>alert(1)</script>",
    "formato": "%s%n{0}{self.__class__}",
    "ruta": "../../../../etc/passwd",
    "orden": "; cat /etc/passwd | $(id) `id`",
    "cabecera": "x\r\nSet-Cookie: a=b\r\n\r\n<html>",
    "nulo": "x\0y",
    "suelto": "\ud800",
    "derecha": "\u202eabc\u200b",
    "numero": "9" * 400,
    "largo": "a" * 20_000,
    "emoji": "🌧️" * 20,
}
CONTROL = ("Cc", "Cs")


@pytest.fixture(autouse=True)
def sin_limites(app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk makes more requests in a minute than one user may."""
    muchas = dict.fromkeys(("limite_api", "limite_login", "limite_login_cuenta", "limite_registro"), "100000/minute")
    monkeypatch.setitem(app.extensions, "settings", settings.model_copy(update=muchas))


@pytest.fixture
def ana(cliente: FlaskClient) -> dict[str, str]:
    """Beto, who has something to lose; and Ana, who attacks."""
    con = entrar(cliente, "beto")
    assert cliente.post(TR, json={"ciudad": CANARIA}, headers=con).status_code == 202
    clave = {"proveedor": "openweather", "api_key": SECRETO, "descripcion": CANARIA}
    cliente.post("/api/api-keys", json=clave, headers=con)
    cliente.post("/api/favoritas", json={"nombre_ciudad": CANARIA, "latitud": 1, "longitud": 1}, headers=con)
    return entrar(cliente, "ana")


@pytest.fixture
def admin(app: Flask, cliente: FlaskClient) -> dict[str, str]:
    con = entrar(cliente, "jefa")
    with app.app_context():
        db.session.execute(text("UPDATE usuarios SET rol = 'admin'"))
        db.session.commit()
    return con


def atacar(cliente: FlaskClient, con: dict[str, str], ataque: str) -> Iterator[tuple[str, TestResponse]]:
    """One request for each place where the document lets a value be sent; the place, and the answer."""
    todas = operaciones(cliente)
    for op in todas:
        donde = {nombre: identificador(cliente, con, op, todas) for nombre in op.en_ruta}
        ruta, abrir = op.camino(donde), {"method": op.metodo.upper(), "headers": con}
        for camino in hojas(op.cuerpo) if op.cuerpo is not None else ():
            malo = json.dumps(poner(op.cuerpo, camino, ataque))
            yield f"{camino[0]}", cliente.open(ruta, data=malo, content_type="application/json", **abrir)
            if op.ruta.endswith("/logout"):
                con.update(renovar(cliente, con))
        for nombre in op.busqueda:
            yield nombre, cliente.open(f"{ruta}?{nombre}={citar(ataque)}", **abrir)
            yield "", cliente.open(f"{ruta}?{citar(ataque)}=1", **abrir)
        for nombre in op.cabeceras:
            if not any(unicodedata.category(c) in CONTROL for c in ataque):
                de_bytes = ataque.encode().decode("latin-1")
                yield nombre, cliente.open(ruta, **abrir | {"headers": con | {nombre: de_bytes}}, json=op.cuerpo)


def renovar(cliente: FlaskClient, con: dict[str, str]) -> dict[str, str]:
    """The same headers if their token lives, or those of a new login."""
    if cliente.get("/api/auth/me", headers=con).status_code == 200:
        return con
    quien = {"username": con["X-Quien"], "password": CLAVE}
    return {"Authorization": f"Bearer {cliente.post('/api/auth/login', json=quien).json['access_token']}"}


def comprobar(r: TestResponse) -> None:
    sitio = (r.request.method, r.request.path, r.request.query_string, r.text[:500])
    assert r.status_code < 500, sitio
    assert "Set-Cookie" not in r.headers, sitio
    assert not any(t in r.text for t in ("Traceback", "pymysql", "sqlalchemy", "$2b$", "root:x:")), sitio
    if r.status_code >= 400:
        problema(r, r.status_code)


def comprobar_que_vuelve_tal_cual(r: TestResponse, campo: str, ataque: str) -> None:
    """Text that was taken comes back as it was sent: trimmed and in NFC, nothing else."""
    if r.status_code < 300 and r.is_json and campo:
        vueltos = [v for v in valores(r.json, campo) if isinstance(v, str)]
        assert all(v == unicodedata.normalize("NFC", ataque).strip() for v in vueltos), (r.request.path, campo, vueltos)


ENTENDIDO = ("lugar", "alternativas")  # by us, not sent by anybody


def valores(cuerpo: Any, campo: str) -> Iterator[Any]:
    partes = cuerpo.items() if isinstance(cuerpo, dict) else enumerate(cuerpo) if isinstance(cuerpo, list) else ()
    for clave, valor in partes:
        if clave == campo:
            yield valor
        if clave not in ENTENDIDO:
            yield from valores(valor, campo)


def comprobar_las_tablas(app: Flask) -> None:
    with app.app_context():
        for tabla in [*Base.metadata.tables, "vista_consultas_completas", "vista_estadisticas_usuarios"]:
            db.session.execute(text(f"SELECT COUNT(*) FROM {tabla}"))
        roles = db.session.execute(text("SELECT username, rol FROM usuarios WHERE username IN ('ana', 'beto')")).all()
        de_beto = db.session.execute(text("SELECT COUNT(*) FROM consultas WHERE ciudad = :c"), {"c": CANARIA}).scalar()
    assert {tuple(fila) for fila in roles} == {("ana", "operario"), ("beto", "operario")}
    assert de_beto == 1


@pytest.mark.parametrize("ataque", ATAQUES.values(), ids=ATAQUES.keys())
def test_ningun_texto_hostil_rompe_nada_ni_ensena_lo_de_otros(
    app: Flask, cliente: FlaskClient, ana: dict[str, str], ataque: str
) -> None:
    vistas = 0
    for campo, r in atacar(cliente, ana | {"X-Quien": "ana"}, ataque):
        comprobar(r)
        comprobar_que_vuelve_tal_cual(r, campo, ataque)
        assert CANARIA not in r.text, r.request.path
        assert SECRETO not in r.text, r.request.path
        vistas += r.status_code != 404
    assert vistas > 20
    comprobar_las_tablas(app)


@pytest.mark.parametrize("nombre", ["comillas", "union", "nulo", "suelto", "largo"])
def test_ni_siquiera_a_un_administrador(cliente: FlaskClient, admin: dict[str, str], nombre: str) -> None:
    for campo, r in atacar(cliente, admin | {"X-Quien": "jefa"}, ATAQUES[nombre]):
        comprobar(r)
        comprobar_que_vuelve_tal_cual(r, campo, ATAQUES[nombre])
        assert SECRETO not in r.text


IDENTIFICADORES = ["0", "-1", "1e3", "9" * 20, "%00", "1%00", "..", "%2e%2e%2f1", "%ff", "%ed%a0%80", "1;", "0x1", "+1"]
IDENTIFICADORES += ["1%20OR%201=1", "1'%20--", "%D9%A1", "%EF%BC%91", "null", "true", "[1]", "%25", "1.0", "1%2F..%2F2"]


@pytest.mark.parametrize("identificador", IDENTIFICADORES)
def test_un_identificador_que_no_lo_es_es_404_en_toda_ruta(
    cliente: FlaskClient, ana: dict[str, str], identificador: str
) -> None:
    con_parametro = [op for op in operaciones(cliente) if op.en_ruta]
    assert con_parametro
    for op in con_parametro:
        ruta = op.ruta.replace("{" + op.en_ruta[0] + "}", identificador).replace("{", "").replace("}", "")
        r = cliente.open(ruta, method=op.metodo.upper(), json=op.cuerpo, headers=ana)
        assert r.status_code in _esperado(op), (op.metodo, ruta, r.text)
        problema(r, r.status_code)


@pytest.mark.parametrize("escribir", [lambda n: chr(0x660 + n), lambda n: chr(0xFF10 + n)], ids=["arabe", "ancha"])
def test_un_identificador_se_escribe_en_ascii(cliente: FlaskClient, ana: dict[str, str], escribir: Any) -> None:
    donde = cliente.post(TR, json={"ciudad": "Cali"}, headers=ana).headers["Location"]
    raro = "".join(escribir(int(c)) if c.isdigit() else c for c in donde)
    assert cliente.get(donde, headers=ana).status_code == 200
    problema(cliente.get(raro, headers=ana), 404)


def _esperado(op: Operacion) -> tuple[int, ...]:
    """A path that another method has says 405; one for administrators may say 403 before it looks for anything."""
    return (404, 405, 403) if op.ruta.startswith("/api/usuarios") else (404, 405)


@pytest.mark.parametrize(
    "trampa", ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "....//etc/passwd", "json%00.txt", "JSON"]
)
def test_el_formato_de_una_descarga_no_es_un_camino(cliente: FlaskClient, ana: dict[str, str], trampa: str) -> None:
    donde = cliente.post(TR, json={"ciudad": "Cali"}, headers=ana).headers["Location"]
    problema(cliente.get(f"{donde}/descargar?formato={trampa}", headers=ana), 422)
    problema(cliente.get(f"{donde}/descargar/{trampa}", headers=ana), 404)


@pytest.mark.parametrize(
    "trampa",
    [
        *("../../../../../../../../etc/passwd", "..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd"),
        *("..%5c..%5capi%5c__init__.py", "%2e%2e/%2e%2e/api/__init__.py", "index.html%00.js", "....//....//x", "~root"),
    ],
)
def test_ningun_fichero_de_fuera_se_sirve(app: Flask, cliente: FlaskClient, trampa: str) -> None:
    """Through every route that has text in its path, the documentation's assets among them."""
    prefijos = {r.rule.split("<")[0] for r in app.url_map.iter_rules() if "<" in r.rule and "<int:" not in r.rule}
    for prefijo in prefijos | {"/api/docs/", "/"}:
        r = cliente.get(prefijo + trampa)
        problema(r, 404)
        assert "root:" not in r.text


def test_el_camino_pasa_por_todas_las_rutas(app: Flask, cliente: FlaskClient) -> None:
    """What is not in the document is not walked: every route of /api is in it."""
    dichas = {op.ruta for op in operaciones(cliente)}
    reglas = {r.rule for r in app.url_map.iter_rules() if r.rule.startswith("/api/") and "docs" not in r.endpoint}
    assert {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", regla) for regla in reglas} <= dichas
