"""Retention: what goes and what stays, on MariaDB and on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select, update
from sqlalchemy.orm import ORMExecuteState

from shared import consultas, limpieza, reportes, resumenes
from shared.clima import Formato, TipoConsulta
from shared.conteo import TODOS
from shared.db import Sesiones
from shared.limpieza import Tanda
from shared.modelos import (
    Aviso,
    Base,
    Consulta,
    DatosClima,
    Ejecucion,
    Estado,
    EstadoEjecucion,
    LogActividad,
    Lote,
    Pasado,
    Programacion,
    Respuesta,
    Resumen,
    Serie,
    Sesion,
    Usuario,
)
from shared.retencion import CLASES
from shared.settings import Settings
from tests.conftest import hacer_settings
from tests.shared.test_reportes import usuario

HISTORICO, TIEMPO_REAL = TipoConsulta.HISTORICO, TipoConsulta.TIEMPO_REAL
CLASE = {clase.nombre: clase for clase in CLASES}
AJUSTES = [clase.ajuste for clase in CLASES if clase.ajuste]


@contextmanager
def en_vacio(motor: Engine) -> Iterator[Sesiones]:
    """Sessions that commit, on a database that is empty before and after."""
    hechas = Sesiones(motor)
    _vaciar(hechas)
    yield hechas
    _vaciar(hechas)


@pytest.fixture
def sesiones(motor: Engine) -> Iterator[Sesiones]:
    with en_vacio(motor) as hechas:
        yield hechas


def _vaciar(sesiones: Sesiones) -> None:
    with sesiones.transaccion() as s:
        for tabla in reversed(Base.metadata.sorted_tables):
            s.execute(tabla.delete())


def con(**dias: int) -> Settings:
    """consultas=7: seven days; everything that is not named stays for ever."""
    ajustes = dict.fromkeys(AJUSTES, 0) | {f"retencion_{nombre}_dias": n for nombre, n in dias.items()}
    return hacer_settings("sqlite://", "redis://127.0.0.1:1", **ajustes)


def hace(dias: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=dias)


def limpiar(sesiones: Sesiones, settings: Settings, *, simular: bool = False) -> dict[str, list[Tanda]]:
    return {c.nombre: list(limpieza.limpiar(sesiones, settings, c, simular=simular)) for c in CLASES}


def filas(tandas: dict[str, list[Tanda]]) -> dict[str, int]:
    return {nombre: sum(t.filas for t in suyas) for nombre, suyas in tandas.items()}


def resumir_todo(sesiones: Sesiones) -> None:
    while sesiones.hacer(resumenes.resumir):
        pass


def poner(
    sesiones: Sesiones, dias: float, *, acabo: float | None = None, piezas: int = 0, ajenas: int = 0, **otros: Any
) -> int:
    """A consulta created `dias` ago that ended `acabo` (or as many) days ago; its id.

    piezas: of its series; ajenas: what providers answered.
    """
    with sesiones.transaccion() as s:
        quien = s.scalar(select(func.min(Usuario.id))) or usuario(s)
        estado = otros.setdefault("estado", Estado.COMPLETADA)
        consulta = Consulta(
            **{"usuario_id": quien, "tipo_consulta": HISTORICO if piezas or ajenas else TIEMPO_REAL, **otros},
            ciudad="Cali",
            parametros_solicitados=[],
            creada_en=hace(dias),
            completada_en=hace(dias if acabo is None else acabo) if estado.final or acabo is not None else None,
            tiempo_respuesta_ms=100 if estado.final else None,
        )
        s.add(consulta)
        s.flush()
        if estado == Estado.COMPLETADA:
            s.add(DatosClima(consulta_id=consulta.id, fuentes_utilizadas=[], datos_completos={}))
        s.add_all(Serie(consulta_id=consulta.id, tramo=n, filas=1, datos=b"x") for n in range(piezas))
        de = {"consulta_id": consulta.id, "fuente": {}, "datos": b"x"}
        s.add_all(Respuesta(**de, proveedor=f"p{n}", tramo=n) for n in range(ajenas))
        return consulta.id


def quedan(sesiones: Sesiones) -> set[int]:
    with sesiones.transaccion() as s:
        return set(s.scalars(select(Consulta.id)))


# --- against a plain reading of the rules --------------------------------------------------------------


def sembrar(sesiones: Sesiones, azar: Random) -> None:
    """Some of everything, of any age and in any state. No age is within an hour of a whole day."""

    def edad() -> float:
        return azar.randrange(16) + azar.uniform(0.05, 0.95)

    with sesiones.transaccion() as s:
        quienes = [usuario(s, nombre) for nombre in ("ana", "beto")]
        lotes = [Lote(usuario_id=quienes[0], total=3, creado_en=hace(edad())) for _ in range(24)]
        comun = {"usuario_id": quienes[0], "zona_horaria": "UTC", "tipo": TIEMPO_REAL, "formato": Formato.JSON}
        programacion = Programacion(
            **comun, nombre="p", cron="* * * * *", parametros=[], activa=False, calculada_en=hace(0)
        )
        s.add_all([*lotes, programacion])
        s.flush()
        hojas = [
            Pasado(huella="h", hoja=hace(n).date(), parte=str(n), proveedor="p", fuente={}, datos=b"x")
            for n in range(20)
        ]
        for hoja in hojas:
            hoja.guardado_en = hace(edad())
        s.add_all(hojas)
        for n in range(30):
            estado = azar.choice(list(EstadoEjecucion))
            ejecucion = Ejecucion(
                programacion_id=programacion.id,
                prevista_en=hace(n),
                terminada_en=hace(edad()) if estado != EstadoEjecucion.EN_CURSO else None,
                estado=estado,
                lote_id=azar.choice([None, *(lote.id for lote in lotes)]),
                total=1,
                aviso=Aviso.FIN,
                avisar_en=azar.choice([None, hace(1)]),
            )
            s.add(ejecucion)
        s.add_all(LogActividad(accion="x", creado_en=hace(edad())) for _ in range(20))
        s.add_all(
            Sesion(id=str(n), usuario_id=quienes[0], jti_refresco="x", expira_en=hace(azar.uniform(-3, 4)))
            for n in range(20)
        )
    # ids grow with time; no state is believed for what completada_en says alone
    for dias in sorted((edad() for _ in range(120)), reverse=True):
        historico = azar.random() < 0.5
        poner(
            sesiones,
            dias,
            acabo=azar.choice([dias, azar.uniform(0, dias) // 1 + 0.5 if dias > 1.5 else dias]),
            piezas=azar.choice([0, 1, 3]) if historico else 0,
            ajenas=azar.choice([0, 2]) if historico else 0,
            estado=azar.choice([Estado.COMPLETADA] * 4 + [Estado.ERROR] * 2 + [Estado.PENDIENTE, Estado.PROCESANDO]),
            parcial=azar.random() < 0.3,
            lote_id=azar.choice([None] * 12 + [lote.id for lote in lotes[4:]]),
            usuario_id=azar.choice(quienes),
        )


Tablas = dict[str, list[Any]]
CON_ID = ("consultas", "lotes", "ejecuciones", "logs_actividad", "pasado", "sesiones")


def leer(sesiones: Sesiones) -> Tablas:
    modelos = (Consulta, Serie, Respuesta, Lote, Ejecucion, LogActividad, Sesion, DatosClima, Resumen, Pasado)
    with sesiones.transaccion() as s:
        return {m.__tablename__: list(s.scalars(select(m))) for m in modelos}


def esperado(t: Tablas, settings: Settings) -> dict[str, set[Any]]:
    """What must be left, rule by rule."""

    def vieja(cuando: datetime | None, dias: int) -> bool:
        return bool(dias and cuando and cuando < hace(dias))

    corren = {e.lote_id for e in t["ejecuciones"] if e.estado == EstadoEjecucion.EN_CURSO}
    hasta = {r.dia: r.hasta for r in t["resumenes"] if r.usuario_id == TODOS and not r.mensual}

    def terminada(c: Consulta, dias: int) -> bool:
        acabada = c.estado in (Estado.COMPLETADA, Estado.ERROR) and (c.lote_id is None or c.lote_id not in corren)
        return acabada and vieja(c.completada_en, dias)

    def contada(c: Consulta) -> bool:
        return c.creada_en.date() in hasta and c.creada_en < hasta[c.creada_en.date()]

    quedan = {c.id: c for c in t["consultas"] if not (terminada(c, settings.retencion_consultas_dias) and contada(c))}
    sin_serie = {i for i, c in quedan.items() if terminada(c, settings.retencion_series_dias)}
    sin_respuestas = {
        i
        for i, c in quedan.items()
        if terminada(c, settings.retencion_respuestas_dias)
        and not (c.estado == Estado.COMPLETADA and c.parcial and i not in sin_serie)
    }
    con_consultas = {c.lote_id for c in quedan.values()}
    abiertos = {c.lote_id for c in quedan.values() if not c.estado.final}
    return {
        "consultas": set(quedan),
        "datos_clima": {d.consulta_id for d in t["datos_clima"]} & set(quedan),
        "series": {(x.consulta_id, x.tramo) for x in t["series"] if x.consulta_id in set(quedan) - sin_serie},
        "respuestas": {
            (x.consulta_id, x.tramo) for x in t["respuestas"] if x.consulta_id in set(quedan) - sin_respuestas
        },
        "lotes": {
            x.id
            for x in t["lotes"]
            if not vieja(x.creado_en, settings.retencion_lotes_dias) or x.id in con_consultas | corren
        },
        "ejecuciones": {
            e.id
            for e in t["ejecuciones"]
            if e.estado == EstadoEjecucion.EN_CURSO
            or e is max(t["ejecuciones"], key=lambda e: e.prevista_en)
            or (e.lote_id and e.lote_id in abiertos)
            or not vieja(e.terminada_en, settings.retencion_ejecuciones_dias)
        },
        "logs_actividad": {x.id for x in t["logs_actividad"] if not vieja(x.creado_en, settings.retencion_logs_dias)},
        "pasado": {x.id for x in t["pasado"] if not vieja(x.guardado_en, settings.retencion_pasado_dias)},
        "sesiones": {x.id for x in t["sesiones"] if not vieja(x.expira_en, 1)},
    }


def presente(t: Tablas) -> dict[str, set[Any]]:
    return {
        **{nombre: {x.id for x in t[nombre]} for nombre in CON_ID},
        **{nombre: {(x.consulta_id, x.tramo) for x in t[nombre]} for nombre in ("series", "respuestas")},
        "datos_clima": {d.consulta_id for d in t["datos_clima"]},
    }


def cifras(sesiones: Sesiones) -> list[dict[str, Any]]:
    """What reportes say to everybody, over several ranges."""
    hoy = datetime.now(UTC).date()
    rangos: list[tuple[date | None, date | None]] = [
        (None, None),
        (None, hoy - timedelta(8)),
        (hoy - timedelta(4), hoy),
    ]
    with sesiones.transaccion() as s:
        quienes = [*s.scalars(select(Usuario.id)), TODOS]
        return [reportes.estadisticas(s, quien, *rango) for quien in quienes for rango in rangos]


@pytest.mark.parametrize("semilla", range(6))
def test_se_va_lo_que_dicen_las_reglas_y_nada_mas(
    sesiones: Sesiones, semilla: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    azar = Random(semilla)
    monkeypatch.setattr(limpieza, "TANDA", azar.choice([2, 7, 500]))
    sembrar(sesiones, azar)
    for _ in range(azar.choice([0, 8, 99])):
        sesiones.hacer(resumenes.resumir)
    settings = con(
        **{nombre: azar.choice([0, 1, 3, 6, 12]) for nombre in CLASE if nombre != "sesiones"},
    )
    antes, dicho, simulado = leer(sesiones), cifras(sesiones), filas(limpiar(sesiones, settings, simular=True))
    assert presente(leer(sesiones)) == presente(antes)
    hecho = limpiar(sesiones, settings)
    despues = leer(sesiones)
    assert presente(despues) == esperado(antes, settings)
    assert cifras(sesiones) == dicho
    assert filas(hecho)["consultas"] == simulado["consultas"] == len(antes["consultas"]) - len(despues["consultas"])
    assert not any(filas(limpiar(sesiones, settings)).values())


# --- rule by rule --------------------------------------------------------------------------------------


def test_sin_ajustes_no_se_va_nada_que_alguien_vea(sesiones: Sesiones) -> None:
    sembrar(sesiones, Random(1))
    resumir_todo(sesiones)
    antes = presente(leer(sesiones))
    limpiar(sesiones, hacer_settings("sqlite://", "redis://127.0.0.1:1"))
    despues = presente(leer(sesiones))
    cambiadas = {nombre for nombre in antes if antes[nombre] != despues[nombre]}
    assert cambiadas <= {"respuestas", "sesiones"}


def test_el_limite_lo_pone_el_reloj_de_la_base_al_segundo(sesiones: Sesiones) -> None:
    minuto = 1 / 1440
    joven, vieja = poner(sesiones, 7 - minuto), poner(sesiones, 7 + minuto)
    resumir_todo(sesiones)
    limpiar(sesiones, con(consultas=7))
    assert quedan(sesiones) == {joven}
    assert vieja != joven


@pytest.mark.parametrize("estado", list(Estado))
def test_solo_se_va_lo_que_termino(sesiones: Sesiones, estado: Estado) -> None:
    poner(sesiones, 10, estado=estado, piezas=1, ajenas=1)
    resumir_todo(sesiones)
    hechas = filas(limpiar(sesiones, con(consultas=7, series=7, respuestas=7)))
    assert bool(hechas["consultas"]) == estado.final
    assert bool(quedan(sesiones)) != estado.final
    assert not hechas["series"] + hechas["respuestas"]  # those of what ended went with it


def test_una_consulta_que_nadie_ha_contado_espera_a_su_resumen(sesiones: Sesiones) -> None:
    consulta_id = poner(sesiones, 10)
    tandas = limpiar(sesiones, con(consultas=7))
    assert quedan(sesiones) == {consulta_id}
    assert sum(t.sin_contar for t in tandas["consultas"]) == 1
    resumir_todo(sesiones)
    assert filas(limpiar(sesiones, con(consultas=7)))["consultas"] == 1


def test_lo_reintentado_cuenta_desde_su_nuevo_final(sesiones: Sesiones) -> None:
    consulta_id = poner(sesiones, 10, estado=Estado.ERROR, ajenas=2)
    assert sesiones.hacer(lambda s: consultas.reintentar(s, consulta_id))
    settings = con(consultas=7, respuestas=7)
    for _ in range(2):
        resumir_todo(sesiones)
        assert not any(filas(limpiar(sesiones, settings)).values())
        sesiones.hacer(lambda s: consultas.cancelar(s, consulta_id))
    with sesiones.transaccion() as s:
        s.execute(update(Consulta).values(completada_en=hace(8)))
    assert filas(limpiar(sesiones, settings))["consultas"] == 1


def test_reintentar_en_un_dia_ya_borrado_a_medias_no_cambia_lo_que_dicen_los_reportes(sesiones: Sesiones) -> None:
    """What was deleted cannot be counted again; what is there is, and moves."""
    with sesiones.transaccion() as s:
        ana, beto = usuario(s), usuario(s, "beto")
    for quien in (ana, ana, beto):
        poner(sesiones, 10, usuario_id=quien)
    tarde = poner(sesiones, 10, acabo=2, estado=Estado.ERROR, usuario_id=ana)
    joven = poner(sesiones, 10, acabo=2, usuario_id=beto)
    resumir_todo(sesiones)
    antes = cifras(sesiones)
    assert filas(limpiar(sesiones, con(consultas=7)))["consultas"] == 3
    assert cifras(sesiones) == antes
    assert sesiones.hacer(lambda s: consultas.reintentar(s, tarde))
    with sesiones.transaccion() as s:
        de_ana, de_todos = reportes.estadisticas(s, ana), reportes.estadisticas(s, TODOS)
    assert (de_ana["total_consultas"], de_ana["por_estado"]["pendiente"], de_ana["por_estado"]["error"]) == (3, 1, 0)
    assert (de_todos["total_consultas"], de_todos["por_estado"]["completada"]) == (5, 4)
    assert not filas(limpiar(sesiones, con(consultas=1)))["consultas"]  # nothing of that day is counted now
    sesiones.hacer(lambda s: consultas.cancelar(s, tarde))
    resumir_todo(sesiones)
    with sesiones.transaccion() as s:  # as it was, but for how long it took
        s.execute(update(Consulta).where(Consulta.id == tarde).values(tiempo_respuesta_ms=100))
    assert cifras(sesiones) == antes
    assert filas(limpiar(sesiones, con(consultas=1)))["consultas"] == 1
    assert quedan(sesiones) == {tarde}
    assert joven
    assert cifras(sesiones) == antes


def test_un_mes_borrado_entero_sigue_en_los_reportes(sesiones: Sesiones) -> None:
    for dias in range(20, 90, 5):
        poner(sesiones, dias)
    poner(sesiones, 1)
    resumir_todo(sesiones)
    antes = cifras(sesiones)
    assert filas(limpiar(sesiones, con(consultas=7)))["consultas"] == 14
    resumir_todo(sesiones)
    assert cifras(sesiones) == antes


def test_las_respuestas_de_una_parcial_duran_lo_que_su_serie(sesiones: Sesiones) -> None:
    poner(sesiones, 30, parcial=True, piezas=1, ajenas=2)
    assert not filas(limpiar(sesiones, con(respuestas=7)))["respuestas"]
    assert not filas(limpiar(sesiones, con(respuestas=7, series=60)))["respuestas"]
    assert filas(limpiar(sesiones, con(respuestas=7, series=14)))["respuestas"] == 2


def test_un_lote_se_va_con_la_ultima_de_sus_consultas(sesiones: Sesiones) -> None:
    with sesiones.transaccion() as s:
        lote = Lote(usuario_id=usuario(s), total=2, creado_en=hace(30))
        s.add(lote)
    poner(sesiones, 10, lote_id=lote.id)
    abierta = poner(sesiones, 10, lote_id=lote.id, estado=Estado.PENDIENTE)
    settings = con(consultas=7, lotes=7)
    resumir_todo(sesiones)
    with sesiones.transaccion() as s:  # ended but for one, whose day is not closed yet
        s.execute(update(Resumen).where(~Resumen.mensual).values(hasta=hace(0)))
    assert de_ambas(limpiar(sesiones, settings)) == (1, 0)
    with sesiones.transaccion() as s:
        s.execute(update(Consulta).where(Consulta.id == abierta).values(estado=Estado.ERROR, completada_en=hace(9)))
    assert de_ambas(limpiar(sesiones, settings)) == (1, 1)


def de_ambas(hecho: dict[str, list[Tanda]]) -> tuple[int, int]:
    return filas(hecho)["consultas"], filas(hecho)["lotes"]


# --- batches -------------------------------------------------------------------------------------------


def test_una_tanda_no_lleva_mas_filas_de_las_que_dice_con_sus_piezas(
    sesiones: Sesiones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limpieza, "TANDA", 10)
    for n in (3, 3, 3, 25, 1, 0, 0, 9):
        poner(sesiones, 10, piezas=n, ajenas=n // 2)
    resumir_todo(sesiones)
    tandas = limpiar(sesiones, con(consultas=7))["consultas"]
    assert [t.filas for t in tandas] == [2, 1, 1, 3, 1]  # 5 and 5; 5; 38, alone; 2, 1 and 1; 14, alone


def test_lo_que_no_se_va_no_tapa_lo_que_viene_detras(sesiones: Sesiones, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limpieza, "TANDA", 3)
    for _ in range(7):
        poner(sesiones, 10, acabo=1, piezas=1)
    poner(sesiones, 9, piezas=1)
    resumir_todo(sesiones)
    assert filas(limpiar(sesiones, con(series=7)))["series"] == 1
    assert filas(limpiar(sesiones, con(consultas=7)))["consultas"] == 1


def test_cortada_a_la_mitad_sigue_donde_iba(sesiones: Sesiones, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limpieza, "TANDA", 2)
    for _ in range(7):
        poner(sesiones, 10)
    resumir_todo(sesiones)
    antes = cifras(sesiones)
    next(limpieza.limpiar(sesiones, con(consultas=7), CLASE["consultas"]))
    assert len(quedan(sesiones)) == 5
    assert cifras(sesiones) == antes
    assert filas(limpiar(sesiones, con(consultas=7)))["consultas"] == 5


def test_beat_reparte_su_rato_entre_todas_las_clases(sesiones: Sesiones, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no time at all, a batch of each."""
    monkeypatch.setattr(limpieza, "TANDA", 2)
    for _ in range(5):
        poner(sesiones, 10, piezas=1)
    with sesiones.transaccion() as s:
        s.add_all(LogActividad(accion="x", creado_en=hace(30)) for _ in range(5))
    resumir_todo(sesiones)
    settings = con(series=7, logs=7)
    assert limpieza.un_rato(sesiones, settings, 0) == {"series": 2, "logs": 2}
    assert limpieza.un_rato(sesiones, settings, 30) == {"series": 3, "logs": 3}
    assert limpieza.un_rato(sesiones, settings, 30) == {}


def test_si_algo_cambia_entre_buscar_y_borrar_manda_lo_ultimo(sesiones: Sesiones) -> None:
    poner(sesiones, 10, piezas=1)
    leidas: list[object] = []

    def al_ejecutar(estado: ORMExecuteState) -> None:
        """As if somebody asked it again once the page was read."""
        leidas.append(estado.statement)
        if len(leidas) == 2:
            estado.session.connection().execute(update(Consulta).values(estado=Estado.PENDIENTE))

    event.listen(sesiones.fabrica, "do_orm_execute", al_ejecutar)
    try:
        assert filas(limpiar(sesiones, con(series=7)))["series"] == 0
    finally:
        event.remove(sesiones.fabrica, "do_orm_execute", al_ejecutar)
    with sesiones.transaccion() as s:
        assert s.scalars(select(func.count()).select_from(Serie)).one() == 1
    assert len(leidas) > 1
