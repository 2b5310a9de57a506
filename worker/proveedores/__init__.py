"""The providers. Each is one file with one class that has the face of cliente.Cliente; this is their registry."""

from __future__ import annotations

from shared.settings import Settings
from worker.proveedores.cliente import Cliente
from worker.proveedores.openmeteo import OpenMeteo


def crear_proveedores(settings: Settings) -> dict[str, Cliente]:
    """Every provider this installation can ask, by the name users know it by."""
    return {"openmeteo": OpenMeteo(settings)}
