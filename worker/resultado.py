"""How a consulta can end without an answer."""

from __future__ import annotations

from collections.abc import Sequence

from shared.catalogo import titulo
from shared.clima import EstadoFuente
from shared.modelos import CodigoError
from worker.preguntar import Contestacion
from worker.proveedores.http import Causa


class Abandonada(Exception):
    """The consulta was cancelled, or its lease lost to another worker: stop, write nothing."""


class Aplazada(Exception):
    """Nobody could be asked: they rest, or our budget is spent. Later, without spending an attempt.

    codigo, mensaje: how it ends if it has waited too long.
    """

    def __init__(self, codigo: CodigoError, mensaje: str) -> None:
        super().__init__(mensaje)
        self.codigo = codigo
        self.mensaje = mensaje


class Fracaso(Exception):
    """No answer. mensaje: Spanish, for the user. definitivo: trying again cannot help. fallidas: who failed."""

    def __init__(
        self, codigo: CodigoError, mensaje: str, *, definitivo: bool = False, fallidas: Sequence[str] = ()
    ) -> None:
        super().__init__(mensaje)
        self.codigo = codigo
        self.mensaje = mensaje
        self.definitivo = definitivo
        self.fallidas = fallidas


def fracaso(contestaciones: list[Contestacion]) -> Fracaso | Aplazada:
    """Why nothing is usable: nobody could help (final), those who could failed (worth another try), or not yet."""
    fuentes = sorted((c.fuente for c in contestaciones), key=lambda f: f.proveedor)
    frases = " ".join(f"{titulo(f.proveedor)}: {f.motivo}." for f in fuentes)
    causas = {c.causa for c in contestaciones if c.fuente.estado == EstadoFuente.OMITIDA}
    fallaron = f"Los proveedores fallaron. {frases}"
    if fallidas := [f.proveedor for f in fuentes if f.estado == EstadoFuente.FALLIDA]:
        return Fracaso(CodigoError.PROVEEDORES_FALLARON, fallaron, fallidas=fallidas)
    if Causa.CIRCUITO in causas:
        return Aplazada(CodigoError.PROVEEDORES_FALLARON, fallaron)
    if Causa.PRESUPUESTO in causas:
        return Aplazada(CodigoError.CUOTA_AGOTADA, f"Se agotaron las llamadas. {frases}")
    codigo = CodigoError.CUOTA_AGOTADA if Causa.CUOTA in causas else CodigoError.SIN_PROVEEDORES
    return Fracaso(codigo, f"Ningún proveedor pudo ayudar. {frases}".strip(), definitivo=True)
