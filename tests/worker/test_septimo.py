"""The seam: a seventh provider, invented here, in one class, asked over real HTTP through everything the others use."""

from __future__ import annotations

from flask.testing import FlaskClient

from shared.clima import Medicion, Periodo
from shared.settings import Settings
from tests.api.ayuda import entrar
from tests.proveedores.servidor import servir
from tests.worker.test_proceso import ahora, dice
from worker.proceso import Proceso
from worker.proveedores.cliente import Lectura, Peticion
from worker.proveedores.http import Omitida


class Septimo:
    """Answers {"t": degrees, "w": knots} for now, and has no history."""

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
        raise Omitida("no tiene historia")


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
