"""The gazetteer: the name somebody typed becomes a Lugar, offline and never by guessing."""

from __future__ import annotations

import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cache
from heapq import nsmallest
from itertools import chain, islice
from threading import Lock
from typing import NamedTuple

from shared import geonames
from shared.clima import Lugar

# Among namesakes the one with most people wins, and every Colombian place counts as having at least these:
# Candelaria is in Valle, not in the Philippines, but Madrid is in Spain.
PISO_COLOMBIA = 200_000
# While the name is still being typed, Colombia comes first by far.
VENTAJA_AL_ESCRIBIR = 20
# GeoNames mixes alternate names of all languages and times, so one only counts for a place this much bigger
# than those whose own name it is: Roma and Pekín are found, and Puno (Peru) does not become Pune (India).
DESVENTAJA_ALTERNO = 30
LARGO_MAXIMO = 120

_SIN_MARCAS = dict.fromkeys(range(0x300, 0x370)) | str.maketrans('-‐–—/_,;:()"', " " * 12, "'’‘ʼ`´.")


class _Nombres:
    """Sorted names beside the places that bear them; a place is its position in _Indice.lugares."""

    def __init__(self, pares: Iterable[tuple[str, int]]) -> None:
        ordenados = sorted(pares)
        self.claves = [clave for clave, _ in ordenados]
        self.lugares = array("i", (lugar for _, lugar in ordenados))

    def iguales(self, clave: str) -> set[int]:
        return self._entre(clave, clave + "\0")

    def con_prefijo(self, clave: str) -> set[int]:
        return self._entre(clave, clave + "\U0010ffff")

    def _entre(self, desde: str, hasta: str) -> set[int]:
        return set(self.lugares[bisect_left(self.claves, desde) : bisect_left(self.claves, hasta)])


class _Indice(NamedTuple):
    """lugares: the first to be suggested first. pesos: their people, as _gente counts them."""

    lugares: list[Lugar]
    pesos: array[float]
    propios: _Nombres
    alternos: _Nombres
    paises: dict[str, str]
    estados: dict[str, str]


def buscar(texto: str, limite: int = 10) -> list[Lugar]:
    """Suggestions for a name still being typed: first the place resolver answers, if any, and its namesakes;
    then those whose own name begins so; then those of whom an alternate name does."""
    indice = _indice()
    clave = _clave(texto)
    if not clave:
        return []
    llamados = _llamados(indice, texto)
    candidatos = chain(
        llamados[:1],
        nsmallest(limite, indice.propios.iguales(clave)),
        nsmallest(limite, indice.propios.con_prefijo(clave)),
        llamados,
        nsmallest(limite, indice.alternos.con_prefijo(clave)),
    )
    return [indice.lugares[i] for i in islice(dict.fromkeys(candidatos), limite)]


def resolver(ciudad: str) -> Lugar | None:
    """The place meant by «Medellin», «Rionegro, Antioquia», «Bogotá, CO» or «París, Francia».

    None if nothing is called exactly so: a city nobody meant would be an invented number. The constants above
    say who wins among namesakes.
    """
    indice = _indice()
    llamados = _llamados(indice, ciudad)
    return indice.lugares[llamados[0]] if llamados else None


def ubicar(ciudad: str | None, latitud: float | None = None, longitud: float | None = None) -> Lugar | None:
    """The place that a name, coordinates or both mean: coordinates decide, and the name is their label.

    None: the name is not in the gazetteer. ValueError off the globe.
    """
    if latitud is not None and longitud is not None:
        latitud, longitud = round(latitud, 8) + 0.0, round(longitud, 8) + 0.0  # -0.0 is 0.0
        return Lugar(latitud, longitud, nombre=ciudad, zona_horaria=zona_horaria(latitud, longitud))
    return resolver(ciudad) if ciudad else None


def zona_horaria(latitud: float, longitud: float) -> str:
    """IANA name; at sea Etc/GMT±n. ValueError off the globe."""
    from tzfpy import get_tz  # 35 MiB, only where coordinates come without a city

    zona = get_tz(longitud, latitud)
    if not zona:
        raise ValueError(f"no time zone at {latitud}, {longitud}")
    return zona


def _llamados(indice: _Indice, texto: str) -> list[int]:
    """The places called texto, best first. After a comma comes a country or a region, unless the whole is a
    name: «Bogotá, D.C.»."""
    if len(texto) > LARGO_MAXIMO:
        return []
    partes = [_clave(parte) for parte in texto.replace(" - ", ",").replace("(", ",").split(",")]
    if not partes[0]:
        return []
    partes = [parte for parte in partes if parte]
    for corte in range(len(partes), 0, -1):
        nombre = " ".join(partes[:corte])
        hallados = indice.propios.iguales(nombre) | indice.alternos.iguales(nombre)
        for calificador in partes[corte:]:
            hallados = _dentro_de(indice, hallados, calificador)
        if hallados:
            return sorted(hallados, key=lambda i: (-_peso(indice, i, nombre), i))
    return []


def _dentro_de(indice: _Indice, hallados: set[int], calificador: str) -> set[int]:
    """Those in the country called calificador or, if there are none, in that region: CO is Colombia before
    Colorado, and «Valle» is enough for Valle del Cauca."""
    pais = indice.paises.get(calificador)
    en_pais = {i for i in hallados if indice.lugares[i].pais == pais}
    region = indice.estados.get(calificador, calificador)
    return en_pais or {i for i in hallados if _empieza(indice.lugares[i].region or "", region)}


def _peso(indice: _Indice, lugar: int, nombre: str) -> float:
    """«León» counts as the own name of León de los Aldama."""
    propio = _empieza(indice.lugares[lugar].nombre or "", nombre)
    return indice.pesos[lugar] if propio else indice.pesos[lugar] / DESVENTAJA_ALTERNO


def _empieza(texto: str, palabras: str) -> bool:
    return f"{_clave(texto)} ".startswith(f"{palabras} ")


def _clave(texto: str) -> str:
    """A name without what does not matter: accents, case, spacing, punctuation. ñ is n, and «D.C.» is dc."""
    return " ".join(_sin_marcas(texto).split())


def _claves(nombres: list[str]) -> list[str]:
    """_clave of each, three times as fast."""
    return [" ".join(clave.split()) for clave in _sin_marcas("\n".join(nombres)).split("\n")]


def _sin_marcas(texto: str) -> str:
    return unicodedata.normalize("NFKD", texto).casefold().translate(_SIN_MARCAS)


_cerrojo = Lock()


def _indice() -> _Indice:
    """Loaded by the first search of the process, while others wait."""
    with _cerrojo:
        return _cargar()


@cache
def _cargar() -> _Indice:
    fichas = sorted(geonames.fichas(), key=lambda f: (-_gente(f, VENTAJA_AL_ESCRIBIR), -f.poblacion))
    propias = _claves([ficha.nombre for ficha in fichas])
    return _Indice(
        [ficha.lugar for ficha in fichas],
        array("d", map(_gente, fichas)),
        _Nombres((clave, i) for i, clave in enumerate(propias)),
        _Nombres(_alternas(fichas, propias)),
        {_clave(nombre): iso for nombre, iso in geonames.paises()},
        {_clave(abreviada): _clave(region) for abreviada, region in geonames.regiones_abreviadas()},
    )


def _gente(ficha: geonames.Ficha, ventaja: int = 1) -> int:
    """Its people, as they count when names are compared."""
    if ficha.lugar.pais != "CO":
        return ficha.poblacion
    return max(ventaja * ficha.poblacion, PISO_COLOMBIA)


def _alternas(fichas: list[geonames.Ficha], propias: list[str]) -> Iterator[tuple[str, int]]:
    """A departamento is nobody's alternate name: «Antioquia» alone is not Antakya."""
    sobran = {"", *(_clave(nombre) for nombre in geonames.DEPARTAMENTOS.values())} - {"bogota dc"}
    for i, ficha in enumerate(fichas):
        if ficha.otros_nombres:
            claves = set(_claves(ficha.otros_nombres)) - sobran
            yield from ((clave, i) for clave in claves if clave != propias[i])
