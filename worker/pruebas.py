"""Is a user's key good? One call to its provider, outside of any consulta."""

from __future__ import annotations

from time import monotonic

import structlog

from shared import api_keys
from shared.cifrado import Cifrador, Ilegible
from shared.clima import Lugar
from shared.db import Sesiones
from shared.modelos import EstadoPrueba
from shared.settings import Settings
from worker.preguntar import Preguntador
from worker.proveedores.cliente import Clave, Peticion
from worker.proveedores.cuerpos import frontera
from worker.proveedores.http import ErrorProveedor, Omitida

log = structlog.get_logger()

BOGOTA = Lugar(4.711, -74.0721, nombre="Bogotá")  # every provider that takes a key covers it
RECHAZO = "El proveedor rechazó la clave. Revísela y guárdela de nuevo."
Resultado = tuple[EstadoPrueba, str | None]


class Probador:
    def __init__(self, settings: Settings, sesiones: Sesiones, preguntador: Preguntador) -> None:
        self._plazo_s = settings.plazo_tiempo_real_s
        self._cifrador = Cifrador(settings)
        self._sesiones = sesiones
        self._preguntador = preguntador

    def probar(self, clave_id: int) -> None:
        """Do the check of this key that was asked for, if nobody has."""
        try:
            prueba = self._sesiones.hacer(lambda s: api_keys.tomar_prueba(s, self._cifrador, clave_id))
        except Ilegible:
            self._sesiones.hacer(lambda s: api_keys.anotar_ilegible(s, clave_id))
            return
        if prueba is None:
            return
        resultado, detalle = self._preguntar(prueba)
        self._sesiones.hacer(lambda s: api_keys.anotar_prueba(s, prueba, resultado, detalle))
        log.info("clave_probada", api_key_id=clave_id, proveedor=prueba.proveedor, resultado=resultado)

    def _preguntar(self, prueba: api_keys.Prueba) -> Resultado:
        clave = Clave(prueba.clave.clave, prueba.clave.secreto, prueba.clave.id, prueba.clave.numero)
        http = self._preguntador.http(prueba.proveedor, monotonic() + self._plazo_s, prueba.usuario_id, clave)
        peticion = Peticion(http, BOGOTA, frozenset({"temperatura"}), clave)
        try:
            with frontera(prueba.proveedor):
                lectura = self._preguntador.proveedores[prueba.proveedor].tiempo_real(peticion)
        except ErrorProveedor as e:
            if e.estado in (401, 403):
                return EstadoPrueba.RECHAZADA, RECHAZO
            return EstadoPrueba.SIN_RESPUESTA, f"No se pudo probar: {e.motivo}."
        except Omitida as e:
            return EstadoPrueba.SIN_RESPUESTA, f"No se pudo probar: {e.motivo}."
        return (EstadoPrueba.RECHAZADA, RECHAZO) if lectura.clave_rechazada else (EstadoPrueba.VALIDA, None)
