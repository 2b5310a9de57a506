"""Why the client could not do what it was asked. Every text is Spanish, for a person, and holds no token."""

from __future__ import annotations


class Fallo(Exception):
    """The base of the others."""


class NoLlega(Fallo):
    """Nobody answered, or not as ClimaGuru does, or the server cannot now.

    pasajero: asking again may help. espera_s: what its Retry-After asked for.
    """

    def __init__(self, texto: str, *, pasajero: bool = False, espera_s: float | None = None) -> None:
        super().__init__(texto)
        self.pasajero = pasajero
        self.espera_s = espera_s


class Rechazada(Fallo):
    """The server understood and said no. estado: the HTTP status. errores: field → why, where fields are to blame.

    quiso_decir: places that may have been meant by one in doubt; each is understood in its place.
    """

    def __init__(
        self,
        texto: str,
        estado: int,
        errores: dict[str, list[str]] | None = None,
        quiso_decir: list[str] | None = None,
    ) -> None:
        super().__init__(texto)
        self.estado = estado
        self.errores = errores or {}
        self.quiso_decir = quiso_decir or []


class SinPermiso(Rechazada):
    """401: no session, or one that ended. 403: this role may not."""


class PlazoVencido(Fallo):
    """It did not end in the time given; it goes on on the server."""
