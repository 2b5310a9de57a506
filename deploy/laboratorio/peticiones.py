"""How many requests each provider got, where, how many were spoilt, and how many at once."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any

from deploy.laboratorio.errores import PROVEEDORES


@dataclass(slots=True)
class Cuenta:
    total: int = 0
    por_ruta: Counter[str] = field(default_factory=Counter)
    fallas: int = 0
    simultaneas: int = 0
    simultaneas_max: int = 0


class Registro:
    def __init__(self) -> None:
        self._cerrojo = Lock()
        self._cuentas = {proveedor: Cuenta() for proveedor in PROVEEDORES}

    def entrar(self, proveedor: str, ruta: str, falla: bool) -> None:
        with self._cerrojo:
            cuenta = self._cuentas[proveedor]
            cuenta.total += 1
            cuenta.fallas += falla
            cuenta.por_ruta[ruta] += 1
            cuenta.simultaneas += 1
            cuenta.simultaneas_max = max(cuenta.simultaneas_max, cuenta.simultaneas)

    def salida(self, proveedor: str) -> Callable[[], None]:
        """What to call, once, when the request that just entered has been answered."""
        cuenta = self._cuentas[proveedor]

        def salir() -> None:
            with self._cerrojo:
                cuenta.simultaneas -= 1

        return salir

    def ver(self) -> dict[str, Any]:
        with self._cerrojo:
            return {
                proveedor: {**asdict(cuenta), "por_ruta": dict(cuenta.por_ruta)}
                for proveedor, cuenta in self._cuentas.items()
            }

    def borrar(self) -> None:
        """Back to zero, except for the requests still being answered."""
        with self._cerrojo:
            for cuenta in self._cuentas.values():
                cuenta.total = cuenta.fallas = 0
                cuenta.por_ruta.clear()
                cuenta.simultaneas_max = cuenta.simultaneas
