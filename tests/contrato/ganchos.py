"""What schemathesis cannot read in the document, done to its requests just before they leave.

Well-formed ones are made to keep the rules that JSON Schema has no words for, so that refusing one is always a fault.
"""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import requests
import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import UseAfterFree

AYER = datetime.now(UTC).date() - timedelta(days=2)
LARGO_DIAS = 300
HORARIO = {"cron": "0 2 * * *", "zona_horaria": "America/Bogota"}


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    _sin_esperas(case)
    _sin_cerrarse(case)
    if case.meta and case.meta.generation.mode.is_positive:
        _busqueda_posible(case.query)
        if isinstance(case.body, dict):
            for cuerpo in (case.body, *_de_una_lista(case.body, "consultas")):
                _fechas_en_orden(cuerpo)
                if case.path.startswith("/api/consultas/") and "consultas" not in cuerpo:
                    _lugar_conocido(cuerpo)
            for cuerpo in _de_una_lista(case.body, "lugares"):
                _lugar_conocido(cuerpo)
            _clave_propia(case)
            _passwords_de_72_bytes(case.body)
            _ciudad_conocida(case)
            _programacion_posible(case)


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """DELETE of an account deactivates it: it can still be read and changed."""
    return not (isinstance(failure, UseAfterFree) and case.path == "/api/usuarios/{usuario_id}")


def _sin_esperas(case: Case[Any]) -> None:
    """Nothing works on the consultas of this run: whoever waits for one waits for nothing."""
    if str(case.query.get("esperar", "")).isdigit():
        case.query["esperar"] = 0
    for nombre, valor in case.headers.items():
        if nombre.lower() == "prefer":
            case.headers[nombre] = re.sub(r"\d+", "0", str(valor))
        if nombre.lower() == "last-event-id" and str(valor).isdigit():
            case.headers[nombre] = "0"


def _sin_cerrarse(case: Case[Any]) -> None:
    """The run keeps its own session and account: it ends and refreshes others, and changes and deactivates others."""
    propio = {"/api/auth/logout": "TOKEN", "/api/auth/refresh": "TOKEN_DE_REFRESCO"}.get(case.path, "")
    if propio and case.headers.get("Authorization") == f"Bearer {os.environ[propio]}":
        case.headers["Authorization"] = f"Bearer {_otra_sesion()[propio]}"
    if str(case.path_parameters.get("sesion_id")) == os.environ["SESION_ID"]:
        case.path_parameters["sesion_id"] = str(uuid4())
    if str(case.path_parameters.get("usuario_id")) == os.environ["CUENTA_ID"]:
        case.path_parameters["usuario_id"] = 2**31 - 1


def _otra_sesion() -> dict[str, str]:
    cuenta = {"username": os.environ["CUENTA"], "password": os.environ["CLAVE"]}
    tokens = requests.post(f"{os.environ['API']}/api/auth/login", json=cuenta, timeout=60).json()
    return {"TOKEN": tokens["access_token"], "TOKEN_DE_REFRESCO": tokens["refresh_token"]}


def _busqueda_posible(query: dict[str, Any]) -> None:
    """desde ≤ hasta; the figures of one user or of all, not both."""
    if {"desde", "hasta"} <= query.keys():
        query["desde"], query["hasta"] = sorted((query["desde"], query["hasta"]))
    if {"usuario_id", "ambito"} <= query.keys():
        del query["ambito"]


def _clave_propia(case: Case[Any]) -> None:
    """An Idempotency-Key goes with one body."""
    if clave := case.headers.get("Idempotency-Key"):
        huella = sha256(json.dumps([case.path, case.body], sort_keys=True).encode()).hexdigest()
        case.headers["Idempotency-Key"] = f"{clave[:30].rstrip()}{huella}"


def _de_una_lista(cuerpo: dict[str, Any], campo: str) -> list[dict[str, Any]]:
    elementos = cuerpo.get(campo)
    return elementos if isinstance(elementos, list) else []


def _fechas_en_orden(cuerpo: dict[str, Any]) -> None:
    """fecha_inicio ≤ fecha_fin ≤ today, not before 1940 nor more days than are admitted."""
    if {"fecha_inicio", "fecha_fin"} <= cuerpo.keys():
        dias = [date.fromisoformat(cuerpo[c]).toordinal() for c in ("fecha_inicio", "fecha_fin")]
        inicio = date(1940, 1, 1) + timedelta(days=dias[0] % (AYER - date(1940, 1, 1)).days)
        cuerpo["fecha_inicio"] = inicio.isoformat()
        cuerpo["fecha_fin"] = min(AYER, inicio + timedelta(days=dias[1] % LARGO_DIAS)).isoformat()


def _lugar_conocido(cuerpo: dict[str, Any]) -> None:
    """A name without coordinates is not in doubt; without either there would have to be a default favourite."""
    if "latitud" not in cuerpo:
        cuerpo["ciudad"] = "Cali"


def _programacion_posible(case: Case[Any]) -> None:
    """A cron and a zone that exist, either places or favourites, and a window for a historico only."""
    if not case.path.startswith("/api/programaciones") or not isinstance(cuerpo := case.body, dict):
        return
    cuerpo |= {campo: valor for campo, valor in HORARIO.items() if campo in cuerpo}
    nueva = case.method == "POST"
    if nueva:
        cuerpo["tipo"] = "historico"
        cuerpo["ventana_dias"] = LARGO_DIAS
    else:  # whatever stands, these fit
        for campo in ("tipo", "ventana_dias", "resolucion", "favoritas"):
            cuerpo.pop(campo, None)
        cuerpo.setdefault("activa", False)
    if "lugares" in cuerpo or not nueva:
        cuerpo.pop("favoritas", None)
    elif nueva:
        cuerpo["favoritas"] = True


def _passwords_de_72_bytes(cuerpo: dict[str, Any]) -> None:
    """maxLength counts characters, bcrypt bytes."""
    for campo in ("password", "nueva"):
        if len(str(cuerpo.get(campo, "")).encode()) > 72:
            cuerpo[campo] = re.sub(r"[^\x00-\x7f]", "x", cuerpo[campo])


def _ciudad_conocida(case: Case[Any]) -> None:
    """A favourite without coordinates is looked up in the gazetteer."""
    if case.path.startswith("/api/favoritas") and isinstance(case.body, dict) and "latitud" not in case.body:
        case.body |= {"nombre_ciudad": "Cali"} | ({"pais": "Colombia"} if "pais" in case.body else {})
