"""The pieces of a historico, however they were cut: what is there, and which of them a window needs."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from shared import respuestas
from shared.clima import Periodo, Resolucion
from shared.series import desempacar
from tests.shared.test_consultas import MES, tomada

ENERO = Periodo(date(2024, 1, 1), date(2024, 1, 31), Resolucion.DIARIA)
TODO = Periodo(date(1940, 1, 1), date(1950, 1, 7), Resolucion.DIARIA)  # the most that may be asked, the earliest
UN_DIA = Periodo(date(2024, 2, 1), date(2024, 2, 1), Resolucion.DIARIA)


def fuente(proveedor: str) -> dict[str, Any]:
    return {"proveedor": proveedor, "estado": "usada"}


@pytest.fixture
def con_tramos(s: Session) -> int:
    encargo = tomada(s, MES)
    for tramo, proveedor in ((ENERO, "openmeteo"), (TODO, "openmeteo"), (UN_DIA, "openmeteo"), (UN_DIA, "ideam")):
        filas = [{"fecha": str(tramo.inicio), "temperatura": 1.0}]
        respuestas.guardar_respuesta(s, encargo, tramo, fuente(proveedor), filas)
    return encargo.id


def test_lo_hecho_vuelve_como_se_guardo(s: Session, con_tramos: int) -> None:
    hechos = respuestas.hechos(s, con_tramos, Resolucion.DIARIA)
    assert hechos == {"openmeteo": [TODO, ENERO, UN_DIA], "ideam": [UN_DIA]}


@pytest.mark.parametrize(
    ("inicio", "fin", "esperados"),
    [
        (date(2024, 1, 31), date(2024, 2, 1), [("ideam", UN_DIA), ("openmeteo", ENERO), ("openmeteo", UN_DIA)]),
        (date(2024, 1, 10), date(2024, 1, 12), [("openmeteo", ENERO)]),
        (date(2023, 1, 1), date(2023, 12, 31), []),
        (date(2024, 2, 2), date(2024, 3, 1), []),
        (date(1950, 1, 7), date(1950, 1, 7), [("openmeteo", TODO)]),
        (date(1950, 1, 8), date(1950, 2, 8), []),
    ],
)
def test_una_ventana_trae_los_tramos_que_la_tocan(
    s: Session, con_tramos: int, inicio: date, fin: date, esperados: list[tuple[str, Periodo]]
) -> None:
    partes = respuestas.partes(s, con_tramos, Periodo(inicio, fin, Resolucion.DIARIA))
    vistos = [(f["proveedor"], desempacar(datos)[0]["fecha"]) for f, datos in partes]
    assert vistos == [(proveedor, str(tramo.inicio)) for proveedor, tramo in esperados]


def test_al_olvidarlas_no_queda_ninguna(s: Session) -> None:
    encargo = tomada(s, MES)
    respuestas.guardar_respuesta(s, encargo, ENERO, fuente("openmeteo"), [])
    respuestas.olvidar(s, encargo)
    assert respuestas.hechos(s, encargo.id, Resolucion.DIARIA) == {}


def test_lo_que_nunca_llegara_se_guarda_y_no_cuenta_como_dicho(s: Session) -> None:
    encargo = tomada(s, MES)
    nunca = {"proveedor": "ideam", "estado": "omitida", "motivo": "solo cubre Colombia"}
    respuestas.guardar_respuesta(s, encargo, ENERO, nunca, [])
    respuestas.guardar_respuesta(s, encargo, ENERO, fuente("openmeteo"), [{"fecha": "2024-01-01"}])
    piezas = respuestas.piezas(s, encargo.id, Resolucion.DIARIA)
    assert [(t, f.proveedor, f.motivo) for t, f in piezas] == [
        (ENERO, "ideam", "solo cubre Colombia"),
        (ENERO, "openmeteo", None),
    ]
    assert respuestas.hechos(s, encargo.id, Resolucion.DIARIA) == {"openmeteo": [ENERO]}
    assert [f["proveedor"] for f, _ in respuestas.partes(s, encargo.id, ENERO)] == ["openmeteo"]
    assert respuestas.filas_de(s, encargo.id, "openmeteo", ENERO) == [{"fecha": "2024-01-01"}]
    respuestas.olvidar_ausencias(s, encargo.id)
    assert [f.proveedor for _, f in respuestas.piezas(s, encargo.id, Resolucion.DIARIA)] == ["openmeteo"]
