"""Figures: summaries and what is counted live say together what counting by hand says."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from math import ceil, floor, log
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared import consultas, reportes, resumenes, usuarios
from shared.calendario import medianoche
from shared.cifras import CUBOS, frecuentes, percentil
from shared.clima import Encargo, EstadoFuente, Fuente, Resultado, TipoConsulta
from shared.conteo import TODOS
from shared.db import plegar
from shared.modelos import CodigoError, Consulta, DatosClima, Estado
from tests.shared.test_consultas import leida, tomada

CIUDADES = ["Medellín", "medellin", "MEDELLÍN", "Bogotá", "Cali", None]
FUENTES = [None, "openmeteo", "ideam,openmeteo", "openmeteo,openweather"]
CLIMA = {
    "temperatura": "temperatura_promedio",
    "humedad": "humedad_relativa",
    "presion": "presion_atmosferica",
    "viento": "velocidad_viento",
}


def hoy() -> date:
    return datetime.now(UTC).date()


def hace(dias: int, horas: int = 12) -> datetime:
    return medianoche(hoy() - timedelta(dias)) + timedelta(hours=horas)


def mes_pasado(hace: int) -> date:
    """The first day of this month, or of one before."""
    dia = hoy().replace(day=1)
    for _ in range(hace):
        dia = (dia - timedelta(1)).replace(day=1)
    return dia


def usuario(s: Session, nombre: str = "ana") -> int:
    return usuarios.crear(s, username=nombre, email=f"{nombre}@b.co", password="x" * 8, rounds=4).id


def poner(
    s: Session, usuario_id: int, creada_en: datetime, estado: Estado = Estado.ERROR, azar: Random | None = None
) -> int:
    """A consulta as it may be found, with or without an answer; its id."""
    azar = azar or Random(7)
    consulta = Consulta(
        usuario_id=usuario_id,
        tipo_consulta=azar.choice(list(TipoConsulta)),
        ciudad=azar.choice(CIUDADES),
        parametros_solicitados=[],
        estado=estado,
        creada_en=creada_en,
        tiempo_respuesta_ms=azar.randrange(20_000) if estado.final else None,
        fuentes_usadas=azar.choice(FUENTES),
        fuentes_fallidas=azar.choice(FUENTES),
    )
    s.add(consulta)
    s.flush()
    if azar.random() < 0.8:  # also those asked again, whose answer in part is kept
        clima = {columna: azar.choice([None, azar.randrange(100)]) for columna in CLIMA.values()}
        s.add(DatosClima(consulta_id=consulta.id, fuentes_utilizadas=[], datos_completos={}, **clima))
    return consulta.id


def poner_muchas(s: Session, azar: Random) -> list[int]:
    """Of two of three users; some wait since three days ago. The users' ids."""
    ids = [usuario(s, nombre) for nombre in ("ana", "beto", "cira")]
    for _ in range(100):
        creada_en = datetime.now(UTC) - timedelta(azar.choice([0, 0, 1, 2, 3, 9, 40]), azar.randrange(7200))
        esperan = [Estado.PENDIENTE] if azar.random() < 0.1 and creada_en < hace(2, 0) else []
        poner(s, azar.choice(ids[:2]), creada_en, azar.choice([Estado.COMPLETADA, Estado.ERROR, *esperan]), azar)
    s.flush()
    return ids


def resumir_todo(s: Session) -> int:
    veces = 0
    while resumenes.resumir(s):
        veces += 1
    return veces


def a_mano(
    todas: list[Consulta], clima: dict[int, DatosClima], desde: date | None, hasta: date | None
) -> dict[str, Any]:
    """estadisticas, by looking at each row."""
    filas = [c for c in todas if (desde or date.min) <= c.creada_en.date() <= (hasta or date.max)]
    completadas = [c for c in filas if c.estado == Estado.COMPLETADA]
    datos = [clima[c.id] for c in completadas if c.id in clima]
    usadas, fallidas = (
        Counter(p for c in filas for p in (getattr(c, f"fuentes_{como}") or "").split(",") if p)
        for como in ("usadas", "fallidas")
    )
    listada = desde or (hasta or hoy()) - timedelta(29)
    dias = Counter(c.creada_en.date() for c in filas if c.creada_en.date() >= listada)
    return {
        "total_consultas": len(filas),
        "por_estado": {e.value: sum(c.estado == e for c in filas) for e in Estado},
        "por_tipo": {t.value: sum(c.tipo_consulta == t for c in filas) for t in TipoConsulta},
        "consultas_hoy": sum(c.creada_en.date() == hoy() for c in todas),
        "consultas_por_dia": [{"fecha": str(d), "total": n} for d, n in sorted(dias.items())],
        "ciudades_frecuentes": Counter(plegar(c.ciudad) for c in filas if c.ciudad),
        "proveedores": [
            {"proveedor": p, "usadas": usadas[p], "fallidas": fallidas[p]} for p in sorted(usadas | fallidas)
        ],
        "api_keys_activas": 0,
        "tiempo_respuesta_ms": {p: _percentil(completadas, n) for p, n in (("p50", 0.5), ("p95", 0.95))},
        "promedios": {p: _promedio([getattr(d, columna) for d in datos]) for p, columna in CLIMA.items()},
    }


def _percentil(completadas: list[Consulta], parte: float) -> Any:
    tiempos = sorted(c.tiempo_respuesta_ms or 0 for c in completadas)
    return _aproximado(tiempos[ceil(parte * len(tiempos)) - 1]) if tiempos else None


def _aproximado(ms: int) -> Any:
    return pytest.approx(ms, abs=0.026 * (ms + 1) + 0.5)


def _promedio(valores: list[Any]) -> Any:
    numeros = [float(v) for v in valores if v is not None]
    return pytest.approx(sum(numeros) / len(numeros), abs=0.006) if numeros else None


def comprobar(s: Session, ids: list[int]) -> None:
    """For each user and all of them, over several ranges."""
    filas = s.scalars(select(Consulta)).all()
    clima = {d.consulta_id: d for d in s.scalars(select(DatosClima))}
    for quien in (*ids, TODOS):
        suyas = [c for c in filas if quien in (TODOS, c.usuario_id)]
        for desde, hasta in (
            *((None, None), (hoy() - timedelta(2), None), (None, hoy() - timedelta(2))),
            *((hoy() - timedelta(9), hoy() - timedelta(1)), (hoy() + timedelta(1), None)),
            *((None, mes_pasado(2) + timedelta(4)), (mes_pasado(2) + timedelta(4), None)),
            *((hoy() - timedelta(39), None), (hoy() - timedelta(99), mes_pasado(0)), (mes_pasado(1), mes_pasado(0))),
        ):
            cifras = reportes.estadisticas(s, quien, desde, hasta)
            cifras["ciudades_frecuentes"] = {plegar(c["ciudad"]): c["total"] for c in cifras["ciudades_frecuentes"]}
            assert cifras == a_mano(suyas, clima, desde, hasta), (quien, desde, hasta)


@pytest.mark.parametrize("semilla", range(2))
def test_lo_resumido_y_lo_vivo_suman_lo_que_se_cuenta_a_mano(s: Session, semilla: int) -> None:
    azar = Random(semilla)
    ids = poner_muchas(s, azar)
    comprobar(s, ids)
    assert resumir_todo(s) > 3
    comprobar(s, ids)
    terminadas = s.scalars(select(Consulta.id).where(Consulta.estado == Estado.ERROR)).all()
    for consulta_id in azar.sample(terminadas, 5):
        assert consultas.reintentar(s, consulta_id)
    comprobar(s, ids)
    resumir_todo(s)
    comprobar(s, ids)
    for c in s.scalars(select(Consulta).where(Consulta.estado == Estado.PENDIENTE)):
        consultas.cancelar(s, c.id)
    s.expire_all()
    resumir_todo(s)
    comprobar(s, ids)


def test_sin_consultas_todo_es_cero_nulo_o_vacio(s: Session) -> None:
    comprobar(s, [usuario(s)])
    cifras = reportes.estadisticas(s, TODOS)
    assert (cifras["consultas_por_dia"], cifras["ciudades_frecuentes"], cifras["proveedores"]) == ([], [], [])
    assert (cifras["tiempo_respuesta_ms"], cifras["promedios"]) == ({"p50": None, "p95": None}, dict.fromkeys(CLIMA))
    assert resumir_todo(s) == 0


def test_las_ciudades_se_juntan_bajo_la_grafia_mas_usada() -> None:
    assert frecuentes({"Medellín": 5, "medellin ": 2, "Cali": 6, "Bogotá": 1}, 2) == [("Medellín", 7), ("Cali", 6)]


@given(st.lists(st.integers(0, 4_000_000), min_size=1), st.sampled_from([0.5, 0.95]))
def test_un_percentil_se_aparta_un_dos_y_medio_por_ciento_como_mucho(tiempos: list[int], parte: float) -> None:
    ms: Counter[str] = Counter(str(floor(log(t + 1) * CUBOS)) for t in tiempos)
    assert percentil(ms, parte) == _aproximado(sorted(tiempos)[ceil(parte * len(tiempos)) - 1])


def test_quien_tomo_parte_queda_en_la_consulta(s: Session) -> None:
    fuentes = [Fuente(p, EstadoFuente.USADA) for p in ("openmeteo", "ideam")] + [Fuente("siata", EstadoFuente.FALLIDA)]
    encargo = tomada(s)
    consultas.completar(s, encargo, Resultado({}, {}, [*fuentes, Fuente("meteoblue", EstadoFuente.OMITIDA)], True))
    assert participantes(s, encargo) == ("ideam,openmeteo", "siata")
    consultas.reintentar(s, encargo.id)
    assert participantes(s, encargo) == (None, None)


def test_quien_fallo_queda_en_la_consulta_aunque_acabe_esperando(s: Session) -> None:
    encargo = tomada(s)
    fallo = (s, encargo, CodigoError.PROVEEDORES_FALLARON, "x")
    consultas.registrar_fallo(*fallo, definitivo=False, fallidas=["openweather", "ideam"])
    s.execute(update(Consulta).values(creada_en=hace(1), disponible_en=hace(1)))
    otra_vez = consultas.tomar(s, encargo.id)
    assert otra_vez is not None
    consultas.aplazar(s, otra_vez, CodigoError.PROVEEDORES_FALLARON, "x")
    assert leida(s, encargo.id).estado == Estado.ERROR
    assert participantes(s, encargo) == (None, "ideam,openweather")


def participantes(s: Session, encargo: Encargo) -> tuple[str | None, str | None]:
    c = leida(s, encargo.id)
    return c.fuentes_usadas, c.fuentes_fallidas
