"""Sessions of users, on MariaDB and on SQLite: what a refresh token is good for, what ends, what a migration keeps."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Barrier

import pytest
from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.orm import Session

from shared import esquema, sesiones, usuarios
from shared.db import Sesiones, crear_motor
from shared.modelos import Sesion, Usuario
from shared.sesiones import MAX_SESIONES, REPETIBLE_S, Reusado, Visita
from tests.conftest import hacer_settings
from tests.servidores import MariaDB
from tests.shared.test_limpieza import en_vacio
from tests.shared.test_reportes import usuario

A_LA_VEZ = 12


def visita(horas: float = 24) -> Visita:
    return Visita("190.85.12.7", "x" * 400, datetime.now(UTC) + timedelta(hours=horas))


def abrir(s: Session, usuario_id: int, horas: float = 24) -> Sesion:
    return sesiones.abrir(s, usuario_id, visita(horas))[0]


def pasan(s: Session, segundos: float) -> None:
    """As if every session had been used that much earlier."""
    for sesion in s.scalars(select(Sesion)):
        sesion.usada_en -= timedelta(seconds=segundos)
    s.flush()


def vivas(s: Session, usuario_id: int) -> set[str]:
    return set(s.scalars(select(Sesion.id).where(Sesion.usuario_id == usuario_id)))


# --- against a plain reading of the rules --------------------------------------------------------------


@dataclass
class Llavero:
    """What somebody wrote down of a session: every refresh token it ever had, the last of them good."""

    dueno: int
    tokens: list[str]
    hace_s: float = 0
    jubilados: set[str] = field(default_factory=set)


def refrescar(s: Session, id_: str, suyo: Llavero, jti: str) -> bool:
    """Do it, and check that it went as the rules say. False: it ended the session."""
    esperado = {
        jti == suyo.tokens[-1]: "otro",
        len(suyo.tokens) > 1 and jti == suyo.tokens[-2] and suyo.hace_s < REPETIBLE_S: "el mismo",
    }.get(True)
    if esperado is None:
        with pytest.raises(Reusado):
            sesiones.rotar(s, suyo.dueno, id_, jti, visita())
        return False
    sesion = sesiones.rotar(s, suyo.dueno, id_, jti, visita())
    assert sesion is not None
    if esperado == "el mismo":
        assert sesion.jti_refresco == suyo.tokens[-1]
    else:
        assert sesion.jti_refresco not in suyo.tokens
        suyo.tokens.append(sesion.jti_refresco)
        suyo.hace_s = 0
    return True


@pytest.mark.parametrize("semilla", range(12))
def test_cada_refresco_hace_lo_que_dicen_las_reglas(s: Session, semilla: int) -> None:
    azar = Random(semilla)
    quienes = [usuario(s, nombre) for nombre in ("ana", "beto")]
    abiertas: dict[str, Llavero] = {}
    for _ in range(80):
        que = azar.choices(["entrar", "refrescar", "esperar", "salir", "salir de las otras"], [3, 12, 4, 1, 0.3])[0]
        dueno, id_ = azar.choice(quienes), azar.choice([*abiertas, ""])
        if que == "entrar":
            nueva = abrir(s, dueno)
            abiertas[nueva.id] = Llavero(dueno, [nueva.jti_refresco])
        elif que == "esperar":
            segundos = azar.choice([1, 9, 20, 45])
            pasan(s, segundos)
            for suyo in abiertas.values():
                suyo.hace_s += segundos
        elif que == "refrescar" and id_:
            jti = azar.choice([abiertas[id_].tokens[-1]] * 3 + abiertas[id_].tokens[-3:])
            if not refrescar(s, id_, abiertas[id_], jti):
                del abiertas[id_]
        elif que == "salir" and id_:
            assert sesiones.cerrar(s, abiertas.pop(id_).dueno, id_) == 1
        elif que == "salir de las otras" and id_:
            otras = [i for i, suyo in abiertas.items() if suyo.dueno == abiertas[id_].dueno and i != id_]
            assert sesiones.cerrar_otras(s, abiertas[id_].dueno, id_) == len(otras)
            for otra in otras:
                del abiertas[otra]
        assert vivas(s, quienes[0]) | vivas(s, quienes[1]) == set(abiertas)


# --- rule by rule --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hace_s", "vale"), [(REPETIBLE_S - 2, True), (REPETIBLE_S + 1, False)])
def test_el_plazo_para_repetir_lo_mide_el_reloj_de_la_base(s: Session, hace_s: float, vale: bool) -> None:
    ana = usuario(s)
    sesion = abrir(s, ana)
    primero = sesion.jti_refresco
    sesiones.rotar(s, ana, sesion.id, primero, visita())
    pasan(s, hace_s)
    if vale:
        assert sesiones.rotar(s, ana, sesion.id, primero, visita(1)) is sesion
        assert sesion.expira_en > datetime.now(UTC) + timedelta(hours=23), "what was given is as it was given"
    else:
        with pytest.raises(Reusado):
            sesiones.rotar(s, ana, sesion.id, primero, visita())
        assert vivas(s, ana) == set()


def test_la_sesion_de_otro_ni_se_refresca_ni_se_cierra(s: Session) -> None:
    ana, beto = usuario(s), usuario(s, "beto")
    de_ana = abrir(s, ana)
    assert sesiones.rotar(s, beto, de_ana.id, de_ana.jti_refresco, visita()) is None
    assert sesiones.cerrar(s, beto, de_ana.id) == 0
    assert sesiones.cerrar_otras(s, beto, "ninguna") == 0
    assert sesiones.con_token(s, beto, de_ana.id, "") is None
    assert sesiones.con_token(s, ana, de_ana.id, "") is not None


@pytest.mark.parametrize("como", ["otra clave", "desactivada", "borrada"])
def test_lo_que_cierra_todas_no_toca_las_de_otros(s: Session, como: str) -> None:
    ana, beto = usuario(s), usuario(s, "beto")
    for quien in (ana, ana, beto):
        abrir(s, quien)
    cuenta = s.get_one(Usuario, ana)
    if como == "otra clave":
        assert usuarios.cambiar_password(s, cuenta, "nueva")
    elif como == "desactivada":
        usuarios.cambiar(s, cuenta, activo=False)
    else:
        s.execute(text("DELETE FROM usuarios WHERE id = :id"), {"id": ana})
    assert (len(vivas(s, ana)), len(vivas(s, beto))) == (0, 1)


def test_quien_entra_con_la_clave_vieja_mientras_se_cambia_no_tiene_un_token_que_sirva(s: Session) -> None:
    ana = usuario(s)
    cuenta = s.get_one(Usuario, ana)
    antes = sesiones.epoca(cuenta)
    assert usuarios.cambiar_password(s, cuenta, "nueva")
    tarde = abrir(s, ana)
    assert sesiones.con_token(s, ana, tarde.id, antes) is None


def test_un_cambio_que_no_se_hizo_no_cierra_nada(s: Session) -> None:
    ana = usuario(s)
    abrir(s, ana)
    antes = s.get_one(Usuario, ana)
    s.execute(text("UPDATE usuarios SET password_hash = 'otra'"))
    assert not usuarios.cambiar_password(s, antes, "nueva")
    usuarios.cambiar(s, antes, nombre_completo="Ana")
    assert len(vivas(s, ana)) == 1


def test_de_mas_se_van_la_que_caduco_luego_las_sin_refrescar_y_siempre_la_menos_usada(s: Session) -> None:
    ana, beto = usuario(s), usuario(s, "beto")
    de_beto = abrir(s, beto)
    refrescada, caducada, vieja = abrir(s, ana), abrir(s, ana, -1), abrir(s, ana)
    sesiones.rotar(s, ana, caducada.id, caducada.jti_refresco, visita(-1))
    sesiones.rotar(s, ana, refrescada.id, refrescada.jti_refresco, visita())
    pasan(s, 3600)
    nuevas = [abrir(s, ana) for _ in range(MAX_SESIONES - 3)]
    assert len(vivas(s, ana)) == MAX_SESIONES
    for sobra in (caducada, vieja, nuevas[0]):
        assert sobra.id in vivas(s, ana)
        _, cerradas = sesiones.abrir(s, ana, visita())
        assert cerradas == 1
        assert sobra.id not in vivas(s, ana)
        pasan(s, 1)
    assert refrescada.id in vivas(s, ana)
    assert vivas(s, beto) == {de_beto.id}


def test_la_lista_es_de_las_que_siguen_la_ultima_usada_primero(s: Session) -> None:
    ana = usuario(s)
    primera = abrir(s, ana)
    pasan(s, 60)
    segunda = abrir(s, ana)
    abrir(s, ana, -0.01)
    assert list(s.scalars(sesiones.seleccionar(ana))) == [segunda, primera]
    sesiones.rotar(s, ana, primera.id, primera.jti_refresco, visita())
    assert [x.id for x in s.scalars(sesiones.seleccionar(ana))] == [primera.id, segunda.id]
    assert segunda.user_agent is not None
    assert len(segunda.user_agent) == 255


# --- several at once, committed ------------------------------------------------------------------------


@pytest.fixture
def base(motor: Engine) -> Iterator[Sesiones]:
    with en_vacio(motor) as hechas:
        yield hechas


def test_muchos_a_la_vez_con_el_mismo_token_reciben_el_mismo(base: Sesiones) -> None:
    with base.transaccion() as s:
        ana = usuario(s)
        sesion = abrir(s, ana)
    jti, juntos = sesion.jti_refresco, Barrier(A_LA_VEZ)

    def uno(_: int) -> str:
        juntos.wait()
        with base.transaccion() as s:
            rotada = sesiones.rotar(s, ana, sesion.id, jti, visita())
            assert rotada is not None
            return rotada.jti_refresco

    with ThreadPoolExecutor(A_LA_VEZ) as hilos:
        sucesores = set(hilos.map(uno, range(A_LA_VEZ)))
    assert len(sucesores) == 1
    with base.transaccion() as s:
        assert s.get_one(Sesion, sesion.id).jti_refresco == sucesores.pop()


def test_todo_lo_que_cambia_sesiones_a_la_vez_acaba_sin_abrazos_mortales(base: Sesiones) -> None:
    """Of two users; whoever asks is answered at the first try: nobody waits in a circle."""
    with base.transaccion() as s:
        quienes = [usuario(s, nombre) for nombre in ("ana", "beto")]
        for quien in quienes * 4:
            abrir(s, quien)

    def uno(n: int) -> None:
        azar = Random(n)
        for _ in range(6):
            quien = azar.choice(quienes)
            with base.transaccion() as s:
                cuenta = s.get_one(Usuario, quien)
                suyas = list(s.scalars(select(Sesion).where(Sesion.usuario_id == quien)))
            with base.transaccion() as s:
                if n % 4 == 0:
                    usuarios.anotar_login(s, cuenta)
                    abrir(s, quien)
                elif n % 4 == 1:
                    usuarios.cambiar_password(s, cuenta, str(azar.random()))
                elif suyas:
                    una = azar.choice(suyas)
                    with suppress(Reusado):
                        sesiones.rotar(s, quien, una.id, azar.choice([una.jti_refresco, "otro"]), visita())
                usuarios.anotar(s, "x", quien)

    with ThreadPoolExecutor(8) as hilos:
        assert list(hilos.map(uno, range(8))) == [None] * 8


# --- the migration -------------------------------------------------------------------------------------


@pytest.mark.parametrize("tipo", ["mariadb", "sqlite"])
def test_la_migracion_va_y_vuelve_con_datos_y_la_version_anterior_sigue(
    mariadb: MariaDB, tmp_path: Path, tipo: str
) -> None:
    url = mariadb.crear_base("cg_sesiones") if tipo == "mariadb" else f"sqlite:///{tmp_path / 's.db'}"
    motor = crear_motor(hacer_settings(url, "redis://127.0.0.1:1"))
    esquema.subir(motor, "0008")
    with Sesiones(motor).transaccion() as s:
        ana = usuario(s)
        s.execute(text("INSERT INTO tokens_revocados (jti, expira_en) VALUES ('uno', '2030-01-01')"))
    for _ in range(2):
        esquema.subir(motor)
        with Sesiones(motor).transaccion() as s:
            abrir(s, ana)
            # what the release before asks at each request, and writes at a log-out, while it is being replaced
            de_antes = (
                "SELECT 1 FROM usuarios WHERE activo AND NOT EXISTS (SELECT * FROM tokens_revocados WHERE jti = 'uno')"
            )
            assert s.execute(text(de_antes)).all() == []
        esquema.bajar(motor, "0008")
        assert not inspect(motor).has_table("sesiones")
        with Sesiones(motor).transaccion() as s:
            assert s.get(Usuario, ana) is not None
    motor.dispose()
