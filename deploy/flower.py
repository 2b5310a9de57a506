"""Flower as all of our starts run it, `python -m deploy.flower --port=5555 …`, with everything behind its password.

By itself it asks for FLOWER_BASIC_AUTH everywhere but at /metrics and /healthcheck, and at no page if there is none.
"""

from __future__ import annotations

import sys

from celery.__main__ import main as celery
from flower.views import BaseHandler
from tornado.web import HTTPError

COLUMNAS = "name,args,state,received,started,runtime,worker,uuid"  # of its list; args: consulta and queue
SIEMPRE = ["--url_prefix=flower", f"--tasks_columns={COLUMNAS}", "--persistent=True"]


def pedir_clave(pagina: BaseHandler) -> None:
    """Before any page, whatever it asks for by itself; Flower's API does the same. Raises HTTPError, 401."""
    if not pagina.application.options.basic_auth or not pagina.get_current_user():
        raise HTTPError(401)


def main() -> None:
    BaseHandler.prepare = pedir_clave
    sys.argv = ["celery", "-A", "worker.app", "flower", *SIEMPRE, *sys.argv[1:]]
    celery()


if __name__ == "__main__":
    main()
