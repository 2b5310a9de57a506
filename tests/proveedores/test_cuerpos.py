"""What is read out of JSON: a damaged value is None, never an exception."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from math import inf, nan
from typing import Any

import pytest

from worker.proveedores.cuerpos import (
    bloque,
    codigo,
    entero,
    fecha,
    instante_iso,
    instante_unix,
    numero,
    numero_escrito,
    texto,
    zona,
)

BOGOTA = timezone(timedelta(hours=-5))


@pytest.mark.parametrize("crudo", [True, None, "1", [], {}, [1], nan, inf, -inf, 10**400, -(10**400)])
def test_lo_que_no_es_un_numero_finito_no_es_un_numero(crudo: Any) -> None:
    assert numero(crudo) is None
    assert entero(crudo) is None
    assert instante_unix(crudo) is None


@pytest.mark.parametrize(("crudo", "leido"), [(" 21.4 ", 21.4), ("-999", -999), (0, 0), ("1e400", None), ("x", None)])
def test_un_numero_tambien_puede_venir_escrito(crudo: Any, leido: float | None) -> None:
    assert numero_escrito(crudo) == leido


@pytest.mark.parametrize("crudo", ["²", "٣", "１", "1_0", "0x1", "1,5", "nan", "inf", "", "9" * 5000])
def test_una_cifra_que_python_leeria_y_nadie_escribe_asi_no_es_un_numero(crudo: str) -> None:
    assert numero_escrito(crudo) is None


def test_un_codigo_que_no_cabe_en_ningun_catalogo_no_es_un_codigo() -> None:
    assert (entero(803), entero(803.0), entero(1e300), entero(2**31)) == (803, 803, None, None)


@pytest.mark.parametrize("crudo", [-999, 0, 10**17, 1e308, 1e15])
def test_una_marca_de_tiempo_fuera_del_calendario_no_es_un_instante(crudo: Any) -> None:
    assert instante_unix(crudo) is None


def test_una_marca_de_tiempo_en_segundos_o_en_milisegundos() -> None:
    esperado = datetime(2025, 9, 30, 20, 50, tzinfo=UTC)
    assert instante_unix(1759265400) == instante_unix(1759265400000) == esperado


@pytest.mark.parametrize(
    "crudo",
    [
        *("9999-12-31", "9999-12-31T23:59:59-05:00", "0001-01-01T00:00+14:00", "1600-01-01", "2024-02-30"),
        *("", "x", "\ud800", 20240101, None, ["2024-01-01"]),
    ],
)
def test_un_texto_que_no_dice_cuando_no_es_un_instante(crudo: Any) -> None:
    assert instante_iso(crudo, BOGOTA) is None
    assert fecha(crudo) is None


def test_una_hora_sin_zona_es_de_la_zona_que_se_diga() -> None:
    assert instante_iso("2024-01-01T00:00", BOGOTA) == datetime(2024, 1, 1, 5, tzinfo=UTC)
    assert instante_iso("2024-01-01T00:00+02:00", BOGOTA) == datetime(2023, 12, 31, 22, tzinfo=UTC)
    assert instante_iso("2024-01-01T00:00", None) is None
    assert fecha("2024-01-01T00:00") == date(2024, 1, 1)


@pytest.mark.parametrize(
    "crudo", ["Foo/Bar", "America", "../../etc/passwd", "/etc/localtime", "a" * 5000, "\0", "", 5, None]
)
def test_una_zona_que_no_existe_no_es_una_zona(crudo: Any) -> None:
    assert zona(crudo) is None
    assert str(zona("America/Bogota")) == "America/Bogota"


def test_un_texto_se_puede_escribir_y_no_ocupa_mas_de_lo_suyo() -> None:
    assert texto("  muy  nuboso ") == "muy nuboso"
    assert texto("a\ud800b\0c") == "abc"
    assert len(texto("ñ" * 5000) or "") == 200
    assert [texto(t) for t in ("", " ", None, 5, ["x"])] == [None] * 5


@pytest.mark.parametrize("crudo", ["../41", "a b", "", "x" * 41, None, 1.5, True, ["1"], "\ud800", "ñ"])
def test_lo_que_no_puede_ir_en_una_direccion_no_es_un_codigo(crudo: Any) -> None:
    assert codigo(crudo) is None
    assert (codigo("0021205012"), codigo(41)) == ("0021205012", "41")


def test_un_bloque_que_no_esta_esta_vacio() -> None:
    raros: tuple[Any, ...] = ({"b": 1}, None, [], "x")
    assert [bloque({"a": raro}, "a") for raro in raros] == [{"b": 1}, {}, {}, {}]
