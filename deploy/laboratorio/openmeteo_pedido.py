"""Reading a request to Open-Meteo: places, days and units, or the reason it is refused."""

from dataclasses import dataclass
from datetime import date, timedelta

from flask import request

from deploy.laboratorio import lugares
from deploy.laboratorio.openmeteo_variables import Unidades
from deploy.laboratorio.pedido import ahora, lista, numero, parametro

PASADO_DIAS = 92


class MaloError(ValueError):
    """A 400; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Producto:
    """One endpoint. horarias, diarias: the variables it has by hours (and now) and by days; it refuses all others.

    atraso_dias: the newest days that are null.
    """

    horarias: frozenset[str]
    diarias: frozenset[str]
    primero: date
    dias_adelante: int
    dias_por_defecto: int
    intervalo_s: int
    con_actual: bool = True
    atraso_dias: int = 0


@dataclass(frozen=True, slots=True)
class Pedido:
    """inicio and fin: local days, both included. desfase_s: of the moment of the request, for all days."""

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
    )  # fmt: skip


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
