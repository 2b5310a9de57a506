"""The stack, and what is done to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jwt
import pymysql
import redis
import requests

from tests.canarios.bandada import Bandada
from tests.canarios.oidos import Grabadora
from tests.deploy.ordenes import climaguru
from tests.pila import Pila


@dataclass
class Recorrido:
    """The stack and who speaks to it. lugares: what was heard, by where."""

    pila: Pila
    http: Grabadora
    bandada: Bandada
    laboratorio: str
    cola: redis.Redis
    base: pymysql.Connection[Any]
    entorno: dict[str, str]
    claves: dict[str, str] = field(default_factory=dict)
    lugares: dict[str, bytes] = field(default_factory=dict)
    pedidas: int = 0

    def cuenta(self, nombre: str) -> tuple[str, dict[str, str]]:
        """Register; a token, and what to log in with."""
        credencial = {"username": nombre, "password": self.bandada.nuevo(f"password de {nombre}")}
        self.http.json("POST", "/api/auth/register", **credencial, email=f"{nombre}@ejemplo.co")
        return self.entrar(credencial), credencial

    def entrar(self, credencial: dict[str, str]) -> str:
        assert self.http.json("POST", "/api/auth/login", **credencial).status_code == 200
        return next(t for t in reversed(self.bandada.tokens) if "refresh" not in tipo(t))

    def consulta(self, token: str, tipo_: str = "tiempo-real", **campos: Any) -> str:
        """Ask about a place that nobody asked about; where to read it."""
        self.pedidas += 1
        lugar = {"latitud": round(4 + self.pedidas / 20, 2), "longitud": -74.1}
        r = self.http.json("POST", f"/api/consultas/{tipo_}", token, **lugar, **campos)
        assert r.status_code == 202, r.text
        donde: str = r.headers["Location"]
        return donde

    def fallar(self, por_proveedor: dict[str, dict[str, Any]]) -> None:
        """From now on they fail like this; no circuit nor budget remembers what was asked before."""
        fallas = [{"proveedor": p, **falla} for p, falla in por_proveedor.items()]
        requests.put(f"{self.laboratorio}/_laboratorio/fallas", json=fallas, timeout=60)
        for que in ("fallos", "prueba", "presupuesto"):
            for clave in self.cola.scan_iter(f"cg:{que}*"):
                self.cola.delete(clave)

    def fallaron(self) -> bool:
        return all(f["aplicadas"] for f in requests.get(f"{self.laboratorio}/_laboratorio/fallas", timeout=60).json())

    def leer(self, donde: str, token: str) -> dict[str, Any]:
        sobre: dict[str, Any] = self.http.pedir("GET", donde, token).json()
        return sobre

    def orden(self, *orden: str, teclas: str = "", **otras: str) -> str:
        """What `climaguru` prints."""
        dicho = climaguru({**self.entorno, **otras}, *orden, teclas=teclas).output
        self.lugares["consola"] = self.lugares.get("consola", b"") + dicho.encode()
        return dicho

    def sql(self, *ordenes: str) -> None:
        with self.base.cursor() as cursor:
            for orden in ordenes:
                cursor.execute(orden)


def tipo(token: str) -> str:
    """The claims of a token, as text."""
    return str(jwt.decode(token, options={"verify_signature": False})["type"])
