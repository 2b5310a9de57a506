"""Between rows and what the code speaks of: a Pedido as columns, a row as an Encargo, a Resultado as datos_clima."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared import sitios
from shared.clima import (
    Encargo,
    EstadoFuente,
    Fuente,
    Parametro,
    Pedido,
    Periodo,
    Proveedor,
    Resultado,
    Ubicacion,
    fuente_json,
)

PRECIPITACION_MAXIMA_MM = 9999.99
DESCRIPCION_MAXIMA = 100


def columnas_de(pedido: Pedido) -> dict[str, Any]:
    periodo = pedido.periodo
    ubicacion = pedido.ubicacion or (Ubicacion(pedido.lugar) if pedido.lugar else None)
    return {
        "tipo_consulta": pedido.tipo,
        "cola": pedido.tipo,
        "ciudad": pedido.ciudad,
        **sitios.columnas(ubicacion),
        "fecha_inicio": periodo.inicio if periodo else None,
        "fecha_fin": periodo.fin if periodo else None,
        "resolucion": periodo.resolucion if periodo else None,
        "formato_salida": pedido.formato,
        "parametros_solicitados": list(pedido.parametros),
        "proveedores_solicitados": None if pedido.proveedores is None else list(pedido.proveedores),
        "max_edad_s": pedido.max_edad_s,
    }


def encargo_de(fila: Mapping[Any, Any]) -> Encargo:
    ubicacion = sitios.de_columnas(fila)
    periodo = None
    if fila["fecha_inicio"] is not None:
        periodo = Periodo(fila["fecha_inicio"], fila["fecha_fin"], fila["resolucion"])
    pedidos = fila["proveedores_solicitados"]
    pedido = Pedido(
        tipo=fila["tipo_consulta"],
        ciudad=fila["ciudad"],
        lugar=ubicacion.lugar if ubicacion else None,
        parametros=[Parametro(p) for p in fila["parametros_solicitados"]],
        proveedores=None if pedidos is None else [Proveedor(p) for p in pedidos],
        formato=fila["formato_salida"],
        periodo=periodo,
        max_edad_s=fila["max_edad_s"],
        ubicacion=ubicacion,
    )
    return Encargo(
        fila["id"],
        fila["usuario_id"],
        fila["turno"],
        fila["intentos"],
        pedido,
        fila["creada_en"],
        parcial=fila["parcial"],
        programada=fila["programacion_id"] is not None,
        id_peticion=fila["id_peticion"],
    )


def participantes(fuentes: Iterable[Fuente]) -> dict[str, str | None]:
    """Who took part, as the columns fuentes_usadas and fuentes_fallidas."""
    return {
        "fuentes_usadas": juntos(f.proveedor for f in fuentes if f.estado == EstadoFuente.USADA),
        "fuentes_fallidas": juntos(f.proveedor for f in fuentes if f.estado == EstadoFuente.FALLIDA),
    }


def juntos(proveedores: Iterable[str]) -> str | None:
    return ",".join(sorted(proveedores)) or None


def datos_de_clima(resultado: Resultado) -> dict[str, Any]:
    """The row of datos_clima. A value too large for the customer's column stays whole in datos_completos."""
    valores = resultado.valores
    columnas = {"temperatura_promedio": valores.get("temperatura"), **valores}
    columnas.pop("temperatura", None)
    lluvia = columnas.get("precipitacion")
    if isinstance(lluvia, float) and lluvia > PRECIPITACION_MAXIMA_MM:  # years of rain exceed DECIMAL(6,2)
        columnas["precipitacion"] = None
    if texto := columnas.get("descripcion_clima"):  # a provider's own words, of any length
        columnas["descripcion_clima"] = str(texto)[:DESCRIPCION_MAXIMA]
    return {
        **columnas,
        "fuentes_utilizadas": [f.proveedor for f in resultado.fuentes if f.estado == EstadoFuente.USADA],
        "datos_completos": {
            "valores": valores,
            "dispersion": resultado.dispersion,
            "fuentes": [fuente_json(f) for f in resultado.fuentes],
        },
    }
