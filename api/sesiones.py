"""One's own sessions: what is open, from where, and how to end it from elsewhere."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response

from api import acceso
from api.acceso import usuario_actual
from api.actividad import anotar
from api.base import Rutas, paginar, sesion
from api.errores import no_encontrado
from api.esquemas.comunes import Pagina
from api.esquemas.cuentas import SesionesCerradas, SesionesPagina
from shared import sesiones
from shared.modelos import Sesion

rutas = Rutas("sesiones", __name__, url_prefix="/api/auth/sesiones", description="Sesiones abiertas")
rutas.before_request(acceso.exigir_login)
CAMPOS = ("id", "creada_en", "usada_en", "expira_en", "ip_address", "user_agent")


@rutas.get("")
@rutas.arguments(Pagina, location="query")
@rutas.response(200, SesionesPagina)
def listar(filtros: dict[str, Any]) -> dict[str, Any]:
    """Las sesiones abiertas de la cuenta propia, la usada más recientemente primero."""
    pagina = paginar("sesiones", sesiones.seleccionar, {"usuario_id": usuario_actual().id, **filtros})
    return pagina | {"sesiones": [_vista(una) for una in pagina["sesiones"]]}


@rutas.delete("/<uuid:sesion_id>")
@rutas.response(204)
def cerrar(sesion_id: UUID) -> Response:
    """Cierra una sesión propia, que puede ser esta misma: sus tokens dejan de servir al momento."""
    if not sesiones.cerrar(sesion(), usuario_actual().id, str(sesion_id)):
        raise no_encontrado("sesión")
    anotar("cerrar_sesion", usuario_actual().id, {"sesion_id": str(sesion_id)})
    sesion().commit()
    return Response(status=204)


@rutas.delete("")
@rutas.response(200, SesionesCerradas)
def cerrar_otras() -> dict[str, Any]:
    """Cierra todas las sesiones propias menos esta, y dice cuántas eran."""
    cerradas = sesiones.cerrar_otras(sesion(), usuario_actual().id, acceso.sesion_actual())
    anotar("cerrar_sesiones", usuario_actual().id, {"cerradas": cerradas})
    sesion().commit()
    return {"message": "Quedó abierta solo esta sesión.", "cerradas": cerradas}


def _vista(una: Sesion) -> dict[str, Any]:
    return {"actual": una.id == acceso.sesion_actual(), **{campo: getattr(una, campo) for campo in CAMPOS}}
