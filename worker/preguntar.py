"""Ask several providers side by side: nobody waits for the slowest past the deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

import requests
import structlog

from shared.clima import EstadoFuente, Fuente, Lugar, Proveedor
from shared.settings import Settings
from worker.proveedores import crear_proveedores
from worker.proveedores.cliente import Clave, Cliente, Lectura, Peticion
from worker.proveedores.http import ErrorProveedor, Esperas, Http, Omitida, crear_sesion

log = structlog.get_logger()

TARDE = "no respondió a tiempo"
INCOMPRENSIBLE = "respondió algo que no se entiende"
LABORATORIO = "Laboratorio de ClimaGuru: datos simulados, no son observaciones"

Pregunta = Callable[[Cliente, Peticion], Lectura]


@dataclass(frozen=True, slots=True)
class Contestacion:
    """One provider's part: what users see of it, and its data when it has any."""

    fuente: Fuente
    lectura: Lectura | None = None


class Preguntador:
    """The providers of one process, its HTTP connections and its threads for waiting on them."""

    def __init__(self, settings: Settings, proveedores: dict[str, Cliente] | None = None, hilos: int = 192) -> None:
        self.proveedores = crear_proveedores(settings) if proveedores is None else proveedores
        self._esperas = Esperas(settings.espera_conexion_s, settings.espera_lectura_s)
        self._sesion: requests.Session = crear_sesion(hilos)
        self._hilos = ThreadPoolExecutor(hilos, thread_name_prefix="proveedor")

    def preguntar(
        self, pregunta: Pregunta, lugar: Lugar, campos: frozenset[str], nombres: list[str], plazo: float
    ) -> Iterator[Contestacion]:
        """Yield each provider's Contestacion as it comes; at `plazo` (time.monotonic()) who is missing is fallida."""
        pendientes: dict[Future[Contestacion], str] = {
            self._hilos.submit(self._una, nombre, pregunta, lugar, campos, plazo): nombre for nombre in nombres
        }
        try:
            for futuro in as_completed(list(pendientes), timeout=max(0.0, plazo - monotonic())):
                pendientes.pop(futuro)
                yield futuro.result()
        except TimeoutError:
            for futuro, nombre in pendientes.items():
                futuro.cancel()
                yield Contestacion(self._fuente(nombre, EstadoFuente.FALLIDA, TARDE))

    def elegidos(self, pedidos: list[Proveedor] | None) -> list[str]:
        """The providers to ask: those the user named, or all."""
        return list(self.proveedores) if pedidos is None else [p for p in pedidos if p in self.proveedores]

    def http(self, plazo: float) -> Http:
        return Http(self._sesion, self._esperas, plazo)

    def _una(self, nombre: str, pregunta: Pregunta, lugar: Lugar, campos: frozenset[str], plazo: float) -> Contestacion:
        http = self.http(plazo)
        try:
            lectura = pregunta(self.proveedores[nombre], Peticion(http, lugar, campos, self._clave(nombre)))
        except Omitida as e:
            return Contestacion(self._fuente(nombre, EstadoFuente.OMITIDA, e.motivo, http))
        except ErrorProveedor as e:
            return Contestacion(self._fuente(nombre, EstadoFuente.FALLIDA, e.motivo, http))
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
            log.exception("cuerpo_incomprensible", proveedor=nombre)  # a body of a shape nobody documented
            return Contestacion(self._fuente(nombre, EstadoFuente.FALLIDA, INCOMPRENSIBLE, http))
        if all(m.vacia for m in lectura.mediciones):
            return Contestacion(self._fuente(nombre, EstadoFuente.FALLIDA, "no reportó ningún dato", http))
        return Contestacion(self._fuente(nombre, EstadoFuente.USADA, None, http, lectura), lectura)

    def _clave(self, nombre: str) -> Clave | None:
        return None

    def _fuente(
        self,
        nombre: str,
        estado: EstadoFuente,
        motivo: str | None,
        http: Http | None = None,
        lectura: Lectura | None = None,
    ) -> Fuente:
        simulado = http is not None and http.laboratorio
        return Fuente(
            proveedor=nombre,
            estado=estado,
            motivo=motivo,
            consultado_en=datetime.now(UTC),
            latencia_ms=http.latencia_ms if http else None,
            atribucion=LABORATORIO if simulado else self.proveedores[nombre].atribucion,
            laboratorio=simulado,
            estacion=lectura.estacion if lectura else None,
            distancia_km=lectura.distancia_km if lectura else None,
        )
