"""Every verb on a consulta, on MariaDB and on SQLite."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from shared import admision, archivo, consultas, usuarios
from shared.clima import (
    Encargo,
    EstadoFuente,
    Faltante,
    Fuente,
    Lugar,
    Parametro,
    Pedido,
    Periodo,
    Resolucion,
    Resultado,
    TipoConsulta,
)
from shared.db import ahora, reloj
from shared.modelos import CodigoError, Consulta, DatosClima, Estado, Usuario

MEDELLIN = Lugar(6.245, -75.57151, zona_horaria="America/Bogota")
NULO = Lugar(0.0, 0.0, zona_horaria="Etc/UTC")
HOY = Pedido(TipoConsulta.TIEMPO_REAL, "Medellín", MEDELLIN, list(Parametro), None)
MES = Pedido(
    TipoConsulta.HISTORICO,
    "Medellín",
    MEDELLIN,
    list(Parametro),
    None,
    periodo=Periodo(date(2026, 1, 1), date(2026, 1, 31), Resolucion.DIARIA),
)
RESULTADO = Resultado(
    valores={"temperatura": 0.0, "precipitacion": 0.0, "humedad_relativa": 80},
    dispersion={},
    fuentes=[Fuente("openmeteo", EstadoFuente.USADA), Fuente("ideam", EstadoFuente.OMITIDA, "sin datos")],
    parcial=False,
)


def crear(s: Session, pedido: Pedido = HOY, **otros: Any) -> Consulta:
    return consultas.crear(s, _usuario(s), pedido, max_activas=100, **otros)[0]


def _usuario(s: Session) -> int:
    hallado = s.scalar(select(func.max(Usuario.id)))
    return hallado or usuarios.crear(s, username="ana", email="a@b.co", password="x" * 8, rounds=4).id


def tomada(s: Session, pedido: Pedido = HOY) -> Encargo:
    encargo = consultas.tomar(s, crear(s, pedido).id)
    assert encargo is not None
    return encargo


def leida(s: Session, consulta_id: int) -> Consulta:
    s.expire_all()
    consulta = archivo.leer(s, consulta_id)
    assert consulta is not None
    return consulta


def vencer(s: Session, consulta_id: int) -> None:
    s.execute(update(Consulta).where(Consulta.id == consulta_id).values(vence_en=ahora(-1)))


def adelantar(s: Session, consulta_id: int) -> None:
    s.execute(update(Consulta).where(Consulta.id == consulta_id).values(tocar_en=ahora(-1), disponible_en=ahora(-1)))


def test_nace_pendiente_y_con_su_hora_en_utc(s: Session) -> None:
    c = crear(s)
    assert (c.estado, c.version, c.intentos, c.progreso) == (Estado.PENDIENTE, 1, 0, 0)
    assert c.creada_en.tzinfo is not None


def test_latitud_y_longitud_cero_son_un_lugar(s: Session) -> None:
    c = crear(s, Pedido(TipoConsulta.TIEMPO_REAL, None, NULO, [Parametro.TEMPERATURA], None))
    encargo = consultas.tomar(s, c.id)
    assert encargo is not None
    assert encargo.pedido.lugar == Lugar(0.0, 0.0, zona_horaria="Etc/UTC")


def test_solo_un_trabajador_toma_la_consulta(s: Session) -> None:
    c = crear(s)
    assert consultas.tomar(s, c.id) is not None
    assert consultas.tomar(s, c.id) is None


def test_el_encargo_lleva_lo_que_se_pidio(s: Session) -> None:
    assert tomada(s, MES).pedido.periodo == MES.periodo


def test_completar_guarda_los_datos_y_termina(s: Session) -> None:
    encargo = tomada(s)
    assert consultas.completar(s, encargo, RESULTADO)
    c, datos = leida(s, encargo.id), archivo.datos_de(s, encargo.id)
    assert (c.estado, c.progreso, c.vence_en, c.tocar_en) == (Estado.COMPLETADA, 100, None, None)
    assert c.tiempo_respuesta_ms is not None
    assert c.tiempo_respuesta_ms >= 0
    assert datos is not None
    assert datos.temperatura_promedio == 0
    assert datos.precipitacion == 0
    assert datos.presion_atmosferica is None
    assert datos.fuentes_utilizadas == ["openmeteo"]


def test_una_lluvia_que_no_cabe_en_la_columna_sigue_entera(s: Session) -> None:
    encargo = tomada(s, MES)
    diluvio = Resultado({"precipitacion": 81_234.5}, {}, [], parcial=False)
    assert consultas.completar(s, encargo, diluvio)
    datos = archivo.datos_de(s, encargo.id)
    assert datos is not None
    assert datos.precipitacion is None
    assert datos.datos_completos["valores"]["precipitacion"] == 81_234.5


def test_nadie_completa_dos_veces(s: Session) -> None:
    encargo = tomada(s)
    assert consultas.completar(s, encargo, RESULTADO)
    assert not consultas.completar(s, encargo, RESULTADO)
    assert s.scalar(select(func.count()).select_from(DatosClima)) == 1


def test_quien_perdio_el_arriendo_no_escribe(s: Session) -> None:
    dormido = tomada(s)
    vencer(s, dormido.id)
    assert consultas.rescatar(s) == [dormido.id]
    despierto = consultas.tomar(s, dormido.id)
    assert despierto is not None
    assert despierto.turno > dormido.turno
    assert not consultas.avanzar(s, dormido, 50)
    assert not consultas.renovar(s, dormido)
    assert not consultas.completar(s, dormido, RESULTADO)
    assert not consultas.registrar_fallo(s, dormido, CodigoError.INTERNO, "x", definitivo=True)
    assert consultas.completar(s, despierto, RESULTADO)


def test_rescatar_no_toca_lo_que_aun_tiene_arriendo(s: Session) -> None:
    encargo = tomada(s)
    assert consultas.rescatar(s) == []
    assert leida(s, encargo.id).estado == Estado.PROCESANDO


def test_la_que_mata_a_sus_trabajadores_termina_en_error(s: Session) -> None:
    encargo = tomada(s)
    for _ in range(consultas.MAX_INTENTOS[TipoConsulta.TIEMPO_REAL]):
        vencer(s, encargo.id)
        consultas.rescatar(s)
        consultas.tomar(s, encargo.id)
    c = leida(s, encargo.id)
    assert (c.estado, c.codigo_error) == (Estado.ERROR, CodigoError.INTERNO)
    assert c.mensaje_error


def test_un_fallo_vuelve_a_pendiente_con_espera(s: Session) -> None:
    encargo = tomada(s)
    assert consultas.registrar_fallo(s, encargo, CodigoError.PROVEEDORES_FALLARON, "x", definitivo=False)
    assert leida(s, encargo.id).estado == Estado.PENDIENTE
    assert consultas.tomar(s, encargo.id) is None  # a late doorbell does not cut the wait short
    adelantar(s, encargo.id)
    assert consultas.tomar(s, encargo.id) is not None


def test_los_intentos_se_acaban(s: Session) -> None:
    encargo = tomada(s)
    for _ in range(consultas.MAX_INTENTOS[TipoConsulta.TIEMPO_REAL]):
        consultas.registrar_fallo(s, encargo, CodigoError.PROVEEDORES_FALLARON, "todo falló", definitivo=False)
        adelantar(s, encargo.id)
        encargo = consultas.tomar(s, encargo.id) or encargo
    c = leida(s, encargo.id)
    assert (c.estado, c.codigo_error, c.mensaje_error) == (
        Estado.ERROR,
        CodigoError.PROVEEDORES_FALLARON,
        "todo falló",
    )


def test_lo_definitivo_no_se_repite(s: Session) -> None:
    encargo = tomada(s)
    consultas.registrar_fallo(s, encargo, CodigoError.CIUDAD_DESCONOCIDA, "no existe", definitivo=True)
    assert leida(s, encargo.id).estado == Estado.ERROR


def test_el_barrido_toca_una_vez_lo_debido(s: Session) -> None:
    c = crear(s)
    assert consultas.por_tocar(s, TipoConsulta.TIEMPO_REAL, 10) == []  # its first doorbell is still on the way
    adelantar(s, c.id)
    assert consultas.por_tocar(s, TipoConsulta.HISTORICO, 10) == []
    assert consultas.por_tocar(s, TipoConsulta.TIEMPO_REAL, 10) == [c.id]
    assert consultas.por_tocar(s, TipoConsulta.TIEMPO_REAL, 10) == []


def test_cada_cambio_visible_sube_la_version_y_renovar_no(s: Session) -> None:
    encargo = tomada(s)
    antes = leida(s, encargo.id).version
    assert consultas.renovar(s, encargo)
    assert leida(s, encargo.id).version == antes
    assert consultas.avanzar(s, encargo, 50)
    assert leida(s, encargo.id).version == antes + 1


def test_la_misma_clave_es_la_misma_consulta(s: Session) -> None:
    primera = crear(s, clave="k", huella="h")
    segunda, repetida = consultas.crear(s, primera.usuario_id, HOY, max_activas=100, clave="k", huella="h")
    assert (segunda.id, repetida) == (primera.id, True)
    with pytest.raises(consultas.ClaveReutilizada):
        consultas.crear(s, primera.usuario_id, HOY, max_activas=100, clave="k", huella="otra")


def test_cancelar_vale_pendiente_y_procesando_y_una_sola_vez(s: Session) -> None:
    encargo, esperando = tomada(s), crear(s)
    for consulta_id in (encargo.id, esperando.id):
        assert consultas.cancelar(s, consulta_id)
        c = leida(s, consulta_id)
        assert (c.estado, c.codigo_error) == (Estado.ERROR, CodigoError.CANCELADA)
        assert not consultas.cancelar(s, consulta_id)
    assert not consultas.avanzar(s, encargo, 50)
    assert not consultas.completar(s, encargo, RESULTADO)
    assert consultas.tomar(s, esperando.id) is None


def test_reintentar_vale_en_error_y_en_lo_parcial_y_renueva_los_intentos(s: Session) -> None:
    fallida, parcial, entera = tomada(s), tomada(s), tomada(s)
    consultas.registrar_fallo(s, fallida, CodigoError.PROVEEDORES_FALLARON, "x", definitivo=True)
    consultas.completar(s, parcial, replace(RESULTADO, parcial=True))
    consultas.completar(s, entera, RESULTADO)
    assert consultas.reintentar(s, fallida.id)
    assert consultas.reintentar(s, parcial.id)
    assert not consultas.reintentar(s, entera.id)
    c = leida(s, fallida.id)
    assert (c.estado, c.intentos, c.codigo_error, c.mensaje_error) == (Estado.PENDIENTE, 0, None, None)
    otra_vez = consultas.tomar(s, parcial.id)
    assert otra_vez is not None
    assert otra_vez.parcial
    assert consultas.completar(s, otra_vez, RESULTADO)
    assert s.scalar(select(func.count()).where(DatosClima.consulta_id == parcial.id)) == 1


def test_quien_espera_una_ventana_vuelve_cuando_llega_y_su_edad_es_la_de_la_base(s: Session) -> None:
    encargo = tomada(s, MES)
    assert consultas.aplazar(s, encargo, CodigoError.CUOTA_AGOTADA, "x", ventana_s=3000) == Estado.PENDIENTE
    c = leida(s, encargo.id)
    assert 2990 < (c.disponible_en - reloj(s)).total_seconds() < 3020
    assert (c.intentos, c.codigo_error) == (0, None)
    for edad_s, estado in ((25 * 3600, Estado.PENDIENTE), (27 * 3600, Estado.ERROR)):
        s.execute(update(Consulta).values(creada_en=ahora(-edad_s)))
        adelantar(s, encargo.id)
        otra_vez = consultas.tomar(s, encargo.id)
        assert otra_vez is not None
        assert otra_vez.edad_s == pytest.approx(edad_s, abs=5)
        assert consultas.aplazar(s, otra_vez, CodigoError.CUOTA_AGOTADA, "x", ventana_s=60) == estado


def test_lo_que_espera_una_programada_sale_de_la_edad_segun_la_base(s: Session) -> None:
    """A worker's clock says anything: creada_en as it knows it is a year old."""
    encargo = replace(tomada(s), programada=True, creada_en=reloj(s) - timedelta(days=365))
    s.execute(update(Consulta).where(Consulta.id == encargo.id).values(creada_en=ahora(-200)))
    assert consultas.aplazar(s, encargo, CodigoError.CUOTA_AGOTADA, "x") == Estado.PENDIENTE
    assert 45 < (leida(s, encargo.id).disponible_en - reloj(s)).total_seconds() < 55  # a quarter of its age


@pytest.mark.parametrize(
    ("codigo", "edad_s", "intentos", "estado"),
    [
        (CodigoError.TIEMPO_AGOTADO, 5, 1, Estado.PENDIENTE),
        (CodigoError.TIEMPO_AGOTADO, 25, 1, Estado.ERROR),
        (CodigoError.PROVEEDORES_FALLARON, 25, 1, Estado.PENDIENTE),
        (CodigoError.PROVEEDORES_FALLARON, 5, 2, Estado.PENDIENTE),
        (CodigoError.PROVEEDORES_FALLARON, 25, 2, Estado.ERROR),
    ],
)
def test_pasado_su_plazo_no_se_intenta_mas_que_una_vez(
    s: Session, codigo: CodigoError, edad_s: int, intentos: int, estado: Estado
) -> None:
    encargo = replace(tomada(s), intentos=intentos)
    s.execute(update(Consulta).where(Consulta.id == encargo.id).values(creada_en=ahora(-edad_s)))
    assert consultas.registrar_fallo(s, encargo, codigo, "x", definitivo=False, plazo_s=20) == estado


def test_reintentar_empieza_a_contar_de_nuevo(s: Session) -> None:
    encargo = tomada(s)
    s.execute(update(Consulta).values(creada_en=ahora(-9999)))
    consultas.registrar_fallo(s, encargo, CodigoError.TIEMPO_AGOTADO, "x", definitivo=True)
    assert consultas.reintentar(s, encargo.id)
    otra_vez = consultas.tomar(s, encargo.id)
    assert otra_vez is not None
    assert otra_vez.edad_s < 5
    assert (
        consultas.registrar_fallo(s, otra_vez, CodigoError.TIEMPO_AGOTADO, "x", definitivo=False, plazo_s=20)
        == Estado.PENDIENTE
    )


def test_lo_que_falta_se_guarda_entero_y_en_corto(s: Session) -> None:
    dia = date(2026, 1, 3)
    faltantes = [
        Faltante("openmeteo", "la instalación agotó", True, ("calidad_aire",), dia, dia),
        Faltante("siata", "solo cubre el valle", pasajero=False),
    ]
    encargo = tomada(s)
    assert consultas.completar(s, encargo, replace(RESULTADO, parcial=True, faltantes=faltantes))
    assert leida(s, encargo.id).faltan == {"total": 2, "pasajeros": 1, "proveedores": ["openmeteo", "siata"]}
    datos = archivo.datos_de(s, encargo.id)
    assert datos is not None
    de_un_dia = {"desde": "2026-01-03", "hasta": "2026-01-03", "motivo": "la instalación agotó", "pasajero": True}
    assert datos.datos_completos["faltantes"] == [
        {"proveedor": "openmeteo", "campos": ["calidad_aire"], **de_un_dia},
        {"proveedor": "siata", "motivo": "solo cubre el valle", "pasajero": False},
    ]
    assert consultas.reintentar(s, encargo.id)
    assert leida(s, encargo.id).faltan is None


def test_en_la_cola_no_estan_los_que_esperan_otra_hora(s: Session) -> None:
    esperando = tomada(s)
    consultas.aplazar(s, esperando, CodigoError.CUOTA_AGOTADA, "x", ventana_s=3000)
    assert archivo.posicion(s, crear(s)) == 1
    s.execute(update(Consulta).values(creada_en=ahora(-5000)))
    antigua = archivo.espera_mayor_s(s)
    assert antigua is not None
    assert antigua < 60  # of the other one


def test_aplazar_no_gasta_un_intento_pero_no_es_para_siempre(s: Session) -> None:
    encargo = tomada(s)
    assert consultas.aplazar(s, encargo, CodigoError.CUOTA_AGOTADA, "sin presupuesto")
    assert (leida(s, encargo.id).estado, leida(s, encargo.id).intentos) == (Estado.PENDIENTE, 0)
    adelantar(s, encargo.id)
    s.execute(update(Consulta).values(creada_en=ahora(-consultas.PACIENCIA_S[CodigoError.CUOTA_AGOTADA] - 1)))
    otra_vez = consultas.tomar(s, encargo.id)
    assert otra_vez is not None
    assert consultas.aplazar(s, otra_vez, CodigoError.CUOTA_AGOTADA, "sin presupuesto")
    assert leida(s, encargo.id).codigo_error == CodigoError.CUOTA_AGOTADA


def test_devolver_no_gasta_un_intento(s: Session) -> None:
    encargo = tomada(s)
    assert consultas.devolver(s, encargo)
    c = leida(s, encargo.id)
    assert (c.estado, c.intentos) == (Estado.PENDIENTE, 0)
    assert consultas.tomar(s, encargo.id) is not None


def test_en_historico_sirve_antes_a_quien_tiene_menos_en_mano(s: Session) -> None:
    """Two hundred of one user, then one of another: the one is not the last."""
    muchas = [crear(s, MES).id for _ in range(5)]
    beto = usuarios.crear(s, username="beto", email="beto@b.co", password="x" * 8, rounds=4).id
    una = consultas.crear(s, beto, MES, max_activas=100)[0].id
    servidas = [encargo.id for _ in range(7) if (encargo := consultas.tomar_justa(s, TipoConsulta.HISTORICO))]
    assert servidas[:3] == [muchas[0], una, muchas[1]]
    assert sorted(servidas) == [*muchas, una]


def test_la_posicion_cuenta_lo_que_espera_delante(s: Session) -> None:
    primera, segunda = crear(s), crear(s)
    assert [archivo.posicion(s, c) for c in (primera, segunda)] == [1, 2]
    consultas.tomar(s, primera.id)
    assert archivo.posicion(s, leida(s, segunda.id)) == 1
    assert archivo.posicion(s, leida(s, primera.id)) is None


def test_la_instalacion_admite_un_maximo_de_pendientes(s: Session) -> None:
    c = crear(s)
    with pytest.raises(admision.Saturada):
        consultas.crear(s, c.usuario_id, HOY, max_activas=100, max_pendientes=1)


def test_hay_un_maximo_de_consultas_sin_terminar(s: Session) -> None:
    c = crear(s)
    with pytest.raises(admision.DemasiadasActivas):
        consultas.crear(s, c.usuario_id, HOY, max_activas=1)


def test_un_cambio_de_estado_que_no_existe_es_un_fallo_del_programa(s: Session) -> None:
    with pytest.raises(ValueError, match="not a legal change"):
        consultas._mover(s, 1, Estado.ERROR, Estado.COMPLETADA)


def test_se_lista_lo_propio_lo_nuevo_primero_y_la_ciudad_sin_acentos(s: Session) -> None:
    primera, segunda = crear(s), crear(s, MES)
    todas = list(s.scalars(archivo.seleccionar(primera.usuario_id)))
    assert [c.id for c in todas] == [segunda.id, primera.id]
    assert len(list(s.scalars(archivo.seleccionar(primera.usuario_id, ciudad="MEDELLIN")))) == 2
    assert list(s.scalars(archivo.seleccionar(primera.usuario_id + 1))) == []
