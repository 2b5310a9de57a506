"""The calls that an installation may make, and each user's share of them, on a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import inf
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis as Cliente

from shared.almacen import OPCIONES, RedisPrudente
from shared.presupuestos import Pagador, Presupuesto, Presupuestos, Saldo
from tests.servidores import Redis

CORTO = {
    "openmeteo": Presupuesto("10/hour;15/day", por_direccion=True),
    "openweather": Presupuesto("5/hour"),
    "meteosource": Presupuesto("400/day"),
}
ANA, LUIS, EVA, CALMA = Pagador(1), Pagador(2), Pagador(3), Pagador(1, prisa=False)
PROPIA = Pagador(1, clave_propia=True)
DIA_MS = 86_400_000


@pytest.fixture
def redis(servidor_redis: Redis) -> Iterator[Any]:
    cliente = Cliente.from_url(servidor_redis.url)
    yield cliente
    cliente.flushdb()
    cliente.close()


@pytest.fixture
def todos(redis: Any) -> Presupuestos:
    """Without shares: one user may take it all."""
    return Presupuestos(redis, presupuestos=CORTO)


@pytest.fixture
def partes(redis: Any) -> Presupuestos:
    return Presupuestos(redis, parte=0.5, presupuestos=CORTO)


def test_se_gasta_por_peso_y_no_se_pasa(todos: Presupuestos) -> None:
    assert todos.gastar("openmeteo", 8, ANA).cabe
    assert todos.queda("openmeteo") == 2
    assert not todos.gastar("openmeteo", 3, ANA).cabe
    assert todos.gastar("openmeteo", 2, ANA).cabe
    assert not todos.gastar("openmeteo", 1, ANA).cabe


def test_se_sabe_cuando_habra_sitio(todos: Presupuestos) -> None:
    assert todos.mirar("openmeteo", 10, ANA) == Saldo()
    assert todos.mirar("openmeteo", 11, ANA).espera_s == inf  # more than the whole hour
    assert todos.mirar("openmeteo", 9, CALMA).espera_s == inf  # of which a fifth is for others
    assert todos.gastar("openmeteo", 8, ANA).cabe
    assert todos.mirar("openmeteo", 2, ANA).cabe
    lleno = todos.mirar("openmeteo", 3, ANA)
    assert 3590 < lleno.espera_s <= 3600
    assert not lleno.de_uno
    assert todos.mirar("siata", 500, ANA).cabe
    assert todos.mirar("openweather", 500, PROPIA).cabe


def test_lo_que_no_cabe_en_una_ventana_no_se_gasta_en_ninguna(todos: Presupuestos, redis: Any) -> None:
    assert todos.gastar("openmeteo", 9, ANA).cabe
    redis.delete("cg:gasto:openmeteo:3600")  # the hour is over, the day goes on
    assert not todos.gastar("openmeteo", 7, ANA).cabe
    assert todos.queda("openmeteo") == 6
    assert not redis.exists("cg:gasto:openmeteo:3600")


def test_una_ventana_acaba(todos: Presupuestos, redis: Any) -> None:
    assert todos.gastar("openweather", 5, ANA).cabe
    assert 3_590_000 < redis.pttl("cg:gasto:openweather:3600") <= 3_600_000
    redis.pexpire("cg:gasto:openweather:3600", 2_000)
    assert 0 < todos.mirar("openweather", 1, ANA).espera_s <= 2
    assert not todos.gastar("openweather", 1, ANA).cabe
    assert redis.pttl("cg:gasto:openweather:3600") <= 2_000  # a refusal does not make it longer


def test_la_clave_propia_no_gasta_lo_de_la_instalacion_salvo_que_se_cuente_por_direccion(todos: Presupuestos) -> None:
    assert all(todos.gastar("openweather", 1, PROPIA).cabe for _ in range(9))
    assert todos.queda("openweather") == 5
    assert todos.gastar("openmeteo", 10, PROPIA).cabe
    assert not todos.gastar("openmeteo", 1, PROPIA).cabe


def test_quien_no_tiene_presupuesto_pregunta_sin_limite(todos: Presupuestos) -> None:
    assert all(todos.gastar("siata", 1, ANA).cabe for _ in range(50))
    assert todos.queda("siata") is None


def test_lo_que_no_corre_prisa_deja_llamadas_a_quien_espera(todos: Presupuestos) -> None:
    assert todos.gastar("openmeteo", 8, CALMA).cabe
    assert not todos.gastar("openmeteo", 1, CALMA).cabe
    assert todos.gastar("openmeteo", 2, ANA).cabe


def test_con_redis_caido_todo_se_permite() -> None:
    caido = Presupuestos(RedisPrudente(port=1, **OPCIONES), presupuestos=CORTO)
    assert caido.gastar("openmeteo", 100, ANA).cabe
    assert caido.mirar("openmeteo", 100, ANA).cabe


# shares


def gastar_todo(partes: Presupuestos, quien: Pagador) -> int:
    """Calls that this user gets now, one by one."""
    n = 0
    while partes.gastar("meteosource", 1, quien).cabe:
        n += 1
    return n


def test_nadie_gasta_lo_de_todos_y_siempre_queda_algo_para_quien_llega(partes: Presupuestos) -> None:
    assert gastar_todo(partes, ANA) == 200
    negado = partes.mirar("meteosource", 1, ANA)
    assert negado.de_uno
    assert 0 < negado.espera_s < 86_400 / 400 + 86_400 / 2
    assert gastar_todo(partes, LUIS) == 100  # half of what Ana left
    assert gastar_todo(partes, EVA) == 50
    assert gastar_todo(partes, ANA) == 0
    assert partes.queda("meteosource") == 50


def test_lo_que_nadie_quiso_es_de_quien_lo_quiera(partes: Presupuestos, redis: Any) -> None:
    assert gastar_todo(partes, ANA) == 200
    redis.pexpire("cg:gasto:meteosource:86400", DIA_MS // 4)  # three quarters of the day are over
    assert gastar_todo(partes, ANA) == 100
    redis.pexpire("cg:gasto:meteosource:86400", DIA_MS // 100)
    assert gastar_todo(partes, ANA) == 96  # all but the last hundredth


def test_la_espera_por_la_parte_propia_es_hasta_que_la_ventana_la_da(partes: Presupuestos, redis: Any) -> None:
    gastar_todo(partes, ANA)
    redis.pexpire("cg:gasto:meteosource:86400", int(DIA_MS * 0.6))
    espera_s = partes.mirar("meteosource", 40, ANA).espera_s  # 240 of 400: when 0.6 of the day have passed
    assert espera_s == pytest.approx(86_400 * 0.2, abs=60)
    queda_ms = redis.pttl("cg:gasto:meteosource:86400")  # the clock went on meanwhile: no more than when it was said
    redis.pexpire("cg:gasto:meteosource:86400", queda_ms - round(espera_s * 1000))
    assert partes.gastar("meteosource", 40, ANA).cabe


def test_la_primera_llamada_de_una_ventana_no_espera_aunque_cueste_mas_que_una_parte(partes: Presupuestos) -> None:
    assert partes.gastar("meteosource", 390, ANA).cabe
    assert not partes.gastar("meteosource", 1, ANA).cabe
    assert partes.gastar("meteosource", 10, LUIS).cabe
    lleno = partes.mirar("meteosource", 1, EVA)
    assert not lleno.cabe
    assert not lleno.de_uno


def test_la_parte_se_cuenta_tambien_de_lo_que_no_corre_prisa(partes: Presupuestos) -> None:
    assert gastar_todo(partes, CALMA) == 200
    assert partes.mirar("meteosource", 1, ANA).de_uno


def test_la_parte_es_exacta_con_cincuenta_a_la_vez(partes: Presupuestos) -> None:
    with ThreadPoolExecutor(50) as hilos:
        dadas = list(hilos.map(lambda _: partes.gastar("meteosource", 7, ANA).cabe, range(50)))
    assert sum(dadas) == 200 // 7


@given(
    gastos=st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 60), st.booleans(), st.integers(0, 100)), min_size=1, max_size=40
    )
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nunca_se_pasa_de_la_ventana_y_el_que_llega_de_nuevo_encuentra_algo(
    partes: Presupuestos, redis: Any, gastos: list[tuple[int, int, bool, int]]
) -> None:
    """However many spend how much, in whatever order, while the window goes on; each step is a percent of it."""
    redis.flushdb()
    de: dict[int, int] = {}
    pasado = 0
    for usuario, costo, prisa, paso in gastos:
        pasado = min(99, pasado + paso // 10)
        if redis.exists("cg:gasto:meteosource:86400"):
            redis.pexpire("cg:gasto:meteosource:86400", DIA_MS * (100 - pasado) // 100)
        antes = sum(de.values())
        otros = antes - de.get(usuario, 0)
        saldo = partes.gastar("meteosource", costo, Pagador(usuario, prisa=prisa))
        cabe_en_todo = antes + costo + (0 if prisa else 80) <= 400
        tope = (400 - otros) * max(0.5, pasado / 100 if antes else 0)
        cerca = abs(de.get(usuario, 0) + costo - tope) < 0.05  # the clock went on meanwhile
        esperado = cabe_en_todo and (usuario not in de or de[usuario] + costo <= tope)
        assert cerca or saldo.cabe == esperado
        if saldo.cabe:
            de[usuario] = de.get(usuario, 0) + costo
        assert partes.queda("meteosource") == 400 - sum(de.values())
        assert sum(de.values()) <= 400
