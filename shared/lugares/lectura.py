"""Reading what was written: which part is the name, which the department or the country, and who is called so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shared.lugares.escritura import clave, esqueleto, variantes
from shared.lugares.indice import Indice

# GeoNames mixes alternate names of all languages and times, so one only counts for a place this much bigger
# than those whose own name it is: Roma and Pekín are found, and Puno (Peru) does not become Pune (India).
DESVENTAJA_ALTERNO = 30
LARGO_MAXIMO = 120
PALABRAS_MAXIMAS = 12
ERRATAS_DE_REGION = {range(5, 9): 1, range(9, 40): 2}


class Lectura(NamedTuple):
    """One way to read it: the folded name, and after it the folded region and country, if any."""

    nombre: str
    calificadores: tuple[str, ...] = ()


def llamados(indice: Indice, texto: str) -> tuple[list[int], Lectura]:
    """The places called so, best first, and how it was read; without links and articles where there is none."""
    leidas = lecturas(indice, texto)
    for buscar in (_iguales, _por_esqueleto):
        for leida in leidas:
            hallados = dentro_de(indice, buscar(indice, leida.nombre), leida.calificadores)
            if hallados:
                return sorted(hallados, key=lambda i: (-_peso(indice, i, leida.nombre), i)), leida
    return [], Lectura("")


def lecturas(indice: Indice, texto: str) -> list[Lectura]:
    """The ways to read a text, the most literal first."""
    if len(texto) > LARGO_MAXIMO:
        return []
    todas: dict[Lectura, None] = {}
    for como in (_con_comas, _con_espacios):
        for variante in variantes(texto):
            todas |= dict.fromkeys(como(indice, variante))
    return list(todas)


def dentro_de(indice: Indice, hallados: set[int], calificadores: tuple[str, ...]) -> set[int]:
    for calificador in calificadores:
        hallados = _dentro_de(indice, hallados, calificador)
    return hallados


def _con_comas(indice: Indice, texto: str) -> Iterator[Lectura]:
    """After a comma comes a region or a country, unless the whole is a name: «Bogotá, D.C.»."""
    partes = [clave(parte) for parte in texto.replace(" - ", ",").replace("(", ",").split(",")]
    if partes[0]:
        partes = [parte for parte in partes if parte]
        for corte in range(len(partes), 0, -1):
            yield Lectura(" ".join(partes[:corte]), tuple(_corregida(indice, parte) for parte in partes[corte:]))


def _con_espacios(indice: Indice, texto: str) -> Iterator[Lectura]:
    """«medellin colombia», «Yumbo Valle»: what ends it is a region or a country, or both."""
    primera, *resto = [clave(parte) for parte in texto.replace("(", ",").split(",")]
    palabras = primera.split()[:PALABRAS_MAXIMAS]
    if len(palabras) > 1 and (region := _corregida(indice, palabras[-1])) != palabras[-1]:
        yield Lectura(" ".join(palabras[:-1]), (region,))
    for corte in range(len(palabras) - 1, 0, -1):
        for cola in _calificadores(indice, palabras[corte:]):
            yield Lectura(" ".join(palabras[:corte]), (*cola, *(parte for parte in resto if parte)))


def _calificadores(indice: Indice, palabras: list[str]) -> Iterator[tuple[str, ...]]:
    for medio in range(len(palabras), 0, -1):
        partes = [" ".join(palabras[:medio]), " ".join(palabras[medio:])]
        conocidas = tuple(parte for parte in partes if parte)
        if all(_es_calificador(indice, parte) for parte in conocidas):
            yield conocidas


def _es_calificador(indice: Indice, nombre: str) -> bool:
    return nombre in indice.paises or nombre in indice.regiones or nombre in indice.estados


def _corregida(indice: Indice, calificador: str) -> str:
    """A department misspelt is that department: «Antoquia»."""
    if _es_calificador(indice, calificador):
        return calificador
    from rapidfuzz import process  # 4 MiB, which the worker does without
    from rapidfuzz.distance import OSA

    erratas = next((n for largos, n in ERRATAS_DE_REGION.items() if len(calificador) in largos), 0)
    cerca = process.extractOne(calificador, list(indice.regiones), scorer=OSA.distance, score_cutoff=erratas)
    return cerca[0] if cerca and erratas else calificador


def _iguales(indice: Indice, nombre: str) -> set[int]:
    return indice.propios.iguales(nombre) | indice.alternos.iguales(nombre)


def _por_esqueleto(indice: Indice, nombre: str) -> set[int]:
    huesos = esqueleto(nombre)
    return indice.esqueletos.iguales(huesos) if huesos else set()


def _dentro_de(indice: Indice, hallados: set[int], calificador: str) -> set[int]:
    """Those in the country called calificador or, if there are none, in that region: CO is Colombia before
    Colorado, and «Valle» is enough for Valle del Cauca."""
    pais = indice.paises.get(calificador)
    region = indice.estados.get(calificador, calificador)
    en_pais = {i for i in hallados if indice.lugares[i].pais == pais}
    return en_pais or {i for i in hallados if _empieza(indice.lugares[i].region or "", region)}


def _peso(indice: Indice, lugar: int, nombre: str) -> float:
    """«León» counts as the own name of León de los Aldama."""
    propio = _empieza(indice.lugares[lugar].nombre or "", nombre) or lugar in indice.propios.iguales(nombre)
    return indice.pesos[lugar] if propio else indice.pesos[lugar] / DESVENTAJA_ALTERNO


def _empieza(texto: str, palabras: str) -> bool:
    return f"{clave(texto)} ".startswith(f"{palabras} ")
