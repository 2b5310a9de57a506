"""A database as months of work leave it, and running backup.sh and restore.sh on it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from sqlalchemy.orm import Session

from shared import api_keys, consultas, ejecuciones, favoritas, programaciones, usuarios
from shared.cifrado import Cifrador
from shared.clima import Formato, Parametro, TipoConsulta, fuente_json
from shared.db import Sesiones
from shared.modelos import CodigoError
from shared.respuestas import guardar_respuesta, guardar_series
from shared.series import empacar
from tests.pila import entorno_limpio
from tests.servidores import MariaDB, binario
from tests.shared.test_consultas import HOY, MES, RESULTADO

DEPLOY = Path(__file__).parents[2] / "deploy"
CLAVE = """cl'av"e \\x41\\ #%41ñ/@:?&$(id)`"""  # what a shell, an option file or a URL may stumble over
SEGUIDA = "seguida"  # the accion of what is written in the same transaction as a consulta
CLAVES = ("openweather", "meteoblue", "meteosource")


@dataclass
class Fin:
    codigo: int
    salida: str
    quejas: str


class Vigia:
    """What every process of the machine shows of its command line, read without pause."""

    def __init__(self) -> None:
        self.vistas: set[bytes] = set()
        self._fin = Event()
        self._hilo = Thread(target=self._mirar)

    def __enter__(self) -> Vigia:
        self._hilo.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._fin.set()
        self._hilo.join()

    def _mirar(self) -> None:
        while not self._fin.wait(0.002):
            for proceso in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.vistas.add(proceso.read_bytes())
                except OSError:
                    continue


def ejecutar(guion: str, *opciones: object, **entorno: str) -> Fin:
    """deploy/<guion> as ops run it, in a clean environment."""
    orden = ["bash", str(DEPLOY / guion), *map(str, opciones)]
    fin = subprocess.run(
        orden, env=entorno_limpio(**entorno), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return Fin(fin.returncode, fin.stdout, fin.stderr)


def espias(carpeta: Path) -> tuple[str, Path]:
    """A PATH on which every program the scripts start writes down its command line first; and where.

    Looking at /proc alone would miss a client of MySQL, which wipes a password from its own at once.
    """
    registro = carpeta / "ordenes"
    for nombre in ("mariadb-dump", "mariadb", "age", "zstd", "tee", "sed", "stat", "mktemp", "cut", "tr", "env", "sh"):
        testigo = carpeta / nombre
        testigo.write_text(f'#!/bin/sh\nprintf \'%s\\n\' "$0 $*" >>{registro}\nexec {binario(nombre)} "$@"\n')
        testigo.chmod(0o755)
    return f"{carpeta}:/usr/bin:/bin", registro


def claves_age(carpeta: Path) -> tuple[Path, Path]:
    """A new pair: the file with the private key, the file with the public one."""
    privada, publica = carpeta / "respaldo.key", carpeta / "destinatarios"
    subprocess.run([binario("age-keygen"), "-o", str(privada)], check=True, capture_output=True)
    publica.write_bytes(subprocess.run([binario("age-keygen"), "-y", str(privada)], check=True, stdout=-1).stdout)
    return privada, publica


def filas(servidor: MariaDB, base: str, tabla: str) -> list[tuple[object, ...]]:
    return sorted(servidor.ejecutar(f"SELECT * FROM {base}.{tabla}"), key=repr)


def tablas(servidor: MariaDB, base: str) -> list[str]:
    """Tables and views."""
    orden = f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{base}' ORDER BY 1"
    return [str(fila[0]) for fila in servidor.ejecutar(orden)]


def cargar(sesiones: Sesiones, cifrador: Cifrador, cuantas: int = 20) -> None:
    """Three users with all that they may own, and consultas in every estado, by the application's own verbs."""
    for nombre in ("ana", "beto", "hernán"):
        with sesiones.transaccion() as s:
            u = usuarios.crear(
                s, username=nombre, email=f"u{len(nombre)}@ejemplo.co", password="una frase larga", rounds=4
            )
            for proveedor in CLAVES:
                api_keys.crear(s, cifrador, u.id, proveedor=proveedor, api_key=f"{proveedor}-{nombre}", api_secret="σ")
            lugar = {"nombre_ciudad": "Peñón\n-- de 'Guatapé'\\", "pais": "CO", "latitud": 0, "longitud": -75.16}
            favoritas.crear(s, u.id, es_default=True, **lugar)
            usuarios.anotar(s, "crear_usuario", u.id, detalle={"emoji": "🌧", "texto": "`DEFINER=`a`@`b` "})
            _programacion(s, u.id)
        for i in range(cuantas):
            with sesiones.transaccion() as s:
                _consulta(s, u.id, i)


def _consulta(s: Session, usuario_id: int, i: int) -> None:
    """One of each estado in turn."""
    pedido = MES if i % 2 else HOY
    consulta, _ = consultas.crear(s, usuario_id, pedido, max_activas=10_000)
    if i % 5 == 0:
        return
    encargo = consultas.tomar(s, consulta.id)
    assert encargo is not None
    if i % 5 == 1:
        consultas.registrar_fallo(s, encargo, CodigoError.PROVEEDORES_FALLARON, "Ninguno respondió.", definitivo=True)
    elif i % 5 < 4:
        assert consultas.completar(s, encargo, RESULTADO)
        if pedido.periodo:
            dias = [{"fecha": f"2026-01-{d:02}", "temperatura": d / 7} for d in range(1, 32)]
            guardar_respuesta(s, encargo, pedido.periodo, fuente_json(RESULTADO.fuentes[0]), dias)
            guardar_series(s, encargo, [(len(dias), empacar(dias))])


def _programacion(s: Session, usuario_id: int) -> None:
    campos: dict[str, Any] = {
        "nombre": "Nocturna",
        "cron": "0 * * * *",
        "zona_horaria": "America/Bogota",
        "tipo": TipoConsulta.TIEMPO_REAL,
        "lugares": [{"ciudad": "Cali"}],
        "parametros": [Parametro.TEMPERATURA],
        "formato": Formato.JSON,
        "activa": True,
    }
    p = programaciones.crear(s, usuario_id, **campos)
    assert p.proxima_en is not None
    ejecuciones.ejecutar(s, p, max_activas=1000, max_pendientes=10_000)


@contextmanager
def inserciones(sesiones: Sesiones, usuario_id: int) -> Iterator[list[int]]:
    """Consultas that somebody goes on submitting, each with a row in logs_actividad; the ids committed so far."""
    hechas: list[int] = []
    fin = Event()

    def enviar() -> None:
        while not fin.is_set():
            with sesiones.transaccion() as s:
                consulta, _ = consultas.crear(s, usuario_id, HOY, max_activas=1_000_000)
                usuarios.anotar(s, SEGUIDA, usuario_id, detalle={"consulta_id": consulta.id})
            hechas.append(consulta.id)

    hilo = Thread(target=enviar)
    hilo.start()
    try:
        yield hechas
    finally:
        fin.set()
        hilo.join()
