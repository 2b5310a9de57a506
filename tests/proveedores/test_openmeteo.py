"""Open-Meteo's client against every recorded body, and against what its documentation allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any

import pytest

from shared.clima import CAMPOS_NUMERICOS, Lugar, Medicion, Periodo, Resolucion, iso_utc
from shared.settings import Settings
from tests.proveedores.servidor import Respuestas, cuerpo, errores, exitos, http, iguales, servir
from worker.proveedores.cliente import Lectura, Peticion
from worker.proveedores.http import ErrorProveedor, Esperas, Http, Omitida, crear_sesion
from worker.proveedores.openmeteo import OpenMeteo, costo_de
from worker.proveedores.openmeteo_lectura import leer_lugares, leer_serie

BOGOTA = Lugar(4.60971, -74.08175, zona_horaria="America/Bogota")
TODOS = frozenset((*CAMPOS_NUMERICOS, "descripcion_clima"))
SIN_AIRE = TODOS - {"calidad_aire"}
AYER = datetime.now(UTC).date() - timedelta(days=1)
# 00:00 in Bogotá; the quarter that ends then had 0.3 mm
CUARTOS: dict[str, Any] = {
    "utc_offset_seconds": -18000,
    "current": {"time": "2026-01-01T00:00", "interval": 900, "precipitation": 0.3},
}


@pytest.fixture
def red() -> Iterator[Respuestas]:
    with servir() as respuestas:
        yield respuestas


def cliente(red: Respuestas) -> OpenMeteo:
    return OpenMeteo(
        Settings(
            openmeteo_url=red.base,
            openmeteo_archive_url=red.base,
            openmeteo_air_url=red.base,
            openmeteo_geocoding_url=red.base,
        )
    )


def ahora(red: Respuestas, campos: frozenset[str] = SIN_AIRE) -> Medicion:
    return cliente(red).tiempo_real(Peticion(http(), BOGOTA, campos)).mediciones[0]


def historia(red: Respuestas, inicio: date, fin: date, resolucion: Resolucion, campos: frozenset[str]) -> Lectura:
    return cliente(red).historico(Peticion(http(), BOGOTA, campos), Periodo(inicio, fin, resolucion))


def comparar(medicion: Medicion, esperado: dict[str, Any]) -> None:
    aparte = medicion.incomparables  # what the record has there is of 15 minutes, or a day's strongest wind
    assert set(iguales(medicion.valores(), esperado, CAMPOS_NUMERICOS)) == set(aparte)
    guardadas = {"precipitacion": "precipitacion_15min_mm", "velocidad_viento": "viento_maximo_kmh"}
    assert {c: medicion.extras[guardadas[c]] for c in aparte} == {c: pytest.approx(esperado[c]) for c in aparte}
    assert medicion.codigo_clima == esperado["codigo_clima"]
    assert (medicion.descripcion_clima is None) == (esperado["descripcion_clima"] is None)
    assert iso_utc(medicion.observado_en) == esperado["observado_en"]


@pytest.mark.parametrize(("ficha", "esperado"), exitos("open_meteo", "tiempo_real"))
def test_lee_los_cuerpos_grabados_de_ahora(red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any]) -> None:
    red.siempre(cuerpo(ficha))
    aire = "air_quality" in ficha["archivo"]
    comparar(ahora(red, TODOS if aire else SIN_AIRE), esperado)


@pytest.mark.parametrize(("ficha", "esperado"), exitos("open_meteo", "historico"))
@pytest.mark.parametrize("resolucion", list(Resolucion))
def test_lee_los_cuerpos_grabados_de_historia(
    red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any], resolucion: Resolucion
) -> None:
    clave = "registros_diarios" if resolucion == Resolucion.DIARIA else "registros"
    lugares = json.loads(cuerpo(ficha))
    pares = zip(lugares, esperado["ubicaciones"], strict=True) if isinstance(lugares, list) else [(lugares, esperado)]
    for uno, suyo in pares:
        registros = suyo.get(clave) or []
        if not registros:
            with pytest.raises(ErrorProveedor):
                leer_serie(uno, resolucion)
            continue
        mediciones = leer_serie(uno, resolucion)
        assert len(mediciones) == len(registros)
        for medicion, registro in zip(mediciones, registros, strict=True):
            comparar(medicion, registro)
            if "fecha" in registro:
                assert str(medicion.fecha) == registro["fecha"]


@pytest.mark.parametrize("ficha", errores("open_meteo"))
def test_los_errores_grabados_son_errores_con_motivo(red: Respuestas, ficha: dict[str, Any]) -> None:
    red.siempre(cuerpo(ficha), estado=ficha["estado_http"])
    with pytest.raises(ErrorProveedor) as e:
        ahora(red)
    assert e.value.estado == ficha["estado_http"]
    assert not e.value.reintentable  # a spent day and a bad request are not worth repeating
    assert len(red.pedidas) == 1


@pytest.mark.parametrize(("ficha", "esperado"), exitos("open_meteo", "geocodificacion"))
def test_lee_los_lugares_grabados(ficha: dict[str, Any], esperado: dict[str, Any]) -> None:
    nuestros = [
        {c: getattr(lugar, c) for c in ("nombre", "pais", "region", "latitud", "longitud", "zona_horaria")}
        for lugar in leer_lugares(json.loads(cuerpo(ficha)))
    ]
    assert nuestros == esperado["lugares"]


def test_pide_lo_que_hace_falta_y_en_nuestras_unidades(red: Respuestas) -> None:
    red.siempre({"current": {"time": "2026-01-01T00:00", "temperature_2m": 1}})
    ahora(red, frozenset({"temperatura", "descripcion_clima"}))
    assert red.pedidas[0].ruta == "/v1/forecast"
    assert red.pedidas[0].params == {
        "latitude": "4.60971",
        "longitude": "-74.08175",
        "current": "temperature_2m,weather_code",
        "wind_speed_unit": "kmh",
        "timezone": "America/Bogota",
    }


def test_cree_las_unidades_del_cuerpo_y_no_las_pedidas(red: Respuestas) -> None:
    unidades = {"temperature_2m": "°F", "wind_speed_10m": "m/s", "precipitation": "inch", "visibility": "ft"}
    valores = {"temperature_2m": 50, "wind_speed_10m": 10, "precipitation": 1, "visibility": 1000}
    hora = {"time": "2026-01-01T00:00", "interval": 3600}
    red.siempre({"current_units": unidades, "current": {**hora, **valores}})
    m = ahora(red)
    assert (m.temperatura, m.velocidad_viento, m.precipitacion) == pytest.approx((10, 36, 25.4))
    assert m.visibilidad == pytest.approx(304.8)


def test_el_cero_es_un_valor_y_lo_que_falta_es_none(red: Respuestas) -> None:
    red.siempre({"current": {**CUARTOS["current"], "temperature_2m": 0.0, "uv_index": None}, **_cuartos([0.0] * 4)})
    m = ahora(red)
    assert (m.temperatura, m.precipitacion, m.indice_uv, m.visibilidad) == (0.0, 0.0, None, None)


def test_la_lluvia_de_ahora_es_la_de_los_cuatro_cuartos_de_la_ultima_hora(red: Respuestas) -> None:
    red.siempre({**CUARTOS, **_cuartos([9.0, 0.1, 0.2, 0.0, 0.4, 9.0], desde=-4)})
    m = ahora(red)
    assert m.precipitacion == pytest.approx(0.7)
    assert (m.incomparables, m.extras) == ({}, {})
    pedida = red.pedidas[0].params
    assert pedida["minutely_15"] == "precipitation"
    assert (pedida["past_minutely_15"], pedida["forecast_minutely_15"]) == ("6", "4")


def test_la_lluvia_de_ahora_va_en_las_unidades_de_sus_cuartos(red: Respuestas) -> None:
    red.siempre({**CUARTOS, **_cuartos([0.0, 0.0, 0.0, 1.0]), "minutely_15_units": {"precipitation": "inch"}})
    assert ahora(red).precipitacion == pytest.approx(25.4)


@pytest.mark.parametrize(
    "cuartos",
    [
        {},
        {"minutely_15": None},
        {"minutely_15": {"time": "ayer"}},
        {"minutely_15": {"time": ["2026-01-01T05:15"], "precipitation": [1.0]}},
        {"minutely_15": {"time": [None, 7, [], {}], "precipitation": [0, 0, 0, 0]}, "minutely_15_units": [1]},
    ],
)
def test_sin_la_hora_entera_la_lluvia_de_un_cuarto_queda_aparte(red: Respuestas, cuartos: dict[str, Any]) -> None:
    red.siempre({**CUARTOS, **cuartos})
    m = ahora(red)
    assert m.precipitacion is None
    assert m.incomparables["precipitacion"] == "solo da la lluvia de los últimos 15 minutos, no la de la última hora"
    assert m.extras == {"precipitacion_15min_mm": 0.3}


@pytest.mark.parametrize("roto", [None, -999, "0.1", True, 1e6])
def test_un_cuarto_roto_no_deja_sumar_la_hora(red: Respuestas, roto: Any) -> None:
    red.siempre({**CUARTOS, **_cuartos([0.0, 0.1, roto, 0.3])})
    assert ahora(red).precipitacion is None


def test_quien_no_pide_lluvia_no_pide_cuartos(red: Respuestas) -> None:
    red.siempre({**CUARTOS})
    ahora(red, frozenset({"temperatura"}))
    assert "minutely_15" not in red.pedidas[0].params


def test_una_visibilidad_de_15_millas_es_el_tope_del_modelo(red: Respuestas) -> None:
    for metros, tope in ((24140.0, True), (24100.0, False), (35660.0, False), (None, False)):
        red.siempre({"current": {**CUARTOS["current"], "visibility": metros}})
        assert ahora(red).visibilidad_tope == tope


def test_el_viento_de_un_dia_es_el_medio_y_nunca_el_maximo() -> None:
    dias = {"time": ["2024-01-01", "2024-01-02"], "wind_speed_10m_max": [30.0, 40.0]}
    primero, segundo = leer_serie({"daily": {**dias, "wind_speed_10m_mean": [10.0, None]}}, Resolucion.DIARIA)
    assert (primero.velocidad_viento, primero.extras, primero.incomparables) == (10.0, {}, {})
    assert (segundo.velocidad_viento, segundo.extras) == (None, {"viento_maximo_kmh": 40.0})
    assert "máximo" in segundo.incomparables["velocidad_viento"]
    assert [m.velocidad_viento for m in leer_serie({"daily": dias}, Resolucion.DIARIA)] == [None, None]


def test_si_el_aire_falla_solo_se_pierde_el_aire(red: Respuestas) -> None:
    bueno = json.dumps({"current": {"time": "2026-01-01T00:00", "temperature_2m": 20}}).encode()
    red.responder = lambda p: (400, b'{"error":true}', {}) if "air-quality" in p.ruta else (200, bueno, {})
    m = ahora(red, TODOS)
    assert (m.temperatura, m.calidad_aire) == (20, None)
    assert "calidad_aire" in m.extras


def test_si_solo_se_pide_aire_no_se_pregunta_el_tiempo_y_su_fallo_es_un_fallo(red: Respuestas) -> None:
    aire = frozenset({"calidad_aire"})
    horas = [f"2024-01-{d:02}T{h:02}:00" for d in (1, 2) for h in range(24)]
    bueno = {"current": {"time": "2026-01-01T00:00", "us_aqi": 40}, "hourly": {"time": horas, "us_aqi": [30] * 48}}
    red.siempre(bueno)
    enero = (date(2024, 1, 1), date(2024, 1, 1))
    assert ahora(red, aire).calidad_aire == 40
    (dia,) = historia(red, *enero, Resolucion.DIARIA, aire).mediciones
    assert (dia.fecha, dia.calidad_aire, iso_utc(dia.observado_en)) == (enero[0], 30, "2024-01-01T05:00:00Z")
    assert len(historia(red, *enero, Resolucion.HORARIA, aire).mediciones) == 24
    assert {p.ruta for p in red.pedidas} == {"/v1/air-quality"}
    red.siempre({"error": True}, estado=400)
    with pytest.raises(ErrorProveedor):
        ahora(red, aire)
    for resolucion in Resolucion:
        with pytest.raises(ErrorProveedor):
            historia(red, *enero, resolucion, aire)


def test_una_serie_a_la_que_le_falta_el_aire_lo_dice(red: Respuestas) -> None:
    """So that its nulls are not kept for others."""
    dias = {"time": ["2024-01-01"], "temperature_2m_mean": [20.0]}
    bueno = json.dumps({"daily": dias, "hourly": {"time": ["2024-01-01T00:00"], "us_aqi": [30]}}).encode()
    red.responder = lambda _: (200, bueno, {})
    enero = (date(2024, 1, 1), date(2024, 1, 1), Resolucion.DIARIA)
    assert not historia(red, *enero, TODOS).incompleta
    red.responder = lambda p: (400, b'{"error":true}', {}) if "air-quality" in p.ruta else (200, bueno, {})
    assert historia(red, *enero, TODOS).incompleta
    assert not historia(red, *enero, SIN_AIRE).incompleta


def test_sin_presupuesto_para_el_aire_solo_se_pierde_el_aire(red: Respuestas) -> None:
    red.siempre({"current": {"time": "2026-01-01T00:00", "temperature_2m": 20}})
    llamadas = iter([nullcontext()])

    def permiso(_: int) -> AbstractContextManager[None]:
        if (primera := next(llamadas, None)) is None:
            raise Omitida("presupuesto agotado")
        return primera

    con_uno = Http(crear_sesion(2), Esperas(1, 1), monotonic() + 5, permiso)
    m = cliente(red).tiempo_real(Peticion(con_uno, BOGOTA, TODOS)).mediciones[0]
    assert (m.temperatura, m.calidad_aire) == (20, None)
    assert "presupuesto" in m.extras["calidad_aire"]


@pytest.mark.parametrize(
    ("params", "costo"),
    [
        ({"current": "a,b"}, 1),
        ({"current": "a,b,c,d,e,f,g,h,i", "minutely_15": "a"}, 1),
        ({"current": "a,b,c,d,e,f,g,h,i,j", "minutely_15": "a"}, 2),
        ({"hourly": ",".join("abcdefghijklmno")}, 2),
        ({"daily": "a", "start_date": "2026-01-01", "end_date": "2026-01-14"}, 1),
        ({"daily": "a", "start_date": "2025-01-01", "end_date": "2025-12-31"}, 27),
    ],
)
def test_una_llamada_grande_cuenta_por_varias(params: dict[str, str], costo: int) -> None:
    assert costo_de(params) == costo


def test_lo_reciente_sale_del_pronostico_y_lo_viejo_del_archivo(red: Respuestas) -> None:
    red.responder = lambda p: (200, _serie(p.params["start_date"], p.params["end_date"]), {})
    inicio = AYER - timedelta(days=20)
    lectura = historia(red, inicio, AYER, Resolucion.DIARIA, SIN_AIRE)
    assert [p.ruta for p in red.pedidas] == ["/v1/archive", "/v1/forecast"]
    assert [m.fecha for m in lectura.mediciones] == [inicio + timedelta(days=n) for n in range(21)]


def test_lo_que_aun_no_paso_no_es_historia(red: Respuestas) -> None:
    hoy = datetime.now(UTC).date()
    manana = hoy + timedelta(days=1)
    red.responder = lambda p: (200, _serie(str(hoy - timedelta(days=1)), str(manana)), {})
    lectura = historia(red, hoy - timedelta(days=1), hoy, Resolucion.DIARIA, SIN_AIRE)
    assert [m.fecha for m in lectura.mediciones] == [hoy - timedelta(days=1)]


def test_el_desfase_del_cuerpo_vale_para_todo_el_rango() -> None:
    horas = {"time": ["2023-01-15T00:00", "2023-07-15T00:00"], "temperature_2m": [1, 2]}
    mediciones = leer_serie({"utc_offset_seconds": 7200, "hourly": horas}, Resolucion.HORARIA)
    assert [iso_utc(m.observado_en) for m in mediciones] == ["2023-01-14T22:00:00Z", "2023-07-14T22:00:00Z"]


def test_unixtime_es_utc_tal_cual(red: Respuestas) -> None:
    red.siempre({"utc_offset_seconds": -18000, "current": {"time": 1767225600, "temperature_2m": 1}})
    assert iso_utc(ahora(red).observado_en) == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("raro", [[], "hola", {"current": None}, {"current": {}, "error": True}, 7, None])
def test_un_cuerpo_de_otra_forma_es_un_error_y_no_un_cero(red: Respuestas, raro: object) -> None:
    red.siempre(raro)
    with pytest.raises(ErrorProveedor):
        ahora(red)


def test_la_ciudad_debe_llamarse_exactamente_asi(red: Respuestas) -> None:
    parecida = {"name": "Debre Tabor", "latitude": 1, "longitude": 2, "country_code": "ET"}
    exacta = {"name": "Samará", "latitude": 3, "longitude": 4, "country_code": "CR"}
    red.siempre({"results": [parecida, exacta]})
    hallada = cliente(red).resolver(http(), "samara")
    assert hallada is not None
    assert (hallada.latitud, hallada.longitud) == (3, 4)
    assert cliente(red).resolver(http(), "Samara, RU") is None


def _cuartos(lluvias: list[Any], desde: int = -3) -> dict[str, Any]:
    """Quarters of an hour from so many before midnight on."""
    medianoche = datetime(2026, 1, 1)  # noqa: DTZ001, as local as their own texts
    horas = [f"{medianoche + timedelta(minutes=15 * (desde + n)):%Y-%m-%dT%H:%M}" for n in range(len(lluvias))]
    return {"utc_offset_seconds": -18000, "minutely_15": {"time": horas, "precipitation": lluvias}}


def _serie(inicio: str, fin: str) -> bytes:
    dias = (date.fromisoformat(fin) - date.fromisoformat(inicio)).days + 1
    fechas = [str(date.fromisoformat(inicio) + timedelta(days=n)) for n in range(dias)]
    return json.dumps({"daily": {"time": fechas, "temperature_2m_mean": [20.0] * dias}}).encode()
