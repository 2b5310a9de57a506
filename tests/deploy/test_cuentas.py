"""crear-admin and cambiar-clave, on MariaDB and on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, select

from api.esquemas.cuentas import FACIL
from deploy.local.pila import generar_secretos
from shared import sesiones, usuarios
from shared.db import Sesiones
from shared.modelos import LogActividad, Rol, Usuario
from tests.deploy.ordenes import climaguru, entorno_de, queja
from tests.servidores import MariaDB

CLAVE = "canaria de la consola"
TECLEADA = f"{CLAVE}\n{CLAVE}\n"
LUISA = ("--usuario", "luisa", "--correo", "luisa@ejemplo.co")


@pytest.fixture
def entorno(motor: Engine) -> Iterator[dict[str, str]]:
    yield entorno_de(motor)
    with Sesiones(motor).transaccion() as s:
        s.execute(delete(LogActividad))
        s.execute(delete(Usuario))


def entra(motor: Engine, nombre: str, clave: str) -> Usuario | None:
    with Sesiones(motor).fabrica() as s:
        return usuarios.Cerradura(4).abrir(s, nombre, clave)


def anotadas(motor: Engine) -> list[LogActividad]:
    with Sesiones(motor).transaccion() as s:
        return list(s.scalars(select(LogActividad).order_by(LogActividad.id)))


def test_un_administrador_nace_con_la_clave_que_se_teclea(motor: Engine, entorno: dict[str, str]) -> None:
    r = climaguru(entorno, "crear-admin", teclas="luisa\nluisa@ejemplo.co\n" + TECLEADA)
    assert r.exit_code == 0, r.output
    assert "Administrador «luisa» creado." in r.output
    assert CLAVE not in r.output
    luisa = entra(motor, "luisa", CLAVE)
    assert luisa is not None
    assert luisa.rol == Rol.ADMIN
    (fila,) = anotadas(motor)
    assert (fila.accion, fila.user_agent) == ("crear_usuario", "climaguru crear-admin")
    assert fila.detalle == {"usuario_id": luisa.id, "rol": "admin"}


def test_la_clave_generada_se_muestra_una_vez_y_sirve(motor: Engine, entorno: dict[str, str]) -> None:
    r = climaguru(entorno, "crear-admin", *LUISA, "--generar")
    clave = r.output.split("Contraseña: ")[1].split()[0]
    assert r.output.count(clave) == 1
    assert entra(motor, "luisa@ejemplo.co", clave) is not None
    assert clave not in str([f.detalle for f in anotadas(motor)])


@pytest.mark.parametrize(
    ("orden", "teclas", "dice"),
    [
        (("--usuario", "lu isa", "--correo", "luisa@ejemplo.co"), TECLEADA, "usuario: Entre 3 y 50"),
        (("--usuario", "luisa", "--correo", "nada"), TECLEADA, "correo: Debe ser un correo"),
        (("--usuario", "lu\udcffisa", "--correo", "luisa@ejemplo.co"), TECLEADA, "usuario: "),
        (LUISA, "breve\n", "contraseña: Necesita al menos 10 caracteres."),
        (LUISA, "x" * 73 + "\n", "contraseña: Puede ocupar 72 bytes"),
        (LUISA, f"{CLAVE}\notra distinta\n", "no son iguales"),
        (LUISA, "", "No se escribió ninguna contraseña"),
    ],
)
def test_lo_mal_tecleado_se_dice_y_no_crea_nada(
    motor: Engine, entorno: dict[str, str], orden: tuple[str, ...], teclas: str, dice: str
) -> None:
    assert dice in queja(climaguru(entorno, "crear-admin", *orden, teclas=teclas))
    assert anotadas(motor) == []
    assert entra(motor, "luisa", CLAVE) is None


def test_en_produccion_la_consola_tampoco_toma_una_adivinable(motor_mariadb: Engine) -> None:
    produccion = entorno_de(motor_mariadb, FLASK_ENV="production", **generar_secretos())
    dice = f"Error: contraseña: {FACIL}"
    assert queja(climaguru(produccion, "crear-admin", *LUISA, teclas="password123\n")) == dice
    assert queja(climaguru(produccion, "crear-admin", *LUISA, teclas="luisa@ejemplo.co\n")).endswith("ni su correo.")
    assert climaguru(produccion, "crear-admin", *LUISA, "--generar").exit_code == 0
    assert queja(climaguru(produccion, "cambiar-clave", "--usuario", "luisa", teclas="luisa12345\n")) == dice
    assert climaguru(produccion, "cambiar-clave", "--usuario", "luisa", "--generar").exit_code == 0
    with Sesiones(motor_mariadb).transaccion() as s:
        s.execute(delete(LogActividad))
        s.execute(delete(Usuario))


def test_fuera_de_produccion_la_consola_si_la_toma(entorno: dict[str, str]) -> None:
    assert climaguru(entorno, "crear-admin", *LUISA, teclas="password123\npassword123\n").exit_code == 0


def test_un_usuario_o_correo_que_ya_esta_se_nombra(entorno: dict[str, str]) -> None:
    climaguru(entorno, "crear-admin", *LUISA, teclas=TECLEADA)
    repetida = ("--usuario", "LUISA", "--correo", "Luisa@ejemplo.co", "--generar")
    assert queja(climaguru(entorno, "crear-admin", *repetida)) == (
        "Error: Ya existe una cuenta con ese usuario y ese correo."
    )


def test_la_clave_nunca_es_un_argumento(entorno: dict[str, str]) -> None:
    for orden in ("crear-admin", "cambiar-clave"):
        for opcion in ("--password", "--clave", "--contraseña"):
            assert climaguru(entorno, orden, "--usuario", "ana", opcion, CLAVE).exit_code == 2


def test_cambiar_la_clave_olvidada_cierra_las_sesiones_y_queda_anotado(motor: Engine, entorno: dict[str, str]) -> None:
    climaguru(entorno, "crear-admin", *LUISA, "--generar")
    with Sesiones(motor).transaccion() as s:
        antes = usuarios.buscar(s, "luisa")
        assert antes is not None
        abierta, _ = sesiones.abrir(s, antes.id, sesiones.Visita(None, None, datetime.now(UTC) + timedelta(days=1)))
        assert sesiones.con_token(s, antes.id, abierta.id, sesiones.epoca(antes)) is not None
    r = climaguru(entorno, "cambiar-clave", "--usuario", "LUISA@ejemplo.co", teclas=TECLEADA)
    assert r.exit_code == 0, r.output
    assert "Contraseña de «luisa» cambiada" in r.output
    assert CLAVE not in r.output
    assert entra(motor, "luisa", CLAVE) is not None
    with Sesiones(motor).transaccion() as s:
        assert sesiones.con_token(s, antes.id, abierta.id, sesiones.epoca(antes)) is None
    fila = anotadas(motor)[-1]
    assert (fila.accion, fila.user_agent) == ("cambiar_password", "climaguru cambiar-clave")
    assert fila.detalle == {"usuario_id": antes.id}


def test_cambiar_clave_tambien_la_genera_y_avisa_de_una_cuenta_inactiva(motor: Engine, entorno: dict[str, str]) -> None:
    with Sesiones(motor).transaccion() as s:
        ana = usuarios.crear(s, username="ana", email="ana@ejemplo.co", password=CLAVE, rounds=4)
        usuarios.cambiar(s, ana, activo=False)
    r = climaguru(entorno, "cambiar-clave", "--usuario", "ana", "--generar")
    clave = r.output.split("Contraseña: ")[1].split()[0]
    assert r.output.count(clave) == 1
    assert "La cuenta está inactiva" in r.output
    with Sesiones(motor).transaccion() as s:
        usuarios.cambiar(s, s.get_one(Usuario, ana.id), activo=True)
    assert entra(motor, "ana", clave) is not None


@pytest.mark.parametrize("nombre", ["nadie", "", "lu\udcffisa", "%"])
def test_cambiar_la_clave_de_quien_no_existe_se_dice(entorno: dict[str, str], nombre: str) -> None:
    assert "No hay ninguna cuenta" in queja(climaguru(entorno, "cambiar-clave", "--usuario", nombre, "--generar"))


ORDENES = (
    ("crear-admin", *LUISA, "--generar"),
    ("cambiar-clave", "--usuario", "ana", "--generar"),
    ("rotar-clave", "--simular"),
    ("db", "upgrade"),
    ("db", "downgrade", "base", "--yes"),
)


@pytest.mark.parametrize("orden", ORDENES)
@pytest.mark.parametrize(
    ("url", "dice"),
    [
        ("mysql://u:clave-canaria@127.0.0.1:9/b", "no responde"),
        ("mysql://u:clave-canaria@127.0.0.1:puerto/b", "no se entiende"),
        ("clave-canaria", "no se entiende"),
        ("nada://u:clave-canaria@127.0.0.1/b", "no se entiende"),
        ("mysql://u:clave-canaria@127.0.0.1:9/b?inventada=1", "no se entiende"),
        ("mysql://u:clave-canaria@127.0.0.1:9/b?ssl_ca=/no/esta", "no responde"),
        ("sqlite:////no/esta/canaria.db", "no responde"),
    ],
)
def test_sin_base_de_datos_se_dice_en_una_frase(
    motor_sqlite: Engine, orden: tuple[str, ...], url: str, dice: str
) -> None:
    frase = queja(climaguru(entorno_de(motor_sqlite, DATABASE_URL=url), *orden))
    assert dice in frase
    assert "canaria" not in frase


def test_lo_que_el_servidor_rechaza_se_dice(mariadb: MariaDB, motor_mariadb: Engine) -> None:
    mariadb.ejecutar("CREATE USER IF NOT EXISTS 'ajeno'@'127.0.0.1' IDENTIFIED BY 'buena'")
    casos = {
        f"mysql://ajeno:mala@127.0.0.1:{mariadb.puerto}/cg_verbos": "rechazó el usuario o la clave",
        f"mysql://ajeno:buena@127.0.0.1:{mariadb.puerto}/cg_verbos": "no deja entrar",
        f"mysql://root@127.0.0.1:{mariadb.puerto}/no_existe": "no existe en el servidor",
        f"mysql://root@127.0.0.1:{mariadb.puerto}/mysql": "Ejecute antes «climaguru db upgrade»",
    }
    for url, dice in casos.items():
        for orden in ORDENES[:3]:
            assert dice in queja(climaguru(entorno_de(motor_mariadb, DATABASE_URL=url), *orden))
