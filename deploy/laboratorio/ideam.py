"""IDEAM on datos.gov.co: Socrata's /resource/<id>.json over constructed stations.

Everything is a string; pressure is the station's; hours are Colombian (UTC-5) without a zone; without $order
rows come unsorted; some rows come twice. 57sv-p2fu ends an hour ago, the sets per variable a day ago.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from flask import Blueprint, Response, request

from deploy.laboratorio.clima import Serie
from deploy.laboratorio.errores import como_json, error
from deploy.laboratorio.ideam_estaciones import ENTIDAD, Estacion, estaciones
from deploy.laboratorio.pedido import ahora
from deploy.laboratorio.soql import Consulta, ConsultaMala, leer

rutas = Blueprint("ideam", __name__)

INVALIDO = "invalido"
COLOMBIA = timedelta(hours=-5)
CATALOGO, RECIENTE = "hp9r-jxuu", "57sv-p2fu"
DUPLICADA_CADA = 23
PUNTOS_POR_TANDA = 3000


@dataclass(frozen=True, slots=True)
class Sensor:
    codigo: str
    descripcion: str
    unidad: str
    leer: Callable[[Serie], list[float]]
    decimales: int = 1
    basico: bool = False


@dataclass(frozen=True, slots=True)
class Conjunto:
    """atraso: how old its newest row is. dias: how far back it goes."""

    sensores: tuple[Sensor, ...]
    cada_min: int = 60
    atraso: timedelta = timedelta(days=1)
    dias: int = 7300


LLUVIA = Sensor("0240", "PRECIPITACIÓN", "mm", lambda s: [r / 6 for r in s.lluvia_mm_h], 2, basico=True)
TEMPERATURA = Sensor("0068", "TEMPERATURA DEL AIRE A 2 m", "°C", lambda s: s.temperatura_c, basico=True)
MAXIMA = Sensor("0069", "TEMPERATURA MÁXIMA DEL AIRE A 2 m", "°C", lambda s: [t + 0.4 for t in s.temperatura_c])
MINIMA = Sensor("0070", "TEMPERATURA MÍNIMA DEL AIRE A 2 m", "°C", lambda s: [t - 0.4 for t in s.temperatura_c])
HUMEDAD = Sensor("0027", "HUMEDAD DEL AIRE A 2 m", "%", lambda s: s.humedad, 0)
PRESION = Sensor("0255", "PRESIÓN ATMOSFÉRICA", "hPa", lambda s: s.presion_estacion_hpa)
VIENTO = Sensor("0103", "VELOCIDAD DEL VIENTO", "m/s", lambda s: s.viento_ms)
DIRECCION = Sensor("0104", "DIRECCIÓN DEL VIENTO", "GN", lambda s: [d % 359.5 for d in s.direccion], 0)
CONJUNTOS = {
    "s54a-sgyg": Conjunto((LLUVIA,), cada_min=10),
    "sbwg-7ju4": Conjunto((TEMPERATURA,)),
    "uext-mhny": Conjunto((HUMEDAD,)),
    "62tk-nxj5": Conjunto((PRESION,)),
    "sgfv-3yp8": Conjunto((VIENTO,)),
    "kiw7-v9ta": Conjunto((DIRECCION,)),
    "ccvq-rp9s": Conjunto((MAXIMA,)),
    "afdg-3zpb": Conjunto((MINIMA,)),
    RECIENTE: Conjunto(
        (LLUVIA, TEMPERATURA, MAXIMA, MINIMA, HUMEDAD, PRESION, VIENTO, DIRECCION), 10, timedelta(hours=1), 90
    ),
}
DE_ESTACION = frozenset(estaciones()[0].ficha())
COLUMNAS = DE_ESTACION | {
    "codigosensor",
    "fechaobservacion",
    "valorobservado",
    "descripcionsensor",
    "unidadmedida",
}
DE_CATALOGO = frozenset(estaciones()[0].catalogo())


@rutas.get("/resource/<nombre>.json")
def resource(nombre: str) -> Response:
    if INVALIDO in (request.headers.get("X-App-Token"), request.args.get("$$app_token")):
        return error("ideam", 403)
    if nombre != CATALOGO and nombre not in CONJUNTOS:
        return como_json(
            {"code": "dataset.missing", "error": True, "message": "Not found", "data": {"id": nombre}}, 404
        )
    parametros = {k: v for k, v in request.args.items() if k != "$$app_token"}
    try:
        if nombre == CATALOGO:
            consulta = leer(parametros, DE_CATALOGO)
            return como_json(_pagina((e.catalogo() for e in estaciones()), consulta))
        consulta = leer(parametros, COLUMNAS | ({"entidad"} if nombre == RECIENTE else set()))
        return como_json(
            _pagina(_filas(CONJUNTOS[nombre], consulta, nombre == RECIENTE), consulta, _por_fecha(consulta))
        )
    except ConsultaMala as e:
        return como_json({"code": e.codigo, "error": True, "message": str(e)}, 400)


def _pagina(filas: Iterator[dict[str, Any]], consulta: Consulta, ordenadas: bool = False) -> list[dict[str, Any]]:
    """Only what is needed is made when the rows already come in the order asked for."""
    buenas: Iterator[dict[str, Any]] = (fila for fila in filas if consulta.acepta(fila))
    if not ordenadas:
        lista = list(buenas)
        for columna, al_reves in reversed(consulta.orden):
            lista.sort(key=lambda fila, c=columna: str(fila.get(c, "")), reverse=al_reves)  # type: ignore[misc]
        buenas = iter(lista)
    return [consulta.proyectar(fila) for fila in islice(buenas, consulta.salto, consulta.salto + consulta.limite)]


def _por_fecha(consulta: Consulta) -> bool:
    return not consulta.orden or [c for c, _ in consulta.orden] in (
        ["fechaobservacion"],
        [":id"],
        ["fechaobservacion", ":id"],
    )


def _filas(conjunto: Conjunto, consulta: Consulta, con_entidad: bool) -> Iterator[dict[str, Any]]:
    """Batches of instants, each over all the chosen stations: a small page never computes years."""
    elegidas = [(e, e.ficha()) for e in estaciones() if consulta.acepta(e.ficha(), DE_ESTACION)]
    sensores = [
        s for s in conjunto.sensores if consulta.acepta({"codigosensor": s.codigo}, frozenset({"codigosensor"}))
    ]
    primero, paso, cuantos = _instantes(conjunto, consulta)
    extra = {"entidad": ENTIDAD} if con_entidad else {}
    tanda = max(1, PUNTOS_POR_TANDA // max(1, len(elegidas)))
    for i in range(0, cuantos if elegidas else 0, tanda):
        instantes = [primero + paso * j for j in range(i, min(i + tanda, cuantos))]
        yield from _tanda(elegidas, sensores, instantes, extra, bool(consulta.orden))


def _tanda(
    elegidas: list[tuple[Estacion, dict[str, Any]]],
    sensores: list[Sensor],
    instantes: list[datetime],
    extra: dict[str, str],
    por_fecha: bool,
) -> Iterator[dict[str, Any]]:
    horas = [i.timestamp() / 3600 for i in instantes]
    fechas = [f"{i + COLOMBIA:%Y-%m-%dT%H:%M:%S}.000" for i in instantes]
    columnas = []
    for estacion, ficha in elegidas:
        serie = Serie(estacion.latitud, estacion.longitud, horas, "ideam")
        for sensor in sensores:
            if estacion.completa or sensor.basico:
                valores = [f"{v:.{sensor.decimales}f}" for v in sensor.leer(serie)]
                columnas.append((ficha, sensor, valores))
    orden = range(len(fechas)) if por_fecha else [*range(1, len(fechas), 2), *range(0, len(fechas), 2)]
    for i in orden:
        for n, (ficha, sensor, valores) in enumerate(columnas):
            fila = {
                **ficha,
                "codigosensor": sensor.codigo,
                "fechaobservacion": fechas[i],
                "valorobservado": valores[i],
                "descripcionsensor": sensor.descripcion,
                "unidadmedida": sensor.unidad,
                **extra,
            }
            yield fila
            if (int(horas[i] * 6) + n) % DUPLICADA_CADA == 0:
                yield dict(fila)


def _instantes(conjunto: Conjunto, consulta: Consulta) -> tuple[datetime, timedelta, int]:
    """First, step and number of the observation times asked for; newest first only when asked."""
    paso = timedelta(minutes=conjunto.cada_min)
    ultimo = ahora() - conjunto.atraso
    ultimo = ultimo.replace(minute=ultimo.minute // conjunto.cada_min * conjunto.cada_min, second=0, microsecond=0)
    primero = ultimo - timedelta(days=conjunto.dias)
    for condicion in consulta.condiciones:
        if condicion.columna == "fechaobservacion":
            desde, hasta = _ventana(condicion.operador, condicion.valores)
            primero = max(primero, desde - COLOMBIA) if desde else primero
            ultimo = min(ultimo, hasta - COLOMBIA) if hasta else ultimo
    primero = primero.replace(minute=primero.minute // conjunto.cada_min * conjunto.cada_min, second=0, microsecond=0)
    al_reves = bool(consulta.orden) and consulta.orden[0] == ("fechaobservacion", True)
    cuantos = max(0, (ultimo - primero) // paso + 1)
    return (primero + paso * (cuantos - 1), -paso, cuantos) if al_reves else (primero, paso, cuantos)


def _ventana(operador: str, valores: tuple[str, ...]) -> tuple[datetime | None, datetime | None]:
    """Wide bounds: the condition itself is checked again on every row."""
    fechas = [_fecha(valor) for valor in valores]
    match operador:
        case "between":
            return fechas[0], fechas[1]
        case ">" | ">=":
            return fechas[0], None
        case "<" | "<=":
            return None, fechas[0]
        case "=" | "in":
            return min(fechas), max(fechas)
    return None, None


def _fecha(texto: str) -> datetime:
    """Socrata takes 2020, 2020-01, 2020-01-02 and 2020-01-02T03:04:05.000."""
    completo = texto.replace(" ", "T") + "0001-01-01T00:00:00"[len(texto) :] if len(texto) < 19 else texto[:19]
    try:
        return datetime.fromisoformat(completo.replace(" ", "T") + "+00:00")
    except ValueError as e:
        raise ConsultaMala("query.soql.type-mismatch", f"Invalid timestamp: {texto}") from e
