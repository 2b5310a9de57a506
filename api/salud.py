"""Is the process alive, and is what it depends on?"""

from __future__ import annotations

from ipaddress import ip_address
from threading import Lock
from time import monotonic
from typing import Any

import redis
from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from api import acceso
from api.actividad import direccion
from api.base import sesion
from shared import archivo, esquema, vigilancia
from shared.cola import silencio_s, trabajadores
from shared.settings import Settings

rutas = Blueprint("salud", __name__)

BEAT_CALLADO_S = 60  # it sends something every two seconds
VALE_S = 3.0


@rutas.get("/health")
def viva() -> ResponseReturnValue:
    return jsonify(estado="ok")


class Revista:
    """The last look at all that is depended on: who asks within VALE_S, or while another looks, is told what it saw."""

    def __init__(self) -> None:
        self._cerrojo = Lock()
        self._vista: dict[str, Any] | None = None
        self._caduca = 0.0

    def pasar(self) -> dict[str, Any]:
        vista = self._vista
        if not self._cerrojo.acquire(blocking=vista is None):  # a database that hangs holds one thread, not all
            assert vista is not None
            return vista
        try:
            if self._vista is None or monotonic() > self._caduca:
                self._vista, self._caduca = {**_base_de_datos(), **_redis()}, monotonic() + VALE_S
            return self._vista
        finally:
            self._cerrojo.release()

    def olvidar(self) -> None:
        self._vista = None


@rutas.get("/health/ready")
def lista() -> ResponseReturnValue:
    """200 when consultas can be accepted and worked on, else 503. What is missing is told to those of the house only.

    avisos: what somebody should look at although consultas are served.
    """
    revista: Revista = current_app.extensions["revista"]
    partes = revista.pasar()
    bien = bool(partes["base_de_datos"] and partes["redis"] and partes["migraciones"])
    estado, codigo = "ok" if bien else "degradado", 200 if bien else 503
    if not _de_casa():
        return jsonify(estado=estado), codigo
    avisos = _avisos(partes) if bien else []
    return jsonify(estado=estado, avisos=avisos, **partes), codigo


def _de_casa() -> bool:
    """Does it come from this machine or the VPN (REDES_PROPIAS), or from an admin?"""
    settings: Settings = current_app.extensions["settings"]
    quien = direccion()
    if quien and any(ip_address(quien) in red for red in settings.redes_propias):
        return True
    try:
        return acceso.es_admin()
    except SQLAlchemyError:
        return False


def _avisos(partes: dict[str, Any]) -> list[str]:
    avisos = []
    if not partes["trabajadores"]:
        avisos.append("Ningún trabajador da señales: las consultas se aceptan y esperan.")
    if partes["beat_s"] is None or partes["beat_s"] > BEAT_CALLADO_S:
        avisos.append("Beat no da señales: nada se repara ni se ejecuta a su hora.")
    if atrasadas := partes["programaciones"]["atrasadas"]:
        avisos.append(f"Hay programaciones sin ejecutar a su hora: {atrasadas}.")
    if malas := sum(partes["programaciones"]["ultimas_24h"][e] for e in ("parcial", "error")):
        avisos.append(f"Hay ejecuciones de las últimas 24 h que acabaron mal, en todo o en parte: {malas}.")
    return avisos


def _base_de_datos() -> dict[str, Any]:
    try:
        al_dia = esquema.al_dia(sesion().connection())
        espera = archivo.espera_mayor_s(sesion())
        programadas = _programaciones() if al_dia else None
    except SQLAlchemyError:
        return {"base_de_datos": False, "migraciones": False, "pendiente_mas_antigua_s": None, "programaciones": None}
    return {
        "base_de_datos": True,
        "migraciones": al_dia,
        "pendiente_mas_antigua_s": espera,
        "programaciones": programadas,
    }


def _programaciones() -> dict[str, Any]:
    v = vigilancia.programaciones(sesion())
    return {
        "activas": v.activas,
        "atrasadas": v.atrasadas,
        "atraso_s": v.atraso_s,
        "en_curso": v.en_curso,
        "ultimas_24h": v.ejecuciones,
    }


def _redis() -> dict[str, Any]:
    cliente: redis.Redis = current_app.extensions["redis"]
    try:
        return {"redis": True, "trabajadores": trabajadores(cliente), "beat_s": silencio_s(cliente)}
    except redis.RedisError:
        return {"redis": False, "trabajadores": None, "beat_s": None}
