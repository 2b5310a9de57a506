"""One call serves everybody who asks a provider the same at about the same time: a cache, and one call in flight.

Redis holds the answers. With Redis down everybody asks for themselves.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from time import monotonic, sleep
from typing import Any

import orjson
from redis import Redis
from redis.exceptions import RedisError

from shared.almacen import reloj_s
from shared.clima import Lugar, Medicion, Periodo
from shared.cola import PREFIJO
from worker.proveedores.cliente import Clave, Lectura
from worker.proveedores.http import Causa, ErrorProveedor

EDAD_POR_DEFECTO_S = 60  # models update every 15 minutes, stations every few
VIDA_S = 3600
VIDA_FALLO_S = 2  # and of an answer that lacks a part: whoever asks later asks again
RITMO_S = 0.05
FORMATO = 5  # of what is stored; another number when Lectura or Medicion change, for workers of two versions
CELDA = 2  # decimals of a degree: about 1.1 km


@dataclass(frozen=True, slots=True)
class Compartida:
    """A reading that may have been somebody else's. consultado_en: when the provider said it."""

    lectura: Lectura
    consultado_en: datetime
    laboratorio: bool
    desde_cache: bool


def clave_de(proveedor: str, lugar: Lugar, periodo: Periodo | None, campos: frozenset[str], clave: Clave | None) -> str:
    """The same question has the same name: provider, cell, period, fields, and whose key pays."""
    celda = f"{lugar.latitud:.{CELDA}f},{lugar.longitud:.{CELDA}f}"
    cuando = "ahora" if periodo is None else f"{periodo.inicio}/{periodo.fin}/{periodo.resolucion}"
    quien = clave.clave if clave else ""
    huella = hashlib.sha256(f"{celda}|{cuando}|{sorted(campos)}|{quien}".encode()).hexdigest()[:32]
    return f"{PREFIJO}lectura{FORMATO}:{proveedor}:{huella}"


class Compartidor:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def obtener(
        self, clave: str, edad_s: float, plazo: float, preguntar: Callable[[], tuple[Lectura, bool]]
    ) -> Compartida:
        """The answer to `clave`: one not older than edad_s, or what `preguntar` says now (Lectura, laboratorio).

        While somebody else is asking the same, wait for theirs, failure included. Raises what preguntar raises.
        """
        try:
            desde = self._ahora() - timedelta(seconds=edad_s)
            while monotonic() < plazo:
                if guardada := self._leer(clave, desde):
                    return guardada
                vida_ms = max(1, int((plazo - monotonic()) * 1000))
                if self._redis.set(f"{clave}:turno", "1", nx=True, px=vida_ms):
                    if guardada := self._leer(clave, desde):  # it came between our look and our turn
                        self._redis.delete(f"{clave}:turno")
                        return guardada
                    break
                sleep(RITMO_S)
                self._lanzar_fallo(clave)
        except RedisError:
            lectura, laboratorio = preguntar()
            return Compartida(lectura, datetime.now(UTC), laboratorio, desde_cache=False)
        return self._preguntar(clave, preguntar)

    def _preguntar(self, clave: str, preguntar: Callable[[], tuple[Lectura, bool]]) -> Compartida:
        try:
            lectura, laboratorio = preguntar()
            compartida = Compartida(lectura, self._ahora(), laboratorio, desde_cache=False)
            self._guardar(clave, _empacar(compartida), VIDA_FALLO_S if lectura.perdidos else VIDA_S)
        except ErrorProveedor as e:
            self._guardar(f"{clave}:fallo", orjson.dumps([e.motivo, e.reintentable, e.estado, e.tarde]), VIDA_FALLO_S)
            raise
        finally:
            with suppress(RedisError):
                self._redis.delete(f"{clave}:turno")
        return compartida

    def _ahora(self) -> datetime:
        """By Redis's clock, so that workers whose clocks differ agree on what is fresh; by ours without Redis."""
        with suppress(RedisError):
            return datetime.fromtimestamp(reloj_s(self._redis), UTC)
        return datetime.now(UTC)

    def _leer(self, clave: str, desde: datetime) -> Compartida | None:
        """What was said after `desde`; an answer that came while we waited counts as fresh."""
        crudo: Any = self._redis.get(clave)
        compartida = _desempacar(crudo) if crudo else None
        return compartida if compartida and compartida.consultado_en >= desde else None

    def _lanzar_fallo(self, clave: str) -> None:
        """Raise the failure of whoever we were waiting for."""
        crudo: Any = self._redis.get(f"{clave}:fallo")
        if crudo:
            motivo, reintentable, estado, tarde = orjson.loads(crudo)
            raise ErrorProveedor(motivo, reintentable=reintentable, estado=estado, tarde=tarde)

    def _guardar(self, clave: str, valor: bytes, vida_s: int) -> None:
        with suppress(RedisError):
            self._redis.set(clave, valor, ex=vida_s)


def _empacar(c: Compartida) -> bytes:
    return zlib.compress(orjson.dumps(asdict(c)), 1)


def _desempacar(crudo: bytes) -> Compartida:
    cuerpo = orjson.loads(zlib.decompress(crudo))
    lectura = cuerpo["lectura"]
    mediciones = [Medicion(**{**m, **_instantes(m)}) for m in lectura.pop("mediciones")]
    perdidos = {campo: (motivo, Causa(causa)) for campo, (motivo, causa) in lectura.pop("perdidos").items()}
    consultado_en = datetime.fromisoformat(cuerpo["consultado_en"])
    return Compartida(
        Lectura(mediciones, **lectura, perdidos=perdidos), consultado_en, cuerpo["laboratorio"], desde_cache=True
    )


def _instantes(m: dict[str, Any]) -> dict[str, Any]:
    observado_en, fecha = m["observado_en"], m["fecha"]
    return {
        "observado_en": datetime.fromisoformat(observado_en) if observado_en else None,
        "fecha": date.fromisoformat(fecha) if fecha else None,
    }
