"""No transaction is open while a provider is asked: MariaDB itself is asked, from inside the provider's call."""

from __future__ import annotations

from datetime import date

import pytest
from flask.testing import FlaskClient

from shared.clima import Medicion, Periodo, Resolucion
from shared.settings import Settings
from tests.api.ayuda import entrar
from tests.servidores import MariaDB
from tests.worker.test_proceso import Doble, crear, dias, fin
from worker.proceso import Proceso

ABIERTAS = "SELECT COUNT(*) FROM information_schema.innodb_trx"
OCUPADAS = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = 'cg_api' AND command <> 'Sleep'"


@pytest.mark.parametrize("periodo", [None, Periodo(date(2026, 1, 1), date(2026, 1, 3), Resolucion.DIARIA)])
def test_no_hay_transaccion_abierta_mientras_se_pregunta(
    settings: Settings, mariadb: MariaDB, cliente: FlaskClient, periodo: Periodo | None
) -> None:
    entrar(cliente)
    vistas: list[tuple[object, object]] = []

    def mirar(p: Periodo | None) -> list[Medicion]:
        vistas.append((mariadb.ejecutar(ABIERTAS)[0][0], mariadb.ejecutar(OCUPADAS)[0][0]))
        return dias(p) if p else [Medicion(temperatura=1.0)]

    proceso = Proceso(settings, {"openmeteo": Doble(mirar)})
    consulta_id = crear(proceso, periodo)
    proceso.procesar(consulta_id)
    estado = fin(proceso, consulta_id)[0].estado
    proceso.sesiones.motor.dispose()
    assert estado == "completada"
    assert vistas == [(0, 0)]
