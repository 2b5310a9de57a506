"""The small face every provider has: a Peticion goes in, a Lectura comes out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from shared.clima import Lugar, Medicion, Periodo
from worker.proveedores.http import Causa, ErrorProveedor, Http, Omitida

LARGO_MINIMO = 8  # of a key that can be told from other text
TAPADO = b"***"
Perdidos = dict[str, tuple[str, Causa]]


@dataclass(frozen=True, slots=True)
class Clave:
    """A key to a provider; never printed. id, numero: of the user's api key; id None: the installation's."""

    clave: str = field(repr=False)
    secreto: str | None = field(default=None, repr=False)
    id: int | None = None
    numero: int = 0

    def tapar(self, cuerpo: bytes) -> bytes:
        """What a provider said, without the key and the secret: some repeat the whole request."""
        for secreto in (self.clave, self.secreto or ""):
            if len(secreto) >= LARGO_MINIMO:
                for forma in {secreto, quote(secreto), quote(secreto, safe=""), json.dumps(secreto)[1:-1]}:
                    cuerpo = cuerpo.replace(forma.encode(), TAPADO)
        return cuerpo


@dataclass(frozen=True, slots=True)
class Peticion:
    """What to ask. campos: the fields of Medicion that are wanted; a provider may return more."""

    http: Http
    lugar: Lugar
    campos: frozenset[str]
    clave: Clave | None = None


@dataclass(frozen=True, slots=True)
class Lectura:
    """What a provider said, in our units: one Medicion for now, or one per day or hour.

    altura_m: the height its values stand for, if it says. estacion, distancia_km: where a station measured.
    clave_rechazada: it answered, but not thanks to the key. incompleta: a part of what was asked could not be had this
    time, so its nulls are not to be kept. perdidos: which fields those are: field → why, and its Causa; see perder.
    """

    mediciones: list[Medicion]
    altura_m: float | None = None
    estacion: str | None = None
    distancia_km: float | None = None
    clave_rechazada: bool = False
    incompleta: bool = False
    perdidos: Perdidos = field(default_factory=dict)


def perder(campo: str, e: ErrorProveedor | Omitida) -> Perdidos:
    """What Lectura.perdidos says of a field that a part of the provider failed to give; {} if it never will."""
    return {} if e.causa == Causa.PERMANENTE else {campo: (e.motivo, e.causa)}


class Cliente(Protocol):
    """A provider. Both verbs raise ErrorProveedor when it failed and Omitida when it cannot help here."""

    atribucion: str  # shown with every answer, as the provider's licence asks
    necesita_clave: bool
    asienta_dias: int  # what it says of a day sooner than this after it may still be corrected

    @property
    def dias_por_tramo(self) -> int | None:
        """Local days that one call of historico can answer within its deadline. None: it is asked for the whole
        period at once, because it reaches few days or limits its own calls."""

    def tiempo_real(self, p: Peticion) -> Lectura: ...

    def historico(self, p: Peticion, periodo: Periodo) -> Lectura: ...
