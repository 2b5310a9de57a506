"""One call serves everybody who asks the same, on a real Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Event
from time import monotonic

import pytest
from redis import Redis as Cliente

from shared.almacen import OPCIONES, RedisPrudente
from shared.clima import Lugar, Medicion, Periodo, Resolucion
from tests.servidores import Redis, esperar
from worker.compartido import Compartidor, clave_de
from worker.proveedores.cliente import Clave, Lectura
from worker.proveedores.http import ErrorProveedor, Omitida

CALI = Lugar(3.43722, -76.5225)
CAMPOS = frozenset({"temperatura"})
INSTANTE = datetime(2026, 1, 1, 5, tzinfo=UTC)
LECTURA = Lectura(
    [Medicion(temperatura=0.0, observado_en=INSTANTE, fecha=date(2026, 1, 1), extras={"a": 1})], estacion="La 30"
)


class ConLlegadas(Compartidor):
    """Counts those who asked it the time, as each does on arriving."""

    llegadas = 0

    def _ahora(self) -> datetime:
        ahora = super()._ahora()
        self.llegadas += 1
        return ahora


@pytest.fixture
def compartidor(servidor_redis: Redis) -> Iterator[ConLlegadas]:
    cliente = Cliente.from_url(servidor_redis.url)
    yield ConLlegadas(cliente)
    cliente.flushdb()
    cliente.close()


class Contador:
    def __init__(self, hacer: Callable[[], Lectura] = lambda: LECTURA) -> None:
        self.veces = 0
        self._hacer = hacer

    def __call__(self) -> tuple[Lectura, bool]:
        self.veces += 1
        return self._hacer(), True


def pronto() -> float:
    return monotonic() + 10


def test_lo_guardado_vuelve_igual_y_dice_que_es_de_la_cache(compartidor: Compartidor) -> None:
    primero = compartidor.obtener("cg:x", 60, pronto(), Contador())
    segundo = compartidor.obtener("cg:x", 60, pronto(), otro := Contador())
    assert otro.veces == 0
    assert (primero.desde_cache, segundo.desde_cache) == (False, True)
    assert segundo.lectura == primero.lectura == LECTURA
    assert segundo.laboratorio is True
    assert segundo.consultado_en == primero.consultado_en


def test_quien_pide_lo_de_ahora_mismo_pregunta_otra_vez(compartidor: Compartidor) -> None:
    compartidor.obtener("cg:x", 60, pronto(), Contador())
    compartidor.obtener("cg:x", 0, pronto(), otro := Contador())
    assert otro.veces == 1


def test_muchos_a_la_vez_hacen_una_sola_llamada(compartidor: ConLlegadas) -> None:
    dentro, sigue = Event(), Event()

    def lenta() -> Lectura:
        dentro.set()
        sigue.wait(10)
        return LECTURA

    contador = Contador(lenta)
    with ThreadPoolExecutor(20) as hilos:
        primero = hilos.submit(compartidor.obtener, "cg:x", 0, pronto(), contador)
        dentro.wait(10)
        demas = [hilos.submit(compartidor.obtener, "cg:x", 0, pronto(), contador) for _ in range(19)]
        esperar(lambda: compartidor.llegadas == 20, "all of them waiting")
        sigue.set()
        assert all(f.result().lectura == LECTURA for f in [primero, *demas])
    assert contador.veces == 1


def test_el_fallo_de_quien_preguntaba_es_el_de_quienes_esperaban(compartidor: ConLlegadas) -> None:
    dentro, sigue = Event(), Event()

    def rota() -> Lectura:
        dentro.set()
        sigue.wait(10)
        raise ErrorProveedor("respondió 503", reintentable=True, estado=503)

    contador = Contador(rota)
    with ThreadPoolExecutor(8) as hilos:
        todos = [hilos.submit(compartidor.obtener, "cg:x", 60, pronto(), contador)]
        dentro.wait(10)
        todos += [hilos.submit(compartidor.obtener, "cg:x", 60, pronto(), contador) for _ in range(7)]
        esperar(lambda: compartidor.llegadas == 8, "all of them waiting")
        sigue.set()
        for futuro in todos:
            with pytest.raises(ErrorProveedor, match="503"):
                futuro.result()
    assert contador.veces < 8  # the failure is told for VIDA_FALLO_S; who sleeps through that asks again


def test_una_omision_no_se_guarda_y_libera_el_turno(compartidor: Compartidor) -> None:
    def omite() -> Lectura:
        raise Omitida("sin cuota")

    with pytest.raises(Omitida):
        compartidor.obtener("cg:x", 60, pronto(), Contador(omite))
    assert compartidor.obtener("cg:x", 60, pronto(), Contador()).lectura == LECTURA


def test_con_redis_caido_cada_uno_pregunta_por_si_mismo() -> None:
    caido = Compartidor(RedisPrudente(port=1, **OPCIONES))
    contador = Contador()
    assert [caido.obtener("cg:x", 60, pronto(), contador).desde_cache for _ in range(2)] == [False, False]
    assert contador.veces == 2


def test_la_misma_pregunta_tiene_el_mismo_nombre_y_otra_no() -> None:
    enero = Periodo(date(2026, 1, 1), date(2026, 1, 31), Resolucion.DIARIA)
    base = clave_de("openmeteo", CALI, None, CAMPOS, None)
    assert base == clave_de("openmeteo", Lugar(3.43719, -76.52249, nombre="otra etiqueta"), None, CAMPOS, None)
    otras = {
        clave_de("ideam", CALI, None, CAMPOS, None),
        clave_de("openmeteo", Lugar(3.45, -76.5225), None, CAMPOS, None),
        clave_de("openmeteo", CALI, enero, CAMPOS, None),
        clave_de("openmeteo", CALI, None, frozenset({"humedad_relativa"}), None),
        clave_de("openmeteo", CALI, None, CAMPOS, Clave("clave-canaria")),
    }
    assert len(otras | {base}) == 6
    assert not any("canaria" in nombre for nombre in otras)
