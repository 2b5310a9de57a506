"""The laboratory: the same weather for everybody, six dialects, and faults that come when told to."""

import hashlib
import hmac
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from deploy.laboratorio import comando, crear_app
from deploy.laboratorio.cli import variables
from deploy.laboratorio.clima import Serie, sesgo_de
from deploy.laboratorio.errores import PROVEEDORES
from deploy.laboratorio.fallas import TIPOS, FallaMalaError, leer_texto
from deploy.laboratorio.formulas import aqi_de_pm25
from deploy.laboratorio.ideam import CONJUNTOS
from deploy.laboratorio.servidor import PuertoOcupadoError, crear_servidor
from shared.clima import Lugar
from shared.settings import Settings
from tests.proveedores.servidor import http
from worker.proveedores.cliente import Peticion
from worker.proveedores.openmeteo import OpenMeteo

AHORA = datetime(2026, 3, 10, 17, 7, tzinfo=UTC)
MEDELLIN = {"latitude": 6.245, "longitude": -75.5715}
AQUI = {"lat": 6.245, "lon": -75.5715}
BUENAS = {
    "openweather": "/openweather/data/2.5/weather?lat=6.2&lon=-75.5&appid=k",
    "openmeteo": "/openmeteo/v1/forecast?latitude=6.2&longitude=-75.5&current=temperature_2m",
    "meteoblue": "/meteoblue/packages/current?lat=6.2&lon=-75.5&apikey=k",
    "meteosource": "/meteosource/api/v1/free/point?lat=6.2&lon=-75.5&key=k&sections=current",
    "ideam": "/ideam/resource/sbwg-7ju4.json?codigoestacion=0027015330&$limit=2",
    "siata": "/siata/data/siata_app/41.json",
}


@pytest.fixture(scope="module")
def app() -> Flask:
    return crear_app(lambda: AHORA)


@pytest.fixture
def cliente(app: Flask) -> Iterator[FlaskClient]:
    cliente = app.test_client()
    yield cliente
    cliente.delete("/_laboratorio/fallas")
    cliente.delete("/_laboratorio/peticiones")
    cliente.put("/_laboratorio/secretos", json={})


@pytest.fixture
def base() -> Iterator[str]:
    """The laboratory on a real socket."""
    servidor = crear_servidor(crear_app(lambda: AHORA), "127.0.0.1", 0)
    hilo = Thread(target=servidor.serve_forever, kwargs={"poll_interval": 0.01})
    hilo.start()
    yield f"http://127.0.0.1:{servidor.port}"
    servidor.shutdown()
    hilo.join()


def pedir(cliente: FlaskClient, ruta: str, *estado: int, **parametros: Any) -> Any:
    """The JSON of an answer whose status is estado, 200 unless told."""
    respuesta = cliente.get(ruta, query_string=parametros or None)
    assert (respuesta.status_code,) == (estado or (200,)), respuesta.text
    assert respuesta.headers["X-Laboratorio"] == "climaguru"
    return json.loads(respuesta.text)


def poner(cliente: FlaskClient, *fallas: dict[str, Any]) -> None:
    assert cliente.put("/_laboratorio/fallas", json=list(fallas)).status_code == 200


# the weather


def test_el_tiempo_es_el_mismo_en_otro_proceso() -> None:
    codigo = (
        "from deploy.laboratorio.clima import Serie; s = Serie(6.2, -75.5, [492000.0], 'siata');"
        "print(s.temperatura_c, s.lluvia_mm_h, s.us_aqi, s.codigo_wmo)"
    )
    otro = subprocess.run([sys.executable, "-c", codigo], capture_output=True, text=True, check=True).stdout
    s = Serie(6.2, -75.5, [492000.0], "siata")
    assert otro.strip() == f"{s.temperatura_c} {s.lluvia_mm_h} {s.us_aqi} {s.codigo_wmo}"


def test_el_tiempo_cabe_en_lo_que_existe() -> None:
    s = Serie(4.61, -74.08, [490000 + i for i in range(24 * 60)])
    assert s.altitud_m == pytest.approx(2640, abs=5)
    assert all(2 < t < 26 for t in s.temperatura_c)
    assert all(1006 < p < 1022 for p in s.presion_mar_hpa)
    assert all(730 < p < 765 for p in s.presion_estacion_hpa)
    assert all(0 < h <= 100 for h in s.humedad)
    assert all(0 <= d < 360 for d in s.direccion)
    assert all(u >= 0 for u in s.indice_uv)
    assert all(v > 100 for v in s.visibilidad_m)


def test_casi_siempre_no_llueve_y_entonces_es_cero_exacto() -> None:
    lluvia = Serie(4.61, -74.08, [490000 + i for i in range(24 * 90)]).lluvia_mm_h
    assert 0.6 < lluvia.count(0.0) / len(lluvia) < 0.97


def test_el_codigo_wmo_concuerda_con_la_lluvia_y_las_nubes() -> None:
    s = Serie(6.245, -75.57, [490000 + i for i in range(24 * 90)])
    for codigo, lluvia, nubes in zip(s.codigo_wmo, s.lluvia_mm_h, s.nubes, strict=True):
        assert (codigo >= 51) == (lluvia > 0)
        assert codigo != 0 or nubes < 15


def test_el_tiempo_no_da_saltos() -> None:
    s = Serie(6.245, -75.57, [490000 + i / 12 for i in range(12 * 24 * 5)])
    saltos = [abs(a - b) for a, b in zip(s.temperatura_c, s.temperatura_c[1:], strict=False)]
    assert max(saltos) < 0.6


def test_los_proveedores_concuerdan_sin_ser_iguales() -> None:
    horas = [490000 + i for i in range(48)]
    series = [Serie(6.245, -75.57, horas, p) for p in PROVEEDORES]
    assert len({sesgo_de(p) for p in PROVEEDORES}) == len(PROVEEDORES)
    for temperaturas in zip(*(s.temperatura_c for s in series), strict=True):
        assert 0 < max(temperaturas) - min(temperaturas) < 1.5


def test_el_aqi_sigue_los_cortes_de_la_epa() -> None:
    assert [aqi_de_pm25(pm) for pm in (0, 9, 35.4, 55.4, 125.4, 9999)] == [0, 50, 100, 150, 200, 500]


# Open-Meteo


def test_openmeteo_da_current_con_sus_unidades(cliente: FlaskClient) -> None:
    cuerpo = pedir(
        cliente,
        "/openmeteo/v1/forecast",
        **MEDELLIN,
        current="temperature_2m,wind_speed_10m,precipitation,weather_code",
    )
    assert cuerpo["current"]["time"] == "2026-03-10T17:00"
    assert cuerpo["current"]["interval"] == 900
    assert cuerpo["current_units"]["wind_speed_10m"] == "km/h"
    assert set(cuerpo["current"]) == set(cuerpo["current_units"])


@pytest.mark.parametrize(
    ("unidad", "texto", "factor"), [("ms", "m/s", 3.6), ("mph", "mp/h", 1.609344), ("kn", "kn", 1.852)]
)
def test_openmeteo_convierte_el_viento(cliente: FlaskClient, unidad: str, texto: str, factor: float) -> None:
    def viento(**mas: str) -> Any:
        return pedir(cliente, "/openmeteo/v1/forecast", **MEDELLIN, current="wind_speed_10m", **mas)

    otro = viento(wind_speed_unit=unidad)
    assert otro["current_units"]["wind_speed_10m"] == texto
    assert otro["current"]["wind_speed_10m"] * factor == pytest.approx(viento()["current"]["wind_speed_10m"], abs=0.2)


def test_openmeteo_los_cuatro_cuartos_suman_la_hora_que_acaba_en_current(cliente: FlaskClient) -> None:
    lugar = {"latitude": "5.69", "longitude": "-76.66", "timezone": "auto"}
    cuerpo = pedir(
        cliente, "/openmeteo/v1/forecast", **lugar, current="precipitation", minutely_15="precipitation,weather_code",
        past_minutely_15="3", forecast_minutely_15="1",
    )  # fmt: skip
    tabla = cuerpo["minutely_15"]
    assert cuerpo["minutely_15_units"]["precipitation"] == "mm"
    assert tabla["time"] == ["2026-03-10T11:15", "2026-03-10T11:30", "2026-03-10T11:45", "2026-03-10T12:00"]
    assert tabla["time"][-1] == cuerpo["current"]["time"]
    assert tabla["precipitation"][-1] == cuerpo["current"]["precipitation"]


@pytest.mark.parametrize(
    ("zona", "primero", "ultimo"),
    [
        ("GMT", "2026-03-10T16:15", "2026-03-10T17:00"),
        ("Asia/Kolkata", "2026-03-10T21:15", "2026-03-10T22:00"),  # +05:30, so half an hour early
        ("Pacific/Marquesas", "2026-03-10T07:15", "2026-03-10T08:00"),  # -09:30, half an hour late
    ],
)
def test_openmeteo_cuenta_los_cuartos_en_horas_enteras(
    cliente: FlaskClient, zona: str, primero: str, ultimo: str
) -> None:
    cuartos = {"minutely_15": "precipitation", "past_minutely_15": "3", "forecast_minutely_15": "1"}
    horas = pedir(cliente, "/openmeteo/v1/forecast", **MEDELLIN, **cuartos, timezone=zona)["minutely_15"]["time"]
    assert (horas[0], horas[-1]) == (primero, ultimo)


@pytest.mark.parametrize("zona", ["America/Bogota", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Marquesas"])
def test_el_cliente_de_openmeteo_suma_la_hora_en_cualquier_zona(base: str, zona: str) -> None:
    ajustes = Settings(openmeteo_url=f"{base}/openmeteo")
    lugar = Lugar(6.245, -75.5715, zona_horaria=zona)
    peticion = Peticion(http(), lugar, frozenset({"precipitacion"}))
    m = OpenMeteo(ajustes).tiempo_real(peticion).mediciones[0]
    assert (m.precipitacion is None, m.incomparables) == (False, {})


@pytest.mark.parametrize(
    ("mas", "cuantos"),
    [({}, 288), ({"forecast_days": "1"}, 96), ({"past_days": "1", "forecast_days": "1"}, 192),
     ({"past_minutely_15": "4"}, 292), ({"start_date": "2026-03-10", "end_date": "2026-03-11"}, 192)],
)  # fmt: skip
def test_openmeteo_sin_decir_cuantos_cuartos_da_los_de_tres_dias(
    cliente: FlaskClient, mas: dict[str, str], cuantos: int
) -> None:
    tabla = pedir(cliente, "/openmeteo/v1/forecast", **MEDELLIN, minutely_15="temperature_2m", **mas)["minutely_15"]
    assert len(tabla["time"]) == len(tabla["temperature_2m"]) == cuantos


@pytest.mark.parametrize(
    ("mas", "razon"),
    [
        ({"minutely_15": "lluvia"}, "Cannot initialize SurfaceVariable from invalid String value lluvia"),
        ({"minutely_15": "rain", "past_minutely_15": "-1"}, "Past days is invalid. Allowed range 0 to 8832. Given -1."),
        ({"minutely_15": "rain", "past_minutely_15": "cuatro"}, "Cannot convert 'cuatro' to Int."),
        (
            {"minutely_15": "rain", "past_minutely_15": "4", "start_date": "2026-03-10", "end_date": "2026-03-10"},
            "Parameter 'past_minutely_15' is mutually exclusive with 'start_date' and 'end_date'",
        ),
    ],
)
def test_openmeteo_rechaza_cuartos_imposibles(cliente: FlaskClient, mas: dict[str, str], razon: str) -> None:
    respuesta = cliente.get("/openmeteo/v1/forecast", query_string={**MEDELLIN, **mas})
    assert respuesta.status_code == 400
    assert razon in respuesta.get_json()["reason"]


def test_openmeteo_auto_da_la_zona_y_las_horas_locales(cliente: FlaskClient) -> None:
    cuerpo = pedir(
        cliente,
        "/openmeteo/v1/forecast",
        **MEDELLIN,
        hourly="temperature_2m",
        timezone="auto",
        forecast_days=2,
        past_days=1,
    )
    assert cuerpo["timezone"] == "America/Bogota"
    assert cuerpo["utc_offset_seconds"] == -18000
    assert cuerpo["hourly"]["time"][0] == "2026-03-09T00:00"
    assert len(cuerpo["hourly"]["time"]) == len(cuerpo["hourly"]["temperature_2m"]) == 72


def test_openmeteo_usa_el_desfase_del_momento_de_la_peticion(cliente: FlaskClient) -> None:
    cuerpo = pedir(
        cliente, "/openmeteo/v1/archive", latitude=50.8, longitude=4.3, hourly="temperature_2m",
        start_date="2025-07-01", end_date="2025-07-01", timezone="Europe/Brussels",
    )  # fmt: skip
    assert cuerpo["utc_offset_seconds"] == 3600


def test_openmeteo_unixtime_es_utc_y_vale_lo_mismo(cliente: FlaskClient) -> None:
    fijo = {**MEDELLIN, "hourly": "temperature_2m", "timezone": "auto", "forecast_days": 1}
    texto = pedir(cliente, "/openmeteo/v1/forecast", **fijo)["hourly"]
    unix = pedir(cliente, "/openmeteo/v1/forecast", **fijo, timeformat="unixtime")["hourly"]
    assert unix["time"][0] == datetime(2026, 3, 10, 5, tzinfo=UTC).timestamp()
    assert unix["temperature_2m"] == texto["temperature_2m"]


def test_openmeteo_el_dia_resume_sus_horas(cliente: FlaskClient) -> None:
    cuerpo = pedir(
        cliente, "/openmeteo/v1/archive", **MEDELLIN, start_date="2024-05-01", end_date="2024-05-02",
        timezone="auto", hourly="temperature_2m,precipitation", daily="temperature_2m_max,precipitation_sum",
    )  # fmt: skip
    horas, dias = cuerpo["hourly"], cuerpo["daily"]
    assert dias["temperature_2m_max"] == [
        max(horas["temperature_2m"][:24]),
        max(horas["temperature_2m"][24:]),
    ]
    assert dias["precipitation_sum"][0] == pytest.approx(sum(horas["precipitation"][:24]), abs=0.01)


def test_openmeteo_archivo_no_tiene_los_ultimos_cinco_dias(cliente: FlaskClient) -> None:
    dias = pedir(
        cliente, "/openmeteo/v1/archive", **MEDELLIN, start_date="2026-03-01", end_date="2026-03-10",
        daily="temperature_2m_max",
    )  # fmt: skip
    assert dias["daily"]["temperature_2m_max"][-5:] == [None] * 5
    assert None not in dias["daily"]["temperature_2m_max"][:-5]


@pytest.mark.parametrize(
    ("ruta", "variables"),
    [
        ("archive", {"hourly": "temperature_2m,visibility"}),
        ("archive", {"hourly": "uv_index"}),
        ("archive", {"daily": "uv_index_max"}),
        ("archive", {"daily": "visibility_mean"}),
        ("archive", {"hourly": "us_aqi"}),
        ("forecast", {"daily": "temperature_2m"}),
        ("forecast", {"daily": "uv_index_mean"}),
        ("forecast", {"hourly": "temperature_2m_mean"}),
        ("forecast", {"current": "us_aqi"}),
        ("air-quality", {"current": "temperature_2m"}),
        ("air-quality", {"daily": "us_aqi_max"}),
    ],
)
def test_openmeteo_rechaza_la_variable_que_ese_servicio_no_tiene(
    cliente: FlaskClient, ruta: str, variables: dict[str, str]
) -> None:
    dias = {"start_date": "2026-03-01", "end_date": "2026-03-02"}
    cuerpo = pedir(cliente, f"/openmeteo/v1/{ruta}", 400, **MEDELLIN, **dias, **variables)
    assert cuerpo["error"] is True
    assert f"from invalid String value {next(iter(variables.values())).split(',')[-1]} for key" in cuerpo["reason"]


def test_openmeteo_lee_a_horas_en_punto_aunque_muestre_medias(cliente: FlaskClient) -> None:
    """As ForecastapiQuery.swift does for zones like India's, whose offset is 5:30."""
    india = {"latitude": 28.6, "longitude": 77.2, "hourly": "temperature_2m", "start_date": "2026-03-01"}
    local = pedir(cliente, "/openmeteo/v1/archive", **india, end_date="2026-03-02", timezone="Asia/Kolkata")["hourly"]
    utc = pedir(cliente, "/openmeteo/v1/archive", **india, end_date="2026-03-02")["hourly"]
    assert local["time"][5] == "2026-03-01T05:00"  # which is 23:30 UTC
    assert local["temperature_2m"][5] == utc["temperature_2m"][0]


def test_openmeteo_varias_coordenadas_dan_una_lista(cliente: FlaskClient) -> None:
    uno, dos = pedir(cliente, "/openmeteo/v1/forecast", latitude="6.2,4.6", longitude="-75.5,-74", current="uv_index")
    assert "location_id" not in uno
    assert dos["location_id"] == 1


@pytest.mark.parametrize(
    ("ruta", "parametros", "trozo"),
    [
        ("forecast", {"latitude": 999}, "Latitude must be in range of -90 to 90°. Given: 999.0."),
        ("forecast", {"hourly": "winddiren_10m"}, "from invalid String value winddiren_10m for key hourly"),
        ("forecast", {"wind_speed_unit": "nudos"}, "invalid String value nudos"),
        (
            "forecast",
            {"start_date": "2020-01-01", "end_date": "2020-01-02"},
            "out of allowed range from 2025-12-07 to",
        ),
        ("forecast", {"timezone": "Marte"}, "Invalid timezone"),
        ("archive", {}, "start_date"),
        ("archive", {"start_date": "2024-01-02", "end_date": "2024-01-01"}, "End-date must be larger"),
        ("search", {"name": "Cali", "count": 0}, "Parameter count must be between 1 and 100."),
    ],
)
def test_openmeteo_rechaza_con_400_y_su_razon(
    cliente: FlaskClient, ruta: str, parametros: dict[str, Any], trozo: str
) -> None:
    cuerpo = pedir(cliente, f"/openmeteo/v1/{ruta}", 400, **(MEDELLIN | parametros))
    assert cuerpo["error"] is True
    assert trozo in cuerpo["reason"]


def test_openmeteo_aire_da_us_aqi(cliente: FlaskClient) -> None:
    cuerpo = pedir(cliente, "/openmeteo/v1/air-quality", **MEDELLIN, current="us_aqi,pm2_5", hourly="pm10")
    assert cuerpo["current_units"]["us_aqi"] == "USAQI"
    assert cuerpo["current"]["us_aqi"] == aqi_de_pm25(cuerpo["current"]["pm2_5"])
    assert len(cuerpo["hourly"]["pm10"]) == 120


def test_openmeteo_busca_ciudades_con_y_sin_tilde(cliente: FlaskClient) -> None:
    for nombre in ("Medellín", "medellin"):
        lugar = pedir(cliente, "/openmeteo/v1/search", name=nombre, count=1)["results"][0]
        assert (lugar["country_code"], lugar["timezone"], lugar["admin1"]) == (
            "CO",
            "America/Bogota",
            "Antioquia",
        )
    assert "results" not in pedir(cliente, "/openmeteo/v1/search", name="zzzzzz")


# the other dialects


def test_openweather_sin_clave_o_con_la_mala_da_401(cliente: FlaskClient) -> None:
    for clave in ({}, {"appid": "invalida"}):
        assert pedir(cliente, "/openweather/data/2.5/weather", 401, **AQUI, **clave)["cod"] == 401


def test_openweather_metric_da_ms_y_standard_kelvin(cliente: FlaskClient) -> None:
    metrico = pedir(cliente, "/openweather/data/2.5/weather", **AQUI, appid="k", units="metric", lang="es")
    normal = pedir(cliente, "/openweather/data/2.5/weather", **AQUI, appid="k")
    assert normal["main"]["temp"] - metrico["main"]["temp"] == pytest.approx(273.15, abs=0.02)
    assert normal["wind"]["speed"] == metrico["wind"]["speed"]
    assert metrico["visibility"] <= 10000
    assert metrico["dt"] == AHORA.timestamp()
    assert 1006 < metrico["main"]["pressure"] < 1022


def test_openweather_timemachine_da_un_instante(cliente: FlaskClient) -> None:
    ruta = "/openweather/data/3.0/onecall/timemachine"
    cuerpo = pedir(cliente, ruta, **AQUI, appid="k", dt=1700000000, units="metric")
    assert [fila["dt"] for fila in cuerpo["data"]] == [1700000000]
    assert pedir(cliente, ruta, 400, **AQUI, appid="k", dt=99999999999)["cod"] == "400"


def test_openweather_da_el_resto_de_sus_rutas(cliente: FlaskClient) -> None:
    fijo = {**AQUI, "appid": "k", "units": "metric"}
    assert len(pedir(cliente, "/openweather/data/3.0/onecall", **fijo)["daily"]) == 8
    resumen = pedir(cliente, "/openweather/data/3.0/onecall/day_summary", **fijo, date="2024-01-01")
    assert resumen["temperature"]["min"] < resumen["temperature"]["max"]
    aire = pedir(cliente, "/openweather/data/2.5/air_pollution", **fijo)["list"][0]
    assert aire["main"]["aqi"] in range(1, 6)
    historia = pedir(cliente, "/openweather/data/2.5/air_pollution/history", **fijo, start=1700000000, end=1700007200)
    assert len(historia["list"]) == 2
    assert pedir(cliente, "/openweather/geo/1.0/direct", q="Bogota,CO", appid="k")[0]["country"] == "CO"
    assert pedir(cliente, "/openweather/geo/1.0/direct", q="zzzzzz", appid="k") == []


def test_meteoblue_junta_paquetes(cliente: FlaskClient) -> None:
    cuerpo = pedir(
        cliente, "/meteoblue/packages/current_basic-1h_basic-day_clouds-1h_airquality-1h", **AQUI, apikey="k",
        forecast_days=2, history_days=1,
    )  # fmt: skip
    assert cuerpo["units"]["windspeed"] == "ms-1"
    assert cuerpo["data_current"]["time"] == "2026-03-10 12:00"
    horas = cuerpo["data_1h"]
    assert {len(columna) for columna in horas.values()} == {72}
    assert {"sealevelpressure", "visibility", "airqualityindex", "uvindex"} <= set(horas)
    assert cuerpo["data_day"]["time"] == ["2026-03-09", "2026-03-10", "2026-03-11"]
    assert cuerpo["metadata"]["height"] == pytest.approx(1495, abs=10)


def test_meteoblue_sin_clave_da_403(cliente: FlaskClient) -> None:
    assert "error_message" in pedir(cliente, "/meteoblue/packages/current", 403, **AQUI)


def test_meteoblue_comprueba_la_firma_si_conoce_el_secreto(cliente: FlaskClient) -> None:
    assert cliente.put("/_laboratorio/secretos", json={"meteoblue": "s3creto"}).status_code == 200
    caduca = int(AHORA.timestamp()) + 60
    texto = f"/packages/current?lat=6.2&lon=-75.5&tz=America/Bogota&apikey=k&expire={caduca}"
    sig = hmac.new(b"s3creto", texto.encode(), hashlib.sha256).hexdigest()
    assert cliente.get(f"/meteoblue{texto}&sig={sig}").status_code == 200
    assert cliente.get(f"/meteoblue{texto.replace('a/B', 'a%2FB')}&sig={sig}").status_code == 200
    assert cliente.get(f"/meteoblue{texto}&sig={'0' * 64}").status_code == 403
    assert cliente.get(f"/meteoblue{texto}").status_code == 403


def test_meteosource_free_calla_la_presion_y_el_pasado(cliente: FlaskClient) -> None:
    libre = pedir(
        cliente,
        "/meteosource/api/v1/free/point",
        lat="6.245N",
        lon="75.5715W",
        key="k",
        sections="all",
        language="es",
    )
    assert not {"pressure", "humidity", "uv_index", "visibility"} & set(libre["current"])
    assert (libre["lat"], libre["lon"]) == ("6.24500N", "75.57150W")
    assert len(libre["hourly"]["data"]) == 24
    negado = pedir(cliente, "/meteosource/api/v1/free/time_machine", 403, **AQUI, key="k", date="2024-01-01")
    assert set(negado) == {"detail"}


def test_meteosource_de_pago_da_un_dia_utc(cliente: FlaskClient) -> None:
    cuerpo = pedir(cliente, "/meteosource/api/v1/flexi/time_machine", **AQUI, key="k", date="2024-01-01")
    assert [cuerpo["data"][i]["date"] for i in (0, 23)] == ["2024-01-01T00:00:00", "2024-01-01T23:00:00"]
    actual = pedir(cliente, "/meteosource/api/v1/flexi/point", **AQUI, key="k", sections="current")["current"]
    assert actual["visibility"] < 50


def test_meteosource_toma_la_clave_de_la_cabecera(cliente: FlaskClient) -> None:
    ruta = "/meteosource/api/v1/free/point?lat=6&lon=-75"
    assert cliente.get(ruta).status_code == 403
    assert cliente.get(ruta, headers={"X-API-Key": "k"}).status_code == 200


def test_ideam_filtra_por_caja_y_por_fecha(cliente: FlaskClient) -> None:
    donde = (
        "latitud between 6.0 and 6.5 and longitud between -75.8 and -75.3"
        " and fechaobservacion >= '2026-03-10T09:00:00.000'"
    )
    orden = {"$where": donde, "$order": "fechaobservacion DESC", "$limit": 5000}
    filas = pedir(cliente, "/ideam/resource/57sv-p2fu.json", **orden)
    assert all(isinstance(valor, str) for fila in filas for valor in fila.values())
    assert all(6.0 <= float(fila["latitud"]) <= 6.5 for fila in filas)
    fechas = [fila["fechaobservacion"] for fila in filas]
    assert fechas == sorted(fechas, reverse=True)
    assert (fechas[-1], fechas[0]) == ("2026-03-10T09:00:00.000", "2026-03-10T11:00:00.000")
    unicas = {(f["codigoestacion"], f["codigosensor"], f["fechaobservacion"]) for f in filas}
    assert len(unicas) < len(filas)
    presion = next(float(f["valorobservado"]) for f in filas if f["codigosensor"] == "0255")
    assert 700 < presion < 900


def test_ideam_pagina_sin_perder_filas(cliente: FlaskClient) -> None:
    orden = {
        "$where": "codigoestacion in ('0027015330') and fechaobservacion >= '2024' and fechaobservacion < '2024-01-03'",
        "$order": "fechaobservacion, :id",
        "$select": "fechaobservacion, valorobservado",
    }
    todas = pedir(cliente, "/ideam/resource/sbwg-7ju4.json", **orden)
    partes = [
        pedir(cliente, "/ideam/resource/sbwg-7ju4.json", **orden, **{"$limit": 20, "$offset": i}) for i in (0, 20, 40)
    ]
    assert [fila for parte in partes for fila in parte] == todas
    assert len({fila["fechaobservacion"] for fila in todas}) == 48
    assert set(todas[0]) == {"fechaobservacion", "valorobservado"}


@pytest.mark.parametrize("conjunto", sorted(CONJUNTOS))
def test_ideam_tiene_todos_los_conjuntos(cliente: FlaskClient, conjunto: str) -> None:
    parametros = {"codigoestacion": "0021205791", "$order": "fechaobservacion DESC", "$limit": 1}
    assert pedir(cliente, f"/ideam/resource/{conjunto}.json", **parametros)[0]["municipio"] == "BOGOTÁ"


def test_ideam_rechaza_como_socrata(cliente: FlaskClient) -> None:
    ruta = "/ideam/resource/s54a-sgyg.json"
    assert pedir(cliente, ruta, 400, **{"$where": "bogus = 1"})["code"] == "query.soql.no-such-column"
    for mala in (
        "latitud",
        "latitud between 1",
        "latitud = ",
        "a or b",
        "(latitud = 1",
        "fechaobservacion > 'ayer'",
    ):
        assert pedir(cliente, ruta, 400, **{"$where": mala})["error"] is True
    for cifra in ("²", "٣", "9" * 5000):
        assert pedir(cliente, ruta, 400, **{"$offset": cifra})["error"] is True
        assert pedir(cliente, ruta, 400, **{"$where": f"latitud = {cifra[:9]}²"})["error"] is True
    assert pedir(cliente, "/ideam/resource/aaaa-bbbb.json", 404)["code"] == "dataset.missing"
    assert cliente.get(ruta, headers={"X-App-Token": "invalido"}).status_code == 403


def test_siata_da_cadenas_centinelas_y_una_estacion_vieja(cliente: FlaskClient) -> None:
    buena, sin_meteo, vieja = (pedir(cliente, f"/siata/data/siata_app/{codigo}.json") for codigo in (41, 197, 318))
    assert all(isinstance(valor, str) for valor in buena.values())
    assert 800 < float(buena["p"]) < 900
    assert {sin_meteo[clave] for clave in ("t", "h", "p", "ws", "wd")} == {"-999"}
    assert float(vieja["date"]) < (AHORA - timedelta(days=30)).timestamp() < float(buena["date"])
    estaciones = pedir(cliente, "/siata/data/siata_app/PluviometricaMeteo.json")["estaciones"]
    assert any("_OFF-" in estacion["nombre"] and estacion["valor"] == -999 for estacion in estaciones)


def test_siata_da_el_aire_y_los_mapas(cliente: FlaskClient) -> None:
    medidas = pedir(cliente, "/siata/EntregaData1/Datos_SIATA_Aire_AQ_pm25_Last.json")["measurements"]
    assert any(medida["value"] == -9999 for medida in medidas)
    assert all(medida["date"]["local"].endswith("-05:00") for medida in medidas)
    for mapa in ("pluvios_v2", "tempVient"):
        punto = pedir(cliente, f"/siata/fastgeoapi/geodata/geodataJson/3/{mapa}")["features"][0]["geometry"]
        assert punto["coordinates"][0] < -75


# the faults


def test_todo_proveedor_contesta_bien_y_se_cuenta(cliente: FlaskClient) -> None:
    for ruta in BUENAS.values():
        pedir(cliente, ruta)
    cuentas = pedir(cliente, "/_laboratorio/peticiones")
    assert {p: cuentas[p]["total"] for p in PROVEEDORES} == dict.fromkeys(PROVEEDORES, 1)
    assert cuentas["siata"]["por_ruta"] == {"/data/siata_app/41.json": 1}
    assert cliente.delete("/_laboratorio/peticiones").get_json()["siata"]["total"] == 0


@pytest.mark.parametrize("proveedor", PROVEEDORES)
def test_cada_proveedor_falla_con_sus_palabras(cliente: FlaskClient, proveedor: str) -> None:
    poner(cliente, {"proveedor": proveedor, "tipo": "cuota"})
    respuesta = cliente.get(BUENAS[proveedor])
    assert respuesta.status_code == 429
    clave = {
        "openmeteo": "reason",
        "openweather": "message",
        "meteoblue": "error_message",
        "meteosource": "detail",
    }
    assert clave.get(proveedor, "") in respuesta.text
    assert respuesta.headers["X-Laboratorio"] == "climaguru"


def test_la_proporcion_es_exacta(cliente: FlaskClient) -> None:
    poner(
        cliente,
        {"proveedor": "siata", "tipo": "estado", "estado": 503, "proporcion": 0.3},
        {"proveedor": "siata", "tipo": "estado", "estado": 404, "proporcion": 0.1},
    )
    estados = [cliente.get(BUENAS["siata"]).status_code for _ in range(201)]
    assert (estados.count(503), estados.count(404)) == (60, 20)
    assert all(estados[i : i + 10].count(503) == 3 for i in range(0, 200, 10))


def test_la_proporcion_es_exacta_con_muchos_a_la_vez(base: str) -> None:
    requests.put(
        f"{base}/_laboratorio/fallas",
        json=[{"proveedor": "siata", "tipo": "html", "proporcion": 0.25}],
        timeout=60,
    )
    with ThreadPoolExecutor(8) as hilos:
        tipos = list(
            hilos.map(lambda _: requests.get(base + BUENAS["siata"], timeout=60).headers["Content-Type"], range(80))
        )
    assert sum(tipo.startswith("text/html") for tipo in tipos) == 20
    cuenta = requests.get(f"{base}/_laboratorio/peticiones", timeout=60).json()["siata"]
    assert (cuenta["total"], cuenta["fallas"]) == (80, 20)
    assert 1 <= cuenta["simultaneas_max"] <= 8


def test_la_ruta_limita_la_falla(cliente: FlaskClient) -> None:
    poner(cliente, {"proveedor": "openmeteo", "tipo": "estado", "estado": 500, "ruta": "archive"})
    assert cliente.get(BUENAS["openmeteo"]).status_code == 200
    assert cliente.get("/openmeteo/v1/archive").status_code == 500
    assert cliente.delete("/_laboratorio/fallas").status_code == 200
    assert cliente.get("/openmeteo/v1/archive").status_code == 400


def test_retry_after_redireccion_json_malo_y_basura(cliente: FlaskClient) -> None:
    def con(tipo: str, **mas: Any) -> Any:
        poner(cliente, {"proveedor": "openmeteo", "tipo": tipo, **mas})
        return cliente.get(BUENAS["openmeteo"])

    espera = con("retry_after", retry_after=7, estado=503)
    assert (espera.status_code, espera.headers["Retry-After"]) == (503, "7")
    assert "otro-servidor" in con("redireccion").headers["Location"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(con("json_malo").text)
    assert con("json_malo").status_code == 200
    assert not isinstance(json.loads(con("basura").text), dict) or "current_units" not in json.loads(con("basura").text)
    assert con("demora", demora_s=0).status_code == 200


def test_corte_cierra_sin_responder(base: str) -> None:
    requests.put(f"{base}/_laboratorio/fallas", json=[{"proveedor": "todos", "tipo": "corte"}], timeout=60)
    for ruta in BUENAS.values():
        with pytest.raises(requests.ConnectionError):
            requests.get(base + ruta, timeout=60)


def test_corte_a_medias_deja_la_mitad_del_cuerpo(base: str) -> None:
    requests.put(f"{base}/_laboratorio/fallas", json=[{"proveedor": "siata", "tipo": "corte_a_medias"}], timeout=60)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        requests.get(base + BUENAS["siata"], timeout=60)


def test_goteo_entrega_byte_a_byte(base: str) -> None:
    falla = {"proveedor": "siata", "tipo": "goteo", "demora_s": 0.0005}
    requests.put(f"{base}/_laboratorio/fallas", json=[falla], timeout=60)
    assert requests.get(base + BUENAS["siata"], timeout=60).json()["t"]


def test_colgado_suelta_a_quien_espera_cuando_cambia_el_plan(base: str) -> None:
    requests.put(f"{base}/_laboratorio/fallas", json=[{"proveedor": "siata", "tipo": "colgado"}], timeout=60)
    cortada = Event()

    def esperar() -> None:
        with pytest.raises(requests.ConnectionError):
            requests.get(base + BUENAS["siata"], timeout=60)
        cortada.set()

    hilo = Thread(target=esperar)
    hilo.start()
    while not requests.get(f"{base}/_laboratorio/peticiones", timeout=60).json()["siata"]["total"]:
        pass
    requests.delete(f"{base}/_laboratorio/fallas", timeout=60)
    hilo.join(10)
    assert cortada.is_set()


def test_enorme_pasa_de_32_mib(base: str) -> None:
    requests.put(f"{base}/_laboratorio/fallas", json=[{"proveedor": "siata", "tipo": "enorme"}], timeout=60)
    with requests.get(base + BUENAS["siata"], stream=True, timeout=60) as respuesta:
        assert "Content-Length" not in respuesta.headers
        assert sum(len(trozo) for trozo in respuesta.iter_content(1 << 20)) > 32 * 1024 * 1024


@pytest.mark.parametrize("largo", ["\u00b2", "9" * 5000, "-1", "1e3"])
def test_un_content_length_que_no_es_un_numero_es_413(base: str, largo: str) -> None:
    with socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2])), 20) as enchufe:
        enchufe.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {largo}\r\n\r\n".encode("latin-1"))
        assert enchufe.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_la_conexion_se_mantiene_abierta(base: str) -> None:
    host, puerto = base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(puerto)), timeout=5) as enchufe:
        for _ in range(2):
            enchufe.sendall(b"GET /_laboratorio/salud HTTP/1.1\r\nHost: x\r\n\r\n")
            recibido = b""
            while b'"ahora"' not in recibido:
                recibido += enchufe.recv(4096)
            assert recibido.startswith(b"HTTP/1.1 200")


def test_el_eco_repite_la_clave_en_el_error_y_en_cada_valor(cliente: FlaskClient) -> None:
    for estado in (401, 500, 302, 200):
        cliente.put("/_laboratorio/fallas", json=[{"proveedor": "todos", "tipo": "eco", "estado": estado}])
        for ruta in BUENAS.values():
            respuesta = cliente.get(ruta, headers={"X-Clave": "canaria"})
            assert respuesta.status_code == estado
            assert "canaria" in respuesta.text
            assert ruta.partition("?")[2][:12] in respuesta.text
            assert (estado == 302) == ("canaria" in respuesta.headers.get("Location", ""))


def test_una_cabecera_mala_no_estropea_la_respuesta(base: str) -> None:
    requests.put(f"{base}/_laboratorio/fallas", json=[{"proveedor": "todos", "tipo": "cabecera_mala"}], timeout=60)
    respuesta = requests.get(base + BUENAS["openmeteo"], timeout=60)
    assert respuesta.json()["current"]["temperature_2m"]
    assert "Esto no" not in respuesta.headers


@pytest.mark.parametrize(
    ("falla", "trozo"),
    [
        ({"proveedor": "nadie", "tipo": "corte"}, "proveedor «nadie» desconocido"),
        ({"proveedor": "siata", "tipo": "explota"}, "tipo «explota» desconocido"),
        (
            {"proveedor": "siata", "tipo": "corte", "proporcion": 1.5},
            "«proporcion» debe ser un número entre 0 y 1",
        ),
        ({"proveedor": "siata", "tipo": "estado"}, "necesita «estado»"),
        ({"proveedor": "siata", "tipo": "estado", "estado": 42}, "entre 200 y 599"),
        ({"proveedor": "siata", "tipo": "demora"}, "necesita «demora_s»"),
        ({"proveedor": "siata", "tipo": "corte", "color": "rojo"}, "clave desconocida «color»"),
        ("corte", "cada falla es un objeto"),
    ],
)
def test_una_falla_mal_definida_da_422_y_dice_por_que(cliente: FlaskClient, falla: Any, trozo: str) -> None:
    respuesta = cliente.put("/_laboratorio/fallas", json=[falla])
    assert respuesta.status_code == 422
    assert trozo in respuesta.get_json()["error"]
    assert cliente.put("/_laboratorio/fallas", data="{").status_code == 422


def test_la_falla_de_la_linea_de_ordenes_se_entiende() -> None:
    (falla,) = leer_texto("openmeteo:estado:0.3:estado=503,ruta=archive")
    assert (falla.estado, float(falla.proporcion), falla.ruta) == (503, 0.3, "archive")
    assert len(leer_texto("todos:demora:demora_s=2")) == len(PROVEEDORES)
    for mala in ("siata", "siata:corte:mucho", "siata:estado:1:503"):
        with pytest.raises(FallaMalaError):
            leer_texto(mala)


# the command


def test_la_ayuda_explica_las_variables_y_los_tipos() -> None:
    ayuda = CliRunner().invoke(comando, ["--help"]).output
    assert "OPENMETEO_URL=http://127.0.0.1:5100/openmeteo" in ayuda
    assert all(tipo in ayuda for tipo in TIPOS)


def test_un_puerto_ocupado_se_dice_en_espanol_y_sale_con_1(base: str) -> None:
    puerto = base.rpartition(":")[2]
    resultado = CliRunner().invoke(comando, ["--puerto", puerto])
    assert resultado.exit_code == 1
    assert f"El puerto {puerto} está ocupado" in resultado.output
    with pytest.raises(PuertoOcupadoError):
        crear_servidor(crear_app(), "127.0.0.1", int(puerto))


def test_las_variables_apuntan_a_cada_prefijo() -> None:
    entorno = variables("http://h:1")
    assert entorno["OPENMETEO_ARCHIVE_URL"] == entorno["OPENMETEO_URL"] == "http://h:1/openmeteo"
    assert {url.rpartition("/")[2] for url in entorno.values()} == set(PROVEEDORES)
