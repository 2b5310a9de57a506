"""What Meteoblue's bodies say, in our units: tables and pure functions. The calls are in meteoblue.py.

Sources: docs.meteoblue.com/en/meteo/variables/pictograms for the two sets of pictograms (a daily one of 17, an hourly
one of 35), recorded bodies for names and times, docs.meteoblue.com/en/weather-apis/forecast-api for the units that can
be asked for. The Spanish texts are ours; what they mean in the vocabulary of all providers: cielo.py.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

from shared.clima import Medicion, Resolucion
from shared.posible import fuera, posible
from worker.proveedores.cielo import METEOBLUE_DIARIO, METEOBLUE_HORARIO, cielo, propio
from worker.proveedores.cuerpos import bloque, entero, fecha, instante_iso, instante_unix, numero
from worker.proveedores.http import ErrorProveedor

Objeto = dict[str, Any]

# data_current.pictocode and data_day.pictocode
PICTOCODIGOS_DIARIOS = {
    1: "Despejado",
    2: "Algunas nubes",
    3: "Parcialmente nublado",
    4: "Cubierto",
    5: "Niebla",
    6: "Cubierto con lluvia",
    7: "Variable con chubascos",
    8: "Chubascos con posibilidad de tormenta",
    9: "Cubierto con nieve",
    10: "Variable con chubascos de nieve",
    11: "Mezcla de nieve y lluvia",
    12: "Cubierto con lluvia ocasional",
    13: "Cubierto con nieve ocasional",
    14: "Mayormente nublado con lluvia",
    15: "Mayormente nublado con nieve",
    16: "Mayormente nublado con lluvia ocasional",
    17: "Mayormente nublado con nieve ocasional",
}
_POR_TERCIOS = (
    "Despejado",
    "Despejado con pocas nubes bajas",
    "Parcialmente nublado",
    "Posibilidad de tormenta",
    "Despejado con bruma",
    "Niebla o estratos bajos",
    "Mayormente nublado",
)  # 1-21: each sky in three, by its cirrus
# data_current.pictocode_detailed and data_1h.pictocode
PICTOCODIGOS_HORARIOS = {n: _POR_TERCIOS[(n - 1) // 3] for n in range(1, 22)} | {
    22: "Cubierto",
    23: "Lluvia",
    24: "Nieve",
    25: "Lluvia fuerte",
    26: "Nieve fuerte",
    27: "Lluvia con tormenta probable",
    28: "Lluvia ligera con tormenta probable",
    29: "Tormenta de nieve",
    30: "Lluvia fuerte con tormenta",
    31: "Variable con chubascos",
    32: "Variable con chubascos de nieve",
    33: "Lluvia ligera",
    34: "Nieve ligera",
    35: "Nieve y lluvia",
}

Pictogramas = tuple[dict[int, str], dict[int, int | None]]  # their words, and what they mean
DE_DIA: Pictogramas = (PICTOCODIGOS_DIARIOS, METEOBLUE_DIARIO)
DE_HORA: Pictogramas = (PICTOCODIGOS_HORARIOS, METEOBLUE_HORARIO)

# ours → (theirs, its key in `units`)
HORARIO = {
    "temperatura": ("temperature", "temperature"),
    "humedad_relativa": ("relativehumidity", "relativehumidity"),
    "presion_atmosferica": ("sealevelpressure", "pressure"),
    "velocidad_viento": ("windspeed", "windspeed"),
    "direccion_viento": ("winddirection", "winddirection"),
    "precipitacion": ("precipitation", "precipitation"),
    "visibilidad": ("visibility", "visibility"),
    "indice_uv": ("uvindex", "uvindex"),
}
DIARIO = {
    "temperatura": ("temperature_mean", "temperature"),
    "temperatura_min": ("temperature_min", "temperature"),
    "temperatura_max": ("temperature_max", "temperature"),
    "humedad_relativa": ("relativehumidity_mean", "relativehumidity"),
    "presion_atmosferica": ("sealevelpressure_mean", "pressure"),
    "velocidad_viento": ("windspeed_mean", "windspeed"),
    "direccion_viento": ("winddirection", "winddirection"),
    "precipitacion": ("precipitation", "precipitation"),
    "visibilidad": ("visibility_mean", "visibility"),
    "indice_uv": ("uvindex", "uvindex"),
}

# magnitude → unit → factor to ours. The first unit of each is what the API gives when none is asked for.
FACTORES = {
    "windspeed": {"ms-1": 3.6, "m/s": 3.6, "kmh": 1.0, "km/h": 1.0, "kmh-1": 1.0, "mph": 1.609344, "kn": 1.852},
    "precipitation": {"mm": 1.0, "inch": 25.4, "in": 25.4},
    "pressure": {"hpa": 1.0, "mbar": 1.0, "pa": 0.01, "mmhg": 1.33322387415, "inhg": 33.8638866667},
    "visibility": {"m": 1.0, "km": 1000.0, "ft": 0.3048, "mi": 1609.344},
}
PUNTOS = ("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW")


def leer_actual(cuerpo: Objeto) -> Medicion:
    """`data_current` (temperature, a wind that can be null, pictocode), and from the row of `data_1h` of the same hour
    what it lacks: humidity, pressure, direction, rain, UV. The rain is that row's, mm in an hour: the clock hour that
    holds this moment."""
    if not isinstance(cuerpo.get("data_current"), dict):
        raise ErrorProveedor("respondió sin datos actuales")
    actual = _fila(cuerpo["data_current"], 0)
    instante = _instante(actual.get("time"), _desfase(cuerpo))
    hora = _fila_de(cuerpo, instante)
    valores, imposibles = _preferidos(_valores(actual, HORARIO, cuerpo), _valores(hora, HORARIO, cuerpo))
    visto = _cielo(
        (actual.get("pictocode"), DE_DIA), (actual.get("pictocode_detailed"), DE_HORA), (hora.get("pictocode"), DE_HORA)
    )
    return Medicion(**valores, **visto, observado_en=instante, imposibles=imposibles)


def _preferidos(actual: Objeto, hora: Objeto) -> tuple[Objeto, dict[str, str]]:
    """Each value of now, or that of its hour where now has none or one that cannot be: then also what is said of it."""
    malos = {c for c, v in actual.items() if v is not None and posible(c, v) is None and hora[c] is not None}
    dados = {c: v for c, v in actual.items() if v is not None and c not in malos}
    return {**hora, **dados}, {c: fuera(c, [actual[c]]) for c in malos}


def leer_serie(cuerpo: Objeto, resolucion: Resolucion) -> list[Medicion]:
    """`data_day` as one Medicion per local day (wind: the day's mean), or `data_1h` as one per hour."""
    diaria = resolucion == Resolucion.DIARIA
    serie = bloque(cuerpo, "data_day" if diaria else "data_1h")
    if not isinstance(serie.get("time"), list):
        raise ErrorProveedor("respondió sin la serie pedida")
    leer = _un_dia if diaria else _una_hora
    filas = (_fila(serie, n) for n in range(len(serie["time"])))
    return [m for fila in filas if (m := leer(fila, cuerpo)) is not None]


def _una_hora(fila: Objeto, cuerpo: Objeto) -> Medicion | None:
    desfase = _desfase(cuerpo)
    instante = _instante(fila.get("time"), desfase)
    if instante is None:
        return None
    local = _fecha_escrita(fila["time"]) or ((instante + desfase).date() if desfase is not None else None)
    visto = _cielo((fila.get("pictocode"), DE_HORA))
    return Medicion(**_valores(fila, HORARIO, cuerpo), **visto, observado_en=instante, fecha=local)


def _un_dia(fila: Objeto, cuerpo: Objeto) -> Medicion | None:
    desfase = _desfase(cuerpo)
    dia = _fecha_escrita(fila.get("time")) or _dia_de_marca(_instante(fila.get("time"), desfase), desfase)
    if dia is None:
        return None
    marca = fila["time"] if isinstance(fila["time"], str) else str(dia)
    visto = _cielo((fila.get("pictocode"), DE_DIA))
    return Medicion(**_valores(fila, DIARIO, cuerpo), **visto, observado_en=_instante(marca, desfase), fecha=dia)


def _dia_de_marca(instante: datetime | None, desfase: timedelta | None) -> date | None:
    """The local day that a timestamp of `data_day` means. It is not local midnight: a recorded body of Minsk (UTC+3)
    has 03:00Z, that is the date's midnight taken as UTC plus the offset. Local midnight and the date's midnight in UTC
    are understood too: whichever of the three falls on a midnight is taken."""
    if instante is None or desfase is None:
        return None
    candidatas = (instante - desfase, instante + desfase, instante)
    medio_dia = timedelta(hours=12)
    cercanas = [((c + medio_dia).replace(hour=0, minute=0, second=0, microsecond=0), c) for c in candidatas]
    return min(cercanas, key=lambda par: abs(par[0] - par[1]))[0].date()


def _fila_de(cuerpo: Objeto, instante: datetime | None) -> Objeto:
    """The row of data_1h whose hour holds this instant; empty where there is none."""
    serie = bloque(cuerpo, "data_1h")
    if instante is None or not isinstance(serie.get("time"), list):
        return {}
    desfase = _desfase(cuerpo)
    for n, marca in enumerate(serie["time"]):
        hora = _instante(marca, desfase)
        if hora is not None and hora <= instante < hora + timedelta(hours=1):
            return _fila(serie, n)
    return {}


def _fila(serie: Objeto, n: int) -> Objeto:
    """The n-th value of every column; a value that is not in a list is the first and only one."""
    columnas = {nombre: columna if isinstance(columna, list) else [columna] for nombre, columna in serie.items()}
    return {nombre: columna[n] for nombre, columna in columnas.items() if n < len(columna)}


def _valores(fila: Objeto, tabla: dict[str, tuple[str, str]], cuerpo: Objeto) -> Objeto:
    """In our units by those of `units`; where the body declares none, the API's own (°C, m/s, mm, hPa, m)."""
    unidades = bloque(cuerpo, "units")
    return {campo: _valor(fila.get(nombre), que, unidades.get(que)) for campo, (nombre, que) in tabla.items()}


def _valor(crudo: Any, magnitud: str, unidad: object) -> float | None:
    if magnitud == "winddirection" and isinstance(crudo, str):
        return rumbo(crudo)
    leido = numero(crudo)
    return None if leido is None else convertir(leido, magnitud, unidad)


def _cielo(*opciones: tuple[Any, Pictogramas]) -> Objeto:
    """The first pictocode given, by its own set, as fields of Medicion; without words when the code is new to us."""
    for crudo, (textos, tabla) in opciones:
        if (codigo := entero(crudo)) is not None:
            suyo = propio(codigo, textos.get(codigo))
            return {"codigo_clima": codigo, "descripcion_clima": cielo(codigo, tabla), "extras": suyo}
    return {}


def _instante(marca: Any, desfase: timedelta | None) -> datetime | None:
    """Local text minus the body's offset (None where it gives none), text with its own offset, or a UTC timestamp in
    seconds or milliseconds."""
    zona = None if desfase is None else timezone(desfase)
    return instante_iso(marca, zona) or instante_unix(marca)


def _fecha_escrita(marca: Any) -> date | None:
    """The date at the start of a text, which is local in every text format; None of a text in UTC."""
    return None if str(marca).endswith("Z") else fecha(marca)


def _desfase(cuerpo: Objeto) -> timedelta | None:
    """`utc_timeoffset` (their spelling), in hours, of the moment of the call."""
    horas = numero(bloque(cuerpo, "metadata").get("utc_timeoffset"))
    return None if horas is None or abs(horas) > 15 else timedelta(hours=horas)


def leer_altura(cuerpo: Objeto) -> float | None:
    """Metres above the sea that the values stand for."""
    return numero(bloque(cuerpo, "metadata").get("height"))


def convertir(valor: float, magnitud: str, unidad: object) -> float | None:
    """To our unit from the one the body declares; None from a unit that is not a scale we know (bft is a class)."""
    if magnitud == "temperature":
        return _celsius(valor, str(unidad or "C").strip("° ").upper())
    factores = FACTORES.get(magnitud)
    if factores is None:
        return valor
    factor = factores.get(str(unidad).strip().lower()) if unidad else next(iter(factores.values()))
    return None if factor is None else valor * factor


def rumbo(punto: str) -> float | None:
    """Degrees of a compass point, as winddirection=2char or 3char gives it; None for any other text."""
    punto = punto.strip().upper()
    return PUNTOS.index(punto) * 22.5 if punto in PUNTOS else None


def _celsius(valor: float, unidad: str) -> float | None:
    if unidad == "F":
        return (valor - 32) * 5 / 9
    if unidad == "K":
        return valor - 273.15
    return valor if unidad == "C" else None
