"""Past days are shared by the consultas of a cell: what is settled is not asked for again, and nothing is mixed up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import Engine, delete, select

from shared import pasado
from shared.clima import Lugar, Medicion, Parametro, Periodo, Resolucion
from shared.db import Sesiones
from shared.modelos import Estado, Pasado
from shared.series import desempacar, empacar
from shared.settings import Settings
from tests.api.ayuda import entrar
from tests.worker.test_proceso import LUGAR, Doble, crear, filas, fin, guardar_clave
from worker.proceso import Proceso
from worker.proveedores.cliente import Cliente, Lectura, Peticion
from worker.proveedores.http import ErrorProveedor

HOY = datetime.now(UTC).date()
Hacer = Callable[..., Proceso]
SIN_REDIS = {"redis_url": SecretStr("redis://127.0.0.1:9/0")}


class Archivo(Doble):
    """An archive that always says the same of a day: of one in seven nothing, and one in eleven it leaves out.

    version: added to every temperature, to tell what was said when. estacion: who measures a day.
    """

    def __init__(self, dias_por_tramo: int | None = 100, version: float = 0.0) -> None:
        super().__init__(lambda _: [])
        self.dias_por_tramo = dias_por_tramo  # type: ignore[assignment]
        self.version = version
        self.pedidos: list[Periodo] = []
        self.estacion: Callable[[Periodo], str | None] = lambda _: None
        self.incompleta = False

    def historico(self, p: Peticion, periodo: Periodo) -> Lectura:
        self.pedidos.append(periodo)
        horas = 24 if periodo.resolucion == Resolucion.HORARIA else 1
        dias = [periodo.inicio + timedelta(n) for n in range(periodo.dias)]
        medidas = [self._medida(d, h) for d in dias if d.toordinal() % 11 for h in range(horas)]
        return Lectura(medidas, altura_m=12.0, estacion=self.estacion(periodo), incompleta=self.incompleta)

    def _medida(self, d: date, hora: int) -> Medicion:
        n = d.toordinal()
        valores = {} if n % 7 == 0 else {"temperatura": n % 30 + hora / 10 + self.version, "precipitacion": n % 5 / 2}
        return Medicion(**valores, fecha=d, observado_en=datetime(d.year, d.month, d.day, hora, tzinfo=UTC))


@pytest.fixture
def con(settings: Settings, cliente: FlaskClient) -> Iterator[Hacer]:
    entrar(cliente)
    hechos = []

    def hacer(ajustes: dict[str, Any] | None = None, **dobles: Cliente) -> Proceso:
        # made anew: a copy would keep the URLs that were worked out for the first
        hechos.append(Proceso(Settings(**{**settings.model_dump(), **(ajustes or {})}), dobles))
        return hechos[-1]

    yield hacer
    for proceso in hechos:
        proceso.sesiones.motor.dispose()


@pytest.fixture(autouse=True)
def _sin_cache_de_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Redis would share for a minute is not what is tested here."""
    monkeypatch.setattr("worker.preguntar.EDAD_POR_DEFECTO_S", 0)


def dias_de(inicio: date, fin_: date, resolucion: Resolucion = Resolucion.DIARIA) -> Periodo:
    return Periodo(inicio, fin_, resolucion)


def hecho(proceso: Proceso, periodo: Periodo, **otros: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Its rows, and its sources by name."""
    consulta_id = crear(proceso, periodo, **otros)
    proceso.procesar(consulta_id)
    consulta, datos = fin(proceso, consulta_id)
    assert consulta.estado == Estado.COMPLETADA, consulta.mensaje_error
    assert datos is not None
    return filas(proceso, consulta_id), {f["proveedor"]: f for f in datos.datos_completos["fuentes"]}


def olvidar(proceso: Proceso) -> None:
    with proceso.sesiones.transaccion() as s:
        s.execute(delete(Pasado))


ANO = dias_de(date(2024, 1, 1), date(2024, 12, 31))
ENTEROS = dias_de(date(2024, 1, 8), date(2024, 1, 13))  # of which the archive leaves out none


def test_lo_que_ya_se_dijo_no_se_pregunta_otra_vez(con: Hacer) -> None:
    archivo = Archivo(None)
    proceso = con(openmeteo=archivo)
    primera, _ = hecho(proceso, ANO)
    archivo.pedidos.clear()
    segunda, _ = hecho(proceso, dias_de(date(2024, 3, 1), date(2024, 3, 31)))
    assert segunda == [f for f in primera if f["fecha"][:7] == "2024-03"]
    faltaban = [d for d in range(date(2024, 3, 1).toordinal(), date(2024, 4, 1).toordinal()) if d % 11 == 0]
    assert [(p.inicio.toordinal(), p.fin.toordinal()) for p in archivo.pedidos] == [(faltaban[0], faltaban[-1])]


def test_una_consulta_mas_ancha_solo_pregunta_por_lo_que_no_se_sabe(con: Hacer) -> None:
    archivo = Archivo(None)
    proceso = con(openmeteo=archivo)
    hecho(proceso, ENTEROS)
    hecho(proceso, dias_de(date(2024, 1, 8), date(2024, 1, 17)))
    assert archivo.pedidos[1:] == [dias_de(date(2024, 1, 14), date(2024, 1, 17))]


@pytest.mark.parametrize("resolucion", list(Resolucion))
def test_con_solapes_al_azar_la_serie_es_la_misma_que_sin_compartir(con: Hacer, resolucion: Resolucion) -> None:
    azar, sin, otra = Random(6), Archivo(), Archivo(31)
    entre, hasta = (500, 130) if resolucion == Resolucion.DIARIA else (250, 65)  # of both, more than one piece
    proceso = con(openmeteo=sin, ideam=otra)
    for vuelta in range(14):
        inicio = date(2023, 1, 1) + timedelta(azar.randrange(entre))
        periodo = dias_de(inicio, inicio + timedelta(azar.randrange(1, hasta)), resolucion)
        sin.pedidos.clear()
        otra.pedidos.clear()
        compartida, fuentes = hecho(proceso, periodo)
        con_cache = len(sin.pedidos), len(otra.pedidos)
        sin.pedidos.clear()
        otra.pedidos.clear()
        entera, sin_compartir = hecho(proceso, periodo, max_edad_s=0)
        assert compartida == entera, (vuelta, periodo)
        assert all(a <= b for a, b in zip(con_cache, (len(sin.pedidos), len(otra.pedidos)), strict=True))
        for nombre, fuente in fuentes.items():
            assert {**fuente, **_de_ahora(sin_compartir[nombre])} == {**sin_compartir[nombre], **_extras(fuente)}


def _de_ahora(fuente: dict[str, Any]) -> dict[str, Any]:
    return {c: fuente[c] for c in ("consultado_en", "desde_cache", "latencia_ms")}


def _extras(fuente: dict[str, Any]) -> dict[str, Any]:
    return {c: fuente[c] for c in ("extras",) if c in fuente}


def test_los_dias_recientes_se_preguntan_siempre(con: Hacer) -> None:
    archivo = Archivo(None)
    proceso = con(openmeteo=archivo)
    periodo = dias_de(HOY - timedelta(40), HOY - timedelta(1))
    hecho(proceso, periodo)
    hecho(proceso, periodo)
    (otra_vez,) = archivo.pedidos[1:]
    assert otra_vez.fin == HOY - timedelta(1)
    assert otra_vez.inicio <= HOY - timedelta(archivo.asienta_dias)


def test_lo_que_se_dijo_demasiado_pronto_no_cuenta_aunque_ya_sea_viejo(con: Hacer) -> None:
    archivo = Archivo(None)
    archivo.asienta_dias = 40_000
    proceso = con(openmeteo=archivo)
    hecho(proceso, ENTEROS)
    archivo.asienta_dias = 10
    hecho(proceso, ENTEROS)
    assert len(archivo.pedidos) == 2


def test_la_fuente_dice_que_parte_es_de_la_cache_y_desde_cuando(con: Hacer) -> None:
    proceso = con(openmeteo=Archivo(None))
    _, antes = hecho(proceso, ENTEROS)
    assert antes["openmeteo"]["desde_cache"] is False
    _ponerle_fecha(proceso, "2025-05-05T05:05:05Z")
    _, ahora = hecho(proceso, dias_de(date(2024, 1, 8), date(2024, 1, 17)))
    assert ahora["openmeteo"]["desde_cache"] is True
    assert ahora["openmeteo"]["consultado_en"] == "2025-05-05T05:05:05Z"  # the oldest of what it is made of
    assert ahora["openmeteo"]["extras"]["de_cache"] == "6 de 10 fechas"


def _ponerle_fecha(proceso: Proceso, dicho_en: str) -> None:
    with proceso.sesiones.transaccion() as s:
        for hoja in s.scalars(select(Pasado)):
            hoja.datos = empacar([{**f, "dicho_en": dicho_en} for f in desempacar(hoja.datos)])


def test_se_respeta_la_edad_maxima(con: Hacer) -> None:
    archivo = Archivo(None)
    proceso = con(SIN_REDIS, openmeteo=archivo)  # which would answer by itself for an hour
    hecho(proceso, ENTEROS)
    hecho(proceso, ENTEROS, max_edad_s=3600)
    assert len(archivo.pedidos) == 1
    _ponerle_fecha(proceso, f"{datetime.now(UTC) - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}")
    hecho(proceso, ENTEROS, max_edad_s=3600)
    assert len(archivo.pedidos) == 2
    hecho(proceso, ENTEROS, max_edad_s=0)
    assert len(archivo.pedidos) == 3


def test_lo_que_se_dice_despues_corrige_lo_de_antes(con: Hacer) -> None:
    archivo = Archivo(None)
    proceso = con(openmeteo=archivo)
    hecho(proceso, ENTEROS)
    _ponerle_fecha(proceso, "2025-05-05T05:05:05Z")
    archivo.version = 1.0
    corregida, _ = hecho(proceso, ENTEROS, max_edad_s=0)
    compartida, fuentes = hecho(proceso, ENTEROS)
    assert compartida == corregida
    assert fuentes["openmeteo"]["consultado_en"] > "2025-05-05T05:05:05Z"


def test_dos_estaciones_no_se_hacen_pasar_por_una(con: Hacer) -> None:
    archivo = Archivo(None)
    archivo.estacion = lambda p: "La 30" if p.inicio.month == 1 else "La 70"
    proceso = con(ideam=archivo)
    hecho(proceso, ENTEROS)
    hecho(proceso, dias_de(date(2024, 2, 10), date(2024, 2, 12)))
    archivo.pedidos.clear()
    _, enero = hecho(proceso, ENTEROS)
    assert (enero["ideam"]["estacion"], archivo.pedidos) == ("La 30", [])
    _, febrero = hecho(proceso, dias_de(date(2024, 2, 10), date(2024, 2, 11)))
    assert (febrero["ideam"]["estacion"], archivo.pedidos) == ("La 70", [])
    archivo.estacion = lambda _: "La 99"
    _, ambas = hecho(proceso, dias_de(date(2024, 1, 12), date(2024, 2, 11)))
    assert ambas["ideam"]["estacion"] == "La 99"  # it gave the most
    assert ambas["ideam"]["extras"]["estaciones"] == {"La 30": 2, "La 70": 2, "La 99": 24}


@pytest.mark.parametrize(
    "cambio",
    [
        {"parametros": [Parametro.TEMPERATURA]},
        {"lugar": replace(LUGAR, latitud=0.02)},
        {"lugar": replace(LUGAR, zona_horaria="America/Bogota")},
    ],
)
def test_otra_pregunta_no_se_responde_con_esta(con: Hacer, cambio: dict[str, Any]) -> None:
    archivo = Archivo(None)
    proceso = con(openmeteo=archivo)
    hecho(proceso, ENTEROS)
    hecho(proceso, ENTEROS, **cambio)
    assert len(archivo.pedidos) == 2


def test_un_punto_de_la_misma_celda_si_se_comparte(con: Hacer) -> None:
    archivo = Archivo(None)
    proceso = con(openmeteo=archivo)
    hecho(proceso, ENTEROS)
    hecho(proceso, ENTEROS, lugar=Lugar(0.004, 0.004, zona_horaria="Etc/UTC"))
    assert len(archivo.pedidos) == 1


def test_lo_del_laboratorio_y_lo_de_verdad_no_se_mezclan(con: Hacer) -> None:
    """Who is asked is known by the addresses in the settings."""
    archivo = Archivo(None)
    hecho(con(openmeteo=archivo), ENTEROS)
    hecho(con({"openmeteo_archive_url": "https://archive-api.open-meteo.com"}, openmeteo=archivo), ENTEROS)
    assert len(archivo.pedidos) == 2


def test_una_respuesta_a_medias_no_se_guarda_para_otros(con: Hacer) -> None:
    archivo = Archivo(None)
    archivo.incompleta = True
    proceso = con(openmeteo=archivo)
    hecho(proceso, ENTEROS)
    hecho(proceso, ENTEROS)
    assert len(archivo.pedidos) == 2


def test_lo_que_se_sabe_se_responde_aunque_el_proveedor_no_conteste(con: Hacer) -> None:
    archivo = Archivo(None)
    antes, _ = hecho(con(openmeteo=archivo), ENTEROS)

    def rota(*_: Any) -> Lectura:
        raise ErrorProveedor("respondió 503")

    caido = Archivo(None)
    caido.historico = rota  # type: ignore[assignment, method-assign]
    ahora, fuentes = hecho(con(openmeteo=caido), ENTEROS)
    assert ahora == antes
    assert fuentes["openmeteo"]["estado"] == "usada"


def test_sin_redis_se_comparte_igual(con: Hacer) -> None:
    archivo = Archivo(None)
    proceso = con(SIN_REDIS, openmeteo=archivo)
    hecho(proceso, ENTEROS)
    hecho(proceso, ENTEROS)
    assert len(archivo.pedidos) == 1


# --- the table ---------------------------------------------------------------------------------------

FUENTE = {"proveedor": "openmeteo", "estado": "usada", "altura_m": 5.0}


def fila(dia: int, dicho: str, valor: float | None = 1.0) -> dict[str, Any]:
    fecha = f"2024-01-{dia:02d}"
    return {"fecha": fecha, "instante": f"{fecha}T00:00:00Z", "temperatura": valor, "dicho_en": dicho}


def test_dos_que_guardan_la_misma_hoja_a_la_vez_ni_se_bloquean_ni_la_estropean(motor: Engine) -> None:
    sesiones, enero = Sesiones(motor), date(2024, 1, 1)

    def uno(n: int) -> str:
        try:
            dicha = [fila(n % 28 + 1, f"2025-01-01T00:00:{n % 60:02d}Z", float(n))]
            sesiones.hacer(lambda s: pasado.guardar(s, "carrera", enero, FUENTE, dicha), insistir_s=0)
        except Exception as e:
            return type(e).__name__
        return "bien"

    with ThreadPoolExecutor(8) as hilos:
        fines = list(hilos.map(uno, range(200)))
    assert set(fines) <= {"bien", "OperationalError", "IntegrityError"}
    assert fines.count("bien") > 0
    with sesiones.transaccion() as s:
        (hoja,) = pasado.hojas(s, "carrera", Periodo(enero, date(2024, 1, 31), Resolucion.DIARIA))
        todas = hoja.filas()
        s.execute(delete(Pasado))
    assert [f["fecha"] for f in todas] == sorted({f["fecha"] for f in todas})
    assert all(f["temperatura"] % 28 + 1 == int(f["fecha"][-2:]) for f in todas)


def test_lo_viejo_que_llega_tarde_no_borra_lo_nuevo(motor: Engine) -> None:
    sesiones, enero = Sesiones(motor), date(2024, 1, 1)
    nuevo, viejo = "2025-02-01T00:00:00Z", "2025-01-01T00:00:00Z"
    for dicho, dias in ((nuevo, (1, 2)), (viejo, (2, 3))):
        suyas = [fila(d, dicho, 2.0 if dicho == nuevo else 1.0) for d in dias]
        sesiones.hacer(lambda s, suyas=suyas: pasado.guardar(s, "tarde", enero, FUENTE, suyas))  # type: ignore[misc]
    with sesiones.transaccion() as s:
        (hoja,) = pasado.hojas(s, "tarde", Periodo(enero, enero, Resolucion.DIARIA))
        s.execute(delete(Pasado))
    assert [(f["fecha"][-2:], f["temperatura"]) for f in hoja.filas()] == [("01", 2.0), ("02", 2.0), ("03", 1.0)]


def test_lo_que_paga_una_clave_no_se_da_a_otra_y_la_clave_no_se_guarda(con: Hacer, settings: Settings) -> None:
    archivo = Archivo(None)
    archivo.necesita_clave = True
    proceso = con({"meteoblue_api_key": SecretStr("clave-de-la-instalacion")}, meteoblue=archivo)
    hecho(proceso, ENTEROS)
    guardar_clave(proceso, settings, 5)
    hecho(proceso, ENTEROS)
    assert len(archivo.pedidos) == 2
    with proceso.sesiones.transaccion() as s:
        todo = str([[getattr(h, c.key) for c in Pasado.__table__.c] for h in s.scalars(select(Pasado))])
    assert "la-mia" not in todo
    assert "instalacion" not in todo
