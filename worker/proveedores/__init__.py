"""The providers: one file each, with one class that has the face of cliente.Cliente; `_lectura` is how its bodies read.

This is their registry.
"""

from __future__ import annotations

from shared.settings import Settings
from worker.proveedores.cliente import Cliente
from worker.proveedores.ideam import Ideam
from worker.proveedores.meteoblue import Meteoblue
from worker.proveedores.meteosource import Meteosource
from worker.proveedores.openmeteo import OpenMeteo
from worker.proveedores.openweather import OpenWeather
from worker.proveedores.siata import Siata


def crear_proveedores(settings: Settings) -> dict[str, Cliente]:
    """Every provider this installation can ask, by the name users know it by."""
    return {
        "openweather": OpenWeather(settings),
        "openmeteo": OpenMeteo(settings),
        "meteoblue": Meteoblue(settings),
        "meteosource": Meteosource(settings),
        "ideam": Ideam(settings),
        "siata": Siata(settings),
    }
