"""Waiting clients: woken at once, holding nothing; cancel and retry over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text

from api.aforo import Aforo
from api.base import db
from shared import consultas
from shared.cambios import MIRAR_CADA_S, Avisos
from shared.clima import EstadoFuente, Fuente, Resultado
from shared.cola import anotar_fin, anunciar
from shared.db import Sesiones, crear_motor
from shared.modelos import CodigoError
from shared.settings import Settings
from tests.api.ayuda import como, entrar, problema
from tests.servidores import esperar

TR = "/api/consultas/tiempo-real"
LISTO = Resultado({"temperatura": 20.0}, {}, [Fuente("openmeteo", EstadoFuente.USADA)], parcial=False)
Hacer = Callable[[Callable[[Any], Any]], Any]


@pytest.fixture
def con(cliente: FlaskClient) -> dict[str, str]:
    return entrar(cliente)


@pytest.fixture
def trabajador(app: Flask, settings: Settings) -> Any:
    """What a worker does, on sessions of its own that announce their changes."""
    motor = crear_motor(settings)
    sesiones = Sesiones(motor)
    Avisos(app.extensions["redis"]).vigilar(sesiones.fabrica)
    yield sesiones.hacer
    motor.dispose()


def terminar(trabajador: Hacer, consulta_id: int, resultado: Resultado = LISTO) -> None:
    encargo = trabajador(lambda s: consultas.tomar(s, consulta_id))
    assert trabajador(lambda s: consultas.completar(s, encargo, resultado))


def crear(cliente: FlaskClient, con: dict[str, str]) -> int:
    return int(cliente.post(TR, json={"ciudad": "Cali"}, headers=con).json["consulta"]["id"])


def en_espera(app: Flask, cuantos: int = 1) -> None:
    escucha = app.extensions["escucha"]
    esperar(lambda: sum(map(len, escucha._esperan.values())) >= cuantos, "clients waiting")


def test_esperar_responde_en_cuanto_termina(
    app: Flask, cliente: FlaskClient, con: dict[str, str], trabajador: Hacer
) -> None:
    consulta_id = crear(cliente, con)
    with ThreadPoolExecutor(1) as hilos:
        respuesta = hilos.submit(app.test_client().get, f"/api/consultas/{consulta_id}?esperar=30", headers=con)
        en_espera(app)
        terminar(trabajador, consulta_id)
        r = respuesta.result(timeout=20)
    assert r.json["consulta"]["estado"] == "completada"
    assert r.json["datos_clima"]["temperatura"]["promedio"] == 20
    assert "Retry-After" not in r.headers


def test_esperar_con_etag_responde_con_el_primer_cambio(
    app: Flask, cliente: FlaskClient, con: dict[str, str], trabajador: Hacer
) -> None:
    consulta_id = crear(cliente, con)
    ruta = f"/api/consultas/{consulta_id}"
    conocida = con | {"If-None-Match": cliente.get(ruta, headers=con).headers["ETag"]}
    with ThreadPoolExecutor(1) as hilos:
        respuesta = hilos.submit(app.test_client().get, f"{ruta}?esperar=30", headers=conocida)
        en_espera(app)
        trabajador(lambda s: consultas.tomar(s, consulta_id))
        r = respuesta.result(timeout=20)
    assert (r.status_code, r.json["consulta"]["estado"]) == (200, "procesando")


def test_si_nada_cambia_esperar_acaba_en_304_o_en_lo_mismo(cliente: FlaskClient, con: dict[str, str]) -> None:
    ruta = f"/api/consultas/{crear(cliente, con)}"
    etiqueta = cliente.get(ruta, headers=con).headers["ETag"]
    assert cliente.get(f"{ruta}?esperar=1", headers=con | {"If-None-Match": etiqueta}).status_code == 304
    r = cliente.get(f"{ruta}?esperar=1", headers=con)
    assert r.json["consulta"]["estado"] == "pendiente"
    assert r.json["posicion"] == 1


@pytest.mark.parametrize("malo", ["31", "-1", "x", "1.5", ""])
def test_una_espera_mala_es_422(cliente: FlaskClient, con: dict[str, str], malo: str) -> None:
    problema(cliente.get(f"/api/consultas/{crear(cliente, con)}?esperar={malo}", headers=con), 422)


def test_prefer_wait_responde_200_si_termina_a_tiempo(
    app: Flask, cliente: FlaskClient, con: dict[str, str], trabajador: Hacer
) -> None:
    with ThreadPoolExecutor(1) as hilos:
        prefiere = con | {"Prefer": "respond-async, wait=20"}
        respuesta = hilos.submit(app.test_client().post, TR, json={"ciudad": "Cali"}, headers=prefiere)
        en_espera(app)
        terminar(trabajador, next(iter(app.extensions["escucha"]._esperan)))
        r = respuesta.result(timeout=20)
    assert (r.status_code, r.headers["Preference-Applied"]) == (200, "wait=20")
    assert r.json["datos_clima"]["temperatura"]["promedio"] == 20


@pytest.mark.parametrize("prefiere", ["wait=0", "wait=x", "handling=lenient", "wait=1"])
def test_prefer_sin_fin_a_tiempo_es_202(cliente: FlaskClient, con: dict[str, str], prefiere: str) -> None:
    assert cliente.post(TR, json={"ciudad": "Cali"}, headers=con | {"Prefer": prefiere}).status_code == 202


def eventos(texto: str) -> list[dict[str, Any]]:
    return [
        {**json.loads(b.split("data: ")[1]), "id": int(b.split("id: ")[1].split("\n")[0])}
        for b in texto.split("\n\n")
        if "data: " in b
    ]


def test_los_eventos_cuentan_cada_cambio_hasta_el_final(
    app: Flask, cliente: FlaskClient, con: dict[str, str], trabajador: Hacer
) -> None:
    consulta_id = crear(cliente, con)
    ruta = f"/api/consultas/{consulta_id}/eventos"
    with ThreadPoolExecutor(1) as hilos:
        futuro: Future[Any] = hilos.submit(lambda: app.test_client().get(ruta, headers=con).text)
        en_espera(app)
        terminar(trabajador, consulta_id)
        todos = eventos(futuro.result(timeout=20))
    assert todos[-1]["estado"] == "completada"
    assert [e["id"] for e in todos] == sorted({e["id"] for e in todos})
    desde_el_primero = cliente.get(ruta, headers=con | {"Last-Event-ID": str(todos[-1]["id"] - 1)})
    assert [e["id"] for e in eventos(desde_el_primero.text)] == [todos[-1]["id"]]
    for ultimo in (todos[-1]["id"], todos[-1]["id"] + 1, 999_999_999):
        al_dia = cliente.get(ruta, headers=con | {"Last-Event-ID": str(ultimo)})
        assert (al_dia.status_code, al_dia.data) == (204, b"")
    for ninguno in ("", "x", "-1", "٣"):
        de_nuevo = cliente.get(ruta, headers=con | {"Last-Event-ID": ninguno})
        assert (de_nuevo.status_code, len(eventos(de_nuevo.text))) == (200, 1)


def test_los_eventos_de_otro_no_se_ven(cliente: FlaskClient, con: dict[str, str]) -> None:
    consulta_id = crear(cliente, con)
    problema(cliente.get(f"/api/consultas/{consulta_id}/eventos", headers=entrar(cliente, "beto")), 404)


def test_quien_espera_no_tiene_conexion_ni_pregunta_a_la_base_sin_motivo(
    app: Flask, cliente: FlaskClient, con: dict[str, str], trabajador: Hacer
) -> None:
    """Thirty clients wait on a pool of twenty; while nothing changes they ask about every MIRAR_CADA_S."""
    consulta_id = crear(cliente, con)
    with app.app_context():
        motor = db.engine
    ordenes = []
    with ThreadPoolExecutor(30) as hilos:
        ruta = f"/api/consultas/{consulta_id}?esperar=30"
        todas = [hilos.submit(app.test_client().get, ruta, headers=con) for _ in range(30)]
        en_espera(app, 30)
        esperar(lambda: motor.pool.checkedout() == 0, "all connections back in the pool")  # type: ignore[attr-defined]
        empezo = monotonic()
        event.listen(motor, "before_cursor_execute", lambda *a: ordenes.append(a[2]))
        esperar(lambda: monotonic() - empezo > 1.0, "a second passing")
        preguntas, segundos = len(ordenes), monotonic() - empezo
        terminar(trabajador, consulta_id)
        assert all(f.result(timeout=20).json["consulta"]["estado"] == "completada" for f in todas)
    assert preguntas <= 30 * (segundos / MIRAR_CADA_S + 1) * 2


def test_cincuenta_envios_a_la_vez_con_la_misma_clave_son_una_consulta(
    app: Flask, cliente: FlaskClient, con: dict[str, str]
) -> None:
    cabeceras = con | {"Idempotency-Key": "cincuenta"}
    with ThreadPoolExecutor(50) as hilos:
        envios = [
            hilos.submit(app.test_client().post, TR, json={"ciudad": "Cali"}, headers=cabeceras) for _ in range(50)
        ]
        respuestas = [f.result(timeout=60) for f in envios]
    assert sorted(r.status_code for r in respuestas) == [200] * 49 + [202]
    assert len({r.json["consulta"]["id"] for r in respuestas}) == 1
    assert cliente.get("/api/consultas/mis-consultas", headers=con).json["total"] == 1


def test_cancelar_termina_en_error_y_repetirlo_no_cambia_nada(cliente: FlaskClient, con: dict[str, str]) -> None:
    ruta = f"/api/consultas/{crear(cliente, con)}/cancelar"
    primera, segunda = cliente.post(ruta, headers=con), cliente.post(ruta, headers=con)
    assert (primera.status_code, segunda.status_code) == (200, 200)
    assert primera.json == segunda.json
    c = primera.json["consulta"]
    assert (c["estado"], c["codigo_error"]) == ("error", "cancelada")
    assert c["mensaje_error"]


def test_lo_completado_no_se_cancela_y_lo_ajeno_no_se_toca(
    cliente: FlaskClient, con: dict[str, str], trabajador: Hacer
) -> None:
    consulta_id = crear(cliente, con)
    beto = entrar(cliente, "beto")
    for verbo in ("cancelar", "reintentar"):
        problema(cliente.post(f"/api/consultas/{consulta_id}/{verbo}", headers=beto), 404)
    terminar(trabajador, consulta_id)
    problema(cliente.post(f"/api/consultas/{consulta_id}/cancelar", headers=con), 409)
    problema(cliente.post(f"/api/consultas/{consulta_id}/reintentar", headers=con), 409)


def test_reintentar_pone_en_marcha_lo_que_fallo(cliente: FlaskClient, con: dict[str, str], trabajador: Hacer) -> None:
    consulta_id = crear(cliente, con)
    encargo = trabajador(lambda s: consultas.tomar(s, consulta_id))
    trabajador(lambda s: consultas.registrar_fallo(s, encargo, CodigoError.PROVEEDORES_FALLARON, "x", definitivo=True))
    r = cliente.post(f"/api/consultas/{consulta_id}/reintentar", headers=con)
    assert (r.status_code, r.json["consulta"]["estado"]) == (202, "pendiente")
    assert r.headers["Location"] == f"/api/consultas/{consulta_id}"
    terminar(trabajador, consulta_id)
    assert cliente.get(f"/api/consultas/{consulta_id}", headers=con).json["consulta"]["estado"] == "completada"


def test_demasiadas_sin_terminar_es_429_y_demasiadas_en_todo_503(
    app: Flask, cliente: FlaskClient, con: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    crear(cliente, con)
    justos = app.extensions["settings"].model_copy(update={"max_activas": 1})
    monkeypatch.setitem(app.extensions, "settings", justos)
    r = cliente.post(TR, json={"ciudad": "Cali"}, headers=con)
    problema(r, 429)
    assert r.headers["Retry-After"]
    monkeypatch.setitem(app.extensions, "settings", justos.model_copy(update={"max_activas": 9, "max_pendientes": 1}))
    r = cliente.post(TR, json={"ciudad": "Cali"}, headers=con)
    problema(r, 503)
    assert r.headers["Retry-After"]
    assert cliente.get("/api/consultas/mis-consultas", headers=con).json["total"] == 1


def test_retry_after_sale_de_lo_que_tardaron_las_ultimas_y_de_lo_que_hay_delante(
    app: Flask, cliente: FlaskClient, con: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    redis = app.extensions["redis"]
    ids = [crear(cliente, con) for _ in range(5)]

    def dice(consulta_id: int) -> int:
        return int(cliente.get(f"/api/consultas/{consulta_id}", headers=con).headers["Retry-After"])

    assert dice(ids[0]) == 1  # nothing is known
    for _ in range(5):
        anotar_fin(redis, "tiempo_real", "ahora", 0.15)
    assert [dice(i) for i in ids] == [1] * 5  # however few have ended in the last minute
    for _ in range(20):
        anotar_fin(redis, "tiempo_real", "ahora", 4.0)
    anunciar(redis, "uno")
    assert [dice(i) for i in ids] == [4] * 5  # one thread for each
    monkeypatch.setattr("shared.cola.HILOS", 2)
    assert [dice(i) for i in ids] == [4, 4, 8, 8, 12]
    anunciar(redis, "otro")
    assert [dice(i) for i in ids] == [4, 4, 4, 4, 8]


def test_retry_after_de_lo_que_espera_es_cuando_sigue(
    trabajador: Hacer, cliente: FlaskClient, con: dict[str, str]
) -> None:
    consulta_id = crear(cliente, con)
    encargo = trabajador(lambda s: consultas.tomar(s, consulta_id))
    trabajador(lambda s: consultas.aplazar(s, encargo, CodigoError.CUOTA_AGOTADA, "x", ventana_s=20))
    r = cliente.get(f"/api/consultas/{consulta_id}", headers=con)
    assert r.json["consulta"]["reanuda_en"] is not None
    assert 15 <= int(r.headers["Retry-After"]) <= 22
    terminada = crear(cliente, con)
    terminar(trabajador, terminada)
    assert cliente.get(f"/api/consultas/{terminada}", headers=con).json["consulta"]["reanuda_en"] is None


# --- who waits never starves who does not -----------------------------------------------------------------


@pytest.fixture
def dos_plazas(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of each user, three of all."""
    monkeypatch.setitem(app.extensions, "aforo", Aforo(por_usuario=2, por_proceso=3))


def plazas(app: Flask) -> int:
    return int(app.extensions["aforo"]._esperan.total())


@pytest.mark.usefixtures("dos_plazas")
def test_quien_tiene_sus_plazas_ocupadas_no_espera_mas_y_los_demas_si(
    app: Flask, cliente: FlaskClient, con: dict[str, str], trabajador: Hacer
) -> None:
    consulta_id, beto = crear(cliente, con), entrar(cliente, "beto")
    ruta, de_beto = f"/api/consultas/{consulta_id}", f"/api/consultas/{crear(cliente, beto)}"
    with ThreadPoolExecutor(3) as hilos:
        largas = [hilos.submit(app.test_client().get, f"{ruta}?esperar=30", headers=con) for _ in range(2)]
        en_espera(app, 2)
        r = cliente.get(f"{ruta}/eventos", headers=con)
        assert r.status_code == 429  # before its body is read: a stream has no end here
        assert "Cierre alguna" in problema(r, 429)["detail"]
        r = cliente.get(f"{ruta}?esperar=30", headers=con)  # the state as it is, at once
        assert (r.status_code, r.json["consulta"]["estado"], r.headers["Retry-After"]) == (200, "pendiente", "1")
        r = cliente.post(TR, json={"ciudad": "Cali"}, headers=con | {"Prefer": "wait=30"})
        assert (r.status_code, r.headers["Retry-After"], "Preference-Applied" in r.headers) == (202, "1", False)
        largas.append(hilos.submit(app.test_client().get, f"{de_beto}?esperar=30", headers=beto))
        en_espera(app, 3)  # another's places are another's
        r = cliente.get(f"{de_beto}/eventos", headers=beto)
        assert r.status_code == 429, "those of the process are counted too"
        for numero in (consulta_id, int(de_beto.rsplit("/", 1)[1])):
            terminar(trabajador, numero)
        assert [r.result(timeout=60).json["consulta"]["estado"] for r in largas] == ["completada"] * 3
    assert plazas(app) == 0


@pytest.mark.usefixtures("dos_plazas")
@pytest.mark.parametrize("leidos", [0, 1, 2])
def test_un_flujo_que_se_cierra_devuelve_su_plaza(
    app: Flask, cliente: FlaskClient, con: dict[str, str], leidos: int
) -> None:
    ruta = f"/api/consultas/{crear(cliente, con)}/eventos"
    for _ in range(3):
        r = cliente.get(ruta, headers=con, buffered=False)
        assert (r.status_code, plazas(app)) == (200, 1)
        for _ in range(leidos):
            next(r.response)  # type: ignore[call-overload]
        r.close()
        assert plazas(app) == 0


@pytest.mark.parametrize("cambio", ["activo = 0", "rol = 'operario'"])
def test_quien_deja_de_poder_leer_no_oye_nada_mas(
    app: Flask, cliente: FlaskClient, con: dict[str, str], trabajador: Hacer, cambio: str
) -> None:
    consulta_id, carla = crear(cliente, con), como(app, cliente, "carla", "consultor")
    flujo = cliente.get(f"/api/consultas/{consulta_id}/eventos", headers=carla, buffered=False)
    oido: Any = iter(flujo.response)
    assert next(oido).startswith(b"retry")
    assert b"pendiente" in next(oido)
    trabajador(lambda s: s.execute(text(f"UPDATE usuarios SET {cambio} WHERE username = 'carla'")))
    terminar(trabajador, consulta_id)
    assert list(oido) == []
    flujo.close()


def test_con_un_token_revocado_o_vencido_no_se_oye_nada_mas(
    app: Flask, cliente: FlaskClient, con: dict[str, str], trabajador: Hacer, monkeypatch: pytest.MonkeyPatch
) -> None:
    consulta_id = crear(cliente, con)
    flujos = [cliente.get(f"/api/consultas/{consulta_id}/eventos", headers=con, buffered=False) for _ in range(2)]
    oidos: Any = [iter(f.response) for f in flujos]
    for oido in oidos:
        assert [next(oido)[:5], next(oido)[:3]] == [b"retry", b"id:"]
    monkeypatch.setattr("api.acceso.time", lambda: 1e11)
    trabajador(lambda s: consultas.tomar(s, consulta_id))
    assert next(oidos[0], None) is None
    monkeypatch.undo()
    cliente.post("/api/auth/logout", headers=con)
    assert next(oidos[1], None) is None
    for flujo in flujos:
        flujo.close()
