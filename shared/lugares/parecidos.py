"""Names that are near to one that nobody bears, by sound or by letter: what was meant, or what may have been."""

from __future__ import annotations

from collections.abc import Iterator
from math import log

from shared.lugares.escritura import sonido
from shared.lugares.indice import Indice, poblacion
from shared.lugares.lectura import Lectura, dentro_de

LARGO_MINIMO = 4
LARGO_LEJOS = 6  # of a name abroad; and one typo at most: we know only few of the names there
MISMO_SONIDO = 0.5  # of a typo
# The people whom a Colombian place needs to be taken for what was written, by its typos.
GENTE_POR_ERRATAS = ((MISMO_SONIDO, 2_000), (1.0, 10_000), (3.5, 50_000))
UN_ERROR = 1000.0  # times the people make up for one typo
MARGEN = 0.4  # of a typo: what the taken one is ahead of the next, or sixteen times its people where both are as near
CIUDAD = 100_000
MUCHOS = 5
LECTURAS = 4  # of a text, the most literal; each costs a millisecond


def parecidos(indice: Indice, leidas: list[Lectura]) -> tuple[list[int], bool]:
    """The places with a near name, best first, and whether the first is meant beyond doubt."""
    cerca: dict[int, float] = {}
    for leida in leidas[:LECTURAS]:
        for lugar, erratas in _cerca_de(indice, leida).items():
            if _de_peso(indice, lugar, erratas) or (erratas <= 1 and _habitada(indice, lugar)):
                cerca[lugar] = min(erratas, cerca.get(lugar, erratas))
    if not cerca:
        return [], False
    orden = sorted(cerca, key=lambda i: (_puntos(indice, i, cerca[i]), i))
    primera = orden[0]
    rivales = (_puntos(indice, i, cerca[i]) for i in orden[1:] if not _misma(indice, i, primera))
    margen = min(rivales, default=float("inf")) - _puntos(indice, primera, cerca[primera])
    return orden[:MUCHOS], margen >= MARGEN and _de_peso(indice, primera, cerca[primera])


def mas_nuestra(indice: Indice, hallado: int, leida: Lectura) -> int | None:
    """A Colombian city whose name sounds the same as that of a small one abroad: Neiba may be Neiva."""
    lejos = indice.lugares[hallado].pais != "CO" and indice.gente[hallado] < CIUDAD
    if not lejos or leida.calificadores:
        return None
    suenan = (i for i, erratas in _cerca_de(indice, leida).items() if erratas <= MISMO_SONIDO)
    nuestras = (i for i in suenan if indice.lugares[i].pais == "CO" and poblacion(indice, i) >= CIUDAD)
    return next(nuestras, None)


def _cerca_de(indice: Indice, leida: Lectura) -> dict[int, float]:
    """Place → typos between its name and this one, of those near enough."""
    cerca: dict[int, float] = {}
    for lugar, erratas in _por_sonido(indice, leida.nombre):
        if indice.lugares[lugar].pais == "CO" or (erratas <= 1 and len(leida.nombre) >= LARGO_LEJOS):
            cerca[lugar] = min(erratas, cerca.get(lugar, erratas))
    dentro = dentro_de(indice, set(cerca), leida.calificadores)
    return {lugar: erratas for lugar, erratas in cerca.items() if lugar in dentro}


def _por_sonido(indice: Indice, nombre: str) -> Iterator[tuple[int, float]]:
    if len(nombre) < LARGO_MINIMO:
        return
    from rapidfuzz import process  # 4 MiB, which the worker does without
    from rapidfuzz.distance import OSA

    sonidos, claves, lugares = indice.recordados
    permitidas = _permitidas(len(nombre))
    oidas = process.extract(sonido(nombre), sonidos, scorer=OSA.distance, score_cutoff=permitidas, limit=None)
    for _, erratas, n in oidas:
        cuenta = min(float(OSA.distance(nombre, claves[n])), erratas + MISMO_SONIDO)
        if cuenta <= max(permitidas, MISMO_SONIDO):
            yield lugares[n], cuenta


def _permitidas(largo: int) -> int:
    return 0 if largo == LARGO_MINIMO else 1 if largo < 8 else 2 if largo < 14 else 3


def _de_peso(indice: Indice, lugar: int, erratas: float) -> bool:
    if indice.lugares[lugar].pais != "CO":
        return True  # those we remember are
    return poblacion(indice, lugar) >= next(gente for hasta, gente in GENTE_POR_ERRATAS if erratas <= hasta)


def _habitada(indice: Indice, lugar: int) -> bool:
    """More than a hamlet, as far as GeoNames knows."""
    return poblacion(indice, lugar) >= GENTE_POR_ERRATAS[0][1] or poblacion(indice, lugar) == 0


def _puntos(indice: Indice, lugar: int, erratas: float) -> float:
    """Less is better."""
    return erratas - log(indice.gente[lugar], UN_ERROR)


def _misma(indice: Indice, uno: int, otro: int) -> bool:
    """Whether they bear the same name in the same country: which of them is a question of namesakes."""
    a, b = indice.lugares[uno], indice.lugares[otro]
    return a.nombre == b.nombre and a.pais == b.pais
