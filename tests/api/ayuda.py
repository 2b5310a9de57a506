"""What API tests share: an account with a token, and the shape every error must have."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from api.base import db
from shared.modelos import Rol, Usuario

CLAVE = "una frase larga"


def entrar(cliente: FlaskClient, username: str = "ana") -> dict[str, str]:
    """Register and log in; the headers that speak for this user."""
    cuenta = {"username": username, "email": f"{username}@ejemplo.co", "password": CLAVE}
    assert cliente.post("/api/auth/register", json=cuenta).status_code == 201
    tokens = cliente.post("/api/auth/login", json={"username": username, "password": CLAVE}).json
    assert tokens
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def enviar(cliente: FlaskClient, ruta: str, cuerpo: object, cabeceras: dict[str, str] | None = None) -> TestResponse:
    """POST as JSON in pure ASCII, so that lone surrogates can be sent."""
    return cliente.post(ruta, data=json.dumps(cuerpo), content_type="application/json", headers=cabeceras)


def problema(respuesta: TestResponse, estado: int) -> dict[str, Any]:
    """Assert the contract's error shape; returns the body."""
    assert respuesta.status_code == estado, respuesta.text
    assert respuesta.content_type == "application/problem+json"
    cuerpo: dict[str, Any] = respuesta.get_json()
    assert cuerpo["status"] == estado
    assert cuerpo["error"] == cuerpo["title"]
    assert cuerpo["message"] == cuerpo["detail"]
    assert cuerpo["instance"]
    assert cuerpo["type"]
    assert cuerpo["id_peticion"] == respuesta.headers["X-Request-ID"]
    return cuerpo


def como(app: Flask, cliente: FlaskClient, username: str, rol: str) -> dict[str, str]:
    """As entrar, with a rol that nobody can register with."""
    con = entrar(cliente, username)
    with app.app_context():
        db.session.execute(update(Usuario).where(Usuario.username == username).values(rol=Rol(rol)))
        db.session.commit()
    return con
