"""The laboratory's application without a socket, for tests that ask it thousands of times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from flask.testing import FlaskClient

from worker.proveedores.http import ErrorProveedor, Esperas, Http, crear_sesion


class EnMemoria(Http):
    def __init__(self, laboratorio: FlaskClient) -> None:
        super().__init__(crear_sesion(1), Esperas(1, 1), monotonic() + 600)
        self._laboratorio = laboratorio

    def json(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        cabeceras: Mapping[str, str] | None = None,
        al_fallar: Callable[[ErrorProveedor], ErrorProveedor] = lambda e: e,
        costo: int = 1,
        certificados: str | None = None,
    ) -> Any:
        respuesta = self._laboratorio.get(url, query_string=params, headers=cabeceras)
        if respuesta.status_code != 200:
            raise al_fallar(ErrorProveedor(respuesta.text, estado=respuesta.status_code, cuerpo=respuesta.json))
        return respuesta.json
