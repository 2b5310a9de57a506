"""What an attack is: a function that attacks a Blanco and says what it tried and what got through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.ataque.blanco import Blanco


@dataclass(frozen=True, slots=True)
class Informe:
    """pasaron: of `intentos`, those that got what they may not; 0 is what is promised. nota: what was seen."""

    intentos: int
    pasaron: int
    nota: str = ""


Ataque = Callable[[Blanco, bool], Informe]
ATAQUES: dict[str, Ataque] = {}


def ataque(funcion: Ataque) -> Ataque:
    """Of a function (blanco, largo) → Informe; its docstring's first line is how the table calls it."""
    ATAQUES[funcion.__name__] = funcion
    return funcion


def titulo(nombre: str) -> str:
    return (ATAQUES[nombre].__doc__ or nombre).partition("\n")[0].rstrip(".")
