"""How the client's commands end: an exit code, a sentence on stderr and, with --json, one JSON on stdout."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NoReturn

import click

from deploy.cliente.ajustes import MalAjustado
from deploy.cliente.destino import motivo
from deploy.cliente.errores import Fallo, NoLlega, PlazoVencido, Rechazada, SinPermiso
from deploy.cliente.salida import dar, decir


class Fin(IntEnum):
    EN_ERROR = 1
    MAL_PEDIDA = 2
    SIN_SERVIDOR = 3
    SIN_PERMISO = 4
    PLAZO = 5
    SIN_ESCRIBIR = 6
    INTERRUMPIDA = 130
    TUBERIA = 141


CODIGOS = """\b
Códigos de salida:
  0    hecho: la consulta está completada (con --no-esperar, aceptada)
  1    la consulta terminó en error
  2    orden mal escrita, o rechazada por el servidor (datos no válidos, no existe)
  3    no se llega al servidor, o no puede atender ahora
  4    no permitido: hay que entrar, o el rol no lo permite
  5    venció --plazo; la consulta sigue en el servidor
  6    no se pudo escribir la salida
  130  interrumpida con Ctrl-C; la consulta sigue en el servidor
  141  quien leía la salida la cerró
"""
OPCIONES = {  # of the API's fields
    "fecha_inicio": "--desde",
    "fecha_fin": "--hasta",
    "max_edad_s": "--max-edad",
    "Idempotency-Key": "--idempotencia",
    "username": "--usuario",
}


class MalUsada(Fallo):
    """The command as it was written cannot be done."""


@dataclass
class Marcha:
    """What is under way, so that an end in the middle can say how to go on.

    continuar: the options that `climaguru seguir` needs. clave: the Idempotency-Key of a consulta not yet accepted.
    """

    en_json: bool = False
    consulta_id: int | None = None
    terminada: bool = False
    clave: str | None = None
    continuar: list[str] = field(default_factory=list)

    @property
    def orden(self) -> str:
        return shlex.join(["climaguru", "seguir", str(self.consulta_id), *self.continuar])

    def consejo(self, fin: Fin) -> list[str]:
        """Lines; none where there is nothing to advise."""
        if fin not in (Fin.SIN_SERVIDOR, Fin.SIN_PERMISO, Fin.PLAZO, Fin.SIN_ESCRIBIR, Fin.INTERRUMPIDA):
            return []
        if self.consulta_id is not None:
            estado = "está terminada" if self.terminada else "sigue"
            return [f"La consulta {self.consulta_id} {estado} en el servidor. Para recogerla:", f"  {self.orden}"]
        if self.clave and fin in (Fin.SIN_SERVIDOR, Fin.INTERRUMPIDA):
            return [f"Si la repite, añada --idempotencia {shlex.quote(self.clave)} y no se pedirá dos veces."]
        return []


class Orden(click.Command):
    """A command whose failures end as CODIGOS says. Its function may take the Marcha with click.pass_obj."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"epilog": CODIGOS, **kwargs})

    def invoke(self, ctx: click.Context) -> Any:
        ctx.obj = marcha = Marcha(en_json=ctx.params.get("en_json", False))
        try:
            resultado = super().invoke(ctx)
            sys.stdout.flush()  # here, where a reader that has gone can still be told apart
        except KeyboardInterrupt:
            decir()  # below the ^C
            terminar(marcha, Fin.INTERRUMPIDA, "Interrumpida.")
        except BrokenPipeError:
            _callar()
            sys.exit(Fin.TUBERIA)
        except Fallo as e:
            entrada = "" if self.name == "entrar" else " Ejecute «climaguru entrar»."
            texto = f"{e}{entrada}" if isinstance(e, SinPermiso) else str(e)
            terminar(marcha, _fin(e), texto, e if isinstance(e, Rechazada) else None)
        except OSError as e:
            terminar(marcha, Fin.SIN_ESCRIBIR, f"No se pudo escribir {e.filename or 'la salida'}: {motivo(e)}.")
        return resultado


def terminar(marcha: Marcha, fin: Fin, texto: str, rechazo: Rechazada | None = None) -> NoReturn:
    """Say what happened and what to do next, and end."""
    decir(texto if fin == Fin.INTERRUMPIDA else f"Error: {texto}")
    errores, quiso_decir = (rechazo.errores, rechazo.quiso_decir) if rechazo else ({}, [])
    for campo, motivos in errores.items():
        if motivos != [texto]:
            decir(f"  {_opcion(campo)}: {' '.join(motivos)}")
    for uno in quiso_decir:
        decir(f"  --ciudad {shlex.quote(uno)}")
    for linea in marcha.consejo(fin):
        decir(linea)
    if marcha.en_json:
        error: dict[str, Any] = {"error": texto, "salida": int(fin), "errores": errores}
        error |= {"quiso_decir": quiso_decir, "consulta_id": marcha.consulta_id}
        dar(error)
    sys.exit(fin)


def _fin(e: Fallo) -> Fin:
    tipos: dict[type[Fallo], Fin] = {
        SinPermiso: Fin.SIN_PERMISO,
        PlazoVencido: Fin.PLAZO,
        NoLlega: Fin.SIN_SERVIDOR,
        Rechazada: Fin.MAL_PEDIDA,
        MalUsada: Fin.MAL_PEDIDA,
        MalAjustado: Fin.MAL_PEDIDA,
    }
    return tipos[type(e)]


def _opcion(campo: str) -> str:
    nombre, _, resto = campo.partition(".")
    return OPCIONES.get(nombre, f"--{nombre}") + (f" ({resto})" if resto else "")


def _callar() -> None:
    """Nothing more can be written; what is still buffered must not complain at exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
