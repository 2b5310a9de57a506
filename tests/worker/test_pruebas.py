"""The check of a user's key, through the real client code, against the laboratory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask.testing import FlaskClient
from sqlalchemy import select, update

from shared import api_keys
from shared.cifrado import Cifrador
from shared.db import ahora
from shared.modelos import ApiKey, EstadoPrueba, Usuario
from shared.settings import Settings
from tests.api.ayuda import entrar
from worker.proceso import Proceso
from worker.pruebas import Probador

CERRADO = "http://127.0.0.1:1"
Taller = tuple[Proceso, Probador]


@pytest.fixture
def taller(settings: Settings, cliente: FlaskClient) -> Iterator[Taller]:
    entrar(cliente)
    proceso = Proceso(settings)
    yield proceso, Probador(settings, proceso.sesiones, proceso.preguntador)
    proceso.sesiones.motor.dispose()


def guardar(t: Taller, settings: Settings, proveedor: str, api_key: str, **campos: Any) -> int:
    with t[0].sesiones.transaccion() as s:
        ana = s.scalars(select(Usuario.id)).one()
        clave = api_keys.crear(s, Cifrador(settings), ana, proveedor=proveedor, api_key=api_key, **campos)
        api_keys.pedir_prueba(s, clave)
        return clave.id


def leer(t: Taller, clave_id: int) -> ApiKey:
    with t[0].sesiones.transaccion() as s:
        return s.get_one(ApiKey, clave_id)


@pytest.mark.parametrize(
    ("proveedor", "clave", "resultado"),
    [
        ("openweather", "una-clave-buena", EstadoPrueba.VALIDA),
        ("openweather", "invalida", EstadoPrueba.RECHAZADA),
        ("meteoblue", "una-clave-buena", EstadoPrueba.VALIDA),
        ("meteoblue", "invalida", EstadoPrueba.RECHAZADA),
        ("meteosource", "una-clave-buena", EstadoPrueba.VALIDA),
        ("meteosource", "invalida", EstadoPrueba.RECHAZADA),
        ("ideam", "un-token-bueno", EstadoPrueba.VALIDA),
        ("ideam", "invalido", EstadoPrueba.RECHAZADA),
    ],
)
def test_una_llamada_dice_si_la_clave_sirve(
    taller: Taller, settings: Settings, proveedor: str, clave: str, resultado: EstadoPrueba
) -> None:
    clave_id = guardar(taller, settings, proveedor, clave)
    taller[1].probar(clave_id)
    fila = leer(taller, clave_id)
    assert fila.prueba == resultado, fila.prueba_detalle
    assert (fila.rechazada_en is None) == (resultado == EstadoPrueba.VALIDA)
    assert fila.probada_en is not None
    assert fila.consultas_realizadas >= 1  # the call counted in the key's quota


def test_si_el_proveedor_no_contesta_no_se_sabe_nada_de_la_clave(settings: Settings, cliente: FlaskClient) -> None:
    entrar(cliente)
    mudo = settings.model_copy(update={"openweather_url": CERRADO, "plazo_tiempo_real_s": 1.0})
    proceso = Proceso(mudo)
    t = proceso, Probador(mudo, proceso.sesiones, proceso.preguntador)
    clave_id = guardar(t, mudo, "openweather", "una-clave-buena")
    t[1].probar(clave_id)
    fila = leer(t, clave_id)
    assert fila.prueba == EstadoPrueba.SIN_RESPUESTA
    assert "no se pudo conectar" in (fila.prueba_detalle or "")
    assert fila.rechazada_en is None
    proceso.sesiones.motor.dispose()


def test_sin_cuota_la_prueba_lo_dice(taller: Taller, settings: Settings) -> None:
    clave_id = guardar(taller, settings, "openweather", "una-clave-buena", limite_consultas_diarias=0)
    taller[1].probar(clave_id)
    assert "cuota" in (leer(taller, clave_id).prueba_detalle or "")


def test_un_timbre_repetido_no_prueba_dos_veces(taller: Taller, settings: Settings) -> None:
    clave_id = guardar(taller, settings, "openweather", "una-clave-buena")
    taller[1].probar(clave_id)
    taller[1].probar(clave_id)
    assert leer(taller, clave_id).consultas_realizadas == 1


def test_un_timbre_perdido_se_vuelve_a_tocar(taller: Taller, settings: Settings) -> None:
    clave_id = guardar(taller, settings, "openweather", "una-clave-buena")
    hacer: Callable[..., Any] = taller[0].sesiones.hacer
    assert hacer(api_keys.por_probar) == []
    hacer(lambda s: s.execute(update(ApiKey).values(prueba_tocar_en=ahora(-1))))
    assert hacer(api_keys.por_probar) == [clave_id]
    taller[1].probar(clave_id)
    assert hacer(api_keys.por_probar) == []


def test_el_resultado_de_una_clave_ya_cambiada_no_se_escribe(taller: Taller, settings: Settings) -> None:
    clave_id = guardar(taller, settings, "openweather", "invalida")
    cifrador = Cifrador(settings)
    with taller[0].sesiones.transaccion() as s:
        prueba = api_keys.tomar_prueba(s, cifrador, clave_id)
        assert prueba is not None
        api_keys.cambiar(s, cifrador, s.get_one(ApiKey, clave_id), api_key="otra-clave-0001")
        assert not api_keys.anotar_prueba(s, prueba, EstadoPrueba.RECHAZADA, None)
    assert leer(taller, clave_id).prueba is None


def test_una_clave_que_ya_no_se_puede_leer_lo_dice(taller: Taller, settings: Settings) -> None:
    clave_id = guardar(taller, settings, "openweather", "una-clave-buena")
    otro = Cifrador(settings.model_copy(update={"encryption_key": settings.encryption_key.__class__(_fernet())}))
    with taller[0].sesiones.transaccion() as s:
        s.execute(update(ApiKey).values(api_key_encrypted=otro.cifrar("una-clave-buena")))
    taller[1].probar(clave_id)
    assert "ya no se puede leer" in (leer(taller, clave_id).prueba_detalle or "")


def _fernet() -> str:
    return Fernet.generate_key().decode()
