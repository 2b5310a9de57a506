"""Combining: rules that hold for any weather."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clima import CAMPOS_MEDIDOS, Medicion
from worker.combinar import a_la_altura, combinar, media_vectorial
from worker.resumen import Resumen

NUMERICOS = ["temperatura", "presion_atmosferica", "humedad_relativa", "velocidad_viento", "precipitacion"]
CAMPOS = [c for c in CAMPOS_MEDIDOS if c not in ("temperatura_min", "temperatura_max")]
valor = st.none() | st.floats(0, 1000, allow_nan=False)
medicion = st.builds(
    Medicion,
    temperatura=st.none() | st.floats(-50, 50),
    presion_atmosferica=valor,
    humedad_relativa=st.none() | st.floats(0, 100),
    velocidad_viento=st.none() | st.floats(0, 200),
    direccion_viento=st.none() | st.floats(0, 360),
    precipitacion=valor,
    descripcion_clima=st.none() | st.sampled_from(["Lluvia", "Niebla"]),
)
varias = st.dictionaries(st.sampled_from(["siata", "ideam", "openweather", "meteoblue", "openmeteo"]), medicion)


@given(varias, st.randoms())
def test_el_orden_de_los_proveedores_no_importa(mediciones: dict[str, Medicion], azar: object) -> None:
    nombres = list(mediciones)
    azar.shuffle(nombres)  # type: ignore[attr-defined]
    assert combinar(mediciones, CAMPOS) == combinar({n: mediciones[n] for n in nombres}, CAMPOS)


@given(varias)
def test_lo_combinado_esta_entre_lo_menor_y_lo_mayor(mediciones: dict[str, Medicion]) -> None:
    valores, dispersion, _ = combinar(mediciones, NUMERICOS)
    for campo in NUMERICOS:
        dados = [v for m in mediciones.values() if (v := getattr(m, campo)) is not None]
        assert (valores[campo] is None) == (not dados)
        if dados:
            combinado = valores[campo]
            assert isinstance(combinado, int | float)
            assert min(dados) - 0.51 <= combinado <= max(dados) + 0.51  # rounded to whole numbers where INT
            d = dispersion[campo]
            assert d["min"] <= combinado <= d["max"]
            assert 1 <= d["n"] <= len(dados)


@given(varias)
def test_quien_no_reporta_no_cuenta(mediciones: dict[str, Medicion]) -> None:
    assert combinar({**mediciones, "meteosource": Medicion()}, CAMPOS) == combinar(mediciones, CAMPOS)


@pytest.mark.parametrize("campo", NUMERICOS)
def test_el_cero_se_conserva(campo: str) -> None:
    ceros = {p: Medicion(**{campo: 0.0}) for p in ("ideam", "siata")}
    assert combinar(ceros, [campo])[0] == {campo: 0.0}


def test_un_mentiroso_entre_cuatro_se_aparta_y_se_nombra() -> None:
    dicen = {"ideam": 21.0, "openweather": 22.0, "openmeteo": 21.5, "meteoblue": 48.0}
    valores, dispersion, descartes = combinar({p: Medicion(temperatura=t) for p, t in dicen.items()}, ["temperatura"])
    assert valores["temperatura"] == 21.5
    assert dispersion["temperatura"] == {"min": 21.0, "max": 22.0, "desviacion": 0.41, "n": 3, "acuerdo": "alta"}
    assert list(descartes) == ["meteoblue"]
    assert "48" in descartes["meteoblue"]["temperatura"]


def test_entre_dos_que_discrepan_nadie_es_el_mentiroso() -> None:
    valores, dispersion, descartes = combinar(
        {"ideam": Medicion(temperatura=10), "siata": Medicion(temperatura=40)}, ["temperatura"]
    )
    assert (valores["temperatura"], dispersion["temperatura"]["acuerdo"], descartes) == (25.0, "baja", {})


def test_una_diferencia_pequena_nunca_se_descarta() -> None:
    dicen = {"ideam": 20.0, "siata": 20.0, "openmeteo": 20.0, "meteoblue": 22.5}
    assert combinar({p: Medicion(temperatura=t) for p, t in dicen.items()}, ["temperatura"])[2] == {}


@pytest.mark.parametrize(
    ("vientos", "grados"),
    [
        ([(5, 350), (5, 10)], 0),
        ([(10, 90), (1, 270)], 90),
        ([(None, 80), (None, 100)], 90),
        ([(0, 45), (10, 180)], 180),
        ([(5, 0), (5, 180)], None),
        ([(0, 90)], None),
        ([], None),
    ],
)
def test_la_direccion_es_un_vector(vientos: list[tuple[float | None, float]], grados: float | None) -> None:
    media = media_vectorial(vientos)
    if grados is None:
        assert media is None
    else:
        assert media is not None
        assert (media[0] - grados + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)


def test_359_8_grados_no_se_redondea_a_360() -> None:
    m = {"ideam": Medicion(direccion_viento=359.8, velocidad_viento=5)}
    assert combinar(m, ["direccion_viento"])[0] == {"direccion_viento": 0}


def test_el_texto_es_el_de_la_fuente_con_mas_autoridad() -> None:
    m = {"openmeteo": Medicion(descripcion_clima="modelo"), "openweather": Medicion(descripcion_clima="mejor")}
    assert combinar(m, ["descripcion_clima"])[0] == {"descripcion_clima": "mejor"}


@pytest.mark.parametrize(
    ("fuente_m", "lugar_m", "esperada"),
    [(2000, 1000, 16.5), (1000, 2000, 3.5), (1000, 1040, 10.0), (None, 1000, 10.0), (1000, None, 10.0), (0, 1000, 3.5)],
)
def test_la_temperatura_se_lleva_a_la_altura_del_lugar(
    fuente_m: float | None, lugar_m: float | None, esperada: float
) -> None:
    m = a_la_altura(Medicion(temperatura=10.0, humedad_relativa=50), fuente_m, lugar_m)
    assert m.temperatura == pytest.approx(esperada)
    assert (m.humedad_relativa, m.temperatura_min) == (50, None)
    assert ("ajuste_por_altura_c" in m.extras) == (esperada != 10.0)


def test_el_resumen_de_un_periodo() -> None:
    r = Resumen()
    r.agregar({"temperatura": 10, "temperatura_min": 5, "temperatura_max": 15, "precipitacion": 2})
    r.agregar({"temperatura": 20, "temperatura_min": 12, "temperatura_max": 30, "precipitacion": 0})
    r.agregar({"temperatura": None, "precipitacion": None, "descripcion_clima": "Lluvia"})
    campos = ["temperatura", "temperatura_min", "temperatura_max", "precipitacion", "presion_atmosferica"]
    assert r.valores(campos) == {
        "temperatura": 15,
        "temperatura_min": 5,
        "temperatura_max": 30,
        "precipitacion": 2,  # the total, not the mean
        "presion_atmosferica": None,
    }
    assert r.cobertura("temperatura") == pytest.approx(2 / 3, abs=0.001)
    assert r.valores(["descripcion_clima"]) == {"descripcion_clima": "Lluvia"}


def test_por_horas_la_minima_es_la_hora_mas_fria() -> None:
    r = Resumen()
    for t in (18.0, 12.0, 15.0):
        r.agregar({"temperatura": t})
    assert r.valores(["temperatura_min", "temperatura_max"]) == {"temperatura_min": 12.0, "temperatura_max": 18.0}
