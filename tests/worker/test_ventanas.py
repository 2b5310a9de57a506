"""A long historico on a small call budget: it waits for each window, holding no thread, and comes out whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient
from sqlalchemy import update

from shared import consultas
from shared.clima import Medicion, Parametro, Pedido, Periodo, Resolucion, TipoConsulta
from shared.db import ahora as reloj
from shared.modelos import CodigoError, Consulta, Estado, Usuario
from shared.settings import Settings
from tests.api.ayuda import entrar
from tests.proveedores.servidor import Pedida, servir
from tests.worker.test_proceso import LUGAR, Doble, crear, dias, falla, filas, fin
from worker.preguntar import PARTE
from worker.proceso import Proceso
from worker.proveedores.cliente import Cliente, Lectura, Peticion
from worker.proveedores.http import ErrorProveedor
from worker.proveedores.openmeteo import OpenMeteo

DIEZ_ANOS = Periodo(date(2014, 1, 1), date(2023, 12, 31), Resolucion.DIARIA)
ANO = Periodo(date(2023, 1, 1), date(2023, 12, 31), Resolucion.DIARIA)
SIN_ARCHIVO = {"visibilidad", "visibilidad_al_menos", "indice_uv"}
VALORES = {"weather_code": 3, "pressure_msl_mean": 1013}
Con = Callable[..., Proceso]


@pytest.fixture
def con(settings: Settings, cliente: FlaskClient) -> Iterator[Con]:
    """con(presupuesto, …): the worker with that budget for Open-Meteo, and these providers."""
    entrar(cliente)
    hechos = []

    def hacer(presupuesto: str, dobles: dict[str, Cliente], **otros: Any) -> Proceso:
        ajustes = settings.model_copy(update={"openmeteo_presupuesto": presupuesto, **otros})
        hechos.append(Proceso(ajustes, dobles))
        return hechos[-1]

    yield hacer
    for proceso in hechos:
        proceso.sesiones.motor.dispose()


def responder(p: Pedida) -> tuple[int, bytes, dict[str, str]]:
    """Open-Meteo's services, all of which have every day."""
    if "start_date" not in p.params:
        return 200, json.dumps({"current": {"time": "2026-01-01T00:00", "temperature_2m": 20}}).encode(), {}
    inicio, fin_ = date.fromisoformat(p.params["start_date"]), date.fromisoformat(p.params["end_date"])
    todos = [inicio + timedelta(n) for n in range((fin_ - inicio).days + 1)]
    como = "daily" if "daily" in p.params else "hourly"
    momentos = [str(d) if como == "daily" else f"{d}T12:00" for d in todos]
    columnas = {v: [VALORES.get(v, 20)] * len(momentos) for v in p.params[como].split(",")}
    cuerpo = {"elevation": 5.0, "utc_offset_seconds": 0, como: {"time": momentos, **columnas}}
    return 200, json.dumps(cuerpo).encode(), {}


@contextmanager
def open_meteo(settings: Settings) -> Iterator[tuple[OpenMeteo, list[Pedida]]]:
    """The real client against a server that has every day."""
    with servir() as red:
        red.responder = responder
        urls = ("openmeteo_url", "openmeteo_archive_url", "openmeteo_air_url")
        yield OpenMeteo(settings.model_copy(update=dict.fromkeys(urls, red.base))), red.pedidas


def pasa_la_ventana(proceso: Proceso, settings: Settings, consulta_id: int) -> None:
    """The windows of all budgets begin anew, and what waited for one is due."""
    with redis.Redis.from_url(settings.url_redis) as r:
        for clave in r.scan_iter("cg:gasto:*"):
            r.delete(clave)
    with proceso.sesiones.transaccion() as s:
        s.execute(update(Consulta).where(Consulta.id == consulta_id).values(disponible_en=reloj(-1)))


def hasta_el_fin(proceso: Proceso, settings: Settings, consulta_id: int) -> list[int]:
    """Work on it, window after window; the progress that showed at each rest."""
    vistos: list[int] = []
    for _ in range(40):
        proceso.procesar(consulta_id)
        c, _datos = fin(proceso, consulta_id)
        if c.estado.final:
            return vistos
        assert c.intentos == 0
        assert c.disponible_en > datetime.now(UTC)
        vistos.append(c.progreso)
        pasa_la_ventana(proceso, settings, consulta_id)
    raise AssertionError("no termina")


def test_diez_anos_con_todo_caben_ventana_a_ventana_y_no_falta_un_dia(con: Con, settings: Settings) -> None:
    with open_meteo(settings) as (openmeteo, pedidas):
        pocos = Doble(lambda p: [m for m in dias(p) if m.fecha and m.fecha > date(2023, 12, 27)])
        pocos.dias_por_tramo = None  # type: ignore[assignment]
        proceso = con("200/hour;5000/day", {"openmeteo": openmeteo, "meteoblue": pocos})
        consulta_id = crear(proceso, DIEZ_ANOS)
        progresos = hasta_el_fin(proceso, settings, consulta_id)
    consulta, datos = fin(proceso, consulta_id)
    assert datos is not None
    assert (consulta.estado, consulta.parcial) == (Estado.COMPLETADA, False)
    assert datos.datos_completos["faltantes"] == []
    hechas = filas(proceso, consulta_id)
    assert len(hechas) == DIEZ_ANOS.dias
    medidos = set(hechas[0]) - SIN_ARCHIVO
    assert [f for f in hechas if [c for c in medidos if f[c] is None]] == []
    assert len(progresos) >= 3  # 540 calls, 160 in each window
    assert progresos == sorted(set(progresos))  # it moves, and never back
    assert len(pedidas) == 20  # ten pieces of archive and ten of air: nothing is asked twice
    assert pocos.veces == 1


def test_si_la_ventana_no_llega_ni_para_una_pieza_se_completa_campo_a_campo(con: Con, settings: Settings) -> None:
    """40 for a historico: the archive of a year takes 27, its air another 27."""
    with open_meteo(settings) as (openmeteo, pedidas):
        proceso = con("50/hour", {"openmeteo": openmeteo})
        consulta_id = crear(proceso, ANO)
        assert hasta_el_fin(proceso, settings, consulta_id) != []
    consulta, datos = fin(proceso, consulta_id)
    assert not consulta.parcial
    assert [f["fecha"] for f in filas(proceso, consulta_id) if f["calidad_aire"] != 20 or f["temperatura"] != 20] == []
    assert len(pedidas) == 2
    assert datos is not None
    assert "perdidos" not in datos.datos_completos["fuentes"][0]


def test_una_llamada_que_nunca_cabe_termina_y_lo_dice(con: Con, settings: Settings) -> None:
    with open_meteo(settings) as (openmeteo, pedidas):
        proceso = con("20/hour", {"openmeteo": openmeteo})
        consulta_id = crear(proceso, ANO)
        proceso.procesar(consulta_id)
    consulta, _ = fin(proceso, consulta_id)
    assert (consulta.estado, consulta.codigo_error, pedidas) == (Estado.ERROR, CodigoError.SIN_PROVEEDORES, [])
    assert "cuesta más que todo su presupuesto" in (consulta.mensaje_error or "")


def test_mas_alla_de_la_paciencia_se_entrega_en_parte_y_dice_lo_que_falta(con: Con, settings: Settings) -> None:
    with open_meteo(settings) as (openmeteo, _):
        proceso = con("100/hour", {"openmeteo": openmeteo}, parte_por_usuario=1.0)
        consulta_id = crear(proceso, DIEZ_ANOS)
        proceso.procesar(consulta_id)
        with proceso.sesiones.transaccion() as s:
            vieja = {"creada_en": reloj(-consultas.PACIENCIA_VENTANA_S), "disponible_en": reloj(-1)}
            s.execute(update(Consulta).where(Consulta.id == consulta_id).values(**vieja))
        proceso.procesar(consulta_id)
        consulta, datos = fin(proceso, consulta_id)
        assert datos is not None
        assert (consulta.estado, consulta.parcial) == (Estado.COMPLETADA, True)
        assert consulta.faltan == {"total": 1, "pasajeros": 1, "proveedores": ["openmeteo"]}
        (falta,) = datos.datos_completos["faltantes"]
        assert (falta["pasajero"], falta["desde"], falta["hasta"]) == (True, "2015-01-02", "2023-12-31")
        assert "llamadas" in falta["motivo"]
        with proceso.sesiones.transaccion() as s:
            assert consultas.reintentar(s, consulta_id)
        pasa_la_ventana(proceso, settings, consulta_id)
        hasta_el_fin(proceso, settings, consulta_id)  # put back, it has its patience anew
    assert not fin(proceso, consulta_id)[0].parcial


def test_una_fuente_que_otros_suplen_no_hace_esperar_un_dia(con: Con, settings: Settings) -> None:
    """For the end of an hour's window it waits all the same."""
    dos_anos = replace(ANO, inicio=date(2022, 1, 1))  # 27 calls each
    for presupuesto, estado in (("34/day", Estado.COMPLETADA), ("34/hour", Estado.PENDIENTE)):
        with open_meteo(settings) as (openmeteo, _):
            proceso = con(presupuesto, {"openmeteo": openmeteo, "meteoblue": Doble(dias)})
            consulta_id = crear(proceso, dos_anos, parametros=[Parametro.TEMPERATURA], max_edad_s=0)
            proceso.procesar(consulta_id)
            consulta, _datos = fin(proceso, consulta_id)
            assert consulta.estado == estado
            assert consulta.parcial == (estado == Estado.COMPLETADA)
            pasa_la_ventana(proceso, settings, consulta_id)


# --- those that pay a call a day -----------------------------------------------------------------


class PorDia(Doble):
    """Open to all, and counted as OpenWeather: it tells what it was asked for."""

    dias_por_tramo = None  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__(dias)
        self.pedidos: list[Periodo] = []

    def historico(self, p: Peticion, periodo: Periodo) -> Lectura:
        self.pedidos.append(periodo)
        return super().historico(p, periodo)


def test_quien_paga_una_llamada_por_dia_solo_dice_lo_que_falta_a_los_demas(con: Con, settings: Settings) -> None:
    hueco = tuple(date(2023, 5, n) for n in (3, 4, 5, 20))
    caro = PorDia()
    proceso = con("600/minute", {"openmeteo": Doble(lambda p: dias(p, salvo=hueco)), "openweather": caro})
    consulta_id = crear(proceso, ANO, parametros=[Parametro.PRECIPITACION])
    proceso.procesar(consulta_id)
    consulta, datos = fin(proceso, consulta_id)
    assert datos is not None
    assert [(p.inicio.day, p.fin.day) for p in caro.pedidos] == [(3, 5), (20, 20)]
    assert all(f["precipitacion"] == 1 for f in filas(proceso, consulta_id))
    assert not consulta.parcial
    dichas = [f for f in datos.datos_completos["faltantes"] if f["proveedor"] == "openweather"]
    assert {f["pasajero"] for f in dichas} == {False}
    assert all("365 llamadas" in f["motivo"] for f in dichas)


def test_si_nada_falta_no_se_le_pregunta_y_lo_dice(con: Con, settings: Settings) -> None:
    caro = PorDia()
    proceso = con("600/minute", {"openmeteo": Doble(dias), "openweather": caro})
    consulta_id = crear(proceso, ANO, parametros=[Parametro.PRECIPITACION])
    proceso.procesar(consulta_id)
    consulta, datos = fin(proceso, consulta_id)
    assert datos is not None
    assert (caro.veces, consulta.estado, consulta.parcial) == (0, Estado.COMPLETADA, False)
    fuente = next(f for f in datos.datos_completos["fuentes"] if f["proveedor"] == "openweather")
    assert (fuente["estado"], "solo se le pregunta" in fuente["motivo"]) == ("omitida", True)


def test_mientras_los_demas_puedan_darlo_no_se_paga(con: Con, settings: Settings) -> None:
    caro, roto = PorDia(), falla(ErrorProveedor("respondió 503", estado=503, reintentable=True))
    proceso = con("600/minute", {"openmeteo": roto, "openweather": caro})
    consulta_id = crear(proceso, ANO, parametros=[Parametro.PRECIPITACION])
    proceso.procesar(consulta_id)
    assert (fin(proceso, consulta_id)[0].estado, caro.veces) == (Estado.PENDIENTE, 0)


def test_mas_de_lo_que_da_un_dia_no_se_pide(con: Con, settings: Settings) -> None:
    caro = PorDia()
    proceso = con("600/minute", {"meteosource": caro}, meteosource_plan="startup")
    consulta_id = crear(proceso, DIEZ_ANOS, parametros=[Parametro.PRECIPITACION])
    proceso.procesar(consulta_id)
    consulta, _ = fin(proceso, consulta_id)
    assert (caro.veces, consulta.estado, consulta.codigo_error) == (0, Estado.ERROR, CodigoError.SIN_PROVEEDORES)
    assert "más de las de un día" in (consulta.mensaje_error or "")


def test_quien_gasta_su_parte_se_entera_y_deja_a_los_demas_la_suya(con: Con, settings: Settings) -> None:
    """A flood of one user's tiempo_real spends half of the hour; the other's consulta has Open-Meteo all the same."""
    with open_meteo(settings) as (openmeteo, pedidas):
        proceso = con("20/hour", {"openmeteo": openmeteo, "siata": Doble(lambda _: [Medicion(temperatura=19.0)])})
        proceso_id = [crear(proceso, lugar=replace(LUGAR, latitud=n)) for n in range(20)]
        motivos = []
        for consulta_id in proceso_id:
            proceso.procesar(consulta_id)
            consulta, datos = fin(proceso, consulta_id)
            assert datos is not None
            fuente = next(f for f in datos.datos_completos["fuentes"] if f["proveedor"] == "openmeteo")
            motivos.append(fuente.get("motivo"))
            assert (consulta.estado, consulta.parcial) == (Estado.COMPLETADA, fuente.get("motivo") is not None)
        assert len(pedidas) == 10
        assert set(motivos) == {None, PARTE}
        with proceso.sesiones.transaccion() as s:
            otra = Usuario(username="otra", email="otra@ejemplo.co", password_hash="-")
            s.add(otra)
            s.flush()
            pedido = Pedido(TipoConsulta.TIEMPO_REAL, "x", replace(LUGAR, latitud=30), list(Parametro), None)
            otra_id = consultas.crear(s, otra.id, pedido, max_activas=100)[0].id
        proceso.procesar(otra_id)
        consulta, datos = fin(proceso, otra_id)
    assert datos is not None
    assert (consulta.estado, consulta.parcial) == (Estado.COMPLETADA, False)
    assert {f["estado"] for f in datos.datos_completos["fuentes"]} == {"usada"}
