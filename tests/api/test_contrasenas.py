"""New passwords in production, and guesses at the one that is to be changed."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import bcrypt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.esquemas.cuentas import FACIL
from deploy.local.pila import generar_secretos
from shared import usuarios
from shared.adivinable import adivinable
from shared.settings import Settings, entorno
from tests.api.ayuda import CLAVE, como, entrar, problema

FACILES = (
    *("password123", "Passw0rd12", "1234567890", "qwertyuiop", "1q2w3e4r5t", "iloveyou12", "0987654321", "abcdefghij"),
    *("contraseña1", "Contrasena123", "colombia2024", "medellin2024", "climaguru2026", "administrador", "holahola123"),
    *("beatriz2024", "Beatriz.Gil1", "password" * 9),  # whose account is beatriz.gil
)
BUENAS = ("una frase larga", "arepa con queso", "perro azul", "x7$Kq9!mZp", "東京の雨はやさしい朝", "AWR1MsEoA4HESPMX")
BEATRIZ = {"username": "beatriz.gil", "email": "beatriz@ejemplo.co"}


@pytest.fixture
def produccion(cliente: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setattr(settings, "flask_env", "production")
    monkeypatch.setattr(settings, "limite_login_cuenta", "1000/minute")
    return cliente


def intentos(app: Flask, cliente: FlaskClient, clave: str) -> list[tuple[Any, str]]:
    """The three ways to give an account a password, as (answer, field)."""
    admin, ana = como(app, cliente, "jefa", "admin"), entrar(cliente, "beatriz")
    otra = {"username": "beatriz.gil2", "email": "beatriz.gil@ejemplo.co"}
    cambio = {"actual": CLAVE, "nueva": clave}
    return [
        (cliente.post("/api/auth/register", json={**BEATRIZ, "email": "b@ejemplo.co", "password": clave}), "password"),
        (cliente.post("/api/usuarios", json={**otra, "password": clave}, headers=admin), "password"),
        (cliente.post("/api/auth/cambiar-password", json=cambio, headers=ana), "nueva"),
    ]


def test_en_produccion_ninguna_cuenta_toma_una_de_las_primeras_que_se_prueban(
    app: Flask, produccion: FlaskClient
) -> None:
    for respuesta, campo in intentos(app, produccion, "password123"):
        assert problema(respuesta, 422)["errores"] == {campo: [FACIL]}


def test_fuera_de_produccion_valen(app: Flask, cliente: FlaskClient) -> None:
    assert [r.status_code for r, _ in intentos(app, cliente, "password123")] == [201, 201, 200]


def test_las_que_ya_estaban_siguen_entrando(cliente: FlaskClient, settings: Settings) -> None:
    with pytest.MonkeyPatch.context() as mp:
        cliente.post("/api/auth/register", json={**BEATRIZ, "password": "password123"})
        mp.setattr(settings, "flask_env", "production")
        r = cliente.post("/api/auth/login", json={"username": "beatriz.gil", "password": "password123"})
    assert r.status_code == 200


@pytest.mark.parametrize("clave", FACILES)
def test_lo_primero_que_se_prueba_es_adivinable(clave: str) -> None:
    assert adivinable(clave, *BEATRIZ.values())


@pytest.mark.parametrize("clave", BUENAS)
def test_unas_palabras_o_el_azar_no_son_adivinables(clave: str) -> None:
    assert not adivinable(clave, *BEATRIZ.values())


def test_solo_se_miran_las_primeras_letras() -> None:
    """zxcvbn tries every reading of 4@8({[<3: of 72 such it would hold the process for a quarter of a minute."""
    assert adivinable("password" * 3 + "x7$Kq9!mZp")
    assert not adivinable("4@8({[<3691!|05$+7%2" * 3 + "4@8({[<3691!")


def test_los_diccionarios_no_se_leen_al_arrancar() -> None:
    programa = "import sys, api, worker.app; sys.exit('zxcvbn' in sys.modules)"
    ajustes = {
        "FLASK_ENV": "testing",
        **generar_secretos(),
        "DATABASE_URL": "sqlite://",
        "REDIS_URL": "redis://127.0.0.1:1",
    }
    assert subprocess.run([sys.executable, "-c", programa], env=entorno(**ajustes), check=False).returncode == 0


def test_treinta_intentos_a_la_vez_de_cambiarla_son_diez(
    app: Flask, cliente: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are counted before bcrypt sees them; one that has a token is no better than one that has none."""
    con = entrar(cliente)
    monkeypatch.setattr(usuarios, "EN_COLA", 100)
    monkeypatch.setattr(usuarios, "DE_UNA_RED", 100)
    vistas, verdadero = [], bcrypt.checkpw

    def mirar(clave: bytes, guardada: bytes) -> bool:
        vistas.append(clave)
        return verdadero(clave, guardada)

    monkeypatch.setattr(bcrypt, "checkpw", mirar)

    def uno(_: int) -> int:
        cuerpo = {"actual": "no es esta", "nueva": "otra frase larga"}
        return app.test_client().post("/api/auth/cambiar-password", json=cuerpo, headers=con).status_code

    with ThreadPoolExecutor(30) as hilos:
        assert Counter(hilos.map(uno, range(30))) == {422: 10, 429: 20}
    assert len(vistas) == 10


def test_cambiarla_bien_olvida_los_fallos_y_no_gasta_el_limite(
    cliente: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "limite_login_cuenta", "3/minute")
    entrar(cliente)
    claves = [f"una frase larga {n}" for n in range(5)]
    for actual, nueva in pairwise([CLAVE, *claves]):
        tokens = cliente.post("/api/auth/login", json={"username": "ana", "password": actual}).json
        con = {"Authorization": f"Bearer {tokens['access_token']}"}
        for clave, estado in (("no es esta", 422), ("tampoco es", 422), (actual, 200)):
            cuerpo = {"actual": clave, "nueva": nueva}
            r = cliente.post("/api/auth/cambiar-password", json=cuerpo, headers=con)
            assert r.status_code == estado, r.text
