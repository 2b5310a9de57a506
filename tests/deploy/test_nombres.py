"""Names from before today's rules: `db upgrade` and `revisar-nombres` tell them, `renombrar` mends them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, select

from shared import sesiones, usuarios
from shared.db import Sesiones
from shared.modelos import LogActividad, Usuario
from tests.deploy.ordenes import climaguru, entorno_de, queja
from tests.deploy.test_terminal import escondidos

BIEN = ("ana", "ana@ejemplo.co", "Ana Pérez")


@pytest.fixture
def entorno(motor: Engine) -> Iterator[dict[str, str]]:
    yield entorno_de(motor)
    with Sesiones(motor).transaccion() as s:
        s.execute(delete(LogActividad))
        s.execute(delete(Usuario))


def de_antes(motor: Engine, *cuentas: tuple[str, str, str | None]) -> list[int]:
    """Accounts written past today's rules; their ids."""
    with Sesiones(motor).transaccion() as s:
        filas = [
            Usuario(username=usuario, email=correo, nombre_completo=nombre, password_hash="x")
            for usuario, correo, nombre in cuentas
        ]
        s.add_all(filas)
        s.flush()
        return [fila.id for fila in filas]


@pytest.mark.parametrize("orden", [("db", "upgrade"), ("revisar-nombres",)])
def test_se_dice_de_cada_cuenta_que_no_valdria_y_que_hacer(
    motor: Engine, entorno: dict[str, str], orden: tuple[str, ...]
) -> None:
    _, punto, oculta, vieja = de_antes(
        motor,
        BIEN,
        (".beto.", "beto@ejemplo.co", None),
        ("carla", "car\u200bla@ejemplo.co", "Carla\u202e ziD"),
        ("dora", "dora@ejemplo.co", "Dora Mun\u0303oz"),  # n and a tilde of its own
    )
    r = climaguru(entorno, *orden)
    assert r.exit_code == 0, r.output
    assert escondidos(r.output) == []
    assert "que hoy no se aceptarían: 4." in r.output
    lineas = [linea.strip() for linea in r.output.splitlines() if linea.startswith("  id ")]
    assert [linea.partition("»:")[0] for linea in lineas] == [
        f"id {punto}, usuario «.beto.",
        f"id {oculta}, correo «car\\u200bla@ejemplo.co",
        f"id {oculta}, nombre «Carla\\u202e ziD",
        f"id {vieja}, nombre «Dora Mun\u0303oz",
    ]
    assert "caracteres invisibles" in lineas[2]
    assert "NFC" in lineas[3]
    assert "climaguru renombrar ID" in r.output


def test_si_todas_valen_no_hay_nada_que_decir(motor: Engine, entorno: dict[str, str]) -> None:
    de_antes(motor, BIEN)
    assert climaguru(entorno, "db", "upgrade").stdout == "Esquema al día.\n"
    assert climaguru(entorno, "revisar-nombres").output == "Todas las cuentas tienen nombres que hoy se aceptarían.\n"


def test_de_muchas_se_dicen_cincuenta_y_cuantas_son(motor: Engine, entorno: dict[str, str]) -> None:
    de_antes(motor, *((f".c{n}", f"c{n}@ejemplo.co", None) for n in range(53)))
    r = climaguru(entorno, "revisar-nombres")
    assert (r.output.count("  id "), "aceptarían: 53." in r.output, "… y 3 más." in r.output) == (50, True, True)


def test_decirlo_no_cambia_nada(motor: Engine, entorno: dict[str, str]) -> None:
    (una,) = de_antes(motor, (".beto.", "beto@ejemplo.co", "Be\u200bto"))
    climaguru(entorno, "db", "upgrade")
    with Sesiones(motor).transaccion() as s:
        cuenta = s.get_one(Usuario, una)
        assert (cuenta.username, cuenta.nombre_completo) == (".beto.", "Be\u200bto")
        assert s.scalars(select(LogActividad)).all() == []


def test_renombrada_ya_no_esta_en_la_lista_y_conserva_clave_y_sesiones(motor: Engine, entorno: dict[str, str]) -> None:
    with Sesiones(motor).transaccion() as s:
        antes = usuarios.crear(s, username=".beto.", email="be\u200bto@ejemplo.co", password="una frase", rounds=4)
        visita = sesiones.Visita(None, None, datetime.now(UTC) + timedelta(days=1))
        abierta = sesiones.abrir(s, antes.id, visita)[0].id
    r = climaguru(entorno, "renombrar", str(antes.id), "--usuario", "beto", "--correo", "beto@ejemplo.co")
    assert r.exit_code == 0, r.output
    assert r.output.splitlines() == [
        f"Cuenta {antes.id}, usuario: «.beto.» es ahora «beto».",
        f"Cuenta {antes.id}, correo: «be\\u200bto@ejemplo.co» es ahora «beto@ejemplo.co».",
    ]
    assert "hoy se aceptarían" in climaguru(entorno, "revisar-nombres").output
    with Sesiones(motor).transaccion() as s:
        assert sesiones.con_token(s, antes.id, abierta, sesiones.epoca(antes)) is not None
        (fila,) = s.scalars(select(LogActividad))
    assert (fila.accion, fila.user_agent) == ("cambiar_usuario", "climaguru renombrar")
    assert fila.detalle == {"usuario_id": antes.id, "username": "beto", "email": "beto@ejemplo.co"}
    with Sesiones(motor).fabrica() as s:
        assert usuarios.Cerradura(4).abrir(s, "beto", "una frase") is not None


@pytest.mark.parametrize(
    ("opciones", "dice"),
    [
        (("--usuario", ".otra"), "usuario: Entre 3 y 50"),
        (("--usuario", "be\u200bto"), "usuario: Entre 3 y 50"),
        (("--correo", "nada"), "correo: Debe ser un correo"),
        (("--nombre", "Be\u200bto"), "nombre: No puede llevar caracteres invisibles"),
        (("--usuario", "ANA"), "Ya existe una cuenta con ese usuario."),
        (("--correo", "Ana@ejemplo.co"), "Ya existe una cuenta con ese correo."),
        (("--usuario", "ana", "--correo", "ana@ejemplo.co"), "Ya existe una cuenta con ese usuario y ese correo."),
    ],
)
def test_un_nombre_malo_o_tomado_no_cambia_nada(
    motor: Engine, entorno: dict[str, str], opciones: tuple[str, ...], dice: str
) -> None:
    _, beto = de_antes(motor, BIEN, (".beto.", "beto@ejemplo.co", None))
    assert dice in queja(climaguru(entorno, "renombrar", str(beto), *opciones))
    with Sesiones(motor).transaccion() as s:
        assert s.get_one(Usuario, beto).username == ".beto."
        assert s.scalars(select(LogActividad)).all() == []


def test_renombrar_pide_un_nombre_y_una_cuenta_que_exista(entorno: dict[str, str]) -> None:
    assert climaguru(entorno, "renombrar", "1").exit_code == 2
    assert queja(climaguru(entorno, "renombrar", "999999", "--usuario", "beto")).endswith("con el id 999999.")
