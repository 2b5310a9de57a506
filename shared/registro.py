"""Structured logs: one JSON line per event in production, readable colours elsewhere.

Under systemd each line begins with its priority as sd-daemon(3) has it, so that `journalctl -p warning` finds them.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.settings import Settings

PRIORIDADES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}


def configurar(settings: Settings) -> None:
    comunes: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    produccion = settings.flask_env == "production"
    final: list[Processor] = (
        [structlog.processors.format_exc_info, _json(con_prioridad=bool(settings.journal_stream))]
        if produccion
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), pad_event_to=24, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    structlog.configure(
        processors=[*comunes, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    salida = logging.StreamHandler()
    salida.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=comunes,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    raiz = logging.getLogger()
    raiz.handlers[:] = [salida]
    raiz.setLevel(logging.INFO)
    for ruidoso in (
        "urllib3",
        "alembic.runtime.migration",
        "celery.worker.strategy",
        "celery.app.trace",
        "kombu",
    ):
        logging.getLogger(ruidoso).setLevel(logging.WARNING)
    logging.getLogger("urllib3.connection").setLevel(logging.ERROR)  # its warnings print whole URLs, keys included


def _json(*, con_prioridad: bool) -> Processor:
    dibujar = structlog.processors.JSONRenderer(ensure_ascii=False)

    def linea(registrador: WrappedLogger, metodo: str, hecho: EventDict) -> str:
        prioridad = f"<{PRIORIDADES.get(hecho.get('level', ''), 6)}>" if con_prioridad else ""
        return f"{prioridad}{dibujar(registrador, metodo, hecho)!s}"

    return linea
