"""Meteosource's client against every recorded body, and against what its documentation allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared.clima import CAMPOS_NUMERICOS, Lugar, Medicion, Periodo, Resolucion, iso_utc
from shared.settings import Settings
from tests.proveedores.servidor import Respuestas, cuerpo, errores, exitos, http, iguales, servir
from worker.proveedores.cielo import METEOSOURCE, cielo
from worker.proveedores.cliente import Clave, Lectura, Peticion
from worker.proveedores.http import ErrorProveedor, Omitida
from worker.proveedores.meteosource import Meteosource
from worker.proveedores.meteosource_lectura import leer_actual, leer_serie

ZONA = ZoneInfo("America/Bogota")
BOGOTA = Lugar(4.60971, -74.08175, zona_horaria="America/Bogota")
GREENWICH = Lugar(51.5, 0.0)
TODOS = frozenset((*CAMPOS_NUMERICOS, "descripcion_clima"))
CLAVE = Clave("k-secreta")
HOY = datetime.now(ZONA).date()
AYER = HOY - timedelta(days=1)
DIA = date(2020, 3, 4)
SIN_CLAVE = 403  # seen live by others for error-sin-clave.json, whose status the documentation does not publish


@pytest.fixture
def red() -> Iterator[Respuestas]:
    with servir() as respuestas:
        yield respuestas


def cliente(red: Respuestas, plan: str = "flexi") -> Meteosource:
    return Meteosource(Settings.model_validate({"meteosource_url": red.base, "meteosource_plan": plan}))


def ahora(red: Respuestas, campos: frozenset[str] = TODOS, plan: str = "flexi") -> Medicion:
    return cliente(red, plan).tiempo_real(Peticion(http(), BOGOTA, campos, CLAVE)).mediciones[0]


def historia(
    red: Respuestas,
    inicio: date,
    fin: date,
    resolucion: Resolucion = Resolucion.DIARIA,
    lugar: Lugar = BOGOTA,
    plan: str = "flexi",
) -> Lectura:
    return cliente(red, plan).historico(Peticion(http(), lugar, TODOS, CLAVE), Periodo(inicio, fin, resolucion))


def comparar(medicion: Medicion, esperado: dict[str, Any]) -> None:
    assert iguales(medicion.valores(), esperado, CAMPOS_NUMERICOS) == {}
    assert medicion.codigo_clima == esperado["codigo_clima"]
    assert medicion.descripcion_clima == cielo(medicion.codigo_clima, METEOSOURCE)
    assert ("texto" in medicion.extras.get("cielo_propio", {})) == (esperado["descripcion_clima"] is not None)
    assert iso_utc(medicion.observado_en) == esperado["observado_en"]


@pytest.mark.parametrize(("ficha", "esperado"), exitos("meteosource", "tiempo_real"))
def test_lee_los_cuerpos_grabados_de_ahora(red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any]) -> None:
    red.siempre(cuerpo(ficha))
    medicion = ahora(red)
    comparar(medicion, esperado)
    assert medicion.extras["cielo_propio"]["texto"] == esperado["descripcion_clima"]


@pytest.mark.parametrize(("ficha", "esperado"), exitos("meteosource", "historico"))
def test_lee_los_cuerpos_grabados_de_historia(red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any]) -> None:
    red.siempre(cuerpo(ficha))
    dia = date.fromisoformat(ficha["peticion"]["date"])
    mediciones = historia(red, dia, dia, Resolucion.HORARIA, GREENWICH).mediciones
    for medicion, registro in zip(mediciones, esperado["registros"], strict=True):
        comparar(medicion, registro)
        assert medicion.fecha == dia


@pytest.mark.parametrize("ficha", errores("meteosource"))
def test_los_errores_grabados_son_errores_con_motivo(red: Respuestas, ficha: dict[str, Any]) -> None:
    estado = ficha["estado_http"] or SIN_CLAVE
    red.siempre(cuerpo(ficha), estado=estado)
    with pytest.raises(ErrorProveedor, match="no recibió la clave") as e:
        ahora(red)
    assert (e.value.estado, e.value.reintentable) == (estado, False)
    assert len(red.pedidas) == 1


def test_la_clave_va_en_una_cabecera_y_el_plan_en_la_ruta(red: Respuestas) -> None:
    red.siempre({"current": {"temperature": 1}})
    ahora(red, plan="startup")
    assert red.pedidas[0].ruta == "/api/v1/startup/point"
    assert red.pedidas[0].cabeceras["X-API-Key"] == "k-secreta"
    assert red.pedidas[0].params == {
        "lat": "4.60971N",
        "lon": "74.08175W",
        "sections": "current",
        "language": "es",
        "timezone": "UTC",
        "units": "metric",
    }


def test_sin_ajuste_el_plan_es_el_gratuito(red: Respuestas) -> None:
    red.siempre({"current": {"temperature": 1}})
    Meteosource(Settings(meteosource_url=red.base)).tiempo_real(Peticion(http(), BOGOTA, TODOS, CLAVE))
    assert red.pedidas[0].ruta == "/api/v1/free/point"


def test_el_sur_y_el_este_llevan_su_letra(red: Respuestas) -> None:
    red.siempre({"current": {"temperature": 1}})
    cliente(red).tiempo_real(Peticion(http(), Lugar(-33.5, 151.2), TODOS, CLAVE))
    assert (red.pedidas[0].params["lat"], red.pedidas[0].params["lon"]) == ("33.50000S", "151.20000E")


def test_ahora_no_dice_cuando_pero_si_a_que_altura(red: Respuestas) -> None:
    red.siempre({"elevation": 2582, "current": {"temperature": 1}})
    lectura = cliente(red).tiempo_real(Peticion(http(), BOGOTA, TODOS, CLAVE))
    assert (lectura.mediciones[0].observado_en, lectura.altura_m) == (None, 2582)


@pytest.mark.parametrize(
    ("unidades", "grados", "kmh", "mm", "metros"),
    [
        ("metric", 50, 36, 1, 10000),
        ("ca", 50, 10, 1, 10000),
        ("uk", 50, 16.09344, 1, 16093.44),
        ("us", 10, 16.09344, 25.4, 16093.44),
        (None, 50, 36, 1, 10000),
    ],
)
def test_cree_las_unidades_del_cuerpo(
    unidades: str | None, grados: float, kmh: float, mm: float, metros: float
) -> None:
    actual = {"temperature": 50, "wind": {"speed": 10}, "precipitation": {"total": 1}, "visibility": 10}
    m = leer_actual({"units": unidades, "current": actual})
    assert (m.temperatura, m.velocidad_viento) == pytest.approx((grados, kmh))
    assert (m.precipitacion, m.visibilidad) == pytest.approx((mm, metros))


def test_el_cero_es_un_valor_y_lo_que_falta_es_none() -> None:
    actual = {"temperature": 0, "wind": {"speed": 0, "angle": 0}, "precipitation": {"total": 0}, "uv_index": None}
    m = leer_actual({"current": actual})
    assert (m.temperatura, m.velocidad_viento, m.direccion_viento, m.precipitacion) == (0, 0, 0, 0)
    assert (m.indice_uv, m.presion_atmosferica, m.codigo_clima, m.descripcion_clima) == (None, None, None, None)


@pytest.mark.parametrize("bloque", [None, "null", []])
def test_un_bloque_nulo_no_rompe_lo_demas(bloque: object) -> None:
    m = leer_actual({"current": {"temperature": 5, "wind": bloque, "precipitation": bloque}})
    assert (m.temperatura, m.velocidad_viento, m.precipitacion) == (5, None, None)


def test_el_tipo_de_lluvia_puede_ser_la_palabra_null() -> None:
    assert leer_actual({"current": {"precipitation": {"total": 0.2, "type": "null"}}}).precipitacion == 0.2


@pytest.mark.parametrize(
    ("fila", "codigo", "texto", "suyo"),
    [
        ({"icon": "sunny", "icon_num": 2, "summary": "Radiante"}, 2, "Cielo despejado", "Radiante"),
        ({"icon": "sunny", "icon_num": 2}, 2, "Cielo despejado", "Soleado"),
        ({"icon": 11}, 11, "Lluvia moderada", "Lluvia"),
        ({"icon": 26, "summary": ""}, 26, "Cielo despejado", "Despejado"),
        ({"icon": 12}, 12, None, "Posible lluvia"),  # a forecast of rain is no weather
        ({"icon": 1}, 1, None, None),
        ({"icon": 99}, 99, None, None),
        ({"icon": None}, None, None, None),
    ],
)
def test_el_cielo_sale_del_codigo_y_sus_palabras_quedan_aparte(
    fila: dict[str, Any], codigo: int | None, texto: str | None, suyo: str | None
) -> None:
    m = leer_actual({"current": fila})
    assert (m.codigo_clima, m.descripcion_clima) == (codigo, texto)
    assert m.extras.get("cielo_propio", {}).get("texto") == suyo


@pytest.mark.parametrize("raro", [[], "hola", 7, None, {}, {"current": None}, {"current": {}, "units": "otras"}])
def test_un_cuerpo_de_otra_forma_es_un_error_y_no_un_cero(red: Respuestas, raro: object) -> None:
    red.siempre(raro)
    with pytest.raises(ErrorProveedor):
        ahora(red)


@pytest.mark.parametrize("raro", [{}, {"data": None}, {"hourly": None}, {"hourly": {"data": [1]}}, {"data": {}}])
def test_una_serie_de_otra_forma_es_un_error(raro: dict[str, Any]) -> None:
    with pytest.raises(ErrorProveedor):
        leer_serie(raro)


def test_las_horas_son_de_la_zona_del_cuerpo() -> None:
    horas = {"data": [{"date": "2026-02-08T16:00:00", "temperature": 16}]}
    assert iso_utc(leer_serie({"timezone": "America/Bogota", "hourly": horas})[0].observado_en) == (
        "2026-02-08T21:00:00Z"
    )
    assert iso_utc(leer_serie(horas)[0].observado_en) == "2026-02-08T16:00:00Z"
    with pytest.raises(ErrorProveedor):
        leer_serie({"timezone": "Marte/Olimpo", "hourly": horas})


@pytest.mark.parametrize(
    ("estado", "detalle", "motivo", "queda"),
    [
        (401, "Invalid API key", "rechazó la clave", 401),
        (403, "You don't have access to this endpoint with your current plan", "plan", None),
        (402, "Payment required", "plan", 402),
        (422, [{"loc": ["query", "lat"], "msg": "bad"}], "respondió 422", 422),
        (429, "Daily limit of API calls exceeded", "límite", 429),
    ],
)
def test_cada_rechazo_tiene_su_motivo(
    red: Respuestas, estado: int, detalle: object, motivo: str, queda: int | None
) -> None:
    red.siempre({"detail": detalle}, estado=estado)
    with pytest.raises(ErrorProveedor, match=motivo) as e:
        ahora(red)
    assert (e.value.estado, e.value.reintentable) == (queda, False)
    assert len(red.pedidas) == 1


def test_la_cuota_del_minuto_se_espera(red: Respuestas) -> None:
    respuestas = iter([(429, b"{}", {"Retry-After": "0"}), (200, b'{"current": {"temperature": 1}}', {})])
    red.responder = lambda _: next(respuestas)
    assert ahora(red).temperatura == 1


@pytest.mark.parametrize(
    ("campos", "plan"), [({"calidad_aire"}, "flexi"), ({"humedad_relativa", "indice_uv"}, "free"), (set(), "free")]
)
def test_lo_que_el_plan_no_da_se_omite_sin_llamar(red: Respuestas, campos: set[str], plan: str) -> None:
    with pytest.raises(Omitida, match=plan):
        ahora(red, frozenset(campos), plan)
    assert red.pedidas == []


def test_sin_clave_se_omite_sin_llamar(red: Respuestas) -> None:
    with pytest.raises(Omitida):
        cliente(red).tiempo_real(Peticion(http(), BOGOTA, TODOS))
    with pytest.raises(Omitida):
        cliente(red).historico(Peticion(http(), BOGOTA, TODOS), Periodo(AYER, AYER, Resolucion.DIARIA))
    assert red.pedidas == []


def test_el_plan_gratuito_no_tiene_pasado(red: Respuestas) -> None:
    with pytest.raises(Omitida, match="gratuito"):
        historia(red, AYER, AYER, plan="free")
    assert red.pedidas == []


def test_un_dia_local_toca_dos_dias_utc(red: Respuestas) -> None:
    _servir_dias(red)
    mediciones = historia(red, DIA, DIA, Resolucion.HORARIA).mediciones
    assert [p.ruta for p in red.pedidas] == ["/api/v1/flexi/time_machine"] * 2
    assert [p.params["date"] for p in red.pedidas] == ["2020-03-04", "2020-03-05"]
    assert [iso_utc(m.observado_en) for m in mediciones[::23]] == ["2020-03-04T05:00:00Z", "2020-03-05T04:00:00Z"]
    assert {m.fecha for m in mediciones} == {DIA}
    assert len(mediciones) == 24


def test_el_dia_se_resume_de_sus_horas_locales(red: Respuestas) -> None:
    _servir_dias(red)
    lectura = historia(red, DIA, DIA)
    (m,) = lectura.mediciones
    assert (m.fecha, iso_utc(m.observado_en)) == (DIA, "2020-03-04T05:00:00Z")
    # the hour n (UTC) of each served day has n degrees: 5..23 of one and 0..4 of the next
    assert (m.temperatura, m.temperatura_min, m.temperatura_max) == (11.5, 0, 23)
    assert m.precipitacion == pytest.approx(2.4)
    assert m.velocidad_viento == pytest.approx(7.2)
    assert (m.presion_atmosferica, m.humedad_relativa) == (1012, None)
    assert m.direccion_viento == pytest.approx(90)
    assert m.codigo_clima == 11  # 5 hours of the day; at night, 26 for longer
    assert (m.descripcion_clima, m.extras["cielo_propio"]["texto"]) == ("Lluvia moderada", "Lluvia")
    assert lectura.altura_m == 2582


def test_con_horas_perdidas_hay_medias_pero_no_suma_de_lluvia(red: Respuestas) -> None:
    _servir_dias(red, perdidas={10, 11, 12})
    (m,) = historia(red, DIA, DIA).mediciones
    assert m.temperatura is not None
    assert m.precipitacion is None


def test_con_medio_dia_no_hay_medias(red: Respuestas) -> None:
    _servir_dias(red, perdidas=set(range(6, 18)))
    (m,) = historia(red, DIA, DIA).mediciones
    assert {m.valores()[campo] for campo in CAMPOS_NUMERICOS} == {None}


def test_el_dia_de_23_horas_esta_completo_con_23(red: Respuestas) -> None:
    _servir_dias(red)
    madrid = Lugar(40.4, -3.7, zona_horaria="Europe/Madrid")
    (m,) = historia(red, date(2024, 3, 31), date(2024, 3, 31), lugar=madrid).mediciones
    assert m.precipitacion == pytest.approx(2.3)


def test_un_mes_local_cabe_en_el_presupuesto_y_un_dia_mas_no(red: Respuestas) -> None:
    _servir_dias(red)
    assert len(historia(red, date(2020, 1, 1), date(2020, 1, 31)).mediciones) == 31
    red.pedidas.clear()
    with pytest.raises(Omitida, match=r"33 llamadas.*32"):
        historia(red, date(2020, 1, 1), date(2020, 2, 1))
    assert red.pedidas == []


@pytest.mark.parametrize("resolucion", list(Resolucion))
def test_lo_que_aun_no_paso_no_se_pide(red: Respuestas, resolucion: Resolucion) -> None:
    with pytest.raises(Omitida, match="todavía"):
        historia(red, HOY + timedelta(days=1), HOY + timedelta(days=2), resolucion)
    assert red.pedidas == []


def test_lo_que_aun_no_paso_no_es_historia(red: Respuestas) -> None:
    _servir_dias(red)
    assert [m.fecha for m in historia(red, AYER, HOY + timedelta(days=3)).mediciones] == [AYER]
    horas = historia(red, HOY, HOY, Resolucion.HORARIA).mediciones
    assert all(m.observado_en and m.observado_en <= datetime.now(UTC) for m in horas)


def test_de_hace_mas_de_veinte_anos_no_hay_nada(red: Respuestas) -> None:
    with pytest.raises(Omitida, match="20 años"):
        historia(red, date(1990, 1, 1), date(1990, 1, 2))


def test_la_clave_no_sale_en_ningun_texto(red: Respuestas) -> None:
    red.siempre({"detail": "bad key k-secreta"}, estado=401)
    with pytest.raises(ErrorProveedor) as e:
        ahora(red)
    assert "k-secreta" not in f"{e.value!r} {e.value} {e.value.motivo} {CLAVE!r}"
    assert "k-secreta" not in str(red.pedidas[0].params)


def _servir_dias(red: Respuestas, perdidas: set[int] | None = None) -> None:
    """Answer any date with 24 hours: hour n has n °C, 0.1 mm, an east wind of 2 m/s; perdidas come as nulls."""

    de_dia = {2: range(11, 15), 5: range(15, 18), 11: range(18, 23)}  # in UTC: 6 to 18 h in Bogotá

    def hora(dia: str, n: int) -> dict[str, Any]:
        vacia = n in (perdidas or set())
        return {
            "date": f"{dia}T{n:02}:00:00",
            "icon": next((icono for icono, tramo in de_dia.items() if n in tramo), 26),
            "temperature": None if vacia else n,
            "wind": None if vacia else {"speed": 2, "angle": 90},
            "precipitation": None if vacia else {"total": 0.1, "type": "rain"},
            "pressure": None if vacia else 1012,
        }

    def cuerpo_de(dia: str) -> bytes:
        datos = [hora(dia, n) for n in range(24)]
        return json.dumps({"elevation": 2582, "units": "metric", "data": datos}).encode()

    red.responder = lambda p: (200, cuerpo_de(p.params["date"]), {})
