"""Consultas: what may be asked, and how they and their answers are shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import Schema, ValidationError, fields, missing, validate, validates_schema

from api.campos import Entero, EnteroTexto, Fecha, Instante, Opcion, Opciones, Texto
from api.esquemas.comunes import Busqueda, ConCoordenadas, EntreDias, Pagina, PaginaSalida
from api.esquemas.lugares import ConUbicacion, mostrada, ubicar
from shared import sitios
from shared.clima import (
    EstadoFuente,
    Formato,
    Lugar,
    Parametro,
    Pedido,
    Periodo,
    Proveedor,
    Resolucion,
    TipoConsulta,
    Ubicacion,
)
from shared.modelos import CodigoError, Consulta, Estado

PRIMER_DIA = date(1940, 1, 1)
MAXIMO_DIAS = {Resolucion.DIARIA: 3660, Resolucion.HORARIA: 366}
COSTO = (
    "Al aceptarla: las llamadas que pedirá como mucho, por proveedor, como las cuenta su presupuesto. No están IDEAM y "
    "SIATA, que no tienen, ni aquel al que solo se pregunta por lo que falte a los demás."
)
REANUDA = "Cuándo sigue, si espera a que un presupuesto de llamadas tenga sitio, o a otro intento."
SIN_LUGAR = "Sin ciudad ni coordenadas, se pregunta por la ciudad favorita que lo es por defecto."
PRIMERA_ZONA = ZoneInfo("Etc/GMT-14")  # where a day begins first; for places not known yet


class TiempoReal(ConCoordenadas):
    """Without a place, of the user's default favourite: con_favorita fills it in."""

    ciudad = Texto(maximo=100, metadata={"example": "Medellín", "description": SIN_LUGAR})
    parametros = Opciones(Parametro, load_default=lambda: list(Parametro))
    proveedores = Opciones(Proveedor)
    formato = Opcion(Formato, load_default=Formato.JSON)
    max_edad_s = Entero(validate=validate.Range(0, 86400, error="Debe estar entre 0 y 86400 segundos."))

    @validates_schema(skip_on_field_errors=False)
    def _lugar(self, datos: dict[str, Any], **_: Any) -> None:
        ubicar(datos)


class Historico(TiempoReal):
    fecha_inicio = Fecha(required=True, metadata={"example": "2026-01-01"})
    fecha_fin = Fecha(required=True, metadata={"example": "2026-01-31"})
    resolucion = Opcion(Resolucion, load_default=Resolucion.DIARIA)

    @validates_schema(skip_on_field_errors=False)
    def _fechas(self, datos: dict[str, Any], **_: Any) -> None:
        inicio, fin = datos.get("fecha_inicio"), datos.get("fecha_fin")
        errores: dict[str, list[str]] = {}
        hoy = datetime.now(zona_de(_lugar_de(datos))).date()
        if inicio and inicio < PRIMER_DIA:
            errores["fecha_inicio"] = [f"No hay datos antes de {PRIMER_DIA}."]
        if inicio and inicio > hoy:
            errores["fecha_inicio"] = [f"Está en el futuro: hoy es {hoy} en ese lugar."]
        if fin and fin > hoy:
            errores["fecha_fin"] = [f"Está en el futuro: hoy es {hoy} en ese lugar."]
        if inicio and fin and not errores:
            errores = _rango(inicio, fin, datos.get("resolucion", Resolucion.DIARIA), hoy)
        if errores:
            raise ValidationError(errores)


def _rango(inicio: date, fin: date, resolucion: Resolucion, hoy: date) -> dict[str, list[str]]:
    if inicio > fin:
        return {"fecha_fin": ["Debe ser igual o posterior a fecha_inicio."]}
    if inicio == hoy and resolucion == Resolucion.DIARIA:
        return {"fecha_inicio": [f"Hoy ({hoy}) aún no termina en ese lugar: pida resolucion horaria."]}
    maximo = MAXIMO_DIAS[resolucion]
    if fin - inicio >= timedelta(days=maximo):
        return {"fecha_fin": [f"Con resolución {resolucion} se admiten {maximo} días como mucho."]}
    return {}


def _lugar_de(datos: Mapping[str, Any]) -> Lugar | None:
    """The place a body means; None: not in the gazetteer, or in doubt."""
    try:
        ubicacion = datos.get("ubicacion") or ubicar(datos)
    except ValidationError:
        return None
    return ubicacion.lugar if ubicacion else None


def con_favorita(tipo: TipoConsulta, datos: dict[str, Any], nombre: str, ubicacion: Ubicacion) -> dict[str, Any]:
    """A body without a place, at that of the default favourite. ValidationError: those days are not past there."""
    completa = {**datos, "ciudad": nombre, "ubicacion": ubicacion}
    if tipo == TipoConsulta.HISTORICO:
        Historico()._fechas(completa)
    return completa


def zona_de(lugar: Lugar | None) -> ZoneInfo:
    return ZoneInfo(lugar.zona_horaria) if lugar and lugar.zona_horaria else PRIMERA_ZONA


def pedido_de(tipo: TipoConsulta, datos: Mapping[str, Any]) -> Pedido:
    """What a valid body asks for."""
    periodo = None
    if tipo == TipoConsulta.HISTORICO:
        periodo = Periodo(datos["fecha_inicio"], datos["fecha_fin"], datos["resolucion"])
    ubicacion = datos.get("ubicacion") or ubicar(datos)
    return Pedido(
        tipo=tipo,
        ciudad=datos.get("ciudad"),
        lugar=ubicacion.lugar if ubicacion else None,
        ubicacion=ubicacion,
        parametros=datos["parametros"],
        proveedores=datos.get("proveedores"),
        formato=datos["formato"],
        periodo=periodo,
        max_edad_s=datos.get("max_edad_s"),
    )


class MisConsultas(EntreDias, Pagina):
    tipo = Opcion(TipoConsulta)
    estado = Opcion(Estado)
    ciudad = Texto(maximo=100)


class Espera(Busqueda):
    esperar = EnteroTexto(
        load_default=0,
        validate=validate.Range(0, 30, error="Debe estar entre 0 y 30 segundos."),
        metadata={"description": "Segundos que se espera un cambio (o, sin If-None-Match, el final)."},
    )


class Descarga(Busqueda):
    formato = Opcion(Formato)


class EnCorto(Schema):
    """What an answer lacks, in short; datos_clima.faltantes has it whole."""

    total = fields.Integer(required=True, metadata={"example": 1})
    pasajeros = fields.Integer(
        required=True, metadata={"example": 1, "description": "Los que otro intento puede traer."}
    )
    proveedores = fields.List(fields.String(), required=True)


class FaltanteSalida(Schema):
    proveedor = fields.String(required=True)
    campos = fields.List(
        fields.String(), metadata={"description": "Si no está: todo lo pedido.", "example": ["calidad_aire"]}
    )
    desde = fields.String(metadata={"format": "date", "description": "De un histórico: primer día que falta."})
    hasta = fields.String(metadata={"format": "date", "description": "De un histórico: último día que falta."})
    motivo = fields.String(required=True)
    pasajero = fields.Boolean(
        required=True, metadata={"description": "true: otro intento puede traerlo; `reintentar` pide solo eso."}
    )


class ConsultaSalida(ConUbicacion):
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
    parcial = fields.Boolean(
        required=True,
        metadata={"description": "Le falta algo que aún puede llegar: `reintentar` lo pide. `faltantes` dice qué."},
    )
    faltan = fields.Nested(EnCorto, required=True, allow_none=True)
    reanuda_en = Instante(required=True, allow_none=True, metadata={"description": REANUDA})
    avisos = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Lo que conviene saber de la respuesta: que un día pedido aún no había terminado."},
    )
    lote_id = fields.Integer(required=True, allow_none=True)
    programacion_id = fields.Integer(required=True, allow_none=True)
    tiempo_respuesta_ms = fields.Integer(required=True, allow_none=True)
    creada_en = Instante(required=True)
    completada_en = Instante(required=True, allow_none=True)

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        if attr in ConUbicacion._declared_fields and isinstance(obj, Consulta):
            return mostrada(sitios.visible(obj)).get(attr, missing)
        return super().get_attribute(obj, attr, default)


class FuenteSalida(Schema):
    estado = fields.String(required=True, validate=validate.OneOf([e.value for e in EstadoFuente]))
    valores = fields.Dict(keys=fields.String(), required=True)
    proveedor = fields.String(required=True)
    motivo = fields.String()
    observado_en = fields.String(allow_none=True)
    consultado_en = fields.String(
        allow_none=True,
        metadata={"description": "Cuándo lo dijo el proveedor; de un histórico, lo más antiguo de lo que lo compone."},
    )
    edad_s = fields.Integer(metadata={"description": "Antigüedad de la observación al combinarla."})
    altura_m = fields.Float(metadata={"description": "Altura a la que se refieren sus valores."})
    estacion = fields.String()
    distancia_km = fields.Float()
    desde_cache = fields.Boolean(
        required=True,
        metadata={"description": "Si algo de esto no se preguntó ahora; `extras.de_cache` dice cuántas fechas."},
    )
    latencia_ms = fields.Integer(allow_none=True)
    atribucion = fields.String(allow_none=True)
    laboratorio = fields.Boolean(metadata={"description": "Presente y true si los datos son simulados."})
    descartes = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={
            "description": "Campo → por qué no se tomó su valor (en un histórico, de cuántas fechas).",
            "example": {"precipitacion": "solo da la lluvia de las últimas 3 horas, no la de la última"},
        },
    )
    perdidos = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "Los campos que esta vez no se pudieron obtener, y por qué."},
    )
    extras = fields.Dict(
        metadata={
            "description": "Lo que dijo y no tiene campo; `cielo_propio`: el cielo con su código y sus palabras.",
            "example": {"cielo_propio": {"codigo": 801, "texto": "algo de nubes"}},
        }
    )
    al_menos = fields.List(
        fields.String(),
        metadata={
            "description": "Campos de `valores` que dicen «al menos», porque el proveedor no cuenta más allá.",
            "example": ["visibilidad"],
        },
    )
    cobertura = fields.Dict(
        keys=fields.String(),
        values=fields.Float(),
        metadata={
            "description": "De un histórico: campo → parte de sus fechas (0–1) en que lo dijo. Sus `valores` son "
            "solo de esas, así que no se comparan con los de quien tiene otras.",
            "example": {"temperatura": 1.0, "precipitacion": 0.1},
        },
    )


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
    dispersion = fields.Dict(
        required=True,
        metadata={
            "description": "Por campo: `min`, `max`, `desviacion`, `n` fuentes y `acuerdo`. De un histórico, además: "
            "`cobertura`, parte de las fechas con dato; `en_comun`, parte en que lo dicen dos fuentes o más, que son "
            "las que se comparan; `ampliadas`, fechas cuyo extremo se amplió (de una sola, `ampliada_desde`) para que "
            "mínima ≤ media ≤ máxima. `al_menos`: el número es lo menos que puede ser («≥»)."
        },
    )
    fuentes_utilizadas = fields.List(fields.String(), required=True)
    fuentes = fields.List(fields.Nested(FuenteSalida), required=True)
    faltantes = fields.List(
        fields.Nested(FaltanteSalida),
        required=True,
        metadata={"description": "Qué falta de lo pedido, de quién y por qué; también lo que no llegará nunca."},
    )
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
    costo = fields.Dict(keys=fields.String(), values=fields.Integer(), metadata={"description": COSTO})
    cabe_ahora = fields.Boolean(
        metadata={"description": "Al aceptarla: si los presupuestos tienen ya sitio para todo eso.", "example": True}
    )


class DatosDescarga(DatosClimaSalida):
    serie = fields.List(
        fields.Dict(),
        metadata={
            "description": "De un historico: una fila por día, o por hora con su `instante` (UTC), su `hora_local` con "
            "desfase y la `fecha` de esa hora en el lugar; el día en que cambia el reloj tiene 23 o 25."
        },
    )


class DescargaJson(Schema):
    """As api/formatos.py writes it."""

    consulta = fields.Nested(ConsultaSalida, required=True)
    datos_clima = fields.Nested(DatosDescarga, required=True)


class ConsultasPagina(PaginaSalida):
    consultas = fields.List(fields.Nested(ConsultaSalida), required=True)
