"""What all workers together may ask of a provider, on a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from time import monotonic

import pytest
from redis import Redis as Cliente

from shared import limites
from shared.almacen import OPCIONES, RedisPrudente
from shared.limites import Limites
from shared.presupuestos import Presupuesto, Presupuestos
from tests.servidores import Redis

CORTO = {"openmeteo": Presupuesto("10/hour", a_la_vez=3)}


@pytest.fixture
def lim(servidor_redis: Redis) -> Iterator[Limites]:
    cliente = Cliente.from_url(servidor_redis.url)
    yield Limites(cliente, Presupuestos(cliente, presupuestos=CORTO))
    cliente.flushdb()
    cliente.close()


def fallar(lim: Limites, veces: int) -> None:
    for _ in range(veces):
        lim.anotar("openmeteo", bien=False, latencia_ms=10)


def test_el_circuito_se_abre_tras_varios_fallos_seguidos(lim: Limites) -> None:
    fallar(lim, limites.FALLOS_PARA_ABRIR - 1)
    assert lim.permite("openmeteo")
    fallar(lim, 1)
    assert not lim.permite("openmeteo")
    assert lim.permite("ideam")
    assert lim.salud("openmeteo").circuito == "abierto"


def test_un_acierto_en_medio_empieza_la_cuenta_otra_vez(lim: Limites) -> None:
    fallar(lim, limites.FALLOS_PARA_ABRIR - 1)
    lim.anotar("openmeteo", bien=True, latencia_ms=10)
    fallar(lim, limites.FALLOS_PARA_ABRIR - 1)
    assert lim.permite("openmeteo")


def test_pasado_el_descanso_prueba_uno_solo_y_si_acierta_se_cierra(
    lim: Limites, monkeypatch: pytest.MonkeyPatch, servidor_redis: Redis
) -> None:
    fallar(lim, limites.FALLOS_PARA_ABRIR)
    Cliente.from_url(servidor_redis.url).delete("cg:prueba:openmeteo")  # the rest is over
    assert lim.salud("openmeteo").circuito == "a_prueba"
    assert [lim.permite("openmeteo") for _ in range(3)] == [True, False, False]
    lim.anotar("openmeteo", bien=True, latencia_ms=10)
    assert lim.permite("openmeteo")
    assert lim.salud("openmeteo").circuito == "cerrado"


def test_la_salud_resume_las_ultimas_llamadas(lim: Limites) -> None:
    assert (lim.salud("openmeteo").exito, lim.salud("openmeteo").latencia_ms) == (None, None)
    for ms in (100, 200, 900):
        lim.anotar("openmeteo", bien=ms != 900, latencia_ms=ms)
    assert lim.salud("openmeteo") == limites.Salud("cerrado", 0.667, 200)


def test_nunca_hay_mas_en_vuelo_que_lugares(lim: Limites) -> None:
    dentro, mayor, cerrojo, salida = [0], [0], Lock(), Barrier(12)

    def uno(_: int) -> bool:
        salida.wait()
        with lim.en_vuelo("openmeteo", monotonic() + 20) as entro:
            with cerrojo:
                dentro[0] += 1
                mayor[0] = max(mayor[0], dentro[0])
            with cerrojo:
                dentro[0] -= 1
            return entro

    with ThreadPoolExecutor(12) as hilos:
        assert all(hilos.map(uno, range(12)))
    assert mayor[0] <= 3


def test_sin_lugar_antes_del_plazo_se_dice_que_no(lim: Limites) -> None:
    ya = monotonic() + 5
    with (
        lim.en_vuelo("openmeteo", ya),
        lim.en_vuelo("openmeteo", ya),
        lim.en_vuelo("openmeteo", ya),
        lim.en_vuelo("openmeteo", monotonic() + 0.1) as entro,
    ):
        assert not entro
    with lim.en_vuelo("openmeteo", ya) as entro:
        assert entro


def test_lo_que_no_corre_prisa_deja_lugares_a_quien_espera(lim: Limites) -> None:
    ya = monotonic() + 5
    with lim.en_vuelo("openmeteo", ya, prisa=False) as primera:
        assert primera
        with lim.en_vuelo("openmeteo", monotonic() + 0.1, prisa=False) as segunda:
            assert not segunda
        with lim.en_vuelo("openmeteo", ya) as con_prisa:
            assert con_prisa


def test_con_redis_caido_todo_se_permite() -> None:
    redis = RedisPrudente(port=1, **OPCIONES)
    caido = Limites(redis, Presupuestos(redis, presupuestos=CORTO))
    assert caido.permite("openmeteo")
    caido.anotar("openmeteo", bien=False, latencia_ms=1)
    with caido.en_vuelo("openmeteo", monotonic() + 1) as entro:
        assert entro
