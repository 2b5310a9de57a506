"""The OpenAPI document as something to walk: every operation, a body it takes, and every place for a value in it.

What walks it covers a new route without being told of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

METODOS = ("get", "post", "put", "patch", "delete")
Camino = tuple[str | int, ...]


@dataclass(frozen=True)
class Operacion:
    """ruta: with its parameters in braces. cuerpo: an example, None where no body is read."""

    metodo: str
    ruta: str
    cuerpo: Any
    busqueda: tuple[str, ...]
    cabeceras: tuple[str, ...]

    @property
    def en_ruta(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.ruta)

    def camino(self, valores: dict[str, object]) -> str:
        """The path with these values, percent-encoded as one segment each; 1 where there is none."""
        return re.sub(r"\{(\w+)\}", lambda m: citar(str(valores.get(m[1], 1))), self.ruta)


def citar(texto: str) -> str:
    return quote(texto, safe="", errors="surrogatepass")


def operaciones(cliente: FlaskClient) -> list[Operacion]:
    return _operaciones(cliente.application)


@cache
def _operaciones(app: Flask) -> list[Operacion]:
    documento: dict[str, Any] = app.test_client().get("/api/openapi.json").get_json()
    esquemas = documento.get("components", {}).get("schemas", {})
    return [
        _operacion(metodo, ruta, dicho, esquemas)
        for ruta, dichas in documento["paths"].items()
        for metodo, dicho in dichas.items()
        if metodo in METODOS
    ]


def hojas(valor: Any, aqui: Camino = ()) -> Iterator[Camino]:
    """Where each value that is not an object or a list stands."""
    partes = valor.items() if isinstance(valor, dict) else enumerate(valor) if isinstance(valor, list) else None
    if partes is None:
        yield aqui
        return
    for clave, parte in partes:
        yield from hojas(parte, (*aqui, clave))


def poner(cuerpo: Any, camino: Camino, valor: object) -> Any:
    """A copy with this value there."""
    copia = deepcopy(cuerpo)
    sitio = copia
    for clave in camino[:-1]:
        sitio = sitio[clave]
    sitio[camino[-1]] = valor
    return copia


def identificador(cliente: FlaskClient, con: dict[str, str], op: Operacion, todas: list[Operacion]) -> int:
    """A resource for the operation to act on: made by the POST that stands above it, where there is one."""
    for otra in todas:
        if otra.metodo == "post" and otra.cuerpo is not None and op.ruta.startswith(f"{otra.ruta}/{{"):
            r = cliente.post(otra.ruta, json=otra.cuerpo, headers=con)
            return _primer_id(r) if r.status_code < 300 else 1
    return 1


def _primer_id(r: TestResponse) -> int:
    hallado = re.search(r'"id":\s*(\d+)', r.text)
    return int(hallado[1]) if hallado else 1


def _operacion(metodo: str, ruta: str, dicho: dict[str, Any], esquemas: dict[str, Any]) -> Operacion:
    medios = dicho.get("requestBody", {}).get("content", {})
    esquema = medios.get("application/json", {}).get("schema")
    parametros = [p for p in dicho.get("parameters", []) if "name" in p]
    return Operacion(
        metodo,
        ruta,
        ejemplo(esquema, esquemas) if esquema else None,
        tuple(p["name"] for p in parametros if p["in"] == "query"),
        tuple(p["name"] for p in parametros if p["in"] == "header"),
    )


def ejemplo(esquema: dict[str, Any], esquemas: dict[str, Any]) -> Any:
    """A value for this schema: its own example where it has one."""
    if "$ref" in esquema:
        return ejemplo(esquemas[esquema["$ref"].rsplit("/", 1)[1]], esquemas)
    if "example" in esquema:
        return esquema["example"]
    for union in ("allOf", "oneOf", "anyOf"):
        if union in esquema:
            return ejemplo(esquema[union][0], esquemas)
    if "enum" in esquema:
        return next(v for v in esquema["enum"] if v is not None)
    tipo = esquema.get("type", "string")
    tipo = next(t for t in tipo if t != "null") if isinstance(tipo, list) else tipo
    if tipo == "object":
        return {nombre: ejemplo(parte, esquemas) for nombre, parte in esquema.get("properties", {}).items()}
    if tipo == "array":
        return [ejemplo(esquema["items"], esquemas)]
    sencillos = {"integer": esquema.get("minimum", 1), "number": esquema.get("minimum", 1), "boolean": True}
    return sencillos.get(tipo, "2026-01-15" if esquema.get("format") == "date" else "texto")
