"""How a consulta ends when something is missing: what is told, what is asked again, and how soon it gives up."""

from __future__ import annotations

from datetime import date
from threading import Event
from typing import Any

import pytest
from sqlalchemy import update

from shared import consultas
from shared.clima import Medicion, Periodo, Resolucion
from shared.db import ahora as reloj
from shared.modelos import CodigoError, Consulta, DatosClima, Estado
from shared.settings import Settings
from tests.proveedores.servidor import servir
from tests.worker.test_proceso import (
    ConClave,
    Doble,
    Hacer,
    ahora,
    con,
    crear,
    dias,
    dice,
    falla,
    filas,
    fin,
    guardar_clave,
)
from worker.compartido import Compartidor
from worker.proceso import Proceso
from worker.proveedores.cliente import Lectura, Peticion, perder
from worker.proveedores.http import Causa, ErrorProveedor, Omitida

__all__ = ["con"]  # a fixture
ENERO = Periodo(date(2024, 1, 1), date(2024, 1, 31), Resolucion.DIARIA)
DOS_ANOS = Periodo(date(2023, 1, 1), date(2024, 12, 31), Resolucion.DIARIA)
RECHAZO = ErrorProveedor("rechazó la petición", estado=400)
CAIDO = ErrorProveedor("respondió 503", estado=503, reintentable=True)
TARDE = ErrorProveedor("no respondió a tiempo", reintentable=True, tarde=True)


def faltantes(datos: DatosClima | None) -> list[dict[str, Any]]:
    assert datos is not None
    faltan: list[dict[str, Any]] = datos.datos_completos["faltantes"]
    return faltan


def reintentar(proceso: Proceso, consulta_id: int) -> None:
    with proceso.sesiones.transaccion() as s:
        assert consultas.reintentar(s, consulta_id)
    proceso.procesar(consulta_id)


# --- what is told --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "pasajero"),
    [
        (Omitida("la instalación agotó sus llamadas", Causa.PRESUPUESTO), True),
        (Omitida("se le da un descanso", Causa.CIRCUITO), True),
        (Omitida("agotó la cuota de su clave", Causa.CUOTA), True),
        (CAIDO, True),
        (TARDE, True),
        (ErrorProveedor("límite diario", estado=429), True),
        (Omitida("solo cubre Colombia"), False),
        (RECHAZO, False),
    ],
)
@pytest.mark.parametrize("periodo", [None, ENERO])
def test_es_parcial_si_falta_algo_que_puede_llegar(
    con: Hacer, error: Exception, pasajero: bool, periodo: Periodo | None
) -> None:
    bueno = Doble(lambda p: dias(p) if p else [Medicion(temperatura=1.0)])
    proceso = con(openmeteo=bueno, ideam=falla(error))
    consulta_id = crear(proceso, periodo, max_edad_s=0)
    if periodo and isinstance(error, Omitida) and error.causa == Causa.PRESUPUESTO:
        envejecer(proceso, consulta_id, consultas.PACIENCIA_VENTANA_S)
    proceso.procesar(consulta_id)
    consulta, datos = fin(proceso, consulta_id)
    assert (consulta.estado, consulta.parcial) == (Estado.COMPLETADA, pasajero)
    entre = {"desde": "2024-01-01", "hasta": "2024-01-31"} if periodo else {}
    assert faltantes(datos) == [{"proveedor": "ideam", **entre, "motivo": str(error), "pasajero": pasajero}]
    assert consulta.faltan == {"total": 1, "pasajeros": int(pasajero), "proveedores": ["ideam"]}


def envejecer(proceso: Proceso, consulta_id: int, segundos: float) -> None:
    with proceso.sesiones.transaccion() as s:
        s.execute(update(Consulta).where(Consulta.id == consulta_id).values(creada_en=reloj(-segundos)))


def test_los_dias_que_faltan_se_dicen_por_tramos_seguidos(con: Hacer) -> None:
    def a_medias(p: Periodo | None) -> list[Medicion]:
        if p is not None and p.inicio >= date(2024, 1, 1):
            raise CAIDO
        return dias(p)

    proceso = con(openmeteo=Doble(dias), meteoblue=Doble(a_medias))
    consulta_id = crear(proceso, Periodo(date(2022, 1, 1), date(2025, 12, 31), Resolucion.DIARIA))
    proceso.procesar(consulta_id)
    (falta,) = faltantes(fin(proceso, consulta_id)[1])
    assert (falta["desde"], falta["hasta"]) == ("2024-01-03", "2025-12-31")  # its last two pieces


class EnParte(Doble):
    """Gives the temperature, and air quality only from the second time on."""

    def __init__(self) -> None:
        super().__init__(lambda _: [])
        self.pedidos: list[frozenset[str]] = []

    def _lectura(self, p: Peticion, mediciones: list[Medicion]) -> Lectura:
        self.pedidos.append(p.campos)
        perdidos = perder("calidad_aire", CAIDO) if len(self.pedidos) == 1 else {}
        return Lectura(mediciones, incompleta=bool(perdidos), perdidos=perdidos)

    def _medido(self, p: Peticion) -> dict[str, float]:
        aire = {"calidad_aire": 40.0} if self.pedidos and "calidad_aire" in p.campos else {}
        return aire | ({"temperatura": 20.0} if "temperatura" in p.campos else {})

    def tiempo_real(self, p: Peticion) -> Lectura:
        return self._lectura(p, [Medicion(**self._medido(p))])

    def historico(self, p: Peticion, periodo: Periodo) -> Lectura:
        medido = self._medido(p)
        return self._lectura(p, [Medicion(**medido, fecha=m.fecha, observado_en=m.observado_en) for m in dias(periodo)])


@pytest.mark.parametrize("periodo", [None, ENERO])
def test_de_quien_respondio_en_parte_se_piden_solo_los_campos_que_faltaron(con: Hacer, periodo: Periodo | None) -> None:
    medio = EnParte()
    proceso = con(openmeteo=medio)
    consulta_id = crear(proceso, periodo)
    proceso.procesar(consulta_id)
    consulta, datos = fin(proceso, consulta_id)
    (falta,) = faltantes(datos)
    assert (falta["campos"], falta["pasajero"], consulta.parcial) == (["calidad_aire"], True, True)
    assert datos is not None
    assert datos.datos_completos["fuentes"][0]["perdidos"] == {"calidad_aire": "respondió 503"}
    reintentar(proceso, consulta_id)
    consulta, datos = fin(proceso, consulta_id)
    assert medio.pedidos[1:] == [frozenset({"calidad_aire"})]
    assert (consulta.parcial, faltantes(datos)) == (False, [])
    assert datos is not None
    valores = datos.datos_completos["valores"]
    assert (valores["temperatura"], valores["calidad_aire"]) == (20, 40)
    assert "perdidos" not in datos.datos_completos["fuentes"][0]
    if periodo:
        assert {(f["temperatura"], f["calidad_aire"]) for f in filas(proceso, consulta_id)} == {(20, 40)}


@pytest.mark.parametrize("periodo", [None, ENERO])
def test_un_campo_que_ya_se_sabe_que_no_llegara_no_deja_la_respuesta_en_parte(
    con: Hacer, periodo: Periodo | None
) -> None:
    medio = EnParte()
    proceso = con(openmeteo=medio)
    consulta_id = crear(proceso, periodo)
    proceso.procesar(consulta_id)
    medio._lectura = falla_siempre  # type: ignore[method-assign, assignment]
    reintentar(proceso, consulta_id)
    consulta, datos = fin(proceso, consulta_id)
    assert (consulta.estado, consulta.parcial) == (Estado.COMPLETADA, False)
    assert datos is not None
    assert datos.datos_completos["valores"]["temperatura"] == 20


def falla_siempre(*_: object) -> Lectura:
    raise RECHAZO


# --- what is asked again -------------------------------------------------------------------------


@pytest.mark.parametrize("periodo", [None, DOS_ANOS])
def test_reintentar_pide_exactamente_lo_que_puede_llegar(con: Hacer, periodo: Periodo | None) -> None:
    roto = [True]

    def a_veces(p: Periodo | None) -> list[Medicion]:
        if roto[0] and (p is None or p.inicio.year == 2024):
            raise CAIDO
        return dias(p) if p else [Medicion(temperatura=24.0)]

    bueno = Doble(lambda p: dias(p) if p else [Medicion(temperatura=20.0)])
    flojo, nunca, rechaza = Doble(a_veces), falla(Omitida("solo cubre Colombia")), falla(RECHAZO)
    proceso = con(openmeteo=bueno, meteoblue=flojo, ideam=nunca, meteosource=rechaza)
    consulta_id = crear(proceso, periodo, max_edad_s=0)
    proceso.procesar(consulta_id)
    assert fin(proceso, consulta_id)[0].parcial
    veces = (bueno.veces, nunca.veces, rechaza.veces)
    assert flojo.veces == (2 if periodo else 1)
    roto[0] = False
    reintentar(proceso, consulta_id)
    consulta, datos = fin(proceso, consulta_id)
    assert (bueno.veces, nunca.veces, rechaza.veces) == veces
    assert flojo.veces == (3 if periodo else 2)
    assert (consulta.estado, consulta.parcial) == (Estado.COMPLETADA, False)
    assert {f["proveedor"] for f in faltantes(datos)} == {"ideam", "meteosource"}  # they are still told
    assert datos is not None
    estados = {f["proveedor"]: f["estado"] for f in datos.datos_completos["fuentes"]}
    assert (estados["ideam"], estados["meteosource"], estados["meteoblue"]) == ("omitida", "fallida", "usada")


def test_de_una_en_error_se_pregunta_otra_vez_a_todos(con: Hacer) -> None:
    """What was wrong may have been put right: a key that was saved since."""
    error = [Omitida("necesita una clave")]

    def segun(p: Periodo | None) -> list[Medicion]:
        if error:
            raise error[0]
        return dias(p)

    proceso = con(meteoblue=Doble(segun))
    consulta_id = crear(proceso, ENERO)
    proceso.procesar(consulta_id)
    assert fin(proceso, consulta_id)[0].codigo_error == CodigoError.SIN_PROVEEDORES
    error.clear()
    reintentar(proceso, consulta_id)
    assert fin(proceso, consulta_id)[0].estado == Estado.COMPLETADA


# --- how soon it gives up ------------------------------------------------------------------------


@pytest.mark.parametrize("periodo", [None, ENERO])
def test_un_rechazo_que_no_pasara_termina_a_la_primera_con_su_razon(con: Hacer, periodo: Periodo | None) -> None:
    proceso = con(openmeteo=falla(RECHAZO), ideam=falla(Omitida("solo cubre Colombia")))
    consulta_id = crear(proceso, periodo, max_edad_s=0)
    proceso.procesar(consulta_id)
    consulta, _ = fin(proceso, consulta_id)
    assert (consulta.estado, consulta.intentos) == (Estado.ERROR, 1)
    assert consulta.codigo_error == CodigoError.PROVEEDORES_FALLARON
    assert "Open-Meteo: rechazó la petición." in (consulta.mensaje_error or "")
    assert consulta.fuentes_fallidas == "openmeteo"


@pytest.mark.parametrize("error", [CAIDO, TARDE, ErrorProveedor("x", estado=429), ErrorProveedor("x", estado=408)])
def test_lo_que_puede_pasar_se_intenta_otra_vez(con: Hacer, error: ErrorProveedor) -> None:
    consulta, _ = ahora(con(openmeteo=falla(RECHAZO), ideam=falla(error)), max_edad_s=0)
    assert (consulta.estado, consulta.intentos) == (Estado.PENDIENTE, 1)


@pytest.mark.parametrize(("estado", "fin_de"), [(400, Estado.ERROR), (503, Estado.PENDIENTE)])
def test_un_rechazo_de_verdad_y_uno_pasajero_por_http(
    con: Hacer, settings: Settings, estado: int, fin_de: Estado
) -> None:
    with servir() as red:
        red.siempre({"error": True, "reason": "no"}, estado=estado)
        proceso = con(meteoblue=ConClave(red.base))
        guardar_clave(proceso, settings, 50)
        consulta, _ = ahora(proceso, max_edad_s=0)
    assert consulta.estado == fin_de


def test_el_fallo_que_se_comparte_lleva_si_puede_pasar(con: Hacer, settings: Settings) -> None:
    """Whoever waited for somebody else's call learns as much of its failure as that one."""
    from shared.almacen import abrir

    redis = abrir(settings)
    for error in (RECHAZO, CAIDO, TARDE):
        Compartidor(redis)._guardar("clave:fallo", b"", 1)
        with pytest.raises(ErrorProveedor):
            Compartidor(redis)._preguntar("clave", lambda e=error: (_ for _ in ()).throw(e))  # type: ignore[misc]
        with pytest.raises(ErrorProveedor) as visto:
            Compartidor(redis)._lanzar_fallo("clave")
        assert visto.value.causa == error.causa


def colgados(suelta: Event) -> dict[str, Doble]:
    def esperar(_: Periodo | None) -> list[Medicion]:
        suelta.wait(30)
        return [Medicion(temperatura=99.0)]

    return {"openmeteo": Doble(esperar), "siata": Doble(esperar)}


@pytest.mark.parametrize(("edad_s", "intentos"), [(0, 1), (5, 1)])
def test_si_todos_se_cuelgan_un_solo_plazo_y_tiempo_agotado(con: Hacer, edad_s: float, intentos: int) -> None:
    suelta = Event()
    proceso = con(0.3, **colgados(suelta))
    consulta_id = crear(proceso)
    envejecer(proceso, consulta_id, edad_s)
    proceso.procesar(consulta_id)
    suelta.set()
    consulta, _ = fin(proceso, consulta_id)
    assert (consulta.estado, consulta.codigo_error) == (Estado.ERROR, CodigoError.TIEMPO_AGOTADO)
    assert consulta.intentos == intentos
    assert "no respondió a tiempo" in (consulta.mensaje_error or "")


@pytest.mark.parametrize(("edad_s", "queda_s"), [(0, 20), (6, 14), (15, 10), (300, 10)])
def test_lo_que_queda_de_su_plazo_es_menos_cada_vez_y_nunca_menos_de_la_mitad(
    con: Hacer, monkeypatch: pytest.MonkeyPatch, edad_s: int, queda_s: int
) -> None:
    vistos: list[float] = []
    proceso = con(20, openmeteo=dice(temperatura=1.0))
    preguntar = proceso.preguntador.preguntar
    monkeypatch.setattr("worker.proceso.monotonic", lambda: 1000.0)

    def mirar(preguntas: Any) -> Any:
        vistos.extend(p.plazo - 1000 for p in preguntas.values())
        return preguntar({n: _sin_prisa(p) for n, p in preguntas.items()})

    monkeypatch.setattr(proceso.preguntador, "preguntar", mirar)
    consulta_id = crear(proceso)
    envejecer(proceso, consulta_id, edad_s)
    proceso.procesar(consulta_id)
    assert vistos == pytest.approx([queda_s], abs=1)


def _sin_prisa(pregunta: Any) -> Any:
    from dataclasses import replace
    from time import monotonic

    return replace(pregunta, plazo=monotonic() + 5)
