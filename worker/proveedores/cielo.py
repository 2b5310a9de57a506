"""What the sky does, in one vocabulary for all providers: WMO code table 4677, as Open-Meteo uses it.

CIELOS has the codes that Open-Meteo gives (open-meteo.com/en/docs, "WMO Weather interpretation codes") and, from the
same table (WMO-No. 306, volume I.1), those that it never gives and others do. The other tables say which of them each
provider's own code means; None: nothing that the table has a word for («possible rain» is a forecast). Of the cover, 1
is a few clouds, 2 from scattered to broken ones and 3 a closed sky (Open-Meteo's own bounds, WeatherCode.swift, are 20,
50 and 80 %). Where a code tells rain without saying how much, it is the middle one of three, and the lesser of two.

Sources of the codes: openweathermap.org/weather-conditions; docs.meteoblue.com/en/meteo/variables/pictograms;
github.com/Meteosource/pymeteosource types/icons.py. The Spanish texts are ours.
"""

from __future__ import annotations

from typing import Any

CIELOS = {
    0: "Cielo despejado",
    1: "Mayormente despejado",
    2: "Parcialmente nublado",
    3: "Cubierto",
    4: "Humo o ceniza",
    5: "Bruma",
    6: "Polvo en suspensión",
    7: "Polvo o arena levantados por el viento",
    8: "Remolinos de polvo",
    10: "Neblina",
    18: "Turbonada",
    19: "Tornado",
    45: "Niebla",
    48: "Niebla con escarcha",
    51: "Llovizna ligera",
    53: "Llovizna moderada",
    55: "Llovizna densa",
    56: "Llovizna helada ligera",
    57: "Llovizna helada densa",
    61: "Lluvia ligera",
    63: "Lluvia moderada",
    65: "Lluvia fuerte",
    66: "Lluvia helada ligera",
    67: "Lluvia helada fuerte",
    68: "Aguanieve ligera",
    69: "Aguanieve fuerte",
    71: "Nevada ligera",
    73: "Nevada moderada",
    75: "Nevada fuerte",
    77: "Granos de nieve",
    80: "Chubascos ligeros",
    81: "Chubascos moderados",
    82: "Chubascos violentos",
    83: "Chubascos de aguanieve ligeros",
    84: "Chubascos de aguanieve fuertes",
    85: "Chubascos de nieve ligeros",
    86: "Chubascos de nieve fuertes",
    89: "Chubascos de granizo",
    95: "Tormenta",
    96: "Tormenta con granizo ligero",
    99: "Tormenta con granizo fuerte",
}

OPENWEATHER: dict[int, int | None] = {
    **dict.fromkeys((200, 201, 202, 210, 211, 212, 221, 230, 231, 232), 95),
    300: 51, 301: 53, 302: 55, 310: 61, 311: 61, 312: 63, 313: 80, 314: 81, 321: 80,  # 31x: drizzle with rain
    500: 61, 501: 63, 502: 65, 503: 65, 504: 65, 511: 66, 520: 80, 521: 81, 522: 82, 531: 81,
    600: 71, 601: 73, 602: 75, 611: 68, 612: 83, 613: 83, 615: 68, 616: 68, 620: 85, 621: 85, 622: 86,
    701: 10, 711: 4, 721: 5, 731: 8, 741: 45, 751: 7, 761: 6, 762: 4, 771: 18, 781: 19,
    800: 0, 801: 1, 802: 2, 803: 2, 804: 3,  # 11-25, 25-50, 51-84 and 85-100 % of cover
}  # fmt: skip
METEOBLUE_DIARIO: dict[int, int | None] = {
    1: 0, 2: 1, 3: 2, 4: 3, 5: 45, 6: 63, 7: 81, 8: 95, 9: 73, 10: 85, 11: 68,
    12: 61, 13: 71, 14: 63, 15: 73, 16: 61, 17: 71,
}  # fmt: skip
METEOBLUE_HORARIO: dict[int, int | None] = {
    **dict.fromkeys((1, 2, 3), 0),
    **dict.fromkeys((4, 5, 6), 1),
    **dict.fromkeys((7, 8, 9), 2),
    **dict.fromkeys((10, 11, 12), None),  # thunderstorm clouds possible
    **dict.fromkeys((13, 14, 15), 5),
    **dict.fromkeys((16, 17, 18), 45),
    **dict.fromkeys((19, 20, 21), 2),
    22: 3, 23: 63, 24: 73, 25: 65, 26: 75, 27: 95, 28: 95, 29: 75, 30: 95,  # 29: a storm of wind and snow
    31: 81, 32: 85, 33: 61, 34: 71, 35: 68,
}  # fmt: skip
METEOSOURCE: dict[int, int | None] = {
    1: None, 2: 0, 3: 1, 4: 2, 5: 2, 6: 3, 7: 3, 8: 3, 9: 45, 10: 61, 11: 63, 12: None, 13: 81, 14: 95, 15: 95,
    16: 71, 17: 73, 18: None, 19: 85, 20: 68, 21: None, 22: 68, 23: 66, 24: None, 25: 89,
    26: 0, 27: 1, 28: 2, 29: 2, 30: 3, 31: 3, 32: 81, 33: 95, 34: 85, 35: 68, 36: None,  # at night
}  # fmt: skip


def cielo(codigo: int | None, tabla: dict[int, int | None]) -> str | None:
    """Our words for a provider's code. None: no code, one that is new to us, or one that the WMO has no word for."""
    wmo = None if codigo is None else tabla.get(codigo)
    return None if wmo is None else CIELOS[wmo]


def tope_de_modelo(visibilidad_m: float | None) -> bool:
    """NCEP's models end at 24.135 km, «to be consistent with visibility ceiling in obs» (UPP, CALVIS.f), which comes as
    24.14 km or 24 140 m from who passes them on: Meteosource and, where GFS is its best match, Open-Meteo."""
    return visibilidad_m is not None and 24_130 <= visibilidad_m <= 24_150


def propio(codigo: int | None, texto: str | None) -> dict[str, Any]:
    """The provider's own code and words, for extras: they say more, in as many ways as there are providers."""
    suyo = {"codigo": codigo, "texto": texto}
    return {"cielo_propio": {c: v for c, v in suyo.items() if v is not None}} if codigo is not None or texto else {}
