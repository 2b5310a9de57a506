"""Sessions over HTTP: refreshing, logging out, the list of what is open, and what ends all of it."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from api.acceso import INVALIDO, NO_ACCESO, NO_REFRESCO, VENCIDO
from api.auth import REUSADO
from api.base import db
from shared import sesiones
from shared.modelos import Sesion
from shared.settings import Settings
from tests.api.ayuda import CLAVE, como, entrar, problema
from tests.planes import ordenes

Tokens = dict[str, Any]
A_LA_VEZ = 20


@pytest.fixture
def ana(cliente: FlaskClient) -> Tokens:
    entrar(cliente)
    return otra(cliente)


def otra(cliente: FlaskClient, **cabeceras: str) -> Tokens:
    """Another login of ana's."""
    tokens: Tokens = cliente.post(
        "/api/auth/login", json={"username": "ana", "password": CLAVE}, headers=cabeceras
    ).get_json()
    return tokens


def con(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def refrescar(cliente: FlaskClient, tokens: Tokens) -> Tokens:
    respuesta = cliente.post("/api/auth/refresh", headers=con(tokens["refresh_token"]))
    assert respuesta.status_code == 200, respuesta.text
    nuevos: Tokens = respuesta.get_json()
    return nuevos


def vive(cliente: FlaskClient, tokens: Tokens) -> bool:
    """Does its access token work?"""
    return cliente.get("/api/auth/me", headers=con(tokens["access_token"])).status_code == 200


def pasan(app: Flask, segundos: int) -> None:
    """As if every session had been used that much earlier."""
    with app.app_context():
        db.session.execute(text(f"UPDATE sesiones SET usada_en = usada_en - INTERVAL {segundos} SECOND"))
        db.session.commit()


def abiertas(app: Flask, usuario_id: int) -> int:
    """What is in the table, whether it could still be used or not."""
    with app.app_context():
        return len(db.session.execute(select(Sesion.id).where(Sesion.usuario_id == usuario_id)).all())


def dicho(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def actividad(cliente: FlaskClient, tokens: Tokens) -> list[dict[str, Any]]:
    registros: list[dict[str, Any]] = cliente.get("/api/auth/actividad", headers=con(tokens["access_token"])).json[
        "registros"
    ]
    return registros


def test_refrescar_da_los_dos_tokens_y_el_viejo_de_acceso_sigue(cliente: FlaskClient, ana: Tokens) -> None:
    nuevos = refrescar(cliente, ana)
    assert set(nuevos) == {"access_token", "refresh_token", "expires_in"}
    assert nuevos["expires_in"] == 3600
    assert nuevos["refresh_token"] != ana["refresh_token"]
    assert vive(cliente, nuevos)
    assert vive(cliente, ana)
    assert vive(cliente, refrescar(cliente, nuevos))


def test_cada_token_dice_su_sesion_y_el_de_acceso_quien_es_y_su_rol(cliente: FlaskClient, ana: Tokens) -> None:
    acceso, refresco = dicho(ana["access_token"]), dicho(ana["refresh_token"])
    assert acceso["sid"] == refresco["sid"] == dicho(refrescar(cliente, ana)["access_token"])["sid"]
    assert dicho(otra(cliente)["access_token"])["sid"] != acceso["sid"]
    assert (acceso["username"], acceso["rol"]) == ("ana", "operario")
    assert refresco["exp"] - refresco["iat"] == 86400


def test_en_el_rol_que_diga_un_token_no_se_cree(cliente: FlaskClient, ana: Tokens, settings: Settings) -> None:
    cambiado = dicho(ana["access_token"]) | {"rol": "admin", "username": "jefa"}
    token = jwt.encode(cambiado, settings.jwt_secret_key.get_secret_value(), "HS256")
    assert cliente.get("/api/auth/me", headers=con(token)).json["usuario"]["username"] == "ana"
    problema(cliente.get("/api/usuarios", headers=con(token)), 403)


def test_cada_token_sirve_donde_es(cliente: FlaskClient, ana: Tokens) -> None:
    refresco, acceso = con(ana["refresh_token"]), con(ana["access_token"])
    assert problema(cliente.get("/api/auth/me", headers=refresco), 401)["detail"] == NO_REFRESCO
    assert problema(cliente.post("/api/auth/refresh", headers=acceso), 401)["detail"] == NO_ACCESO
    salida = cliente.post("/api/auth/logout", json={"refresh_token": ana["access_token"]}, headers=acceso)
    assert problema(salida, 422)["detail"] == NO_ACCESO
    assert vive(cliente, ana), "what is refused ends nothing"


def test_repetido_en_medio_minuto_da_el_mismo_sucesor_al_pie_de_la_letra(
    app: Flask, cliente: FlaskClient, ana: Tokens
) -> None:
    primero = refrescar(cliente, ana)
    pasan(app, sesiones.REPETIBLE_S - 10)
    repetido = refrescar(cliente, ana)
    assert repetido["refresh_token"] == primero["refresh_token"]
    assert vive(cliente, repetido)
    assert refrescar(cliente, primero)["refresh_token"] not in (ana["refresh_token"], primero["refresh_token"])


@pytest.mark.parametrize("tarde", [True, False])
def test_reusado_mas_tarde_o_dos_veces_despues_cierra_la_sesion_y_se_ve(
    app: Flask, cliente: FlaskClient, ana: Tokens, tarde: bool
) -> None:
    """In the hands of a thief, or of the owner after a thief: nobody can tell, so both are out."""
    nuevos, aparte = refrescar(cliente, ana), otra(cliente)
    if tarde:
        pasan(app, sesiones.REPETIBLE_S + 1)
    else:
        nuevos = refrescar(cliente, nuevos)
    lejos = {"REMOTE_ADDR": "198.51.100.9"}
    reuso = cliente.post("/api/auth/refresh", headers=con(ana["refresh_token"]), environ_base=lejos)
    assert problema(reuso, 401)["detail"] == REUSADO
    assert reuso.headers["WWW-Authenticate"].startswith("Bearer")
    assert not vive(cliente, ana)
    assert not vive(cliente, nuevos)
    siguiente = cliente.post("/api/auth/refresh", headers=con(nuevos["refresh_token"]))
    assert problema(siguiente, 401)["detail"] == INVALIDO
    assert vive(cliente, aparte)
    (fila,) = [r for r in actividad(cliente, aparte) if r["accion"] == "refresco_reusado"]
    assert fila["ip_address"] == "198.51.100.9"
    assert fila["detalle"]["sesion_id"] == dicho(ana["access_token"])["sid"]


def test_veinte_a_la_vez_con_el_mismo_token_reciben_el_mismo_sucesor(
    app: Flask, cliente: FlaskClient, ana: Tokens
) -> None:
    juntos = Barrier(A_LA_VEZ)

    def uno(_: int) -> Tokens:
        juntos.wait()
        return refrescar(app.test_client(), ana)

    for _ in range(3):
        with ThreadPoolExecutor(A_LA_VEZ) as hilos:
            todos = list(hilos.map(uno, range(A_LA_VEZ)))
        assert len({t["refresh_token"] for t in todos}) == 1
        assert all(vive(cliente, t) for t in todos)
        ana = todos[0]


def test_refrescar_y_salir_a_la_vez_no_se_estorban_y_gana_salir(app: Flask, cliente: FlaskClient, ana: Tokens) -> None:
    """Nor with what else takes the user's row: every answer is a good one, or says that the session ended."""
    juntos = Barrier(9)

    def uno(n: int) -> tuple[str, int]:
        suyo = app.test_client()
        juntos.wait()
        if n == 0:
            return "salir", suyo.post("/api/auth/logout", headers=con(ana["access_token"])).status_code
        if n % 2:
            return "refrescar", suyo.post("/api/auth/refresh", headers=con(ana["refresh_token"])).status_code
        return "entrar", suyo.post("/api/auth/login", json={"username": "ana", "password": CLAVE}).status_code

    with ThreadPoolExecutor(9) as hilos:
        estados = Counter(hilos.map(uno, range(9)))
    assert estados["salir", 200] == 1
    assert estados["entrar", 200] == 4
    assert estados["refrescar", 200] + estados["refrescar", 401] == 4
    assert not vive(cliente, ana)
    problema(cliente.post("/api/auth/refresh", headers=con(ana["refresh_token"])), 401)


@pytest.mark.parametrize("cuerpo", [None, {}, "el suyo"])
def test_salir_mata_todos_los_tokens_de_la_sesion_y_ninguno_de_otra(
    cliente: FlaskClient, ana: Tokens, cuerpo: object
) -> None:
    nuevos, aparte = refrescar(cliente, ana), otra(cliente)
    json = {"refresh_token": ana["refresh_token"]} if cuerpo == "el suyo" else cuerpo
    assert cliente.post("/api/auth/logout", json=json, headers=con(ana["access_token"])).status_code == 200
    assert not vive(cliente, ana)
    assert not vive(cliente, nuevos)
    for tokens in (ana, nuevos):
        problema(cliente.post("/api/auth/refresh", headers=con(tokens["refresh_token"])), 401)
    assert vive(cliente, aparte)


def test_salir_con_el_refresco_de_otra_sesion_suya_cierra_las_dos(cliente: FlaskClient, ana: Tokens) -> None:
    aparte, tercera = otra(cliente), otra(cliente)
    cuerpo = {"refresh_token": aparte["refresh_token"]}
    for quien in (ana, tercera):  # the second time it had ended already
        assert cliente.post("/api/auth/logout", json=cuerpo, headers=con(quien["access_token"])).status_code == 200
    assert not any(vive(cliente, t) for t in (ana, aparte, tercera))


def test_nadie_cierra_la_sesion_de_otro(cliente: FlaskClient, ana: Tokens) -> None:
    beto = entrar(cliente, "beto")
    problema(cliente.post("/api/auth/logout", json={"refresh_token": ana["refresh_token"]}, headers=beto), 422)
    problema(cliente.delete(f"/api/auth/sesiones/{dicho(ana['access_token'])['sid']}", headers=beto), 404)
    assert cliente.delete("/api/auth/sesiones", headers=beto).json["cerradas"] == 0
    assert cliente.get("/api/auth/sesiones", headers=beto).json["total"] == 1
    assert vive(cliente, refrescar(cliente, ana))


def test_la_lista_dice_desde_donde_y_cual_es_esta(cliente: FlaskClient, ana: Tokens) -> None:
    movil = otra(cliente, **{"User-Agent": "móvil"})
    lejos = {"REMOTE_ADDR": "198.51.100.9"}
    refrescada = cliente.post("/api/auth/refresh", headers=con(ana["refresh_token"]), environ_base=lejos).json
    pagina = cliente.get("/api/auth/sesiones?per_page=2", headers=con(movil["access_token"])).json
    assert (pagina["total"], pagina["pages"], pagina["per_page"]) == (3, 2, 2)  # and that of the registration
    reciente, esta = pagina["sesiones"]
    assert (reciente["id"], reciente["ip_address"]) == (dicho(refrescada["access_token"])["sid"], "198.51.100.9")
    assert reciente["usada_en"] >= reciente["creada_en"]
    assert (esta["id"], esta["actual"], reciente["actual"]) == (dicho(movil["access_token"])["sid"], True, False)
    assert all(esta[campo].endswith("Z") for campo in ("creada_en", "usada_en", "expira_en"))
    problema(cliente.get("/api/auth/sesiones?page=0", headers=con(movil["access_token"])), 422)


def test_se_cierra_una_desde_otra_y_todas_menos_esta(cliente: FlaskClient, ana: Tokens) -> None:
    perdida, esta = otra(cliente), otra(cliente)
    donde = f"/api/auth/sesiones/{dicho(perdida['access_token'])['sid']}"
    assert cliente.delete(donde, headers=con(esta["access_token"])).status_code == 204
    assert not vive(cliente, perdida)
    problema(cliente.delete(donde, headers=con(esta["access_token"])), 404)
    problema(cliente.delete(f"/api/auth/sesiones/{uuid4()}", headers=con(esta["access_token"])), 404)
    problema(cliente.delete("/api/auth/sesiones/7", headers=con(esta["access_token"])), 404)
    assert vive(cliente, ana)
    assert cliente.delete("/api/auth/sesiones", headers=con(esta["access_token"])).json["cerradas"] == 2
    assert [vive(cliente, t) for t in (ana, esta)] == [False, True]
    acciones = {r["accion"]: r["detalle"] for r in actividad(cliente, esta) if r["accion"].startswith("cerrar_sesi")}
    assert acciones["cerrar_sesiones"]["cerradas"] == 2
    assert acciones["cerrar_sesion"]["sesion_id"] == dicho(perdida["access_token"])["sid"]


def test_cerrar_la_propia_es_salir(cliente: FlaskClient, ana: Tokens) -> None:
    donde = f"/api/auth/sesiones/{dicho(ana['access_token'])['sid']}"
    assert cliente.delete(donde, headers=con(ana["access_token"])).status_code == 204
    assert not vive(cliente, ana)


def test_cambiar_la_clave_y_desactivar_cierran_todas(app: Flask, cliente: FlaskClient, ana: Tokens) -> None:
    jefa = como(app, cliente, "jefa", "admin")
    quien = cliente.get("/api/auth/me", headers=con(ana["access_token"])).json["usuario"]["id"]
    nueva = {"actual": CLAVE, "nueva": "otra frase larga"}
    cliente.post("/api/auth/cambiar-password", json=nueva, headers=con(ana["access_token"]))
    assert abiertas(app, quien) == 0
    cliente.post("/api/auth/login", json={"username": "ana", "password": nueva["nueva"]})
    assert abiertas(app, quien) == 1
    cliente.delete(f"/api/usuarios/{quien}", headers=jefa)
    assert abiertas(app, quien) == 0
    assert cliente.get("/api/auth/me", headers=jefa).status_code == 200


def test_un_refresco_vencido_se_dice_y_no_esta_en_la_lista(
    app: Flask, cliente: FlaskClient, ana: Tokens, settings: Settings
) -> None:
    vieja = jwt.encode(dicho(ana["refresh_token"]) | {"exp": 1}, settings.jwt_secret_key.get_secret_value(), "HS256")
    assert problema(cliente.post("/api/auth/refresh", headers=con(vieja)), 401)["detail"] == VENCIDO
    with app.app_context():
        vence = text("UPDATE sesiones SET expira_en = UTC_TIMESTAMP(6) WHERE id <> :esta")
        db.session.execute(vence, {"esta": dicho(ana["access_token"])["sid"]})
        db.session.commit()
    assert cliente.get("/api/auth/sesiones", headers=con(ana["access_token"])).json["total"] == 1


def test_quien_entra_sin_parar_cierra_las_suyas_mas_viejas_y_se_anota(
    cliente: FlaskClient, ana: Tokens, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sesiones, "MAX_SESIONES", 3)
    navegador = refrescar(cliente, ana)
    entradas = [otra(cliente) for _ in range(4)]
    assert [vive(cliente, t) for t in (navegador, *entradas)] == [True, False, False, True, True]
    assert cliente.get("/api/auth/sesiones", headers=con(navegador["access_token"])).json["total"] == 3
    assert actividad(cliente, navegador)[0]["detalle"]["cerradas"] == 1


def test_saber_quien_llama_es_una_sola_pregunta(app: Flask, cliente: FlaskClient, ana: Tokens) -> None:
    with app.app_context():
        motor = db.engine
    with ordenes(motor) as hechas:
        assert vive(cliente, ana)
    assert len([o for o in hechas if "FROM" in o.sql]) == 1
    assert "sesiones" in hechas[0].sql
