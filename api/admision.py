"""On what conditions consultas are accepted: how many at once, and each Idempotency-Key only once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from flask import current_app, g, request

from api.actividad import direccion
from api.errores import Problema
from api.esquemas.cabeceras import CLAVE_IDEMPOTENCIA
from shared import admision as puerta
from shared import consultas
from shared.settings import Settings

ACTIVAS_S, SATURADA_S = "10", "15"


@contextmanager
def admision(que: str) -> Iterator[dict[str, Any]]:
    """What the verbs that accept take from this request; why they refuse, as an answer. que: what the body is of."""
    settings: Settings = current_app.extensions["settings"]
    clave = _clave()
    huella = hashlib.sha256(orjson.dumps([que, request.get_json()], option=orjson.OPT_SORT_KEYS)).hexdigest()
    condiciones = {
        "ip": direccion(),
        "id_peticion": g.id_peticion,
        "clave": clave,
        "huella": huella if clave else None,
    }
    try:
        with limites(settings) as topes:
            yield condiciones | topes
    except consultas.ClaveReutilizada as e:
        texto = "Esa Idempotency-Key ya se usó con otro cuerpo. Use una nueva."
        raise Problema(422, texto, {"Idempotency-Key": [texto]}) from e


@contextmanager
def limites(settings: Settings) -> Iterator[dict[str, int]]:
    """How many consultas may stand unfinished, for the verbs that accept; why they refuse, as an answer."""
    try:
        yield {"max_activas": settings.max_activas, "max_pendientes": settings.max_pendientes}
    except puerta.DemasiadasActivas as e:
        texto = f"Puede tener {e.maximo} consultas sin terminar: tiene {e.activas} y pide {e.cuantas} más."
        texto += " Espere a que acaben algunas." if e.cuantas <= e.maximo else " Envíe menos de una vez."
        raise Problema(429, texto, cabeceras={"Retry-After": ACTIVAS_S}) from e
    except puerta.Saturada as e:
        texto = "Hay demasiadas consultas esperando en todo el sistema. Vuelva a intentarlo en unos segundos."
        raise Problema(503, texto, cabeceras={"Retry-After": SATURADA_S}) from e


def _clave() -> str | None:
    clave = request.headers.get("Idempotency-Key")
    if clave is not None and not CLAVE_IDEMPOTENCIA.fullmatch(clave):
        texto = "Debe tener entre 1 y 100 caracteres ASCII imprimibles."
        raise Problema(422, f"Idempotency-Key no es válida. {texto}", {"Idempotency-Key": [texto]})
    return clave
