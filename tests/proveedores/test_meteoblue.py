"""Meteoblue's client against every recorded body, and against what its documentation allows."""

from __future__ import annotations

import hmac
import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from shared.clima import CAMPOS_NUMERICOS, Lugar, Medicion, Periodo, Resolucion, iso_utc
from shared.settings import Settings
from tests.proveedores.servidor import Respuestas, cuerpo, errores, exitos, http, iguales, servir
from worker.proveedores.cliente import Clave, Lectura, Peticion
from worker.proveedores.http import ErrorProveedor, Omitida
from worker.proveedores.meteoblue import DIAS_ATRAS, Meteoblue, firma
from worker.proveedores.meteoblue_lectura import PICTOCODIGOS_DIARIOS, PICTOCODIGOS_HORARIOS, leer_actual, leer_serie

BOGOTA = Lugar(4.60971, -74.08175, zona_horaria="America/Bogota", altura_m=2582.0)
TODOS = frozenset((*CAMPOS_NUMERICOS, "descripcion_clima"))
CLAVE = Clave("clave0123")
FIRMANTE = Clave("clave0123", "secreto")
HOY = datetime.now(ZoneInfo("America/Bogota")).date()
DIARIA, HORARIA = Resolucion.DIARIA, Resolucion.HORARIA


@pytest.fixture
def red() -> Iterator[Respuestas]:
    with servir() as respuestas:
        yield respuestas


def ahora(base: str, clave: Clave | None = CLAVE, campos: frozenset[str] = TODOS, lugar: Lugar = BOGOTA) -> Lectura:
    return Meteoblue(Settings(meteoblue_url=base)).tiempo_real(Peticion(http(), lugar, campos, clave))


def historia(base: str, inicio: date, fin: date, resolucion: Resolucion, clave: Clave | None = CLAVE) -> Lectura:
    peticion = Peticion(http(), BOGOTA, TODOS, clave)
    return Meteoblue(Settings(meteoblue_url=base)).historico(peticion, Periodo(inicio, fin, resolucion))


def actual(unidades: dict[str, str] | None = None, **valores: object) -> dict[str, Any]:
    """A body of now at 09:20 local in UTC-5, with hours from 08 to 10."""
    horas = {"time": ["2026-03-01 08:00", "2026-03-01 09:00", "2026-03-01 10:00"]}
    return {
        "metadata": {"utc_timeoffset": -5.0, "height": 2640},
        "units": unidades or {},
        "data_current": {"time": "2026-03-01 09:20", **valores},
        "data_1h": {
            **horas,
            "relativehumidity": [1, 70, 3],
            "sealevelpressure": [1, 1015.5, 3],
            "windspeed": [1, 2, 3],
        },
    }


def dias(*marcas: object, desfase: float | None = -5.0, **columnas: Any) -> dict[str, Any]:
    metadatos = {} if desfase is None else {"utc_timeoffset": desfase}
    return {"metadata": metadatos, "data_day": {"time": list(marcas), "temperature_mean": [20.0] * 9, **columnas}}


def comparar(medicion: Medicion, esperado: dict[str, Any]) -> None:
    assert iguales(medicion.valores(), esperado, CAMPOS_NUMERICOS) == {}
    assert medicion.codigo_clima == esperado["codigo_clima"]
    assert (medicion.descripcion_clima is None) == (esperado["descripcion_clima"] is None)
    assert iso_utc(medicion.observado_en) == esperado["observado_en"]


@pytest.mark.parametrize(("ficha", "esperado"), exitos("meteoblue", "tiempo_real"))
def test_lee_los_cuerpos_grabados_de_ahora(red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any]) -> None:
    red.siempre(cuerpo(ficha))
    comparar(ahora(red.base).mediciones[0], esperado)


@pytest.mark.parametrize(("ficha", "esperado"), exitos("meteoblue", "historico"))
@pytest.mark.parametrize("resolucion", list(Resolucion))
def test_lee_los_cuerpos_grabados_de_historia(
    red: Respuestas, ficha: dict[str, Any], esperado: dict[str, Any], resolucion: Resolucion
) -> None:
    red.siempre(cuerpo(ficha))
    registros = esperado.get("registros_diarios" if resolucion == DIARIA else "registros") or []
    if not registros:
        with pytest.raises(ErrorProveedor):
            historia(red.base, HOY - timedelta(days=1), HOY, resolucion)
        return
    mediciones = leer_serie(http().json(red.base), resolucion)
    assert len(mediciones) == len(registros)
    for medicion, registro in zip(mediciones, registros, strict=True):
        comparar(medicion, registro)
        assert str(medicion.fecha) == registro.get("fecha", str(medicion.fecha))


@pytest.mark.parametrize("ficha", errores("meteoblue"))
def test_los_errores_grabados_son_errores_con_motivo(red: Respuestas, ficha: dict[str, Any]) -> None:
    red.siempre(cuerpo(ficha), estado=ficha["estado_http"])
    with pytest.raises(ErrorProveedor) as e:
        ahora(red.base)
    assert (e.value.estado, e.value.reintentable) == (ficha["estado_http"], False)
    assert e.value.motivo == "rechazó la clave o la firma"
    assert len(red.pedidas) == 1


def test_pide_los_dos_paquetes_en_una_sola_llamada(red: Respuestas) -> None:
    red.siempre(actual(temperature=18))
    lectura = ahora(red.base)
    assert [p.ruta for p in red.pedidas] == ["/packages/current_basic-1h"]
    assert red.pedidas[0].params == {
        "lat": "4.60971",
        "lon": "-74.08175",
        "asl": "2582",
        "apikey": "clave0123",
        "format": "json",
        "timeformat": "iso8601",
        "tz": "America/Bogota",
        "forecast_days": "1",
    }
    assert lectura.altura_m == 2640
    assert lectura.mediciones[0].extras == {"creditos_estimados": 16_000}


def test_lo_que_no_da_el_paquete_actual_sale_de_su_hora() -> None:
    m = leer_actual(actual(temperature=18.5, windspeed=None, pictocode=4, pictocode_detailed=22))
    assert (m.temperatura, m.humedad_relativa, m.presion_atmosferica) == (18.5, 70, 1015.5)
    assert m.velocidad_viento == pytest.approx(7.2)
    assert (m.codigo_clima, m.descripcion_clima) == (4, "Cubierto")
    assert iso_utc(m.observado_en) == "2026-03-01T14:20:00Z"


def test_el_cero_es_un_valor_y_no_se_busca_en_la_hora() -> None:
    m = leer_actual(actual(temperature=0, windspeed=0.0))
    assert (m.temperatura, m.velocidad_viento, m.indice_uv) == (0.0, 0.0, None)


def test_sin_la_hora_correspondiente_no_se_toma_otra() -> None:
    lejos = actual(temperature=18, time="2026-03-01 23:20")
    sin_hora = actual(temperature=18, time=None)
    for raro in (lejos, sin_hora, {**actual(temperature=18), "data_1h": None}):
        m = leer_actual(raro)
        assert (m.temperatura, m.humedad_relativa) == (18, None)


def test_cada_juego_de_pictocodigos_tiene_su_tabla() -> None:
    assert sorted(PICTOCODIGOS_DIARIOS) == list(range(1, 18))
    assert sorted(PICTOCODIGOS_HORARIOS) == list(range(1, 36))
    de_dia = leer_actual(actual(pictocode=6, pictocode_detailed=23))
    assert de_dia.descripcion_clima == "Lluvia moderada"
    assert de_dia.extras["cielo_propio"] == {"codigo": 6, "texto": "Cubierto con lluvia"}
    de_hora = leer_actual(actual(pictocode_detailed=6))
    assert de_hora.descripcion_clima == "Mayormente despejado"
    assert de_hora.extras["cielo_propio"] == {"codigo": 6, "texto": "Despejado con pocas nubes bajas"}
    nuevo = leer_actual(actual(pictocode=99))
    assert (nuevo.codigo_clima, nuevo.descripcion_clima) == (99, None)
    assert nuevo.extras["cielo_propio"] == {"codigo": 99}


@pytest.mark.parametrize(
    ("unidades", "esperado"),
    [
        ({"temperature": "F", "windspeed": "kmh"}, (10.0, 10.0)),
        ({"temperature": "C", "windspeed": "mph"}, (50.0, 16.09344)),
        ({"temperature": "K", "windspeed": "kn"}, (-223.15, 18.52)),
        ({}, (50.0, 36.0)),
        ({"temperature": "°F", "windspeed": "ms-1"}, (10.0, 36.0)),
        ({"temperature": "rara", "windspeed": "bft"}, (None, None)),
    ],
)
def test_cree_las_unidades_del_cuerpo(unidades: dict[str, str], esperado: tuple[float | None, float | None]) -> None:
    m = leer_actual({**actual(unidades, temperature=50, windspeed=10), "data_1h": {}})
    assert (m.temperatura, m.velocidad_viento) == tuple(e if e is None else pytest.approx(e) for e in esperado)


def test_la_lluvia_en_pulgadas_y_la_presion_en_otras_unidades() -> None:
    raro = dias("2026-03-01", precipitation=[1], sealevelpressure_mean=[760], visibility_mean=[9])
    raro["units"] = {"precipitation": "inch", "pressure": "mmHg", "visibility": "km"}
    m = leer_serie(raro, DIARIA)[0]
    assert (m.precipitacion, m.presion_atmosferica) == pytest.approx((25.4, 1013.25))
    assert m.visibilidad == 9000


@pytest.mark.parametrize(
    ("dicho", "grados"),
    [("NE", 45), ("NNE", 22.5), ("nw", 315), ("N", 0), (270, 270), (0, 0), ("variable", None), (None, None)],
)
def test_la_direccion_puede_ser_un_punto_cardinal(dicho: object, grados: float | None) -> None:
    assert leer_serie(dias("2026-03-01", winddirection=[dicho]), DIARIA)[0].direccion_viento == grados


@pytest.mark.parametrize(
    "marca",
    ["2026-03-01 09:00", "2026-03-01T09:00-05:00", "2026-03-01T14:00Z", 1772373600, 1772373600000],
)
def test_la_hora_se_entiende_en_todos_los_formatos(marca: object) -> None:
    m = leer_serie({"metadata": {"utc_timeoffset": -5}, "data_1h": {"time": [marca]}}, HORARIA)[0]
    assert (iso_utc(m.observado_en), m.fecha) == ("2026-03-01T14:00:00Z", date(2026, 3, 1))


def test_el_dia_de_una_hora_en_utc_es_el_local() -> None:
    m = leer_serie({"metadata": {"utc_timeoffset": -5}, "data_1h": {"time": ["2026-03-02T03:00Z"]}}, HORARIA)[0]
    assert m.fecha == date(2026, 3, 1)


def test_el_texto_con_desfase_manda_sobre_el_del_cuerpo() -> None:
    m = leer_serie({"metadata": {"utc_timeoffset": 2}, "data_1h": {"time": ["2026-01-10T00:00+01:00"]}}, HORARIA)[0]
    assert (iso_utc(m.observado_en), m.fecha) == ("2026-01-09T23:00:00Z", date(2026, 1, 10))


@pytest.mark.parametrize("desfase", [-5.0, 3.0, 5.5, 0.0, -9.0, 13.0])
@pytest.mark.parametrize("veces", [1, -1, 0])
def test_el_dia_de_una_marca_no_depende_de_como_la_desplacen(desfase: float, veces: int) -> None:
    """1: as recorded in Minsk; -1: local midnight; 0: the date's midnight in UTC."""
    marca = datetime(2026, 3, 1, tzinfo=UTC) + veces * timedelta(hours=desfase)
    m = leer_serie(dias(int(marca.timestamp() * 1000), desfase=desfase), DIARIA)[0]
    assert m.fecha == date(2026, 3, 1)
    assert m.observado_en == datetime(2026, 3, 1, tzinfo=UTC) - timedelta(hours=desfase)


def test_sin_desfase_la_fecha_vale_y_el_instante_no_se_inventa() -> None:
    m = leer_serie(dias("2026-03-01", desfase=None), DIARIA)[0]
    assert (m.fecha, m.observado_en) == (date(2026, 3, 1), None)


def test_columnas_cortas_nulas_o_ausentes_son_none() -> None:
    corto = dias("2026-03-01", "2026-03-02", temperature_mean=[20.0], precipitation=[None, 0.0], uvindex=None)
    primero, segundo = leer_serie(corto, DIARIA)
    assert (primero.temperatura, primero.precipitacion, primero.indice_uv) == (20.0, None, None)
    assert (segundo.temperatura, segundo.precipitacion, segundo.descripcion_clima) == (None, 0.0, None)


@pytest.mark.parametrize("falso", ["21", True, float("nan"), float("inf"), 10**400, ["1"], [], {}])
def test_lo_que_no_es_un_numero_no_se_vuelve_numero(falso: object) -> None:
    assert leer_actual(actual(temperature=falso)).temperatura is None


def test_de_la_historia_se_pide_lo_que_hay_y_no_el_futuro(red: Respuestas) -> None:
    marcas = [str(HOY + timedelta(days=n)) for n in range(-DIAS_ATRAS, 2)]
    red.siempre(dias(*marcas))
    lectura = historia(red.base, HOY - timedelta(days=30), HOY, DIARIA)
    assert red.pedidas[0].ruta == "/packages/basic-day"
    assert (red.pedidas[0].params["history_days"], red.pedidas[0].params["forecast_days"]) == ("4", "1")
    assert [m.fecha for m in lectura.mediciones] == [HOY - timedelta(days=n) for n in range(DIAS_ATRAS, 0, -1)]


def test_la_historia_se_ciñe_al_periodo(red: Respuestas) -> None:
    red.siempre(dias(*[str(HOY + timedelta(days=n)) for n in range(-DIAS_ATRAS, 2)]))
    dos = HOY - timedelta(days=3), HOY - timedelta(days=2)
    assert tuple(m.fecha for m in historia(red.base, *dos, DIARIA).mediciones) == dos
    assert red.pedidas[0].params["history_days"] == "3"


def test_las_horas_por_venir_no_son_historia(red: Respuestas) -> None:
    en_punto = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    local = en_punto.astimezone(timezone(timedelta(hours=-5)))  # as they write it: the place's day, with its offset
    horas = [(local + timedelta(hours=n)).isoformat(timespec="minutes") for n in (-1, 0, 1, 2)]
    red.siempre({"metadata": {"utc_timeoffset": -5}, "data_1h": {"time": horas, "temperature": [1, 2, 3, 4]}})
    lectura = historia(red.base, HOY - timedelta(days=1), HOY + timedelta(days=1), HORARIA)
    assert red.pedidas[0].ruta == "/packages/basic-1h"
    assert [m.temperatura for m in lectura.mediciones] == [1, 2]
    assert all(m.fecha is not None and m.observado_en is not None for m in lectura.mediciones)


@pytest.mark.parametrize(
    ("hace", "hasta", "resolucion", "motivo"),
    [
        (40, DIAS_ATRAS + 1, DIARIA, "solo tiene los últimos 4 días"),
        (40, DIAS_ATRAS + 1, HORARIA, "solo tiene los últimos 4 días"),
        (0, 0, DIARIA, "el periodo pedido aún no termina"),
        (-2, -3, HORARIA, "el periodo pedido aún no termina"),
    ],
)
def test_fuera_de_los_dias_que_tiene_se_omite_sin_llamar(
    red: Respuestas, hace: int, hasta: int, resolucion: Resolucion, motivo: str
) -> None:
    with pytest.raises(Omitida, match=motivo):
        historia(red.base, HOY - timedelta(days=hace), HOY - timedelta(days=hasta), resolucion)
    assert red.pedidas == []


@pytest.mark.parametrize("clave", [None, Clave("")])
def test_sin_clave_se_omite_sin_llamar(red: Respuestas, clave: Clave | None) -> None:
    with pytest.raises(Omitida, match="clave"):
        ahora(red.base, clave)
    with pytest.raises(Omitida, match="clave"):
        historia(red.base, HOY, HOY, HORARIA, clave)
    assert red.pedidas == []


def test_si_no_da_nada_de_lo_pedido_se_omite_sin_llamar(red: Respuestas) -> None:
    with pytest.raises(Omitida):
        ahora(red.base, campos=frozenset({"visibilidad", "calidad_aire"}))
    assert red.pedidas == []


def test_con_secreto_la_peticion_va_firmada(red: Respuestas) -> None:
    red.siempre(actual(temperature=18))
    ahora(red.base, FIRMANTE)
    params = red.pedidas[0].params
    claro = "&".join(f"{nombre}={valor}" for nombre, valor in params.items() if nombre != "sig")
    propia = hmac.new(b"secreto", f"/packages/current_basic-1h?{claro}".encode(), sha256).hexdigest()
    assert list(params)[-2:] == ["expire", "sig"]
    assert params["sig"] == propia
    assert 0 < int(params["expire"]) - datetime.now(UTC).timestamp() <= 600


def test_la_firma_es_la_de_un_valor_conocido() -> None:
    """Fixed once from openssl dgst -sha256 -hmac."""
    consulta = "/packages/basic-1h?lat=47.1&lon=8.6&apikey=abc&expire=1924948800"
    assert firma(consulta, "secreto") == "41c563ca2b254d4e2993b8d9662e6834c91b46698daff5e9ae783d4daf98b0f8"


@pytest.fixture
def firmado(laboratorio: str) -> Iterator[str]:
    """The laboratory's Meteoblue, verifying signatures with the secret «secreto»."""
    mando = f"{laboratorio}/_laboratorio/secretos"
    requests.put(mando, json={"meteoblue": "secreto"}, timeout=5).raise_for_status()
    yield f"{laboratorio}/meteoblue"
    requests.put(mando, json={}, timeout=5).raise_for_status()


@pytest.mark.parametrize("zona", ["America/Bogota", "Etc/GMT+5", None])
def test_el_laboratorio_acepta_la_firma(firmado: str, zona: str | None) -> None:
    lugar = Lugar(4.60971, -74.08175, zona_horaria=zona)
    assert ahora(firmado, Clave("cla+ve/01=", "secreto"), lugar=lugar).mediciones[0].temperatura is not None


@pytest.mark.parametrize("secreto", [None, "otro"])
def test_el_laboratorio_rechaza_otra_firma(firmado: str, secreto: str | None) -> None:
    with pytest.raises(ErrorProveedor, match="rechazó la clave o la firma") as e:
        ahora(firmado, Clave("clave0123", secreto))
    assert e.value.estado == 403


@pytest.mark.parametrize(("resolucion", "filas"), [(DIARIA, {4}), (HORARIA, set(range(96, 121)))])
def test_la_historia_del_laboratorio_trae_los_ultimos_dias(
    laboratorio: str, resolucion: Resolucion, filas: set[int]
) -> None:
    lectura = historia(f"{laboratorio}/meteoblue", HOY - timedelta(days=10), HOY, resolucion)
    assert len(lectura.mediciones) in filas
    for m in lectura.mediciones:
        assert m.temperatura is not None
        assert m.observado_en is not None
        assert m.fecha == m.observado_en.astimezone(ZoneInfo("America/Bogota")).date()


def test_una_clave_mala_del_laboratorio_es_un_403_que_no_se_repite(laboratorio: str) -> None:
    with pytest.raises(ErrorProveedor) as e:
        ahora(f"{laboratorio}/meteoblue", Clave("invalida"))
    assert (e.value.estado, e.value.reintentable) == (403, False)


@pytest.mark.parametrize(
    ("estado", "dicho", "motivo"),
    [
        (401, {"error_message": "nope"}, "clave o la firma"),
        (403, {"error": "Daily API limit reached"}, "agotados"),
        (429, {"error_message": "Daily API request limit exceeded"}, "agotados"),
        (402, {}, "agotados"),
        (422, {"reason": "No credits left"}, "agotados"),
        (400, {"error": True, "error_message": "Invalid api key"}, "clave o la firma"),
        (400, {"reason": "lat out of range"}, "rechazó la petición"),
    ],
)
def test_cada_rechazo_tiene_su_motivo_y_no_se_repite(
    red: Respuestas, estado: int, dicho: dict[str, Any], motivo: str
) -> None:
    red.siempre(dicho, estado=estado)
    with pytest.raises(ErrorProveedor, match=motivo) as e:
        ahora(red.base)
    assert (e.value.estado, e.value.reintentable, len(red.pedidas)) == (estado, False, 1)


@pytest.mark.parametrize("estado", [429, 500])
def test_lo_pasajero_se_puede_repetir(red: Respuestas, estado: int) -> None:
    red.siempre({"error_message": "too many requests at once"}, estado=estado)
    with pytest.raises(ErrorProveedor) as e:
        ahora(red.base)
    assert e.value.reintentable


def test_un_error_puede_venir_con_un_200(red: Respuestas) -> None:
    red.siempre({"error": True, "error_message": "Credits exhausted"})
    with pytest.raises(ErrorProveedor, match="agotados"):
        ahora(red.base)


@pytest.mark.parametrize("donde", ["rechazo", "sin_servidor", "basura"])
def test_la_clave_no_sale_en_errores_ni_registros(
    red: Respuestas, caplog: pytest.LogCaptureFixture, donde: str
) -> None:
    caplog.set_level(logging.INFO)
    red.siempre({"error_message": "clave0123 secreto rejected"}, estado=400)
    if donde == "basura":
        red.siempre(b"<html>clave0123</html>", estado=403)
    base = "http://127.0.0.1:9" if donde == "sin_servidor" else red.base
    with pytest.raises(ErrorProveedor) as e:
        ahora(base, FIRMANTE)
    dicho = "".join(traceback.format_exception(e.value)) + repr(vars(e.value)) + repr(_cadena(e.value)) + caplog.text
    assert [oculto for oculto in (CLAVE.clave, "apikey=", "sig=") if oculto in dicho] == []


@pytest.mark.parametrize(
    "raro", [[], "hola", 7, None, {}, {"data_current": []}, {"data_current": "llueve", "data_1h": []}, [None]]
)
def test_un_cuerpo_de_otra_forma_es_un_error_y_no_un_cero(red: Respuestas, raro: object) -> None:
    red.siempre(raro)
    with pytest.raises(ErrorProveedor):
        ahora(red.base)
    with pytest.raises(ErrorProveedor):
        historia(red.base, HOY - timedelta(days=1), HOY, DIARIA)


def test_una_lista_de_un_lugar_se_entiende(red: Respuestas) -> None:
    red.siempre([actual(temperature=18)])
    assert ahora(red.base).mediciones[0].temperatura == 18


@pytest.mark.parametrize("marca", ["ayer", None, -1, 1e300, float("nan"), True, [], "2026-13-45", {"t": 1}])
def test_una_marca_de_tiempo_ilegible_pierde_solo_su_fila(marca: object) -> None:
    bloque = {"time": [marca, "2026-03-01"], "temperature_mean": [1, 2]}
    leidas = leer_serie({"metadata": {"utc_timeoffset": -5}, "data_day": bloque}, DIARIA)
    assert [m.temperatura for m in leidas] == [2]


def _cadena(error: BaseException | None) -> list[BaseException]:
    """An exception and those underneath it, also the ones that a traceback hides."""
    if error is None:
        return []
    debajo = [e for e in (error.__cause__, error.__context__) if e is not error]
    return [error, *(e for uno in debajo for e in _cadena(uno))]
