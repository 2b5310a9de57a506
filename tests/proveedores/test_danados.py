"""Bodies of all six providers and of the geocoder, damaged at random, through real HTTP: the clients raise nothing but
their typed errors, and what they say is within the limits and can be kept.

CLIMAGURU_SEMILLA repeats a run, CLIMAGURU_CASOS makes it longer.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from math import inf, nan
from random import SystemRandom
from typing import Any

import orjson
import pytest
import requests
from hypothesis import HealthCheck, given, seed
from hypothesis import settings as ajustes_de_hypothesis
from hypothesis import strategies as st
from structlog.testing import capture_logs

from shared.clima import CAMPOS_MEDIDOS, CAMPOS_NUMERICOS, LIMITES, EstadoFuente, Fuente, Lugar, Resolucion
from shared.filas import datos_de_clima
from shared.series import desempacar, empacar
from tests.proveedores.hechos import CASOS, Caso, ajustes, geocodificador, http
from tests.proveedores.servidor import Pedida, Respuestas, servir
from worker.cuentas import fila_de
from worker.preguntar import Contestacion, depurada
from worker.proceso import ahora_mismo
from worker.proveedores import http as modulo_http
from worker.proveedores.cliente import Lectura
from worker.proveedores.http import ErrorProveedor, Omitida, crear_sesion
from worker.proveedores.openmeteo import OpenMeteo

SEMILLA = int(os.environ.get("CLIMAGURU_SEMILLA", SystemRandom().randrange(2**32)))
CUANTOS = int(os.environ.get("CLIMAGURU_CASOS", "2000"))
# Of those that call once for each field or hour only some: the rest would be the same reader again, many times.
DE_IDEAM = ("temperatura", "presion_atmosferica")
DANABLES = tuple(
    replace(caso, campos=DE_IDEAM) if caso.proveedor == "ideam" and caso.periodo else caso
    for caso in CASOS
    if caso.id != "openweather-horaria-2024"
)

RAROS: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 720, 361, -999, -9999, -99, 9999, 995, 1e6, 1e11, -1e11, 1e15, 1e308, -1e308),
    *(10**17, 10**400, -(10**400), 253402300799, 253402300800000, nan, inf, -inf),
    *("", " ", "x", "0", "-999", " 995.0 ", "NaN", "nan", "Infinity", "-inf", "1e400", "²", "٣", "1_0", "0x10"),
    *("9999-12-31", "0001-01-01", "9999-12-31T23:59:59-05:00", "0001-01-01T00:00+14:00", "2024-02-30", "2024-W01"),
    *("24:00", "12/31/9999 11:59:59 PM", "UTC", "America", "../../etc/passwd", "Foo/Bar", "Z", "+05:00"),
    *("\ud800", "\0", "ñ" * 5000, "<b>", "'; --", "\u202e"),
    *([], {}, [[]], [1], [None], ["x"], [[1], [2]], {"a": 1}, {"time": None}, {"data": []}, [{}], [{"time": []}]),
)
CABECERAS: tuple[dict[str, str], ...] = (
    {"Location": "http://["},
    {"Location": ""},
    {"Retry-After": "²".encode().decode("latin-1")},
    {"Retry-After": "\xb2"},
    {"Retry-After": "9" * 400},
    {"Retry-After": "Fri, 31 Dec 99999 23:59:59 GMT"},
    {"Retry-After": "Mon, 01 Jan 0001 00:00:00 +2359"},
    {"Content-Type": "text/html; charset=klingon"},
    {"Content-Encoding": "br, x"},
)


@dataclass(frozen=True)
class Golpe:
    """One change of a body's tree. donde: which of its names, as a share of them; cual: which of the nodes of that
    name, so that a series does not take all the blows."""

    que: str
    donde: float
    cual: float
    raro: Any
    n: int


@dataclass(frozen=True)
class Dano:
    """What goes wrong with the answers numbered in `cuales` (a mask). corte: how much of a truncated body comes."""

    caso: int
    golpes: tuple[Golpe, ...]
    cuales: int
    viaje: str
    corte: float
    estado: int
    cabeceras: dict[str, str]


GOLPES = st.builds(
    Golpe,
    st.sampled_from(("poner", "poner", "poner", "quitar", "repetir", "acortar", "poner_en_columna")),
    st.floats(0, 0.999),
    st.floats(0, 0.999),
    st.sampled_from(RAROS),
    st.integers(0, 3),
)
VIAJES = ("bien",) * 12 + (
    "cortado",
    "cortado_en_seco",
    "html",
    "vacio",
    "gzip",
    "gzip_mentido",
    "gzip_callado",
    "latin1",
)
DANOS = st.builds(
    Dano,
    st.integers(0, len(DANABLES)),
    st.lists(GOLPES, min_size=1, max_size=4).map(tuple),
    st.sampled_from((0xFFFF, 0xFFFF, 1, 2, 4, 0b101010, 0b110)),
    st.sampled_from(VIAJES),
    st.floats(0, 0.999),
    st.sampled_from((200,) * 12 + (204, 301, 400, 401, 404, 429, 500, 599)),
    st.sampled_from(({},) * 6 + CABECERAS),
)


@pytest.fixture(scope="module")
def red() -> Iterator[Respuestas]:
    with servir() as respuestas:
        yield respuestas


@pytest.fixture(scope="module")
def sesion() -> Iterator[requests.Session]:
    with crear_sesion(4) as abierta:
        yield abierta


@pytest.fixture(autouse=True)
def sin_esperas(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may pass is asked again at once, and only once: that is another test's matter."""
    monkeypatch.setattr(modulo_http, "ESPERA_BASE_S", 0.0)
    monkeypatch.setattr(modulo_http, "INTENTOS", 2)


def test_de_un_cuerpo_danado_no_sale_mas_que_un_error_con_nombre_o_valores_posibles(
    red: Respuestas, sesion: requests.Session
) -> None:
    print(f"CLIMAGURU_SEMILLA={SEMILLA} CLIMAGURU_CASOS={CUANTOS}")  # noqa: T201  (shown when it fails)
    fines = {"lectura": 0, "error": 0}

    def probar(dano: Dano) -> None:
        with capture_logs() as lineas:
            fines["lectura" if intentar(red, sesion, dano) else "error"] += 1
        assert "cuerpo_incomprensible" not in [li["event"] for li in lineas]

    seguro = (HealthCheck.too_slow, HealthCheck.data_too_large)
    con = ajustes_de_hypothesis(max_examples=CUANTOS, deadline=None, database=None, suppress_health_check=seguro)
    seed(SEMILLA)(con(given(DANOS)(probar)))()
    assert min(fines.values()) > CUANTOS // 10, fines


def intentar(red: Respuestas, sesion: requests.Session, dano: Dano) -> bool:
    """True: it said something, and that was judged."""
    servidas = iter(range(10_000))
    caso = DANABLES[dano.caso] if dano.caso < len(DANABLES) else None
    cuerpo: Callable[[Pedida], Any] = (lambda p: caso.cuerpo(p, caso.bueno)) if caso else geocodificador
    red.pedidas.clear()

    def responder(p: Pedida) -> tuple[int, bytes, dict[str, str]]:
        bueno = cuerpo(p)
        if not dano.cuales >> min(next(servidas), 15) & 1:
            return 200, json.dumps(bueno).encode(), {}
        return enviado(golpeado(bueno, dano.golpes), dano)

    red.responder = responder
    try:
        if caso:
            juzgar(depurada(caso.preguntar(red.base, sesion), caso.periodo), caso)
        else:
            juzgar_lugar(OpenMeteo(ajustes(red.base)).resolver(http(sesion), "Xania"))
    except (ErrorProveedor, Omitida) as e:
        error = e
    else:
        return True
    orjson.dumps([error.motivo, getattr(error, "estado", None)])  # as whoever waits for the same is told
    assert len(error.motivo) < 300
    return False


def juzgar(lectura: Lectura, caso: Caso) -> None:
    """Within the limits, and kept without loss by all that keeps it: Redis, the rows of a historico, the database."""
    diaria = caso.periodo is not None and caso.periodo.resolucion == Resolucion.DIARIA
    for m in lectura.mediciones:
        for campo in CAMPOS_NUMERICOS:
            minimo, maximo = LIMITES["precipitacion_dia" if diaria and campo == "precipitacion" else campo]
            valor = getattr(m, campo)
            assert valor is None or (type(valor) is float and minimo <= valor <= maximo), (campo, valor)
        assert m.observado_en is None or m.observado_en.utcoffset() is not None
        assert None in (m.temperatura_min, m.temperatura_max) or m.temperatura_min <= m.temperatura_max  # type: ignore[operator]
    orjson.dumps(asdict(lectura))
    assert desempacar(empacar([fila_de(m) for m in lectura.mediciones])) == [fila_de(m) for m in lectura.mediciones]
    if lectura.mediciones:
        fuente = Fuente(caso.proveedor, EstadoFuente.USADA, altura_m=lectura.altura_m, estacion=lectura.estacion)
        resultado = ahora_mismo([Contestacion(fuente, lectura)], list(CAMPOS_MEDIDOS), 1495.0)
        json.dumps(datos_de_clima(resultado), allow_nan=False, ensure_ascii=False).encode()


def juzgar_lugar(lugar: Lugar | None) -> None:
    if lugar is not None:
        assert -90 <= lugar.latitud <= 90
        assert -180 <= lugar.longitud <= 180
        orjson.dumps(asdict(lugar))
        assert len(lugar.zona_horaria or "") <= 64


def golpeado(cuerpo: Any, golpes: tuple[Golpe, ...]) -> Any:
    raiz = {"raiz": deepcopy(cuerpo)}
    for golpe in golpes:
        nombres: dict[str, list[tuple[Any, Any]]] = {}
        for nombre, padre, clave in _nodos(raiz, ""):
            nombres.setdefault(nombre, []).append((padre, clave))
        nodos = list(nombres.values())[int(golpe.donde * len(nombres))]
        padre, clave = nodos[int(golpe.cual * len(nodos))]
        hijo, raro = padre[clave], deepcopy(golpe.raro)
        if golpe.que == "quitar" and padre is not raiz:
            del padre[clave]
        elif golpe.que in ("repetir", "acortar") and isinstance(hijo, list):
            padre[clave] = hijo * golpe.n if golpe.que == "repetir" else hijo[: golpe.n]
        elif golpe.que == "poner_en_columna" and isinstance(padre, list):
            padre[:] = [deepcopy(raro) for _ in padre]
        else:
            padre[clave] = raro
    return raiz["raiz"]


def _nodos(padre: Any, nombre: str) -> Iterator[tuple[str, Any, Any]]:
    """(name, parent, key) of each; an element of a list is called as the list, with a mark."""
    claves = padre.keys() if isinstance(padre, dict) else range(len(padre))
    for clave in list(claves):
        suyo = clave if isinstance(padre, dict) else f"{nombre}[]"
        yield suyo, padre, clave
        if isinstance(padre[clave], dict | list):
            yield from _nodos(padre[clave], suyo)


def enviado(cuerpo: Any, dano: Dano) -> tuple[int, bytes, dict[str, str]]:
    crudo = json.dumps(cuerpo).encode()
    cabeceras = dict(dano.cabeceras)
    if dano.viaje == "cortado":
        crudo = crudo[: int(dano.corte * len(crudo))]
    elif dano.viaje == "cortado_en_seco":
        cabeceras |= {"Content-Length": str(len(crudo)), "Connection": "close"}
        crudo = crudo[: int(dano.corte * len(crudo))]
    elif dano.viaje in ("html", "vacio"):
        crudo = b"<!doctype html><title>Mantenimiento</title>" if dano.viaje == "html" else b""
    elif dano.viaje.startswith("gzip"):
        cabeceras |= {} if dano.viaje == "gzip_callado" else {"Content-Encoding": "gzip"}
        crudo = crudo if dano.viaje == "gzip_mentido" else gzip.compress(crudo, 1)
    elif dano.viaje == "latin1":
        crudo = json.dumps({"ñ": "é", "cuerpo": cuerpo}, ensure_ascii=False).encode("latin-1", "replace")
    return dano.estado, b"" if dano.estado == 204 else crudo, cabeceras
