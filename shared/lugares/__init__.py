"""The gazetteer: the name somebody typed becomes a Lugar, offline, and what it was taken for is said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from heapq import nsmallest
from itertools import chain, islice

from shared.clima import Lugar, Por, Ubicacion
from shared.geonames import nombre_de_pais
from shared.lugares.escritura import clave
from shared.lugares.indice import Indice, cargar, indice, poblacion
from shared.lugares.lectura import lecturas, llamados
from shared.lugares.parecidos import mas_nuestra, parecidos
from shared.lugares.territorios import territorio

ALTERNATIVAS = 3
GENTE_DE_ALTERNATIVA = 40_000.0  # as Indice.gente counts it: in Colombia, 2 000 people
RECORDADAS = 512  # names understood lately; a lote asks for the same ones again and again


class Dudosa(Exception):
    """A name that may be one of several places: texto says so, and each of quiso_decir is understood if it is sent."""

    def __init__(self, motivo: str, quiso_decir: list[str]) -> None:
        self.quiso_decir = quiso_decir
        self.texto = f"{motivo} ¿Quiso decir {_o(f'«{una}»' for una in quiso_decir)}?"
        super().__init__(self.texto)


@dataclass(frozen=True, slots=True)
class _Entendida:
    """lugares: those meant, best first. clara: the first is the one, and not one of several that are near."""

    lugares: tuple[Lugar, ...] = ()
    clara: bool = True
    corregida: bool = False
    motivo: str = ""


def ubicar(ciudad: str | None, latitud: float | None = None, longitud: float | None = None) -> Ubicacion | None:
    """The place that a name, coordinates or both mean: coordinates decide, and the name is their label.

    None: nothing in the gazetteer is called so, or nearly so. Raises Dudosa. ValueError off the globe.
    """
    if latitud is not None and longitud is not None:
        latitud, longitud = round(latitud, 8) + 0.0, round(longitud, 8) + 0.0  # -0.0 is 0.0
        return Ubicacion(Lugar(latitud, longitud, nombre=ciudad, zona_horaria=zona_horaria(latitud, longitud)))
    if not ciudad:
        return None
    entendida = _entender(ciudad)
    if not entendida.clara:
        quiso_decir = list(dict.fromkeys(map(etiqueta, entendida.lugares)))
        raise Dudosa(entendida.motivo, quiso_decir)
    if not entendida.lugares:
        return None
    lugar, *otros = entendida.lugares
    return Ubicacion(lugar, Por.NOMENCLATOR, ciudad if entendida.corregida else None, tuple(otros))


def resolver(ciudad: str) -> Lugar | None:
    """The place meant by «Medellin», «Rionegro, Antioquia», «Sta Marta» or «París, Francia»; None: none for sure."""
    entendida = _entender(ciudad)
    return entendida.lugares[0] if entendida.lugares and entendida.clara else None


def buscar(texto: str, limite: int = 10) -> list[Lugar]:
    """Suggestions for a name still being typed: first what ubicar takes it for, or proposes; then those whose own name
    begins so; then those of whom an alternate name does. Near names only where nothing begins so."""
    ind = indice()
    if not clave(texto):
        return []
    empiezan = [ind.lugares[i] for i in _empiezan(ind, texto, limite)]
    entendida = _entender(texto)
    if empiezan and entendida.corregida:
        return empiezan
    primeros = entendida.lugares[:1] if empiezan and entendida.clara else entendida.lugares
    return list(dict.fromkeys([*primeros, *empiezan]))[:limite]


def corregida(texto: str) -> bool:
    """Whether buscar has only near names."""
    return _entender(texto).corregida and not _empiezan(indice(), texto, 1)


def reconocer(ciudad: str, latitud: float, longitud: float) -> Ubicacion | None:
    """The place of the gazetteer called so that stands exactly there, if any: of rows older than `lugar`."""
    ind = indice()
    hallados, _ = llamados(ind, ciudad)
    for lugar in (ind.lugares[i] for i in hallados):
        if (round(lugar.latitud, 8), round(lugar.longitud, 8)) == (latitud, longitud):
            return Ubicacion(lugar, Por.NOMENCLATOR)
    return None


def olvidar() -> None:
    """Read it anew at the next search."""
    cargar.cache_clear()
    _entender.cache_clear()


def zona_horaria(latitud: float, longitud: float) -> str:
    """IANA name; at sea Etc/GMT±n. ValueError off the globe."""
    from tzfpy import get_tz  # 35 MiB, only where coordinates come without a city

    zona = get_tz(longitud, latitud)
    if not zona:
        raise ValueError(f"no time zone at {latitud}, {longitud}")
    return zona


def etiqueta(lugar: Lugar) -> str:
    """As a person would write it so that it is this one: «Montería, Córdoba», «Córdoba, España»."""
    en = lugar.region or nombre_de_pais().get(lugar.pais or "")
    if en == "Bogotá D.C." and lugar.nombre == "Bogotá":
        return en
    return ", ".join(filter(None, (lugar.nombre, en)))


@lru_cache(RECORDADAS)
def _entender(texto: str) -> _Entendida:
    ind = indice()
    leidas = lecturas(ind, texto)
    if hallado := territorio(ind, leidas):
        motivo = f"«{texto}» es {hallado.que}: indique una ciudad."
        return _Entendida(_lugares(ind, hallado.proponen), clara=False, motivo=motivo)
    hallados, leida = llamados(ind, texto)
    if hallados and (nuestra := mas_nuestra(ind, hallados[0], leida)) is not None:
        juntas = _lugares(ind, [nuestra, hallados[0]])
        return _Entendida(juntas, clara=False, motivo=f"«{texto}» puede ser más de un lugar.")
    if hallados:
        otros = _alternativas(ind, hallados, leida.nombre)
        return _Entendida(_lugares(ind, [hallados[0], *otros]))
    cercanos, claro = parecidos(ind, leidas)
    if not cercanos:
        return _Entendida()
    if claro:
        return _Entendida(_lugares(ind, cercanos[:1]), corregida=True)
    return _Entendida(_lugares(ind, cercanos), clara=False, corregida=True, motivo=f"No se conoce «{texto}».")


def _empiezan(ind: Indice, texto: str, limite: int) -> list[int]:
    nombre = clave(texto)
    hallados = chain(
        nsmallest(limite, ind.propios.iguales(nombre)),
        nsmallest(limite, ind.propios.con_prefijo(nombre)),
        llamados(ind, texto)[0],
        nsmallest(limite, ind.alternos.con_prefijo(nombre)),
    )
    return list(islice(dict.fromkeys(hallados), limite))


def _lugares(ind: Indice, cuales: Iterable[int]) -> tuple[Lugar, ...]:
    return tuple(ind.lugares[i] for i in cuales)


def _alternativas(ind: Indice, hallados: list[int], nombre: str) -> list[int]:
    """Namesakes of weight, those with most people first."""
    propios = ind.propios.iguales(nombre)
    otros = [i for i in hallados[1:] if i in propios and (ind.gente[i] >= GENTE_DE_ALTERNATIVA or _sin_contar(ind, i))]
    return sorted(otros, key=lambda i: -ind.gente[i])[:ALTERNATIVAS]


def _sin_contar(ind: Indice, lugar: int) -> bool:
    """A Colombian town of which GeoNames does not say how many live there."""
    return ind.lugares[lugar].pais == "CO" and not poblacion(ind, lugar)


def _o(partes: Iterable[str]) -> str:
    *primeras, ultima = partes
    return f"{', '.join(primeras)} o {ultima}" if primeras else ultima
