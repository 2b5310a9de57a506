"""The headers that requests may carry and answers do: how the OpenAPI document describes each, in one place.

A route names those that are its own: @rutas.pide("Idempotency-Key"), and headers=da("Location") in @rutas.response.
"""

from __future__ import annotations

import re
from typing import Any

CLAVE_IDEMPOTENCIA = re.compile(r"[!-~]([ -~]{0,98}[!-~])?")

PEDIDAS: dict[str, dict[str, Any]] = {
    "Idempotency-Key": {
        "description": "Una clave propia por envío. Repetir el mismo cuerpo con ella devuelve la misma consulta.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": f"^{CLAVE_IDEMPOTENCIA.pattern}$"},
        "example": "pedido-2026-01-31-001",
    },
    "Prefer": {
        "description": "`wait=N` espera la respuesta hasta N segundos, 30 como mucho. Lo que no se entiende se ignora.",
        "schema": {"type": "string"},
        "example": "wait=10",
    },
    "If-None-Match": {
        "description": "El ETag que ya se tiene: si nada cambió, la respuesta es 304 sin cuerpo.",
        "schema": {"type": "string"},
        "example": '"12-3"',
    },
    "Last-Event-ID": {
        "description": "El `id` del último evento recibido; los anteriores no se repiten.",
        "schema": {"type": "string"},
        "example": "3",
    },
}
DADAS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {
        "description": "El id_peticion: el que trajo la petición, o uno nuevo. Cítelo si algo falla.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        "example": "6f1c2e0a9b7d4c55b1e2f3a4d5c6b7a8",
    },
    "Location": {
        "description": "Dónde está lo creado.",
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/api/consultas/12",
    },
    "Retry-After": {
        "description": "Segundos que conviene esperar antes de volver a preguntar.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 2,
    },
    "ETag": {
        "description": "Cambia con cada cambio visible; sirve para If-None-Match.",
        "schema": {"type": "string", "pattern": '^(W/)?".+"$'},
        "example": '"12-3"',
    },
    "Idempotency-Replayed": {
        "description": "true si la Idempotency-Key ya se había usado y esta es la consulta de entonces.",
        "schema": {"type": "string", "enum": ["true"]},
        "example": "true",
    },
    "Preference-Applied": {
        "description": "La espera que se aplicó de Prefer.",
        "schema": {"type": "string"},
        "example": "wait=10",
    },
    "Content-Disposition": {
        "description": "El nombre del fichero.",
        "schema": {"type": "string"},
        "example": 'attachment; filename="consulta_12.csv"',
    },
    "X-RateLimit-Limit": {
        "description": "Cuántas peticiones se admiten en la ventana.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1200,
    },
    "X-RateLimit-Remaining": {
        "description": "Cuántas quedan en la ventana.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1199,
    },
    "X-RateLimit-Reset": {
        "description": "Cuándo empieza otra ventana, en segundos desde 1970.",
        "schema": {"type": "number", "minimum": 0},
        "example": 1769871845,
    },
    "WWW-Authenticate": {
        "description": "Cómo autenticarse.",
        "schema": {"type": "string"},
        "example": 'Bearer realm="climaguru"',
    },
}


def da(*siempre: str, a_veces: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    """The headers of an answer, for @rutas.response; siempre: those that are never missing."""
    return {n: DADAS[n] | {"required": True} for n in siempre} | {n: DADAS[n] for n in a_veces}
