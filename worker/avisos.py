"""The ping URL of the installation hears when a run starts, ends well, or ends badly.

As healthchecks.io/docs/http_api asks: POST …/start, …, …/fail, with a text as body, and ?rid= to pair start and end.
"""

from __future__ import annotations

from time import monotonic
from uuid import NAMESPACE_OID, uuid5

import requests
import structlog

from shared import ejecuciones
from shared.db import Sesiones
from shared.modelos import Aviso, Ejecucion, EstadoEjecucion
from shared.settings import Settings
from worker.proveedores.http import crear_sesion
from worker.proveedores.plazo import hasta

log = structlog.get_logger()

ESPERA_S = 5


class Avisador:
    """Does nothing without AVISOS_URL. Its host was checked against AVISOS_HOSTS when the process started."""

    def __init__(self, settings: Settings, sesiones: Sesiones) -> None:
        self._sesiones = sesiones
        self._url = settings.avisos_url.get_secret_value().rstrip("/")

    def avisar(self) -> None:
        """Tell all that is to be told; what was not heard is told again a minute later, for a day."""
        if not self._url:
            return
        for ejecucion in self._sesiones.hacer(ejecuciones.por_avisar):
            if self._enviar(ejecucion):
                self._sesiones.hacer(lambda s, e=ejecucion: ejecuciones.avisada(s, e))  # type: ignore[misc]

    def _enviar(self, e: Ejecucion) -> bool:
        try:
            with crear_sesion(1) as http, hasta(monotonic() + ESPERA_S):
                r = http.post(
                    f"{self._url}{_fin(e)}",
                    params={"rid": str(uuid5(NAMESPACE_OID, f"climaguru:{e.id}"))},
                    data=_texto(e).encode(),
                    timeout=ESPERA_S,
                    allow_redirects=False,
                )
        except requests.RequestException as error:
            log.warning("aviso_sin_respuesta", ejecucion_id=e.id, error=type(error).__name__)
            return False
        if not r.ok or r.is_redirect:
            log.warning("aviso_rechazado", ejecucion_id=e.id, estado=r.status_code)
            return False
        return True


def _fin(e: Ejecucion) -> str:
    if e.aviso == Aviso.INICIO:
        return "/start"
    return "" if e.estado == EstadoEjecucion.COMPLETADA else "/fail"


def _texto(e: Ejecucion) -> str:
    cuentas = f"total={e.total} completadas={e.completadas} parciales={e.parciales} errores={e.errores}"
    return f"programacion={e.programacion_id} ejecucion={e.id} estado={e.estado} saltadas={e.saltadas} {cuentas}"
