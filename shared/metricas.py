"""What this process counts, for /metrics. What the tables and Redis know by themselves is not counted here.

With PROMETHEUS_MULTIPROC_DIR set (prometheus_client reads it itself), all processes of a machine write there, and
any of them can tell the sum; without it each knows only of itself.
"""

from __future__ import annotations

from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

RAPIDO = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LENTO = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900, 3600, 4 * 3600, 24 * 3600)

peticiones = Histogram(
    "climaguru_http_request_duration_seconds",
    "Requests to the API, by rule.",
    ["metodo", "ruta", "estado"],
    buckets=RAPIDO,
)
aceptadas = Counter(
    "climaguru_consultas_aceptadas", "Consultas accepted: tiempo_real, historico, lote or programacion.", ["origen"]
)
esperas = Histogram(
    "climaguru_consulta_espera_seconds", "From accepted to first taken by a worker.", ["cola"], buckets=LENTO
)
duraciones = Histogram(
    "climaguru_consulta_duracion_seconds",
    "From accepted to the end of a worker's turn; fin: completada, error, or reintento and aplazada, which go on.",
    ["tipo", "fin"],
    buckets=LENTO,
)
errores = Counter("climaguru_consultas_errores", "Consultas that a worker ended in error.", ["tipo", "codigo"])
reparaciones = Counter(
    "climaguru_reparaciones",
    "What beat mended: tocada, rung for again; rescatada, taken back from a dead worker.",
    ["que"],
)
llamadas = Histogram(
    "climaguru_proveedor_duracion_seconds",
    "What a consulta, or a round of a historico, asked of one provider, retries included; estado: that of its fuente.",
    ["tipo", "proveedor", "estado"],
    buckets=RAPIDO,
)
reintentos = Counter("climaguru_proveedor_reintentos", "Calls made again after a failure that may pass.", ["proveedor"])
incomprensibles = Counter(
    "climaguru_proveedor_incomprensibles",
    "Answers that made the provider's client fail; the log has each with its traceback.",
    ["proveedor"],
)
compartidas = Counter(
    "climaguru_proveedor_compartidas",
    "Answers that another consulta had asked for; de: reciente, or pasado (parts of a historico).",
    ["proveedor", "de"],
)


def preparar(carpeta: str) -> None:
    """Before anything is counted. carpeta: PROMETHEUS_MULTIPROC_DIR, here and below."""
    if carpeta:
        Path(carpeta).mkdir(parents=True, exist_ok=True)


def texto(carpeta: str) -> bytes:
    """All of it in Prometheus' text format."""
    return generate_latest(_registro(carpeta))


def servir(escucha: str, carpeta: str) -> None:
    """Tell it at http://ADDRESS:PORT/metrics from a thread. escucha: "ADDRESS:PORT". Raises OSError: it is taken."""
    host, _, puerto = escucha.rpartition(":")
    start_http_server(int(puerto), host, _registro(carpeta))


def _registro(carpeta: str) -> CollectorRegistry:
    if not carpeta:
        return REGISTRY
    registro = CollectorRegistry()
    MultiProcessCollector(registro, carpeta)  # type: ignore[no-untyped-call]
    return registro
