from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any
from uuid import UUID

import jwt
import pytest
import redis
from flask import Flask, Response
from flask.testing import FlaskClient
from sqlalchemy import text

from api.auth import DESACTIVADA
from api.base import db, limitador
from shared import usuarios
from shared.settings import Settings
from tests.api.ayuda import CLAVE, entrar, enviar, problema
from tests.servidores import MariaDB, Redis

BUENO = {"username": "ana", "email": "ana@ejemplo.co", "password": CLAVE}


def ejecutar(app: Flask, sql: str) -> None:
    with app.app_context():
        db.session.execute(text(sql))
        db.session.commit()


def test_registrarse_entrar_y_saber_quien_soy(cliente: FlaskClient) -> None:
    nuevo = cliente.post("/api/auth/register", json={**BUENO, "nombre_completo": "Ana Pérez"})
    assert nuevo.status_code == 201
    assert nuevo.json["usuario"]["rol"] == "operario"
    assert "password" not in nuevo.text
    tokens = cliente.post("/api/auth/login", json={"username": "ANA@ejemplo.co", "password": CLAVE}).json
    assert tokens["expires_in"] == 3600
    yo = cliente.get("/api/auth/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert yo.json["usuario"]["username"] == "ana"
    assert yo.json["usuario"]["ultimo_login"].endswith("Z")


@pytest.mark.parametrize("cambio", [{"username": "ANA"}, {"email": "ANA@EJEMPLO.CO"}])
def test_un_usuario_o_correo_tomado_es_409_aunque_cambien_las_mayusculas(
    cliente: FlaskClient, cambio: dict[str, str]
) -> None:
    cliente.post("/api/auth/register", json=BUENO)
    otro = {"username": "otra", "email": "otra@ejemplo.co", "password": CLAVE, **cambio}
    cuerpo = problema(cliente.post("/api/auth/register", json=otro), 409)
    assert list(cuerpo["errores"]) == list(cambio)


@pytest.mark.parametrize(
    ("cambio", "campo"),
    [
        ({"username": "ab"}, "username"),
        ({"username": "ana pérez"}, "username"),
        ({"username": "аnа"}, "username"),  # Cyrillic
        ({"username": " ana "}, None),  # trimmed
        ({"username": "ana\n"}, "username"),
        ({"username": 7}, "username"),
        ({"username": ".ana"}, "username"),
        ({"username": "ana."}, "username"),
        ({"username": "an\u200ba"}, "username"),
        ({"email": "an\u200ba@ejemplo.co"}, "email"),
        ({"nombre_completo": "Ana\u202eperez"}, "nombre_completo"),
        ({"email": "ana"}, "email"),
        ({"email": "a@b"}, "email"),
        ({"password": "corta"}, "password"),
        ({"password": "nueve más"}, "password"),
        ({"password": "aaaaaaaaaaaa"}, "password"),
        ({"password": " \t \t \t \t \t \t"}, "password"),
        ({"username": "ana_perez_2", "password": "ANA_Perez_2"}, "password"),
        ({"password": "ana@ejemplo.co"}, "password"),
        ({"email": "anaperezgil@ejemplo.co", "password": "AnaPerezGil"}, "password"),
        ({"password": "ñ" * 37}, "password"),  # 74 bytes
        ({"password": "\ud800aaaaaaaa"}, "password"),
        ({"rol": "admin"}, "rol"),
        ({"activo": False}, "activo"),
    ],
)
def test_un_registro_malo_nombra_el_campo(cliente: FlaskClient, cambio: dict[str, Any], campo: str | None) -> None:
    respuesta = enviar(cliente, "/api/auth/register", BUENO | cambio)
    if campo is None:
        assert respuesta.status_code == 201
    else:
        assert list(problema(respuesta, 422)["errores"]) == [campo]


def test_la_clave_mala_y_el_usuario_que_no_existe_son_iguales(cliente: FlaskClient) -> None:
    entrar(cliente)
    mala = problema(cliente.post("/api/auth/login", json={"username": "ana", "password": "no es"}), 401)
    nadie = problema(cliente.post("/api/auth/login", json={"username": "nadie", "password": "no es"}), 401)
    assert {**mala, "id_peticion": ""} == {**nadie, "id_peticion": ""}


def test_los_fallos_de_una_cuenta_se_limitan(cliente: FlaskClient) -> None:
    entrar(cliente)
    for _ in range(10):
        problema(cliente.post("/api/auth/login", json={"username": "ana", "password": "mala"}), 401)
    respuesta = cliente.post("/api/auth/login", json={"username": "ANA", "password": CLAVE})
    problema(respuesta, 429)
    assert int(respuesta.headers["Retry-After"]) > 0
    assert cliente.post("/api/auth/login", json={"username": "beto", "password": "x"}).status_code == 401


MALA = {"password": "mala"}


@pytest.mark.parametrize("escrito", [" ana", "ana  ", "ANA", "ana@ejemplo.co", "Ana@Ejemplo.CO "])
def test_escribir_el_nombre_de_otra_manera_no_da_mas_intentos(cliente: FlaskClient, escrito: str) -> None:
    entrar(cliente)
    for _ in range(9):
        problema(cliente.post("/api/auth/login", json={"username": "ana", **MALA}), 401)
    problema(cliente.post("/api/auth/login", json={"username": escrito, **MALA}), 401)
    problema(cliente.post("/api/auth/login", json={"username": escrito, **MALA}), 429)


@pytest.mark.parametrize("escrito", ["an\u200ba", "ana\u2060", "\u202eana", "ana\ufe0f", "ana\U000e0061", "ana\0"])
def test_un_nombre_con_lo_que_no_se_ve_no_llega_a_la_clave(
    cliente: FlaskClient, escrito: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entrar(cliente)
    monkeypatch.setattr("shared.usuarios.coincide", lambda *_: pytest.fail("a password was checked"))
    errores = problema(enviar(cliente, "/api/auth/login", {"username": escrito, **MALA}), 422)["errores"]
    assert list(errores) == ["username"]


def test_cincuenta_intentos_a_la_vez_son_diez(
    cliente: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are counted before the password is looked at, not after it was wrong."""
    entrar(cliente)
    monkeypatch.setattr(usuarios, "EN_COLA", 100)
    monkeypatch.setattr(usuarios, "DE_UNA_RED", 100)

    def uno(_: int) -> int:
        return app.test_client().post("/api/auth/login", json={"username": "ana", **MALA}).status_code

    with ThreadPoolExecutor(50) as hilos:
        assert Counter(hilos.map(uno, range(50))) == {401: 10, 429: 40}


def test_quien_adivina_desde_fuera_no_deja_fuera_a_la_duena(cliente: FlaskClient) -> None:
    entrar(cliente)
    mala, buena = {"username": "ana", **MALA}, {"username": "ana", "password": CLAVE}
    for n in range(11):
        lejos = {"REMOTE_ADDR": f"198.51.100.{n}"}
        estado = cliente.post("/api/auth/login", json=mala, environ_base=lejos).status_code
        assert estado == (401 if n < 10 else 429), "a network is one"
    assert cliente.post("/api/auth/login", json=buena).status_code == 200


def test_muchas_redes_juntas_tienen_tambien_un_limite_y_la_conocida_pasa(
    cliente: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    entrar(cliente)  # from 127.0.0.1, which is known now
    monkeypatch.setattr(settings, "limite_login_total", "20/hour")
    mala, buena = {"username": "ana", **MALA}, {"username": "ana", "password": CLAVE}
    estados = [
        cliente.post("/api/auth/login", json=mala, environ_base={"REMOTE_ADDR": f"2001:db8:{n}::1"}).status_code
        for n in range(21)
    ]
    assert estados == [401] * 20 + [429]
    desconocida = {"REMOTE_ADDR": "203.0.113.7"}
    problema(cliente.post("/api/auth/login", json=buena, environ_base=desconocida), 429)
    assert cliente.post("/api/auth/login", json=buena).status_code == 200


def test_la_espera_crece_con_los_intentos(
    app: Flask, cliente: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    entrar(cliente)
    monkeypatch.setattr(settings, "limite_login_cuenta", "2/minute;3/hour")
    r = app.extensions["redis"]

    def probar() -> int:
        respuesta = cliente.post("/api/auth/login", json={"username": "ana", **MALA})
        return int(respuesta.headers["Retry-After"]) if respuesta.status_code == 429 else 0

    assert [probar(), probar()] == [0, 0]
    assert 0 < probar() <= 60
    for minuto in r.keys("*/1/minute"):  # it passes
        r.delete(minuto)
    assert [probar(), probar() > 60] == [0, True]


def test_entrar_bien_olvida_los_fallos(cliente: FlaskClient) -> None:
    entrar(cliente)
    for _ in range(3):
        for _ in range(9):
            problema(cliente.post("/api/auth/login", json={"username": "ana", **MALA}), 401)
        assert cliente.post("/api/auth/login", json={"username": "ana", "password": CLAVE}).status_code == 200


def test_la_duena_ve_quien_intento_entrar(cliente: FlaskClient) -> None:
    con, otro = entrar(cliente), entrar(cliente, "beto")
    lejos = {"REMOTE_ADDR": "198.51.100.9"}
    cliente.post("/api/auth/login", json={"username": "ana", **MALA}, environ_base=lejos)
    registros = cliente.get("/api/auth/actividad", headers=con).json["registros"]
    assert [r["accion"] for r in registros] == ["login_fallido", "login", "registro"]
    assert registros[0]["ip_address"] == "198.51.100.9"
    assert [r["accion"] for r in cliente.get("/api/auth/actividad", headers=otro).json["registros"]] == [
        "login",
        "registro",
    ]


def test_un_usuario_desactivado_deja_de_entrar_al_momento(app: Flask, cliente: FlaskClient) -> None:
    con = entrar(cliente)
    ejecutar(app, "UPDATE usuarios SET activo = 0")
    problema(cliente.get("/api/auth/me", headers=con), 401)
    con_la_buena = cliente.post("/api/auth/login", json={"username": "ana", "password": CLAVE})
    assert problema(con_la_buena, 401)["detail"] == DESACTIVADA
    con_la_mala = cliente.post("/api/auth/login", json={"username": "ana", "password": "otra frase larga"})
    assert problema(con_la_mala, 401)["detail"] == "Usuario o contraseña incorrectos."
    with app.app_context():
        detalles = db.session.scalars(text("SELECT detalle FROM logs_actividad WHERE accion = 'login_fallido'")).all()
    assert len(detalles) == 2


def _hecho(settings: Settings, nuestro: str, **cambios: Any) -> str:
    """A token of ours with these changes, signed with our secret; None: without that claim."""
    clave = cambios.pop("clave", settings.jwt_secret_key.get_secret_value())
    algoritmo = cambios.pop("algoritmo", "HS256")
    carga = jwt.decode(nuestro, options={"verify_signature": False}) | cambios
    return jwt.encode({c: v for c, v in carga.items() if v is not None}, clave, algoritmo)


def _con_ese(cliente: FlaskClient, settings: Settings, **cambios: Any) -> Any:
    token = _hecho(settings, entrar(cliente)["Authorization"].removeprefix("Bearer "), **cambios)
    return cliente.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})


def test_el_que_se_hace_como_los_nuestros_entra(cliente: FlaskClient, settings: Settings) -> None:
    """So that each of the following is refused for its change and for nothing else."""
    assert _con_ese(cliente, settings).status_code == 200


@pytest.mark.parametrize(
    "cambios",
    [
        {"clave": "otra" * 12},
        {"algoritmo": "none", "clave": ""},
        {"algoritmo": "HS384"},
        {"exp": 1},
        {"nbf": 4_000_000_000},
        {"sub": "1 OR 1=1"},
        {"sub": "99999999"},
        {"sub": "9" * 5000},  # more digits than int() takes
        {"sub": None},
        {"type": "refresh"},
        {"exp": None},
        {"jti": None},
        {"jti": 7},
        {"type": None},
        {"type": 7},
        {"sid": None},
        {"sid": 7},
        {"sid": str(UUID(int=1))},
        {"sid": ""},
        {"epoca": None},
        {"epoca": "2026-01-01T00:00:00+00:00"},
    ],
)
def test_un_token_falso_no_entra(cliente: FlaskClient, settings: Settings, cambios: dict[str, Any]) -> None:
    respuesta = _con_ese(cliente, settings, **cambios)
    problema(respuesta, 401)
    assert respuesta.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("cabecera", [None, "Bearer", "Bearer x.y.z", "Basic YTpi", "Bearer " + "a" * 5000])
def test_sin_un_token_bueno_no_se_pasa(cliente: FlaskClient, cabecera: str | None) -> None:
    con = {"Authorization": cabecera} if cabecera else {}
    problema(cliente.get("/api/auth/me", headers=con), 401)
    problema(cliente.get("/api/consultas/mis-consultas", headers=con), 401)


def test_entrar_y_fallar_queda_anotado_sin_la_clave(app: Flask, cliente: FlaskClient) -> None:
    entrar(cliente)
    cliente.post("/api/auth/login", json={"username": "ana", "password": "clave-canaria"}, headers={"User-Agent": "yo"})
    with app.app_context():
        filas = db.session.execute(text("SELECT accion, detalle, ip_address, user_agent FROM logs_actividad")).all()
    assert [f.accion for f in filas] == ["registro", "login", "login_fallido"]
    assert filas[-1].ip_address == "127.0.0.1"
    assert filas[-1].user_agent == "yo"
    assert "canaria" not in str(filas)


def test_una_clave_tecleada_como_usuario_no_queda_en_ninguna_parte(
    app: Flask, cliente: FlaskClient, settings: Settings
) -> None:
    entrar(cliente)
    for nombre in ("clave-canaria", "ANA@ejemplo.co"):
        problema(cliente.post("/api/auth/login", json={"username": nombre, "password": "x"}), 401)
    with app.app_context():
        detalles = db.session.execute(text("SELECT detalle FROM logs_actividad WHERE accion = 'login_fallido'")).all()
    assert "canaria" not in str(detalles)
    assert '"ana"' in str(detalles)  # the account, where there is one
    with redis.Redis.from_url(settings.url_redis) as r:
        assert not any(b"canaria" in clave for clave in r.scan_iter("*"))


def test_cambiar_la_clave_mata_todos_los_tokens_de_antes(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    otra = cliente.post("/api/auth/login", json={"username": "ana", "password": CLAVE}).json
    cuerpo = {"actual": CLAVE, "nueva": "otra frase larga"}
    assert cliente.post("/api/auth/cambiar-password", json=cuerpo, headers=con).status_code == 200
    problema(cliente.get("/api/auth/me", headers=con), 401)
    refresco = {"Authorization": f"Bearer {otra['refresh_token']}"}
    problema(cliente.post("/api/auth/refresh", headers=refresco), 401)
    problema(cliente.post("/api/auth/login", json={"username": "ana", "password": CLAVE}), 401)
    nueva = cliente.post("/api/auth/login", json={"username": "ana", "password": cuerpo["nueva"]}).json
    con_nueva = {"Authorization": f"Bearer {nueva['access_token']}"}
    assert cliente.get("/api/auth/me", headers=con_nueva).status_code == 200


@pytest.mark.parametrize(
    ("cambio", "campo"),
    [({"actual": "no es esta"}, "actual"), ({"nueva": "corta"}, "nueva"), ({"nueva": "ñ" * 37}, "nueva")],
)
def test_cambiar_la_clave_con_algo_malo_nombra_el_campo_y_no_cambia_nada(
    cliente: FlaskClient, cambio: dict[str, str], campo: str
) -> None:
    con = entrar(cliente)
    cuerpo = {"actual": CLAVE, "nueva": "otra frase larga", **cambio}
    respuesta = cliente.post("/api/auth/cambiar-password", json=cuerpo, headers=con)
    assert list(problema(respuesta, 422)["errores"]) == [campo]
    assert cliente.get("/api/auth/me", headers=con).status_code == 200


def test_no_se_adivina_la_clave_de_una_sesion_abierta(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    malo = {"actual": "no es esta", "nueva": "otra frase larga"}
    for _ in range(10):
        problema(cliente.post("/api/auth/cambiar-password", json=malo, headers=con), 422)
    problema(cliente.post("/api/auth/cambiar-password", json={**malo, "actual": CLAVE}, headers=con), 429)


def test_un_redis_vaciado_no_revive_ningun_token(cliente: FlaskClient, servidor_redis: Redis) -> None:
    con = entrar(cliente)
    cliente.post("/api/auth/logout", headers=con)
    with redis.Redis.from_url(servidor_redis.url) as r:
        r.flushall()
    problema(cliente.get("/api/auth/me", headers=con), 401)


def test_una_clave_guardada_con_otro_costo_se_renueva_al_entrar(app: Flask, cliente: FlaskClient) -> None:
    entrar(cliente)
    barata = usuarios.cifrar_password(CLAVE, 5)
    ejecutar(app, f"UPDATE usuarios SET password_hash = '{barata}'")
    for _ in range(2):
        assert cliente.post("/api/auth/login", json={"username": "ana", "password": CLAVE}).status_code == 200
    with app.app_context():
        assert str(db.session.execute(text("SELECT password_hash FROM usuarios")).scalar()).startswith("$2b$04$")


def test_cada_respuesta_dice_cuantas_peticiones_quedan(cliente: FlaskClient) -> None:
    con = entrar(cliente)
    quedan = [int(cliente.get("/api/auth/me", headers=con).headers["X-RateLimit-Remaining"]) for _ in range(2)]
    assert quedan[0] - quedan[1] == 1
    respuesta = cliente.get("/api/ciudades?q=cali", headers=con)
    assert int(respuesta.headers["X-RateLimit-Limit"]) == 1200
    assert int(respuesta.headers["X-RateLimit-Reset"]) > time.time() - 1


def test_las_peticiones_de_un_usuario_se_limitan_y_las_de_otro_no(
    cliente: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, beto = entrar(cliente), entrar(cliente, "beto")
    monkeypatch.setattr(settings, "limite_api", "3/minute")
    for _ in range(3):
        assert cliente.get("/api/auth/me", headers=ana).status_code == 200
    respuesta = cliente.get("/api/ciudades?q=cali", headers=ana)
    problema(respuesta, 429)
    assert int(respuesta.headers["Retry-After"]) > 0
    assert respuesta.headers["X-RateLimit-Remaining"] == "0"
    assert cliente.get("/api/auth/me", headers=beto).status_code == 200


def test_si_la_base_se_cae_con_todo_hecho_la_respuesta_llega(
    cliente: FlaskClient, app: Flask, mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read after the commit leaves a transaction, which is rolled back at the end of the request."""
    con, hilos = entrar(cliente), "SELECT id FROM information_schema.processlist WHERE db = 'cg_api'"

    def caer(respuesta: Response) -> Response:
        for (hilo,) in mariadb.ejecutar(hilos):
            mariadb.ejecutar(f"KILL {hilo}")
        return respuesta

    monkeypatch.setitem(app.after_request_funcs, None, [*app.after_request_funcs[None], caer])
    for _ in range(2):
        assert cliente.post("/api/consultas/tiempo-real", json={"ciudad": "Cali"}, headers=con).status_code == 202


@pytest.mark.parametrize("paso", ["incr", "get_expiry"])  # before the view, and when its headers are written
def test_dos_peticiones_que_pierden_redis_a_la_vez_reciben_su_respuesta(
    cliente: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch, paso: str
) -> None:
    con, vieron, estados = entrar(cliente), [], []

    def pedir() -> None:
        estados.append(app.test_client().get("/api/auth/me", headers=con).status_code)

    def se_cae(*_: object, **__: object) -> None:
        vieron.append(paso)
        if len(vieron) == 1:  # the other meets it too, and is answered first
            otra = Thread(target=pedir)
            otra.start()
            otra.join()
        raise redis.ConnectionError

    monkeypatch.setattr(limitador, "_storage_dead", False)  # so that it is again when the test ends
    monkeypatch.setattr(limitador.storage, "check", lambda: False)
    monkeypatch.setattr(limitador.storage, paso, se_cae)
    pedir()
    assert estados == [200, 200]
    assert len(vieron) == 2
