"""Users' provider keys: unreadable at rest, a daily quota that is exact among all workers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, delete, update
from sqlalchemy.orm import Session

from shared import api_keys, usuarios
from shared.cifrado import Cifrador, Ilegible
from shared.db import Sesiones
from shared.modelos import ApiKey, Usuario
from tests.conftest import hacer_settings

CIFRADOR = Cifrador(hacer_settings("sqlite://", "redis://127.0.0.1:1"))


def guardar(s: Session, limite: int, username: str = "ana") -> ApiKey:
    ana = usuarios.crear(s, username=username, email=f"{username}@b.co", password="x" * 8, rounds=4)
    cifrada = CIFRADOR.cifrar("clave-canaria")
    clave = ApiKey(
        usuario_id=ana.id, proveedor="openweather", api_key_encrypted=cifrada, limite_consultas_diarias=limite
    )
    s.add(clave)
    s.flush()
    return clave


def test_la_clave_se_guarda_cifrada_y_se_revela_al_trabajador(s: Session) -> None:
    clave = guardar(s, 5)
    assert "canaria" not in clave.api_key_encrypted
    revelada = api_keys.de_usuario(s, CIFRADOR, clave.usuario_id, "openweather")
    assert revelada is not None
    assert revelada.clave == "clave-canaria"
    assert "canaria" not in repr(revelada)
    assert api_keys.de_usuario(s, CIFRADOR, clave.usuario_id, "meteoblue") is None


@pytest.mark.parametrize("columna", ["activa", "rechazada_en"])
def test_una_clave_inactiva_o_rechazada_no_se_usa(s: Session, columna: str) -> None:
    clave = guardar(s, 5)
    if columna == "activa":
        clave.activa = False
    else:
        api_keys.marcar_rechazada(s, clave.id, clave.prueba_numero)
    s.flush()
    assert api_keys.de_usuario(s, CIFRADOR, clave.usuario_id, "openweather") is None


def test_un_rechazo_que_llega_tarde_no_toca_la_clave_nueva(s: Session) -> None:
    clave = guardar(s, 5)
    vieja = clave.prueba_numero
    api_keys.cambiar(s, CIFRADOR, clave, api_key="otra-clave-0001")
    api_keys.marcar_rechazada(s, clave.id, vieja)
    assert api_keys.de_usuario(s, CIFRADOR, clave.usuario_id, "openweather") is not None


def test_con_otra_clave_maestra_es_ilegible(s: Session) -> None:
    clave = guardar(s, 5)
    otro = Cifrador(hacer_settings("sqlite://", "redis://127.0.0.1:1"))
    with pytest.raises(Ilegible):
        api_keys.de_usuario(s, otro, clave.usuario_id, "openweather")


def test_la_clave_maestra_anterior_sigue_leyendo() -> None:
    vieja, nueva = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings = hacer_settings("sqlite://", "redis://127.0.0.1:1")
    viejo = Cifrador(settings.model_copy(update={"encryption_key": type(settings.secret_key)(vieja)}))
    ambas = Cifrador(settings.model_copy(update={"encryption_key": type(settings.secret_key)(f"{nueva},{vieja}")}))
    assert ambas.descifrar(viejo.cifrar("x")) == "x"


def test_el_limite_diario_no_se_pasa_y_vuelve_a_cero_otro_dia(s: Session) -> None:
    clave = guardar(s, 2)
    assert [api_keys.reservar(s, clave.id) for _ in range(3)] == [True, True, False]
    s.execute(update(ApiKey).values(dia_cuota=date(2026, 1, 1)))
    assert api_keys.reservar(s, clave.id)
    s.refresh(clave)
    assert clave.consultas_realizadas == 1
    assert clave.ultimo_uso is not None


def test_un_limite_de_cero_no_deja_ninguna(s: Session) -> None:
    assert not api_keys.reservar(s, guardar(s, 0).id)


@pytest.fixture
def clave_de_verdad(motor: Engine) -> Iterator[tuple[Engine, int]]:
    """A committed key that many connections can see."""
    with Sesiones(motor).transaccion() as s:
        clave_id = guardar(s, 20, "concurrente").id
    yield motor, clave_id
    with Sesiones(motor).transaccion() as s:
        s.execute(delete(Usuario))


def test_cien_a_la_vez_reservan_exactamente_el_limite(clave_de_verdad: tuple[Engine, int]) -> None:
    motor, clave_id = clave_de_verdad
    sesiones = Sesiones(motor)

    def uno(_: int) -> bool:
        with sesiones.transaccion() as s:
            return api_keys.reservar(s, clave_id)

    with ThreadPoolExecutor(16) as hilos:
        logradas = sum(hilos.map(uno, range(100)))
    assert logradas == 20
    with sesiones.transaccion() as s:
        assert s.get_one(ApiKey, clave_id).consultas_realizadas == 20
