"""One round: a load, one fault in the middle of it, and the judgement."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from time import monotonic

from tests.caos.carga import Carga, cuerpos
from tests.caos.escenario import Escenario
from tests.caos.fallos import FALLOS, NoSePuede
from tests.caos.juicio import Fila, Suceso, juzgar
from tests.caos.redes import SinPermiso, dos_maquinas

ERROR = re.compile(r"[^│]*│ [\w.]+(Error|Exception)\b")  # the line of a traceback that names it, at its margin
CARGA = 200  # consultas of a whole round; a shorter one is as dense


def limpiar_al_morir() -> None:
    """SIGTERM ends a lane as Ctrl-C does, so that its `with` blocks close."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def correr(nombres: Sequence[str], n: int, semilla: int) -> list[Fila]:
    """The rounds in this order, on one installation; those that need two machines on one of their own."""
    filas = []
    juntos = [nombre for nombre in nombres if not FALLOS[nombre].en_red]
    if juntos:
        with Escenario() as e:
            filas += [probar(e, nombre, n, semilla) for nombre in juntos]
    for nombre in nombres:
        if FALLOS[nombre].en_red:
            filas.append(_en_red(nombre, n, semilla))
    return filas


def probar(e: Escenario, nombre: str, n: int, semilla: int) -> Fila:
    """n consultas; the fault begins when some of them are in hand."""
    empezo, fallo, azar = monotonic(), FALLOS[nombre], Random(f"{semilla}-{nombre}")
    e.reponer(n)
    try:
        faltas = fallo.antes(e, azar) if fallo.antes else []
    except NoSePuede as no:
        return Fila(nombre, omitido=str(no))
    inicio = datetime.now(UTC)
    with Carga(e.pila.base, e.cabeceras, cuerpos(n, azar), fallo.carga_s * n / CARGA) as carga:
        carga.esperar_aceptadas(azar.randint(n // 10, n // 4))
        if not fallo.antes:
            inicio = datetime.now(UTC)
        faltas += fallo.hacer(e, azar)
        fin = datetime.now(UTC)
        carga.terminar()
    permisos = (fallo.permite_503, fallo.permite_cortes, fallo.permite_errores)
    fila = juzgar(e, nombre, Suceso(carga, e.desde_id, inicio, fin, *permisos))
    fila.faltas += faltas + (_errores_internos(e) if fila.faltas else [])
    fila.duro_s = monotonic() - empezo
    return fila


def _errores_internos(e: Escenario) -> list[str]:
    """How the unexpected errors of the API so far ended, each kind once: the log goes with the installation."""
    rastros = e.pila.texto().split("error_interno")[1:]
    lineas = {next((x for x in r.splitlines()[2:] if ERROR.match(x)), "?") for r in rastros}
    return [f"error_interno: {linea}" for linea in sorted(lineas)]


def _en_red(nombre: str, n: int, semilla: int) -> Fila:
    try:
        with dos_maquinas() as cable, Escenario(cable) as e:
            return probar(e, nombre, n, semilla)
    except SinPermiso as no:
        return Fila(nombre, omitido=str(no))
