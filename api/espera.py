"""Waiting for a consulta to change: long poll and Server-Sent Events.

A waiting client holds a thread and nothing else: no database connection, and no query until shared/cambios.py wakes
it (or some seconds have passed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic

import orjson
from flask import current_app
from sqlalchemy.orm import Session

from api.acceso import usuario_actual
from api.aforo import Aforo
from api.base import db, sesion
from api.esquemas.consultas import ConsultaSalida
from shared import archivo
from shared.cambios import Escucha, hasta_mirar_s
from shared.db import Sesiones
from shared.modelos import Consulta

MAXIMA_S = 30
LATIDO_S = 15.0
ESQUEMA = ConsultaSalida()


def esperar(consulta_id: int, cumple: Callable[[int, bool], bool], segundos: float) -> bool:
    """Return when cumple(version, ended) holds for the consulta, or after `segundos`. False: too many wait, and this
    one did not."""
    aforo: Aforo = current_app.extensions["aforo"]
    quien = usuario_actual().id
    if not aforo.entrar(quien):
        return False
    try:
        _esperar(consulta_id, cumple, segundos)
    finally:
        aforo.salir(quien)
    return True


def _esperar(consulta_id: int, cumple: Callable[[int, bool], bool], segundos: float) -> None:
    escucha: Escucha = current_app.extensions["escucha"]
    hasta = monotonic() + segundos
    suceso = escucha.apuntar(consulta_id)
    try:
        while (queda := hasta - monotonic()) > 0:
            suceso.clear()
            visto = archivo.version(sesion(), consulta_id)
            db.session.remove()  # nothing is held while waiting
            if visto is None or cumple(*visto):
                return
            suceso.wait(min(queda, hasta_mirar_s()))
    finally:
        escucha.borrar(consulta_id, suceso)


def eventos(
    sesiones: Sesiones, escucha: Escucha, consulta_id: int, desde: int, puede: Callable[[Session], bool]
) -> Iterator[bytes]:
    """Server-Sent Events: the consulta each time its version passes `desde`, until it ends.

    Changes that follow each other faster than they can be sent arrive as the last of them. puede: may whoever listens
    still read it? Asked before each event, and every LATIDO_S: they hear nothing more once it is false.
    """
    suceso = escucha.apuntar(consulta_id)
    latido = monotonic() + LATIDO_S
    try:
        yield b"retry: 2000\n\n"
        while True:
            suceso.clear()
            with sesiones.transaccion() as s:
                consulta = archivo.leer(s, consulta_id)
                dice_algo = consulta is not None and (consulta.version > desde or monotonic() > latido)
                if consulta is None or (dice_algo and not puede(s)):
                    return
            if consulta.version > desde:
                desde = consulta.version
                yield _evento(consulta)
                latido = monotonic() + LATIDO_S
            if consulta.estado.final:
                return
            if monotonic() > latido:
                yield b": sigue\n\n"
                latido = monotonic() + LATIDO_S
            suceso.wait(hasta_mirar_s())
    finally:
        escucha.borrar(consulta_id, suceso)


def _evento(consulta: Consulta) -> bytes:
    return b"id: %d\nevent: consulta\ndata: %s\n\n" % (consulta.version, orjson.dumps(ESQUEMA.dump(consulta)))
