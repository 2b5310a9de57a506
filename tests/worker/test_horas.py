"""Hours of a historico belong to the day that the clocks of the place show, also on the days when these change."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import yaml
from flask.testing import FlaskClient

from shared.clima import EstadoFuente, Fuente, Medicion, Periodo, Resolucion, fuente_json
from shared.series import Fila, empacar
from shared.settings import Settings
from tests.api.ayuda import entrar
from worker.cuentas import Cuentas, fila_de
from worker.proceso import Proceso

NUEVA_YORK, MADRID = "America/New_York", "Europe/Madrid"
DIAS = [
    (NUEVA_YORK, date(2026, 3, 8), 23, "2026-03-08T00:00:00-05:00", "2026-03-08T23:00:00-04:00"),
    (NUEVA_YORK, date(2025, 11, 2), 25, "2025-11-02T00:00:00-04:00", "2025-11-02T23:00:00-05:00"),
    (MADRID, date(2026, 3, 29), 23, "2026-03-29T00:00:00+01:00", "2026-03-29T23:00:00+02:00"),
    (MADRID, date(2025, 10, 26), 25, "2025-10-26T00:00:00+02:00", "2025-10-26T23:00:00+01:00"),
    ("Asia/Kolkata", date(2025, 11, 2), 24, "2025-11-02T00:30:00+05:30", "2025-11-02T23:30:00+05:30"),
    ("America/Bogota", date(2025, 11, 2), 24, "2025-11-02T00:00:00-05:00", "2025-11-02T23:00:00-05:00"),
]


def combinadas(zona: str, dia: date, mediciones: list[Medicion]) -> list[Fila]:
    fuente = fuente_json(Fuente("openmeteo", EstadoFuente.USADA))
    guardadas = [(fuente, empacar([fila_de(m) for m in mediciones]))]
    return Cuentas(["temperatura"], None, zona).tramo(Periodo(dia, dia, Resolucion.HORARIA), guardadas)


@pytest.mark.parametrize(("zona", "dia", "cuantas", "primera", "ultima"), DIAS)
def test_la_fecha_de_una_hora_es_la_del_lugar_y_no_la_que_dijo_el_proveedor(
    zona: str, dia: date, cuantas: int, primera: str, ultima: str
) -> None:
    inicio = datetime(dia.year, dia.month, dia.day, tzinfo=UTC) - timedelta(days=1)
    horas = [inicio + timedelta(hours=n) for n in range(72)]
    filas = combinadas(zona, dia, [Medicion(temperatura=20.0, observado_en=h, fecha=h.date()) for h in horas])
    assert {f["fecha"] for f in filas} == {str(dia)}
    assert len(filas) == cuantas
    assert (filas[0]["hora_local"], filas[-1]["hora_local"]) == (primera, ultima)
    assert all(datetime.fromisoformat(f["hora_local"]) == datetime.fromisoformat(f["instante"]) for f in filas)
    assert len({f["hora_local"] for f in filas}) == cuantas  # 01:00 comes twice, with two offsets


def test_la_hora_que_se_repite_se_distingue_por_su_desfase() -> None:
    horas = [datetime(2025, 11, 2, h, tzinfo=UTC) for h in (5, 6)]
    filas = combinadas(NUEVA_YORK, date(2025, 11, 2), [Medicion(temperatura=1.0, observado_en=h) for h in horas])
    assert [f["hora_local"] for f in filas] == ["2025-11-02T01:00:00-04:00", "2025-11-02T01:00:00-05:00"]


@pytest.fixture
def proceso(settings: Settings) -> Iterator[Proceso]:
    uno = Proceso(settings)
    yield uno
    uno.sesiones.motor.dispose()


@pytest.mark.parametrize(
    ("lugar", "zona", "dia", "cuantas"),
    [
        ({"latitud": 40.71, "longitud": -74.01}, NUEVA_YORK, "2026-03-08", 23),
        ({"latitud": 40.71, "longitud": -74.01}, NUEVA_YORK, "2025-11-02", 25),
        ({"latitud": 40.42, "longitud": -3.70}, MADRID, "2025-10-26", 25),
        ({"latitud": 28.61, "longitud": 77.21}, "Asia/Kolkata", "2025-11-02", 24),
    ],
)
def test_toda_descarga_trae_la_hora_local_con_su_desfase(
    cliente: FlaskClient, proceso: Proceso, lugar: dict[str, float], zona: str, dia: str, cuantas: int
) -> None:
    """From the laboratory's Open-Meteo, which applies the offset of now to every day, to the file."""
    con = entrar(cliente)
    pedido = {"fecha_inicio": dia, "fecha_fin": dia, "resolucion": "horaria", "proveedores": ["openmeteo"]}
    pedido |= {"parametros": ["temperatura", "calidad_aire"]}
    propio = cliente.post("/api/consultas/historico", json=lugar | pedido, headers=con).headers["Location"]
    proceso.procesar(int(propio.rpartition("/")[2]))

    def bajada(formato: str) -> str:
        return str(cliente.get(f"{propio}/descargar?formato={formato}", headers=con).text)

    filas = json.loads(bajada("json"))["datos_clima"]["serie"]
    assert [f["fecha"] for f in filas] == [dia] * cuantas
    assert None not in {f[c] for f in filas for c in ("temperatura", "calidad_aire")}
    locales = [datetime.fromisoformat(f["instante"]).astimezone(ZoneInfo(zona)).isoformat() for f in filas]
    assert [f["hora_local"] for f in filas] == locales
    assert [f["hora_local"] for f in yaml.safe_load(bajada("yaml"))["datos_clima"]["serie"]] == locales
    assert [f["hora_local"] for f in csv.DictReader(io.StringIO(bajada("csv")))] == locales
    assert [r.split()[1] for r in bajada("txt").splitlines()[-cuantas:]] == locales
