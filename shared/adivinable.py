"""Whether a password is among the first that somebody would try."""

from __future__ import annotations

from threading import Lock

INTENTOS = 1_000_000  # guesses; at the 100 an hour that an account allows, a year
MIRADAS = 24  # characters, from the first; 72 of the kind «4@8({[<3» would take zxcvbn a quarter of a minute
DE_AQUI = (  # what it does not know: the commonest words of the country and of the house
    *("climaguru", "contraseña", "contrasena", "clave", "administrador", "operario", "operaria", "usuario", "clima"),
    *("colombia", "bogota", "bogotá", "medellin", "medellín", "cali", "barranquilla", "cartagena", "antioquia"),
    *("nacional", "millonarios", "america", "santafe", "teamo", "tequiero", "bienvenido", "secreto", "hola"),
)
_uno = Lock()  # its dictionaries are global, ours among them


def adivinable(clave: str, *suyas: str) -> bool:
    """suyas: what is known of the account; an address also by its part before the @."""
    from zxcvbn import zxcvbn  # here: its lists take 0.15 s and 13 MB, for who sets a password and nobody else

    conocidas = [*suyas, *(suya.partition("@")[0] for suya in suyas if "@" in suya), *DE_AQUI]
    with _uno:
        return zxcvbn(clave[:MIRADAS], conocidas)["guesses"] < INTENTOS
