"""How a period is cut: the fewest pieces that hold what is not known, whatever is known."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.clima import Periodo, Resolucion
from worker.tramos import cortar, dias, pendientes

INICIO = date(2024, 1, 1)
TODO = Periodo(INICIO, date(2024, 12, 31), Resolucion.DIARIA)
numeros = st.integers(0, 365)


def dia(n: int) -> date:
    return INICIO + timedelta(n)


@given(st.sets(numeros), st.integers(1, 366))
def test_los_tramos_tienen_todo_lo_que_falta_y_nunca_son_mas_que_sin_saber_nada(sabidos: set[int], largo: int) -> None:
    conocidos = {dia(n) for n in sabidos}
    tramos = cortar(TODO, conocidos, largo)
    cubiertos = [d for t in tramos for d in dias(t)]
    assert set(dias(TODO)) - conocidos <= set(cubiertos)
    assert len(cubiertos) == len(set(cubiertos))
    assert all(t.dias <= largo for t in tramos)
    assert all(t.inicio not in conocidos and t.fin not in conocidos for t in tramos)
    assert len(tramos) <= len(TODO.tramos(largo))


@given(st.lists(st.tuples(numeros, st.integers(0, 60))))
def test_lo_hecho_no_se_pide_otra_vez(hechos: list[tuple[int, int]]) -> None:
    suyos = [Periodo(dia(n), dia(n + largo), Resolucion.DIARIA) for n, largo in hechos]
    faltan = pendientes(TODO, suyos)
    hechos_dias = {d for h in suyos for d in dias(h)}
    assert [d for p in faltan for d in dias(p)] == [d for d in dias(TODO) if d not in hechos_dias]


def test_si_se_sabe_todo_no_se_pregunta_nada() -> None:
    assert cortar(TODO, set(dias(TODO)), 366) == []
