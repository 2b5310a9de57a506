"""The seam: a seventh provider, invented here, in one class, asked over real HTTP through everything the others use."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from shared import metricas
from shared.clima import Medicion, Periodo, Resolucion
from shared.settings import Settings
from tests.api.ayuda import entrar
from tests.proveedores.servidor import servir
from tests.worker.test_proceso import ahora, crear, dice, falla, fin
from tests.worker.test_proceso import filas as filas_de
from worker.proceso import Proceso
from worker.proveedores.cliente import Lectura, Peticion
from worker.proveedores.cuerpos import INCOMPRENSIBLE
from worker.tramos import dias as dias_de


class Septimo:
    """Answers {"t": degrees, "w": knots} for now, and a list of {"dia", field: value} for the past; checks nothing."""

    atribucion = "Séptimo, datos inventados"
    necesita_clave = False
    dias_por_tramo = 366
    asienta_dias = 10

    def __init__(self, url: str) -> None:
        self._url = url

    def tiempo_real(self, p: Peticion) -> Lectura:
        cuerpo = p.http.json(f"{self._url}/ahora", {"lat": p.lugar.latitud, "lon": p.lugar.longitud})
        return Lectura([Medicion(temperatura=cuerpo["t"], velocidad_viento=cuerpo["w"] * 1.852)])

    def historico(self, p: Peticion, periodo: Periodo) -> Lectura:
        filas = p.http.json(f"{self._url}/antes")
        return Lectura([Medicion(**{**fila, "fecha": _dia(fila.pop("fecha"))}) for fila in filas])


def _dia(texto: str) -> date:
    return date.fromisoformat(texto)


def test_un_septimo_proveedor_es_una_clase_y_una_linea(settings: Settings, cliente: FlaskClient) -> None:
    entrar(cliente)
    with servir() as red:
        red.siempre({"t": 10.0, "w": 10.0})
        proceso = Proceso(settings, {"septimo": Septimo(red.base), "openmeteo": dice(temperatura=12.0)})
        consulta, datos = ahora(proceso)
        proceso.sesiones.motor.dispose()
    assert consulta.estado == "completada"
    assert datos is not None
    assert datos.temperatura_promedio == 11
    assert datos.datos_completos["valores"]["velocidad_viento"] == 18.52
    assert sorted(datos.fuentes_utilizadas) == ["openmeteo", "septimo"]
    assert red.pedidas[0].params == {"lat": "0.0", "lon": "0.0"}


@pytest.mark.parametrize(
    ("crudo", "dicho"),
    [
        (-999, "−999 °C está fuera de lo posible"),
        (-9999.0, "−9 999 °C está fuera de lo posible"),
        (-99, "−99 °C está fuera de lo posible"),
        (1e6, "1 000 000 °C está fuera de lo posible"),
        (10**400, "un número enorme está fuera de lo posible"),
        (float("nan"), "nan °C está fuera de lo posible"),
        ("NaN", "«NaN» está fuera de lo posible"),
        ("\ud800", "«?» está fuera de lo posible"),
        (True, "«True» está fuera de lo posible"),
    ],
)
def test_lo_imposible_de_un_septimo_es_null_y_se_dice(
    settings: Settings, cliente: FlaskClient, crudo: object, dicho: str
) -> None:
    entrar(cliente)
    with servir() as red:
        red.siempre({"t": crudo, "w": 10.0})
        proceso = Proceso(settings, {"septimo": Septimo(red.base), "openmeteo": dice(temperatura=18.5)})
        consulta, datos = ahora(proceso)
        proceso.sesiones.motor.dispose()
    assert consulta.estado == "completada"
    assert datos is not None
    assert float(datos.temperatura_promedio or 0) == 18.5
    fuente = datos.datos_completos["fuentes"][1]
    assert (fuente["proveedor"], fuente["estado"]) == ("septimo", "usada")
    assert (fuente["valores"]["temperatura"], fuente["valores"]["velocidad_viento"]) == (None, 18.52)
    assert fuente["descartes"] == {"temperatura": dicho}


def test_si_todo_es_imposible_la_fuente_falla_y_dice_que_fue(settings: Settings, cliente: FlaskClient) -> None:
    entrar(cliente)
    with servir() as red:
        red.siempre({"t": -999, "w": -9999})
        proceso = Proceso(settings, {"septimo": Septimo(red.base), "openmeteo": dice(temperatura=18.5)})
        _, datos = ahora(proceso)
        proceso.sesiones.motor.dispose()
    assert datos is not None
    fuente = datos.datos_completos["fuentes"][1]
    assert (fuente["estado"], fuente["motivo"]) == ("fallida", "todo lo que dijo está fuera de lo posible")
    assert fuente["descartes"]["temperatura"] == "−999 °C está fuera de lo posible"


def test_en_un_historico_se_dice_cuantos_fueron(settings: Settings, cliente: FlaskClient) -> None:
    entrar(cliente)
    periodo = Periodo(date(2026, 1, 1), date(2026, 1, 4), Resolucion.DIARIA)
    raros = [-999.0, 720.0, 20.0, -9999.0]
    filas = [
        {"fecha": str(d), "temperatura": t, "direccion_viento": 720.0}
        for d, t in zip(dias_de(periodo), raros, strict=True)
    ]
    with servir() as red:
        red.siempre(filas)
        proceso = Proceso(settings, {"septimo": Septimo(red.base)})
        consulta_id = crear(proceso, periodo)
        proceso.procesar(consulta_id)
        _, datos = fin(proceso, consulta_id)
        hechas = filas_de(proceso, consulta_id)
        proceso.sesiones.motor.dispose()
    assert [f["temperatura"] for f in hechas] == [None, None, 20, None]
    assert {f["direccion_viento"] for f in hechas} == {None}
    assert datos is not None
    (fuente,) = datos.datos_completos["fuentes"]
    assert fuente["descartes"]["temperatura"].startswith("3 valores: −999 °C está fuera de lo posible")
    assert fuente["descartes"]["direccion_viento"].startswith("4 valores: 720° está fuera de lo posible")


@pytest.mark.parametrize("error", [OSError("disco"), RecursionError("hondo"), OverflowError(), UnicodeError("x")])
def test_lo_que_se_rompe_dentro_de_un_cliente_se_queda_en_su_frontera(
    settings: Settings, cliente: FlaskClient, error: Exception
) -> None:
    """Logged with its traceback, counted, and that provider's fallida: nobody else's."""
    entrar(cliente)
    cuenta = metricas.incomprensibles.labels("septimo")
    antes = cuenta._value.get()
    proceso = Proceso(settings, {"septimo": falla(error), "openmeteo": dice(temperatura=18.5)})
    with capture_logs() as lineas:
        consulta, datos = ahora(proceso)
    proceso.sesiones.motor.dispose()
    assert consulta.estado == "completada"
    assert datos is not None
    fuente = datos.datos_completos["fuentes"][1]
    assert (fuente["estado"], fuente["motivo"]) == ("fallida", INCOMPRENSIBLE)
    (linea,) = [li for li in lineas if li["event"] == "cuerpo_incomprensible"]
    assert (linea["proveedor"], linea["exc_info"]) == ("septimo", True)
    assert cuenta._value.get() == antes + 1


GEOCODIFICADOS: tuple[Any, ...] = (
    {"results": "muchos"},
    {"results": [{"name": "Xyzzyx"}]},
    {"results": [{"name": "Xyzzyx", "latitude": 9999, "longitude": 0}]},
    {"results": [{"name": "Xyzzyx", "latitude": "4.6", "longitude": "-74.1"}]},
    {"results": [{"name": "Xyzzyx", "latitude": 10**400, "longitude": None}]},
    {"results": {"name": "Xyzzyx"}},
    {"results": ["Xyzzyx"]},
    "Xyzzyx",
    [[]],
)


@pytest.mark.parametrize("cuerpo", GEOCODIFICADOS)
def test_un_geocodificador_danado_es_un_fallo_con_nombre(
    settings: Settings, cliente: FlaskClient, cuerpo: object
) -> None:
    """And one that may pass: the consulta waits for its next try."""
    entrar(cliente)
    with servir() as red:
        red.siempre(cuerpo)
        ajustes = settings.model_copy(update={"openmeteo_geocoding_url": red.base})
        proceso = Proceso(ajustes, {"openmeteo": dice(temperatura=1.0)})
        with capture_logs() as lineas:
            consulta, _ = ahora(proceso, ciudad="Xyzzyx", lugar=None)
        proceso.sesiones.motor.dispose()
    assert (consulta.estado, consulta.intentos) == ("pendiente", 1)
    (linea,) = [li for li in lineas if li["event"] == "consulta_fallida"]
    assert linea["motivo"] == f"No se pudo buscar la ciudad: {INCOMPRENSIBLE}."


def test_una_zona_horaria_que_no_existe_no_viaja_con_el_lugar(settings: Settings, cliente: FlaskClient) -> None:
    entrar(cliente)
    with servir() as red:
        fila = {"name": "Xyzzyx", "latitude": 4.6, "longitude": -74.1, "timezone": "America", "country_code": ["CO"]}
        red.siempre({"results": [{"name": "Xyzzyx"}, fila]})
        ajustes = settings.model_copy(update={"openmeteo_geocoding_url": red.base})
        proceso = Proceso(ajustes, {"openmeteo": dice(temperatura=1.0)})
        consulta, _ = ahora(proceso, ciudad="Xyzzyx", lugar=None)
        proceso.sesiones.motor.dispose()
    assert (consulta.estado, consulta.zona_horaria) == ("completada", "America/Bogota")
