"""Bodies that are not what they should be, sent to every operation of the OpenAPI document that reads one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from api.base import db
from tests.api.ayuda import entrar, problema
from tests.api.documento import Operacion, ejemplo, operaciones

MIB = 1024 * 1024
JSON = "application/json"
TR = "/api/consultas/tiempo-real"
MALOS: dict[str, tuple[bytes, str, int]] = {
    "anidado": (b"[" * 100_000, JSON, 400),
    "anidado y cerrado": (b"[" * 100_000 + b"]" * 100_000, JSON, 400),
    "objetos anidados": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, JSON, 400),
    "a medias": (b'{"a": ', JSON, 400),
    "basura detras": (b'{"a": 1} {"b": 2}', JSON, 400),
    "una clave dos veces": (b'{"username": "a", "username": "b"}', JSON, 400),
    "una clave dos veces dentro": (b'{"x": [{"a": 1, "a": 1}]}', JSON, 400),
    "no es UTF-8": (b'{"username": "\xff\xfe"}', JSON, 400),
    "UTF-8 de suplentes": (b'{"username": "\xed\xa0\x80"}', JSON, 400),
    "UTF-8 mas largo de la cuenta": (b'{"username": "\xc0\xaf"}', JSON, 400),
    "UTF-16": ('{"username": "ana"}'.encode("utf-16"), JSON, 400),
    "un NUL": (b'{"username": "a\x00b"}', JSON, 400),
    "solo NUL": (b"\x00" * 100, JSON, 400),
    "un salto de linea": (b'{"username": "a\nb"}', JSON, 400),
    "un entero sin fin": (b'{"page": ' + b"9" * 100_000 + b"}", JSON, 400),
    "comprimido": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", JSON, 400),
    "una lista": (b"[]", JSON, 422),
    "un texto": (b'"hola"', JSON, 422),
    "un numero": (b"7", JSON, 422),
    "NaN": (b"NaN", JSON, 422),
    "null": (b"null", JSON, 422),
    "__proto__": (b'{"__proto__": {"rol": "admin"}, "constructor": 1}', JSON, 422),
    "claves a millares": (json.dumps({f"c{n}": n for n in range(20_000)}).encode(), JSON, 400),
    "claves a cientos": (json.dumps({f"c{n}": n for n in range(900)}).encode(), JSON, 422),
    "formulario": (b"username=ana&password=x", "application/x-www-form-urlencoded", 415),
    "multiparte": (b"--x\r\n\r\n\r\n--x--", "multipart/form-data; boundary=x", 415),
    "XML": (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "text/xml", 415),
    "YAML": (b"!!python/object/apply:os.system ['id']", "application/yaml", 415),
    "sin tipo": (b'{"a": 1}', "", 415),
    "mas de 1 MiB": (b" " * (MIB + 1), JSON, 413),
    "10 MB": (b" " * 10_000_000, JSON, 413),
}


@pytest.fixture
def admin(app: Flask, cliente: FlaskClient) -> dict[str, str]:
    """Whom no role keeps from any route."""
    con = entrar(cliente)
    with app.app_context():
        db.session.execute(text("UPDATE usuarios SET rol = 'admin'"))
        db.session.commit()
    return con


def con_cuerpo(cliente: FlaskClient) -> list[tuple[Operacion, str]]:
    return [(op, op.camino({})) for op in operaciones(cliente) if op.cuerpo is not None]


@pytest.mark.parametrize(("crudo", "tipo", "estado"), MALOS.values(), ids=MALOS.keys())
def test_un_cuerpo_malo_es_el_mismo_4xx_en_toda_ruta_que_lee_uno(
    cliente: FlaskClient, admin: dict[str, str], crudo: bytes, tipo: str, estado: int
) -> None:
    for op, ruta in con_cuerpo(cliente):
        r = cliente.open(ruta, method=op.metodo.upper(), data=crudo, content_type=tipo, headers=admin)
        assert r.status_code == estado, (op.metodo, ruta, r.text[:300])
        dicho = problema(r, estado)
        assert len(dicho["detail"]) < 400, "an error is not as long as the request"
        assert len(dicho.get("errores", {})) <= 100


@pytest.mark.parametrize("crudo", [b"[" * 100_000, b"\xff", b"x" * MIB, b"null"])
def test_quien_no_lee_cuerpo_no_tropieza_con_uno(cliente: FlaskClient, admin: dict[str, str], crudo: bytes) -> None:
    for op in operaciones(cliente):
        if op.cuerpo is None and "logout" not in op.ruta:
            r = cliente.open(op.camino({}), method=op.metodo.upper(), data=crudo, content_type=JSON, headers=admin)
            assert r.status_code in (200, 201, 202, 204, 401, 404, 409, 422), (op.metodo, op.ruta, r.text)


def test_sin_token_un_cuerpo_enorme_tampoco_se_lee(cliente: FlaskClient) -> None:
    problema(cliente.post(TR, data=b" " * 10_000_000, content_type=JSON), 413)


@pytest.mark.parametrize("crudo", [b"\xef\xbb\xbf" + b'{"ciudad": "Cali"}', b' \r\n\t{"ciudad": "Cali"}\n'])
def test_el_json_con_marca_o_espacios_alrededor_es_json(
    cliente: FlaskClient, admin: dict[str, str], crudo: bytes
) -> None:
    assert cliente.post(TR, data=crudo, content_type=f"{JSON}; charset=utf-8", headers=admin).status_code == 202


@pytest.mark.parametrize("malo", ["%ff", "%00", "a%00b", "%ed%a0%80", "%c0%af", "%0d%0aSet-Cookie:%20a=b", "%"])
def test_lo_que_no_es_texto_en_una_busqueda_no_rompe_nada(
    cliente: FlaskClient, admin: dict[str, str], malo: str
) -> None:
    for op in operaciones(cliente):
        for nombre in op.busqueda:
            r = cliente.open(f"{op.camino({})}?{nombre}={malo}", method=op.metodo.upper(), headers=admin)
            assert r.status_code in (200, 404, 422), (op.ruta, nombre, r.text)
            assert "Set-Cookie" not in r.headers


@pytest.mark.parametrize(
    "busqueda", ["page=1&page=2", "page=", "page=01", "page=%2B1", "page=1_0", "page=١", "x=1", "=1"]
)
def test_una_busqueda_rara_no_se_adivina(cliente: FlaskClient, admin: dict[str, str], busqueda: str) -> None:
    r = cliente.get(f"/api/consultas/mis-consultas?{busqueda}", headers=admin)
    assert r.status_code in ((200,) if busqueda in ("page=01", "page=1&page=2") else (422,)), r.text


def una_consulta(cliente: FlaskClient, con: dict[str, str]) -> int:
    cuerpo = cliente.post(TR, json={"ciudad": "Cali"}, headers=con).json
    assert cuerpo
    return int(cuerpo["consulta"]["id"])


@pytest.mark.parametrize("cero", ["٠", "०", "０"])
def test_un_id_en_otras_cifras_no_es_otro_nombre_de_la_consulta(
    cliente: FlaskClient, admin: dict[str, str], cero: str
) -> None:
    uno = una_consulta(cliente, admin)
    otro = "".join(chr(ord(cero) + int(c)) for c in str(uno))
    assert cliente.get(f"/api/consultas/{uno}", headers=admin).status_code == 200
    problema(cliente.get(f"/api/consultas/{otro}", headers=admin), 404)


CIFRAS = ("²", "٣", "½", "9" * 5000)
CON_CIFRAS = ("If-None-Match", "Last-Event-ID", "Range", "If-Modified-Since", "X-Forwarded-For", "Accept", "Prefer")


@pytest.mark.parametrize("cifra", CIFRAS, ids=lambda c: c[:20])
def test_una_cifra_que_no_lo_es_en_una_cabecera_o_en_la_ruta_es_como_cualquier_palabra(
    cliente: FlaskClient, admin: dict[str, str], cifra: str
) -> None:
    """As WSGI has them: bytes of UTF-8 read as latin-1."""
    cruda = cifra.encode().decode("latin-1")
    ruta = f"/api/consultas/{una_consulta(cliente, admin)}"
    for valor in (cruda, f"bytes={cruda}-{cruda}", f"text/html;q={cruda}", f"wait={cruda}"):
        for nombre in CON_CIFRAS:
            clave = f"HTTP_{nombre.upper().replace('-', '_')}"
            r = cliente.get(ruta, headers=admin, environ_overrides={clave: valor})
            assert r.status_code == 200, (nombre, valor, r.text)
    for metodo, camino in (("GET", ""), ("POST", "/cancelar"), ("GET", "/descargar"), ("GET", "/eventos")):
        assert cliente.open(f"/api/consultas/{cifra}{camino}", method=metodo, headers=admin).status_code == 404


@pytest.mark.parametrize(
    "clave", ["a\x00b", "a\x7fb", "a\tb", "ñ", "x" * 101, "", "\u200b".encode().decode("latin-1"), "a\x1b[31m", " x"]
)
def test_una_clave_de_idempotencia_con_caracteres_raros_se_rechaza(
    cliente: FlaskClient, admin: dict[str, str], clave: str
) -> None:
    """CR and LF never get here: test_gunicorn.py."""
    r = cliente.post(TR, json={"ciudad": "Cali"}, headers=admin, environ_overrides={"HTTP_IDEMPOTENCY_KEY": clave})
    assert list(problema(r, 422)["errores"]) == ["Idempotency-Key"]


@pytest.mark.parametrize("clave", ["' OR 1=1 --", "a,b", "<script>", "%0d%0a", "../x", "{}", "x" * 100])
def test_una_clave_de_idempotencia_imprimible_es_solo_una_clave(
    cliente: FlaskClient, admin: dict[str, str], clave: str
) -> None:
    con = admin | {"Idempotency-Key": clave}
    primera, segunda = (cliente.post(TR, json={"ciudad": "Cali"}, headers=con) for _ in range(2))
    assert (primera.status_code, segunda.status_code) == (202, 200)


@pytest.mark.parametrize(
    "raro", ["", " ", "a b", "a/b", "ñ", "x" * 65, "<b>", "a\x00", "a\tb", "٣", "a,b", "${x}", "a%0ab", "'", '"', "a;b"]
)
def test_un_id_de_peticion_raro_se_cambia_por_uno_nuestro(cliente: FlaskClient, raro: str) -> None:
    de_bytes = raro.encode().decode("latin-1")
    r = cliente.get("/no/existe", environ_overrides={"HTTP_X_REQUEST_ID": de_bytes})
    assert len(r.headers["X-Request-ID"]) == 32
    assert problema(r, 404)["id_peticion"].isalnum()


def test_los_ejemplos_del_documento_sirven_de_cuerpo() -> None:
    """What the walks start from."""
    esquemas: dict[str, Any] = {"X": {"type": "object", "properties": {"a": {"type": ["integer", "null"]}}}}
    esquema = {"type": "array", "items": {"allOf": [{"$ref": "#/components/schemas/X"}]}}
    assert ejemplo(esquema, esquemas) == [{"a": 1}]
