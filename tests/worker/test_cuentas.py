"""A period from its pieces: what each source covers, what is compared, and what the rows and the totals say of it."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clima import EstadoFuente, Fuente, Medicion, Periodo, Resolucion, Resultado, fuente_json
from shared.posible import depurar
from shared.series import Fila, empacar
from worker.cuentas import Cuentas, fila_de

MES = Periodo(date(2026, 1, 1), date(2026, 1, 30), Resolucion.DIARIA)
TERMOMETROS = ["temperatura", "temperatura_min", "temperatura_max"]


def dia(n: int, **valores: Any) -> Medicion:
    return Medicion(fecha=MES.inicio + timedelta(days=n), **valores)


def sumar(campos: list[str], **fuentes: list[Medicion]) -> tuple[list[Fila], Resultado]:
    """The rows and the whole of a month; each source's days pass the gate, as everything does."""
    guardadas = [
        (fuente_json(Fuente(p, EstadoFuente.USADA)), empacar([fila_de(depurar(m, diaria=True)) for m in dias]))
        for p, dias in fuentes.items()
        if dias
    ]
    cuentas = Cuentas(campos)
    filas = cuentas.tramo(MES, guardadas)
    return filas, cuentas.resultado({})


def de(resultado: Resultado, proveedor: str) -> Fuente:
    return next(f for f in resultado.fuentes if f.proveedor == proveedor)


def test_quien_cubre_tres_dias_de_treinta_lo_dice_campo_por_campo() -> None:
    todo = [dia(n, temperatura=20.0, precipitacion=1.0) for n in range(30)]
    poco = [dia(n, temperatura=20.0, precipitacion=1.0 if n else None) for n in range(3)]
    _, resultado = sumar(["temperatura", "precipitacion", "visibilidad"], openmeteo=todo, openweather=poco)
    assert de(resultado, "openmeteo").cobertura == {"temperatura": 1.0, "precipitacion": 1.0}
    assert de(resultado, "openweather").cobertura == {"temperatura": 0.1, "precipitacion": 0.0667}
    assert de(resultado, "openweather").valores["precipitacion"] == 2
    assert resultado.valores["precipitacion"] == 30
    assert fuente_json(de(resultado, "openweather"))["cobertura"] == {"temperatura": 0.1, "precipitacion": 0.0667}


def test_el_acuerdo_es_el_de_los_dias_que_se_comparten() -> None:
    """Twenty-seven days that only one source told say nothing of how far the two agree."""
    todo = [dia(n, temperatura=20.0) for n in range(30)]
    otro = [dia(n, temperatura=30.0) for n in range(3)]
    _, resultado = sumar(["temperatura"], openmeteo=todo, openweather=otro)
    dispersion = resultado.dispersion["temperatura"]
    assert (dispersion["desviacion"], dispersion["acuerdo"], dispersion["en_comun"]) == (5, "baja", 0.1)
    _, solo = sumar(["temperatura"], openmeteo=todo)
    sola = solo.dispersion["temperatura"]
    assert (sola["n"], sola["acuerdo"], sola["en_comun"], sola["cobertura"]) == (1, None, 0, 1)


def test_una_minima_sobre_su_maxima_se_pierden_las_dos_y_se_dice_en_cuantos_dias() -> None:
    al_reves = [dia(n, temperatura=20.0, temperatura_min=25.0, temperatura_max=15.0) for n in range(2)]
    bien = [dia(n, temperatura=21.0, temperatura_min=16.0, temperatura_max=26.0) for n in range(2)]
    filas, resultado = sumar(TERMOMETROS, openweather=al_reves, openmeteo=bien)
    assert (filas[0]["temperatura_min"], filas[0]["temperatura"], filas[0]["temperatura_max"]) == (16, 20.5, 26)
    descartes = de(resultado, "openweather").descartes
    assert set(descartes) == {"temperatura_min", "temperatura_max"}
    assert "2 valores" in descartes["temperatura_min"]
    assert "al revés" in descartes["temperatura_min"]


grados = st.none() | st.floats(-95, 60)
un_dia = st.tuples(grados, grados, grados)
fuente = st.tuples(st.none() | st.floats(-500, 9000), st.lists(un_dia, max_size=5))


@given(st.dictionaries(st.sampled_from(["ideam", "openweather", "meteoblue", "openmeteo"]), fuente, min_size=1))
def test_filas_y_totales_van_siempre_en_orden(fuentes: dict[str, tuple[float | None, list[Any]]]) -> None:
    """Whatever sources give which of the three, rounded, and moved from any height to the place's."""
    guardadas = [
        (
            fuente_json(Fuente(p, EstadoFuente.USADA, altura_m=altura)),
            empacar([fila_de(depurar(dia(n, **dict(zip(TERMOMETROS, d, strict=True))))) for n, d in enumerate(dias)]),
        )
        for p, (altura, dias) in fuentes.items()
        if dias
    ]
    cuentas = Cuentas(TERMOMETROS, altura_m=1500.0)
    filas = cuentas.tramo(MES, guardadas)
    resultado = cuentas.resultado({})
    for valores in (*filas, resultado.valores, *(f.valores for f in resultado.fuentes if f.valores)):
        conocidas = [valores[c] for c in ("temperatura_min", "temperatura", "temperatura_max")]
        assert all(a <= b for a, b in pairwise(v for v in conocidas if v is not None))


def test_un_extremo_que_se_amplio_se_cuenta() -> None:
    filas, resultado = sumar(
        TERMOMETROS,
        ideam=[dia(0, temperatura=15.0), dia(1, temperatura=22.0)],
        openmeteo=[dia(n, temperatura_min=18.0, temperatura_max=25.0) for n in range(2)],
    )
    assert (filas[0]["temperatura_min"], filas[1]["temperatura_min"]) == (15, 18)
    assert resultado.dispersion["temperatura_min"]["ampliadas"] == 1
    assert "ampliadas" not in resultado.dispersion["temperatura_max"]
    assert resultado.valores == {"temperatura": 18.5, "temperatura_min": 15, "temperatura_max": 25}


def test_el_viento_maximo_de_un_dia_no_entra_en_la_media_y_queda_en_extras() -> None:
    motivo = {"velocidad_viento": "solo da el viento máximo del día, no el medio"}
    maximos = [
        dia(n, temperatura=20.0, extras={"viento_maximo_kmh": 30.0 + n, "otro": 1}, incomparables=motivo)
        for n in range(2)
    ]
    medios = [dia(n, velocidad_viento=10.0) for n in range(2)]
    filas, resultado = sumar(["temperatura", "velocidad_viento"], openweather=maximos, openmeteo=medios)
    assert [f["velocidad_viento"] for f in filas[:2]] == [10, 10]
    suya = de(resultado, "openweather")
    assert (suya.valores["velocidad_viento"], suya.extras) == (None, {"viento_maximo_kmh": 31})
    assert suya.descartes == {"velocidad_viento": "2 valores: solo da el viento máximo del día, no el medio"}


def test_una_visibilidad_de_tope_lo_dice_en_la_fila_en_el_total_y_en_su_fuente() -> None:
    tope = [dia(n, visibilidad=10000.0, visibilidad_tope=True) for n in range(2)]
    lejos = [dia(0, visibilidad=24000.0)]
    filas, resultado = sumar(["visibilidad"], openweather=tope, openmeteo=lejos)
    assert [(f["visibilidad"], f["visibilidad_al_menos"]) for f in filas[:3]] == [
        (24000, None),
        (10000, True),
        (None, None),
    ]
    assert resultado.dispersion["visibilidad"]["al_menos"] is True  # one of its days is
    assert (de(resultado, "openweather").al_menos, de(resultado, "openmeteo").al_menos) == (["visibilidad"], [])
    assert de(resultado, "openweather").descartes == {
        "visibilidad": "1 valor: dice «al menos», y otra fuente ve más lejos"
    }
    _, sin_tope = sumar(["visibilidad"], openmeteo=lejos)
    assert "al_menos" not in sin_tope.dispersion["visibilidad"]


def test_lo_que_otros_descartan_se_cuenta_por_su_motivo() -> None:
    vientos = {"ideam": (5.0, 90.0), "openmeteo": (6.0, 90.0), "meteoblue": (100.0, 270.0)}
    fuentes = {p: [dia(n, velocidad_viento=v, direccion_viento=g) for n in range(2)] for p, (v, g) in vientos.items()}
    filas, resultado = sumar(["velocidad_viento", "direccion_viento"], **fuentes)
    assert [f["direccion_viento"] for f in filas[:2]] == [90, 90]
    assert de(resultado, "meteoblue").descartes == {
        "velocidad_viento": "2 valores lejos de las demás fuentes",
        "direccion_viento": "2 valores: su velocidad se descartó",
    }


def test_el_cielo_propio_de_un_periodo_es_el_mas_comun() -> None:
    cielos = [{"codigo": 500, "texto": "lluvia ligera"}, {"codigo": 801}, {"codigo": 801}]
    dias = [dia(n, descripcion_clima="Cubierto", extras={"cielo_propio": c}) for n, c in enumerate(cielos)]
    _, resultado = sumar(["descripcion_clima"], openweather=dias)
    assert de(resultado, "openweather").extras == {"cielo_propio": {"codigo": 801}}


@pytest.mark.parametrize("campo", ["temperatura", "precipitacion", "velocidad_viento"])
def test_ningun_numero_de_las_fuentes_lleva_ruido(campo: str) -> None:
    _, resultado = sumar([campo], openmeteo=[dia(n, **{campo: 0.1 + 0.2}) for n in range(3)])
    for valor in fuente_json(de(resultado, "openmeteo"))["valores"].values():
        assert valor == round(valor, 4)
