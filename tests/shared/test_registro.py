from __future__ import annotations

import json
import subprocess
import sys

import pytest

GUION = """
import logging, structlog
from shared import registro
from shared.settings import Settings
registro.configurar(Settings(flask_env={entorno!r}, journal_stream={journal!r}))
log = structlog.get_logger()
with structlog.contextvars.bound_contextvars(id_peticion="abc", consulta_id=7):
    log.info("consulta_aceptada", ciudad="Bogotá")
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("se_rompió")
logging.getLogger("ajeno").warning("de otra %s", "biblioteca")
"""


def lineas(entorno: str, journal: str) -> list[str]:
    orden = [sys.executable, "-c", GUION.format(entorno=entorno, journal=journal)]
    return subprocess.run(orden, capture_output=True, text=True, check=True).stderr.splitlines()


@pytest.mark.parametrize(("journal", "prefijos"), [("", ["", "", ""]), ("8:22", ["<6>", "<3>", "<4>"])])
def test_en_produccion_cada_hecho_es_una_linea_json_con_su_prioridad(journal: str, prefijos: list[str]) -> None:
    dichas = lineas("production", journal)
    assert [linea.partition("{")[0] for linea in dichas] == prefijos
    aceptada, rota, ajena = (json.loads(linea[linea.index("{") :]) for linea in dichas)
    assert (aceptada["event"], aceptada["ciudad"], aceptada["level"]) == ("consulta_aceptada", "Bogotá", "info")
    assert (aceptada["id_peticion"], aceptada["consulta_id"]) == ("abc", 7)
    assert aceptada["timestamp"].endswith("Z")
    assert "ZeroDivisionError" in rota["exception"]
    assert ajena["event"] == "de otra biblioteca"


def test_en_desarrollo_se_leen_a_simple_vista() -> None:
    dichas = lineas("development", "")
    assert "consulta_aceptada" in dichas[0]
    assert "id_peticion=abc" in dichas[0]
    assert any(linea.startswith("ZeroDivisionError") for linea in dichas)
