"""The door holds however many come at once, on MariaDB and on SQLite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.orm import Session

from shared import consultas, lotes, usuarios
from shared.admision import DemasiadasActivas, Saturada, admitir_programadas
from shared.clima import Lugar, Parametro, Pedido, TipoConsulta
from shared.db import Sesiones
from shared.modelos import Consulta, Estado, Lote, Usuario

HOY = Pedido(TipoConsulta.TIEMPO_REAL, None, Lugar(4.6, -74.1, zona_horaria="America/Bogota"), list(Parametro), None)
VECES = 50


@pytest.fixture
def sesiones(motor: Engine) -> Iterator[Sesiones]:
    yield Sesiones(motor)
    with Sesiones(motor).transaccion() as s:
        for tabla in (Consulta, Lote, Usuario):
            s.execute(delete(tabla))


@pytest.fixture
def ana(sesiones: Sesiones) -> int:
    with sesiones.transaccion() as s:
        return usuarios.crear(s, username="ana", email="ana@ejemplo.co", password="x" * 10, rounds=4).id


def a_la_vez(sesiones: Sesiones, entrar: Callable[[Session, int], Any]) -> Counter[str]:
    """How VECES attempts ended, all at once."""

    def una(n: int) -> str:
        try:
            sesiones.hacer(lambda s: entrar(s, n), insistir_s=120)
        except (DemasiadasActivas, Saturada) as e:
            return type(e).__name__
        return "entra"

    with ThreadPoolExecutor(VECES) as hilos:
        return Counter(hilos.map(una, range(VECES)))


def activas(sesiones: Sesiones) -> int:
    with sesiones.transaccion() as s:
        return s.scalars(select(func.count()).select_from(Consulta)).one()


def test_cincuenta_lotes_a_la_vez_entran_enteros_o_no_entran(sesiones: Sesiones, ana: int) -> None:
    topes = {"max_activas": 100, "max_pendientes": 10_000}
    fin = a_la_vez(sesiones, lambda s, _: lotes.crear(s, ana, [HOY] * 12, **topes))
    assert fin == {"entra": 8, "DemasiadasActivas": VECES - 8}
    assert activas(sesiones) == 96


def test_cincuenta_sueltas_a_la_vez_no_pasan_del_maximo(sesiones: Sesiones, ana: int) -> None:
    fin = a_la_vez(sesiones, lambda s, _: consultas.crear(s, ana, HOY, max_activas=7))
    assert fin == {"entra": 7, "DemasiadasActivas": VECES - 7}
    assert activas(sesiones) == 7


def test_la_misma_clave_a_la_vez_es_una_y_nadie_la_rechaza_por_lleno(sesiones: Sesiones, ana: int) -> None:
    fin = a_la_vez(sesiones, lambda s, _: consultas.crear(s, ana, HOY, max_activas=1, clave="k", huella="h"))
    assert fin == {"entra": VECES}
    assert activas(sesiones) == 1


def test_nadie_toma_mas_de_la_mitad_de_lo_que_puede_esperar(sesiones: Sesiones, ana: int) -> None:
    """Whatever MAX_ACTIVAS says, by hand or by programaciones; the half that is left is another's."""
    topes = {"max_activas": 1000, "max_pendientes": 20}
    with sesiones.transaccion() as s:
        lotes.crear(s, ana, [HOY] * 10, **topes)
        with pytest.raises(DemasiadasActivas) as e:
            consultas.crear(s, ana, HOY, **topes)
        assert (e.value.activas, e.value.cuantas, e.value.maximo) == (10, 1, 10)
        with pytest.raises(DemasiadasActivas):
            admitir_programadas(s, ana, 1, max_pendientes=20)
        beto = usuarios.crear(s, username="beto", email="beto@ejemplo.co", password="x" * 10, rounds=4).id
        lotes.crear(s, beto, [HOY] * 5, **topes)
        with pytest.raises(Saturada):
            admitir_programadas(s, beto, 1, max_pendientes=20)  # a quarter is for those who wait at a screen
        lotes.crear(s, beto, [HOY] * 5, **topes)
        with pytest.raises(Saturada):
            consultas.crear(s, beto, HOY, **topes)


def test_lo_que_se_trabaja_cuenta_para_quien_pide_a_mano(sesiones: Sesiones, ana: int) -> None:
    with sesiones.transaccion() as s:
        lotes.crear(s, ana, [HOY] * 2, max_activas=2, max_pendientes=100)
        s.execute(update(Consulta).values(estado=Estado.PROCESANDO))
        with pytest.raises(DemasiadasActivas):
            consultas.crear(s, ana, HOY, max_activas=2)
        s.execute(update(Consulta).values(estado=Estado.COMPLETADA))
        consultas.crear(s, ana, HOY, max_activas=2)
