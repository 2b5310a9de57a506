"""A historico, piece by piece: what each provider answers is kept at once, so a second attempt asks only for the rest.

Each provider's days are cut its own way (Cliente.dias_por_tramo), and asked for in rounds: in one round the next piece
of every provider, side by side. What worker/pasado.py knows already is not asked for. In the end all that was kept is
combined window by window, day by day (or hour by hour), and the whole is stored together.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import BoundedSemaphore, Event
from time import monotonic

import structlog
from sqlalchemy.orm import Session

from shared import consultas, metricas, respuestas
from shared.clima import Encargo, EstadoFuente, Fuente, Lugar, Periodo, campos_de, fuente_json
from shared.db import Sesiones
from shared.series import Fila, empacar
from shared.settings import Settings
from worker.cuentas import Cuentas, fila_de
from worker.pasado import Pasado
from worker.preguntar import Contestacion, Pregunta, Preguntador
from worker.proveedores.http import Causa
from worker.resultado import Abandonada, Fracaso, fracaso
from worker.tramos import VENTANA_DIAS, dias, pendientes

log = structlog.get_logger()

RENOVAR_CADA_S = 10.0
PREGUNTAN_A_LA_VEZ = 8  # consultas of one process; the rest wait their turn, so that answers do not pile up in memory


@dataclass
class Obra:
    """What one attempt still has to ask (tramos, by provider), and how far it got (hechos: pieces that are there).

    ausencias: pieces that did not come, and why. perdidas: those of them that may still come in another attempt, with
    the pieces that were not asked for because their provider had failed before.
    """

    tramos: dict[str, list[Periodo]] = field(default_factory=dict)
    hechos: int = 0
    progreso: int = 0
    ausencias: list[tuple[Periodo, Contestacion]] = field(default_factory=list)

    def ronda(self) -> dict[str, Periodo]:
        """The next piece of every provider that has not failed in this attempt."""
        caidos = {c.fuente.proveedor for _, c in self.ausencias if c.fuente.estado == EstadoFuente.FALLIDA}
        return {p: tramos.pop(0) for p, tramos in self.tramos.items() if tramos and p not in caidos}

    def perdidas(self) -> list[tuple[Periodo, Contestacion]]:
        asi = {c.fuente.proveedor: c for _, c in self.ausencias}
        sin_preguntar = [(tramo, asi[p]) for p, tramos in self.tramos.items() for tramo in tramos if p in asi]
        return [(t, c) for t, c in (*self.ausencias, *sin_preguntar) if c.causa != Causa.PERMANENTE]

    def avanzo(self) -> bool:
        """Is there progress that somebody would see? What will never come counts as done."""
        faltan = sum(map(len, self.tramos.values()))
        para_siempre = sum(c.causa == Causa.PERMANENTE for _, c in self.ausencias)
        hechos, total = self.hechos + para_siempre, self.hechos + len(self.ausencias) + faltan
        antes, self.progreso = self.progreso, 99 * hechos // max(1, total)
        return self.progreso > antes


class Historico:
    """plazo_s: for each round, all its providers together; below the lease, which every round renews."""

    def __init__(self, settings: Settings, sesiones: Sesiones, preguntador: Preguntador) -> None:
        self._plazo_s = settings.plazo_tramo_s
        self._parando = Event()
        self._plazas = BoundedSemaphore(PREGUNTAN_A_LA_VEZ)
        self._mesa = BoundedSemaphore(1)  # where one window is combined
        self._sesiones = sesiones
        self._preguntador = preguntador
        self._pasado = Pasado(settings, sesiones, preguntador)

    def trabajar(self, encargo: Encargo, lugar: Lugar) -> None:
        """Answer the whole period. Raises Fracaso if a part has no usable source, Abandonada if it was taken away."""
        pregunta = Pregunta(
            usuario_id=encargo.usuario_id,
            lugar=lugar,
            campos=frozenset(campos_de(encargo.pedido.parametros)),
            plazo=0,
            periodo=encargo.pedido.periodo,
            max_edad_s=encargo.pedido.max_edad_s,
        )
        obra = self._empezar(encargo, pregunta)
        while ronda := obra.ronda():
            with self._por_turno(self._plazas, encargo, obra):
                self._preguntar(encargo, pregunta, obra, ronda)
        self._terminar(encargo, lugar, obra)

    def parar(self) -> None:
        """From now on every consulta is handed back at its next step, for another worker to go on."""
        self._parando.set()

    def _empezar(self, encargo: Encargo, pregunta: Pregunta) -> Obra:
        """What an earlier attempt left, and what is known of before, is there; the rest is cut into pieces."""
        assert pregunta.periodo is not None
        with self._sesiones.transaccion() as s:
            hechos = respuestas.hechos(s, encargo.id, pregunta.periodo.resolucion)
        obra = Obra(hechos=sum(map(len, hechos.values())))
        for nombre in self._preguntador.elegidos(encargo.pedido.proveedores):
            faltan = pendientes(pregunta.periodo, hechos.get(nombre, []))
            partes, obra.tramos[nombre] = self._pasado.repartir(nombre, pregunta, faltan)
            for parte in partes:
                metricas.compartidas.labels(nombre, "pasado").inc()
                self._guardar(encargo, obra, parte.tramo, parte.fuente, parte.filas)
        return obra

    def _preguntar(self, encargo: Encargo, pregunta: Pregunta, obra: Obra, ronda: dict[str, Periodo]) -> None:
        """Ask one round, and keep each answer as it comes."""
        plazo = monotonic() + self._plazo_s
        preguntas = {p: replace(pregunta, periodo=tramo, plazo=plazo) for p, tramo in ronda.items()}
        for c in self._preguntador.preguntar(preguntas):
            nombre = c.fuente.proveedor
            if c.lectura is None:
                obra.ausencias.append((ronda[nombre], c))
            else:
                filas = [fila_de(m) for m in c.lectura.mediciones]
                self._guardar(encargo, obra, ronda[nombre], c.fuente, filas)
                self._pasado.guardar(preguntas[nombre], c)

    def _guardar(self, encargo: Encargo, obra: Obra, tramo: Periodo, fuente: Fuente, filas: list[Fila]) -> None:
        obra.hechos += 1
        avanzo = obra.avanzo()

        def guardar(s: Session) -> bool:
            sigue = consultas.avanzar(s, encargo, obra.progreso) if avanzo else consultas.renovar(s, encargo)
            if sigue:
                respuestas.guardar_respuesta(s, encargo, tramo, fuente_json(fuente), filas)
            return sigue

        if not self._sesiones.hacer(guardar):
            raise Abandonada

    def _seguir(self, encargo: Encargo, obra: Obra) -> None:
        """Keep the lease, and say how far it got. Raises Abandonada if it is not ours, or no more."""
        if self._parando.is_set():
            self._sesiones.hacer(lambda s: consultas.devolver(s, encargo))
            raise Abandonada
        avanzo = obra.avanzo()
        if not self._sesiones.hacer(
            lambda s: consultas.avanzar(s, encargo, obra.progreso) if avanzo else consultas.renovar(s, encargo)
        ):
            raise Abandonada

    def _terminar(self, encargo: Encargo, lugar: Lugar, obra: Obra) -> None:
        """Combine everything from what is stored, and finish, in one transaction fenced by completar."""
        periodo = encargo.pedido.periodo
        assert periodo is not None
        cuentas = Cuentas(campos_de(encargo.pedido.parametros), lugar.altura_m, lugar.zona_horaria)
        paquetes = []
        for ventana in periodo.tramos(VENTANA_DIAS[periodo.resolucion]):
            with self._por_turno(self._mesa, encargo, obra):
                with self._sesiones.transaccion() as s:
                    partes = respuestas.partes(s, encargo.id, ventana)
                filas = cuentas.tramo(ventana, partes)
                paquetes.append((len(filas), empacar(filas)))
        resultado = cuentas.resultado({c.fuente.proveedor: c.fuente for _, c in obra.ausencias})
        _exigir(cuentas.con_datos, obra.perdidas(), resultado.fuentes)

        def completar(s: Session) -> bool:
            if not consultas.completar(s, encargo, resultado):
                return False
            respuestas.guardar_series(s, encargo, paquetes)
            if not resultado.parcial:
                respuestas.olvidar(s, encargo)
            return True

        if not self._sesiones.hacer(completar):
            raise Abandonada
        log.info("consulta_completada", fuentes=len(resultado.fuentes), parcial=resultado.parcial)

    @contextmanager
    def _por_turno(self, puestos: BoundedSemaphore, encargo: Encargo, obra: Obra) -> Iterator[None]:
        """Hold one of these places, which bound the memory of the process; who waits for one keeps its lease."""
        while not puestos.acquire(timeout=RENOVAR_CADA_S):
            self._seguir(encargo, obra)
        try:
            self._seguir(encargo, obra)
            yield
        finally:
            puestos.release()


def _exigir(con_datos: set[str], perdidas: list[tuple[Periodo, Contestacion]], fuentes: list[Fuente]) -> None:
    """Raise Fracaso or Aplazada if a piece may still come of which nobody reported a day, or nobody reported anything.

    Where others did report, the answer is one in part.
    """
    nadie = {c.fuente.proveedor: c for t, c in perdidas if not any(str(dia) in con_datos for dia in dias(t))}
    if nadie:
        raise fracaso(list(nadie.values()))
    if not con_datos:
        e = fracaso([Contestacion(f) for f in fuentes])
        raise Fracaso(e.codigo, e.mensaje, definitivo=True)
