"""Past days that a provider has already told somebody: what is settled is not asked for again.

Used again is only what the same provider said for the same cell, resolution, time zone and fields, with the same key
paying, at the same addresses (so that the laboratory's answers never meet real ones), of a day that was settled when it
was said (Cliente.asienta_dias), and within the consulta's max_edad_s if it has one. A day that was told without values
is known; one that was not told is asked for. Each station is a source of its own (shared/pasado.py: parte).

A Fuente made here says desde_cache, and in consultado_en when the oldest of its days was said.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import structlog
from sqlalchemy.exc import IntegrityError, OperationalError

from shared import pasado
from shared.clima import Fuente, Periodo, fuente_de_json, fuente_json, iso_utc
from shared.db import Sesiones
from shared.series import Fila
from shared.settings import Settings
from worker.compartido import CELDA
from worker.cuentas import fila_de
from worker.preguntar import Contestacion, Pregunta, Preguntador
from worker.proveedores.http import Omitida
from worker.tramos import asentado, corridas, cortar, dias, dias_por_tramo

log = structlog.get_logger()

FORMATO = 3  # of what is kept; another number when what a row holds changes


@dataclass(frozen=True, slots=True)
class Parte:
    """Days that need not be asked for: their Fuente, and their rows as for shared/series.py."""

    tramo: Periodo
    fuente: Fuente
    filas: list[Fila]


class Pasado:
    def __init__(self, settings: Settings, sesiones: Sesiones, preguntador: Preguntador) -> None:
        self._sesiones = sesiones
        self._preguntador = preguntador
        self._direcciones = sorted((n, v) for n, v in settings if n.endswith("_url") and isinstance(v, str))

    def repartir(
        self, nombre: str, pregunta: Pregunta, pendientes: list[Periodo], largo: int | None = None
    ) -> tuple[Iterator[Parte], list[Periodo]]:
        """What is known of these days, and the fewest pieces to ask for the rest: never more than for all of it.

        largo: days of a piece at most; None: as the provider takes them.
        """
        assert pregunta.periodo is not None
        largo = largo or dias_por_tramo(self._preguntador.proveedores[nombre], pregunta.periodo)
        hojas = self._hojas(nombre, pregunta)
        conocidos = _conocidos(hojas, pregunta.max_edad_s)
        tramos = [tramo for p in pendientes for tramo in cortar(p, conocidos, largo)]
        preguntados = {dia for tramo in tramos for dia in dias(tramo)}
        de_hoja: dict[int, list[date]] = defaultdict(list)
        for dia in (d for p in pendientes for d in dias(p)):
            if dia in conocidos and dia not in preguntados:
                de_hoja[conocidos[dia]].append(dia)
        resolucion = pregunta.periodo.resolucion
        partes = (p for n, suyos in de_hoja.items() for p in _partes(hojas[n], corridas(suyos, resolucion)))
        return partes, tramos

    def guardar(self, pregunta: Pregunta, c: Contestacion) -> None:
        """Keep what is settled of an answer that was asked for now. Where that fails it will be asked for again."""
        periodo, dicho_en = pregunta.periodo, c.fuente.consultado_en
        assert periodo is not None
        if c.lectura is None or c.lectura.incompleta or c.fuente.desde_cache or dicho_en is None:
            return
        cliente = self._preguntador.proveedores[c.fuente.proveedor]
        hojas: dict[date, list[Fila]] = defaultdict(list)
        for m in c.lectura.mediciones:
            dentro = m.fecha is not None and periodo.inicio <= m.fecha <= periodo.fin
            if m.fecha and dentro and asentado(cliente, m.fecha, dicho_en.date()):
                fila = {**fila_de(m), "dicho_en": iso_utc(dicho_en)}
                hojas[pasado.hoja_de(m.fecha, periodo.resolucion)].append(fila)
        huella = self._huella(c.fuente.proveedor, pregunta)
        for hoja, filas in hojas.items() if huella else ():
            self._escribir(str(huella), hoja, c.fuente, filas)

    def _hojas(self, nombre: str, pregunta: Pregunta) -> list[pasado.Hoja]:
        huella = self._huella(nombre, pregunta)
        if huella is None or pregunta.periodo is None or pregunta.max_edad_s == 0:
            return []
        with self._sesiones.transaccion() as s:
            return pasado.hojas(s, huella, pregunta.periodo)

    def _huella(self, nombre: str, pregunta: Pregunta) -> str | None:
        """The name of what is the same for everybody who asks this; None: the provider cannot be asked for this user.

        Of the key it holds a hash, as worker/compartido.py: clave_de does.
        """
        try:
            clave = self._preguntador.clave(nombre, pregunta.usuario_id)
        except Omitida:
            return None
        lugar, periodo = pregunta.lugar, pregunta.periodo
        celda = f"{lugar.latitud:.{CELDA}f},{lugar.longitud:.{CELDA}f},{lugar.zona_horaria}"
        que = (celda, periodo and periodo.resolucion, sorted(pregunta.campos), clave.clave if clave else "")
        return hashlib.sha256(f"{FORMATO}|{nombre}|{que}|{self._direcciones}".encode()).hexdigest()[:32]

    def _escribir(self, huella: str, hoja: date, fuente: Fuente, filas: list[Fila]) -> None:
        try:
            self._sesiones.hacer(lambda s: pasado.guardar(s, huella, hoja, fuente_json(fuente), filas), insistir_s=0)
        except (OperationalError, IntegrityError) as e:  # somebody else is writing it, or it cannot be written now
            log.info("pasado_no_guardado", proveedor=fuente.proveedor, error=type(e).__name__)


def _conocidos(hojas: list[pasado.Hoja], max_edad_s: float | None) -> dict[date, int]:
    """Each day that may be used again, and which of the hojas said it last."""
    desde = "" if max_edad_s is None else str(iso_utc(datetime.now(UTC) - timedelta(seconds=max_edad_s)))
    ultimos: dict[date, tuple[str, int]] = {}
    for n, hoja in enumerate(hojas):
        for fila in hoja.filas():
            dia, dicho = date.fromisoformat(fila["fecha"]), fila["dicho_en"]
            if dicho > desde and (dicho, n) > ultimos.get(dia, ("", n)):
                ultimos[dia] = (dicho, n)
    return {dia: n for dia, (_, n) in ultimos.items()}


def _partes(hoja: pasado.Hoja, tramos: list[Periodo]) -> Iterator[Parte]:
    todas = hoja.filas()
    fuente = replace(fuente_de_json(hoja.fuente), desde_cache=True, latencia_ms=None)
    for tramo in tramos:
        suyas = [f for f in todas if str(tramo.inicio) <= f["fecha"] <= str(tramo.fin)]
        dicho_en = datetime.fromisoformat(min(f.pop("dicho_en") for f in suyas))
        yield Parte(tramo, replace(fuente, consultado_en=dicho_en), suyas)
