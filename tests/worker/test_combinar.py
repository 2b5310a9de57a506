"""Combining: rules that hold for any weather."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clima import CAMPOS_MEDIDOS, Medicion
from shared.posible import depurar
from shared.redondeo import mitad_arriba, redondear
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


def test_quien_fue_descartado_por_su_velocidad_no_gira_el_viento() -> None:
    dicen = {"ideam": (5.0, 90.0), "openmeteo": (6.0, 90.0), "meteoblue": (100.0, 270.0)}
    vientos = {p: Medicion(velocidad_viento=v, direccion_viento=g) for p, (v, g) in dicen.items()}
    valores, dispersion, descartes = combinar(vientos, ["velocidad_viento", "direccion_viento"])
    assert valores == {"velocidad_viento": 5.5, "direccion_viento": 90}
    assert dispersion["direccion_viento"]["n"] == 2
    assert list(descartes["meteoblue"]) == ["velocidad_viento", "direccion_viento"]


def test_una_velocidad_imposible_tampoco_gira_el_viento() -> None:
    sin_ella = Medicion(direccion_viento=270.0, imposibles={"velocidad_viento": "−999 km/h está fuera de lo posible"})
    m = {"ideam": Medicion(velocidad_viento=5.0, direccion_viento=90.0), "siata": sin_ella}
    valores, _, descartes = combinar(m, ["direccion_viento"])
    assert (valores["direccion_viento"], list(descartes)) == (90, ["siata"])
    con_ella = replace(sin_ella, velocidad_viento=20.0)  # a mean of the readings that can be
    assert combinar({"siata": con_ella}, ["direccion_viento"])[0] == {"direccion_viento": 270}


def visto(*visibilidades: tuple[float, bool]) -> tuple[float | str | None, dict[str, Any], list[str]]:
    m = {f"p{n}": Medicion(visibilidad=v, visibilidad_tope=tope) for n, (v, tope) in enumerate(visibilidades)}
    valores, dispersion, descartes = combinar(m, ["visibilidad"])
    return valores["visibilidad"], dispersion["visibilidad"], sorted(descartes)


def test_una_visibilidad_que_dice_al_menos_cede_a_la_que_ve_mas_lejos() -> None:
    valor, dispersion, fuera = visto((10000, True), (24000, False))
    assert (valor, dispersion["n"], "al_menos" in dispersion, fuera) == (24000, 1, False, ["p0"])
    valor, dispersion, fuera = visto((10000, True), (24140, True))
    assert (valor, dispersion["al_menos"], fuera) == (24140, True, ["p0"])


def test_una_visibilidad_que_dice_al_menos_sola_lo_dice() -> None:
    valor, dispersion, fuera = visto((10000, True))
    assert (valor, dispersion["al_menos"], fuera) == (10000, True, [])
    valor, dispersion, fuera = visto((10000, True), (6000, False))
    assert (valor, dispersion["al_menos"], fuera) == (8000, True, [])  # one of them sees less: a mean of at least


def test_tres_topes_no_descartan_a_quien_ve_mas_lejos() -> None:
    valor, dispersion, fuera = visto((10000, True), (10000, True), (10000, True), (30000, False))
    assert (valor, "al_menos" in dispersion, fuera) == (30000, False, ["p0", "p1", "p2"])


@pytest.mark.parametrize(
    ("campo", "valores", "esperado"),
    [
        ("humedad_relativa", (60, 61), 61),
        ("humedad_relativa", (61, 62), 62),
        ("calidad_aire", (0, 1), 1),
        ("visibilidad", (1000, 1001), 1001),
        ("direccion_viento", (90.5,), 91),
        ("direccion_viento", (359.5,), 0),
        ("temperatura", (-0.5,), -0.5),
        ("temperatura", (0.125,), 0.13),
        ("temperatura", (-0.125,), -0.12),
        ("temperatura", (2.675,), 2.68),
    ],
)
def test_las_mitades_se_redondean_hacia_arriba(campo: str, valores: tuple[float, ...], esperado: float) -> None:
    m = {f"p{n}": Medicion(velocidad_viento=5.0, **{campo: v}) for n, v in enumerate(valores)}
    assert combinar(m, [campo])[0] == {campo: esperado}


def test_menos_medio_redondeado_a_entero_es_cero() -> None:
    assert (mitad_arriba(-0.5), mitad_arriba(-1.5), mitad_arriba(0.5), mitad_arriba(60.5)) == (0, -1, 1, 61)
    assert mitad_arriba(2.675 * 100) == 268  # 267.49999999999994, of a half that arithmetic made a little less


grados = st.none() | st.floats(-95, 60)
fuente = st.builds(Medicion, temperatura=grados, temperatura_min=grados, temperatura_max=grados)
TERMOMETROS = ["temperatura", "temperatura_min", "temperatura_max"]


def en_orden(v: Mapping[str, Any]) -> bool:
    conocidas = [v[c] for c in ("temperatura_min", "temperatura", "temperatura_max") if v[c] is not None]
    return conocidas == sorted(conocidas)


@given(
    st.dictionaries(
        st.sampled_from(["siata", "ideam", "openweather", "meteoblue", "openmeteo"]),
        st.tuples(fuente, st.none() | st.floats(-500, 9000)),
    ),
    st.none() | st.floats(-500, 9000),
    st.booleans(),
)
def test_la_media_esta_siempre_entre_la_minima_y_la_maxima(
    fuentes: dict[str, tuple[Medicion, float | None]], lugar_m: float | None, depuradas: bool
) -> None:
    """Whoever gives which of the three, from whatever height, gated or not."""
    mediciones = {p: a_la_altura(depurar(m) if depuradas else m, f, lugar_m) for p, (m, f) in fuentes.items()}
    valores, dispersion, _ = combinar(mediciones, TERMOMETROS)
    assert en_orden(valores)
    for campo in TERMOMETROS:
        assert (valores[campo] is None) == all(getattr(m, campo) is None for m in mediciones.values())
    assert "ampliada_desde" not in dispersion.get("temperatura", {})


@given(st.lists(fuente), st.randoms())
def test_los_totales_de_un_periodo_tambien_van_en_orden(dias: list[Medicion], azar: Any) -> None:
    total, suyo = Resumen(), Resumen()
    for m in dias:
        total.agregar(combinar({"ideam": m}, TERMOMETROS)[0])
        suyo.agregar(m.valores())  # a source's own rows need not be in order
    for resumen in (total, suyo):
        assert en_orden(resumen.valores(TERMOMETROS))


def test_un_extremo_de_otra_fuente_se_amplia_hasta_la_media_y_lo_dice() -> None:
    m = {
        "ideam": Medicion(temperatura=18.0),
        "openmeteo": Medicion(temperatura=19.0, temperatura_min=19.0, temperatura_max=18.25),
    }
    valores, dispersion, _ = combinar(m, TERMOMETROS)
    assert valores == {"temperatura": 18.5, "temperatura_min": 18.25, "temperatura_max": 19.0}
    assert dispersion["temperatura_min"]["ampliada_desde"] == 19.0
    assert dispersion["temperatura_max"]["ampliada_desde"] == 18.25
    assert valores["temperatura"] == 18.5


def test_un_dia_sin_velocidad_pesa_en_un_periodo_como_la_media_de_los_demas() -> None:
    vientos = [(20.0, 90.0), (40.0, 90.0), (None, 0.0), (None, 0.0)]
    r = Resumen()
    for velocidad, grados_ in vientos:
        r.agregar({"velocidad_viento": velocidad, "direccion_viento": grados_})
    media = media_vectorial(vientos)
    assert media is not None
    assert r.valores(["direccion_viento"]) == {"direccion_viento": redondear("direccion_viento", media[0])}
    assert r.valores(["direccion_viento"]) == {"direccion_viento": 45}


@pytest.mark.parametrize("vientos", [[(0.0, 90.0)], [(5.0, 0.0), (5.0, 180.0)], [(None, 90.0), (0.0, 10.0)], []])
def test_un_periodo_en_calma_no_tiene_direccion(vientos: list[tuple[float | None, float]]) -> None:
    r = Resumen()
    for velocidad, grados_ in vientos:
        r.agregar({"velocidad_viento": velocidad, "direccion_viento": grados_})
    assert media_vectorial(vientos) is None
    assert r.valores(["direccion_viento"]) == {"direccion_viento": None}


def test_un_dia_sin_extremos_es_tan_frio_como_su_media() -> None:
    r = Resumen()
    r.agregar({"temperatura": 10.0})
    r.agregar({"temperatura": 25.0, "temperatura_min": 20.0, "temperatura_max": 30.0})
    assert r.valores(TERMOMETROS) == {"temperatura": 17.5, "temperatura_min": 10, "temperatura_max": 30}
    solo_maximas = Resumen()
    solo_maximas.agregar({"temperatura_max": 30.0})
    assert solo_maximas.valores(TERMOMETROS) == {"temperatura": None, "temperatura_min": None, "temperatura_max": 30}


def test_por_horas_la_minima_es_la_hora_mas_fria() -> None:
    r = Resumen()
    for t in (18.0, 12.0, 15.0):
        r.agregar({"temperatura": t})
    assert r.valores(["temperatura_min", "temperatura_max"]) == {"temperatura_min": 12.0, "temperatura_max": 18.0}
