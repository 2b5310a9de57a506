"""Whether all is well: to everybody yes or no, to those of the house how each part stands, and never dear to ask."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from api.base import db
from shared import vigilancia
from shared.clima import Formato, TipoConsulta
from shared.db import reloj
from shared.modelos import Ejecucion, EstadoEjecucion, Programacion
from tests.api.ayuda import como
from tests.shared.test_reportes import usuario

LISTO = "/health/ready"


def test_listo_dice_como_esta_cada_parte(cliente: FlaskClient) -> None:
    r = cliente.get("/health/ready")
    assert r.status_code == 200
    assert r.json["base_de_datos"] is r.json["redis"] is r.json["migraciones"] is True
    assert r.json["trabajadores"] == 0
    assert r.json["pendiente_mas_antigua_s"] is None


@pytest.mark.parametrize("extrano", ["203.0.113.7", "10.0.0.5", "2001:db8::1", "no es una direccion"])
def test_a_un_extrano_solo_se_le_dice_si_o_no(cliente: FlaskClient, extrano: str) -> None:
    r = cliente.get(LISTO, environ_base={"REMOTE_ADDR": extrano})
    assert (r.status_code, r.json) == (200, {"estado": "ok"})


@pytest.mark.parametrize("propia", ["127.0.0.1", "::1", "100.101.102.103", "fd7a:115c:a1e0::7"])
def test_a_esta_maquina_y_a_la_vpn_se_les_dice_todo(cliente: FlaskClient, propia: str) -> None:
    assert "trabajadores" in cliente.get(LISTO, environ_base={"REMOTE_ADDR": propia}).get_json()


def test_un_admin_lo_ve_desde_donde_este_y_los_demas_no(app: Flask, cliente: FlaskClient) -> None:
    lejos = {"REMOTE_ADDR": "203.0.113.7"}
    jefa, ana = como(app, cliente, "jefa", "admin"), como(app, cliente, "ana", "consultor")
    assert "trabajadores" in cliente.get(LISTO, headers=jefa, environ_base=lejos).get_json()
    for cabeceras in (ana, {"Authorization": "Bearer nada"}, {"Authorization": "x"}):
        assert cliente.get(LISTO, headers=cabeceras, environ_base=lejos).json == {"estado": "ok"}


def test_quien_se_pone_delante_no_hace_de_casa_a_los_de_fuera(
    app: Flask, cliente: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is believed about whom they speak for, unless PROXIES_DE_CONFIANZA says so."""
    lejos = {"REMOTE_ADDR": "203.0.113.7"}
    assert cliente.get(LISTO, headers={"X-Forwarded-For": "127.0.0.1"}, environ_base=lejos).json == {"estado": "ok"}
    otras = app.extensions["settings"].model_copy(update={"redes_propias": [ip_network("203.0.113.0/24")]})
    monkeypatch.setitem(app.extensions, "settings", otras)
    assert "trabajadores" in cliente.get(LISTO, environ_base=lejos).get_json()


def test_preguntar_otra_vez_enseguida_no_mira_otra_vez(app: Flask, cliente: FlaskClient) -> None:
    dichas: list[str] = []
    with app.app_context():
        motor = db.engine

    def oir(*args: Any) -> None:
        dichas.append(args[2])

    event.listen(motor, "before_cursor_execute", oir)
    try:
        cliente.get(LISTO)
        assert 0 < len(dichas) < 12
        dichas.clear()
        assert [cliente.get(LISTO).status_code for _ in range(5)] == [200] * 5
        assert dichas == []
    finally:
        event.remove(motor, "before_cursor_execute", oir)


def test_mil_ejecuciones_se_suman_en_la_base_y_no_se_leen(s: Session, motor: Engine) -> None:
    comun = {"zona_horaria": "UTC", "tipo": TipoConsulta.TIEMPO_REAL, "formato": Formato.JSON, "parametros": []}
    ahora = reloj(s)
    p = Programacion(usuario_id=usuario(s), nombre="p", cron="0 * * * *", activa=True, calculada_en=ahora, **comun)
    s.add(p)
    s.flush()
    for n in range(1000):
        prevista = ahora - timedelta(seconds=60 * n)
        inicio = prevista + timedelta(milliseconds=1500 if n == 3 else 250)
        fin = inicio + timedelta(milliseconds=2750 if n == 5 else 1000)
        estado = EstadoEjecucion.PARCIAL if n % 4 == 0 else EstadoEjecucion.COMPLETADA
        cuentas = {"total": 3, "completadas": 2, "parciales": 1, "errores": 0}
        s.add(Ejecucion(programacion_id=p.id, prevista_en=prevista, iniciada_en=inicio, terminada_en=fin,
                        estado=estado, **cuentas))  # fmt: skip
    s.flush()
    s.expire_all()
    leidas: list[object] = []

    def oir(objeto: object, _: object) -> None:
        leidas.append(objeto)

    event.listen(Ejecucion, "load", oir)
    v = vigilancia.programaciones(s)
    event.remove(Ejecucion, "load", oir)
    assert leidas == []
    assert v.ejecuciones == {"completada": 750, "parcial": 250, "error": 0}
    assert v.consultas == {"completadas": 2000, "parciales": 1000, "errores": 0}
    assert (v.atraso_maximo_s, v.duracion_maxima_s) == (1.5, 2.75)


def test_mientras_uno_mira_los_demas_no_esperan(app: Flask, cliente: FlaskClient) -> None:
    """A database that hangs would otherwise hold a thread for each stranger who asks."""
    cliente.get(LISTO)
    revista = app.extensions["revista"]
    revista._caduca = 0.0
    with revista._cerrojo, ThreadPoolExecutor(1) as hilo:
        assert hilo.submit(app.test_client().get, LISTO).result(timeout=60).status_code == 200
