"""Programaciones: consultas asked again and again, and how each run went."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, url_for
from marshmallow import ValidationError

from api import acceso
from api.acceso import usuario_actual
from api.actividad import anotar
from api.admision import limites
from api.base import Rutas, paginar, sesion
from api.errores import Problema, no_encontrado
from api.esquemas.cabeceras import da
from api.esquemas.comunes import Pagina
from api.esquemas.lugares import mostrada
from api.esquemas.programaciones import (
    COLUMNAS,
    CambiosProgramacion,
    EjecucionesPagina,
    EjecucionSobre,
    Programaciones,
    ProgramacionesPagina,
    ProgramacionNueva,
    ProgramacionSobre,
    completar,
)
from shared import ejecuciones, metricas, programaciones
from shared.modelos import Ejecucion, EstadoEjecucion, Programacion, Rol
from shared.settings import Settings

rutas = Rutas(
    "programaciones", __name__, url_prefix="/api/programaciones", description="Consultas que se repiten a su hora"
)
rutas.before_request(acceso.exigir_operario)

OTRO_DIA_S = "3600"  # the day may end sooner, or much later
NO_ENCAJA = "Ese cambio no encaja con el resto de la programación. Corrija estos campos y vuelva a enviar:"

Respuesta = tuple[dict[str, Any], int, dict[str, str]]


@rutas.get("")
@rutas.arguments(Programaciones, location="query")
@rutas.response(200, ProgramacionesPagina)
@rutas.alt_response(403, description="Un operario solo ve las suyas.")
def listar(filtros: dict[str, Any]) -> dict[str, Any]:
    """Las programaciones propias, o de todos, cada una con su última ejecución."""
    quien: int | None = usuario_actual().id
    if filtros.pop("ambito", None):
        acceso.exigir_rol(Rol.ADMIN, Rol.CONSULTOR)
        quien = None
    pagina = paginar("programaciones", programaciones.seleccionar, {"usuario_id": quien, **filtros})
    return {**pagina, "programaciones": _visibles(pagina["programaciones"])}


@rutas.post("")
@rutas.arguments(ProgramacionNueva)
@rutas.response(201, ProgramacionSobre, headers=da("Location"))
@rutas.alt_response(409, description="Ya tiene el máximo.")
def crear(datos: dict[str, Any]) -> Respuesta:
    """Guarda una programación: a cada hora de su cron se hará un lote con una consulta por lugar."""
    try:
        programacion = programaciones.crear(sesion(), usuario_actual().id, **completar(datos, {}))
    except programaciones.Demasiadas as e:
        texto = f"Puede tener {programaciones.MAXIMO} programaciones como mucho. Borre alguna antes."
        raise Problema(409, texto) from e
    anotar("crear_programacion", usuario_actual().id, {"programacion_id": programacion.id})
    sesion().commit()
    return _sobre(programacion), 201, {"Location": url_for(".leer", programacion_id=programacion.id)}


@rutas.get("/<int:programacion_id>")
@rutas.response(200, ProgramacionSobre)
def leer(programacion_id: int) -> dict[str, Any]:
    """Una programación, cuándo toca y cómo fue la última vez."""
    return _sobre(_legible(programacion_id))


@rutas.patch("/<int:programacion_id>")
@rutas.arguments(CambiosProgramacion)
@rutas.response(200, ProgramacionSobre)
def cambiar(datos: dict[str, Any], programacion_id: int) -> dict[str, Any]:
    """Cambia lo que se envíe; con `activa` false deja de ejecutarse sola."""
    programacion = _propia(programacion_id)
    actual = {campo: getattr(programacion, campo) for campo in COLUMNAS}
    try:
        completa = completar(datos, actual)
    except ValidationError as e:
        errores = {str(e.field_name): [str(texto) for texto in e.messages]}
        raise Problema(422, f"{NO_ENCAJA} {e.field_name}.", errores) from e
    cambios = {campo: valor for campo, valor in completa.items() if valor != actual[campo]}
    programaciones.cambiar(sesion(), programacion, **cambios)
    anotar("cambiar_programacion", usuario_actual().id, {"programacion_id": programacion.id, "campos": sorted(cambios)})
    sesion().commit()
    return _sobre(programacion)


@rutas.delete("/<int:programacion_id>")
@rutas.response(204)
def borrar(programacion_id: int) -> Response:
    """La borra con sus ejecuciones; las consultas que hizo se quedan."""
    programaciones.borrar(sesion(), _propia(programacion_id))
    anotar("borrar_programacion", usuario_actual().id, {"programacion_id": programacion_id})
    sesion().commit()
    return Response(status=204)


@rutas.post("/<int:programacion_id>/ejecutar")
@rutas.response(202, EjecucionSobre, headers=da("Location"))
@rutas.alt_response(409, description="La anterior no ha terminado, o no hay favoritas por las que preguntar.")
def ejecutar(programacion_id: int) -> Respuesta:
    """La ejecuta ahora, sin mover su próxima hora."""
    programacion = _propia(programacion_id)
    settings: Settings = current_app.extensions["settings"]
    try:
        with limites(settings) as condiciones:
            ejecucion = ejecuciones.ejecutar(
                sesion(),
                programacion,
                **condiciones,
                max_por_dia=settings.ejecuciones_por_dia,
                avisar=bool(settings.avisos_url.get_secret_value()),
            )
    except ejecuciones.EnCurso as e:
        raise Problema(409, "La ejecución anterior no ha terminado. Espere a que termine.") from e
    except ejecuciones.DemasiadasEjecuciones as e:
        texto = ejecuciones.DEMASIADAS.format(settings.ejecuciones_por_dia)
        raise Problema(429, texto, cabeceras={"Retry-After": OTRO_DIA_S}) from e
    except ejecuciones.SinLugares as e:
        raise Problema(409, ejecuciones.SIN_FAVORITAS) from e
    detalle = {"programacion_id": programacion.id, "lote_id": ejecucion.lote_id}
    anotar("ejecutar_programacion", usuario_actual().id, detalle)
    sesion().commit()
    metricas.aceptadas.labels("programacion").inc(ejecucion.total)
    current_app.extensions["timbre"].tocar_debidas()
    (cuerpo,) = _ejecuciones([ejecucion])
    return {"ejecucion": cuerpo}, 202, {"Location": cuerpo["enlaces"]["lote"]}


@rutas.get("/<int:programacion_id>/ejecuciones")
@rutas.arguments(Pagina, location="query")
@rutas.response(200, EjecucionesPagina)
def listar_ejecuciones(filtros: dict[str, Any], programacion_id: int) -> dict[str, Any]:
    """Cómo fue cada vez, lo más nuevo primero: cuándo tocaba, cuándo empezó, cuánto duró y cómo acabó."""
    programacion = _legible(programacion_id)
    pagina = paginar("ejecuciones", lambda: ejecuciones.seleccionar(programacion.id), filtros)
    return {**pagina, "ejecuciones": _ejecuciones(pagina["ejecuciones"])}


def _sobre(programacion: Programacion) -> dict[str, Any]:
    return {"programacion": _visibles([programacion])[0]}


def _visibles(filas: list[Programacion]) -> list[dict[str, Any]]:
    ultimas = {e["programacion_id"]: e for e in _ejecuciones(ejecuciones.ultimas(sesion(), [p.id for p in filas]))}
    return [
        {
            **{columna.key: getattr(p, columna.key) for columna in Programacion.__table__.columns},
            "ubicaciones": [mostrada(ubicacion) for ubicacion in programaciones.ubicaciones(p)],
            "favoritas": p.lugares is None,
            "ultima_ejecucion": ultimas.get(p.id),
        }
        for p in filas
    ]


def _ejecuciones(filas: list[Ejecucion]) -> list[dict[str, Any]]:
    """As clients see them; those that go on, with the counts of this moment."""
    en_curso = ejecuciones.cuentas(sesion(), [e.lote_id for e in filas if e.estado == EstadoEjecucion.EN_CURSO])
    return [_ejecucion(e) | en_curso.get(e.lote_id or 0, {}) for e in filas]


def _ejecucion(e: Ejecucion) -> dict[str, Any]:
    lote = url_for("lotes.leer", lote_id=e.lote_id) if e.lote_id else None
    return {
        **{columna.key: getattr(e, columna.key) for columna in Ejecucion.__table__.columns},
        "atraso_s": round((e.iniciada_en - e.prevista_en).total_seconds()),
        "duracion_s": round((e.terminada_en - e.iniciada_en).total_seconds()) if e.terminada_en else None,
        "enlaces": {"lote": lote, "descargar": f"{lote}/descargar"} if lote else None,
    }


def _legible(programacion_id: int) -> Programacion:
    programacion = programaciones.leer(sesion(), programacion_id)
    if programacion is None or not acceso.puede_leer(programacion.usuario_id):
        raise no_encontrado("programación")
    return programacion


def _propia(programacion_id: int) -> Programacion:
    programacion = _legible(programacion_id)
    if not acceso.puede_cambiar(programacion.usuario_id):
        raise no_encontrado("programación")
    return programacion
