"""Between rows and what the code speaks of: a Pedido as columns, a row as an Encargo, a Resultado as datos_clima."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import isfinite
from typing import Any

from sqlalchemy import Numeric, String
from sqlalchemy.types import TypeEngine

from shared import sitios
from shared.clima import (
    Encargo,
    EstadoFuente,
    Faltante,
    Fuente,
    Parametro,
    Pedido,
    Periodo,
    Proveedor,
    Resultado,
    TipoConsulta,
    Ubicacion,
    fuente_json,
)
from shared.modelos import DatosClima

COLUMNAS = DatosClima.__table__.c
ENTERO_MAXIMO = 2**31 - 1  # of an INTEGER of MySQL


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


def encargo_de(fila: Mapping[Any, Any], edad_s: float = 0.0) -> Encargo:
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
        con_calma=fila["cola"] == TipoConsulta.HISTORICO,
        id_peticion=fila["id_peticion"],
        edad_s=edad_s,
        progreso=fila["progreso"],
    )


def participantes(fuentes: Iterable[Fuente]) -> dict[str, str | None]:
    """Who took part, as the columns fuentes_usadas and fuentes_fallidas."""
    return {
        "fuentes_usadas": juntos(f.proveedor for f in fuentes if f.estado == EstadoFuente.USADA),
        "fuentes_fallidas": juntos(f.proveedor for f in fuentes if f.estado == EstadoFuente.FALLIDA),
    }


def en_corto(faltantes: Collection[Faltante]) -> dict[str, Any] | None:
    """The column faltan: how many, how many of them may still come, and whose."""
    if not faltantes:
        return None
    proveedores = sorted({f.proveedor for f in faltantes})
    return {"total": len(faltantes), "pasajeros": sum(f.pasajero for f in faltantes), "proveedores": proveedores}


def juntos(proveedores: Iterable[str]) -> str | None:
    return ",".join(sorted(proveedores)) or None


def datos_de_clima(resultado: Resultado) -> dict[str, Any]:
    """The row of datos_clima. What the customer's column does not hold is null there, a text cut; datos_completos has
    it whole."""
    valores = resultado.valores
    columnas = {"temperatura_promedio": valores.get("temperatura"), **valores}
    columnas.pop("temperatura", None)
    completos = {
        "valores": valores,
        "dispersion": resultado.dispersion,
        "fuentes": [fuente_json(f) for f in resultado.fuentes],
        "faltantes": [f.json() for f in resultado.faltantes],
    }
    return {
        **{campo: _en_su_columna(COLUMNAS[campo].type, valor) for campo, valor in columnas.items()},
        "fuentes_utilizadas": [f.proveedor for f in resultado.fuentes if f.estado == EstadoFuente.USADA],
        "datos_completos": _en_json(completos),
    }


def _en_su_columna(tipo: TypeEngine[Any], valor: Any) -> Any:
    """As a column of this type holds it; None: it does not. Ten years of rain exceed DECIMAL(6,2)."""
    if isinstance(tipo, String):
        return _en_json(valor)[: tipo.length] if isinstance(valor, str) else None
    if (
        isinstance(valor, bool)
        or not isinstance(valor, int | float)
        or (isinstance(valor, float) and not isfinite(valor))
    ):
        return None
    if isinstance(tipo, Numeric):
        assert tipo.precision is not None
        escala = tipo.scale or 0
        cabe = abs(round(valor, escala)) < 10 ** (tipo.precision - escala)
    else:
        cabe = abs(round(valor)) <= ENTERO_MAXIMO
    return valor if cabe else None


def _en_json(valor: Any) -> Any:
    """What JSON and UTF-8 can hold of it: no NaN, no infinity, no half of a character."""
    if isinstance(valor, dict):
        return {_en_json(str(clave)): _en_json(v) for clave, v in valor.items()}
    if isinstance(valor, list | tuple):
        return [_en_json(v) for v in valor]
    if isinstance(valor, str):
        return valor.encode(errors="replace").decode()
    return None if isinstance(valor, float) and not isfinite(valor) else valor
