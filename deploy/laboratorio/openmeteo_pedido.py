"""Reading a request to Open-Meteo: places, days and units, or the reason it is refused."""

from dataclasses import dataclass
from datetime import date, timedelta

from flask import request

from deploy.laboratorio import lugares
from deploy.laboratorio.openmeteo_variables import Unidades
from deploy.laboratorio.pedido import ahora, lista, numero, parametro

PASADO_DIAS = 92
CUARTO_S = 900
CUARTOS_POR_DEFECTO_DIAS = 3


class MaloError(ValueError):
    """A 400; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Producto:
    """One endpoint. horarias, diarias: the variables it has by hours (and now) and by days; it refuses all others.
    con_cuartos: whether it knows minutely_15; the others pass over it in silence.

    atraso_dias: the newest days that are null.
    """

    horarias: frozenset[str]
    diarias: frozenset[str]
    primero: date
    dias_adelante: int
    dias_por_defecto: int
    intervalo_s: int
    con_actual: bool = True
    con_cuartos: bool = False
    atraso_dias: int = 0


@dataclass(frozen=True, slots=True)
class Pedido:
    """inicio and fin: local days, both included. desfase_s: of the moment of the request, for all days.

    cuartos: the variables of minutely_15. en_cuartos: the instants they are given at, unix seconds.
    """

    latitud: float
    longitud: float
    zona: str
    desfase_s: int
    inicio: date
    fin: date
    unidades: Unidades
    actual: tuple[str, ...]
    horario: tuple[str, ...]
    diario: tuple[str, ...]
    unix: bool
    cuartos: tuple[str, ...] = ()
    en_cuartos: range = range(0)


def coordenadas() -> list[tuple[float, float]]:
    latitudes, longitudes = _grados("latitude", 90), _grados("longitude", 180)
    if len(latitudes) != len(longitudes):
        raise MaloError("Parameter 'latitude' and 'longitude' must have the same number of elements")
    if len(latitudes) > 1000:
        raise MaloError("Only up to 1000 locations can be requested at once")
    return list(zip(latitudes, longitudes, strict=True))


def _grados(nombre: str, tope: int) -> list[float]:
    textos = lista(nombre)
    if not textos:
        raise MaloError(f"Value of type 'Array<Float>' required for key '{nombre}'.")
    valores = []
    for texto in textos:
        valor = numero(texto)
        if valor is None:
            raise MaloError(f"Data corrupted at path '{nombre}'. Cannot convert '{texto}' to Float.")
        if abs(valor) > tope:
            raise MaloError(f"{nombre.capitalize()} must be in range of -{tope} to {tope}°. Given: {valor}.")
        valores.append(valor)
    return valores


def leer(producto: Producto, i: int, latitud: float, longitud: float) -> Pedido:
    zonas = lista("timezone") or ["GMT"]
    zona = zonas[i] if i < len(zonas) else zonas[0]
    zona = lugares.zona_de(latitud, longitud) if zona == "auto" else zona
    if not lugares.zona_valida(zona):
        raise MaloError("Invalid timezone")
    momento = ahora()
    desfase_s = lugares.desfase_s(zona, momento)
    inicio, fin = _rango(producto, (momento + timedelta(seconds=desfase_s)).date())
    actual = lista("current") if producto.con_actual else []
    if parametro("timeformat", "iso8601") not in ("iso8601", "unixtime"):
        raise MaloError(f"Cannot initialize Timeformat from invalid String value {parametro('timeformat')}")
    return Pedido(
        latitud, longitud, zona, desfase_s, inicio, fin, Unidades.de(parametro),
        tuple(actual), tuple(lista("hourly")), tuple(lista("daily")), parametro("timeformat") == "unixtime",
        tuple(lista("minutely_15")) if producto.con_cuartos else (),
        _cuartos(producto, int(momento.timestamp()), desfase_s, inicio, fin),
    )  # fmt: skip


def _cuartos(producto: Producto, ahora_s: int, desfase_s: int, inicio: date, fin: date) -> range:
    """By their own two parameters from the current quarter on, or the days asked for, or three.

    As the server does, the current quarter is found with the offset in whole hours and shown with the true one
    (ForecastapiQuery.swift: getTimerange2), so that where clocks stand at half hours all are half an hour off.
    """
    if not producto.con_cuartos:
        return range(0)
    presentes = set(request.args)
    propios = {"past_minutely_15", "forecast_minutely_15"} & presentes
    if "start_date" in presentes or "end_date" in presentes:
        if mal := next((n for n in sorted(propios) if parametro(n) != "0"), None):
            raise MaloError(f"Parameter '{mal}' is mutually exclusive with 'start_date' and 'end_date'")
        return _dias_en_cuartos(inicio, (fin - inicio).days + 1, desfase_s)
    if not propios:
        pasado = _entero("past_days", 0, PASADO_DIAS, 0)
        adelante = _entero("forecast_days", 0, producto.dias_adelante, CUARTOS_POR_DEFECTO_DIAS)
        return _dias_en_cuartos(inicio, pasado + adelante, desfase_s)
    pasado = _pasos("past_minutely_15", "Past", PASADO_DIAS, 0)
    adelante = _pasos("forecast_minutely_15", "Forecast", producto.dias_adelante, CUARTOS_POR_DEFECTO_DIAS * 96)
    en_horas_s = int(desfase_s / 3600) * 3600  # towards zero, as Swift divides
    ahora_s = (ahora_s + en_horas_s) // CUARTO_S * CUARTO_S - desfase_s
    return range(ahora_s - pasado * CUARTO_S, ahora_s + adelante * CUARTO_S, CUARTO_S)


def _dias_en_cuartos(inicio: date, dias: int, desfase_s: int) -> range:
    desde_s = (inicio - date(1970, 1, 1)).days * 86400 - desfase_s
    return range(desde_s, desde_s + dias * 86400, CUARTO_S)


def _pasos(nombre: str, cuando: str, dias: int, por_defecto: int) -> int:
    valor, maximo = numero(parametro(nombre, str(por_defecto))), dias * 96
    if valor is None or valor != int(valor):
        raise MaloError(f"Data corrupted at path '{nombre}'. Cannot convert '{parametro(nombre)}' to Int.")
    if not 0 <= valor <= maximo:
        raise MaloError(f"{cuando} days is invalid. Allowed range 0 to {maximo}. Given {int(valor)}.")
    return int(valor)


def _rango(producto: Producto, hoy: date) -> tuple[date, date]:
    presentes = set(request.args)
    if "start_date" in presentes or "end_date" in presentes or not producto.dias_por_defecto:
        return _rango_pedido(producto, hoy)
    pasado = _entero("past_days", 0, PASADO_DIAS, 0)
    adelante = _entero("forecast_days", 0, producto.dias_adelante, producto.dias_por_defecto)
    return hoy - timedelta(days=pasado), hoy + timedelta(days=adelante - 1)


def _rango_pedido(producto: Producto, hoy: date) -> tuple[date, date]:
    ultimo = hoy + timedelta(days=producto.dias_adelante - 1)
    fechas = []
    for nombre in ("start_date", "end_date"):
        if not parametro(nombre):
            raise MaloError(f"Parameter '{nombre}' must be set")
        fecha = lugares.a_fecha(parametro(nombre))
        if fecha is None:
            raise MaloError(f"Invalid date format. Make sure to use 'YYYY-MM-DD' for '{nombre}'")
        if not producto.primero <= fecha.date() <= ultimo:
            raise MaloError(f"Parameter '{nombre}' is out of allowed range from {producto.primero} to {ultimo}")
        fechas.append(fecha.date())
    if fechas[1] < fechas[0]:
        raise MaloError("End-date must be larger or equals than start-date")
    return fechas[0], fechas[1]


def _entero(nombre: str, minimo: int, maximo: int, por_defecto: int) -> int:
    valor = numero(parametro(nombre, str(por_defecto)))
    if valor is None or not minimo <= valor <= maximo or valor != int(valor):
        raise MaloError(f"Parameter '{nombre}' is out of allowed range from {minimo} to {maximo}")
    return int(valor)
