"""A historico, piece by piece: what each provider answers is kept at once, so a second attempt asks only for the rest.

When every piece has an answer, they are combined day by day (or hour by hour) and the whole is stored together.
"""

from __future__ import annotations

from time import monotonic

import structlog

from shared import consultas, respuestas
from shared.clima import Encargo, Fuente, Lugar, Medicion, Periodo, Resolucion, campos_de, fuente_json, iso_utc
from shared.db import Sesiones
from shared.series import Fila, empacar
from worker.cuentas import Cuentas
from worker.preguntar import Contestacion, Pregunta, Preguntador
from worker.resultado import Abandonada, fracaso

log = structlog.get_logger()

DIAS_POR_TRAMO = {Resolucion.DIARIA: 366, Resolucion.HORARIA: 61}


class Historico:
    """plazo_s: for each piece, all its providers together; below the lease, which every piece renews."""

    def __init__(self, sesiones: Sesiones, preguntador: Preguntador, plazo_s: float) -> None:
        self._plazo_s = plazo_s
        self._sesiones = sesiones
        self._preguntador = preguntador

    def trabajar(self, encargo: Encargo, lugar: Lugar) -> None:
        """Answer the whole period. Raises Fracaso if a piece has no usable source, Abandonada if it was taken away."""
        periodo = encargo.pedido.periodo
        assert periodo is not None
        tramos = periodo.tramos(DIAS_POR_TRAMO[periodo.resolucion])
        fallidas: dict[str, Fuente] = {}
        for n, tramo in enumerate(tramos):
            self._avanzar(encargo, 99 * n // len(tramos))
            fallidas |= self._completar_tramo(encargo, lugar, n, tramo, set(fallidas))
        self._terminar(encargo, tramos, fallidas)

    def _completar_tramo(
        self, encargo: Encargo, lugar: Lugar, n: int, tramo: Periodo, fuera: set[str]
    ) -> dict[str, Fuente]:
        """Ask those who have not answered this piece, keep what they say; returns the sources that failed.

        A provider that failed an earlier piece in this attempt is not asked again until the next attempt.
        """
        with self._sesiones.transaccion() as s:
            hechas = set(respuestas.respuestas(s, encargo.id, n))
        nombres = [p for p in self._preguntador.elegidos(encargo.pedido.proveedores) if p not in hechas | fuera]
        pregunta = Pregunta(
            usuario_id=encargo.usuario_id,
            lugar=lugar,
            campos=frozenset(campos_de(encargo.pedido.parametros)),
            plazo=monotonic() + self._plazo_s,
            periodo=tramo,
            max_edad_s=encargo.pedido.max_edad_s,
        )
        fallidas = {}
        for c in self._preguntador.preguntar(pregunta, nombres):
            if c.lectura is None:
                fallidas[c.fuente.proveedor] = c.fuente
            else:
                self._guardar(encargo, n, c)
        if not hechas and len(fallidas) == len(nombres):
            raise fracaso(list(fallidas.values()))
        return fallidas

    def _guardar(self, encargo: Encargo, n: int, c: Contestacion) -> None:
        assert c.lectura is not None
        filas = [_fila(m) for m in c.lectura.mediciones]
        with self._sesiones.transaccion() as s:
            if not consultas.renovar(s, encargo):
                raise Abandonada
            respuestas.guardar_respuesta(s, encargo, n, fuente_json(c.fuente), filas)

    def _avanzar(self, encargo: Encargo, progreso: int) -> None:
        with self._sesiones.transaccion() as s:
            if not consultas.avanzar(s, encargo, progreso):
                raise Abandonada

    def _terminar(self, encargo: Encargo, tramos: list[Periodo], fallidas: dict[str, Fuente]) -> None:
        """Combine every piece from what is stored, and finish, in one transaction fenced by completar."""
        cuentas = Cuentas(campos_de(encargo.pedido.parametros))
        with self._sesiones.transaccion() as s:
            paquetes = []
            for n, tramo in enumerate(tramos):
                filas = cuentas.tramo(tramo, respuestas.respuestas(s, encargo.id, n))
                paquetes.append((len(filas), empacar(filas)))
        resultado = cuentas.resultado(fallidas)
        with self._sesiones.transaccion() as s:
            if not consultas.completar(s, encargo, resultado):
                raise Abandonada
            respuestas.guardar_series(s, encargo, paquetes)
        log.info("consulta_completada", fuentes=len(resultado.fuentes), parcial=resultado.parcial)


def _fila(m: Medicion) -> Fila:
    return {"fecha": str(m.fecha) if m.fecha else None, "instante": iso_utc(m.observado_en), **m.valores()}
