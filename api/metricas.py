"""/metrics, for Prometheus: what the tables and Redis say at the moment of asking, and what the processes counted.

nginx does not pass it on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, current_app
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from redis import Redis, RedisError
from sqlalchemy.exc import SQLAlchemyError

from api.base import sesion
from shared import metricas as contadas
from shared import vigilancia
from shared.clima import Proveedor
from shared.cola import silencio_s, trabajadores
from shared.limites import Limites
from shared.settings import Settings

rutas = Blueprint("metricas", __name__)


@rutas.get("/metrics")
def metricas() -> Response:
    settings: Settings = current_app.extensions["settings"]
    registro = CollectorRegistry()
    registro.register(Recolector(current_app.extensions["redis"], current_app.extensions["limites"]))
    texto = generate_latest(registro) + contadas.texto(settings.prometheus_multiproc_dir)
    return Response(texto, content_type=CONTENT_TYPE_LATEST)


@dataclass(frozen=True)
class Recolector(Collector):
    """What cannot be asked for, because the database or Redis is down, is left out; climaguru_up says so."""

    redis: Redis
    limites: Limites

    def collect(self) -> Iterator[Metric]:
        partes = {"base_de_datos": self._de_la_base, "redis": self._de_redis}
        arriba = GaugeMetricFamily("climaguru_up", "1 while it answers.", labels=["parte"])
        for parte, medir in partes.items():
            try:
                medidas = list(medir())
            except (SQLAlchemyError, RedisError):
                medidas = []
            arriba.add_metric([parte], float(bool(medidas)))
            yield from medidas
        yield arriba

    def _de_la_base(self) -> Iterator[Metric]:
        v, cola = vigilancia.programaciones(sesion()), vigilancia.colas(sesion())
        yield _una("programaciones_activas", "Programaciones that run by themselves.", v.activas)
        yield _una("programaciones_atrasadas", f"Of them, due for more than {vigilancia.ATRASO_S} s.", v.atrasadas)
        yield _una("programaciones_atraso_seconds", "How long the most overdue of them has waited.", v.atraso_s)
        yield _una("ejecuciones_en_curso", "Runs whose consultas have not all ended.", v.en_curso)
        yield _varias("ejecuciones_24h", "Runs that ended in the last 24 h.", "estado", v.ejecuciones)
        yield _varias("ejecuciones_consultas_24h", "Consultas of those runs, by how they ended.", "fin", v.consultas)
        yield _una("ejecuciones_atraso_max_24h_seconds", "Longest from due to begun, of those.", v.atraso_maximo_s)
        yield _una(
            "ejecuciones_duracion_max_24h_seconds", "Longest from begun to ended, of those.", v.duracion_maxima_s
        )

        for nombre, que, valores in (
            ("cola_pendientes", "Consultas that wait, by queue.", cola.pendientes),
            ("cola_procesando", "Consultas in the hands of workers, by queue.", cola.procesando),
            ("cola_edad_seconds", "How long the oldest that waits has waited, by queue.", cola.edad_s),
        ):
            yield _varias(nombre, que, "cola", valores)

    def _de_redis(self) -> Iterator[Metric]:
        abiertos, quedan = {}, {}
        for proveedor in Proveedor:
            abiertos[proveedor.value] = int(self.limites.salud(proveedor).circuito != "cerrado")
            if (queda := self.limites.presupuestos.queda(proveedor)) is not None:
                quedan[proveedor.value] = queda
        yield _varias("proveedor_circuito_abierto", "1 while a provider rests after failures.", "proveedor", abiertos)
        yield _varias("proveedor_llamadas_quedan", "Calls left in the tightest window.", "proveedor", quedan)
        yield _una(
            "trabajadores", "Worker processes that said in the last seconds that they live.", trabajadores(self.redis)
        )
        if (silencio := silencio_s(self.redis)) is not None:
            yield _una("beat_silencio_seconds", "Since beat last sent anything.", silencio)


def _una(nombre: str, que: str, valor: float) -> Metric:
    return GaugeMetricFamily(f"climaguru_{nombre}", que, value=valor)


def _varias(nombre: str, que: str, etiqueta: str, valores: Mapping[str, float]) -> Metric:
    familia = GaugeMetricFamily(f"climaguru_{nombre}", que, labels=[etiqueta])
    for valor, cuantas in valores.items():
        familia.add_metric([valor], cuantas)
    return familia
