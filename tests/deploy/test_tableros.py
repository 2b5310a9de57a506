"""The alerts and the dashboard speak of metrics and labels that exist; what promtool says of them, where it is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
import yaml
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from deploy.laboratorio.cli import variables
from shared import metricas
from shared.cola import latir
from shared.settings import Settings
from tests.api.ayuda import entrar
from tests.conftest import hacer_settings
from worker.proceso import Proceso

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTAS = DEPLOY / "prometheus" / "alertas.yml"
TABLERO = DEPLOY / "grafana" / "climaguru.json"
AJENAS = {"climaguru_respaldo_terminado_seconds": set[str]()}  # of deploy/backup.sh; test_respaldo sees it written


@pytest.fixture
def vivas(app: Flask, cliente: FlaskClient, settings: Settings, laboratorio: str) -> dict[str, set[str]]:
    """Each series of a live scrape and its labels, after consultas of every outcome, a retry and a shared answer."""
    con = entrar(cliente)
    urls = {n.lower(): u for n, u in variables(laboratorio).items()}
    ajustes = hacer_settings(settings.url_base_de_datos, settings.url_redis, meteoblue_api_key="laboratorio", **urls)
    proceso = Proceso(ajustes)
    medellin = {"latitud": 6.25, "longitud": -75.56, "proveedores": ["openmeteo"]}
    dias = {"fecha_inicio": "2026-01-01", "fecha_fin": "2026-01-03"}
    falla = [{"proveedor": "meteoblue", "tipo": "estado", "estado": 503}]
    for tipo, cuerpo, fallas in (
        ("tiempo-real", medellin | {"proveedores": ["meteoblue"]}, falla),
        ("tiempo-real", medellin, []),
        ("tiempo-real", medellin, []),
        ("historico", medellin | dias, []),
        ("tiempo-real", {"ciudad": "Ningunaparte de Abajo"}, []),
    ):
        requests.put(f"{laboratorio}/_laboratorio/fallas", json=fallas, timeout=60).raise_for_status()
        sobre = cliente.post(f"/api/consultas/{tipo}", json=cuerpo, headers=con)
        proceso.procesar(sobre.json["consulta"]["id"])
    metricas.reparaciones.labels("rescatada")  # which only a worker's sweep counts
    metricas.incomprensibles.labels("siata")  # which only a body that breaks its client counts
    with redis.Redis.from_url(settings.url_redis) as r:
        latir(r)
    series: dict[str, set[str]] = defaultdict(set)
    for familia in text_string_to_metric_families(cliente.get("/metrics").text):
        for muestra in familia.samples:
            series[muestra.name] |= set(muestra.labels)
    return series | AJENAS


def reglas() -> list[dict[str, Any]]:
    return [regla for grupo in yaml.safe_load(ALERTAS.read_text())["groups"] for regla in grupo["rules"]]


def expresiones() -> Iterator[str]:
    yield from (regla["expr"] for regla in reglas())
    for panel in json.loads(TABLERO.read_text())["panels"]:
        yield from (objetivo["expr"] for objetivo in panel.get("targets", []))


def test_alertas_y_tablero_usan_series_y_etiquetas_que_existen(vivas: dict[str, set[str]]) -> None:
    for expresion in expresiones():
        nombres = set(re.findall(r"climaguru_\w+", expresion))
        assert nombres, expresion
        assert nombres <= set(vivas), expresion
        for nombre, selector in re.findall(r"(climaguru_\w+)\{([^}]*)\}", expresion):
            assert set(re.findall(r"(\w+)\s*[=!]", selector)) <= vivas[nombre], expresion
        for grupo in re.findall(r"by \(([^)]*)\)", expresion):
            assert set(re.split(r",\s*", grupo)) <= set.union(*(vivas[n] for n in nombres)), expresion


def test_lo_que_se_cuenta_se_ve_en_el_tablero(vivas: dict[str, set[str]]) -> None:
    """All but what only says how many there are."""
    vistas = set(re.findall(r"climaguru_\w+", TABLERO.read_text()))
    sueltas = {"climaguru_programaciones_activas", "climaguru_programaciones_atraso_seconds"}
    sueltas |= {"climaguru_ejecuciones_en_curso", *AJENAS}
    bases = {re.sub(r"_(bucket|count|sum|created)$", "", n) for n in vivas if n.startswith("climaguru_")}
    faltan = {n for n in bases - sueltas if not any(v.startswith(n.removesuffix("_total")) for v in vistas)}
    assert faltan == set()


def test_cada_alerta_dice_que_pasa_y_el_tablero_no_repite_paneles() -> None:
    assert all(r["annotations"]["summary"] and r["labels"]["severity"] in ("page", "ticket") for r in reglas())
    paneles = json.loads(TABLERO.read_text())["panels"]
    for clave in ("id", "title"):
        assert len({p[clave] for p in paneles}) == len(paneles)
    assert all(p["description"] for p in paneles if p["type"] != "row")


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian: prometheus)")
def test_promtool_entiende_las_reglas_y_los_ajustes() -> None:
    for orden in (["check", "rules", str(ALERTAS)], ["check", "config", str(ALERTAS.with_name("prometheus.yml"))]):
        fin = subprocess.run(["promtool", *orden], capture_output=True, text=True, check=False)
        assert fin.returncode == 0, fin.stdout + fin.stderr
