"""Every set of parameters that can be asked of Open-Meteo, against a laboratory that refuses what the real one does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import chain, combinations

import pytest

from deploy.laboratorio import crear_app
from deploy.laboratorio.cli import variables
from shared.clima import CAMPOS, Lugar, Parametro, Periodo, Resolucion, campos_de, iso_utc
from shared.settings import Settings
from tests.proveedores.memoria import EnMemoria
from worker.proveedores.cliente import Lectura, Peticion
from worker.proveedores.http import Http, Omitida
from worker.proveedores.openmeteo import OpenMeteo

MEDELLIN = Lugar(6.25, -75.56, zona_horaria="America/Bogota")
CONJUNTOS = list(chain.from_iterable(combinations(Parametro, n) for n in range(1, len(Parametro) + 1)))
HACE_UNA_SEMANA = datetime.now(UTC).date() - timedelta(days=7)


@pytest.fixture(scope="module")
def http() -> Http:
    return EnMemoria(crear_app().test_client())


def preguntar(
    http: Http, parametros: tuple[Parametro, ...], periodo: Periodo | None, lugar: Lugar = MEDELLIN
) -> Lectura:
    openmeteo = OpenMeteo(Settings(**{nombre.lower(): url for nombre, url in variables("http://laboratorio").items()}))
    peticion = Peticion(http, lugar, frozenset(campos_de(list(parametros))))
    return openmeteo.tiempo_real(peticion) if periodo is None else openmeteo.historico(peticion, periodo)


def sin_decir(lectura: Lectura, parametros: tuple[Parametro, ...]) -> list[Parametro]:
    """Those of which nobody heard anything."""
    dichos = {campo for m in lectura.mediciones for campo, valor in m.valores().items() if valor is not None}
    return [p for p in parametros if not dichos & set(CAMPOS[p])]


@pytest.mark.parametrize("resolucion", [None, *Resolucion])
def test_cualquier_conjunto_de_parametros_se_contesta(http: Http, resolucion: Resolucion | None) -> None:
    """511 sets; the days reach from the archive's into the forecast's, which alone has UV and visibility."""
    periodo = resolucion and Periodo(HACE_UNA_SEMANA, HACE_UNA_SEMANA + timedelta(days=2), resolucion)
    malos: dict[tuple[Parametro, ...], object] = {}
    for parametros in CONJUNTOS:
        try:
            faltan = sin_decir(preguntar(http, parametros, periodo), parametros)
        except Exception as e:  # all that fail are named, not the first
            malos[parametros] = repr(e)
        else:
            malos |= {parametros: faltan} if faltan else {}
    assert malos == {}


@pytest.mark.parametrize("resolucion", list(Resolucion))
def test_de_dias_viejos_se_contesta_lo_que_hay_y_lo_demas_se_dice(http: Http, resolucion: Resolucion) -> None:
    """Before 2013 there is no air quality, and the archive has no UV and no visibility."""
    enero = Periodo(date(2012, 1, 1), date(2012, 1, 3), resolucion)
    nadie = {Parametro.VISIBILIDAD, Parametro.INDICE_UV, Parametro.CALIDAD_AIRE}
    for parametros in (c for c in CONJUNTOS if len(c) <= 2):
        if set(parametros) <= nadie:
            with pytest.raises(Omitida, match=r"^no tiene .* de esos días$"):
                preguntar(http, parametros, enero)
            continue
        lectura = preguntar(http, parametros, enero)
        assert set(sin_decir(lectura, parametros)) == nadie & set(parametros)
        assert len({m.fecha for m in lectura.mediciones}) == 3


@pytest.mark.parametrize(
    ("zona", "latitud", "longitud", "dia", "horas", "primera"),
    [
        ("America/New_York", 40.71, -74.01, date(2026, 3, 8), 23, "2026-03-08T05:00:00Z"),
        ("America/New_York", 40.71, -74.01, date(2025, 11, 2), 25, "2025-11-02T04:00:00Z"),
        ("America/New_York", 40.71, -74.01, date(2025, 7, 4), 24, "2025-07-04T04:00:00Z"),
        ("America/New_York", 40.71, -74.01, date(2025, 12, 25), 24, "2025-12-25T05:00:00Z"),
        ("Europe/Madrid", 40.42, -3.70, date(2026, 3, 29), 23, "2026-03-28T23:00:00Z"),
        ("Europe/Madrid", 40.42, -3.70, date(2025, 10, 26), 25, "2025-10-25T22:00:00Z"),
        ("Asia/Kolkata", 28.61, 77.21, date(2025, 10, 26), 24, "2025-10-25T19:00:00Z"),
        ("America/Bogota", 4.61, -74.08, date(2025, 10, 26), 24, "2025-10-26T05:00:00Z"),
    ],
)
@pytest.mark.parametrize("hoy", [datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)])
def test_las_horas_de_un_dia_local_son_todas_las_suyas(
    hoy: datetime, zona: str, latitud: float, longitud: float, dia: date, horas: int, primera: str
) -> None:
    """Whenever it is asked: the offset that the server shows is that of the moment of asking."""
    http = EnMemoria(crear_app(lambda: hoy).test_client())
    lugar = Lugar(latitud, longitud, zona_horaria=zona)
    pedidos = (Parametro.TEMPERATURA, Parametro.CALIDAD_AIRE)
    mediciones = preguntar(http, pedidos, Periodo(dia, dia, Resolucion.HORARIA), lugar).mediciones
    assert {m.fecha for m in mediciones} == {dia}
    assert len(mediciones) == horas
    assert iso_utc(mediciones[0].observado_en) == primera
    assert None not in {v for m in mediciones for v in (m.temperatura, m.calidad_aire)}


def test_el_primer_dia_del_archivo_se_puede_pedir_por_horas_al_este(http: Http) -> None:
    """Its first hours belong to a day in UTC that the archive does not have."""
    primero = Periodo(date(1940, 1, 1), date(1940, 1, 1), Resolucion.HORARIA)
    madrid = Lugar(40.42, -3.70, zona_horaria="Europe/Madrid")
    assert preguntar(http, (Parametro.TEMPERATURA,), primero, madrid).mediciones
