"""One consulta through the worker's own code: real database, real HTTP to the laboratory or to nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Event
from typing import Any

import pytest
import structlog
from flask.testing import FlaskClient
from sqlalchemy import select, update

from shared import archivo, consultas, respuestas, sitios
from shared.cifrado import Cifrador
from shared.clima import Lugar, Medicion, Parametro, Pedido, Periodo, Por, Proveedor, Resolucion, TipoConsulta
from shared.db import ahora as reloj
from shared.modelos import ApiKey, CodigoError, Consulta, DatosClima, Estado, Usuario
from shared.series import desempacar
from shared.settings import Settings
from tests.api.ayuda import entrar
from tests.proveedores.servidor import servir
from worker.proceso import Proceso
from worker.proveedores.cliente import Cliente, Lectura, Peticion
from worker.proveedores.http import Causa, ErrorProveedor, Omitida

LUGAR = Lugar(0.0, 0.0, nombre="Isla Nula", zona_horaria="Etc/UTC")
AYER = datetime.now(UTC).date() - timedelta(days=1)


class Doble:
    """A provider that does what the test says; its HTTP is not used."""

    atribucion = "doble"
    necesita_clave = False
    dias_por_tramo = 366
    asienta_dias = 10

    def __init__(self, hacer: Callable[[Periodo | None], list[Medicion]]) -> None:
        self._hacer = hacer
        self.veces = 0

    def tiempo_real(self, p: Peticion) -> Lectura:
        self.veces += 1
        return Lectura(self._hacer(None))

    def historico(self, p: Peticion, periodo: Periodo) -> Lectura:
        self.veces += 1
        return Lectura(self._hacer(periodo))


def dice(**valores: Any) -> Doble:
    return Doble(lambda _: [Medicion(**valores)])


def falla(error: Exception) -> Doble:
    def hacer(_: Periodo | None) -> list[Medicion]:
        raise error

    return Doble(hacer)


Hacer = Callable[..., Proceso]


@pytest.fixture
def con(settings: Settings, cliente: FlaskClient) -> Iterator[Hacer]:
    """The worker's own code on the test database; con(openmeteo=…) replaces the providers by those given."""
    entrar(cliente)
    hechos = []

    def hacer(plazo_s: float = 5, **dobles: Cliente) -> Proceso:
        ajustes = settings.model_copy(update={"plazo_tiempo_real_s": plazo_s})
        hechos.append(Proceso(ajustes, dobles or None))
        return hechos[-1]

    yield hacer
    for proceso in hechos:
        proceso.sesiones.motor.dispose()


def crear(proceso: Proceso, periodo: Periodo | None = None, **otros: Any) -> int:
    pedido = {
        "tipo": TipoConsulta.HISTORICO if periodo else TipoConsulta.TIEMPO_REAL,
        "ciudad": "Isla Nula",
        "lugar": LUGAR,
        "parametros": list(Parametro),
        "proveedores": None,
        "periodo": periodo,
        **otros,
    }
    with proceso.sesiones.transaccion() as s:
        usuario = s.scalars(select(Usuario.id)).one()
        return consultas.crear(s, usuario, Pedido(**pedido), max_activas=100)[0].id


def fin(proceso: Proceso, consulta_id: int) -> tuple[Consulta, DatosClima | None]:
    with proceso.sesiones.transaccion() as s:
        consulta = archivo.leer(s, consulta_id)
        assert consulta is not None
        return consulta, archivo.datos_de(s, consulta_id)


def ahora(proceso: Proceso, **otros: Any) -> tuple[Consulta, DatosClima | None]:
    consulta_id = crear(proceso, **otros)
    proceso.procesar(consulta_id)
    return fin(proceso, consulta_id)


def test_cero_grados_y_cero_milimetros_llegan_hasta_el_final(con: Hacer) -> None:
    proceso = con(openmeteo=dice(temperatura=0.0, precipitacion=0.0, velocidad_viento=0.0))
    consulta, datos = ahora(proceso)
    assert consulta.estado == Estado.COMPLETADA
    assert datos is not None
    valores = datos.datos_completos["valores"]
    assert (valores["temperatura"], valores["precipitacion"], valores["velocidad_viento"]) == (0, 0, 0)
    assert valores["humedad_relativa"] is None
    assert (datos.temperatura_promedio, datos.temperatura_min, datos.temperatura_max) == (0, 0, 0)


def test_varias_fuentes_se_combinan_y_cada_una_sale_con_su_estado(con: Hacer) -> None:
    proceso = con(
        openmeteo=dice(temperatura=20.0),
        meteoblue=dice(temperatura=22.0),
        ideam=falla(Omitida("fuera de su zona")),
        siata=falla(ErrorProveedor("no respondió a tiempo")),
    )
    consulta, datos = ahora(proceso)
    assert datos is not None
    assert consulta.parcial
    assert datos.temperatura_promedio == 21
    assert (datos.temperatura_min, datos.temperatura_max) == (20, 22)
    fuentes = {f["proveedor"]: f for f in datos.datos_completos["fuentes"]}
    estados = {p: f["estado"] for p, f in fuentes.items()}
    assert estados == {"openmeteo": "usada", "meteoblue": "usada", "ideam": "omitida", "siata": "fallida"}
    assert fuentes["ideam"]["motivo"] == "fuera de su zona"
    assert fuentes["openmeteo"]["valores"]["temperatura"] == 20
    assert sorted(datos.fuentes_utilizadas) == ["meteoblue", "openmeteo"]
    assert (consulta.fuentes_usadas, consulta.fuentes_fallidas) == ("meteoblue,openmeteo", "siata")


def test_si_todos_fallan_la_consulta_dice_quienes(con: Hacer) -> None:
    roto = falla(ErrorProveedor("respondió 500"))
    consulta, _ = ahora(con(siata=roto, openmeteo=roto, ideam=falla(Omitida("fuera de su zona"))), max_edad_s=0)
    assert (consulta.fuentes_usadas, consulta.fuentes_fallidas) == (None, "openmeteo,siata")


def test_quien_se_cuelga_no_retrasa_a_los_demas_mas_alla_del_plazo(con: Hacer) -> None:
    suelta = Event()

    def esperar(_: Periodo | None) -> list[Medicion]:
        suelta.wait(30)
        return [Medicion(temperatura=99)]

    proceso = con(0.3, openmeteo=dice(temperatura=20.0), siata=Doble(esperar))
    try:
        consulta, datos = ahora(proceso)
    finally:
        suelta.set()
    assert consulta.estado == Estado.COMPLETADA
    assert datos is not None
    assert datos.datos_completos["fuentes"][1]["motivo"] == "no respondió a tiempo"


def test_solo_se_pregunta_a_los_proveedores_pedidos(con: Hacer) -> None:
    otro = dice(temperatura=1.0)
    proceso = con(openmeteo=dice(temperatura=20.0), meteoblue=otro)
    ahora(proceso, proveedores=[Proveedor.OPENMETEO])
    assert otro.veces == 0


def test_lo_que_se_registra_al_preguntar_lleva_la_consulta(con: Hacer) -> None:
    """Providers are asked in threads of their own."""
    vistos = []

    def mirar(_: Periodo | None) -> list[Medicion]:
        vistos.append(structlog.contextvars.get_contextvars())
        return [Medicion(temperatura=1.0)]

    consulta, _ = ahora(con(openmeteo=Doble(mirar), meteoblue=Doble(mirar)))
    assert [v["consulta_id"] for v in vistos] == [consulta.id] * 2


def test_si_nadie_puede_ayudar_termina_en_sin_proveedores(con: Hacer) -> None:
    proceso = con(siata=falla(Omitida("fuera del valle de Aburrá")))
    consulta, _ = ahora(proceso)
    assert (consulta.estado, consulta.codigo_error) == (Estado.ERROR, CodigoError.SIN_PROVEEDORES)
    assert "SIATA: fuera del valle de Aburrá." in (consulta.mensaje_error or "")


@pytest.mark.parametrize(
    ("causa", "estado", "codigo"),
    [
        (Causa.CUOTA, Estado.ERROR, CodigoError.CUOTA_AGOTADA),
        (Causa.PERMANENTE, Estado.ERROR, CodigoError.SIN_PROVEEDORES),
        (Causa.PRESUPUESTO, Estado.PENDIENTE, None),
        (Causa.CIRCUITO, Estado.PENDIENTE, None),
    ],
)
def test_lo_que_pasara_se_espera_y_lo_que_no_termina(
    con: Hacer, causa: Causa, estado: Estado, codigo: CodigoError | None
) -> None:
    proceso = con(openmeteo=falla(Omitida("no puede", causa)))
    consulta, _ = ahora(proceso)
    assert (consulta.estado, consulta.codigo_error) == (estado, codigo)
    assert consulta.intentos == (1 if codigo else 0)  # what is only put off costs no attempt


def test_reintentar_lo_parcial_pregunta_solo_a_quien_fallo(con: Hacer) -> None:
    roto = [True]

    def a_veces(_: Periodo | None) -> list[Medicion]:
        if roto[0]:
            raise ErrorProveedor("respondió 400")
        return [Medicion(temperatura=24.0)]

    bueno, flojo = dice(temperatura=20.0), Doble(a_veces)
    proceso = con(openmeteo=bueno, meteoblue=flojo)
    consulta, _ = ahora(proceso, max_edad_s=0)
    assert consulta.parcial
    roto[0] = False
    with proceso.sesiones.transaccion() as s:
        assert consultas.reintentar(s, consulta.id)
    proceso.procesar(consulta.id)
    consulta, datos = fin(proceso, consulta.id)
    assert (bueno.veces, flojo.veces) == (1, 2)
    assert not consulta.parcial
    assert datos is not None
    assert datos.temperatura_promedio == 22


def test_cancelada_a_medias_no_se_completa(con: Hacer) -> None:
    proceso = con()
    consulta_id = crear(proceso)

    def cancelar(_: Periodo | None) -> list[Medicion]:
        with proceso.sesiones.transaccion() as s:
            assert consultas.cancelar(s, consulta_id)
        return [Medicion(temperatura=1.0)]

    otro = con(openmeteo=Doble(cancelar))
    otro.procesar(consulta_id)
    consulta, datos = fin(proceso, consulta_id)
    assert (consulta.codigo_error, datos) == (CodigoError.CANCELADA, None)


def test_al_parar_un_historico_se_devuelve_para_que_siga_otro(con: Hacer) -> None:
    doble = Doble(dias)
    proceso = con(openmeteo=doble)
    consulta_id = crear(proceso, Periodo(date(2024, 1, 1), date(2025, 12, 31), Resolucion.DIARIA))
    proceso.parar()
    proceso.procesar(consulta_id)
    consulta, _ = fin(proceso, consulta_id)
    assert (consulta.estado, consulta.intentos, doble.veces) == (Estado.PENDIENTE, 0, 0)


def test_si_todos_fallan_se_intenta_otra_vez_mas_tarde(con: Hacer) -> None:
    proceso = con(openmeteo=falla(ErrorProveedor("respondió 503", reintentable=True)))
    consulta, _ = ahora(proceso)
    assert (consulta.estado, consulta.intentos) == (Estado.PENDIENTE, 1)


@pytest.mark.parametrize("error", [KeyError("temp"), TypeError("x"), ZeroDivisionError()])
def test_un_cuerpo_que_nadie_entiende_es_una_fuente_fallida(con: Hacer, error: Exception) -> None:
    proceso = con(openmeteo=dice(temperatura=1.0), ideam=falla(error))
    consulta, datos = ahora(proceso)
    assert consulta.estado == Estado.COMPLETADA
    assert datos is not None
    assert datos.datos_completos["fuentes"][0]["estado"] == "fallida"


def test_quien_no_reporta_nada_no_se_usa(con: Hacer) -> None:
    proceso = con(openmeteo=dice(temperatura=1.0), ideam=dice())
    _, datos = ahora(proceso)
    assert datos is not None
    assert datos.fuentes_utilizadas == ["openmeteo"]


def test_una_ciudad_que_no_existe_se_dice(con: Hacer) -> None:
    consulta, _ = ahora(con(20), ciudad="Xyzzyx", lugar=None)  # the laboratory reads its gazetteer the first time
    assert "Xyzzyx" in (consulta.mensaje_error or "")
    assert (consulta.estado, consulta.codigo_error) == (Estado.ERROR, CodigoError.CIUDAD_DESCONOCIDA)
    assert (consulta.intentos, sitios.visible(consulta)) == (1, None)


def test_el_lugar_que_halla_el_geocodificador_queda_guardado_con_su_altura(con: Hacer) -> None:
    proceso = con(20, openmeteo=falla(ErrorProveedor("no respondió a tiempo")))
    consulta, _ = ahora(proceso, ciudad="Quito", lugar=None)
    assert consulta.estado == Estado.PENDIENTE  # the place is known all the same, and not looked up again
    hallado = sitios.visible(consulta)
    assert hallado is not None
    assert (hallado.por, hallado.lugar.nombre, hallado.lugar.pais) == (Por.GEOCODIFICADOR, "Quito", "EC")
    assert hallado.lugar.altura_m is not None
    with proceso.sesiones.transaccion() as s:
        s.execute(update(Consulta).values(disponible_en=consulta.creada_en))
        encargo = consultas.tomar(s, consulta.id)
    assert encargo is not None
    assert encargo.pedido.lugar == hallado.lugar


def fuentes_de(datos: DatosClima | None) -> dict[str, dict[str, Any]]:
    assert datos is not None
    return {f["proveedor"]: f for f in datos.datos_completos["fuentes"]}


def test_una_minima_sobre_su_maxima_pierde_las_dos_y_lo_dice(con: Hacer) -> None:
    al_reves = {"temperatura": 20.0, "temperatura_min": 25.0, "temperatura_max": 15.0}
    _, datos = ahora(con(openweather=dice(**al_reves)))
    suya = fuentes_de(datos)["openweather"]
    assert datos is not None
    assert (datos.temperatura_min, datos.temperatura_promedio, datos.temperatura_max) == (20, 20, 20)
    assert (suya["valores"]["temperatura_min"], suya["valores"]["temperatura_max"]) == (None, None)
    proceso = con(openweather=Doble(lambda p: [replace(m, **al_reves) for m in dias(p)]))
    consulta_id = crear(proceso, Periodo(date(2024, 1, 1), date(2024, 1, 2), Resolucion.DIARIA))
    proceso.procesar(consulta_id)
    _, datos = fin(proceso, consulta_id)
    descartes = fuentes_de(datos)["openweather"]["descartes"]
    assert set(descartes) == {"temperatura_min", "temperatura_max"}
    assert "2 valores: mínima 25 °C y máxima 15 °C están al revés" in descartes["temperatura_min"]
    assert [(f["temperatura"], f["temperatura_min"]) for f in filas(proceso, consulta_id)] == [(20, None), (20, None)]


def test_los_numeros_de_las_fuentes_no_llevan_ruido(con: Hacer) -> None:
    ruido = dice(temperatura=0.1 + 0.2, velocidad_viento=10 / 3, extras={"algo": {"hondo": [0.1 + 0.2]}})
    _, datos = ahora(con(openmeteo=ruido))
    suya = fuentes_de(datos)["openmeteo"]
    assert (suya["valores"]["temperatura"], suya["valores"]["velocidad_viento"]) == (0.3, 3.3333)
    assert suya["extras"] == {"algo": {"hondo": [0.3]}}


def test_lo_que_no_se_puede_comparar_queda_aparte_con_su_motivo(con: Hacer) -> None:
    aparte = {"extras": {"precipitacion_15min_mm": 0.3}, "incomparables": {"precipitacion": "es de 15 minutos"}}
    proceso = con(openmeteo=dice(temperatura=20.0, **aparte), meteoblue=dice(temperatura=20.0, precipitacion=1.0))
    _, datos = ahora(proceso)
    suya = fuentes_de(datos)["openmeteo"]
    assert datos is not None
    assert datos.precipitacion == 1
    assert (suya["estado"], suya["descartes"]) == ("usada", {"precipitacion": "es de 15 minutos"})
    assert suya["extras"] == {"precipitacion_15min_mm": 0.3}
    with structlog.testing.capture_logs() as dicho:
        _, datos = ahora(con(openmeteo=dice(**aparte)), parametros=[Parametro.PRECIPITACION])
    assert datos is None
    assert "no dio ningún valor que se pueda comparar" in next(d["motivo"] for d in dicho if "motivo" in d)


def test_una_visibilidad_de_tope_lo_sigue_diciendo_al_reintentar(con: Hacer) -> None:
    caido = [True]

    def a_veces(_: Periodo | None) -> list[Medicion]:
        if caido[0]:
            raise ErrorProveedor("respondió 503", reintentable=True)
        return [Medicion(visibilidad=6000.0)]

    tope = dice(visibilidad=10000.0, visibilidad_tope=True)
    proceso = con(openweather=tope, openmeteo=Doble(a_veces))
    consulta_id = crear(proceso, parametros=[Parametro.VISIBILIDAD])
    proceso.procesar(consulta_id)
    _, datos = fin(proceso, consulta_id)
    assert datos is not None
    assert (datos.visibilidad, datos.datos_completos["dispersion"]["visibilidad"]["al_menos"]) == (10000, True)
    assert fuentes_de(datos)["openweather"]["al_menos"] == ["visibilidad"]
    caido[0] = False
    with proceso.sesiones.transaccion() as s:
        assert consultas.reintentar(s, consulta_id)
    proceso.procesar(consulta_id)
    _, datos = fin(proceso, consulta_id)
    assert datos is not None
    assert (datos.visibilidad, datos.datos_completos["dispersion"]["visibilidad"]["al_menos"]) == (8000, True)
    assert tope.veces == 1


# --- historico -------------------------------------------------------------------------------


def dias(periodo: Periodo | None, salvo: tuple[date, ...] = ()) -> list[Medicion]:
    assert periodo is not None
    todos = [periodo.inicio + timedelta(days=n) for n in range(periodo.dias)]
    return [_dia(d) for d in todos if d not in salvo]


def _dia(d: date) -> Medicion:
    instante = datetime(d.year, d.month, d.day, tzinfo=UTC)
    return Medicion(temperatura=float(d.day), precipitacion=1.0, fecha=d, observado_en=instante)


def filas(proceso: Proceso, consulta_id: int) -> list[dict[str, Any]]:
    todas: list[dict[str, Any]] = []
    n = 0
    while True:
        with proceso.sesiones.transaccion() as s:
            hallado = respuestas.tramo(s, consulta_id, n)
        if hallado is None:
            return todas
        todas += desempacar(hallado[1])
        n = hallado[0] + 1


def test_un_historico_tiene_una_fila_por_dia_y_null_donde_nadie_reporto(
    con: Hacer,
) -> None:
    periodo = Periodo(date(2025, 12, 30), date(2026, 1, 4), Resolucion.DIARIA)
    proceso = con(openmeteo=Doble(lambda p: dias(p, salvo=(date(2026, 1, 1),))))
    consulta_id = crear(proceso, periodo)
    proceso.procesar(consulta_id)
    hechas = filas(proceso, consulta_id)
    assert [f["fecha"] for f in hechas] == [str(date(2025, 12, 30) + timedelta(days=n)) for n in range(6)]
    assert [f["temperatura"] for f in hechas] == [30, 31, None, 2, 3, 4]
    _, datos = fin(proceso, consulta_id)
    assert datos is not None
    assert datos.precipitacion == 5  # the total of the five days that were reported
    assert datos.datos_completos["dispersion"]["temperatura"]["cobertura"] == pytest.approx(5 / 6, abs=0.001)


def test_unos_dias_que_acaban_hoy_se_completan_sin_hoy_y_lo_dicen(con: Hacer) -> None:
    hoy = datetime.now(UTC).date()
    dicho = Doble(dias)  # also of today, as a forecast would
    proceso = con(openmeteo=dicho)
    consulta_id = crear(proceso, Periodo(hoy - timedelta(days=2), hoy, Resolucion.DIARIA))
    proceso.procesar(consulta_id)
    consulta, _ = fin(proceso, consulta_id)
    assert (consulta.estado, consulta.parcial) == (Estado.COMPLETADA, False)
    assert [f["fecha"] for f in filas(proceso, consulta_id)] == [str(hoy - timedelta(days=n)) for n in (2, 1)]
    assert (consulta.fecha_fin, len(consulta.avisos)) == (hoy, 1)
    assert str(hoy) in consulta.avisos[0]


def test_hoy_solo_de_un_lugar_que_no_se_conocia_termina_y_lo_dice(con: Hacer) -> None:
    """The API could not tell what day it was there."""
    hoy = datetime.now(UTC).date()
    doble = Doble(dias)
    proceso = con(openmeteo=doble)
    consulta_id = crear(proceso, Periodo(hoy, hoy, Resolucion.DIARIA))
    proceso.procesar(consulta_id)
    consulta, _ = fin(proceso, consulta_id)
    assert (consulta.estado, consulta.codigo_error) == (Estado.ERROR, CodigoError.SIN_PROVEEDORES)
    assert "pida resolución horaria" in (consulta.mensaje_error or "")
    assert doble.veces == 0


def test_diez_anos_van_por_tramos_y_un_segundo_intento_solo_pide_lo_que_falta(
    con: Hacer,
) -> None:
    periodo = Periodo(date(2016, 1, 1), date(2025, 12, 31), Resolucion.DIARIA)
    roto = [True]

    def a_medias(p: Periodo | None) -> list[Medicion]:
        if p is not None and p.inicio.year >= 2020 and roto[0]:
            raise ErrorProveedor("respondió 503", reintentable=True)
        return dias(p)

    doble = Doble(a_medias)
    proceso = con(openmeteo=doble)
    consulta_id = crear(proceso, periodo)
    proceso.procesar(consulta_id)
    consulta, _ = fin(proceso, consulta_id)
    assert consulta.estado == Estado.PENDIENTE
    assert consulta.progreso > 0
    antes = doble.veces
    roto[0] = False
    _ya(proceso, consulta_id)
    proceso.procesar(consulta_id)
    consulta, datos = fin(proceso, consulta_id)
    assert consulta.estado == Estado.COMPLETADA
    assert doble.veces - antes == 11 - antes  # ten pieces, and the one that had failed once more
    assert len(filas(proceso, consulta_id)) == periodo.dias == 3653
    assert datos is not None


def test_un_proveedor_de_tramos_pequenos_no_hace_pagar_a_los_demas(con: Hacer) -> None:
    periodo = Periodo(date(2023, 1, 1), date(2024, 12, 31), Resolucion.DIARIA)
    ancho, mensual, entero = Doble(dias), Doble(dias), Doble(dias)
    mensual.dias_por_tramo = 31
    entero.dias_por_tramo = None  # type: ignore[assignment]
    proceso = con(openmeteo=ancho, ideam=mensual, meteoblue=entero)
    consulta_id = crear(proceso, periodo)
    proceso.procesar(consulta_id)
    assert (ancho.veces, mensual.veces, entero.veces) == (2, 24, 1)
    assert [f["fuentes"] for f in filas(proceso, consulta_id)] == [3] * 731


def test_lo_que_nadie_mas_dijo_se_vuelve_a_intentar_y_lo_demas_no_se_pierde(con: Hacer) -> None:
    """Another source with a few days does not make an answer of them."""
    periodo = Periodo(date(2023, 1, 1), date(2024, 12, 31), Resolucion.DIARIA)
    roto = [True]

    def a_medias(p: Periodo | None) -> list[Medicion]:
        if roto[0]:
            raise ErrorProveedor("respondió 503", reintentable=True)
        return dias(p)

    pocos = Doble(lambda p: [m for m in dias(p) if m.fecha and m.fecha > date(2024, 12, 27)])
    pocos.dias_por_tramo = None  # type: ignore[assignment]
    proceso = con(openmeteo=Doble(a_medias), meteoblue=pocos)
    consulta_id = crear(proceso, periodo)
    proceso.procesar(consulta_id)
    assert fin(proceso, consulta_id)[0].estado == Estado.PENDIENTE
    roto[0] = False
    _ya(proceso, consulta_id)
    proceso.procesar(consulta_id)
    consulta, _ = fin(proceso, consulta_id)
    assert (consulta.estado, consulta.parcial, pocos.veces) == (Estado.COMPLETADA, False, 1)


def test_las_respuestas_se_van_al_completar_salvo_que_sea_en_parte(con: Hacer) -> None:
    def guardadas(proceso: Proceso, consulta_id: int) -> set[str]:
        with proceso.sesiones.transaccion() as s:
            return set(respuestas.hechos(s, consulta_id, Resolucion.DIARIA))

    periodo = Periodo(date(2024, 1, 1), date(2024, 1, 3), Resolucion.DIARIA)
    roto = falla(ErrorProveedor("respondió 503"))
    proceso = con(openmeteo=Doble(dias), meteoblue=roto)
    en_parte = crear(proceso, periodo)
    proceso.procesar(en_parte)
    assert fin(proceso, en_parte)[0].parcial
    assert guardadas(proceso, en_parte) == {"openmeteo"}
    entera = crear(proceso, periodo, proveedores=[Proveedor.OPENMETEO])
    proceso.procesar(entera)
    assert guardadas(proceso, entera) == set()
    assert len(filas(proceso, entera)) == 3


def test_un_pasado_sin_datos_termina_y_no_se_intenta_otra_vez(con: Hacer) -> None:
    doble = Doble(lambda p: [Medicion(fecha=m.fecha, observado_en=m.observado_en) for m in dias(p)])
    proceso = con(openmeteo=doble)
    consulta_id = crear(proceso, Periodo(date(2024, 1, 1), date(2024, 1, 3), Resolucion.DIARIA))
    proceso.procesar(consulta_id)
    consulta, _ = fin(proceso, consulta_id)
    assert (consulta.estado, consulta.codigo_error) == (Estado.ERROR, CodigoError.PROVEEDORES_FALLARON)
    assert "no reportó ningún dato" in (consulta.mensaje_error or "")


def test_si_uno_falla_a_medias_la_respuesta_es_parcial_y_lo_dice(con: Hacer) -> None:
    periodo = Periodo(date(2024, 1, 1), date(2025, 12, 31), Resolucion.DIARIA)

    def a_medias(p: Periodo | None) -> list[Medicion]:
        if p is not None and p.inicio > date(2024, 6, 1):
            raise ErrorProveedor("no respondió a tiempo")
        return dias(p)

    proceso = con(openmeteo=Doble(dias), meteoblue=Doble(a_medias))
    consulta_id = crear(proceso, periodo)
    proceso.procesar(consulta_id)
    consulta, datos = fin(proceso, consulta_id)
    assert consulta.parcial
    assert datos is not None
    fuentes = {f["proveedor"]: f for f in datos.datos_completos["fuentes"]}
    assert fuentes["meteoblue"]["motivo"] == "cubre 366 de 731 fechas: no respondió a tiempo"


def _ya(proceso: Proceso, consulta_id: int) -> None:
    with proceso.sesiones.transaccion() as s:
        s.execute(update(Consulta).where(Consulta.id == consulta_id).values(disponible_en=reloj(-1)))


# --- whose key pays --------------------------------------------------------------------------


class ConClave:
    """A provider that needs a key, over real HTTP."""

    atribucion = "con clave"
    necesita_clave = True
    dias_por_tramo = 366
    asienta_dias = 10

    def __init__(self, url: str) -> None:
        self._url = url

    def tiempo_real(self, p: Peticion) -> Lectura:
        assert p.clave is not None
        cuerpo = p.http.json(self._url, cabeceras={"X-API-Key": p.clave.clave})
        return Lectura([Medicion(temperatura=cuerpo["t"])])

    def historico(self, p: Peticion, periodo: Periodo) -> Lectura:
        raise Omitida("no tiene historia")


def guardar_clave(proceso: Proceso, settings: Settings, limite: int) -> int:
    with proceso.sesiones.transaccion() as s:
        clave = ApiKey(
            usuario_id=s.scalars(select(Usuario.id)).one(),
            proveedor="meteoblue",
            api_key_encrypted=Cifrador(settings).cifrar("la-mia"),
            limite_consultas_diarias=limite,
        )
        s.add(clave)
        s.flush()
        return clave.id


def leer_clave(proceso: Proceso, clave_id: int) -> ApiKey:
    with proceso.sesiones.transaccion() as s:
        return s.get_one(ApiKey, clave_id)


def test_sin_clave_se_omite_y_con_la_propia_se_usa(con: Hacer, settings: Settings) -> None:
    with servir() as red:
        red.siempre({"t": 7.0})
        proceso = con(meteoblue=ConClave(red.base), openmeteo=dice(temperatura=7.0))
        _, datos = ahora(proceso, max_edad_s=0)
        assert datos is not None
        assert datos.datos_completos["fuentes"][0]["estado"] == "omitida"
        clave_id = guardar_clave(proceso, settings, 5)
        _, datos = ahora(proceso, max_edad_s=0)
    assert datos is not None
    assert datos.fuentes_utilizadas == ["meteoblue", "openmeteo"]
    assert red.pedidas[0].cabeceras["X-API-Key"] == "la-mia"
    assert leer_clave(proceso, clave_id).consultas_realizadas == 1


def test_cada_llamada_gasta_cuota_y_los_reintentos_tambien(con: Hacer, settings: Settings) -> None:
    with servir() as red:
        red.siempre({}, estado=503)
        proceso = con(meteoblue=ConClave(red.base), openmeteo=dice(temperatura=7.0))
        clave_id = guardar_clave(proceso, settings, 2)
        _, datos = ahora(proceso, max_edad_s=0)
    assert len(red.pedidas) == leer_clave(proceso, clave_id).consultas_realizadas == 2  # of the three it would try
    assert datos is not None
    assert "cuota diaria" in datos.datos_completos["fuentes"][0]["motivo"]


@pytest.mark.parametrize("estado", [401, 403])
def test_una_clave_rechazada_no_se_usa_mas_y_se_dice(con: Hacer, settings: Settings, estado: int) -> None:
    with servir() as red:
        red.siempre({"message": "bad key"}, estado=estado)
        proceso = con(meteoblue=ConClave(red.base), openmeteo=dice(temperatura=7.0))
        clave_id = guardar_clave(proceso, settings, 5)
        _, datos = ahora(proceso, max_edad_s=0)
        ahora(proceso, max_edad_s=0)
    assert len(red.pedidas) == 1
    assert leer_clave(proceso, clave_id).rechazada_en is not None
    assert datos is not None
    assert "rechazó su clave" in datos.datos_completos["fuentes"][0]["motivo"]
