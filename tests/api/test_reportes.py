"""Reports over HTTP: whose figures, who may see them, and the log of what was done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.api.ayuda import como, entrar, problema

CIFRAS = "/api/reportes/estadisticas"
AUDITORIA = "/api/reportes/auditoria"
LISTA = "/api/consultas/mis-consultas"
TR = "/api/consultas/tiempo-real"


@pytest.fixture
def ana(cliente: FlaskClient) -> dict[str, str]:
    """Somebody with two consultas of her own; nobody works on them."""
    con = entrar(cliente)
    for ciudad in ("Medellín", "Cali"):
        assert cliente.post(TR, json={"ciudad": ciudad}, headers=con).status_code == 202
    return con


def id_de(cliente: FlaskClient, con: dict[str, str]) -> int:
    return int(cliente.get("/api/auth/me", headers=con).json["usuario"]["id"])


def cifras(cliente: FlaskClient, con: dict[str, str], **filtros: Any) -> dict[str, Any]:
    r = cliente.get(CIFRAS, query_string=filtros, headers=con)
    assert r.status_code == 200, r.text
    return dict(r.json)


def test_las_cifras_son_las_propias_y_tienen_la_forma_del_contrato(cliente: FlaskClient, ana: dict[str, str]) -> None:
    hoy = str(datetime.now(UTC).date())
    assert cifras(cliente, ana) == {
        "total_consultas": 2,
        "por_estado": {"pendiente": 2, "procesando": 0, "completada": 0, "error": 0},
        "por_tipo": {"tiempo_real": 2, "historico": 0},
        "consultas_hoy": 2,
        "consultas_por_dia": [{"fecha": hoy, "total": 2}],
        "ciudades_frecuentes": [{"ciudad": "Cali", "total": 1}, {"ciudad": "Medellín", "total": 1}],
        "proveedores": [],
        "api_keys_activas": 0,
        "tiempo_respuesta_ms": {"p50": None, "p95": None},
        "promedios": {"temperatura": None, "humedad": None, "presion": None, "viento": None},
    }
    assert cifras(cliente, entrar(cliente, "beto"))["total_consultas"] == 0


def test_los_dias_acotan_las_cifras_y_hoy_sigue_siendo_hoy(cliente: FlaskClient, ana: dict[str, str]) -> None:
    hoy = datetime.now(UTC).date()
    assert cifras(cliente, ana, desde=hoy)["total_consultas"] == 2
    de_ayer = cifras(cliente, ana, desde="0001-01-01", hasta=hoy - timedelta(1))
    assert (de_ayer["total_consultas"], de_ayer["consultas_hoy"]) == (0, 2)
    assert cifras(cliente, ana, hasta="0001-01-01")["total_consultas"] == 0
    assert cifras(cliente, ana, desde=hoy, hasta="9999-12-31")["total_consultas"] == 2


@pytest.mark.parametrize("rol", ["consultor", "admin"])
def test_consultores_y_administradores_ven_las_de_otro_y_las_de_todos(
    app: Flask, cliente: FlaskClient, ana: dict[str, str], rol: str
) -> None:
    con = como(app, cliente, "jefa", rol)
    assert cifras(cliente, con)["total_consultas"] == 0
    assert cifras(cliente, con, usuario_id=id_de(cliente, ana))["total_consultas"] == 2
    assert cifras(cliente, con, ambito="todos")["total_consultas"] == 2
    problema(cliente.get(CIFRAS, query_string={"usuario_id": 999_999_999}, headers=con), 404)


def test_un_operario_no_ve_mas_que_las_suyas(cliente: FlaskClient, ana: dict[str, str]) -> None:
    for filtro in ({"ambito": "todos"}, {"usuario_id": id_de(cliente, ana)}, {"usuario_id": 999_999_999}):
        problema(cliente.get(CIFRAS, query_string=filtro, headers=ana), 403)


@pytest.mark.parametrize(
    ("filtros", "campo"),
    [
        ({"desde": "ayer"}, "desde"),
        ({"hasta": "2026-02-30"}, "hasta"),
        ({"desde": "2026-02-02", "hasta": "2026-02-01"}, "hasta"),
        ({"usuario_id": "0"}, "usuario_id"),
        ({"usuario_id": "-1"}, "usuario_id"),
        ({"usuario_id": "ana"}, "usuario_id"),
        ({"ambito": "nadie"}, "ambito"),
        ({"ambito": "todos", "usuario_id": "1"}, "ambito"),
        ({"dias": "7"}, "dias"),
    ],
)
def test_un_filtro_de_cifras_que_no_vale_se_dice(
    app: Flask, cliente: FlaskClient, filtros: dict[str, str], campo: str
) -> None:
    con = como(app, cliente, "jefa", "admin")
    assert set(problema(cliente.get(CIFRAS, query_string=filtros, headers=con), 422)["errores"]) == {campo}


def test_la_auditoria_es_de_administradores(app: Flask, cliente: FlaskClient) -> None:
    for rol in ("operario", "consultor"):
        problema(cliente.get(AUDITORIA, headers=como(app, cliente, rol, rol)), 403)


def test_la_auditoria_cuenta_lo_hecho_lo_nuevo_primero_y_por_paginas(
    app: Flask, cliente: FlaskClient, ana: dict[str, str]
) -> None:
    con = como(app, cliente, "jefa", "admin")
    todo = cliente.get(AUDITORIA, query_string={"per_page": 100}, headers=con).json
    assert set(todo) == {"registros", "total", "pages", "current_page", "per_page"}
    ids = [r["id"] for r in todo["registros"]]
    assert ids == sorted(ids, reverse=True)
    assert todo["total"] == len(ids)
    assert (todo["pages"], todo["current_page"], todo["per_page"]) == (1, 1, 100)
    paginas = [
        cliente.get(AUDITORIA, query_string={"per_page": 2, "page": n + 1}, headers=con).json["registros"]
        for n in range(len(ids) // 2 + 2)
    ]
    assert [r["id"] for pagina in paginas for r in pagina] == ids
    assert paginas[-1] == []
    assert set(todo["registros"][0]) == {
        *("id", "usuario_id", "accion", "detalle", "ip_address", "user_agent", "creado_en")
    }


def test_la_auditoria_se_filtra(app: Flask, cliente: FlaskClient, ana: dict[str, str]) -> None:
    con = como(app, cliente, "jefa", "admin")
    hoy = datetime.now(UTC).date()
    ana_id = id_de(cliente, ana)

    def total(**filtros: Any) -> int:
        r = cliente.get(AUDITORIA, query_string=filtros, headers=con)
        assert r.status_code == 200, r.text
        return int(r.json["total"])

    assert total(usuario_id=ana_id, accion="crear_consulta") == 2
    assert total(accion="crear_consulta", ip="127.0.0.1", desde=hoy, hasta=hoy) == 2
    assert total(usuario_id=id_de(cliente, con), accion="crear_consulta") == 0
    assert total(ip="127.0.0.2") == total(hasta=hoy - timedelta(1)) == total(desde=hoy + timedelta(1)) == 0
    assert total(usuario_id=999_999_999) == total(accion="nada") == 0


@pytest.mark.parametrize(
    ("filtros", "campo"),
    [
        ({"page": "0"}, "page"),
        ({"per_page": "101"}, "per_page"),
        ({"usuario_id": "x"}, "usuario_id"),
        ({"accion": ""}, "accion"),
        ({"accion": "a" * 51}, "accion"),
        ({"ip": "aquí"}, "ip"),
        ({"desde": "1"}, "desde"),
        ({"desde": "2026-02-02", "hasta": "2026-02-01"}, "hasta"),
    ],
)
def test_un_filtro_de_auditoria_que_no_vale_se_dice(
    app: Flask, cliente: FlaskClient, filtros: dict[str, str], campo: str
) -> None:
    con = como(app, cliente, "jefa", "admin")
    assert set(problema(cliente.get(AUDITORIA, query_string=filtros, headers=con), 422)["errores"]) == {campo}


def test_las_paginas_de_mis_consultas_son_la_lista_entera(cliente: FlaskClient, ana: dict[str, str]) -> None:
    for _ in range(5):
        cliente.post(TR, json={"ciudad": "Cali"}, headers=ana)
    hoy = datetime.now(UTC).date()
    for filtros in ({}, {"ciudad": "CALI"}, {"desde": hoy, "hasta": "9999-12-31"}, {"estado": "pendiente"}):
        paginas = [
            cliente.get(LISTA, query_string={"per_page": 2, "page": n, **filtros}, headers=ana).json
            for n in range(1, 6)
        ]
        ids = [c["id"] for pagina in paginas for c in pagina["consultas"]]
        assert ids == sorted(set(ids), reverse=True)
        assert {pagina["total"] for pagina in paginas} == {len(ids)}
        assert len(ids) >= 6
