"""How a consulta can end without an answer."""

from __future__ import annotations

from shared.catalogo import titulo
from shared.clima import EstadoFuente, Fuente
from shared.modelos import CodigoError


class Abandonada(Exception):
    """The consulta was cancelled, or its lease lost to another worker: stop, write nothing."""


class Fracaso(Exception):
    """No answer. mensaje: Spanish, for the user. definitivo: trying again cannot help."""

    def __init__(self, codigo: CodigoError, mensaje: str, *, definitivo: bool = False) -> None:
        super().__init__(mensaje)
        self.codigo = codigo
        self.mensaje = mensaje
        self.definitivo = definitivo


def fracaso(fuentes: list[Fuente]) -> Fracaso:
    """Why nothing is usable: nobody could help (final), or those who could failed (worth another try)."""
    frases = " ".join(f"{titulo(f.proveedor)}: {f.motivo}." for f in sorted(fuentes, key=lambda f: f.proveedor))
    if all(f.estado == EstadoFuente.OMITIDA for f in fuentes):
        return Fracaso(CodigoError.SIN_PROVEEDORES, f"Ningún proveedor pudo ayudar. {frases}".strip(), definitivo=True)
    return Fracaso(CodigoError.PROVEEDORES_FALLARON, f"Los proveedores fallaron. {frases}")
