"""A department or a country is no place to ask the weather of: its cities are proposed instead."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from shared import geonames
from shared.lugares.colombia import CAPITALES
from shared.lugares.escritura import clave
from shared.lugares.indice import Indice, poblacion
from shared.lugares.lectura import Lectura

# A city of so many people may be called like a department or a country (Arauca, Caldas; Líbano, Panamá, Salvador).
CIUDAD_COMO_DEPARTAMENTO = 50_000
CIUDAD_COMO_PAIS = 10_000
CIUDAD_DE_OTRO_PAIS = 1_000_000
LARGO_DE_PAIS = 4  # shorter ones are codes
MAYORES, HOMONIMAS = 3, 3
GENTE_DE_HOMONIMA = 40_000.0  # as Indice.gente counts it
SOLO_DEPARTAMENTOS = {"valle": "valle del cauca", "guajira": "la guajira", "norte santander": "norte de santander"}


class Territorio(NamedTuple):
    """que: un departamento, un país. proponen: its capital, its largest cities, and those that bear its name."""

    que: str
    proponen: list[int]


def territorio(indice: Indice, leidas: list[Lectura]) -> Territorio | None:
    """What the bare name of a department or a country means; None: it is neither, or a city of weight bears it."""
    for nombre, calificadores in leidas:
        if all(indice.paises.get(calificador) == "CO" for calificador in calificadores):
            region = indice.regiones.get(SOLO_DEPARTAMENTOS.get(nombre, nombre))
            if region:
                proponen = _de_departamento(indice, nombre, region)
                return Territorio("un departamento", proponen) if proponen else None
            pais = indice.paises.get(nombre) if len(nombre) >= LARGO_DE_PAIS and not calificadores else None
            if pais:
                proponen = _de_pais(indice, nombre, pais)
                return Territorio("un país", proponen) if proponen else None
    return None


def _de_departamento(indice: Indice, nombre: str, region: str) -> list[int]:
    llamadas = indice.propios.iguales(nombre)
    if any(_es(indice, i, "CO") and poblacion(indice, i) >= CIUDAD_COMO_DEPARTAMENTO for i in llamadas):
        return []
    capital = [i for i in indice.propios.iguales(clave(CAPITALES[region])) if _es(indice, i, "CO")]
    mayores = (i for i, lugar in enumerate(indice.lugares) if lugar.pais == "CO" and lugar.region == region)
    return _juntas(indice, capital, mayores, llamadas)


def _de_pais(indice: Indice, nombre: str, pais: str) -> list[int]:
    propias = indice.propios.iguales(nombre)
    if any(_pesa_como(indice, i, pais, propia=i in propias) for i in propias | indice.alternos.iguales(nombre)):
        return []
    capital = clave(dict(geonames.capitales()).get(pais, ""))
    llamadas = indice.propios.iguales(capital) | indice.alternos.iguales(capital)
    mayores = (i for i, lugar in enumerate(indice.lugares) if lugar.pais == pais)
    return _juntas(indice, [i for i in llamadas if _es(indice, i, pais)], mayores, propias)


def _pesa_como(indice: Indice, lugar: int, pais: str, *, propia: bool) -> bool:
    """Whether this is who is meant by the name of that country: its own city, one of ours, or a very large one."""
    personas = poblacion(indice, lugar)
    if _es(indice, lugar, pais):
        return personas >= CIUDAD_COMO_PAIS or (propia and pais != "CO")
    return propia and personas >= (CIUDAD_COMO_PAIS if _es(indice, lugar, "CO") else CIUDAD_DE_OTRO_PAIS)


def _juntas(indice: Indice, capital: Iterable[int], mayores: Iterable[int], llamadas: set[int]) -> list[int]:
    homonimas = sorted((i for i in llamadas if indice.gente[i] >= GENTE_DE_HOMONIMA), key=lambda i: -indice.gente[i])
    return list(dict.fromkeys([*sorted(capital)[:1], *islice(mayores, MAYORES), *homonimas[:HOMONIMAS]]))


def _es(indice: Indice, lugar: int, pais: str) -> bool:
    return indice.lugares[lugar].pais == pais
