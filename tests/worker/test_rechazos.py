"""A consulta whose end the database refuses for a reason that will not pass ends at once; on MariaDB and on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import create_engine, null
from structlog.testing import capture_logs

from shared import consultas, esquema
from shared.clima import Medicion, Periodo, Resolucion
from shared.db import crear_motor, preparar
from shared.filas import datos_de_clima
from shared.modelos import CodigoError, Estado, Usuario
from shared.settings import Settings
from tests.conftest import hacer_settings
from tests.servidores import Redis
from tests.worker.test_proceso import Doble, crear, dias, fin
from worker.proceso import Proceso

PERIODOS = [None, Periodo(date(2026, 1, 1), date(2026, 1, 3), Resolucion.DIARIA)]


@pytest.fixture(params=["mariadb", "sqlite"])
def proceso(
    request: pytest.FixtureRequest, settings: Settings, servidor_redis: Redis, tmp_path: Path
) -> Iterator[Proceso]:
    ajustes = settings
    if request.param == "sqlite":
        ajustes = hacer_settings(f"sqlite:///{tmp_path / 'una.db'}", servidor_redis.url)
        motor = crear_motor(ajustes)
        esquema.subir(motor)
        motor.dispose()
    else:
        request.getfixturevalue("cliente")
    hecho = Proceso(ajustes, {"openmeteo": Doble(lambda p: dias(p) if p else [Medicion(temperatura=1.0)])})
    with hecho.sesiones.transaccion() as s:
        s.add(Usuario(username="ana", email="a@b.co", password_hash="x"))
    yield hecho
    hecho.sesiones.motor.dispose()
    with redis.Redis.from_url(ajustes.url_redis) as r:
        r.flushall()


@contextmanager
def sin_tabla(proceso: Proceso) -> Iterator[None]:
    _renombrar(proceso, "datos_clima", "datos_clima_lejos")
    try:
        yield
    finally:
        _renombrar(proceso, "datos_clima_lejos", "datos_clima")


def _renombrar(proceso: Proceso, tabla: str, otra: str) -> None:
    """As root, for the application may not."""
    url = proceso.sesiones.motor.url
    motor = create_engine(url if url.get_backend_name() == "sqlite" else url.set(username="root", password=""))
    preparar(motor)
    with motor.begin() as conexion:
        conexion.exec_driver_sql(f"ALTER TABLE {tabla} RENAME TO {otra}")
    motor.dispose()


@contextmanager
def con_fila_que_no_vale(_: Proceso) -> Iterator[None]:
    buena = datos_de_clima
    with pytest.MonkeyPatch.context() as m:
        m.setattr(consultas, "datos_de_clima", lambda r: {**buena(r), "fuentes_utilizadas": null()})
        yield


@pytest.mark.parametrize("periodo", PERIODOS)
@pytest.mark.parametrize("rota", [sin_tabla, con_fila_que_no_vale])
def test_lo_que_la_base_no_querra_nunca_termina_en_interno_a_la_primera(
    proceso: Proceso, rota: Callable[[Proceso], Any], periodo: Periodo | None
) -> None:
    consulta_id = crear(proceso, periodo, max_edad_s=0)
    with rota(proceso), capture_logs() as lineas:
        proceso.procesar(consulta_id)
    consulta, datos = fin(proceso, consulta_id)
    assert (consulta.estado, consulta.codigo_error, consulta.intentos) == (Estado.ERROR, CodigoError.INTERNO, 1)
    assert (consulta.mensaje_error or "").startswith("La respuesta no se pudo guardar")
    assert datos is None
    linea = next(li for li in lineas if li["event"] == "consulta_no_guardada")
    assert linea["exc_info"]
    with proceso.sesiones.transaccion() as s:
        assert consultas.reintentar(s, consulta_id)
    proceso.procesar(consulta_id)
    assert fin(proceso, consulta_id)[0].estado == Estado.COMPLETADA
