"""The four downloads of one answer, with cells that are zero, missing or dangerous."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from api.formatos import FORMATOS, Documento, linea, neutralizar
from shared.clima import Formato

FUENTE = {"proveedor": "openmeteo", "estado": "usada", "atribucion": "CC BY 4.0", "valores": {"temperatura": 0.0}}
CAMPOS = ["temperatura", "precipitacion", "visibilidad", "descripcion_clima"]
VALORES = {"temperatura": 0.0, "precipitacion": -0.5, "visibilidad": None, "descripcion_clima": "=HYPERLINK(1)"}


def documento(momento: list[str], ciudad: str = "Bogotá") -> Documento:
    consulta = {
        "id": 7,
        "tipo_consulta": "historico" if momento else "tiempo_real",
        "ciudad": ciudad,
        "latitud": 0.0,
        "longitud": -74.1,
        "fecha_inicio": "2026-01-01" if momento else None,
        "fecha_fin": "2026-01-02" if momento else None,
        "resolucion": "diaria" if momento else None,
        "completada_en": "2026-01-03T00:00:00Z",
    }
    datos = {"fuentes_utilizadas": ["openmeteo"], "fuentes": [FUENTE], "laboratorio": True, "precipitacion": 0.0}
    return Documento(consulta, datos, VALORES, CAMPOS, momento)


def tramos() -> Iterator[list[dict[str, Any]]]:
    yield [{"fecha": "2026-01-01", **VALORES, "fuentes": 1}]
    yield []
    yield [{"fecha": "2026-01-02", **dict.fromkeys(CAMPOS), "fuentes": 0}]


def escribir(formato: Formato, momento: list[str], **otros: str) -> str:
    return b"".join(FORMATOS[formato][1](documento(momento, **otros), tramos() if momento else [])).decode()


def celdas(texto: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(texto)))


def test_json_y_yaml_dicen_lo_mismo() -> None:
    de_json = json.loads(escribir(Formato.JSON, ["fecha"]))
    assert de_json == yaml.safe_load(escribir(Formato.YAML, ["fecha"]))
    assert [f["fecha"] for f in de_json["datos_clima"]["serie"]] == ["2026-01-01", "2026-01-02"]
    assert de_json["datos_clima"]["serie"][0]["temperatura"] == 0.0


@pytest.mark.parametrize("formato", [Formato.JSON, Formato.YAML])
def test_el_tiempo_real_no_lleva_serie(formato: Formato) -> None:
    assert "serie" not in yaml.safe_load(escribir(formato, []))["datos_clima"]


def test_un_historico_sin_filas_sigue_siendo_json_y_yaml() -> None:
    for formato in (Formato.JSON, Formato.YAML):
        crudo = b"".join(FORMATOS[formato][1](documento(["fecha"]), []))
        assert not yaml.safe_load(crudo)["datos_clima"]["serie"]


def test_el_csv_tiene_una_fila_por_dia_y_una_columna_por_campo() -> None:
    filas = celdas(escribir(Formato.CSV, ["fecha"]))
    assert [f["fecha"] for f in filas] == ["2026-01-01", "2026-01-02"]
    assert set(filas[0]) >= {"fecha", "ciudad", "latitud", "longitud", *CAMPOS, "fuentes", "origen"}
    assert (filas[0]["temperatura"], filas[0]["latitud"], filas[0]["precipitacion"]) == ("0.0", "0.0", "-0.5")
    assert filas[1]["temperatura"] == ""
    assert filas[0]["origen"] == "laboratorio"


def test_el_csv_de_tiempo_real_es_una_fila() -> None:
    (fila,) = celdas(escribir(Formato.CSV, []))
    assert (fila["consulta_id"], fila["temperatura"], fila["fuentes"]) == ("7", "0.0", "openmeteo")


@pytest.mark.parametrize("peligro", ["=1+1", "+1", "-1+1", "@SUM(A1)", " =1", "  +1"])
def test_una_celda_que_una_hoja_de_calculo_ejecutaria_se_neutraliza(peligro: str) -> None:
    assert celdas(escribir(Formato.CSV, [], ciudad=peligro))[0]["ciudad"] == f"'{peligro}"
    assert celdas(escribir(Formato.CSV, ["fecha"]))[0]["descripcion_clima"] == "'=HYPERLINK(1)"


@pytest.mark.parametrize(
    ("dado", "seguro"),
    [
        ("Cali;=HYPERLINK(1);x", "Cali;'=HYPERLINK(1);x"),
        ("Cali,+1", "Cali,'+1"),
        ("Cali\t@SUM(A1)", "Cali\t'@SUM(A1)"),
        ("Cali; -1+1", "Cali; '-1+1"),
        ('Cali;"=1"', 'Cali;"\'=1"'),
        ("a\n=1", "a\n'=1"),
        ("\t=1", "'\t'=1"),
        ("=1;=2", "'=1;'=2"),
        ("Bogotá, D.C.", "Bogotá, D.C."),
        ("10-12; tarde", "10-12; tarde"),
    ],
)
def test_tampoco_lo_que_otro_separador_haria_celda(dado: str, seguro: str) -> None:
    assert neutralizar(dado) == seguro
    (fila,) = csv.reader(io.StringIO(linea([dado]).decode()))
    assert fila == [seguro]


@pytest.mark.parametrize("numero", [-3.5, 0, 0.0, None])
def test_un_numero_negativo_sigue_siendo_un_numero(numero: float | None) -> None:
    assert neutralizar(numero) is numero


def test_el_texto_se_lee_y_avisa_del_laboratorio() -> None:
    texto = escribir(Formato.TXT, ["fecha"])
    assert "ATENCIÓN: datos simulados" in texto
    assert "0.0 °C" in texto
    assert "sin dato" in texto
    assert texto.count("2026-01-0") >= 2


def test_lo_que_dice_al_menos_lleva_su_signo_en_texto_y_su_columna_en_csv() -> None:
    d = documento(["fecha"])
    d.datos_clima["dispersion"] = {"visibilidad": {"al_menos": True}}
    d = replace(d, valores={**VALORES, "visibilidad": 10000})
    filas = [
        {"fecha": "2026-01-01", **VALORES, "visibilidad": 10000, "visibilidad_al_menos": True, "fuentes": 1},
        {"fecha": "2026-01-02", **VALORES, "visibilidad": 7000, "visibilidad_al_menos": None, "fuentes": 1},
    ]
    texto = b"".join(FORMATOS[Formato.TXT][1](d, [filas])).decode()
    assert "visibilidad          ≥ 10000 m" in texto
    assert texto.count("≥ 10000") == 2
    assert "≥ 7000" not in texto
    serie = celdas(b"".join(FORMATOS[Formato.CSV][1](d, [filas])).decode())
    assert [(f["visibilidad"], f["visibilidad_al_menos"]) for f in serie] == [("10000", "true"), ("7000", "")]
    (una,) = celdas(b"".join(FORMATOS[Formato.CSV][1](replace(d, momento=[]), [])).decode())
    assert (una["visibilidad"], una["visibilidad_al_menos"]) == ("10000", "true")


@pytest.mark.parametrize("formato", list(Formato))
def test_cada_tramo_sale_en_cuanto_se_lee(formato: Formato) -> None:
    leidos = []

    def uno_a_uno() -> Iterator[list[dict[str, Any]]]:
        for n in range(50):
            leidos.append(n)
            yield [{"fecha": "2026-01-01", **VALORES, "fuentes": 1}]

    trozos = FORMATOS[formato][1](documento(["fecha"]), uno_a_uno())
    while not leidos:
        next(trozos)
    assert len(leidos) == 1  # the file has begun, and only one piece was taken
