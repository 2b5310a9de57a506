"""Runs of programaciones, on MariaDB and on SQLite: each due time once, and said how it ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from shared import consultas, ejecuciones, favoritas, programaciones, usuarios
from shared.admision import DemasiadasActivas, Saturada
from shared.clima import Formato, Parametro, Resolucion, TipoConsulta
from shared.db import reloj
from shared.modelos import (
    Aviso,
    CodigoError,
    Consulta,
    Ejecucion,
    Estado,
    EstadoEjecucion,
    Lote,
    Programacion,
    Rol,
    Usuario,
)
from tests.shared.test_consultas import RESULTADO

CALI, LETICIA = {"ciudad": "Cali"}, {"latitud": -4.215, "longitud": -69.94}
HORA = timedelta(hours=1)
CABEN: dict[str, Any] = {"max_pendientes": 1000}


@pytest.fixture
def usuario(s: Session) -> Usuario:
    return usuarios.crear(s, username="ana", email="a@b.co", password="x" * 8, rounds=4)


def crear(s: Session, usuario: Usuario, **otros: Any) -> Programacion:
    campos = {
        "nombre": "Nocturna",
        "cron": "0 * * * *",
        "zona_horaria": "America/Bogota",
        "tipo": TipoConsulta.HISTORICO,
        "lugares": [CALI, LETICIA],
        "ventana_dias": 7,
        "resolucion": Resolucion.DIARIA,
        "parametros": [Parametro.TEMPERATURA],
        "formato": Formato.JSON,
        "activa": True,
    }
    return programaciones.crear(s, usuario.id, **(campos | otros))


def vencer(s: Session, p: Programacion, hace: timedelta = HORA) -> datetime:
    """As if its next due time had been worked out that long ago, and nobody had come since."""
    vencida = reloj(s).replace(minute=0, second=0, microsecond=0) - hace + HORA
    s.execute(update(Programacion).where(Programacion.id == p.id).values(proxima_en=vencida))
    s.expire_all()
    return vencida


def lanzar(s: Session, **opciones: Any) -> list[Ejecucion]:
    """One tick of beat."""
    hechas = [ejecuciones.lanzar(s, *debida, **(CABEN | opciones)) for debida in ejecuciones.debidas(s)]
    s.expire_all()
    return [e for e in hechas if e]


def suyas(s: Session, lote_id: int | None) -> list[Consulta]:
    return list(s.scalars(select(Consulta).where(Consulta.lote_id == lote_id).order_by(Consulta.id)))


def terminar(s: Session, consulta: Consulta, *, bien: bool = True) -> None:
    encargo = consultas.tomar(s, consulta.id)
    assert encargo
    if bien:
        assert consultas.completar(s, encargo, RESULTADO)
    else:
        consultas.registrar_fallo(s, encargo, CodigoError.INTERNO, "no", definitivo=True)


# --- due -------------------------------------------------------------------------------------------------


def test_antes_de_su_hora_no_se_hace_nada(s: Session, usuario: Usuario) -> None:
    p = crear(s, usuario)
    assert p.proxima_en
    assert p.proxima_en > reloj(s)
    assert lanzar(s) == []


def test_a_su_hora_hace_un_lote_con_una_consulta_por_lugar(s: Session, usuario: Usuario) -> None:
    p = crear(s, usuario)
    vencida = vencer(s, p)
    (e,) = lanzar(s)
    cali, leticia = suyas(s, e.lote_id)

    assert (e.estado, e.total, e.prevista_en, e.saltadas, e.manual) == (EstadoEjecucion.EN_CURSO, 2, vencida, 0, False)
    assert (cali.ciudad, cali.zona_horaria, leticia.ciudad) == ("Cali", "America/Bogota", None)
    assert (float(leticia.latitud or 0), float(leticia.longitud or 0)) == (-4.215, -69.94)
    assert {c.programacion_id for c in (cali, leticia)} == {p.id}
    assert {c.cola for c in (cali, leticia)} == {TipoConsulta.HISTORICO}
    assert p.proxima_en == vencida + HORA


def test_lo_vencido_se_hace_una_vez_aunque_dos_agendas_lo_vean(s: Session, usuario: Usuario) -> None:
    vencer(s, crear(s, usuario))
    (vista,) = ejecuciones.debidas(s)
    assert ejecuciones.lanzar(s, *vista, **CABEN)
    assert ejecuciones.lanzar(s, *vista, **CABEN) is None
    assert s.scalar(select(func.count()).select_from(Lote)) == 1


def test_lo_que_se_perdio_se_recupera_una_vez_y_se_dice_cuanto_fue(s: Session, usuario: Usuario) -> None:
    vencida = vencer(s, crear(s, usuario), hace=5 * HORA)
    (e,) = lanzar(s)
    assert (e.prevista_en, e.saltadas) == (vencida + 4 * HORA, 4)
    terminar(s, suyas(s, e.lote_id)[0])
    assert lanzar(s) == []


def test_la_ventana_son_los_ultimos_dias_completos_de_cada_lugar(s: Session, usuario: Usuario) -> None:
    """At 20:00 UTC it is still that day in Bogotá, and the next one in Auckland."""
    p = crear(s, usuario, lugares=[CALI, {"ciudad": "Auckland, NZ"}, {"ciudad": "Nadie La Conoce"}])
    instante = datetime(2026, 3, 10, 20, 0, tzinfo=UTC)
    periodos = [pedido.periodo for pedido in programaciones.pedidos(s, p, instante)]
    assert [(str(x.inicio), str(x.fin)) for x in periodos if x] == [
        ("2026-03-03", "2026-03-09"),
        ("2026-03-04", "2026-03-10"),
        ("2026-03-03", "2026-03-09"),  # by the clocks of the programacion
    ]


def test_sin_lugares_propios_pregunta_por_las_favoritas_de_ese_momento(s: Session, usuario: Usuario) -> None:
    vencer(s, crear(s, usuario, lugares=None, tipo=TipoConsulta.TIEMPO_REAL, ventana_dias=None))
    favoritas.crear(s, usuario.id, nombre_ciudad="La finca", latitud=6.15, longitud=-75.37)
    (e,) = lanzar(s)
    (finca,) = suyas(s, e.lote_id)
    assert (finca.ciudad, finca.tipo_consulta, finca.cola) == (
        "La finca",
        TipoConsulta.TIEMPO_REAL,
        TipoConsulta.HISTORICO,
    )


def test_sin_favoritas_la_ejecucion_dice_que_no_pudo(s: Session, usuario: Usuario) -> None:
    vencer(s, crear(s, usuario, lugares=None))
    (e,) = lanzar(s)
    assert (e.estado, e.total, e.lote_id, e.motivo) == (EstadoEjecucion.ERROR, 0, None, ejecuciones.SIN_FAVORITAS)
    assert e.terminada_en


def test_sin_favoritas_se_dice_una_vez_y_no_cada_vez_que_toca(s: Session, usuario: Usuario) -> None:
    p = crear(s, usuario, lugares=None)
    for n in range(3):
        vencer(s, p)
        assert len(lanzar(s)) == (n == 0)
        s.execute(update(Ejecucion).values(prevista_en=reloj(s) - timedelta(days=1)))  # of another time
        assert p.proxima_en
        assert p.proxima_en > reloj(s), "it goes on to its next time all the same"
    favoritas.crear(s, usuario.id, nombre_ciudad="La finca", latitud=6.15, longitud=-75.37)
    vencer(s, p)
    assert [e.total for e in lanzar(s)] == [1]


def test_un_dia_da_para_las_ejecuciones_que_se_digan(s: Session, usuario: Usuario) -> None:
    otro = usuarios.crear(s, username="beto", email="b@b.co", password="x" * 8, rounds=4)
    suyas_, ajena = [crear(s, usuario) for _ in range(4)], crear(s, otro)
    s.execute(update(Programacion).values(proxima_en=reloj(s)))
    s.expire_all()
    hechas = {e.programacion_id: e for e in lanzar(s, max_por_dia=2)}
    assert [hechas[p.id].total for p in (*suyas_, ajena)] == [2, 2, 0, 0, 2]
    dicha = hechas[suyas_[2].id]
    assert (dicha.estado, dicha.motivo) == (EstadoEjecucion.ERROR, ejecuciones.DEMASIADAS.format(2))
    with pytest.raises(ejecuciones.DemasiadasEjecuciones), s.begin_nested():
        ejecuciones.ejecutar(s, suyas_[3], max_activas=100, **CABEN, max_por_dia=2)
    ayer = reloj(s) - timedelta(days=1)
    s.execute(update(Ejecucion).where(Ejecucion.total > 0).values(prevista_en=ayer))
    assert ejecuciones.ejecutar(s, suyas_[3], max_activas=100, **CABEN, max_por_dia=2).total == 2


def test_la_parte_llena_de_uno_no_detiene_a_los_demas(s: Session, usuario: Usuario) -> None:
    """Not even if so many of theirs are due that they are all that is looked at."""
    otro = usuarios.crear(s, username="beto", email="b@b.co", password="x" * 8, rounds=4)
    llenas, ajena = [crear(s, usuario).id for _ in range(3)], crear(s, otro)
    s.execute(update(Programacion).where(Programacion.usuario_id == usuario.id).values(proxima_en=reloj(s) - HORA))
    s.execute(update(Programacion).where(Programacion.id == ajena.id).values(proxima_en=reloj(s)))
    assert [d[0] for d in ejecuciones.debidas(s, limite=3)] == llenas
    assert [d[0] for d in ejecuciones.debidas(s, llenas, limite=3)] == [ajena.id]
    with pytest.raises(DemasiadasActivas), s.begin_nested():
        ejecuciones.lanzar(s, *ejecuciones.debidas(s)[0], max_pendientes=3)


def test_mientras_la_anterior_sigue_espera_su_turno(s: Session, usuario: Usuario) -> None:
    p = crear(s, usuario)
    vencer(s, p)
    (primera,) = lanzar(s)
    vencer(s, p, hace=timedelta(0))
    s.execute(update(Programacion).values(proxima_en=reloj(s)))
    assert lanzar(s) == []
    for consulta in suyas(s, primera.lote_id):
        terminar(s, consulta)
    assert [e.id for e in ejecuciones.cerrar(s)] == [primera.id]
    assert len(lanzar(s)) == 1


def test_de_quien_ya_no_puede_pedir_no_se_hace(s: Session, usuario: Usuario) -> None:
    vencer(s, crear(s, usuario))
    usuario.activo = False
    s.flush()
    assert ejecuciones.debidas(s) == []
    usuario.activo, usuario.rol = True, Rol.CONSULTOR
    s.flush()
    assert ejecuciones.debidas(s) == []


def test_sin_sitio_en_la_instalacion_espera_y_deja_un_cuarto_a_los_demas(s: Session, usuario: Usuario) -> None:
    vencida = vencer(s, crear(s, usuario))
    (vista,) = ejecuciones.debidas(s)
    with pytest.raises(Saturada), s.begin_nested():
        ejecuciones.lanzar(s, *vista, max_pendientes=2)
    assert ejecuciones.debidas(s) == [(vista[0], vencida)]
    assert lanzar(s, max_pendientes=4)


def test_la_que_se_apaga_no_vence_y_al_encenderla_empieza_de_nuevo(s: Session, usuario: Usuario) -> None:
    p = crear(s, usuario, activa=False)
    assert not p.proxima_en
    programaciones.cambiar(s, p, activa=True)
    assert p.proxima_en
    assert p.proxima_en > reloj(s)


def test_cambiar_el_nombre_no_mueve_su_hora(s: Session, usuario: Usuario) -> None:
    p = crear(s, usuario)
    vencida = vencer(s, p)
    programaciones.cambiar(s, p, nombre="Otra")
    assert p.proxima_en == vencida


# --- the database's clock is set back ---------------------------------------------------------------------


def test_con_el_reloj_atrasado_vuelve_a_calcular_y_lo_hecho_no_se_repite(s: Session, usuario: Usuario) -> None:
    p = crear(s, usuario)
    vencida = vencer(s, p)
    (hecha,) = lanzar(s)
    for consulta in suyas(s, hecha.lote_id):
        terminar(s, consulta)
    ejecuciones.cerrar(s)
    futuro = reloj(s) + timedelta(days=400)
    s.execute(update(Programacion).values(proxima_en=futuro + HORA, calculada_en=futuro))
    s.expire_all()
    assert ejecuciones.corregir(s) == 1
    s.expire_all()
    assert p.proxima_en
    assert p.proxima_en <= reloj(s) + HORA
    s.execute(update(Programacion).values(proxima_en=vencida))
    s.expire_all()
    assert lanzar(s) == []
    assert s.scalar(select(func.count()).select_from(Ejecucion)) == 1


# --- by hand ---------------------------------------------------------------------------------------------


def test_a_mano_se_hace_ya_y_no_mueve_su_hora(s: Session, usuario: Usuario) -> None:
    p = crear(s, usuario)
    proxima = p.proxima_en
    e = ejecuciones.ejecutar(s, p, max_activas=100, **CABEN)
    assert (e.manual, e.total, p.proxima_en) == (True, 2, proxima)
    with pytest.raises(ejecuciones.EnCurso):
        ejecuciones.ejecutar(s, p, max_activas=100, **CABEN)


def test_a_mano_valen_los_limites_de_quien_pide(s: Session, usuario: Usuario) -> None:
    p = crear(s, usuario)
    with pytest.raises(DemasiadasActivas):
        ejecuciones.ejecutar(s, p, max_activas=0, **CABEN)
    with pytest.raises(Saturada):
        ejecuciones.ejecutar(s, p, max_activas=1, max_pendientes=1)


# --- ending ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fines", "estado"),
    [
        ((True, True), EstadoEjecucion.COMPLETADA),
        ((True, False), EstadoEjecucion.PARCIAL),
        ((False, False), EstadoEjecucion.ERROR),
    ],
)
def test_se_cierra_cuando_acaba_la_ultima_y_dice_como(
    s: Session, usuario: Usuario, fines: tuple[bool, bool], estado: EstadoEjecucion
) -> None:
    vencer(s, crear(s, usuario))
    (e,) = lanzar(s)
    primera, segunda = suyas(s, e.lote_id)
    terminar(s, primera, bien=fines[0])
    assert ejecuciones.cerrar(s) == []
    terminar(s, segunda, bien=fines[1])
    assert ejecuciones.cerrar(s) == [e]
    assert (e.estado, e.completadas, e.errores) == (estado, sum(fines), 2 - sum(fines))
    assert e.terminada_en
    assert ejecuciones.cerrar(s) == []


def test_una_respuesta_en_parte_la_deja_parcial(s: Session, usuario: Usuario) -> None:
    vencer(s, crear(s, usuario, lugares=[CALI]))
    (e,) = lanzar(s)
    terminar(s, suyas(s, e.lote_id)[0])
    s.execute(update(Consulta).values(parcial=True))
    ejecuciones.cerrar(s)
    assert (e.estado, e.completadas, e.parciales) == (EstadoEjecucion.PARCIAL, 0, 1)


# --- the ping URL ----------------------------------------------------------------------------------------


def test_el_comienzo_y_el_fin_se_avisan_una_vez_cada_uno(s: Session, usuario: Usuario) -> None:
    vencer(s, crear(s, usuario, lugares=[CALI]))
    (e,) = lanzar(s, avisar=True)
    assert [(x.id, x.aviso) for x in ejecuciones.por_avisar(s)] == [(e.id, Aviso.INICIO)]
    assert ejecuciones.por_avisar(s) == []
    ejecuciones.avisada(s, e)
    terminar(s, suyas(s, e.lote_id)[0])
    ejecuciones.cerrar(s, avisar=True)
    s.expire_all()
    assert [x.aviso for x in ejecuciones.por_avisar(s)] == [Aviso.FIN]


def test_el_fin_que_llega_mientras_se_avisa_el_comienzo_no_se_pierde(s: Session, usuario: Usuario) -> None:
    vencer(s, crear(s, usuario, lugares=[CALI]))
    (e,) = lanzar(s, avisar=True)
    (comienzo,) = ejecuciones.por_avisar(s)
    s.expunge(comienzo)
    terminar(s, suyas(s, e.lote_id)[0])
    ejecuciones.cerrar(s, avisar=True)
    ejecuciones.avisada(s, comienzo)
    assert [x.aviso for x in ejecuciones.por_avisar(s)] == [Aviso.FIN]


def test_sin_direccion_de_avisos_no_hay_nada_que_avisar(s: Session, usuario: Usuario) -> None:
    vencer(s, crear(s, usuario))
    lanzar(s)
    assert ejecuciones.por_avisar(s) == []


# --- waiting for a budget --------------------------------------------------------------------------------


def test_lo_programado_espera_al_presupuesto_de_manana(s: Session, usuario: Usuario) -> None:
    vencer(s, crear(s, usuario, lugares=[CALI]))
    (e,) = lanzar(s)
    s.execute(update(Consulta).values(creada_en=reloj(s) - timedelta(hours=8)))
    encargo = consultas.tomar(s, suyas(s, e.lote_id)[0].id)
    assert encargo
    assert consultas.aplazar(s, encargo, CodigoError.CUOTA_AGOTADA, "sin cuota")
    s.expire_all()
    (consulta,) = suyas(s, e.lote_id)
    assert consulta.estado == Estado.PENDIENTE
    assert consulta.disponible_en > reloj(s) + timedelta(seconds=consultas.APLAZAR_MAXIMO_S / 2)


# --- counting --------------------------------------------------------------------------------------------


def test_cada_usuario_tiene_un_maximo(s: Session, usuario: Usuario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programaciones, "MAXIMO", 1)
    crear(s, usuario)
    with pytest.raises(programaciones.Demasiadas):
        crear(s, usuario)
