"""The gazetteer in memory: who is called how, and how much each place counts. One per process."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from threading import Lock
from typing import NamedTuple

from shared import geonames
from shared.clima import Lugar
from shared.lugares import colombia
from shared.lugares.escritura import clave, claves, esqueleto, sonido

# Among namesakes the one with most people wins, and every Colombian place counts as having at least these; abroad
# only a national capital counts whole: Sevilla is in Valle and San Francisco in Antioquia, but Madrid is in Spain.
PISO_COLOMBIA = 1_000_000
PARTE_SIN_CAPITALIDAD = 2
# While the name is still being typed, Colombia comes first by far.
VENTAJA_AL_ESCRIBIR = 20
# Places whose names may be recognised misspelt; abroad, these are the big ones.
POBLACION_RECORDADA = 500_000
# and by their Spanish names these; those in all languages are near to anything (London is Ranana in Maori).
EXONIMOS = frozenset({
    "londres", "nueva york", "pekin", "moscu", "tokio", "seul", "estambul", "el cairo", "ciudad de mexico",
    "filadelfia", "nueva delhi", "shanghai", "singapur", "bombay", "yakarta", "roma", "viena", "varsovia", "praga",
    "hamburgo", "munich", "estocolmo", "copenhague", "bruselas", "amberes", "atenas", "argel", "tunez", "teheran",
    "bagdad", "jerusalen", "damasco", "kiev", "san petersburgo", "turin", "napoles", "marsella", "colonia",
    "francfort", "ciudad de guatemala", "ciudad de panama", "ciudad del cabo", "sidney", "bucarest", "belgrado",
    "sofia", "lisboa", "la habana",
})  # fmt: skip


class Nombres:
    """Sorted names beside the places that bear them; a place is its position in Indice.lugares."""

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


class Recordados(NamedTuple):
    """Names that are recognised misspelt, side by side: as they sound, as they are folded, and whose they are."""

    sonidos: list[str]
    claves: list[str]
    lugares: array[int]


class Indice(NamedTuple):
    """lugares: the first to be suggested first. pesos: their people, as they count among namesakes; gente: as they
    count among names that are near. regiones: Colombia's, by folded name; estados: other ways to write any region.
    """

    lugares: list[Lugar]
    pesos: array[float]
    gente: array[float]
    propios: Nombres
    alternos: Nombres
    esqueletos: Nombres
    recordados: Recordados
    paises: dict[str, str]
    regiones: dict[str, str]
    estados: dict[str, str]


_cerrojo = Lock()


def indice() -> Indice:
    """Loaded by the first search of the process, while others wait."""
    with _cerrojo:
        return cargar()


def poblacion(indice: Indice, lugar: int) -> float:
    """Its people; 0 is not known."""
    return (indice.gente[lugar] - 1) / (VENTAJA_AL_ESCRIBIR if indice.lugares[lugar].pais == "CO" else 1)


@cache
def cargar() -> Indice:
    todas = chain(geonames.fichas(), colombia.localidades())
    fichas = sorted(todas, key=lambda f: (-_gente(f), -f.poblacion))
    lugares = [ficha.lugar for ficha in fichas]
    capitales = {(iso, clave(capital)) for iso, capital in geonames.capitales()}
    propios, alternos = Nombres(_propias(fichas)), Nombres(_alternas(fichas))
    capital_de = ((capital, region) for region, capital in sorted(colombia.CAPITALES.items(), reverse=True))
    abreviadas = chain(capital_de, colombia.DEPARTAMENTOS_ABREVIADOS.items(), geonames.regiones_abreviadas())
    return Indice(
        lugares=lugares,
        pesos=array("d", (_peso(f, capitales) for f in fichas)),
        gente=array("d", map(_gente, fichas)),
        propios=propios,
        alternos=alternos,
        esqueletos=Nombres(_esqueletos(lugares, propios, alternos)),
        recordados=_recordados(fichas, propios, alternos),
        paises={clave(nombre): iso for nombre, iso in geonames.paises()},
        regiones={clave(nombre): nombre for nombre in geonames.DEPARTAMENTOS.values()},
        estados={clave(abreviada): clave(region) for abreviada, region in abreviadas},
    )


def _gente(ficha: geonames.Ficha) -> float:
    return ficha.poblacion * (VENTAJA_AL_ESCRIBIR if ficha.lugar.pais == "CO" else 1) + 1


def _peso(ficha: geonames.Ficha, capitales: set[tuple[str, str]]) -> float:
    if ficha.lugar.pais == "CO":
        return max(ficha.poblacion, PISO_COLOMBIA)
    es_capital = (ficha.lugar.pais, clave(ficha.nombre)) in capitales
    return ficha.poblacion / (1 if es_capital else PARTE_SIN_CAPITALIDAD)


def _propias(fichas: list[geonames.Ficha]) -> Iterator[tuple[str, int]]:
    yield from ((suya, i) for i, suya in enumerate(claves([ficha.nombre for ficha in fichas])))
    yield from ((clave(otra), i) for i, ficha in enumerate(fichas) for otra in ficha.tambien)


def _alternas(fichas: list[geonames.Ficha]) -> Iterator[tuple[str, int]]:
    """A departamento is nobody's alternate name: «Antioquia» alone is not Antakya."""
    sobran = {"", *(clave(nombre) for nombre in geonames.DEPARTAMENTOS.values())}
    for i, ficha in enumerate(fichas):
        if ficha.otros_nombres:
            suyas = set(claves(ficha.otros_nombres)) - sobran - {clave(ficha.nombre)}
            yield from ((suya, i) for suya in suyas)


def _esqueletos(lugares: list[Lugar], *nombres: Nombres) -> Iterator[tuple[str, int]]:
    """Of Colombian places only."""
    pares = chain.from_iterable(zip(n.claves, n.lugares, strict=True) for n in nombres)
    yield from {(esqueleto(suya), i) for suya, i in pares if lugares[i].pais == "CO"}


def _recordados(fichas: list[geonames.Ficha], propios: Nombres, alternos: Nombres) -> Recordados:
    pares = [
        (suya, i)
        for nombres in (propios, alternos)
        for suya, i in zip(nombres.claves, nombres.lugares, strict=True)
        if fichas[i].lugar.pais == "CO"
        or (fichas[i].poblacion >= POBLACION_RECORDADA and (nombres is propios or suya in EXONIMOS))
    ]
    escritas = [suya for suya, _ in pares]
    return Recordados(list(map(sonido, escritas)), escritas, array("i", (i for _, i in pares)))
