"""One vocabulary of the sky: every code of every provider says something of the WMO's table, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import String

from shared.clima import Medicion, Resolucion
from shared.modelos import DatosClima
from worker.proveedores import meteoblue_lectura, meteosource_lectura, openmeteo_lectura, openweather_lectura
from worker.proveedores.cielo import CIELOS, METEOBLUE_DIARIO, METEOBLUE_HORARIO, METEOSOURCE, OPENWEATHER, cielo

OPENMETEO = (0, 1, 2, 3, 45, 48, 51, 53, 55, 56, 57, 61, 63, 65, 66, 67, 71, 73, 75, 77, 80, 81, 82, 85, 86, 95, 96, 99)
# openweathermap.org/weather-conditions
IDS = (
    *(200, 201, 202, 210, 211, 212, 221, 230, 231, 232, 300, 301, 302, 310, 311, 312, 313, 314, 321),
    *(500, 501, 502, 503, 504, 511, 520, 521, 522, 531, 600, 601, 602, 611, 612, 613, 615, 616, 620, 621, 622),
    *(701, 711, 721, 731, 741, 751, 761, 762, 771, 781, 800, 801, 802, 803, 804),
)


def de_openweather(codigo: int) -> Medicion:
    tiempo = [{"id": codigo, "description": "sus palabras"}]
    return openweather_lectura.leer_actual({"main": {"temp": 1}, "weather": tiempo}, "metric")


def de_meteosource(codigo: int) -> Medicion:
    return meteosource_lectura.leer_actual({"current": {"icon_num": codigo, "summary": "sus palabras"}})


def de_meteoblue_por_hora(codigo: int) -> Medicion:
    cuerpo = {"metadata": {"utc_timeoffset": 0}, "data_1h": {"time": ["2026-01-01 00:00"], "pictocode": [codigo]}}
    return meteoblue_lectura.leer_serie(cuerpo, Resolucion.HORARIA)[0]


def de_meteoblue_por_dia(codigo: int) -> Medicion:
    cuerpo = {"metadata": {"utc_timeoffset": 0}, "data_day": {"time": ["2026-01-01"], "pictocode": [codigo]}}
    return meteoblue_lectura.leer_serie(cuerpo, Resolucion.DIARIA)[0]


def de_openmeteo(codigo: int) -> Medicion:
    return openmeteo_lectura.leer_actual({"current": {"time": "2026-01-01T00:00", "weather_code": codigo}})


PROVEEDORES = (
    (de_openweather, OPENWEATHER, IDS),
    (de_meteosource, METEOSOURCE, range(1, 37)),
    (de_meteoblue_por_hora, METEOBLUE_HORARIO, range(1, 36)),
    (de_meteoblue_por_dia, METEOBLUE_DIARIO, range(1, 18)),
)
NINGUNO = {1: None}


@pytest.mark.parametrize(("leer", "tabla", "codigos"), PROVEEDORES)
def test_cada_codigo_de_cada_tabla_es_un_cielo_del_vocabulario_o_ninguno(
    leer: Any, tabla: dict[int, int | None], codigos: range
) -> None:
    assert sorted(tabla) == sorted(codigos)
    for codigo in codigos:
        m = leer(codigo)
        wmo = tabla[codigo]
        assert m.descripcion_clima == (None if wmo is None else CIELOS[wmo])
        assert m.extras["cielo_propio"]["codigo"] == m.codigo_clima == codigo


@pytest.mark.parametrize("leer", [p[0] for p in PROVEEDORES] + [de_openmeteo])
def test_un_codigo_nuevo_no_se_inventa(leer: Any) -> None:
    m = leer(997)
    assert (m.descripcion_clima, m.extras["cielo_propio"]["codigo"]) == (None, 997)


def test_los_codigos_de_openmeteo_son_los_del_vocabulario() -> None:
    for codigo in OPENMETEO:
        m = de_openmeteo(codigo)
        assert (m.descripcion_clima, m.extras) == (CIELOS[codigo], {})


def test_el_vocabulario_no_repite_y_cabe_en_la_columna() -> None:
    assert len(set(CIELOS.values())) == len(CIELOS)
    columna = DatosClima.__table__.c.descripcion_clima.type
    assert isinstance(columna, String)
    assert columna.length is not None
    assert max(map(len, CIELOS.values())) <= columna.length


def test_el_mismo_cielo_tiene_un_solo_nombre() -> None:
    dicen = (de_openweather(802), de_meteosource(4), de_meteosource(28), de_meteoblue_por_dia(3), de_openmeteo(2))
    assert {m.descripcion_clima for m in dicen} == {"Parcialmente nublado"}


def test_de_noche_el_cielo_se_llama_como_de_dia() -> None:
    dias = (2, 3, 4, 5, 6, 8, 13, 15, 19, 20, 24)
    for dia, noche in zip(dias, range(26, 37), strict=True):
        assert cielo(dia, METEOSOURCE) == cielo(noche, METEOSOURCE)


def test_sin_codigo_no_hay_cielo() -> None:
    assert cielo(None, OPENWEATHER) is None
    assert cielo(1, NINGUNO) is None
