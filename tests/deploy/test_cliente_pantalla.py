"""What the client prints of an answer: numbers that say «at least», and how much of a period each source told."""

from __future__ import annotations

from typing import Any

import pytest
from requests import Response

from deploy.cliente.conexion import retry_after
from deploy.cliente.pantalla import _cifra, resumen
from deploy.cliente.respuestas import leer_consulta

CONSULTA = {
    "id": 7,
    "tipo_consulta": "historico",
    "ciudad": "Bogotá",
    "latitud": 4.6,
    "longitud": -74.1,
    "fecha_inicio": "2026-01-01",
    "fecha_fin": "2026-01-30",
    "formato_salida": "json",
    "estado": "completada",
    "progreso": 100,
    "parcial": False,
    "codigo_error": None,
    "mensaje_error": None,
}
VACIOS = ("presion_atmosferica", "humedad_relativa", "indice_uv", "calidad_aire", "descripcion_clima")


def fuente(proveedor: str, valores: dict[str, Any], **otros: Any) -> dict[str, Any]:
    return {"proveedor": proveedor, "estado": "usada", "valores": valores, **otros}


def impreso(capsys: pytest.CaptureFixture[str], dispersion: dict[str, Any], *fuentes: dict[str, Any]) -> str:
    datos = {
        **dict.fromkeys(VACIOS),
        "temperatura": {"promedio": None, "min": None, "max": None},
        "precipitacion": 30.0,
        "visibilidad": 10000,
        "viento": {"velocidad": None, "direccion": None},
        "laboratorio": False,
        "dispersion": dispersion,
        "fuentes": list(fuentes),
    }
    resumen(leer_consulta({"consulta": CONSULTA, "datos_clima": datos}))
    return capsys.readouterr().out


def test_una_visibilidad_que_dice_al_menos_lleva_su_signo(capsys: pytest.CaptureFixture[str]) -> None:
    tope = fuente("openweather", {"visibilidad": 10000.0}, al_menos=["visibilidad"])
    otra = fuente("openmeteo", {"visibilidad": 8000.0})
    assert impreso(capsys, {"visibilidad": {"al_menos": True}}, tope, otra).count("≥ 10000") == 2
    assert "≥" not in impreso(capsys, {}, otra)


def test_un_total_de_tres_dias_de_treinta_lo_dice(capsys: pytest.CaptureFixture[str]) -> None:
    todo = fuente("openmeteo", {"precipitacion": 30.0}, cobertura={"precipitacion": 1.0})
    poco = fuente("openweather", {"precipitacion": 3.0}, cobertura={"precipitacion": 0.1})
    texto = impreso(capsys, {}, todo, poco)
    assert "3 (10%)" in texto
    assert "30 (" not in texto


@pytest.mark.parametrize(("valor", "escrito"), [(20.05, "20.1"), (20.04, "20"), (-0.25, "-0.2"), (12345.5, "12346")])
def test_se_redondea_como_redondea_la_api(valor: float, escrito: str) -> None:
    """round() says 20.1 of 20.15 and 20.0 of 20.05: halves to even, or what the float happens to be."""
    assert _cifra(valor) == escrito


@pytest.mark.parametrize(
    ("valor", "espera_s"),
    [
        ("7", 7.0),
        ("0", 0.0),
        *((malo, None) for malo in ("", "\u00b2", "٣", "-1", "1.5", "1e3", "9" * 400, " ", "mañana")),
    ],
)
def test_un_retry_after_que_no_es_un_numero_es_como_si_no_viniera(valor: str, espera_s: float | None) -> None:
    respuesta = Response()
    respuesta.headers["Retry-After"] = valor
    assert retry_after(respuesta) == espera_s
