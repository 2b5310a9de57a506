"""Is the process alive, and is what it depends on?"""

from __future__ import annotations

from typing import Any

import redis
from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from api.base import sesion
from shared import archivo, esquema
from shared.cola import trabajadores

rutas = Blueprint("salud", __name__)


@rutas.get("/health")
def viva() -> ResponseReturnValue:
    return jsonify(estado="ok")


@rutas.get("/health/ready")
def lista() -> ResponseReturnValue:
    """200 when consultas can be accepted and worked on, else 503 with what is missing."""
    partes = {**_base_de_datos(), **_redis()}
    bien = bool(partes["base_de_datos"] and partes["redis"] and partes["migraciones"])
    return jsonify(estado="ok" if bien else "degradado", **partes), 200 if bien else 503


def _base_de_datos() -> dict[str, Any]:
    try:
        espera = archivo.espera_mayor_s(sesion())
        al_dia = esquema.al_dia(sesion().connection())
    except SQLAlchemyError:
        return {"base_de_datos": False, "migraciones": False, "pendiente_mas_antigua_s": None}
    return {"base_de_datos": True, "migraciones": al_dia, "pendiente_mas_antigua_s": espera}


def _redis() -> dict[str, Any]:
    cliente: redis.Redis = current_app.extensions["redis"]
    try:
        return {"redis": True, "trabajadores": trabajadores(cliente)}
    except redis.RedisError:
        return {"redis": False, "trabajadores": None}
