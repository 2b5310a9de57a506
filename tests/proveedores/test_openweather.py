"""OpenWeather's client against every recorded body, and against what its documentation allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared.clima import CAMPOS_NUMERICOS, Lugar, Medicion, Periodo, Resolucion, iso_utc
from shared.settings import Settings
from tests.proveedores.servidor import Pedida, Respuestas, cuerpo, errores, exitos, http, iguales, servir
from worker.proveedores.cielo import OPENWEATHER, cielo
from worker.proveedores.cliente import Clave, Lectura, Peticion
from worker.proveedores.http import ErrorProveedor, Omitida
from worker.proveedores.openweather import LLAMADAS, OpenWeather
from worker.proveedores.openweather_lectura import leer_actual, leer_aire, leer_resumen, leer_serie

ZONA = ZoneInfo("America/Bogota")
BOGOTA = Lugar(4.60971, -74.08175, zona_horaria="America/Bogota")
TODOS = frozenset((*CAMPOS_NUMERICOS, "descripcion_clima"))
CLAVE = Clave("k-secreta")
HOY = datetime.now(ZONA).date()
AYER = HOY - timedelta(days=1)
TIEMPO = {"dt": 1767225600, "main": {"temp": 20}, "cod": 200}
RESUMEN = {
    "date": "2020-03-04",
    "units": "metric",
    "humidity": {"afternoon": 33},
    "precipitation": {"total": 2.5},
    "pressure": {"afternoon": 1015},
    "temperature": {"min": 10, "max": 21, "afternoon": 20, "night": 11, "evening": 15, "morning": 12},
    "wind": {"max": {"speed": 10, "direction": 120}},
}

EN_METRIC = [
    parametro
    for parametro in exitos("openweathermap", "tiempo_real")
    if parametro.values[0]["peticion"].get("units") == "metric"
]


@pytest.fixture
def red() -> Iterator[Respuestas]:
    with servir() as respuestas:
        yield respuestas


def cliente(red: Respuestas) -> OpenWeather:
    return OpenWeather(Settings(openweather_url=red.base))


def ahora(red: Respuestas, campos: frozenset[str] = TODOS - {"calidad_aire"}, clave: Clave | None = CLAVE) -> Medicion:
    return cliente(red).tiempo_real(Peticion(http(), BOGOTA, campos, clave)).mediciones[0]


def historia(
    red: Respuestas, inicio: date, fin: date, resolucion: Resolucion = Resolucion.DIARIA, lugar: Lugar = BOGOTA
) -> Lectura:
    return cliente(red).historico(Peticion(http(), lugar, TODOS, CLAVE), Periodo(inicio, fin, resolucion))


def por_la_red(red: Respuestas, crudo: bytes) -> Any:
    """The body as the real HTTP client delivers it."""
    red.siempre(crudo)
    return http().json(f"{red.base}/x")


def comparar(medicion: Medicion, esperado: dict[str, Any]) -> None:
    assert iguales(medicion.valores(), esperado, CAMPOS_NUMERICOS) == {}
    assert medicion.codigo_clima == esperado["codigo_clima"]
    assert medicion.extras.get("cielo_propio", {}).get("texto") == esperado["descripcion_clima"]
    assert medicion.descripcion_clima == cielo(medicion.codigo_clima, OPENWEATHER)
    assert iso_utc(medicion.observado_en) == esperado["observado_en"]


@pytest.mark.parametrize(("ficha", "esperado"), exitos("openweathermap", "tiempo_real", "historico"))
def test_lee_los_cuerpos_grabados(red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any]) -> None:
    recibido = por_la_red(red, cuerpo(ficha))
    registros = esperado.get("registros", [esperado])
    unidades = ficha["peticion"].get("units", "standard")
    if "air_pollution" in ficha["archivo"]:
        mediciones = leer_aire(recibido)
        assert [m.extras for m in mediciones] == [r["extras"] for r in registros]
    elif ficha["tipo"] == "historico":
        mediciones = leer_serie(recibido, unidades)
    else:
        mediciones = [leer_actual(recibido, unidades)]
    assert len(mediciones) == len(registros)
    for medicion, registro in zip(mediciones, registros, strict=True):
        comparar(medicion, registro)


@pytest.mark.parametrize(("ficha", "esperado"), EN_METRIC)
def test_el_cliente_lee_los_grabados_en_metric(
    red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any]
) -> None:
    red.siempre(cuerpo(ficha))
    comparar(ahora(red), esperado)


@pytest.mark.parametrize("ficha", errores("openweathermap"))
def test_los_errores_grabados_son_errores_con_motivo(red: Respuestas, ficha: dict[str, Any]) -> None:
    red.siempre(cuerpo(ficha), estado=ficha["estado_http"])
    with pytest.raises(ErrorProveedor) as e:
        ahora(red)
    assert e.value.estado == ficha["estado_http"]
    assert not e.value.reintentable
    assert len(red.pedidas) == 1
    assert "http" not in e.value.motivo


def test_pide_metric_y_en_espanol(red: Respuestas) -> None:
    red.siempre(TIEMPO)
    ahora(red)
    assert [p.ruta for p in red.pedidas] == ["/data/2.5/weather"]
    esperados = {"lat": "4.60971", "lon": "-74.08175", "units": "metric", "lang": "es", "appid": "k-secreta"}
    assert red.pedidas[0].params == esperados


def test_metric_da_metros_por_segundo(red: Respuestas) -> None:
    red.siempre({**TIEMPO, "wind": {"speed": 10}})
    assert (ahora(red).velocidad_viento, ahora(red).direccion_viento) == (36, None)


@pytest.mark.parametrize(
    ("unidades", "temp", "viento"), [("standard", 293.15, 10), ("metric", 20, 10), ("imperial", 68, 36 / 1.609344)]
)
def test_las_unidades_son_las_que_se_pidieron(unidades: str, temp: float, viento: float) -> None:
    m = leer_actual({"main": {"temp": temp}, "wind": {"speed": viento}}, unidades)
    assert (m.temperatura, m.velocidad_viento) == pytest.approx((20, 36))


@pytest.mark.parametrize(
    ("lluvia", "mm"),
    [
        ({}, None),
        ({"rain": {}}, None),
        ({"rain": None}, None),
        ({"rain": {"1h": None}}, None),
        ({"rain": {"1h": 0}}, 0),
        ({"rain": {"1h": 1.5}}, 1.5),
        ({"snow": {"1h": 0.5}}, 0.5),
        ({"rain": {"1h": 1.5}, "snow": {"1h": 0.5}}, 2.0),
        ({"rain": {"3h": 3}}, None),
    ],
)
def test_la_lluvia_ausente_no_es_cero(lluvia: dict[str, Any], mm: float | None) -> None:
    assert leer_actual({"main": {"temp": 1}, **lluvia}, "metric").precipitacion == mm


def test_lo_que_cayo_en_tres_horas_no_es_lo_de_una() -> None:
    m = leer_actual({"main": {}, "rain": {"3h": 3}}, "metric")
    assert (m.precipitacion, m.extras) == (None, {"precipitacion_3h_mm": 3})
    assert "3 horas" in m.incomparables["precipitacion"]
    de_las_dos = leer_actual({"main": {}, "rain": {"1h": 1, "3h": 3}}, "metric")
    assert (de_las_dos.precipitacion, de_las_dos.incomparables) == (1, {})


@pytest.mark.parametrize(("metros", "tope"), [(9999, False), (10000, True), (16093, True), (0, False), (None, False)])
def test_diez_kilometros_de_visibilidad_son_al_menos_diez(metros: int | None, tope: bool) -> None:
    m = leer_actual({"main": {"temp": 1}, "visibility": metros}, "metric")
    assert (m.visibilidad, m.visibilidad_tope) == (metros, tope)


def test_el_cero_es_un_valor_y_lo_que_falta_es_none() -> None:
    fila = {"dt": 1, "temp": 0, "humidity": 0, "uvi": 0, "wind_speed": 0, "wind_deg": 0, "visibility": None}
    m = leer_actual({"current": fila}, "metric")
    assert (m.temperatura, m.humedad_relativa, m.indice_uv, m.velocidad_viento, m.direccion_viento) == (0, 0, 0, 0, 0)
    assert (m.visibilidad, m.presion_atmosferica, m.codigo_clima, m.descripcion_clima) == (None, None, None, None)


def test_la_presion_es_la_del_nivel_del_mar() -> None:
    assert leer_actual({"main": {"pressure": 852, "sea_level": 1017}}, "metric").presion_atmosferica == 1017


@pytest.mark.parametrize("tiempo", [[], None, [None], {"id": None}, [{"id": "800", "description": ""}]])
def test_sin_condicion_no_hay_texto_ni_codigo(tiempo: object) -> None:
    m = leer_actual({"main": {"temp": 1}, "weather": tiempo}, "metric")
    assert (m.codigo_clima, m.descripcion_clima) == (None, None)


def test_de_varias_condiciones_vale_la_primera() -> None:
    tiempo = [{"id": 501, "description": "lluvia moderada"}, {"id": 701, "description": "neblina"}]
    m = leer_actual({"main": {"temp": 1}, "weather": tiempo}, "metric")
    assert (m.codigo_clima, m.descripcion_clima) == (501, "Lluvia moderada")
    assert m.extras["cielo_propio"] == {"codigo": 501, "texto": "lluvia moderada"}


def test_el_indice_de_aire_no_es_us_aqi(red: Respuestas) -> None:
    aire = {"list": [{"main": {"aqi": 5}, "components": {"pm2_5": 0, "co": None}, "dt": 1767225600}]}
    red.responder = lambda p: _ok(aire if "air_pollution" in p.ruta else TIEMPO)
    m = ahora(red, TODOS)
    assert m.calidad_aire is None
    assert m.extras == {"aqi_owm_1_5": 5, "pm2_5": 0}


def test_el_aire_no_se_pide_si_no_hace_falta(red: Respuestas) -> None:
    red.siempre(TIEMPO)
    ahora(red, frozenset({"temperatura"}))
    assert len(red.pedidas) == 1


@pytest.mark.parametrize("aire", [(400, b"{}", {}), (200, b'{"list":null}', {}), (200, b"[]", {})])
def test_si_el_aire_falla_solo_se_pierde_el_aire(red: Respuestas, aire: tuple[int, bytes, dict[str, str]]) -> None:
    red.responder = lambda p: aire if "air_pollution" in p.ruta else _ok(TIEMPO)
    m = ahora(red, TODOS)
    assert m.temperatura == 20
    assert set(m.extras) == {"calidad_aire"}


def test_si_el_presupuesto_no_alcanza_para_el_aire_solo_se_pierde_el_aire(
    red: Respuestas, monkeypatch: pytest.MonkeyPatch
) -> None:
    red.siempre(TIEMPO)
    conexion = http()
    pedir = conexion.json

    def con_presupuesto_para_una(*args: Any, **kwargs: Any) -> Any:
        if red.pedidas:
            raise Omitida("presupuesto agotado")
        return pedir(*args, **kwargs)

    monkeypatch.setattr(conexion, "json", con_presupuesto_para_una)
    m = cliente(red).tiempo_real(Peticion(conexion, BOGOTA, TODOS, CLAVE)).mediciones[0]
    assert (m.temperatura, m.extras) == (20, {"calidad_aire": "calidad del aire: presupuesto agotado"})


@pytest.mark.parametrize("raro", [[], "hola", 7, None, {}, {"main": None}, {"current": None}, {"cod": 200}])
def test_un_cuerpo_de_otra_forma_es_un_error_y_no_un_cero(red: Respuestas, raro: object) -> None:
    red.siempre(raro)
    with pytest.raises(ErrorProveedor):
        ahora(red)


@pytest.mark.parametrize("raro", [{}, {"data": None}, {"list": {}}, {"data": [1]}])
def test_una_serie_de_otra_forma_es_un_error(raro: dict[str, Any]) -> None:
    with pytest.raises(ErrorProveedor):
        leer_serie(raro, "metric")


@pytest.mark.parametrize("cod", [401, "401"])
def test_un_rechazo_dentro_de_un_200_es_un_rechazo(red: Respuestas, cod: object) -> None:
    red.siempre({"cod": cod, "message": "Invalid API key", "main": {"temp": 1}})
    with pytest.raises(ErrorProveedor) as e:
        ahora(red)
    assert e.value.estado == 401


@pytest.mark.parametrize("cod", [200, "200"])
def test_el_200_puede_ser_numero_o_texto(red: Respuestas, cod: object) -> None:
    red.siempre({**TIEMPO, "cod": cod})
    assert ahora(red).temperatura == 20


def test_la_cuota_con_retry_after_se_espera(red: Respuestas) -> None:
    respuestas = iter([(429, b'{"cod":429}', {"Retry-After": "0"}), _ok(TIEMPO)])
    red.responder = lambda _: next(respuestas)
    assert ahora(red).temperatura == 20


def test_la_clave_no_sale_en_ningun_texto(red: Respuestas) -> None:
    red.siempre({"cod": 401, "message": "Invalid API key k-secreta"}, estado=401)
    with pytest.raises(ErrorProveedor) as e:
        ahora(red)
    assert "k-secreta" not in f"{e.value!r} {e.value} {e.value.motivo} {CLAVE!r}"


@pytest.mark.parametrize(
    ("campos", "motivo"),
    [({"calidad_aire"}, "US AQI"), ({"indice_uv"}, "ninguno"), ({"indice_uv", "calidad_aire"}, "ninguno")],
)
def test_lo_que_no_da_se_omite_sin_llamar(red: Respuestas, campos: set[str], motivo: str) -> None:
    with pytest.raises(Omitida, match=motivo):
        ahora(red, frozenset(campos))
    assert red.pedidas == []


def test_sin_clave_se_omite_sin_llamar(red: Respuestas) -> None:
    with pytest.raises(Omitida):
        ahora(red, clave=None)
    with pytest.raises(Omitida):
        cliente(red).historico(Peticion(http(), BOGOTA, TODOS), Periodo(AYER, AYER, Resolucion.DIARIA))
    assert red.pedidas == []


def test_sin_suscripcion_one_call_se_omite_y_la_clave_sigue_valiendo(red: Respuestas) -> None:
    red.siempre({"cod": 401, "message": "Please note that using One Call 3.0 requires a separate subscription"}, 401)
    with pytest.raises(Omitida, match="suscripción"):
        historia(red, AYER, AYER)


def test_un_dia_es_una_llamada_en_la_zona_del_lugar(red: Respuestas) -> None:
    red.responder = lambda p: _ok({**RESUMEN, "date": p.params["date"]})
    mediciones = historia(red, date(2020, 3, 4), date(2020, 3, 5)).mediciones
    assert [p.ruta for p in red.pedidas] == ["/data/3.0/onecall/day_summary"] * 2
    assert [(p.params["date"], p.params["tz"]) for p in red.pedidas] == [
        ("2020-03-04", "-05:00"),
        ("2020-03-05", "-05:00"),
    ]
    assert [(str(m.fecha), iso_utc(m.observado_en)) for m in mediciones] == [
        ("2020-03-04", "2020-03-04T05:00:00Z"),
        ("2020-03-05", "2020-03-05T05:00:00Z"),
    ]


def test_el_resumen_del_dia_en_nuestras_unidades() -> None:
    m = leer_resumen(RESUMEN, "standard", ZONA)  # the body's own units win
    assert (m.temperatura, m.temperatura_min, m.temperatura_max) == (14.5, 10, 21)
    assert (m.humedad_relativa, m.presion_atmosferica, m.precipitacion) == (33, 1015, 2.5)


def test_el_viento_maximo_del_dia_no_es_el_medio() -> None:
    m = leer_resumen(RESUMEN, "standard", ZONA)
    assert (m.velocidad_viento, m.direccion_viento) == (None, None)
    assert (m.extras["viento_maximo_kmh"], m.extras["viento_maximo_grados"]) == (36, 120)
    assert "máximo" in m.incomparables["velocidad_viento"]
    loco = leer_resumen({**RESUMEN, "wind": {"max": {"speed": -999, "direction": 120}}}, "metric", ZONA)
    assert (loco.incomparables, "viento_maximo_kmh" in loco.extras) == ({}, False)


def test_por_dias_el_viento_no_se_le_pregunta(red: Respuestas) -> None:
    solo_viento = Peticion(http(), BOGOTA, frozenset({"velocidad_viento", "direccion_viento"}), CLAVE)
    with pytest.raises(Omitida, match="máximo"):
        cliente(red).historico(solo_viento, Periodo(AYER, AYER, Resolucion.DIARIA))
    assert red.pedidas == []


def test_con_tres_temperaturas_no_hay_media() -> None:
    m = leer_resumen({"date": "2020-03-04", "temperature": {"night": 1, "morning": 2, "evening": 3}}, "metric", ZONA)
    assert (m.temperatura, m.precipitacion, m.velocidad_viento) == (None, None, None)


@pytest.mark.parametrize("raro", [{}, {"date": "2020-03-04"}, {**RESUMEN, "date": None}, {**RESUMEN, "units": "otras"}])
def test_un_resumen_de_otra_forma_es_un_error(raro: dict[str, Any]) -> None:
    with pytest.raises(ErrorProveedor):
        leer_resumen(raro, "metric", ZONA)


def test_un_dia_por_horas_es_una_llamada_por_hora(red: Respuestas) -> None:
    red.responder = lambda p: _ok({"data": [{"dt": int(p.params["dt"]), "temp": 20}]})
    mediciones = historia(red, date(2020, 3, 4), date(2020, 3, 4), Resolucion.HORARIA).mediciones
    assert {p.ruta for p in red.pedidas} == {"/data/3.0/onecall/timemachine"}
    assert len(red.pedidas) == len(mediciones) == 24
    assert {str(m.fecha) for m in mediciones} == {"2020-03-04"}
    assert [iso_utc(m.observado_en) for m in mediciones[::23]] == ["2020-03-04T05:00:00Z", "2020-03-05T04:00:00Z"]


def test_la_forma_2_5_da_el_dia_entero_y_no_se_repite(red: Respuestas) -> None:
    red.responder = lambda p: _ok({"current": {"dt": 1, "temp": 1}, "hourly": _dia_utc(int(p.params["dt"]))})
    mediciones = historia(red, date(2020, 3, 4), date(2020, 3, 4), Resolucion.HORARIA).mediciones
    assert len(red.pedidas) == 2  # a local day of Bogotá touches two UTC days
    assert [iso_utc(m.observado_en) for m in mediciones[::23]] == ["2020-03-04T05:00:00Z", "2020-03-05T04:00:00Z"]
    assert len(mediciones) == 24


def test_una_hora_sin_datos_no_aparece(red: Respuestas) -> None:
    red.siempre({"data": []})
    assert historia(red, date(2020, 3, 4), date(2020, 3, 4), Resolucion.HORARIA).mediciones == []


@pytest.mark.parametrize(
    ("dias", "resolucion", "pide"), [(LLAMADAS + 1, Resolucion.DIARIA, "32"), (2, Resolucion.HORARIA, "48")]
)
def test_mas_alla_del_presupuesto_se_omite_diciendo_cuanto_pide(
    red: Respuestas, dias: int, resolucion: Resolucion, pide: str
) -> None:
    with pytest.raises(Omitida, match=f"{pide} llamadas.*{LLAMADAS}"):
        historia(red, date(2020, 1, 1), date(2020, 1, 1) + timedelta(days=dias - 1), resolucion)
    assert red.pedidas == []


def test_un_mes_cabe_en_el_presupuesto(red: Respuestas) -> None:
    red.responder = lambda p: _ok({**RESUMEN, "date": p.params["date"]})
    assert len(historia(red, date(2020, 1, 1), date(2020, 1, 31)).mediciones) == LLAMADAS


@pytest.mark.parametrize("resolucion", list(Resolucion))
def test_lo_que_aun_no_paso_no_se_pide(red: Respuestas, resolucion: Resolucion) -> None:
    with pytest.raises(Omitida, match="todavía"):
        historia(red, HOY + timedelta(days=1), HOY + timedelta(days=2), resolucion)
    assert red.pedidas == []


def test_el_dia_que_no_ha_terminado_no_es_historia(red: Respuestas) -> None:
    red.responder = lambda p: _ok({**RESUMEN, "date": p.params["date"]})
    assert [m.fecha for m in historia(red, AYER, HOY + timedelta(days=3)).mediciones] == [AYER]


def test_de_hoy_solo_las_horas_que_ya_son(red: Respuestas) -> None:
    red.responder = lambda p: _ok({"data": [{"dt": int(p.params["dt"]), "temp": 20}]})
    mediciones = historia(red, HOY, HOY, Resolucion.HORARIA).mediciones
    assert 1 <= len(mediciones) <= 24
    assert all(m.observado_en and m.observado_en <= datetime.now(UTC) for m in mediciones)


def test_antes_de_1979_no_hay_nada(red: Respuestas) -> None:
    with pytest.raises(Omitida, match="1979"):
        historia(red, date(1970, 1, 1), date(1978, 12, 31))


def test_el_periodo_empieza_donde_empiezan_sus_datos(red: Respuestas) -> None:
    red.responder = lambda p: _ok({**RESUMEN, "date": p.params["date"]})
    historia(red, date(1970, 1, 1), date(1979, 1, 3))
    assert [p.params["date"] for p in red.pedidas] == ["1979-01-02", "1979-01-03"]


def test_el_dia_en_que_cambia_la_hora_tiene_23_o_25(red: Respuestas) -> None:
    red.responder = lambda p: _ok({"data": [{"dt": int(p.params["dt"]), "temp": 20}]})
    madrid = Lugar(40.4, -3.7, zona_horaria="Europe/Madrid")
    cuantas = [
        len(historia(red, dia, dia, Resolucion.HORARIA, madrid).mediciones)
        for dia in (date(2024, 3, 31), date(2024, 10, 27))
    ]
    assert cuantas == [23, 25]


def test_lo_que_falla_a_mitad_falla_entero(red: Respuestas) -> None:
    def responder(p: Pedida) -> tuple[int, bytes, dict[str, str]]:
        return _ok({**RESUMEN, "date": p.params["date"]}) if p.params["date"] == "2020-01-01" else (429, b"{}", {})

    red.responder = responder
    with pytest.raises(ErrorProveedor) as e:
        historia(red, date(2020, 1, 1), date(2020, 1, 31))
    assert e.value.estado == 429
    assert len(red.pedidas) == 2


def _ok(cuerpo: object) -> tuple[int, bytes, dict[str, str]]:
    return 200, json.dumps(cuerpo).encode(), {}


def _dia_utc(dt: int) -> list[dict[str, Any]]:
    medianoche = dt // 86400 * 86400
    return [{"dt": medianoche + 3600 * n, "temp": 20} for n in range(24)]
