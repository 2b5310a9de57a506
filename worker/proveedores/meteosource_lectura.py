"""Meteosource's bodies as measurements: pure functions, no calls. Sources: see meteosource.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from statistics import fmean
from typing import Any

from shared.catalogo import PAGADOS_METEOSOURCE
from shared.clima import CAMPOS_NUMERICOS, Medicion
from shared.posible import depurar, fuera
from worker.combinar import media_vectorial
from worker.proveedores.cielo import METEOSOURCE, cielo, propio, tope_de_modelo
from worker.proveedores.cuerpos import bloque, entero, instante_iso, numero, texto, zona
from worker.proveedores.http import ErrorProveedor

HORAS_QUE_PUEDEN_FALTAR = 4  # in a day, for its means and extremes; its rain needs them all
TEXTOS = {
    2: "Soleado",
    3: "Mayormente soleado",
    4: "Parcialmente soleado",
    5: "Mayormente nublado",
    6: "Nublado",
    7: "Cubierto",
    8: "Cubierto con nubes bajas",
    9: "Niebla",
    10: "Lluvia ligera",
    11: "Lluvia",
    12: "Posible lluvia",
    13: "Chubascos",
    14: "Tormenta",
    15: "Tormentas locales",
    16: "Nieve ligera",
    17: "Nieve",
    18: "Posible nieve",
    19: "Chubascos de nieve",
    20: "Lluvia y nieve",
    21: "Posible lluvia y nieve",
    22: "Lluvia y nieve",
    23: "Lluvia helada",
    24: "Posible lluvia helada",
    25: "Granizo",
    26: "Despejado",
    27: "Mayormente despejado",
    28: "Parcialmente despejado",
    29: "Mayormente nublado",
    30: "Nublado",
    31: "Cubierto con nubes bajas",
    32: "Chubascos",
    33: "Tormentas locales",
    34: "Chubascos de nieve",
    35: "Lluvia y nieve",
    36: "Posible lluvia helada",
}


@dataclass(frozen=True, slots=True)
class Sistema:
    """What to multiply by for km/h, m and mm. Pressure is hPa in all of them."""

    fahrenheit: bool
    viento: float
    distancia: float
    lluvia: float


SISTEMAS = {
    "metric": Sistema(False, 3.6, 1000.0, 1.0),
    "ca": Sistema(False, 1.0, 1000.0, 1.0),
    "uk": Sistema(False, 1.609344, 1609.344, 1.0),
    "us": Sistema(True, 1.609344, 1609.344, 25.4),
}


def leer_actual(cuerpo: dict[str, Any]) -> Medicion:
    """The `current` section, which does not say when: observado_en is None.

    Its rain is taken for the hour's: in every recorded body the section repeats the row of `hourly` of the clock hour,
    whose total is of an hour. No page that we could read says so.
    """
    fila = cuerpo.get("current")
    if not isinstance(fila, dict):
        raise ErrorProveedor("respondió sin datos actuales")
    return _medicion(fila, _sistema(cuerpo))


def leer_serie(cuerpo: dict[str, Any]) -> list[Medicion]:
    """The hours of time_machine (`data`) or of point's `hourly`, in the body's timezone: UTC if it does not say."""
    donde, sistema = _zona(cuerpo), _sistema(cuerpo)
    filas = _filas(cuerpo if "data" in cuerpo else cuerpo.get("hourly"))
    return [replace(_medicion(fila, sistema), observado_en=instante_iso(fila.get("date"), donde)) for fila in filas]


def resumir_dias(horas: list[Medicion], zona: tzinfo) -> Iterator[Medicion]:
    """One Medicion per local day from its hours, which have observado_en and fecha."""
    por_dia: dict[date, list[Medicion]] = {}
    for hora in horas:
        if hora.fecha is not None:
            por_dia.setdefault(hora.fecha, []).append(hora)
    return (_resumen(dia, por_dia[dia], zona) for dia in sorted(por_dia))


def _resumen(dia: date, horas: list[Medicion], zona: tzinfo) -> Medicion:
    """Means, extremes, total rain, vector wind, and the commonest icon of the daylight hours.

    Of the values that can be; imposibles says which cannot. An hour without its value is an hour missing.
    """
    horas, imposibles = _depuradas(horas)
    inicio, fin = medianoche(dia, zona), medianoche(dia + timedelta(days=1), zona)
    todas = (fin - inicio) // timedelta(hours=1)

    def columna(campo: str, faltan: int = HORAS_QUE_PUEDEN_FALTAR) -> list[float]:
        valores = [v for h in horas if (v := getattr(h, campo)) is not None]
        return valores if len(valores) >= todas - faltan else []

    temperaturas, lluvia = columna("temperatura"), columna("precipitacion", faltan=0)
    medias = {c: fmean(v) for c in (*PAGADOS_METEOSOURCE, "temperatura", "velocidad_viento") if (v := columna(c))}
    vientos = [(h.velocidad_viento, h.direccion_viento) for h in horas if h.direccion_viento is not None]
    rumbo = media_vectorial((v, d) for v, d in vientos) if columna("direccion_viento") else None
    codigo = _mas_comun([h for h in horas if h.observado_en and 6 <= h.observado_en.astimezone(zona).hour < 18])
    campos: dict[str, Any] = {
        **medias,
        "temperatura_min": min(temperaturas, default=None),
        "temperatura_max": max(temperaturas, default=None),
        "indice_uv": max(columna("indice_uv"), default=None),
        "direccion_viento": rumbo[0] if rumbo else None,
        "precipitacion": sum(lluvia) if lluvia else None,
        "codigo_clima": codigo,
        "descripcion_clima": cielo(codigo, METEOSOURCE),
        "extras": propio(codigo, _suyo(codigo)),
    }
    return Medicion(**campos, observado_en=inicio, fecha=dia, imposibles=imposibles)


def _depuradas(horas: list[Medicion]) -> tuple[list[Medicion], dict[str, str]]:
    buenas = [depurar(h) for h in horas]
    imposibles = {}
    for c in CAMPOS_NUMERICOS:
        pares = ((getattr(h, c), getattr(b, c)) for h, b in zip(horas, buenas, strict=True))
        if malas := [dicho for dicho, queda in pares if dicho is not None and queda is None]:
            imposibles[c] = fuera(c, malas)
    return buenas, imposibles


def _suyo(codigo: int | None) -> str | None:
    return None if codigo is None else TEXTOS.get(codigo)


def _mas_comun(horas: list[Medicion]) -> int | None:
    codigos = Counter(h.codigo_clima for h in horas if h.codigo_clima is not None)
    return codigos.most_common(1)[0][0] if codigos else None


def _medicion(fila: dict[str, Any], sistema: Sistema) -> Medicion:
    viento = bloque(fila, "wind")
    visibilidad = _por(fila.get("visibility"), sistema.distancia)
    codigo = next((n for c in ("icon_num", "icon") if (n := entero(fila.get(c))) is not None), None)
    return Medicion(
        temperatura=_celsius(fila.get("temperature"), sistema),
        temperatura_min=_celsius(fila.get("temperature_min"), sistema),
        temperatura_max=_celsius(fila.get("temperature_max"), sistema),
        presion_atmosferica=numero(fila.get("pressure")),
        humedad_relativa=numero(fila.get("humidity")),
        velocidad_viento=_por(viento.get("speed"), sistema.viento),
        direccion_viento=numero(viento.get("angle")),
        precipitacion=_por(bloque(fila, "precipitation").get("total"), sistema.lluvia),
        visibilidad=visibilidad,
        visibilidad_tope=tope_de_modelo(visibilidad),
        indice_uv=numero(fila.get("uv_index")),
        descripcion_clima=cielo(codigo, METEOSOURCE),
        codigo_clima=codigo,
        extras=propio(codigo, texto(fila.get("summary")) or _suyo(codigo)),
    )


def _celsius(valor: Any, sistema: Sistema) -> float | None:
    grados = numero(valor)
    return (grados - 32) * 5 / 9 if grados is not None and sistema.fahrenheit else grados


def _por(valor: Any, factor: float) -> float | None:
    leido = numero(valor)
    return None if leido is None else leido * factor


def _filas(seccion: Any) -> list[dict[str, Any]]:
    filas = seccion.get("data") if isinstance(seccion, dict) else None
    if not isinstance(filas, list) or not all(isinstance(fila, dict) for fila in filas):
        raise ErrorProveedor("respondió sin la serie pedida")
    return filas


def _sistema(cuerpo: dict[str, Any]) -> Sistema:
    """By the units the body declares, whatever was asked for."""
    sistema = SISTEMAS.get(str(cuerpo.get("units") or "metric"))
    if sistema is None:
        raise ErrorProveedor("respondió en unidades desconocidas")
    return sistema


def _altura(cuerpo: dict[str, Any]) -> float | None:
    """Metres; whether it is feet in the units of the US is not documented."""
    return None if _sistema(cuerpo).fahrenheit else numero(cuerpo.get("elevation"))


def _zona(cuerpo: dict[str, Any]) -> tzinfo:
    nombre = cuerpo.get("timezone") or "UTC"
    hallada = UTC if str(nombre).upper() == "UTC" else zona(nombre)
    if hallada is None:
        raise ErrorProveedor("respondió en una zona horaria desconocida")
    return hallada


def medianoche(dia: date, zona: tzinfo) -> datetime:
    return datetime.combine(dia, time(), zona).astimezone(UTC)
