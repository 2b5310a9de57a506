"""Programaciones: what may be asked again and again, and how their runs are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import current_app
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from api.campos import Booleano, BooleanoTexto, Entero, Instante, Lista, Opcion, Opciones, Texto
from api.esquemas.comunes import Ambito, Cambios, ConCoordenadas, Entrada, Pagina, PaginaSalida
from api.esquemas.consultas import MAXIMO_DIAS
from api.esquemas.lugares import ConUbicacion, ubicar
from shared import cron
from shared.clima import Formato, Parametro, Proveedor, Resolucion, TipoConsulta
from shared.modelos import EstadoEjecucion
from shared.programaciones import LUGARES_MAXIMOS
from shared.settings import Settings

SEGUIDO = "Se repite demasiado seguido: entre dos horas debe haber {} minutos como mínimo."
MAL_ZONA = "Debe ser una zona horaria de la base IANA, por ejemplo America/Bogota."
O_LUGARES_O_FAVORITAS = "Envíe lugares, o favoritas con valor true; no los dos."


class Cron(Texto):
    """Five fields that are due some day, and not again before CRON_MINIMO_S."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        expresion = " ".join(super()._deserialize(value, attr, data, **kwargs).split())
        try:
            cron.validar(expresion)
        except cron.CronInvalido as e:
            raise ValidationError(str(e)) from e
        settings: Settings = current_app.extensions["settings"]
        if cron.intervalo_s(expresion) < settings.cron_minimo_s:
            raise ValidationError(SEGUIDO.format(settings.cron_minimo_s // 60))
        return expresion


class Zona(Texto):
    """A name of the IANA time zone database."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        zona = super()._deserialize(value, attr, data, **kwargs)
        if zona not in cron.zonas():
            raise ValidationError(MAL_ZONA)
        return zona


class LugarProgramado(ConCoordenadas):
    REGLAS: ClassVar[dict[str, Any]] = {"anyOf": [{"required": ["ciudad"]}, {"required": ["latitud", "longitud"]}]}

    ciudad = Texto(maximo=100, metadata={"example": "Medellín"})

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _lugar(self, datos: dict[str, Any], original: Any, **__: Any) -> None:
        if isinstance(original, Mapping) and not {"ciudad", "latitud", "longitud"} & set(original):
            raise ValidationError("Envíe ciudad, o latitud y longitud.", "ciudad")
        ubicar(datos)


EJEMPLO_NOMBRE = {"example": "Lluvia de la semana"}
EJEMPLO_CRON = {"example": "0 2 * * *", "description": "Cinco campos, como los de cron(8), en zona_horaria."}


class _Opcionales(Entrada):
    lugares = Lista(fields.Nested(LugarProgramado), maximo=LUGARES_MAXIMOS, de="lugares")
    favoritas = Booleano(
        metadata={"example": False, "description": "Con true, en lugar de lugares: las que tenga en cada ejecución."}
    )
    ventana_dias = Entero(
        validate=validate.Range(1, max(MAXIMO_DIAS.values()), error="Debe estar entre 1 y {max} días."),
        metadata={"example": 7, "description": "De un historico: los últimos días completos, en cada lugar."},
    )
    resolucion = Opcion(Resolucion, metadata={"example": "diaria"})
    parametros = Opciones(Parametro)
    proveedores = Opciones(Proveedor)
    formato = Opcion(Formato)
    activa = Booleano(metadata={"description": "Con false no se ejecuta sola."})


class ProgramacionNueva(_Opcionales):
    REGLAS: ClassVar[dict[str, Any]] = {"anyOf": [{"required": ["lugares"]}, {"required": ["favoritas"]}]}

    nombre = Texto(maximo=100, required=True, metadata=EJEMPLO_NOMBRE)
    cron = Cron(maximo=100, required=True, metadata=EJEMPLO_CRON)
    zona_horaria = Zona(maximo=64, required=True)
    tipo = Opcion(TipoConsulta, required=True, metadata={"example": "historico"})

    @validates_schema(skip_on_field_errors=True)
    def _junto(self, datos: dict[str, Any], **_: Any) -> None:
        completar(datos, {})


class CambiosProgramacion(Cambios, _Opcionales):
    """What it leaves, `completar` checks against what stands."""

    nombre = Texto(maximo=100, metadata=EJEMPLO_NOMBRE)
    cron = Cron(maximo=100, metadata=EJEMPLO_CRON)
    zona_horaria = Zona(maximo=64)
    tipo = Opcion(TipoConsulta, metadata={"example": "historico"})
    proveedores = Opciones(Proveedor, allow_none=True)


def completar(datos: dict[str, Any], actual: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that a body means, on top of those that stand. Raises ValidationError for what does not fit."""
    columnas = {**POR_DEFECTO, **actual, **datos}
    favoritas = columnas.pop("favoritas", None)
    if favoritas and "lugares" in datos:
        raise ValidationError(O_LUGARES_O_FAVORITAS, "lugares")
    if favoritas:
        columnas["lugares"] = None
    elif columnas.get("lugares") is None and (favoritas is not None or not actual):
        raise ValidationError(O_LUGARES_O_FAVORITAS, "lugares")
    if columnas["tipo"] == TipoConsulta.TIEMPO_REAL:
        for campo in ("ventana_dias", "resolucion"):
            if campo in datos:
                raise ValidationError("Solo de un historico.", campo)
        return columnas | {"ventana_dias": None, "resolucion": None}
    columnas["resolucion"] = columnas["resolucion"] or Resolucion.DIARIA
    maximo = MAXIMO_DIAS[columnas["resolucion"]]
    if columnas["ventana_dias"] is None:
        raise ValidationError("Un historico necesita los días que abarca cada ejecución.", "ventana_dias")
    if columnas["ventana_dias"] > maximo:
        texto = f"Con resolución {columnas['resolucion']} se admiten {maximo} días como mucho."
        raise ValidationError(texto, "ventana_dias")
    return columnas


POR_DEFECTO: dict[str, Any] = {
    "lugares": None,
    "ventana_dias": None,
    "resolucion": None,
    "parametros": list(Parametro),
    "proveedores": None,
    "formato": Formato.JSON,
    "activa": True,
}
COLUMNAS = ("nombre", "cron", "zona_horaria", "tipo", *POR_DEFECTO)


class Programaciones(Pagina):
    activa = BooleanoTexto()
    ambito = Opcion(
        Ambito, metadata={"description": "«todos»: las de todos los usuarios (consultores y administradores)."}
    )


class EnlacesEjecucion(Schema):
    lote = fields.String(required=True, metadata={"example": "/api/consultas/lotes/3"})
    descargar = fields.String(required=True, metadata={"example": "/api/consultas/lotes/3/descargar"})


class EjecucionSalida(Schema):
    id = fields.Integer(required=True)
    programacion_id = fields.Integer(required=True, metadata={"example": 5})
    estado = Opcion(EstadoEjecucion, required=True)
    manual = fields.Boolean(required=True, metadata={"description": "La pidió alguien, fuera de su hora."})
    prevista_en = Instante(required=True)
    iniciada_en = Instante(required=True)
    terminada_en = Instante(required=True, allow_none=True)
    atraso_s = fields.Integer(required=True, metadata={"description": "De prevista_en a iniciada_en.", "example": 3})
    duracion_s = fields.Integer(required=True, allow_none=True, metadata={"example": 84})
    saltadas = fields.Integer(
        required=True, metadata={"description": "Veces anteriores que nadie ejecutó; esta las recupera.", "example": 0}
    )
    motivo = fields.String(required=True, allow_none=True, metadata={"example": None})
    total = fields.Integer(required=True)
    completadas = fields.Integer(required=True, metadata={"example": 98})
    parciales = fields.Integer(required=True, metadata={"example": 1, "description": "Les faltó algún proveedor."})
    errores = fields.Integer(required=True, metadata={"example": 1})
    lote_id = fields.Integer(required=True, allow_none=True)
    enlaces = fields.Nested(EnlacesEjecucion, required=True, allow_none=True)


class ProgramacionSalida(Schema):
    id = fields.Integer(required=True)
    usuario_id = fields.Integer(required=True)
    nombre = fields.String(required=True)
    cron = fields.String(required=True, metadata={"example": "0 2 * * *"})
    zona_horaria = fields.String(required=True)
    tipo = Opcion(TipoConsulta, required=True)
    lugares = fields.List(fields.Dict(), required=True, allow_none=True, metadata={"example": [{"ciudad": "Medellín"}]})
    ubicaciones = fields.List(
        fields.Nested(ConUbicacion),
        required=True,
        metadata={"description": "Qué se entiende hoy por cada uno de lugares, en su orden; vacía con favoritas."},
    )
    favoritas = fields.Boolean(required=True, metadata={"example": False})
    ventana_dias = fields.Integer(required=True, allow_none=True, metadata={"example": 7})
    resolucion = Opcion(Resolucion, required=True, allow_none=True)
    parametros = fields.List(fields.String(), required=True)
    proveedores = fields.List(fields.String(), required=True, allow_none=True)
    formato = Opcion(Formato, required=True)
    activa = fields.Boolean(required=True)
    proxima_en = Instante(required=True, allow_none=True)
    ultima_ejecucion = fields.Nested(EjecucionSalida, required=True, allow_none=True)
    creada_en = Instante(required=True)
    actualizada_en = Instante(required=True)


class ProgramacionSobre(Schema):
    programacion = fields.Nested(ProgramacionSalida, required=True)


class ProgramacionesPagina(PaginaSalida):
    programaciones = fields.List(fields.Nested(ProgramacionSalida), required=True)


class EjecucionSobre(Schema):
    ejecucion = fields.Nested(EjecucionSalida, required=True)


class EjecucionesPagina(PaginaSalida):
    ejecuciones = fields.List(fields.Nested(EjecucionSalida), required=True)
