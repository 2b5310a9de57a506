"""Figures: summaries and what is counted live say together what counting by hand says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from math import ceil, floor, log
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared import archivo, consultas, esquema, reportes, resumenes, usuarios
from shared.calendario import dias, medianoche, mes_siguiente
from shared.cifras import CUBOS, frecuentes, percentil
from shared.clima import Encargo, EstadoFuente, Fuente, Resultado, TipoConsulta
from shared.conteo import TODOS
from shared.db import crear_motor, plegar
from shared.modelos import CodigoError, Consulta, DatosClima, Estado, Resumen
from shared.paginas import pagina
from tests.conftest import hacer_settings
from tests.planes import Orden, Plan, explicar, ordenes
from tests.servidores import MariaDB
from tests.shared.test_consultas import leida, tomada
from tests.siembra import sembrar

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


# --- on MariaDB: locks, and plans over enough rows for the optimizer to have a choice --------------------


@pytest.fixture(scope="module")
def motor_grande(mariadb: MariaDB) -> Iterator[Engine]:
    motor = crear_motor(hacer_settings(mariadb.crear_base("cg_reportes"), "redis://127.0.0.1:1"))
    esquema.subir(motor)
    sembrar(motor, 20_000, 5)
    yield motor
    motor.dispose()


def sesion(motor: Engine) -> Session:
    s = Session(motor, expire_on_commit=False)
    s.execute(text("SET innodb_lock_wait_timeout = 1"))
    return s


def test_resumir_y_reintentar_se_esperan(motor_grande: Engine) -> None:
    with sesion(motor_grande) as resume, sesion(motor_grande) as reintenta:
        del_dia = select(func.max(Consulta.id)).where(Consulta.estado == Estado.ERROR, Consulta.creada_en < hace(2, 0))
        consulta_id = reintenta.scalars(del_dia).one()
        tramo = (hace(3, 0), hace(2, 0))
        assert consultas.reintentar(reintenta, consulta_id)
        with pytest.raises(OperationalError, match="Lock wait timeout"):
            resumenes.anadir(resume, tramo[0].date(), tramo, primero=True)
        resume.rollback()
        reintenta.rollback()
        assert resumenes.anadir(resume, tramo[0].date(), tramo, primero=True)
        with pytest.raises(OperationalError, match="Lock wait timeout"):
            consultas.reintentar(reintenta, consulta_id)
        reintenta.rollback()
        resume.rollback()


def test_sumar_un_mes_y_reintentar_se_esperan(motor_grande: Engine) -> None:
    mes, fin = mes_pasado(3), mes_pasado(2)
    suyos = set(dias(mes, fin - timedelta(1)))
    with sesion(motor_grande) as suma, sesion(motor_grande) as reintenta:
        for dia in suyos:
            resumenes.anadir(suma, dia, (medianoche(dia), medianoche(dia + timedelta(1))), primero=True)
        suma.commit()
        del_mes = select(func.max(Consulta.id)).where(
            Consulta.estado == Estado.ERROR, Consulta.creada_en < medianoche(fin)
        )
        consulta_id = reintenta.scalars(del_mes).one()
        assert consultas.reintentar(reintenta, consulta_id)
        with pytest.raises(OperationalError, match="Lock wait timeout"):
            resumenes.sumar_mes(suma, mes, suyos)
        suma.rollback()
        reintenta.rollback()
        assert resumenes.sumar_mes(suma, mes, suyos)
        with pytest.raises(OperationalError, match="Lock wait timeout"):
            consultas.reintentar(reintenta, consulta_id)
        reintenta.rollback()
        suma.rollback()


def planes(motor: Engine, hechas: list[Orden], tabla: str) -> list[Plan]:
    explicadas = [orden for orden in hechas if tabla in orden.sql]
    assert explicadas
    return [plan for orden in explicadas for plan in explicar(motor, orden)]


@pytest.mark.parametrize(
    ("filtro", "indice"),
    [
        ({}, "ix_consultas_usuario"),
        ({"tipo": TipoConsulta.TIEMPO_REAL}, "ix_consultas_usuario_tipo"),
        ({"estado": Estado.COMPLETADA}, "ix_consultas_activas"),
        ({"ciudad": "medellin"}, "ix_consultas_usuario_ciudad"),
        ({"desde": hoy() - timedelta(90)}, "ix_consultas_usuario_creada"),
        ({"hasta": hoy() - timedelta(90)}, "ix_consultas_usuario_creada"),
        ({"desde": hoy() - timedelta(90), "hasta": hoy() - timedelta(60)}, "ix_consultas_usuario_creada"),
    ],
)
def test_cada_filtro_de_mis_consultas_usa_su_indice(motor_grande: Engine, filtro: dict[str, Any], indice: str) -> None:
    for numero in (1, 30):
        with Session(motor_grande) as s, ordenes(motor_grande) as hechas:
            pagina(s, archivo.seleccionar(2, **filtro), numero, 10)
        total, ids, *_ = todos = planes(motor_grande, hechas, "consultas")
        assert all(plan.type in ("ref", "range", "eq_ref", "const") for plan in todos), todos
        assert ids.key == indice
        assert total.key == indice or not filtro
        assert all("Using index" in plan.extra and "filesort" not in plan.extra for plan in (total, ids)), todos


@pytest.mark.parametrize(
    ("filtro", "indice"),
    [
        ({}, "PRIMARY"),
        ({"usuario_id": 2}, "ix_logs_actividad_usuario_id"),
        ({"accion": "login"}, "ix_logs_actividad_accion"),
        ({"ip": "10.0.1.1"}, "ix_logs_actividad_ip_address"),
        ({"desde": hoy() - timedelta(90), "hasta": hoy() - timedelta(60)}, "ix_logs_actividad_creado_en"),
    ],
)
def test_cada_filtro_de_la_auditoria_usa_su_indice(motor_grande: Engine, filtro: dict[str, Any], indice: str) -> None:
    with Session(motor_grande) as s, ordenes(motor_grande) as hechas:
        pagina(s, reportes.seleccionar_actividad(**filtro), 3, 10)
    todos = planes(motor_grande, hechas, "logs_actividad")
    assert all(plan.type != "ALL" and "filesort" not in plan.extra for plan in todos), todos
    assert todos[1].key == indice


@pytest.mark.parametrize("quien", [2, TODOS])
def test_las_estadisticas_leen_por_indices(motor_grande: Engine, quien: int) -> None:
    with Session(motor_grande) as s:
        for _ in range(5):
            assert resumenes.resumir(s)
        with ordenes(motor_grande) as hechas:
            reportes.estadisticas(s, quien, hoy() - timedelta(20), hoy())
        todos = planes(motor_grande, [o for o in hechas if "api_keys" not in o.sql], "SELECT")
        assert all(plan.type != "ALL" for plan in todos), todos
        s.rollback()
