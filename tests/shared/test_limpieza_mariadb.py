"""What only MariaDB can show of retention: who waits for whom, and plans over enough rows to have a choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pytest
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared import consultas, esquema, limpieza, lotes, reportes, respuestas, resumenes, usuarios
from shared import sesiones as de_usuarios
from shared.archivo import seleccionar
from shared.conteo import TODOS
from shared.db import Sesiones, crear_motor
from shared.modelos import Consulta, Estado, Respuesta, Resumen
from shared.paginas import pagina
from shared.retencion import CLASES, Clase
from tests.conftest import hacer_settings
from tests.planes import explicar, ordenes
from tests.servidores import MariaDB
from tests.shared.test_consultas import HOY, MES, RESULTADO
from tests.shared.test_limpieza import con, en_vacio, filas, hace, limpiar, poner, quedan, resumir_todo
from tests.siembra import sembrar

T = TypeVar("T")
TODO = con(consultas=7, series=7, respuestas=7, lotes=7, ejecuciones=7, pasado=7, logs=7)
PROGRAMACION = """
INSERT INTO programaciones (id, usuario_id, nombre, cron, zona_horaria, tipo, parametros, formato, activa, calculada_en,
  creada_en, actualizada_en)
VALUES (1, 1, 'p', '0 0 * * *', 'UTC', 'tiempo_real', '[]', 'json', 0, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6),
  UTC_TIMESTAMP(6))
"""
EJECUCION = """
INSERT INTO ejecuciones (programacion_id, prevista_en, iniciada_en, terminada_en, estado, lote_id, total)
SELECT 1, creado_en, creado_en, creado_en, 'completada', id, 1 FROM lotes
"""
PASADO = """
INSERT INTO pasado (huella, hoja, parte, proveedor, fuente, datos, guardado_en)
SELECT MD5(id), creada_en, '', 'openmeteo', '{}', 'x', creada_en FROM consultas
"""
DEMAS = (
    "INSERT INTO series SELECT id, 0, 1, 'x' FROM consultas WHERE tipo_consulta = 'historico' AND id > 100",
    "INSERT INTO respuestas SELECT consulta_id, 'openmeteo', 0, '{}', 'x' FROM series",
    "INSERT INTO lotes (usuario_id, total, creado_en) SELECT usuario_id, 1, creada_en FROM consultas",
    PROGRAMACION,
    EJECUCION,
    PASADO,
    "INSERT INTO sesiones SELECT id, usuario_id, creada_en, creada_en, creada_en, NULL, NULL, 'x', NULL FROM consultas",
    "ANALYZE TABLE consultas, series, respuestas, lotes, ejecuciones, sesiones, logs_actividad",
    "ANALYZE TABLE pasado, resumenes",
)


@pytest.fixture(scope="module")
def motor_viejo(mariadb: MariaDB) -> Iterator[Engine]:
    """A year of consultas, counted, and as much of everything else. Whoever changes it undoes it."""
    motor = crear_motor(hacer_settings(mariadb.crear_base("cg_limpieza"), "redis://127.0.0.1:1"))
    esquema.subir(motor)
    sembrar(motor, 20_000, 5)
    with motor.begin() as conexion:
        for orden in DEMAS:
            conexion.execute(text(orden))
    resumir_todo(Sesiones(motor))
    yield motor
    motor.dispose()


class Abierta(Sesiones):
    """One transaction that stays open: whatever is locked stays locked."""

    def __init__(self, motor: Engine, sesion: Session) -> None:
        super().__init__(motor)
        self._sesion = sesion

    def hacer(self, verbo: Callable[[Session], T], insistir_s: float = 0) -> T:
        return verbo(self._sesion)


@contextmanager
def abierta(motor: Engine) -> Iterator[Session]:
    """Undone at the end. Any wait of more than a second for a lock is an error."""
    with Session(motor, expire_on_commit=False) as s:
        s.execute(text("SET innodb_lock_wait_timeout = 1"))
        yield s
        s.rollback()


def una_tanda_de_cada(motor: Engine, s: Session) -> dict[str, int]:
    return {c.nombre: next(limpieza.limpiar(Abierta(motor, s), TODO, c)).filas for c in CLASES}


def lo_de_cada_dia(s: Session) -> None:
    """What users, workers and beat do all the time."""
    ana, con_limites = 2, {"max_activas": 1000, "max_pendientes": 10_000}
    ids = [consultas.crear(s, ana, pedido, **con_limites)[0].id for pedido in (HOY, MES, HOY)]
    lotes.crear(s, ana, [HOY, HOY], **con_limites, clave="c", huella="h")
    ahora_mismo, historico, otra = (consultas.tomar(s, i) for i in ids)
    assert ahora_mismo
    assert historico
    assert otra
    assert consultas.avanzar(s, historico, 10)
    assert MES.periodo
    respuestas.guardar_respuesta(s, historico, MES.periodo, {"proveedor": "ideam"}, [{"fecha": "2026-01-01"}])
    assert consultas.completar(s, ahora_mismo, RESULTADO)
    assert consultas.completar(s, historico, RESULTADO)
    respuestas.guardar_series(s, historico, [(1, b"x")])
    assert consultas.cancelar(s, otra.id)
    assert consultas.reintentar(s, otra.id)
    consultas.por_tocar(s, HOY.tipo, 100)
    consultas.rescatar(s)
    usuarios.anotar(s, "x", ana)
    visita = de_usuarios.Visita(None, None, hace(-1))
    abierta, sobraban = de_usuarios.abrir(s, ana, visita)
    assert sobraban > 100
    assert de_usuarios.rotar(s, ana, abierta.id, abierta.jti_refresco, visita)
    pagina(s, seleccionar(ana), 1, 10)
    reportes.estadisticas(s, TODOS)
    resumenes.resumir(s)
    s.flush()


@pytest.mark.parametrize("clase", CLASES, ids=lambda c: c.nombre)
def test_todo_se_busca_por_indices_y_se_borra_por_la_clave(motor_viejo: Engine, clase: Clase) -> None:
    with abierta(motor_viejo) as s, ordenes(motor_viejo) as hechas:
        tandas = limpieza.limpiar(Abierta(motor_viejo, s), TODO, clase)
        assert next(tandas).filas > 100
        assert next(tandas).filas > 100
    suyas = [orden for orden in hechas if "FROM" in orden.sql]
    sujetan = [o for o in suyas if o.sql.startswith("DELETE") or "FOR UPDATE" in o.sql or "SHARE MODE" in o.sql]
    assert len(sujetan) >= 4
    for orden in suyas:
        parametros = orden.parametros[0] if isinstance(orden.parametros, list) else orden.parametros
        planes = explicar(motor_viejo, orden._replace(parametros=parametros))
        assert all(p.key or p.table is None or p.table.startswith("<") for p in planes), planes
        if orden in sujetan:
            assert planes[0].key == "PRIMARY", planes
            assert planes[0].type in ("range", "ref", "const"), planes
        elif clase.pieza is None:
            assert "filesort" not in planes[0].extra, planes


def test_nadie_espera_a_una_tanda(motor_viejo: Engine) -> None:
    with abierta(motor_viejo) as borra, abierta(motor_viejo) as otro:
        assert min(una_tanda_de_cada(motor_viejo, borra).values()) > 100
        lo_de_cada_dia(otro)


def test_una_tanda_no_espera_a_nadie(motor_viejo: Engine) -> None:
    """What somebody holds stays; the rest goes."""
    with abierta(motor_viejo) as borra, abierta(motor_viejo) as otro:
        lo_de_cada_dia(otro)
        primera = otro.scalars(select(func.min(Consulta.id)).where(Consulta.estado == Estado.COMPLETADA)).one()
        otro.execute(update(Consulta).where(Consulta.id == primera).values(progreso=99))
        assert min(una_tanda_de_cada(motor_viejo, borra).values()) > 100
        assert primera in set(borra.scalars(select(Consulta.id)))


def test_en_tablas_de_pocas_filas_tampoco_espera_nadie(motor_mariadb: Engine, sesiones: Sesiones) -> None:
    """There MariaDB would rather read the whole table, and every row it reads it locks."""
    for dias in (10, 10, 10):
        poner(sesiones, dias, piezas=1, ajenas=1)
    joven = poner(sesiones, 1, piezas=1, ajenas=1)
    resumir_todo(sesiones)
    for una, dos in ((0, 1), (1, 0)):
        with abierta(motor_mariadb) as borra, abierta(motor_mariadb) as otro:
            pasos = (lambda s=borra: una_tanda_de_cada(motor_mariadb, s), lambda s=otro: tocar(s, joven))
            pasos[una]()
            pasos[dos]()
    with abierta(motor_mariadb) as s, ordenes(motor_mariadb) as hechas:
        una_tanda_de_cada(motor_mariadb, s)
    for orden in hechas:
        if "FOR UPDATE" in orden.sql:
            assert explicar(motor_mariadb, orden)[0].key == "PRIMARY"
    assert len(quedan(sesiones)) == 4


def tocar(s: Session, consulta_id: int) -> None:
    for modelo, clave in ((Consulta, Consulta.id), (Respuesta, Respuesta.consulta_id)):
        columna = "progreso" if modelo is Consulta else "tramo"
        s.execute(update(modelo).where(clave == consulta_id).values({columna: 7}))
    s.execute(update(Resumen).where(Resumen.dia == hace(1).date()).values(hasta=hace(0)))


@pytest.fixture
def sesiones(motor_mariadb: Engine) -> Iterator[Sesiones]:
    with en_vacio(motor_mariadb) as hechas:
        yield hechas


def test_borrar_y_reintentar_en_el_mismo_dia_se_esperan(motor_mariadb: Engine, sesiones: Sesiones) -> None:
    """Else what is deleted would be in no summary: neither in the one undone, nor to be counted again."""
    for _ in range(3):
        poner(sesiones, 10)
    otro_dia = poner(sesiones, 9)
    tarde = poner(sesiones, 10, acabo=2, estado=Estado.ERROR)
    resumir_todo(sesiones)
    with abierta(motor_mariadb) as borra, abierta(motor_mariadb) as reintenta:
        assert una_tanda_de_cada(motor_mariadb, borra)["consultas"] == 4
        with pytest.raises(OperationalError, match="Lock wait timeout"):
            consultas.reintentar(reintenta, tarde)
    with abierta(motor_mariadb) as borra, abierta(motor_mariadb) as reintenta:
        assert consultas.reintentar(reintenta, tarde)
        assert una_tanda_de_cada(motor_mariadb, borra)["consultas"] == 1
        assert otro_dia not in set(borra.scalars(select(Consulta.id)))


def test_dos_a_la_vez_borran_una_vez_cada_fila(
    motor_mariadb: Engine, sesiones: Sesiones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limpieza, "TANDA", 5)
    monkeypatch.setattr(limpieza, "DESCANSO", 0)
    for _ in range(60):
        poner(sesiones, 10, piezas=1)
    resumir_todo(sesiones)
    with ThreadPoolExecutor(4) as hilos:
        hechas = list(hilos.map(lambda _: filas(limpiar(sesiones, TODO)), range(4)))
    assert sum(h["consultas"] for h in hechas) == 60
    assert quedan(sesiones) == set()
