"""Rules of the house that import-linter cannot say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask

from shared.cola import COLAS, MANTENIMIENTO, TOCAR
from worker.agenda import AGENDA

RAIZ = Path(__file__).parent.parent
CUARTOS = ("api", "worker", "shared", "migrations", "deploy")
SQL = {"select", "update", "insert", "delete", "text"}
PUBLICAS = {
    "auth.register",
    "auth.login",
    "salud.viva",
    "salud.lista",
    "metricas.metricas",
    "api-docs.openapi_json",
    "docs.pagina",
    "docs.pieza",
}


def modulos(*cuartos: str) -> Iterator[tuple[Path, ast.Module]]:
    for cuarto in cuartos:
        for fichero in sorted((RAIZ / cuarto).rglob("*.py")):
            yield fichero.relative_to(RAIZ), ast.parse(fichero.read_text())


def importados(arbol: ast.Module, paquete: str) -> set[str]:
    return {
        alias.name
        for nodo in ast.walk(arbol)
        if isinstance(nodo, ast.ImportFrom) and (nodo.module or "").split(".")[0] == paquete
        for alias in nodo.names
    }


def test_el_sql_se_escribe_solo_en_shared() -> None:
    culpables = {
        str(f): malos
        for f, arbol in modulos("api", "worker", "deploy")
        if (malos := importados(arbol, "sqlalchemy") & SQL)
    }
    assert culpables == {}


def test_el_entorno_se_lee_solo_en_los_ajustes() -> None:
    culpables = [
        str(fichero)
        for fichero, arbol in modulos(*CUARTOS)
        for nodo in ast.walk(arbol)
        if isinstance(nodo, ast.Attribute)
        and ast.unparse(nodo) in ("os.environ", "os.getenv")
        and str(fichero) != "shared/settings.py"
    ]
    assert culpables == []


def test_nadie_crea_tablas_sin_migracion() -> None:
    culpables = [str(f) for f, _ in modulos(*CUARTOS) if "create_all" in (RAIZ / f).read_text()]
    assert culpables == []


def test_importar_no_abre_ninguna_conexion() -> None:
    """Every module of the API and the worker is imported with sockets that raise."""
    nombres = [
        ".".join(f.with_suffix("").parts).removesuffix(".__init__") for f, _ in modulos("api", "worker", "shared")
    ]
    programa = (
        "import socket\n"
        "def no(*a, **k): raise RuntimeError('a connection at import')\n"
        "socket.socket.connect = no\n"
        f"import importlib\nfor n in {nombres!r}: importlib.import_module(n)\n"
    )
    entorno = {
        "FLASK_ENV": "testing",
        "SECRET_KEY": "s" * 40,
        "JWT_SECRET_KEY": "j" * 40,
        "ENCRYPTION_KEY": "A" * 43 + "=",
        "DATABASE_URL": "mysql://u:c@127.0.0.1:1/b",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    fin = subprocess.run(
        [sys.executable, "-c", programa], env=entorno, cwd=RAIZ, capture_output=True, text=True, check=False
    )
    assert fin.returncode == 0, fin.stderr


def test_toda_ruta_pide_un_token_salvo_las_publicas(app: Flask) -> None:
    cliente = app.test_client()
    for regla in app.url_map.iter_rules():
        if regla.endpoint in PUBLICAS:
            continue
        ruta = re.sub(r"<uuid:\w+>", str(UUID(int=1)), re.sub(r"<int:\w+>", "1", regla.rule))
        for metodo in (regla.methods or set()) - {"HEAD", "OPTIONS"}:
            assert cliente.open(ruta, method=metodo).status_code == 401, f"{metodo} {regla.rule}"


def test_toda_cola_y_toda_tarea_de_la_agenda_existe(monkeypatch: pytest.MonkeyPatch) -> None:
    tareas = (RAIZ / "worker" / "tareas.py").read_text()
    assert {entrada["options"]["queue"] for entrada in AGENDA.values()} <= set(COLAS)
    for nombre in {entrada["task"] for entrada in AGENDA.values()}:
        assert f'name="{nombre}"' in tareas
    assert "name=PROCESAR" in tareas
    assert "name=PROBAR" in tareas
    assert f'name="{TOCAR}"' in tareas
    assert MANTENIMIENTO in COLAS
