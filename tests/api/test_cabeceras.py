"""What every answer carries; who may read it from another page; and that nobody believes the Host header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api import cabeceras
from shared.settings import Settings
from tests.api.ayuda import entrar, problema
from tests.conftest import ORIGENES

TR = "/api/consultas/tiempo-real"
MALVADO = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil.example"}
SEGURIDAD = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def rutas(app: Flask) -> Iterator[tuple[str, str]]:
    """Every method of every route, with 1 in each variable part, or a UUID."""
    for regla in app.url_map.iter_rules():
        for metodo in regla.methods or set():
            yield metodo, re.sub(r"<[^>]+>", "1", re.sub(r"<uuid:\w+>", str(UUID(int=1)), regla.rule))


def comprobar(r: TestResponse) -> None:
    for nombre, valor in SEGURIDAD.items():
        assert r.headers.get(nombre) == valor, (r.request.method, r.request.path, nombre)
    assert "frame-ancestors 'none'" in r.headers["Content-Security-Policy"]
    assert r.headers["X-Request-ID"]
    assert r.headers["Cache-Control"]
    assert not {"Set-Cookie", "Server", "X-Powered-By"} & set(r.headers.keys())
    r.close()  # a file that is being sent


def test_toda_respuesta_de_toda_ruta_lleva_las_cabeceras_y_ninguna_galleta(app: Flask, cliente: FlaskClient) -> None:
    for metodo, ruta in rutas(app):
        comprobar(cliente.open(ruta, method=metodo))
    for metodo in ("GET", "POST", "PROPFIND", "TRACE"):
        comprobar(cliente.open("/no/existe", method=metodo))


def test_tambien_las_llevan_lo_que_se_acepta_se_descarga_se_escucha_o_falla(
    app: Flask, cliente: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    con = entrar(cliente)
    nueva = cliente.post(TR, json={"ciudad": "Cali"}, headers=con)
    donde = nueva.headers["Location"]
    leida = cliente.get(donde, headers=con)
    sin_cambio = cliente.get(donde, headers=con | {"If-None-Match": leida.headers["ETag"]})
    cliente.post(f"{donde}/cancelar", headers=con)
    eventos = cliente.get(f"{donde}/eventos", headers=con)
    assert (leida.headers["Cache-Control"], sin_cambio.status_code) == ("private, no-cache", 304)
    grande = cliente.post(TR, data=b" " * (2 << 20), content_type="application/json", headers=con)
    for r in (nueva, leida, sin_cambio, eventos, grande, cliente.get(f"{donde}/descargar", headers=con)):
        comprobar(r)
    monkeypatch.setattr("api.acceso.sesiones.con_token", lambda *_: 1 / 0)
    rota = cliente.get(donde, headers=con)
    assert rota.status_code == 500
    comprobar(rota)


def test_los_tokens_no_se_guardan_en_ninguna_cache(cliente: FlaskClient) -> None:
    entrar(cliente)
    r = cliente.post("/api/auth/login", json={"username": "ana", "password": "una frase larga"})
    assert r.headers["Cache-Control"] == "no-store"


def test_hsts_solo_por_tls(cliente: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in cliente.get("/health").headers
    segura = cliente.get("/health", base_url="https://api.ejemplo.co")
    assert segura.headers["Strict-Transport-Security"].startswith("max-age=")


def test_sin_proxies_de_confianza_nadie_dice_por_donde_vino(cliente: FlaskClient) -> None:
    con = {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on", "Forwarded": "proto=https"}
    assert "Strict-Transport-Security" not in cliente.get("/health", headers=con).headers


def test_el_host_no_sale_en_ninguna_respuesta(app: Flask, cliente: FlaskClient) -> None:
    con = entrar(cliente)
    for metodo, ruta in rutas(app):
        if ruta.endswith("/logout"):
            continue
        r = cliente.open(ruta, method=metodo, headers=con | MALVADO)
        assert "evil.example" not in f"{r.headers}{r.text}", (metodo, ruta)
        r.close()
    con = entrar(cliente, "beto")
    for r in (
        cliente.post(TR, json={"ciudad": "Cali"}, headers=con | MALVADO),
        cliente.get("/api/consultas/mis-consultas", headers=con | MALVADO),
    ):
        assert "evil.example" not in f"{r.headers}{r.text}"


@pytest.mark.parametrize(
    "ruta", ["//api/auth/me", "/api//auth/me", "/api/auth/me/", "//evil.example/api", "/api/consultas/1/", "/health/"]
)
def test_barras_de_mas_son_404_y_no_una_redireccion(cliente: FlaskClient, ruta: str) -> None:
    r = cliente.open(ruta, headers=MALVADO)
    problema(r, 404)
    assert "Location" not in r.headers


def test_una_redireccion_de_barra_final_no_repite_el_host(app: Flask) -> None:
    """None of our routes ends in a slash; one that did would redirect within whatever host the client asked."""
    otra = Flask("otra")
    otra.extensions["settings"] = app.extensions["settings"]
    otra.add_url_rule("/api/x/", view_func=lambda: "x")
    cabeceras.registrar(otra, app.extensions["settings"])
    r = otra.test_client().get("/api/x?a=http://b/c", headers=MALVADO)
    assert (r.status_code, r.headers["Location"]) == (308, "/api/x/?a=http://b/c")


def de_cors(r: TestResponse) -> dict[str, str]:
    return {n.lower(): v for n, v in r.headers.items() if n.lower().startswith("access-control-")}


@pytest.mark.parametrize("origen", ORIGENES)
def test_un_origen_de_la_lista_lee_tambien_los_errores(cliente: FlaskClient, origen: str) -> None:
    for r in (
        cliente.get("/api/auth/me", headers={"Origin": origen}),
        cliente.get("/api/no-existe", headers={"Origin": origen}),
        cliente.get("/api/openapi.json", headers={"Origin": origen}),
    ):
        assert r.headers.getlist("Access-Control-Allow-Origin") == [origen]
        assert "Access-Control-Allow-Credentials" not in r.headers
        assert {"X-Request-ID", "Location", "Retry-After"} <= set(
            de_cors(r)["access-control-expose-headers"].split(", ")
        )
        assert "Origin" in r.headers["Vary"]


@pytest.mark.parametrize(
    "origen",
    [
        *(None, "https://evil.example", "null", "http://frente.ejemplo.co", "https://frente.ejemplo.co:444"),
        *("https://frente.ejemplo.co.evil.example", "https://evil.frente.ejemplo.co", "https://frenteXejemplo.co", "*"),
    ],
)
@pytest.mark.parametrize("metodo", ["GET", "OPTIONS"])
def test_quien_no_esta_en_la_lista_no_recibe_ninguna_cabecera(
    cliente: FlaskClient, origen: str | None, metodo: str
) -> None:
    pedidas = {"Origin": origen, "Access-Control-Request-Method": "GET"} if origen else {}
    r = cliente.open("/api/consultas/mis-consultas", method=metodo, headers=pedidas)
    assert de_cors(r) == {}
    assert "Origin" in r.headers["Vary"]


def test_la_pregunta_previa_se_responde_sin_token_en_toda_ruta(app: Flask, cliente: FlaskClient) -> None:
    for metodo, ruta in rutas(app):
        if not ruta.startswith("/api/"):
            continue
        previa = {
            "Origin": ORIGENES[0],
            "Access-Control-Request-Method": metodo,
            "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,x-otra",
        }
        r = cliente.options(ruta, headers=previa)
        assert r.status_code == 200, ruta
        dichas = de_cors(r)
        assert dichas["access-control-allow-origin"] == ORIGENES[0]
        assert metodo in dichas["access-control-allow-methods"]
        assert dichas["access-control-allow-headers"] == "authorization, content-type, idempotency-key"
        assert int(dichas["access-control-max-age"]) > 0


def test_la_pregunta_previa_de_lo_que_no_existe_es_404(cliente: FlaskClient) -> None:
    problema(cliente.options("/api/no-existe", headers={"Origin": ORIGENES[0]}), 404)


@pytest.mark.parametrize(("origenes", "dicho"), [(["*"], "*"), ([], None)])
def test_con_asterisco_lee_cualquiera_y_con_la_lista_vacia_nadie(
    settings: Settings, origenes: list[str], dicho: str | None
) -> None:
    suyos = settings.model_copy(update={"cors_origins": origenes})
    app = Flask("otra")
    app.extensions["settings"] = suyos
    app.add_url_rule("/api/x", view_func=lambda: "x")
    cabeceras.registrar(app, suyos)
    r = app.test_client().get("/api/x", headers={"Origin": "https://cualquiera.example"})
    assert r.headers.get("Access-Control-Allow-Origin") == dicho
    assert "Access-Control-Allow-Credentials" not in r.headers
