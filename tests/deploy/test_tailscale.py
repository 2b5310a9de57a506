"""deploy/tailscale/acl.hujson: what passes to the database is one rule."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

FICHERO = Path(__file__).parents[2] / "deploy" / "tailscale" / "acl.hujson"
TEXTO_O_RESTO = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[}\]])', re.DOTALL)


def leer(hujson: str) -> Any:
    """HuJSON: JSON with comments and trailing commas; strings are left as they are."""
    return json.loads(TEXTO_O_RESTO.sub(lambda m: m[1] or "", hujson))


@pytest.fixture
def acl() -> dict[str, Any]:
    leida: dict[str, Any] = leer(FICHERO.read_text())
    return leida


def test_hujson_se_lee() -> None:
    assert leer('{"a": "x // y, ]", /* b */ "c": [1, 2, // d\n ], }') == {"a": "x // y, ]", "c": [1, 2]}


def test_solo_el_backend_llega_a_la_base_y_solo_a_su_puerto(acl: dict[str, Any]) -> None:
    datos, personas = acl["acls"]
    assert datos == {"action": "accept", "proto": "tcp", "src": ["tag:flask-backend"], "dst": ["tag:mysql-db:3306"]}
    assert personas["src"] == ["group:operaciones"]
    assert {destino.rpartition(":")[2] for destino in personas["dst"]} == {"22"}
    assert not {"grants", "nodeAttrs", "autoApprovers", "hosts"} & set(acl), "other ways to let something pass"


def test_por_ssh_entran_personas_y_nadie_como_root(acl: dict[str, Any]) -> None:
    (regla,) = acl["ssh"]
    assert (regla["action"], regla["src"], regla["users"]) == ("check", ["group:operaciones"], ["autogroup:nonroot"])


def test_toda_etiqueta_y_todo_grupo_que_se_nombran_existen(acl: dict[str, Any]) -> None:
    definidos = set(acl["tagOwners"]) | set(acl["groups"])
    nombrados = set(re.findall(r'"((?:tag|group):[a-z-]+)', json.dumps(acl)))
    assert nombrados == definidos


def test_la_politica_se_prueba_a_si_misma(acl: dict[str, Any]) -> None:
    """Tailscale runs these when it is saved; each side of the rules is among them."""
    acepta = {p["src"]: p["accept"] for p in acl["tests"] if p.get("accept")}
    (persona,) = acl["groups"]["group:operaciones"]
    assert acepta == {"tag:flask-backend": ["tag:mysql-db:3306"], persona: ["tag:flask-backend:22", "tag:mysql-db:22"]}
    assert {p["src"] for p in acl["tests"] if p["deny"]} == {"tag:flask-backend", "tag:mysql-db", persona}
