"""Reports: figures of consultas, and who did what."""

from __future__ import annotations

from typing import Any

from api import acceso
from api.acceso import usuario_actual
from api.base import Rutas, paginar, sesion
from api.errores import no_encontrado
from api.esquemas.reportes import Auditoria, Estadisticas, FiltroAuditoria, FiltroEstadisticas
from shared import reportes, usuarios
from shared.conteo import TODOS
from shared.modelos import Rol

rutas = Rutas("reportes", __name__, url_prefix="/api/reportes", description="Cifras y auditoría")
rutas.before_request(acceso.exigir_login)


@rutas.get("/estadisticas")
@rutas.arguments(FiltroEstadisticas, location="query")
@rutas.response(200, Estadisticas)
@rutas.alt_response(403, description="Un operario solo ve sus cifras.")
@rutas.alt_response(404, description="No existe ese usuario.")
def estadisticas(filtros: dict[str, Any]) -> dict[str, Any]:
    """Cifras de las consultas propias o, para consultores y administradores, de otro usuario o de todos."""
    usuario_id = _de_quien(filtros)
    return reportes.estadisticas(sesion(), usuario_id, filtros.get("desde"), filtros.get("hasta"))


@rutas.get("/auditoria")
@rutas.arguments(FiltroAuditoria, location="query")
@rutas.response(200, Auditoria)
@rutas.alt_response(403, description="Solo para administradores.")
def auditoria(filtros: dict[str, Any]) -> dict[str, Any]:
    """Lo que hizo cada usuario, lo más nuevo primero (administradores)."""
    acceso.exigir_rol(Rol.ADMIN)
    return paginar("registros", reportes.seleccionar_actividad, filtros)


def _de_quien(filtros: dict[str, Any]) -> int:
    """Whose figures are asked for."""
    if "usuario_id" not in filtros and "ambito" not in filtros:
        return usuario_actual().id
    acceso.exigir_rol(Rol.ADMIN, Rol.CONSULTOR)
    if "ambito" in filtros:
        return TODOS
    usuario_id: int = filtros["usuario_id"]
    if usuarios.leer(sesion(), usuario_id) is None:
        raise no_encontrado("cuenta")
    return usuario_id
