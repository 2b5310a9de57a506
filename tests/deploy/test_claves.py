"""rotar-clave, on MariaDB and on SQLite: every user's provider key moves to a new ENCRYPTION_KEY, and none is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import Engine, delete, select

from shared import api_keys, rotacion, usuarios
from shared.cifrado import Cifrador, Ilegible
from shared.db import Sesiones
from shared.modelos import ApiKey, LogActividad, Usuario
from shared.rotacion import Suerte
from shared.settings import Settings
from tests.conftest import hacer_settings
from tests.deploy.ordenes import climaguru, entorno_de, queja
from tests.pila import entorno_limpio
from tests.servidores import esperar
from worker.claves import Claves

VIEJA, NUEVA, PERDIDA = (Fernet.generate_key().decode() for _ in range(3))
AMBAS = f"{NUEVA},{VIEJA}"
CUANTAS = 500
CON_SECRETO = 3  # how often a key comes with a secret


@pytest.fixture
def sesiones(motor: Engine) -> Iterator[Sesiones]:
    yield Sesiones(motor)
    with Sesiones(motor).transaccion() as s:
        s.execute(delete(LogActividad))
        s.execute(delete(Usuario))


def settings_con(claves: str) -> Settings:
    return hacer_settings("sqlite://", "redis://127.0.0.1:1").model_copy(update={"encryption_key": SecretStr(claves)})


def cifrador(claves: str) -> Cifrador:
    return Cifrador(settings_con(claves))


def sembrar(sesiones: Sesiones, cuantas: int, clave: str = VIEJA) -> list[int]:
    """So many users with a key each, under `clave`; their ids."""
    bajo = cifrador(clave)
    with sesiones.transaccion() as s:
        nuevos = [Usuario(username=f"u{i}", email=f"u{i}@b.co", password_hash="x") for i in range(cuantas)]
        s.add_all(nuevos)
        s.flush()
        filas = [
            ApiKey(
                usuario_id=u.id,
                proveedor="meteoblue",
                api_key_encrypted=bajo.cifrar(f"clave-canaria-{u.id}"),
                api_secret_encrypted=bajo.cifrar(f"secreto-canaria-{u.id}") if i % CON_SECRETO == 0 else None,
            )
            for i, u in enumerate(nuevos)
        ]
        s.add_all(filas)
        s.flush()
        return [fila.id for fila in filas]


def leidas(sesiones: Sesiones, claves: str) -> list[str]:
    """Those that can be read with these keys, in the clear."""
    con, claras = cifrador(claves), []
    with sesiones.transaccion() as s:
        for fila in s.scalars(select(ApiKey).order_by(ApiKey.id)):
            try:
                secreto = con.descifrar(fila.api_secret_encrypted) if fila.api_secret_encrypted else ""
                claras.append(con.descifrar(fila.api_key_encrypted) + secreto)
            except Ilegible:
                pass
    return claras


def primera(sesiones: Sesiones, claves: str) -> bool:
    """Is the first one under these keys?"""
    with sesiones.transaccion() as s:
        cifrada = s.scalars(select(ApiKey.api_key_encrypted).order_by(ApiKey.id).limit(1)).one()
    try:
        return bool(cifrador(claves).descifrar(cifrada))
    except Ilegible:
        return False


def rotar(motor: Engine, *opciones: str, claves: str = AMBAS) -> Any:
    return climaguru(entorno_de(motor, ENCRYPTION_KEY=claves), "rotar-clave", *opciones)


def test_todas_pasan_a_la_clave_nueva_y_la_vieja_ya_no_hace_falta(motor: Engine, sesiones: Sesiones) -> None:
    sembrar(sesiones, 7)
    antes = leidas(sesiones, VIEJA)
    with sesiones.transaccion() as s:
        fechas = list(s.scalars(select(ApiKey.actualizada_en).order_by(ApiKey.id)))
    r = rotar(motor)
    assert r.exit_code == 0, r.output
    assert "Recifradas: 7." in r.output
    assert "quítelas de ENCRYPTION_KEY" in r.output
    assert "canaria" not in r.output
    assert VIEJA not in r.output + NUEVA
    assert leidas(sesiones, NUEVA) == antes
    assert len(antes) == 7
    assert leidas(sesiones, VIEJA) == []
    with sesiones.transaccion() as s:
        assert list(s.scalars(select(ApiKey.actualizada_en).order_by(ApiKey.id))) == fechas
        fila = s.scalars(select(LogActividad)).one()
    assert (fila.accion, fila.detalle) == ("rotar_clave", {"recifrada": 7})


def test_repetirla_no_cambia_nada(motor: Engine, sesiones: Sesiones) -> None:
    sembrar(sesiones, 3)
    rotar(motor)
    with sesiones.transaccion() as s:
        guardadas = list(s.scalars(select(ApiKey.api_key_encrypted)))
    r = rotar(motor)
    assert "Recifradas: 0.\nYa estaban bajo la primera clave: 3.\nIlegibles: 0." in r.output
    with sesiones.transaccion() as s:
        assert list(s.scalars(select(ApiKey.api_key_encrypted))) == guardadas


def test_simular_cuenta_y_no_toca(motor: Engine, sesiones: Sesiones) -> None:
    sembrar(sesiones, 3)
    r = rotar(motor, "--simular")
    assert r.exit_code == 0
    assert "Por recifrar: 3." in r.output
    assert "quítelas" not in r.output
    assert len(leidas(sesiones, VIEJA)) == 3
    rotar(motor)
    assert "Por recifrar: 0." in rotar(motor, "--simular", claves=NUEVA).output
    with sesiones.transaccion() as s:
        assert len(list(s.scalars(select(LogActividad)))) == 1


@pytest.mark.parametrize("una", [VIEJA, f"{VIEJA},{VIEJA}"], ids=["una", "repetida"])
def test_con_una_sola_clave_se_explica_como_se_hace(motor_sqlite: Engine, una: str) -> None:
    r = rotar(motor_sqlite, claves=una)
    assert r.exit_code == 1
    assert "ENCRYPTION_KEY=<nueva>,<actual>" in r.stderr
    assert VIEJA not in r.output


def test_a_medio_camino_el_trabajador_lee_unas_y_otras(sesiones: Sesiones) -> None:
    sembrar(sesiones, 6)
    hechas = list(islice(rotacion.rotar(sesiones, cifrador(AMBAS)), 3))  # and then it dies
    assert {suerte for _, suerte in hechas} == {Suerte.RECIFRADA}
    assert len(leidas(sesiones, NUEVA)) == len(leidas(sesiones, VIEJA)) == 3
    trabajador = Claves(settings_con(AMBAS), sesiones)
    with sesiones.transaccion() as s:
        duenos = list(s.scalars(select(ApiKey.usuario_id)))
    for usuario_id in duenos:
        clave = trabajador.de(usuario_id, "meteoblue")
        assert clave is not None
        assert clave.clave == f"clave-canaria-{usuario_id}"
    seguir = [suerte for _, suerte in rotacion.rotar(sesiones, cifrador(AMBAS))]
    assert seguir == [Suerte.YA_NUEVA] * 3 + [Suerte.RECIFRADA] * 3


def test_si_la_matan_se_repite_y_no_se_pierde_ninguna(motor: Engine, sesiones: Sesiones) -> None:
    """By SIGKILL, in the middle."""
    sembrar(sesiones, CUANTAS)
    entorno = entorno_limpio(**entorno_de(motor, ENCRYPTION_KEY=AMBAS))
    with subprocess.Popen([sys.executable, "-m", "deploy.cli", "rotar-clave"], env=entorno, stdout=-1) as proceso:
        esperar(lambda: primera(sesiones, NUEVA), "the first row")
        proceso.kill()
    hechas = len(leidas(sesiones, NUEVA))
    assert 0 < hechas < CUANTAS
    assert hechas + len(leidas(sesiones, VIEJA)) == CUANTAS
    r = rotar(motor)
    assert f"Recifradas: {CUANTAS - hechas}.\nYa estaban bajo la primera clave: {hechas}." in r.output
    assert len(leidas(sesiones, NUEVA)) == CUANTAS


class Interrumpido(Cifrador):
    """Its owner changes the key, from another connection, while it is being re-encrypted."""

    cambio: Any = None

    def recifrar(self, cifrado: str) -> str:
        nuevo = super().recifrar(cifrado)
        if self.cambio:
            cambio, self.cambio = self.cambio, None
            cambio()
        return nuevo


@pytest.mark.parametrize("proceso", [AMBAS, VIEJA], ids=["reiniciado", "por_reiniciar"])
@pytest.mark.parametrize(
    "cambios", [{"api_key": "la-mas-nueva"}, {"api_secret": "la-mas-nueva"}], ids=["clave", "secreto"]
)
def test_lo_que_su_dueno_cambia_a_la_vez_no_se_pisa(
    motor_mariadb: Engine, proceso: str, cambios: dict[str, str]
) -> None:
    """On SQLite it cannot happen: a transaction that may write is alone."""
    sesiones = Sesiones(motor_mariadb)
    (clave_id,) = sembrar(sesiones, 1)

    def cambiar() -> None:
        with sesiones.transaccion() as s:
            api_keys.cambiar(s, cifrador(proceso), s.get_one(ApiKey, clave_id), **cambios)

    rotador = Interrumpido(settings_con(AMBAS))
    rotador.cambio = cambiar
    try:
        assert [suerte for _, suerte in rotacion.rotar(sesiones, rotador)] in ([Suerte.RECIFRADA], [Suerte.YA_NUEVA])
        (clara,) = leidas(sesiones, NUEVA)
        assert "la-mas-nueva" in clara
    finally:
        with sesiones.transaccion() as s:
            s.execute(delete(Usuario))


def test_lo_que_su_dueno_borra_a_la_vez_no_estorba(motor_mariadb: Engine) -> None:
    sesiones = Sesiones(motor_mariadb)
    sembrar(sesiones, 1)

    def borrar() -> None:
        with sesiones.transaccion() as s:
            s.execute(delete(Usuario))

    rotador = Interrumpido(settings_con(AMBAS))
    rotador.cambio = borrar
    assert [suerte for _, suerte in rotacion.rotar(sesiones, rotador)] == [Suerte.BORRADA]


def test_si_un_proceso_sigue_guardando_con_la_vieja_se_dice(
    motor: Engine, sesiones: Sesiones, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = sembrar(sesiones, 3)
    de_verdad = rotacion.rotar

    def rotar_y_guardar(*args: Any, **opciones: Any) -> Iterator[tuple[int, Suerte]]:
        yield from de_verdad(*args, **opciones)
        with sesiones.transaccion() as s:
            api_keys.cambiar(s, cifrador(VIEJA), s.get_one(ApiKey, ids[0]), api_key="guardada-tarde")

    monkeypatch.setattr(rotacion, "rotar", rotar_y_guardar)
    r = rotar(motor)
    assert "alguien guardó 1 bajo una clave vieja" in queja(r)
    assert "quítelas" not in r.output
    monkeypatch.undo()
    assert "Recifradas: 1." in rotar(motor).output


def test_las_ilegibles_se_nombran_y_quedan_como_estaban(motor: Engine, sesiones: Sesiones) -> None:
    sembrar(sesiones, 4)
    with sesiones.transaccion() as s:
        filas = list(s.scalars(select(ApiKey).order_by(ApiKey.id)))
        filas[1].api_key_encrypted = perdida = cifrador(PERDIDA).cifrar("x")
        filas[3].api_secret_encrypted = "esto no es Fernet, ñ"
        ids = f"{filas[1].id}, {filas[3].id}"
    r = rotar(motor)
    assert f"No se leen con ninguna clave de ENCRYPTION_KEY: {ids}." in queja(r)
    assert "Recifradas: 2." in r.output
    assert "Ilegibles: 2." in r.output
    with sesiones.transaccion() as s:
        despues = list(s.scalars(select(ApiKey).order_by(ApiKey.id)))
    assert despues[1].api_key_encrypted == perdida
    assert cifrador(VIEJA).descifrar(despues[3].api_key_encrypted)  # both columns or neither
    con_las_tres = rotar(motor, claves=f"{AMBAS},{PERDIDA}")
    assert "Recifradas: 1." in con_las_tres.output
    assert "Ilegibles: 1." in con_las_tres.output


def test_se_dice_por_donde_va(motor: Engine, sesiones: Sesiones) -> None:
    sembrar(sesiones, 250)
    r = rotar(motor)
    assert "  100 de 250\n  200 de 250\nRecifradas: 250." in r.output


def test_sin_ninguna_guardada_no_hay_nada_que_hacer(motor_sqlite: Engine) -> None:
    r = rotar(motor_sqlite)
    assert r.exit_code == 0
    assert "Recifradas: 0." in r.output
    with Sesiones(motor_sqlite).transaccion() as s:
        s.execute(delete(LogActividad))


def test_una_clave_guardada_tras_el_cambio_va_bajo_la_nueva(sesiones: Sesiones) -> None:
    with sesiones.transaccion() as s:
        ana = usuarios.crear(s, username="ana", email="ana@b.co", password="x" * 8, rounds=4)
        api_keys.crear(s, cifrador(AMBAS), ana.id, proveedor="openweather", api_key="clave-canaria")
    assert leidas(sesiones, NUEVA) == ["clave-canaria"]
