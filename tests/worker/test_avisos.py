"""The ping URL hears of each run: a real server that listens, refuses, sends elsewhere, or is not there."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, delete, update
from sqlalchemy.orm import Session

from shared import ejecuciones, usuarios
from shared.clima import TipoConsulta
from shared.db import Sesiones, ahora
from shared.modelos import Aviso, Base, Consulta, Ejecucion, Estado
from tests.conftest import hacer_settings
from tests.shared.test_ejecuciones import CABEN, CALI, crear
from worker.avisos import Avisador

SECRETO = "0f4c2f6e-canario"


class Oyente(ThreadingHTTPServer):
    """Answers `estado`; recibidos: (path, rid, body) of what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Manejador)
        self.estado = 200
        self.recibidos: list[tuple[str, str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{SECRETO}"


class Manejador(BaseHTTPRequestHandler):
    server: Oyente

    def do_POST(self) -> None:
        partes = urlsplit(self.path)
        cuerpo = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.recibidos.append((partes.path, parse_qs(partes.query).get("rid", [""])[0], cuerpo))
        self.send_response(self.server.estado)
        if self.server.estado == 302:
            self.send_header("Location", f"{self.server.url}/lejos")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def oyente() -> Iterator[Oyente]:
    with Oyente() as servidor:
        Thread(target=servidor.serve_forever, daemon=True).start()
        yield servidor
        servidor.shutdown()


@pytest.fixture
def sesiones(motor: Engine) -> Iterator[Sesiones]:
    yield Sesiones(motor)
    with motor.begin() as c:
        for tabla in reversed(Base.metadata.sorted_tables):
            c.execute(delete(tabla))


def avisador(sesiones: Sesiones, url: str) -> Avisador:
    return Avisador(hacer_settings("sqlite://", "redis://127.0.0.1:1", avisos_url=SecretStr(url)), sesiones)


def empezar(sesiones: Sesiones) -> int:
    """A run of one consulta that has just begun."""
    with sesiones.transaccion() as s:
        ana = usuarios.crear(s, username="ana", email="a@b.co", password="x" * 8, rounds=4)
        p = crear(s, ana, lugares=[CALI], tipo=TipoConsulta.TIEMPO_REAL, ventana_dias=None)
        return ejecuciones.ejecutar(s, p, max_activas=10, **CABEN, avisar=True).id


def acabar(sesiones: Sesiones, estado: Estado) -> None:
    with sesiones.transaccion() as s:
        s.execute(update(Consulta).values(estado=estado))
        assert len(ejecuciones.cerrar(s, avisar=True)) == 1


def un_minuto_despues(sesiones: Sesiones) -> None:
    with sesiones.transaccion() as s:
        s.execute(update(Ejecucion).values(avisar_en=ahora(-1)).where(Ejecucion.avisar_en.is_not(None)))


@pytest.mark.parametrize(("fin", "ruta"), [(Estado.COMPLETADA, ""), (Estado.ERROR, "/fail")])
def test_oye_el_comienzo_y_como_acabo_con_el_mismo_rid(
    sesiones: Sesiones, oyente: Oyente, fin: Estado, ruta: str
) -> None:
    quien = avisador(sesiones, oyente.url)
    ejecucion_id = empezar(sesiones)
    quien.avisar()
    quien.avisar()
    acabar(sesiones, fin)
    quien.avisar()
    quien.avisar()
    (comienzo, rid, _), (final, otro, texto) = oyente.recibidos
    assert (comienzo, final) == (f"/{SECRETO}/start", f"/{SECRETO}{ruta}")
    assert rid == otro
    assert f"ejecucion={ejecucion_id}" in texto
    assert f"total=1 completadas={int(fin == Estado.COMPLETADA)}" in texto


@pytest.mark.parametrize("estado", [500, 404, 302])
def test_lo_que_no_se_oyo_se_repite_y_no_se_sigue_a_otro_sitio(sesiones: Sesiones, oyente: Oyente, estado: int) -> None:
    quien = avisador(sesiones, oyente.url)
    empezar(sesiones)
    oyente.estado = estado
    quien.avisar()
    quien.avisar()  # claimed for a minute
    un_minuto_despues(sesiones)
    oyente.estado = 200
    quien.avisar()
    un_minuto_despues(sesiones)
    quien.avisar()
    assert [ruta for ruta, _, _ in oyente.recibidos] == [f"/{SECRETO}/start"] * 2


def test_si_no_hay_nadie_se_repite_y_el_registro_no_dice_la_direccion(
    sesiones: Sesiones, oyente: Oyente, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    quien = avisador(sesiones, f"http://127.0.0.1:1/{SECRETO}")
    empezar(sesiones)
    quien.avisar()
    salida = capsys.readouterr()
    assert "aviso_sin_respuesta" in salida.out + salida.err + caplog.text
    assert SECRETO not in salida.out + salida.err + caplog.text
    un_minuto_despues(sesiones)
    avisador(sesiones, oyente.url).avisar()
    assert len(oyente.recibidos) == 1


def test_una_noticia_de_ayer_ya_no_se_cuenta(sesiones: Sesiones, oyente: Oyente) -> None:
    empezar(sesiones)
    with sesiones.transaccion() as s:
        s.execute(update(Ejecucion).values(iniciada_en=ahora(-90_000)))
    avisador(sesiones, oyente.url).avisar()
    assert oyente.recibidos == []


def test_dos_que_avisan_a_la_vez_cuentan_lo_mismo_una_vez(sesiones: Sesiones, oyente: Oyente) -> None:
    empezar(sesiones)
    hilos = [Thread(target=avisador(sesiones, oyente.url).avisar) for _ in range(4)]
    for hilo in hilos:
        hilo.start()
    for hilo in hilos:
        hilo.join(20)
    assert len(oyente.recibidos) == 1


def test_lo_que_queda_por_avisar_se_guarda(s: Session) -> None:
    ana = usuarios.crear(s, username="ana", email="a@b.co", password="x" * 8, rounds=4)
    e = ejecuciones.ejecutar(s, crear(s, ana), max_activas=10, **CABEN, avisar=True)
    assert e.aviso == Aviso.INICIO
    assert ejecuciones.ejecutar(s, crear(s, ana), max_activas=10, **CABEN).aviso is None
