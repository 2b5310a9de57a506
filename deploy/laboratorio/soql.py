"""The SoQL that a client of IDEAM needs: conditions joined by `and`, a projection, an order, a page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NUMERICAS = frozenset({"latitud", "longitud", "valorobservado", "altitud"})
TROZO = re.compile(r"\s*('(?:[^']|'')*'|[-+]?\d+(?:\.\d+)?|>=|<=|!=|<>|[=<>(),]|[A-Za-z_:][\w:]*)", re.ASCII)
LIMITE_POR_DEFECTO = 1000
LIMITE_MAXIMO = 200_000


class ConsultaMala(ValueError):
    """codigo is Socrata's; the text its message."""

    def __init__(self, codigo: str, texto: str) -> None:
        super().__init__(texto)
        self.codigo = codigo


@dataclass(frozen=True, slots=True)
class Condicion:
    """operador: one of = != < <= > >= between in. valores: two for between, one or more for in."""

    columna: str
    operador: str
    valores: tuple[str, ...]

    def cumple(self, valor: object) -> bool:
        """A missing value meets nothing, as in SQL."""
        if valor is None:
            return False
        izquierda, *otros = _comparables(self.columna, (str(valor), *self.valores))
        match self.operador:
            case "between":
                return bool(otros[0] <= izquierda <= otros[1])
            case "in" | "=":
                return izquierda in otros
            case "!=":
                return bool(izquierda != otros[0])
            case "<":
                return bool(izquierda < otros[0])
            case "<=":
                return bool(izquierda <= otros[0])
            case ">":
                return bool(izquierda > otros[0])
        return bool(izquierda >= otros[0])


@dataclass(frozen=True, slots=True)
class Consulta:
    """orden: (column, descending) pairs. columnas: empty means all."""

    condiciones: tuple[Condicion, ...]
    columnas: tuple[str, ...]
    orden: tuple[tuple[str, bool], ...]
    limite: int
    salto: int

    def acepta(self, fila: Mapping[str, Any], columnas: frozenset[str] | None = None) -> bool:
        """columnas: look only at the conditions on these."""
        return all(c.cumple(fila.get(c.columna)) for c in self.condiciones if columnas is None or c.columna in columnas)

    def proyectar(self, fila: dict[str, Any]) -> dict[str, Any]:
        return {c: fila[c] for c in self.columnas if c in fila} if self.columnas else fila


def leer(parametros: Mapping[str, str], existentes: frozenset[str]) -> Consulta:
    """Raises ConsultaMala. A column used as a bare filter (`?codigoestacion=…`) is an equality."""
    condiciones = _condiciones(parametros.get("$where", ""))
    condiciones += [Condicion(k, "=", (v,)) for k, v in parametros.items() if not k.startswith("$")]
    columnas = [c.strip().lower() for c in parametros.get("$select", "").split(",") if c.strip() not in ("", "*")]
    orden = [_un_orden(texto) for texto in parametros.get("$order", "").split(",") if texto.strip()]
    for columna in [c.columna for c in condiciones] + columnas + [c for c, _ in orden]:
        if columna not in existentes | {":id"}:
            raise ConsultaMala("query.soql.no-such-column", f"No such column: {columna}")
    for nombre in sorted(set(parametros) & {"$group", "$having", "$q", "$query"}):
        raise ConsultaMala("query.compiler.malformed", f"El laboratorio no entiende {nombre}")
    limite = _entero(parametros, "$limit", LIMITE_POR_DEFECTO)
    return Consulta(
        tuple(condiciones),
        tuple(columnas),
        tuple(orden),
        min(limite, LIMITE_MAXIMO),
        _entero(parametros, "$offset", 0),
    )


def _entero(parametros: Mapping[str, str], nombre: str, por_defecto: int) -> int:
    texto = parametros.get(nombre, str(por_defecto)).strip()
    if not re.fullmatch(r"[0-9]{1,9}", texto):
        raise ConsultaMala("query.compiler.malformed", f"Invalid value for {nombre}: {texto}")
    return int(texto)


def _un_orden(texto: str) -> tuple[str, bool]:
    columna, *sentido = texto.split()
    if len(sentido) > 1 or (sentido and sentido[0].upper() not in ("ASC", "DESC")):
        raise _no_se_entiende(texto)
    return columna.lower(), bool(sentido) and sentido[0].upper() == "DESC"


def _condiciones(texto: str) -> list[Condicion]:
    trozos = _trocear(texto)
    condiciones: list[Condicion] = []
    while trozos:
        condiciones += _termino(trozos)
        if trozos and (trozos.pop(0).lower() != "and" or not trozos):
            raise _no_se_entiende(texto)
    return condiciones


def _termino(trozos: list[str]) -> list[Condicion]:
    """Takes one condition, or a parenthesis full of them, off the front."""
    if trozos[0] != "(":
        return [_condicion(trozos)]
    trozos.pop(0)
    dentro = _termino(trozos) if trozos else []
    while trozos and trozos[0].lower() == "and":
        trozos.pop(0)
        if not trozos:
            raise _no_se_entiende("and")
        dentro += _termino(trozos)
    _tomar(trozos, ")")
    return dentro


def _condicion(trozos: list[str]) -> Condicion:
    columna = trozos.pop(0).lower()
    if not re.fullmatch(r"[a-z_:][\w:]*", columna) or not trozos:
        raise _no_se_entiende(columna)
    operador = trozos.pop(0).lower()
    if operador == "between":
        desde = _valor(trozos)
        _tomar(trozos, "and")
        return Condicion(columna, operador, (desde, _valor(trozos)))
    if operador == "in":
        _tomar(trozos, "(")
        valores = [_valor(trozos)]
        while trozos and trozos[0] == ",":
            trozos.pop(0)
            valores.append(_valor(trozos))
        _tomar(trozos, ")")
        return Condicion(columna, operador, tuple(valores))
    if operador not in ("=", "!=", "<>", "<", "<=", ">", ">="):
        raise _no_se_entiende(operador)
    return Condicion(columna, "!=" if operador == "<>" else operador, (_valor(trozos),))


def _valor(trozos: list[str]) -> str:
    trozo = trozos.pop(0) if trozos else ""
    if trozo.startswith("'"):
        return trozo[1:-1].replace("''", "'")
    if not re.fullmatch(r"[-+]?\d+(\.\d+)?", trozo, re.ASCII):
        raise _no_se_entiende(trozo)
    return trozo


def _tomar(trozos: list[str], esperado: str) -> None:
    if not trozos or trozos.pop(0).lower() != esperado:
        raise _no_se_entiende(esperado)


def _trocear(texto: str) -> list[str]:
    trozos, i = [], 0
    texto = texto.strip()
    while i < len(texto):
        encontrado = TROZO.match(texto, i)
        if encontrado is None:
            raise _no_se_entiende(texto[i:])
        trozos.append(encontrado[1])
        i = encontrado.end()
    return trozos


def _comparables(columna: str, textos: tuple[str, ...]) -> list[Any]:
    if columna not in NUMERICAS:
        return list(textos)
    try:
        return [float(texto) for texto in textos]
    except ValueError as e:
        raise ConsultaMala("query.soql.type-mismatch", f"Type mismatch on column {columna}") from e


def _no_se_entiende(trozo: str) -> ConsultaMala:
    return ConsultaMala("query.compiler.malformed", f"Could not parse SoQL query near: {trozo[:60]}")
