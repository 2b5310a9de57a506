"""Meteoblue packages: current, basic, airquality and clouds, hourly or daily, joined with `_`.

Units by default: °C, m/s, mm, degrees. `data_current` has little: no humidity, pressure or rain, and a
windspeed that can be null. With timestamp_ms_utc the daily marks are not local midnight, as in the original.
The text of its errors is not published.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import compare_digest, new
from math import acos, degrees
from typing import Any
from urllib.parse import unquote

from flask import Blueprint, Response, current_app, request

from deploy.laboratorio import lugares
from deploy.laboratorio.clima import Serie
from deploy.laboratorio.errores import como_json, error
from deploy.laboratorio.meteoblue_paquetes import COLUMNAS, actual, diario, horario, unidades
from deploy.laboratorio.pedido import ahora, numero, parametro

rutas = Blueprint("meteoblue", __name__)

CLAVE_MALA = "invalida"
PAQUETES = frozenset({"current"} | {f"{base}-{paso}" for base in COLUMNAS for paso in ("1h", "day")})
DIAS_POR_DEFECTO = 7
DIAS_ADELANTE = 14
DIAS_ATRAS = 366
FORMATOS = ("Y-M-D", "iso8601", "timestamp_utc", "timestamp_ms_utc")


@dataclass(frozen=True, slots=True)
class Lugar:
    latitud: float
    longitud: float
    altitud_m: float
    zona: str
    desfase_s: int


@rutas.get("/packages/<nombres>")
def packages(nombres: str) -> Response:
    paquetes = nombres.split("_")
    if rechazo := _rechazo(paquetes):
        return rechazo
    lugar, adelante, atras = (
        _lugar(),
        _dias("forecast_days", DIAS_POR_DEFECTO, DIAS_ADELANTE),
        _dias("history_days", 0, DIAS_ATRAS),
    )
    if lugar is None or adelante is None or atras is None or _formato() not in FORMATOS:
        return error(
            "meteoblue",
            400,
            "Invalid parameters: check lat, lon, tz, timeformat, forecast_days, history_days",
        )
    cuerpo: dict[str, Any] = {
        "metadata": _metadatos(lugar),
        "units": unidades(paquetes, *_unidades(), _tiempo_texto()),
    }
    if "current" in paquetes:
        cuerpo["data_current"] = _actual(lugar)
    instantes = _instantes(lugar, adelante, atras)
    serie = Serie(lugar.latitud, lugar.longitud, [i.timestamp() / 3600 for i in instantes], "meteoblue")
    for paso, sumar in (("1h", horario), ("day", diario)):
        bases = [paquete.removesuffix(f"-{paso}") for paquete in paquetes if paquete.endswith(f"-{paso}")]
        if bases:
            marcas = instantes if paso == "1h" else instantes[::24]
            cuerpo[f"data_{paso}"] = {"time": [_marca(m, lugar, paso == "day") for m in marcas]}
            cuerpo[f"data_{paso}"] |= sumar(serie, bases, *_unidades())
    return como_json(cuerpo)


def _rechazo(paquetes: list[str]) -> Response | None:
    if parametro("apikey") in ("", CLAVE_MALA) or not _firma_buena():
        return error("meteoblue", 403)
    if malos := [paquete for paquete in paquetes if paquete not in PAQUETES]:
        return error("meteoblue", 404, f"Package {malos[0]} not found")
    return error("meteoblue", 400, "Only format=json is supported") if parametro("format", "json") != "json" else None


def _firma_buena() -> bool:
    """sig = hex(HMAC-SHA256(secret, path?query&expire=…)), checked only when a secret was configured.

    The signed path is the one the client believes in: with or without the prefix /meteoblue, encoded or not.
    """
    secreto = current_app.config["SECRETOS"].get("meteoblue")
    if not secreto:
        return True
    crudo = request.environ.get("RAW_URI") or request.full_path
    firmado, hay, sig = crudo.rpartition("&sig=")
    caduca = numero(parametro("expire"))
    if not hay or caduca is None or caduca < ahora().timestamp():
        return False
    textos = (firmado, unquote(firmado))
    candidatas = [*textos, *(texto.partition("/meteoblue")[2] for texto in textos)]
    return any(
        compare_digest(new(secreto.encode(), texto.encode(), sha256).hexdigest(), sig.lower()) for texto in candidatas
    )


def _lugar() -> Lugar | None:
    latitud, longitud = numero(parametro("lat")), numero(parametro("lon"))
    if latitud is None or longitud is None or abs(latitud) > 90 or abs(longitud) > 180:
        return None
    zona = parametro("tz") or lugares.zona_de(latitud, longitud)
    if not lugares.zona_valida(zona):
        return None
    altitud = numero(parametro("asl"))
    altitud = lugares.altitud_m(latitud, longitud) if altitud is None else altitud
    return Lugar(latitud, longitud, altitud, zona, lugares.desfase_s(zona, ahora()))


def _dias(nombre: str, por_defecto: int, maximo: int) -> int | None:
    valor = numero(parametro(nombre, str(por_defecto)))
    return int(valor) if valor is not None and 0 <= valor <= maximo else None


def _instantes(lugar: Lugar, adelante: int, atras: int) -> list[datetime]:
    desfase = timedelta(seconds=lugar.desfase_s)
    hoy = (ahora() + desfase).replace(hour=0, minute=0, second=0, microsecond=0) - desfase
    return [hoy + timedelta(hours=i) for i in range(-24 * atras, 24 * adelante)]


def _actual(lugar: Lugar) -> dict[str, Any]:
    """Of the last whole ten minutes."""
    momento = ahora()
    momento = momento.replace(minute=momento.minute // 10 * 10, second=0, microsecond=0)
    serie = Serie(lugar.latitud, lugar.longitud, [momento.timestamp() / 3600], "meteoblue")
    cenit = degrees(acos(max(-1.0, min(1.0, serie.coseno_cenital[0]))))
    return {"time": _marca(momento, lugar), **actual(serie, *_unidades()), "zenithangle": round(cenit, 6)}


def _metadatos(lugar: Lugar) -> dict[str, Any]:
    corrida = ahora().replace(minute=0, second=0, microsecond=0)
    marca = f"{corrida:%Y-%m-%d %H:%M}" if _formato() in ("Y-M-D", "iso8601") else _marca(corrida, lugar)
    return {
        "modelrun_updatetime_utc": marca,
        "name": "",
        "height": round(lugar.altitud_m),
        "timezone_abbrevation": f"GMT{lugar.desfase_s // 3600:+03}" if lugar.desfase_s else "GMT",
        "latitude": lugar.latitud,
        "modelrun_utc": marca,
        "longitude": lugar.longitud,
        "utc_timeoffset": lugar.desfase_s / 3600,
        "generation_time_ms": 5.0,
    }


def _marca(instante: datetime, lugar: Lugar, de_dia: bool = False) -> str | int:
    """de_dia: the mark of a whole day; as a UTC timestamp it is off by twice the offset."""
    local = instante.astimezone(UTC) + timedelta(seconds=lugar.desfase_s)
    match _formato():
        case "timestamp_ms_utc" | "timestamp_utc":
            segundos = int(instante.timestamp()) + (lugar.desfase_s * 2 if de_dia else 0)
            return segundos * (1000 if _formato() == "timestamp_ms_utc" else 1)
        case "iso8601" if not de_dia:
            signo = "-" if lugar.desfase_s < 0 else "+"
            minutos = abs(lugar.desfase_s) // 60
            return f"{local:%Y-%m-%dT%H:%M}{signo}{minutos // 60:02}:{minutos % 60:02}"
    return f"{local:%Y-%m-%d}" if de_dia else f"{local:%Y-%m-%d %H:%M}"


def _formato() -> str:
    return parametro("timeformat", "Y-M-D")


def _tiempo_texto() -> str:
    return {
        "iso8601": "YYYY-MM-DDThh:mm+hh:mm",
        "timestamp_utc": "seconds since 1 January 1970 00:00 UTC",
        "timestamp_ms_utc": "milliseconds since 1 January 1970 00:00 UTC",
    }.get(_formato(), "YYYY-MM-DD hh:mm")


def _unidades() -> tuple[str, str]:
    """Of temperature and wind."""
    return parametro("temperature", "C"), parametro("windspeed", "ms-1")
