"""The alerts speak of metrics that exist."""

from __future__ import annotations

import re
from pathlib import Path

import redis
import yaml
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from shared.cola import latir
from shared.settings import Settings

ALERTAS = Path(__file__).parents[2] / "deploy" / "prometheus" / "alertas.yml"


def test_toda_metrica_de_las_alertas_esta_en_metrics(app: Flask, cliente: FlaskClient, settings: Settings) -> None:
    with redis.Redis.from_url(settings.url_redis) as r:
        latir(r)
    vivas = {
        muestra.name for f in text_string_to_metric_families(cliente.get("/metrics").text) for muestra in f.samples
    }
    reglas = [regla for grupo in yaml.safe_load(ALERTAS.read_text())["groups"] for regla in grupo["rules"]]
    pedidas = {nombre for regla in reglas for nombre in re.findall(r"climaguru_\w+", regla["expr"])}
    assert pedidas
    assert pedidas <= vivas
    assert all(re.search(r"climaguru_", regla["expr"]) and regla["annotations"]["summary"] for regla in reglas)
