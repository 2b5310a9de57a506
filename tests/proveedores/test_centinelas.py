"""Every field of every provider, now and in the past, says what cannot be: nothing of it enters, and it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import inf, nan
from typing import Any

import pytest
import requests

from shared.clima import CAMPOS_NUMERICOS, LIMITES, Medicion, Resolucion
from tests.proveedores.hechos import BASICOS, CASOS, SIN_AIRE, Caso
from tests.proveedores.servidor import Respuestas, servir
from worker.preguntar import depurada
from worker.proveedores.http import Omitida, crear_sesion

FUERA = (-999.0, -9999, -99, 1e6, -1e300)  # numbers of no field of ours
NO_NUMEROS: tuple[Any, ...] = (10**400, nan, inf, -inf, "NaN", "Infinity", "sin dato", "", True, None, [], ["x"], {})
TODAS = range(-1, 1000)  # readings
# Where one reading of several is wrong, the rest are the answer: a day's mean, the next station, the hour of now.
BASTA_EL_RESTO = {
    "ideam-diaria-2024": BASICOS,
    "ideam-ahora": tuple(c for c in BASICOS if c != "precipitacion"),
    "meteosource-diaria-2024": tuple(c for c in SIN_AIRE if c != "precipitacion"),
    "openmeteo-diaria-2024": ("calidad_aire",),
    "siata-ahora": ("temperatura", "humedad_relativa", "velocidad_viento", "precipitacion"),
    "meteoblue-ahora": ("temperatura", "velocidad_viento"),
}


@pytest.fixture(scope="module")
def red() -> Iterator[Respuestas]:
    with servir() as respuestas:
        yield respuestas


@pytest.fixture(scope="module")
def sesion() -> Iterator[requests.Session]:
    with crear_sesion(4) as abierta:
        yield abierta


def dicho(
    red: Respuestas, sesion: requests.Session, caso: Caso, raros: dict[str, Any], cuales: range
) -> list[Medicion]:
    """What comes out of the gate when these fields say this in these readings; without raros, all is well. Empty: the
    provider has nothing to say."""

    def de(campo: str, n: int) -> Any:
        return raros[campo] if campo in raros and n in cuales else caso.bueno(campo, n)

    red.responder = lambda p: (200, json.dumps(caso.cuerpo(p, de)).encode(), {})
    try:
        return depurada(caso.preguntar(red.base, sesion), caso.periodo).mediciones
    except Omitida:
        return []


@pytest.mark.parametrize("caso", CASOS, ids=lambda c: c.id)
def test_lo_bueno_llega_entero(red: Respuestas, sesion: requests.Session, caso: Caso) -> None:
    """Or the rest of this file would prove nothing."""
    mediciones = dicho(red, sesion, caso, {}, TODAS)
    assert len(mediciones) >= (24 if caso.periodo and caso.periodo.resolucion == Resolucion.HORARIA else 1)
    for m in mediciones:
        assert [c for c in caso.campos if getattr(m, c) is None] == []
        assert m.imposibles == {}


@pytest.mark.parametrize("caso", CASOS, ids=lambda c: c.id)
def test_lo_imposible_de_un_campo_ni_entra_ni_se_calla(red: Respuestas, sesion: requests.Session, caso: Caso) -> None:
    buenas, una = dicho(red, sesion, caso, {}, TODAS), range(caso.una, caso.una + 1)
    for campo in caso.campos:
        mediciones = dicho(red, sesion, caso, {campo: -999}, TODAS)
        assert {getattr(m, campo) for m in mediciones} == {None}, campo
        assert any("está fuera de lo posible" in m.imposibles.get(campo, "") for m in mediciones), campo
        mediciones = dicho(red, sesion, caso, {campo: -999}, una)
        juzgar(mediciones, buenas, campo)
        if campo in BASTA_EL_RESTO.get(caso.id, ()):
            assert None not in {getattr(m, campo) for m in mediciones}, campo
            assert any("−999" in m.imposibles.get(campo, "") or "−3" in m.imposibles[campo] for m in mediciones), campo


@pytest.mark.parametrize("caso", CASOS, ids=lambda c: c.id)
@pytest.mark.parametrize("todas", [True, False], ids=["todas", "una"])
def test_ningun_centinela_entra_aunque_vengan_en_todos_los_campos(
    red: Respuestas, sesion: requests.Session, caso: Caso, todas: bool
) -> None:
    buenas, cuales = dicho(red, sesion, caso, {}, TODAS), TODAS if todas else range(caso.una, caso.una + 1)
    for raro in (*FUERA, *NO_NUMEROS):
        mediciones = dicho(red, sesion, caso, dict.fromkeys(caso.campos, raro), cuales)
        for campo in caso.campos:
            juzgar(mediciones, buenas, campo)
            assert not todas or {getattr(m, campo) for m in mediciones} <= {None}, (campo, raro)


@pytest.mark.parametrize("caso", [c for c in CASOS if "direccion_viento" in c.campos], ids=lambda c: c.id)
def test_720_grados_no_son_ninguno_y_360_es_el_norte(red: Respuestas, sesion: requests.Session, caso: Caso) -> None:
    for raro, esperado in ((720, None), (361, None), (-1, None), (360, 0.0)):
        mediciones = dicho(red, sesion, caso, {"direccion_viento": raro}, TODAS)
        assert {m.direccion_viento for m in mediciones} == {esperado}, raro


def juzgar(mediciones: list[Medicion], buenas: list[Medicion], campo: str) -> None:
    """Each value is null, or that of the good readings: a sentinel among them moves no mean. Rain may be less."""
    cerca = {(m.fecha, m.observado_en if m.fecha else None): getattr(m, campo) for m in buenas}
    for m in mediciones:
        valor, bueno = getattr(m, campo), cerca.get((m.fecha, m.observado_en if m.fecha else None))
        if valor is not None:
            assert bueno is not None
            assert valor == pytest.approx(bueno, abs=2.0 if campo == "precipitacion" else 0.1), campo
        for otro in CAMPOS_NUMERICOS:
            minimo, maximo = LIMITES["precipitacion_dia" if otro == "precipitacion" else otro]
            assert getattr(m, otro) is None or minimo <= getattr(m, otro) <= maximo
