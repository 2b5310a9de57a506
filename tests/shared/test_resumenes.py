"""Summaries: what has ended is counted once, and again only after it changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from shared import consultas, reportes, resumenes
from shared.calendario import dias, medianoche, mes_siguiente
from shared.conteo import TODOS
from shared.modelos import Consulta, Estado, Resumen
from tests.shared.test_reportes import comprobar, hace, hoy, mes_pasado, poner, poner_muchas, resumir_todo, usuario


def diarios(s: Session) -> dict[tuple[int, date], datetime]:
    s.expire_all()
    return {(r.usuario_id, r.dia): r.hasta for r in s.scalars(select(Resumen).where(~Resumen.mensual))}


def test_resumir_otra_vez_no_cambia_nada(s: Session) -> None:
    poner_muchas(s, Random(1))
    resumir_todo(s)
    antes = diarios(s)
    assert resumir_todo(s) == 0
    assert diarios(s) == antes


def test_un_dia_se_resume_hasta_la_primera_sin_terminar(s: Session) -> None:
    ana = usuario(s)
    poner(s, ana, hace(2, 8))
    abierta = poner(s, ana, hace(2, 10), Estado.PROCESANDO)
    resumir_todo(s)
    assert diarios(s)[0, hoy() - timedelta(2)] == hace(2, 10)
    s.execute(update(Consulta).where(Consulta.id == abierta).values(estado=Estado.ERROR))
    resumir_todo(s)
    assert diarios(s)[0, hoy() - timedelta(2)] == hace(1, 0)


def test_el_ultimo_minuto_no_se_resume(s: Session) -> None:
    """An INSERT that began then may not have reached the table yet."""
    poner(s, usuario(s), datetime.now(UTC))
    resumir_todo(s)
    assert max(diarios(s).values(), default=hace(1)) <= datetime.now(UTC) - timedelta(seconds=59)


def test_un_dia_lleno_se_resume_por_partes(s: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumenes, "FILAS", 3)
    ana = usuario(s)
    for minuto in (0, 0, 0, 0, 0, 1, 2, 3, 3):
        poner(s, ana, hace(1) + timedelta(minutes=minuto))
    assert resumir_todo(s) > 3
    comprobar(s, [ana])


def test_reintentar_deshace_el_resumen_que_la_cuenta_y_ningun_otro(s: Session) -> None:
    ana, beto = usuario(s), usuario(s, "beto")
    vieja, otra, nueva = poner(s, ana, hace(2)), poner(s, beto, hace(2)), poner(s, ana, datetime.now(UTC))
    resumir_todo(s)
    antes = diarios(s)
    assert consultas.reintentar(s, nueva)
    assert diarios(s) == antes
    assert consultas.reintentar(s, vieja)
    dia = hoy() - timedelta(2)
    assert antes.keys() - diarios(s).keys() == {(0, dia), (ana, dia)}
    consultas.cancelar(s, vieja)
    assert consultas.reintentar(s, otra)
    resumir_todo(s)
    comprobar(s, [ana, beto])


def test_un_mes_cerrado_es_la_suma_de_sus_dias_hasta_que_se_reintenta_algo_de_el(s: Session) -> None:
    ana, beto = usuario(s), usuario(s, "beto")
    mes = mes_pasado(2)
    vieja = poner(s, ana, medianoche(mes) + timedelta(days=9))
    poner(s, beto, medianoche(mes) + timedelta(days=9))
    resumir_todo(s)
    assert mensuales(s, mes) == {TODOS, ana, beto}
    assert not resumenes.sumar_mes(s, mes, set(dias(mes, mes_siguiente(mes) - timedelta(1))) - {mes})
    assert consultas.reintentar(s, vieja)
    assert mensuales(s, mes) == {beto}
    comprobar(s, [ana, beto])
    resumir_todo(s)
    assert mensuales(s, mes) == {beto}
    consultas.cancelar(s, vieja)
    resumir_todo(s)
    assert mensuales(s, mes) == {TODOS, ana, beto}
    comprobar(s, [ana, beto])


def mensuales(s: Session, mes: date) -> set[int]:
    return set(s.scalars(select(Resumen.usuario_id).where(Resumen.mensual, Resumen.dia == mes)))


def test_de_dos_que_resumen_lo_mismo_uno_no_hace_nada(s: Session) -> None:
    ana = usuario(s)
    poner(s, ana, hace(1))
    dia, tramos = hoy() - timedelta(1), [(hace(1, 0), hace(1, 13)), (hace(1, 13), hace(0, 0))]
    for n, tramo in enumerate(tramos):
        assert resumenes.anadir(s, dia, tramo, primero=n == 0)
        assert not resumenes.anadir(s, dia, tramo, primero=n == 0)
    assert resumenes.sumar_mes(s, dia.replace(day=1), {dia})
    assert not resumenes.sumar_mes(s, dia.replace(day=1), {dia})


def test_los_resumenes_sobreviven_a_lo_que_cuentan(s: Session) -> None:
    ana = usuario(s)
    poner(s, ana, hace(2))
    resumir_todo(s)
    s.execute(text("DELETE FROM consultas"))
    assert reportes.estadisticas(s, ana)["total_consultas"] == 1
