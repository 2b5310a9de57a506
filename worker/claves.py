"""Whose key pays for a call: the user's own first, else the installation's."""

from __future__ import annotations

import structlog

from shared import api_keys
from shared.cifrado import Cifrador, Ilegible
from shared.db import Sesiones
from shared.settings import Settings
from worker.proveedores.cliente import Clave
from worker.proveedores.http import Causa, Omitida

log = structlog.get_logger()

CUOTA = "agotó la cuota diaria de su clave; vuelve a contar a medianoche UTC"


class Claves:
    def __init__(self, settings: Settings, sesiones: Sesiones) -> None:
        self._sesiones = sesiones
        self._cifrador = Cifrador(settings)
        secretos = {"meteoblue": settings.meteoblue_api_secret.get_secret_value() or None}
        self._instalacion = {
            p: Clave(clave, secretos.get(p)) for p, clave in settings.claves_de_proveedores.items() if clave
        }

    def de(self, usuario_id: int, proveedor: str) -> Clave | None:
        """Raises Omitida if the user's key cannot be read any more."""
        with self._sesiones.transaccion() as s:
            try:
                propia = api_keys.de_usuario(s, self._cifrador, usuario_id, proveedor)
            except Ilegible as e:
                log.warning("clave_ilegible", usuario_id=usuario_id, proveedor=proveedor)
                raise Omitida("su clave guardada ya no se puede leer; guárdela otra vez") from e
        return (
            Clave(propia.clave, propia.secreto, propia.id, propia.numero)
            if propia
            else self._instalacion.get(proveedor)
        )

    def reservar(self, clave: Clave | None) -> None:
        """Take one of the day's calls of a user's key, before the call. Raises Omitida when none is left."""
        if clave is not None and clave.id is not None:
            with self._sesiones.transaccion() as s:
                quedaba = api_keys.reservar(s, clave.id)
            if not quedaba:
                raise Omitida(CUOTA, Causa.CUOTA)

    def rechazada(self, clave: Clave | None) -> str:
        """Note that the provider refused the key; the reason to show."""
        if clave is None or clave.id is None:
            return "rechazó la clave de la instalación; avise a quien la administra"
        with self._sesiones.transaccion() as s:
            api_keys.marcar_rechazada(s, clave.id, clave.numero)
        return "rechazó su clave; revísela y guárdela de nuevo en api-keys"
