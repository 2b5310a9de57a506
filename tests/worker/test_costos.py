"""What is said that a consulta will cost is what its clients then spend."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any

import pytest

from shared import costos
from shared.clima import Lugar, Parametro, Pedido, Periodo, Proveedor, Resolucion, TipoConsulta, campos_de
from shared.settings import Settings
from tests.proveedores.servidor import Pedida, servir
from tests.worker.test_ventanas import responder
from worker.proveedores import meteosource, openweather
from worker.proveedores.cliente import Clave, Peticion
from worker.proveedores.http import Esperas, Http, crear_sesion
from worker.proveedores.openmeteo import OpenMeteo
from worker.tramos import dias_por_tramo

HOY = datetime.now(UTC).date()
BOGOTA = Lugar(4.711, -74.0721, zona_horaria="America/Bogota")
TODO = frozenset(campos_de(list(Parametro)))
CLAVE = Clave("una-clave-larga")
DIAS, HORAS = Resolucion.DIARIA, Resolucion.HORARIA


@pytest.mark.parametrize(
    "campos", [TODO, TODO - {"calidad_aire"}, frozenset(campos_de([Parametro.VIENTO])), frozenset({"precipitacion"})]
)
@pytest.mark.parametrize(
    "periodo",
    [
        None,
        Periodo(date(2014, 1, 1), date(2023, 12, 31), DIAS),
        Periodo(date(2011, 5, 1), date(2013, 5, 31), DIAS),
        Periodo(date(2023, 1, 1), date(2023, 12, 31), HORAS),
        Periodo(HOY - timedelta(days=40), HOY - timedelta(days=1), DIAS),
        Periodo(HOY - timedelta(days=3), HOY, HORAS),
    ],
)
def test_open_meteo_gasta_lo_que_se_dijo(settings: Settings, campos: frozenset[str], periodo: Periodo | None) -> None:
    gastado: list[int] = []

    @contextmanager
    def permiso(costo: int) -> Iterator[None]:
        gastado.append(costo)
        yield

    with servir() as red:
        red.responder = responder
        urls = ("openmeteo_url", "openmeteo_archive_url", "openmeteo_air_url")
        cliente = OpenMeteo(settings.model_copy(update=dict.fromkeys(urls, red.base)))
        p = Peticion(Http(crear_sesion(2), Esperas(1, 2), monotonic() + 20, permiso), BOGOTA, campos)
        if periodo is None:
            cliente.tiempo_real(p)
        else:
            for tramo in periodo.tramos(dias_por_tramo(cliente, periodo)):
                cliente.historico(p, tramo)
    assert sum(gastado) == costos.costo_de("openmeteo", campos, periodo, BOGOTA)


@pytest.mark.parametrize(
    ("periodo", "llamadas"),
    [
        (None, 2),
        (Periodo(date(2023, 1, 1), date(2023, 1, 31), DIAS), 31),
        (Periodo(HOY - timedelta(days=3), HOY, DIAS), 3),
        (Periodo(date(2023, 1, 1), date(2023, 1, 1), HORAS), 24),
    ],
)
def test_openweather_gasta_lo_que_se_dijo(settings: Settings, periodo: Periodo | None, llamadas: int) -> None:
    ahora = datetime.now(UTC)
    hoy_alli = (ahora - timedelta(hours=5)).date()
    if periodo and periodo.fin == HOY != hoy_alli:  # in Bogotá it is still yesterday
        llamadas -= 1

    def contesta(p: Pedida) -> tuple[int, bytes, dict[str, str]]:
        dt = int(p.params.get("dt", "0"))
        cuerpos: dict[str, Any] = {
            "weather": {"main": {"temp": 20}, "dt": int(ahora.timestamp())},
            "air_pollution": {"list": []},
            "day_summary": {"date": p.params.get("date"), "temperature": {"min": 10, "max": 20}},
            "timemachine": {"data": [{"dt": dt, "temp": 20}]},
        }
        return 200, json.dumps(cuerpos[p.ruta.rsplit("/", 1)[1]]).encode(), {}

    with servir() as red:
        red.responder = contesta
        cliente = openweather.OpenWeather(settings.model_copy(update={"openweather_url": red.base}))
        p = Peticion(Http(crear_sesion(2), Esperas(1, 2), monotonic() + 20), BOGOTA, TODO, CLAVE)
        cliente.tiempo_real(p) if periodo is None else cliente.historico(p, periodo)
    assert len(red.pedidas) == llamadas == costos.costo_de("openweather", TODO, periodo, BOGOTA)


@pytest.mark.parametrize("inicio", [date(2023, 1, 1), HOY - timedelta(days=5)])
@pytest.mark.parametrize("resolucion", [DIAS, HORAS])
def test_meteosource_gasta_un_dia_utc_por_llamada(settings: Settings, inicio: date, resolucion: Resolucion) -> None:
    periodo = Periodo(inicio, min(inicio + timedelta(days=9), HOY), resolucion)
    with servir() as red:
        red.siempre({"elevation": 5, "data": []})
        ajustes = settings.model_copy(update={"meteosource_url": red.base, "meteosource_plan": "startup"})
        p = Peticion(Http(crear_sesion(2), Esperas(1, 2), monotonic() + 20), BOGOTA, TODO, CLAVE)
        meteosource.Meteosource(ajustes).historico(p, periodo)
    assert len(red.pedidas) == costos.costo_de("meteosource", TODO, periodo, BOGOTA, plan_meteosource="startup")
    assert costos.costo_de("meteosource", TODO, periodo, BOGOTA, plan_meteosource="free") == 0


def test_los_topes_son_los_de_sus_clientes() -> None:
    assert tuple(costos.SIN_MIRAR.values()) == (openweather.LLAMADAS, meteosource.LLAMADAS)


def test_el_costo_de_una_consulta_es_el_de_quienes_se_pueden_preguntar() -> None:
    pueden = [Proveedor.OPENMETEO, Proveedor.IDEAM, Proveedor.OPENWEATHER]
    ano = Periodo(date(2023, 1, 1), date(2023, 12, 31), DIAS)

    def cuesta(periodo: Periodo | None, lugar: Lugar | None = BOGOTA, **otros: Any) -> dict[str, int]:
        tipo = TipoConsulta.HISTORICO if periodo else TipoConsulta.TIEMPO_REAL
        return costos.costo(Pedido(tipo, "x", lugar, list(Parametro), None, periodo=periodo, **otros), pueden)

    assert cuesta(ano) == {"openmeteo": 54}  # OpenWeather, only for what others lack
    assert cuesta(None) == {"openmeteo": 2, "openweather": 2}
    assert cuesta(None, lugar=None) == {"openmeteo": 3, "openweather": 2}  # its place is looked up
    solo = Pedido(TipoConsulta.TIEMPO_REAL, "x", BOGOTA, [Parametro.VIENTO], [Proveedor.OPENMETEO, Proveedor.METEOBLUE])
    assert costos.costo(solo, pueden) == {"openmeteo": 1}
