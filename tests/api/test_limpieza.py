"""What clients see of what retention deleted: never an empty answer as if there had been no data."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update

from api.documentos import Borrada
from shared import limpieza, resumenes
from shared.clima import Formato
from shared.modelos import Consulta, Lote, Respuesta, Serie
from shared.retencion import CLASES
from shared.settings import Settings
from tests.api.ayuda import entrar, problema
from tests.shared.test_limpieza import con as con_retencion
from tests.worker.test_proceso import Doble, Hacer, dias, dice
from tests.worker.test_proceso import con as con_proveedores
from worker.proceso import Proceso
from worker.proveedores.http import ErrorProveedor

HASTA = datetime.now(UTC).date() - timedelta(days=33)  # over, also for a consulta that `envejecer` made a month old
MES = {"latitud": 0, "longitud": 0, "fecha_inicio": str(HASTA - timedelta(days=30)), "fecha_fin": str(HASTA)}
AHORA = {"latitud": 0, "longitud": 0}
con = con_proveedores
Con = tuple[FlaskClient, dict[str, str], Proceso]


@pytest.fixture
def ana(con: Hacer, cliente: FlaskClient) -> Con:
    """A client, its headers, and a worker whose only provider knows every day."""
    return cliente, entrar(cliente, "beto"), con(openmeteo=Doble(dias))


def pedir(cliente: FlaskClient, cabeceras: dict[str, str], proceso: Proceso, **cuerpo: Any) -> str:
    """A historico that was worked on; where it is."""
    sobre = cliente.post("/api/consultas/historico", json={**MES, **cuerpo}, headers=cabeceras).get_json()
    proceso.procesar(sobre["consulta"]["id"])
    propio: str = sobre["enlaces"]["self"]
    return propio


def envejecer(proceso: Proceso, settings: Settings) -> None:
    """More days go by than are kept, and then the sweep."""
    hace = datetime.now(UTC) - timedelta(days=9)
    with proceso.sesiones.transaccion() as s:
        s.execute(update(Consulta).values(creada_en=hace))
        s.execute(update(Consulta).where(Consulta.completada_en.is_not(None)).values(completada_en=hace))
        s.execute(update(Lote).values(creado_en=hace))
    while proceso.sesiones.hacer(resumenes.resumir):
        pass
    for clase in CLASES:
        list(limpieza.limpiar(proceso.sesiones, settings, clase))


@pytest.mark.parametrize("formato", list(Formato))
def test_una_serie_borrada_es_410_y_dice_que_hacer(ana: Con, formato: Formato) -> None:
    cliente, cabeceras, proceso = ana
    propio = pedir(*ana)
    bajada = cliente.get(f"{propio}/descargar?formato={formato}", headers=cabeceras)
    antes = cliente.get(propio, headers=cabeceras)
    envejecer(proceso, con_retencion(series=7))
    cuerpo = problema(cliente.get(f"{propio}/descargar?formato={formato}", headers=cabeceras), 410)
    assert "pida un historico nuevo" in cuerpo["detail"]
    assert propio in cuerpo["detail"]
    despues = cliente.get(propio, headers=cabeceras)
    assert despues.get_json()["datos_clima"] == antes.get_json()["datos_clima"]
    assert bajada.status_code == 200


def test_un_410_no_es_un_304_aunque_el_cliente_la_tuviera(ana: Con) -> None:
    """RFC 9110, 13.2.1: a condition only counts where the answer would have been good."""
    cliente, cabeceras, proceso = ana
    propio = pedir(*ana)
    etiqueta = cliente.get(f"{propio}/descargar", headers=cabeceras).headers["ETag"]
    con_etiqueta = {**cabeceras, "If-None-Match": etiqueta}
    assert cliente.get(f"{propio}/descargar", headers=con_etiqueta).status_code == 304
    envejecer(proceso, con_retencion(series=7))
    respuesta = cliente.get(f"{propio}/descargar", headers=con_etiqueta)
    problema(respuesta, 410)
    assert "ETag" not in respuesta.headers
    visto = cliente.get(propio, headers=cabeceras)
    igual = cliente.get(propio, headers={**cabeceras, "If-None-Match": visto.headers["ETag"]})
    assert igual.status_code == 304


def test_un_tiempo_real_no_tiene_serie_que_perder(cliente: FlaskClient, con: Hacer) -> None:
    cabeceras = entrar(cliente, "beto")
    proceso = con(openmeteo=dice(temperatura=0.0))
    sobre = cliente.post("/api/consultas/tiempo-real", json=AHORA, headers=cabeceras).get_json()
    proceso.procesar(sobre["consulta"]["id"])
    envejecer(proceso, con_retencion(series=7, respuestas=7))
    assert cliente.get(sobre["enlaces"]["descargar"], headers=cabeceras).status_code == 200


def test_una_consulta_borrada_no_existe_y_su_clave_de_idempotencia_queda_libre(ana: Con) -> None:
    cliente, cabeceras, proceso = ana
    con_clave = {**cabeceras, "Idempotency-Key": "la-mia"}
    primera = cliente.post("/api/consultas/tiempo-real", json=AHORA, headers=con_clave).get_json()["enlaces"]["self"]
    cliente.post(f"{primera}/cancelar", headers=cabeceras)
    envejecer(proceso, con_retencion(consultas=7))
    problema(cliente.get(primera, headers=cabeceras), 404)
    problema(cliente.get(f"{primera}/descargar", headers=cabeceras), 404)
    nueva = cliente.post("/api/consultas/tiempo-real", json=AHORA, headers=con_clave)
    assert nueva.status_code == 202
    assert nueva.get_json()["enlaces"]["self"] != primera


def test_si_se_borra_mientras_se_descarga_la_descarga_se_corta(ana: Con) -> None:
    """Cut short, the client knows that it is not whole; ended in order, it would pass for all there was."""
    cliente, cabeceras, proceso = ana
    propio = pedir(*ana, fecha_inicio="2020-01-01")
    bajada = cliente.get(f"{propio}/descargar?formato=csv", headers=cabeceras)
    trozos = bajada.iter_encoded()
    assert next(trozos)
    with proceso.sesiones.transaccion() as s:
        s.execute(delete(Serie))
    with pytest.raises(Borrada):
        list(trozos)


def test_reintentar_una_parcial_sin_respuestas_ni_serie_lo_pide_todo_otra_vez(con: Hacer, cliente: FlaskClient) -> None:
    roto = [True]

    def a_veces(periodo: Any) -> Any:
        if roto[0]:
            raise ErrorProveedor("respondió 400")
        return dias(periodo)

    bueno, flojo = Doble(dias), Doble(a_veces)
    proceso = con(openmeteo=bueno, meteoblue=flojo)
    cabeceras = entrar(cliente, "beto")
    propio = pedir(cliente, cabeceras, proceso, max_edad_s=0)
    assert cliente.get(propio, headers=cabeceras).get_json()["consulta"]["parcial"]
    envejecer(proceso, con_retencion(series=7, respuestas=7))
    with proceso.sesiones.transaccion() as s:
        assert s.scalars(select(Respuesta)).all() == []
    roto[0] = False
    antes = bueno.veces
    assert cliente.post(f"{propio}/reintentar", headers=cabeceras).status_code == 202
    proceso.procesar(int(propio.rsplit("/", 1)[1]))
    consulta = cliente.get(propio, headers=cabeceras).get_json()["consulta"]
    assert (consulta["estado"], consulta["parcial"]) == ("completada", False)
    assert bueno.veces == antes + 1
    serie = cliente.get(f"{propio}/descargar?formato=json", headers=cabeceras).get_json()["datos_clima"]["serie"]
    assert len(serie) == 31


# --- lotes -----------------------------------------------------------------------------------------------


@pytest.fixture
def lote(ana: Con) -> dict[str, Any]:
    """Of two historicos and one tiempo_real that was cancelled; the first historico ended lately."""
    cliente, cabeceras, proceso = ana
    historico = {"tipo": "historico", **MES, "formato": "csv"}
    cuerpo = {"consultas": [historico, {**historico, "latitud": 1}, {"tipo": "tiempo_real", **AHORA}]}
    hecho: dict[str, Any] = cliente.post("/api/consultas/lote", json=cuerpo, headers=cabeceras).get_json()
    uno, otro, ahora = hecho["consultas"]
    proceso.procesar(uno)
    proceso.procesar(otro)
    cliente.post(f"/api/consultas/{ahora}/cancelar", headers=cabeceras)
    return hecho


def rejuvenecer(proceso: Proceso, consulta_id: int) -> None:
    with proceso.sesiones.transaccion() as s:
        s.execute(update(Consulta).where(Consulta.id == consulta_id).values(completada_en=datetime.now(UTC)))


def bajar(ana: Con, lote: dict[str, Any]) -> tuple[list[dict[str, str]], list[dict[str, Any]], set[str]]:
    """The rows of its CSV, and its zip's manifest and names."""
    cliente, cabeceras, _ = ana
    texto = cliente.get(lote["enlaces"]["descargar"], headers=cabeceras).text
    paquete = zipfile.ZipFile(
        io.BytesIO(cliente.get(lote["enlaces"]["descargar"] + "?formato=zip", headers=cabeceras).data)
    )
    assert paquete.testzip() is None
    manifiesto = json.loads(paquete.read("manifiesto.json"))
    return list(csv.DictReader(io.StringIO(texto))), manifiesto, set(paquete.namelist())


def test_un_lote_dice_que_series_se_borraron(ana: Con, lote: dict[str, Any]) -> None:
    cliente, cabeceras, proceso = ana
    uno, otro, ahora = lote["consultas"]
    envejecer(proceso, con_retencion())
    rejuvenecer(proceso, uno)
    for clase in CLASES:
        list(limpieza.limpiar(proceso.sesiones, con_retencion(series=7), clase))
    filas, manifiesto, nombres = bajar(ana, lote)
    assert nombres == {f"consulta_{uno}.csv", "manifiesto.json"}
    assert [(m["id"], m["fichero"], m["borrado"]) for m in manifiesto] == [
        (uno, f"consulta_{uno}.csv", None),
        (otro, None, "serie"),
        (ahora, None, None),
    ]
    (de_otro,) = [f for f in filas if f["consulta_id"] == str(otro)]
    assert (de_otro["estado"], de_otro["temperatura"], de_otro["origen"]) == (
        "completada",
        "",
        "borrado por antigüedad",
    )
    assert len(filas) == 31 + 1 + 1
    assert cliente.get(lote["enlaces"]["self"], headers=cabeceras).get_json()["borradas"] == 0


def test_un_lote_dice_cuantas_consultas_se_borraron(ana: Con, lote: dict[str, Any]) -> None:
    cliente, cabeceras, proceso = ana
    uno, *_ = lote["consultas"]
    envejecer(proceso, con_retencion())
    rejuvenecer(proceso, uno)
    for clase in CLASES:
        list(limpieza.limpiar(proceso.sesiones, con_retencion(consultas=7, lotes=7), clase))
    leido = cliente.get(lote["enlaces"]["self"], headers=cabeceras).get_json()
    assert (leido["total"], leido["consultas"], leido["borradas"]) == (3, [uno], 2)
    assert (leido["progreso"], leido["terminado"]) == (100, True)
    filas, manifiesto, nombres = bajar(ana, lote)
    assert nombres == {f"consulta_{uno}.csv", "manifiesto.json"}
    assert [(m["id"], m["borrado"]) for m in manifiesto] == [(uno, None), (None, "consulta"), (None, "consulta")]
    assert {tuple(m) for m in manifiesto} == {tuple(manifiesto[0])}  # the same names in each
    assert [f["origen"] for f in filas[31:]] == ["borrado por antigüedad"] * 2


def test_un_lote_sin_consultas_es_410_y_uno_borrado_404(ana: Con, lote: dict[str, Any]) -> None:
    cliente, cabeceras, proceso = ana
    envejecer(proceso, con_retencion(consultas=7))
    leido = cliente.get(lote["enlaces"]["self"], headers=cabeceras).get_json()
    assert (leido["consultas"], leido["borradas"], leido["progreso"], leido["terminado"]) == ([], 3, 100, True)
    cuerpo = problema(cliente.get(lote["enlaces"]["descargar"], headers=cabeceras), 410)
    assert "Envíe otro lote" in cuerpo["detail"]
    for clase in CLASES:
        list(limpieza.limpiar(proceso.sesiones, con_retencion(lotes=7), clase))
    problema(cliente.get(lote["enlaces"]["self"], headers=cabeceras), 404)
