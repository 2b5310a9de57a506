"""A historico, piece by piece: what each provider answers is kept at once, so a second attempt asks only for the rest.

Each provider's days are cut its own way (Cliente.dias_por_tramo), and asked for in rounds: in one round the next piece
of every provider, side by side. What worker/pasado.py knows already is not asked for. A provider whose call budget is
spent waits for its next window: the consulta is put off until then, with the pieces that are there. Whoever pays a call
for each day is asked last, only for days that the others lack. In the end all that was kept is combined window by
window, day by day (or hour by hour), and the whole is stored together.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import BoundedSemaphore, Event
from time import monotonic

import structlog
from sqlalchemy.orm import Session

from shared import consultas, costos, metricas, respuestas
from shared.clima import Encargo, EstadoFuente, Fuente, Lugar, Periodo, Proveedor, campos_de, fuente_json
from shared.db import Sesiones
from shared.presupuestos import Saldo
from shared.series import Fila, empacar
from shared.settings import Settings
from worker.cuentas import Cuentas, fila_de
from worker.faltantes import de_periodo
from worker.obra import Ausencia, Obra, Tarea
from worker.pasado import Pasado
from worker.preguntar import Contestacion, Pregunta, Preguntador
from worker.proveedores.http import Causa, Omitida
from worker.resultado import PRONTO, Abandonada, exigir
from worker.suplentes import con_las_nuevas, por_suplir
from worker.tramos import corridas, dias, pendientes
from worker.ventanas import ESPERA_MINIMA_S, cubiertos, por_esperar

log = structlog.get_logger()

RENOVAR_CADA_S = 10.0
PREGUNTAN_A_LA_VEZ = 8  # consultas of one process; the rest wait their turn, so that answers do not pile up in memory


class Historico:
    """plazo_s: for each round, all its providers together; below the lease, which every round renews."""

    def __init__(self, settings: Settings, sesiones: Sesiones, preguntador: Preguntador) -> None:
        self._plazo_s = settings.plazo_tramo_s
        self._plan_meteosource = settings.meteosource_plan
        self._parando = Event()
        self._plazas = BoundedSemaphore(PREGUNTAN_A_LA_VEZ)
        self._mesa = BoundedSemaphore(1)  # where one window is combined
        self._sesiones = sesiones
        self._preguntador = preguntador
        self._pasado = Pasado(settings, sesiones, preguntador)

    def trabajar(self, encargo: Encargo, lugar: Lugar) -> None:
        """Answer the whole period. Raises Fracaso if a part has no usable source, Aplazada while a budget is spent,
        Abandonada if it was taken away."""
        pregunta = Pregunta(
            usuario_id=encargo.usuario_id,
            lugar=lugar,
            campos=frozenset(campos_de(encargo.pedido.parametros)),
            plazo=0,
            periodo=encargo.pedido.periodo,
            max_edad_s=encargo.pedido.max_edad_s,
        )
        obra = self._empezar(encargo, pregunta)
        self._rondas(encargo, pregunta, obra)
        self._suplir(encargo, pregunta, obra)
        self._terminar(encargo, lugar, obra)

    def parar(self) -> None:
        """From now on every consulta is handed back at its next step, for another worker to go on."""
        self._parando.set()

    def _empezar(self, encargo: Encargo, pregunta: Pregunta) -> Obra:
        """What an earlier attempt left, and what is known of before, is there; the rest is cut into pieces."""
        assert pregunta.periodo is not None
        with self._sesiones.transaccion() as s:
            piezas = respuestas.piezas(s, encargo.id, pregunta.periodo.resolucion)
        obra = Obra(progreso=encargo.progreso)
        for tramo, fuente in piezas:
            if fuente.estado != EstadoFuente.USADA:
                obra.ausencias.append(Ausencia(tramo, Contestacion(fuente, causa=Causa.PERMANENTE)))
                continue
            obra.hechos += 1
            if fuente.perdidos:
                falta = Tarea(tramo, frozenset(fuente.perdidos), completa=True)
                obra.tareas.setdefault(fuente.proveedor, []).append(falta)
        for nombre in self._preguntador.elegidos(encargo.pedido.proveedores):
            faltan = pendientes(pregunta.periodo, [t for t, f in piezas if f.proveedor == nombre])
            suplente = self._es_suplente(nombre, pregunta)
            partes, tramos = self._pasado.repartir(nombre, pregunta, faltan, largo=1 if suplente else None)
            if tramos and suplente:
                obra.suplentes[nombre] = tramos
            else:
                obra.tareas.setdefault(nombre, []).extend(Tarea(t, pregunta.campos) for t in tramos)
            for parte in partes:
                metricas.compartidas.labels(nombre, "pasado").inc()
                obra.hechos += 1
                self._guardar(encargo, obra, parte.tramo, parte.fuente, parte.filas)
        return obra

    def _es_suplente(self, nombre: str, pregunta: Pregunta) -> bool:
        """Would it take too many calls for all of it? Not if it cannot be asked at all, which it says itself."""
        try:
            self._preguntador.clave(nombre, pregunta.usuario_id)
        except Omitida:
            return False
        return costos.es_suplente(nombre, self._costo(nombre, pregunta, pregunta.campos, pregunta.periodo))

    def _costo(self, nombre: str, pregunta: Pregunta, campos: frozenset[str], tramo: Periodo | None) -> int:
        return costos.costo_de(nombre, campos, tramo, pregunta.lugar, plan_meteosource=self._plan_meteosource)

    def _rondas(self, encargo: Encargo, pregunta: Pregunta, obra: Obra) -> None:
        """Ask for all that can be asked now. Raises Aplazada where the rest is worth waiting for."""
        while ronda := obra.ronda():
            caben = {p: t for p, t in ronda.items() if self._cabe(p, pregunta, obra, t)}
            if caben:
                with self._por_turno(self._plazas, encargo, obra):
                    self._preguntar(encargo, pregunta, obra, caben)
        self._esperar_ventana(encargo, obra)

    def _cabe(self, nombre: str, pregunta: Pregunta, obra: Obra, tarea: Tarea) -> bool:
        """Has its budget room for the whole of this piece? So that no call is spent on what cannot be finished."""
        costo = self._costo(nombre, pregunta, tarea.campos, tarea.tramo)
        saldo = self._preguntador.saldo(nombre, pregunta, costo) if costo else Saldo()
        if not saldo.cabe:
            obra.parados[nombre] = self._preguntador.sin_presupuesto(nombre, saldo)
        return saldo.cabe

    def _preguntar(self, encargo: Encargo, pregunta: Pregunta, obra: Obra, ronda: dict[str, Tarea]) -> None:
        """Ask one round, and keep each answer as it comes."""
        plazo = monotonic() + self._plazo_s
        preguntas = {p: replace(pregunta, periodo=t.tramo, campos=t.campos, plazo=plazo) for p, t in ronda.items()}
        for c in self._preguntador.preguntar(preguntas):
            nombre = c.fuente.proveedor
            if c.lectura is None:
                self._faltar(encargo, obra, ronda[nombre], c)
            else:
                self._recibir(encargo, pregunta, obra, ronda[nombre], c)
                self._pasado.guardar(preguntas[nombre], c)

    def _recibir(self, encargo: Encargo, pregunta: Pregunta, obra: Obra, tarea: Tarea, c: Contestacion) -> None:
        assert c.lectura is not None
        nombre, fuente, filas = c.fuente.proveedor, c.fuente, [fila_de(m) for m in c.lectura.mediciones]
        if tarea.completa:
            fuente, filas = self._completada(encargo, tarea, c)
        sin_dinero = frozenset(campo for campo, (_, causa) in c.lectura.perdidos.items() if causa == Causa.PRESUPUESTO)
        obra.hecha(nombre, sin_dinero)
        if sin_dinero:
            costo = self._costo(nombre, pregunta, sin_dinero, tarea.tramo)
            saldo = self._preguntador.saldo(nombre, pregunta, costo)
            saldo = replace(saldo, espera_s=max(ESPERA_MINIMA_S, saldo.espera_s))
            obra.parados[nombre] = self._preguntador.sin_presupuesto(nombre, saldo)
        self._guardar(encargo, obra, tarea.tramo, fuente, filas)

    def _completada(self, encargo: Encargo, tarea: Tarea, c: Contestacion) -> tuple[Fuente, list[Fila]]:
        """The piece that was there, with the fields that it lacked; one that never will have them lacks none."""
        nombre = c.fuente.proveedor
        with self._sesiones.transaccion() as s:
            viejas = respuestas.filas_de(s, encargo.id, nombre, tarea.tramo)
            piezas = respuestas.piezas(s, encargo.id, tarea.tramo.resolucion)
        suya = next(f for t, f in piezas if t == tarea.tramo and f.proveedor == nombre)
        nuevas = [fila_de(m) for m in c.lectura.mediciones] if c.lectura else []
        return replace(suya, perdidos=c.fuente.perdidos), con_las_nuevas(viejas, nuevas)

    def _faltar(self, encargo: Encargo, obra: Obra, tarea: Tarea, c: Contestacion) -> None:
        """What will never come is kept as such, so that no later attempt asks for it."""
        obra.faltar(c.fuente.proveedor, c)
        if not c.pasajera:
            fuente, filas = self._completada(encargo, tarea, c) if tarea.completa else (c.fuente, [])
            self._guardar(encargo, obra, tarea.tramo, fuente, filas)

    def _esperar_ventana(self, encargo: Encargo, obra: Obra) -> None:
        """Raise Aplazada if what is left fits a window of the budgets that this consulta can wait for."""
        if aplazada := por_esperar(self._sesiones, encargo, obra):
            self._seguir(encargo, obra)  # what it got to is told before it rests
            raise aplazada

    def _suplir(self, encargo: Encargo, pregunta: Pregunta, obra: Obra) -> None:
        """Ask those who pay a call a day for what the others lack, once it is sure that these will not tell it.

        One after another, so that none pays for what another has just told.
        """
        ultimo = encargo.intentos >= consultas.MAX_INTENTOS[encargo.pedido.tipo]
        for nombre, tramos in obra.suplentes.items():
            campos = pregunta.campos & costos.SUPLEN[Proveedor(nombre)][tramos[0].resolucion]
            faltan: list[Periodo] = []
            if campos and (ultimo or not any(c.causa in PRONTO for c in obra.parados.values())):
                hay = cubiertos(self._sesiones, encargo, campos)
                faltan = por_suplir(nombre, tramos, hay, pregunta.lugar)
            llamadas = sum(self._costo(nombre, pregunta, pregunta.campos, t) for t in faltan)
            todas = self._costo(nombre, pregunta, pregunta.campos, pregunta.periodo)
            if llamadas > costos.DE_UN_DIA[Proveedor(nombre)]:
                motivo, faltan = f"lo que falta a los demás pediría {llamadas} llamadas, más de las de un día", []
            else:
                motivo = f"pediría {todas} llamadas: solo se le pregunta por los días que faltan a los demás"
            preguntados = {dia for t in faltan for dia in dias(t)}
            resto = corridas({d for t in tramos for d in dias(t)} - preguntados, tramos[0].resolucion)
            obra.ausencias += [Ausencia(t, self._preguntador.omitida(nombre, motivo)) for t in resto]
            obra.tareas[nombre] = [Tarea(t, pregunta.campos) for t in faltan]
            self._rondas(encargo, pregunta, obra)

    def _guardar(self, encargo: Encargo, obra: Obra, tramo: Periodo, fuente: Fuente, filas: list[Fila]) -> None:
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
        for ventana in periodo.tramos(costos.VENTANA_DIAS[periodo.resolucion]):
            with self._por_turno(self._mesa, encargo, obra):
                with self._sesiones.transaccion() as s:
                    partes = respuestas.partes(s, encargo.id, ventana)
                filas = cuentas.tramo(ventana, partes)
                paquetes.append((len(filas), empacar(filas)))
        ausentes = obra.ausentes()
        resultado = cuentas.resultado({a.contestacion.fuente.proveedor: a.contestacion.fuente for a in ausentes})
        exigir(encargo, cuentas.con_datos, ausentes, resultado.fuentes)
        with self._sesiones.transaccion() as s:
            piezas = respuestas.piezas(s, encargo.id, periodo.resolucion)
        faltantes = de_periodo(ausentes, piezas, resultado.fuentes)
        resultado = replace(resultado, faltantes=faltantes, parcial=any(f.pasajero for f in faltantes))

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
