"""What a person may write: stored as it is, harmless in a spreadsheet, and no name that looks like another's."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from shared import consultas
from shared.clima import EstadoFuente, Fuente, Resultado
from shared.db import Sesiones, crear_motor
from shared.settings import Settings
from tests.api.ayuda import CLAVE, entrar, enviar, problema

TR = "/api/consultas/tiempo-real"
Completar = Callable[[str], str]
HOSTILES = [
    *("' OR '1'='1' --", "1; DROP TABLE consultas; --", "%' UNION SELECT 1 --", "\\' OR 1=1 #", "%", "_", "\\"),
    *("<script>alert(1)</script>", "{{7*7}}", "../../etc/passwd", "\u202eil\u200baC", "🌧️"),
]


@pytest.fixture
def con(cliente: FlaskClient) -> dict[str, str]:
    return entrar(cliente)


@pytest.fixture
def completada(cliente: FlaskClient, con: dict[str, str], settings: Settings) -> Iterator[Completar]:
    """A finished consulta of a place with this name; where it is."""
    motor = crear_motor(settings)

    def hacer(ciudad: str) -> str:
        r = cliente.post(TR, json={"ciudad": ciudad, "latitud": 1, "longitud": 1}, headers=con)
        con_nombre = Fuente("openmeteo", EstadoFuente.USADA)
        resultado = Resultado({"temperatura": -2.5, "descripcion_clima": "=1+1"}, {}, [con_nombre], parcial=False)
        sesiones = Sesiones(motor)
        encargo = sesiones.hacer(lambda s: consultas.tomar(s, r.json["consulta"]["id"]))
        assert encargo
        assert sesiones.hacer(lambda s: consultas.completar(s, encargo, resultado))
        return str(r.headers["Location"])

    yield hacer
    motor.dispose()


@pytest.mark.parametrize("ciudad", ["=1+1", "+57", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x")'])
def test_una_formula_se_neutraliza_en_el_csv_y_no_en_el_json(
    cliente: FlaskClient, con: dict[str, str], completada: Completar, ciudad: str
) -> None:
    donde = completada(ciudad)
    bajado = {
        f: cliente.get(f"{donde}/descargar?formato={f}", headers=con).text for f in ("csv", "json", "yaml", "txt")
    }
    (fila,) = csv.DictReader(io.StringIO(bajado["csv"]))
    assert (fila["ciudad"], fila["descripcion_clima"], fila["temperatura"]) == (f"'{ciudad}", "'=1+1", "-2.5")
    assert json.loads(bajado["json"])["consulta"]["ciudad"] == ciudad
    assert cliente.get(donde, headers=con).json["consulta"]["ciudad"] == ciudad


@pytest.mark.parametrize("ciudad", ["\t=1", "\r=1", " =1", "=1\n=2"])
def test_un_tabulador_no_llega_a_guardarse(cliente: FlaskClient, con: dict[str, str], ciudad: str) -> None:
    r = cliente.post(TR, json={"ciudad": ciudad}, headers=con)
    if r.status_code == 202:
        assert r.json["consulta"]["ciudad"] == "=1"  # what stands around it is trimmed
    else:
        assert list(problema(r, 422)["errores"]) == ["ciudad"]


@pytest.mark.parametrize("ciudad", HOSTILES)
def test_lo_guardado_sale_igual_en_la_consulta_la_lista_y_la_descarga(
    cliente: FlaskClient, con: dict[str, str], completada: Completar, ciudad: str
) -> None:
    donde = completada(ciudad)
    suya = cliente.get("/api/consultas/mis-consultas", query_string={"ciudad": ciudad}, headers=con).json
    assert [c["ciudad"] for c in suya["consultas"]] == [ciudad.strip()]
    assert cliente.get(f"{donde}/descargar", headers=con).json["consulta"]["ciudad"] == ciudad.strip()


@pytest.mark.parametrize(
    "nombre",
    [
        *("\u0430na", "an\u0430", "\uff41\uff4e\uff41", "ana\u200b", "an\u200da", "\u202eana", "ána", "ana\u0301"),
        *("ⓐⓝⓐ", "ana ana", "\ufb01na", "\U0001d41a\U0001d427\U0001d41a", "ana\ufeff", "ana\u00ad", "\u0410NA"),
        *("ana/..", "ana\0", "ana\ud800"),
    ],
)
def test_un_nombre_de_usuario_que_parece_otro_no_se_admite(cliente: FlaskClient, nombre: str) -> None:
    cuenta = {"username": nombre, "email": "otra@ejemplo.co", "password": CLAVE}
    assert list(problema(enviar(cliente, "/api/auth/register", cuenta), 422)["errores"]) == ["username"]


@pytest.mark.parametrize("nombre", ["ANA", "Ana", "aNa", " ana "])
def test_un_nombre_que_solo_cambia_en_las_mayusculas_esta_tomado(cliente: FlaskClient, nombre: str) -> None:
    entrar(cliente, "ana")
    cuenta = {"username": nombre, "email": "otra@ejemplo.co", "password": CLAVE}
    assert list(problema(enviar(cliente, "/api/auth/register", cuenta), 409)["errores"]) == ["username"]


@pytest.mark.parametrize("correo", ["ANA@EJEMPLO.CO", "ána@ejemplo.co", "ana@ejémplo.co", "\uff41na@ejemplo.co"])
def test_un_correo_que_solo_cambia_en_mayusculas_o_acentos_no_da_otra_cuenta(cliente: FlaskClient, correo: str) -> None:
    """The column's collation takes them for the same; not admitting such an address at all is as good."""
    entrar(cliente, "ana")
    r = cliente.post("/api/auth/register", json={"username": "otra", "email": correo, "password": CLAVE})
    assert r.status_code in ((409,) if correo.isascii() else (409, 422))
    assert list(problema(r, r.status_code)["errores"]) == ["email"]
