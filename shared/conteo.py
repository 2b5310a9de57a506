"""Counting consultas as they stand, over stretches of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    LargeBinary,
    Numeric,
    String,
    and_,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    table,
)
from sqlalchemy.orm import Session

from shared.cifras import CUBOS, Cifras, sumar, vacias
from shared.db import InstanteUtc
from shared.modelos import Estado

Tramo = tuple[datetime, datetime]  # from, inclusive, to, exclusive

TODOS = 0  # stands for everybody where a usuario_id is meant
PROMEDIOS = ("temperatura", "humedad", "presion", "viento")
_vista = table(
    "vista_consultas_completas",
    column("usuario_id", Integer),
    column("creada_en", InstanteUtc),
    column("tipo_consulta", String),
    column("estado", String),
    column("ciudad", String),
    column("tiempo_respuesta_ms", Integer),
    column("fuentes_usadas", String),
    column("fuentes_fallidas", String),
    column("temperatura_promedio", Numeric),
    column("humedad_relativa", Integer),
    column("presion_atmosferica", Numeric),
    column("velocidad_viento", Numeric),
)
_v = _vista.c
_CLIMA = (_v.temperatura_promedio, _v.humedad_relativa, _v.presion_atmosferica, _v.velocidad_viento)


def contar(s: Session, tramos: Iterable[Tramo], usuario_id: int = TODOS) -> Cifras:
    """The figures of one user, or of TODOS."""
    mia = () if usuario_id == TODOS else (_v.usuario_id == usuario_id,)
    return _contar(s, and_(_creada_en(tramos), *mia), literal(TODOS))[TODOS]


def contar_por_usuario(s: Session, tramo: Tramo) -> dict[int, Cifras]:
    """The figures of each user who has any, and of TODOS."""
    por_usuario = _contar(s, _creada_en([tramo]), _v.usuario_id)
    total = vacias()
    for cifras in por_usuario.values():
        sumar(total, cifras)
    return {**por_usuario, TODOS: total}


def _creada_en(tramos: Iterable[Tramo]) -> ColumnElement[bool]:
    return or_(*(and_(_v.creada_en >= desde, _v.creada_en < hasta) for desde, hasta in tramos))


def _contar(s: Session, donde: ColumnElement[bool], quien: ColumnElement[int]) -> dict[int, Cifras]:
    """The figures by `quien`. Three passes over the same rows, each grouped by little, are faster than one by all."""
    cifras: dict[int, Cifras] = defaultdict(vacias)
    _contar_finales(s, donde, quien, cifras)
    completada = and_(_v.estado == Estado.COMPLETADA.value, _v.tiempo_respuesta_ms.is_not(None))
    cubo = func.floor(func.ln(_v.tiempo_respuesta_ms + 1) * CUBOS)
    por: list[tuple[str, ColumnElement[Any], ColumnElement[bool], Callable[[Any], str]]] = [
        ("ciudad", cast(_v.ciudad, LargeBinary), _v.ciudad.is_not(None), bytes.decode),  # each spelling apart
        ("ms", cubo, completada, lambda k: str(int(k))),
    ]
    for grupo, clave, cuales, leer in por:
        orden = select(quien.label("quien"), clave.label("clave"), func.count()).where(donde, cuales)
        for de, valor, n in s.execute(orden.group_by("quien", "clave")):
            cifras[de][grupo][leer(valor)] = n
    return cifras


def _contar_finales(
    s: Session, donde: ColumnElement[bool], quien: ColumnElement[int], cifras: dict[int, Cifras]
) -> None:
    """When, how they stand or ended, who took part, and the weather of the completed ones."""
    claves = (_v.tipo_consulta, _v.estado, _v.fuentes_usadas, _v.fuentes_fallidas)
    clima = [agregado for campo in _CLIMA for agregado in (func.sum(campo), func.count(campo))]
    orden = select(quien.label("quien"), func.date(_v.creada_en).label("dia"), *claves, func.count(), *clima)
    for de, dia, tipo, estado, usadas, fallidas, n, *sumas in s.execute(
        orden.where(donde).group_by("quien", "dia", *claves)
    ):
        parte: Cifras = {"dia": {str(dia): n}, "tipo": {tipo: n}, "estado": {estado: n}}
        parte["usada"] = dict.fromkeys(usadas.split(","), n) if usadas else {}
        parte["fallida"] = dict.fromkeys(fallidas.split(","), n) if fallidas else {}
        if estado == Estado.COMPLETADA:
            parte["suma"] = {p: float(suma or 0) for p, suma in zip(PROMEDIOS, sumas[::2], strict=True)}
            parte["n"] = dict(zip(PROMEDIOS, sumas[1::2], strict=True))
        sumar(cifras[de], parte)
