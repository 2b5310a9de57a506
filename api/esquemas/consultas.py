"""Consultas: what may be asked, and how they and their answers are shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from api.campos import Entero, EnteroTexto, Fecha, Instante, Numero, Opcion, Opciones, Texto
from api.esquemas.comunes import Busqueda, Entrada
from shared import lugares
from shared.clima import EstadoFuente, Formato, Lugar, Parametro, Proveedor, Resolucion, TipoConsulta
from shared.modelos import CodigoError, Estado

PRIMER_DIA = date(1940, 1, 1)
MAXIMO_DIAS = {Resolucion.DIARIA: 3660, Resolucion.HORARIA: 366}
PRIMERA_ZONA = ZoneInfo("Etc/GMT-14")  # where a day begins first; for places not known yet


class TiempoReal(Entrada):
    ciudad = Texto(maximo=100, metadata={"example": "Medellín"})
    latitud = Numero(
        validate=validate.Range(-90, 90, error="Debe estar entre -90 y 90."),
        metadata={"example": 6.2518, "minimum": -90, "maximum": 90},
    )
    longitud = Numero(
        validate=validate.Range(-180, 180, error="Debe estar entre -180 y 180."),
        metadata={"example": -75.5636, "minimum": -180, "maximum": 180},
    )
    parametros = Opciones(Parametro, load_default=lambda: list(Parametro))
    proveedores = Opciones(Proveedor)
    formato = Opcion(Formato, load_default=Formato.JSON)
    max_edad_s = Entero(validate=validate.Range(0, 86400, error="Debe estar entre 0 y 86400 segundos."))

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _lugar(self, _: dict[str, Any], original: Any, **__: Any) -> None:
        dados = original if isinstance(original, Mapping) else {}
        con = [c for c in ("latitud", "longitud") if c in dados]
        if len(con) == 1:
            falta = "longitud" if con == ["latitud"] else "latitud"
            raise ValidationError("Falta este campo: latitud y longitud van juntas.", falta)
        if not con and "ciudad" not in dados:
            raise ValidationError("Envíe ciudad, o latitud y longitud.", "ciudad")


class Historico(TiempoReal):
    fecha_inicio = Fecha(required=True, metadata={"example": "2026-01-01"})
    fecha_fin = Fecha(required=True, metadata={"example": "2026-01-31"})
    resolucion = Opcion(Resolucion, load_default=Resolucion.DIARIA)

    @validates_schema(skip_on_field_errors=False)
    def _fechas(self, datos: dict[str, Any], **_: Any) -> None:
        inicio, fin = datos.get("fecha_inicio"), datos.get("fecha_fin")
        errores: dict[str, list[str]] = {}
        hoy = datetime.now(zona_de(lugar_de(datos))).date()
        if inicio and inicio < PRIMER_DIA:
            errores["fecha_inicio"] = [f"No hay datos antes de {PRIMER_DIA}."]
        if inicio and inicio > hoy:
            errores["fecha_inicio"] = [f"Está en el futuro: hoy es {hoy} en ese lugar."]
        if fin and fin > hoy:
            errores["fecha_fin"] = [f"Está en el futuro: hoy es {hoy} en ese lugar."]
        if inicio and fin and not errores:
            errores = _rango(inicio, fin, datos.get("resolucion", Resolucion.DIARIA))
        if errores:
            raise ValidationError(errores)


def _rango(inicio: date, fin: date, resolucion: Resolucion) -> dict[str, list[str]]:
    if inicio > fin:
        return {"fecha_fin": ["Debe ser igual o posterior a fecha_inicio."]}
    maximo = MAXIMO_DIAS[resolucion]
    if fin - inicio >= timedelta(days=maximo):
        return {"fecha_fin": [f"Con resolución {resolucion} se admiten {maximo} días como mucho."]}
    return {}


def lugar_de(datos: Mapping[str, Any]) -> Lugar | None:
    """The place a valid body means. Coordinates decide and ciudad is their label; None: not in the gazetteer."""
    ciudad, latitud, longitud = datos.get("ciudad"), datos.get("latitud"), datos.get("longitud")
    if latitud is not None and longitud is not None:
        latitud, longitud = round(latitud, 8) + 0.0, round(longitud, 8) + 0.0  # -0.0 is 0.0
        return Lugar(latitud, longitud, nombre=ciudad, zona_horaria=lugares.zona_horaria(latitud, longitud))
    return lugares.resolver(ciudad) if ciudad else None


def zona_de(lugar: Lugar | None) -> ZoneInfo:
    return ZoneInfo(lugar.zona_horaria) if lugar and lugar.zona_horaria else PRIMERA_ZONA


class MisConsultas(Busqueda):
    page = EnteroTexto(load_default=1, validate=validate.Range(1, 1_000_000, error="Debe ser 1 o más."))
    per_page = EnteroTexto(load_default=10, validate=validate.Range(1, 100, error="Debe estar entre 1 y 100."))
    tipo = Opcion(TipoConsulta)
    estado = Opcion(Estado)
    ciudad = Texto(maximo=100)
    desde = Fecha(metadata={"description": "Creadas este día (UTC) o después."})
    hasta = Fecha(metadata={"description": "Creadas este día (UTC) o antes."})

    @validates_schema
    def _orden(self, datos: dict[str, Any], **_: Any) -> None:
        if "desde" in datos and "hasta" in datos and datos["desde"] > datos["hasta"]:
            raise ValidationError("Debe ser igual o posterior a desde.", "hasta")


class Espera(Busqueda):
    esperar = EnteroTexto(
        load_default=0,
        validate=validate.Range(0, 30, error="Debe estar entre 0 y 30 segundos."),
        metadata={"description": "Segundos que se espera un cambio (o, sin If-None-Match, el final)."},
    )


class Descarga(Busqueda):
    formato = Opcion(Formato)


class ConsultaSalida(Schema):
    id = fields.Integer(required=True)
    tipo_consulta = Opcion(TipoConsulta, required=True)
    ciudad = fields.String(required=True, allow_none=True)
    latitud = fields.Float(required=True, allow_none=True)
    longitud = fields.Float(required=True, allow_none=True)
    fecha_inicio = fields.Date(required=True, allow_none=True)
    fecha_fin = fields.Date(required=True, allow_none=True)
    resolucion = Opcion(Resolucion, required=True, allow_none=True)
    formato_salida = Opcion(Formato, required=True)
    parametros_solicitados = fields.List(fields.String(), required=True)
    proveedores_solicitados = fields.List(fields.String(), required=True, allow_none=True)
    estado = Opcion(Estado, required=True)
    codigo_error = Opcion(CodigoError, required=True, allow_none=True)
    mensaje_error = fields.String(required=True, allow_none=True)
    progreso = fields.Integer(required=True, metadata={"minimum": 0, "maximum": 100})
    intentos = fields.Integer(required=True)
    parcial = fields.Boolean(required=True)
    lote_id = fields.Integer(required=True, allow_none=True)
    programacion_id = fields.Integer(required=True, allow_none=True)
    tiempo_respuesta_ms = fields.Integer(required=True, allow_none=True)
    creada_en = Instante(required=True)
    completada_en = Instante(required=True, allow_none=True)


class FuenteSalida(Schema):
    estado = fields.String(required=True, validate=validate.OneOf([e.value for e in EstadoFuente]))
    valores = fields.Dict(keys=fields.String(), required=True)
    proveedor = fields.String(required=True)
    motivo = fields.String()
    observado_en = fields.String(allow_none=True)
    consultado_en = fields.String(allow_none=True)
    edad_s = fields.Integer(metadata={"description": "Antigüedad de la observación al combinarla."})
    altura_m = fields.Float(metadata={"description": "Altura a la que se refieren sus valores."})
    estacion = fields.String()
    distancia_km = fields.Float()
    desde_cache = fields.Boolean(required=True)
    latencia_ms = fields.Integer(allow_none=True)
    atribucion = fields.String(allow_none=True)
    laboratorio = fields.Boolean(metadata={"description": "Presente y true si los datos son simulados."})
    descartes = fields.Dict()
    extras = fields.Dict()


class Extremos(Schema):
    promedio = fields.Float(required=True, allow_none=True)
    min = fields.Float(required=True, allow_none=True)
    max = fields.Float(required=True, allow_none=True)


class Viento(Schema):
    velocidad = fields.Float(required=True, allow_none=True)
    direccion = fields.Integer(required=True, allow_none=True)


class DatosClimaSalida(Schema):
    id = fields.Integer(required=True)
    consulta_id = fields.Integer(required=True)
    temperatura = fields.Nested(Extremos, required=True)
    presion_atmosferica = fields.Float(required=True, allow_none=True)
    humedad_relativa = fields.Integer(required=True, allow_none=True)
    viento = fields.Nested(Viento, required=True)
    precipitacion = fields.Float(required=True, allow_none=True)
    visibilidad = fields.Integer(required=True, allow_none=True)
    indice_uv = fields.Float(required=True, allow_none=True)
    calidad_aire = fields.Integer(required=True, allow_none=True)
    descripcion_clima = fields.String(required=True, allow_none=True)
    unidades = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    dispersion = fields.Dict(required=True)
    fuentes_utilizadas = fields.List(fields.String(), required=True)
    fuentes = fields.List(fields.Nested(FuenteSalida), required=True)
    laboratorio = fields.Boolean(required=True, metadata={"description": "true si alguna fuente es simulada."})
    guardado_en = fields.String(required=True)


class Enlaces(Schema):
    self = fields.String(required=True)
    descargar = fields.String(required=True)
    eventos = fields.String(required=True)
    cancelar = fields.String(required=True)
    reintentar = fields.String(required=True)


class ConsultaSobre(Schema):
    consulta = fields.Nested(ConsultaSalida, required=True)
    enlaces = fields.Nested(Enlaces, required=True)
    posicion = fields.Integer(metadata={"description": "Lugar en la cola mientras está pendiente; 1 es la próxima."})
    datos_clima = fields.Nested(DatosClimaSalida)


class ConsultasPagina(Schema):
    consultas = fields.List(fields.Nested(ConsultaSalida), required=True)
    total = fields.Integer(required=True)
    pages = fields.Integer(required=True)
    current_page = fields.Integer(required=True)
    per_page = fields.Integer(required=True)
