"""A historico, piece by piece: what each provider answers is kept at once, so a second attempt asks only for the rest.

When every piece has an answer, they are combined day by day (or hour by hour) and the whole is stored together.
"""

from __future__ import annotations

from threading import Event
from time import monotonic

import structlog
from sqlalchemy.orm import Session

from shared import consultas, respuestas
from shared.clima import (
    Encargo,
    EstadoFuente,
    Fuente,
    Lugar,
    Medicion,
    Periodo,
    Resolucion,
    campos_de,
    fuente_json,
    iso_utc,
)
from shared.db import Sesiones
from shared.series import Fila, empacar
from worker.cuentas import Cuentas
from worker.preguntar import Contestacion, Pregunta, Preguntador
from worker.resultado import Abandonada, fracaso

log = structlog.get_logger()

HORAS_MAXIMAS_DIAS = 61  # of a piece by hours: 1 464 rows per provider


class Historico:
    """plazo_s: for each piece, all its providers together; below the lease, which every piece renews."""

    def __init__(self, sesiones: Sesiones, preguntador: Preguntador, plazo_s: float) -> None:
        self._plazo_s = plazo_s
        self._parando = Event()
        self._sesiones = sesiones
        self._preguntador = preguntador

    def trabajar(self, encargo: Encargo, lugar: Lugar) -> None:
        """Answer the whole period. Raises Fracaso if a piece has no usable source, Abandonada if it was taken away."""
        periodo = encargo.pedido.periodo
        assert periodo is not None
        nombres = self._preguntador.elegidos(encargo.pedido.proveedores)
        tramos = periodo.tramos(self._dias_por_tramo(nombres, periodo.resolucion))
        ausentes: dict[str, Fuente] = {}
        for n, tramo in enumerate(tramos):
            if self._parando.is_set():
                self._sesiones.hacer(lambda s: consultas.devolver(s, encargo))
                raise Abandonada
            self._avanzar(encargo, 99 * n // len(tramos))
            caidos = {p for p, fuente in ausentes.items() if fuente.estado == EstadoFuente.FALLIDA}
            ausentes |= self._completar_tramo(encargo, lugar, tramo, [p for p in nombres if p not in caidos])
        self._terminar(encargo, lugar, tramos, ausentes)

    def parar(self) -> None:
        """From now on every consulta is handed back before its next piece, for another worker to go on."""
        self._parando.set()

    def _dias_por_tramo(self, nombres: list[str], resolucion: Resolucion) -> int:
        maximos = [self._preguntador.proveedores[p].dias_por_tramo for p in nombres]
        return min([*maximos, 366 if resolucion == Resolucion.DIARIA else HORAS_MAXIMAS_DIAS])

    def _completar_tramo(self, encargo: Encargo, lugar: Lugar, tramo: Periodo, nombres: list[str]) -> dict[str, Fuente]:
        """Ask those who have not answered this piece, keep what they say; returns the sources without an answer.

        A provider that failed an earlier piece is not among `nombres`: it waits for the next attempt.
        """
        with self._sesiones.transaccion() as s:
            hechas = set(respuestas.respuestas(s, encargo.id, tramo))
        faltan = [p for p in nombres if p not in hechas]
        pregunta = Pregunta(
            usuario_id=encargo.usuario_id,
            lugar=lugar,
            campos=frozenset(campos_de(encargo.pedido.parametros)),
            plazo=monotonic() + self._plazo_s,
            periodo=tramo,
            max_edad_s=encargo.pedido.max_edad_s,
        )
        ausentes = []
        for c in self._preguntador.preguntar(pregunta, faltan):
            if c.lectura is None:
                ausentes.append(c)
            else:
                self._guardar(encargo, tramo, c)
        if not hechas and len(ausentes) == len(faltan):
            raise fracaso(ausentes)
        return {c.fuente.proveedor: c.fuente for c in ausentes}

    def _guardar(self, encargo: Encargo, tramo: Periodo, c: Contestacion) -> None:
        assert c.lectura is not None
        filas = [_fila(m) for m in c.lectura.mediciones]

        def guardar(s: Session) -> bool:
            if not consultas.renovar(s, encargo):
                return False
            respuestas.guardar_respuesta(s, encargo, tramo, fuente_json(c.fuente), filas)
            return True

        if not self._sesiones.hacer(guardar):
            raise Abandonada

    def _avanzar(self, encargo: Encargo, progreso: int) -> None:
        if not self._sesiones.hacer(lambda s: consultas.avanzar(s, encargo, progreso)):
            raise Abandonada

    def _terminar(self, encargo: Encargo, lugar: Lugar, tramos: list[Periodo], ausentes: dict[str, Fuente]) -> None:
        """Combine every piece from what is stored, and finish, in one transaction fenced by completar."""
        cuentas = Cuentas(campos_de(encargo.pedido.parametros), lugar.altura_m)
        with self._sesiones.transaccion() as s:
            paquetes = []
            for tramo in tramos:
                filas = cuentas.tramo(tramo, respuestas.respuestas(s, encargo.id, tramo))
                paquetes.append((len(filas), empacar(filas)))
        resultado = cuentas.resultado(ausentes)

        def completar(s: Session) -> bool:
            if not consultas.completar(s, encargo, resultado):
                return False
            respuestas.guardar_series(s, encargo, paquetes)
            return True

        if not self._sesiones.hacer(completar):
            raise Abandonada
        log.info("consulta_completada", fuentes=len(resultado.fuentes), parcial=resultado.parcial)


def _fila(m: Medicion) -> Fila:
    return {"fecha": str(m.fecha) if m.fecha else None, "instante": iso_utc(m.observado_en), **m.valores()}
