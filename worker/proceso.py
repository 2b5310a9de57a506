"""One consulta: tomar → ask the providers → combinar → completar. Safe to run twice and at once.

No transaction is open while a provider is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import structlog
from sqlalchemy.exc import StatementError

from shared import archivo, consultas, metricas
from shared.almacen import abrir
from shared.cambios import Avisos
from shared.clima import Encargo, EstadoFuente, Fuente, Lugar, Medicion, Resultado, TipoConsulta, campos_de
from shared.cola import anotar_fin, clase_de
from shared.db import Sesiones, crear_motor, pasajero
from shared.lugares import zona_horaria
from shared.modelos import CodigoError, Estado
from shared.settings import Settings
from worker.combinar import TERRENO, a_la_altura, combinar
from worker.faltantes import de_ahora
from worker.historico import Historico
from worker.preguntar import Contestacion, Pregunta, Preguntador
from worker.proveedores.cliente import Cliente, Lectura
from worker.proveedores.cuerpos import frontera
from worker.proveedores.http import Causa, ErrorProveedor, Omitida
from worker.proveedores.openmeteo import OpenMeteo
from worker.resultado import Abandonada, Aplazada, Fracaso, fracaso

log = structlog.get_logger()

AVANCE_S = 0.5
HOY_NO_TERMINA = "El periodo aún no termina en ese lugar; pida resolución horaria, o espere a que termine el día."
NO_GUARDADA = (
    "La respuesta no se pudo guardar por un error interno, que ya quedó anotado. "
    "Si «reintentar» da lo mismo, avise a quien mantiene el sistema."
)


class Proceso:
    """What one worker process needs to work: its connections are opened at the first use."""

    def __init__(self, settings: Settings, proveedores: dict[str, Cliente] | None = None) -> None:
        self._plazo_s = settings.plazo_tiempo_real_s
        self._redis = abrir(settings)
        self.sesiones = Sesiones(crear_motor(settings))
        Avisos(self._redis).vigilar(self.sesiones.fabrica)
        self.preguntador = Preguntador(settings, self.sesiones, proveedores)
        self._geocodificador = OpenMeteo(settings)
        self._historico = Historico(settings, self.sesiones, self.preguntador)

    def procesar(self, consulta_id: int) -> None:
        """Work on this consulta, if it still waits."""
        self._atender(self.sesiones.hacer(lambda s: consultas.tomar(s, consulta_id)), TipoConsulta.TIEMPO_REAL)

    def procesar_justa(self) -> None:
        """Work on the consulta whose turn it is in the queue of historico."""
        cola = TipoConsulta.HISTORICO
        self._atender(self.sesiones.hacer(lambda s: consultas.tomar_justa(s, cola)), cola)

    def parar(self) -> None:
        """The process is about to end: long work is handed back at its next step."""
        self._historico.parar()

    def _atender(self, encargo: Encargo | None, cola: TipoConsulta) -> None:
        if encargo is None:  # cancelled, finished, or another worker was first
            return
        if encargo.intentos == 1:
            metricas.esperas.labels(cola).observe(_desde_que_llego_s(encargo))
        quien = {"id_peticion": encargo.id_peticion} if encargo.id_peticion else {}
        with structlog.contextvars.bound_contextvars(consulta_id=encargo.id, intento=encargo.intentos, **quien):
            fin = self._hasta_su_fin(encargo, cola)
        metricas.duraciones.labels(encargo.pedido.tipo, fin).observe(_desde_que_llego_s(encargo))

    def _hasta_su_fin(self, encargo: Encargo, cola: TipoConsulta) -> str:
        """completada, error, or, where it goes on, reintento, aplazada or abandonada."""
        try:
            return self._intentar(encargo, cola)
        except StatementError as e:
            if pasajero(e):
                raise  # it was insisted on for long enough; the sweep will hand the consulta to somebody else
            return self._no_guardada(encargo)

    def _intentar(self, encargo: Encargo, cola: TipoConsulta) -> str:
        try:
            empezo = monotonic()
            self._trabajar(encargo)
            periodo = encargo.pedido.periodo
            clase = clase_de(periodo.resolucion, periodo.dias) if periodo else clase_de(None, 0)
            anotar_fin(self._redis, cola, clase, monotonic() - empezo)
        except Abandonada:
            log.info("consulta_abandonada")
            return "abandonada"
        except Aplazada as e:
            return self._aplazar(encargo, e)
        except Fracaso as e:
            return self._registrar(encargo, e)
        return "completada"

    def _no_guardada(self, encargo: Encargo) -> str:
        """The database refuses what was to be written, and would again. The log tells a developer why."""
        log.exception("consulta_no_guardada")
        return self._registrar(encargo, Fracaso(CodigoError.INTERNO, NO_GUARDADA, definitivo=True))

    def _trabajar(self, encargo: Encargo) -> None:
        plazo = monotonic() + self._queda_s(encargo)
        lugar = encargo.pedido.lugar or self._ubicar(encargo, plazo)
        if encargo.pedido.tipo == TipoConsulta.HISTORICO:
            self._historico.trabajar(_de_dias_terminados(encargo, lugar), lugar)
            return
        resultado = self._tiempo_real(encargo, lugar, plazo)
        if not self.sesiones.hacer(lambda s: consultas.completar(s, encargo, resultado)):
            raise Abandonada
        log.info("consulta_completada", fuentes=len(resultado.fuentes), parcial=resultado.parcial)

    def _tiempo_real(self, encargo: Encargo, lugar: Lugar, plazo: float) -> Resultado:
        campos = campos_de(encargo.pedido.parametros)
        pregunta = Pregunta(
            usuario_id=encargo.usuario_id,
            lugar=lugar,
            campos=frozenset(campos),
            plazo=plazo,
            max_edad_s=encargo.pedido.max_edad_s,
            con_calma=encargo.con_calma,
        )
        previas = self._previas(encargo)
        preguntas = {
            p: _lo_que_falta(pregunta, previas.get(p))
            for p in self.preguntador.elegidos(encargo.pedido.proveedores)
            if p not in previas or previas[p].fuente.perdidos
        }
        for c in self._una_a_una(encargo, preguntas):
            nombre = c.fuente.proveedor
            previas[nombre] = completada(previas[nombre], c) if nombre in previas else c
        return ahora_mismo(list(previas.values()), campos, lugar.altura_m)

    def _queda_s(self, encargo: Encargo) -> float:
        """Of its one deadline; who comes late to it, by waiting for a worker or being tried again, has half of it."""
        return max(self._plazo_s - encargo.edad_s, self._plazo_s / 2)

    def _previas(self, encargo: Encargo) -> dict[str, Contestacion]:
        """What an earlier answer in part already has, and what it was told will never come."""
        if not encargo.parcial:
            return {}
        with self.sesiones.transaccion() as s:
            return {f.proveedor: de_fuente(f) for f in archivo.fuentes_previas(s, encargo.id)}

    def _una_a_una(self, encargo: Encargo, preguntas: dict[str, Pregunta]) -> Iterator[Contestacion]:
        """Each Contestacion as it comes; progress is told, and a cancellation found out, at most every AVANCE_S."""
        ultimo = monotonic()
        for n, contestacion in enumerate(self.preguntador.preguntar(preguntas), 1):
            yield contestacion
            if n < len(preguntas) and monotonic() - ultimo > AVANCE_S:
                ultimo = monotonic()
                self._avanzar(encargo, 99 * n // len(preguntas))

    def _avanzar(self, encargo: Encargo, progreso: int) -> None:
        if not self.sesiones.hacer(lambda s: consultas.avanzar(s, encargo, progreso)):
            raise Abandonada

    def _ubicar(self, encargo: Encargo, plazo: float) -> Lugar:
        """Look the city up by Open-Meteo's geocoding, for names the offline gazetteer does not know."""
        ciudad = encargo.pedido.ciudad or ""
        http = self.preguntador.http("openmeteo", plazo, encargo.usuario_id)
        try:
            with frontera("openmeteo"):
                lugar = self._geocodificador.resolver(http, ciudad)
        except (ErrorProveedor, Omitida) as e:
            raise _sin_buscar(e) from e
        if lugar is None:
            texto = f"No se conoce la ciudad «{ciudad}». Revise el nombre o envíe latitud y longitud."
            raise Fracaso(CodigoError.CIUDAD_DESCONOCIDA, texto, definitivo=True)
        lugar = replace(lugar, zona_horaria=lugar.zona_horaria or zona_horaria(lugar.latitud, lugar.longitud))
        if not self.sesiones.hacer(lambda s: consultas.ubicar(s, encargo, lugar)):
            raise Abandonada
        return lugar

    def _aplazar(self, encargo: Encargo, e: Aplazada) -> str:
        estado = self.sesiones.hacer(lambda s: consultas.aplazar(s, encargo, e.codigo, e.mensaje, e.ventana_s))
        log.info("consulta_aplazada", codigo=e.codigo, ventana_s=e.ventana_s, estado=estado)
        return _contado(encargo, estado, e.codigo, "aplazada")

    def _registrar(self, encargo: Encargo, e: Fracaso) -> str:
        plazo_s = self._plazo_s if encargo.pedido.tipo == TipoConsulta.TIEMPO_REAL else None
        estado = self.sesiones.hacer(
            lambda s: consultas.registrar_fallo(
                s, encargo, e.codigo, e.mensaje, definitivo=e.definitivo, fallidas=e.fallidas, plazo_s=plazo_s
            )
        )
        log.info("consulta_fallida", codigo=e.codigo, motivo=e.mensaje, estado=estado)
        return _contado(encargo, estado, e.codigo, "reintento")


def _de_dias_terminados(encargo: Encargo, lugar: Lugar) -> Encargo:
    """Without the day that was not over when it was asked; Consulta.avisos says so. Raises Fracaso if none is left."""
    periodo = encargo.pedido.periodo
    assert periodo is not None
    terminado = periodo.terminado(lugar.zona_horaria, encargo.creada_en)
    if terminado is None:
        raise Fracaso(CodigoError.SIN_PROVEEDORES, HOY_NO_TERMINA, definitivo=True)
    return replace(encargo, pedido=replace(encargo.pedido, periodo=terminado))


def _contado(encargo: Encargo, estado: Estado | None, codigo: CodigoError, si_sigue: str) -> str:
    if estado == Estado.ERROR:
        metricas.errores.labels(encargo.pedido.tipo, codigo).inc()
        return "error"
    return si_sigue if estado else "abandonada"


def _sin_buscar(e: ErrorProveedor | Omitida) -> Fracaso | Aplazada:
    """The city could not be looked up: for now, or because it never will be."""
    texto = f"No se pudo buscar la ciudad: {e.motivo}."
    if e.causa == Causa.PRESUPUESTO:
        return Aplazada(CodigoError.CUOTA_AGOTADA, texto)
    codigo = CodigoError.TIEMPO_AGOTADO if e.causa == Causa.TARDE else CodigoError.PROVEEDORES_FALLARON
    return Fracaso(codigo, texto, definitivo=e.causa == Causa.PERMANENTE)


def _desde_que_llego_s(encargo: Encargo) -> float:
    """Since it was accepted; by this machine's clock, so only to be counted."""
    return max(0.0, (datetime.now(UTC) - encargo.creada_en).total_seconds())


def _lo_que_falta(pregunta: Pregunta, previa: Contestacion | None) -> Pregunta:
    """Of a provider that has answered in part, only the fields that it could not give then."""
    return replace(pregunta, campos=frozenset(previa.fuente.perdidos)) if previa else pregunta


def completada(previa: Contestacion, nueva: Contestacion) -> Contestacion:
    """What a provider said before, with what it lacked then and says now."""
    if previa.lectura is None or nueva.lectura is None:
        return previa if nueva.pasajera else replace(previa, fuente=replace(previa.fuente, perdidos={}))
    vieja, ahora = previa.lectura.mediciones[0], nueva.lectura.mediciones[0]
    dados: dict[str, Any] = {c: v for c, v in ahora.valores().items() if v is not None and getattr(vieja, c) is None}
    extras = {c: v for c, v in vieja.extras.items() if c not in previa.fuente.perdidos}
    lectura = replace(previa.lectura, mediciones=[replace(vieja, **dados, extras=extras)])
    return Contestacion(replace(previa.fuente, perdidos=nueva.fuente.perdidos), lectura)


def de_fuente(fuente: Fuente) -> Contestacion:
    """A source of a stored answer, as if it had just said so."""
    if not fuente.valores:
        return Contestacion(fuente, causa=Causa.PERMANENTE)
    valores: dict[str, Any] = fuente.valores
    tope = "visibilidad" in fuente.al_menos
    sin_valor = {campo: motivo for campo, motivo in fuente.descartes.items() if valores.get(campo) is None}
    medicion = Medicion(
        **valores,
        observado_en=fuente.observado_en,
        extras=fuente.extras,
        imposibles=sin_valor,
        visibilidad_tope=tope,
    )
    return Contestacion(replace(fuente, estado=EstadoFuente.USADA, motivo=None), Lectura([medicion]))


def ahora_mismo(contestaciones: list[Contestacion], campos: list[str], altura_m: float | None = None) -> Resultado:
    """Combine what is true now. temperatura_min and _max are the coolest and warmest source left.

    altura_m: of the place; if not known, the terrain model's that Open-Meteo reports. Raises Fracaso when no source
    is usable.
    """
    alturas = {c.fuente.proveedor: c.fuente.altura_m for c in contestaciones}
    if altura_m is None:
        altura_m = alturas.get(TERRENO)
    mediciones = {
        c.fuente.proveedor: a_la_altura(c.lectura.mediciones[0], c.fuente.altura_m, altura_m)
        for c in contestaciones
        if c.lectura
    }
    if not mediciones:
        raise fracaso(contestaciones)
    comparables = [c for c in campos if c not in ("temperatura_min", "temperatura_max")]
    valores, dispersion, descartes = combinar(mediciones, comparables)
    for extremo in ("min", "max"):
        if f"temperatura_{extremo}" in campos:
            valores[f"temperatura_{extremo}"] = dispersion.get("temperatura", {}).get(extremo)
    fuentes = [_con_valores(c, mediciones, comparables, descartes) for c in contestaciones]
    faltantes = de_ahora(contestaciones)
    return Resultado(
        valores=valores,
        dispersion=dispersion,
        fuentes=sorted(fuentes, key=lambda f: f.proveedor),
        parcial=any(f.pasajero for f in faltantes),
        faltantes=faltantes,
    )


def _con_valores(
    c: Contestacion, mediciones: dict[str, Medicion], campos: list[str], descartes: dict[str, dict[str, str]]
) -> Fuente:
    """The source as users see it: values as the provider gave them, and what was done with them."""
    if c.lectura is None:
        return c.fuente
    medicion = c.lectura.mediciones[0]
    lejos = descartes.get(c.fuente.proveedor, {})
    sin_valor = {**medicion.imposibles, **medicion.incomparables}
    fuera = {**{campo: motivo for campo, motivo in sin_valor.items() if campo in campos}, **lejos}
    valores = medicion.valores()
    dados = [campo for campo in campos if valores[campo] is not None]
    todo_fuera = bool(lejos) and all(campo in lejos for campo in dados)
    return replace(
        c.fuente,
        estado=EstadoFuente.DESCARTADA if todo_fuera else c.fuente.estado,
        motivo="; ".join(f"{campo}: {motivo}" for campo, motivo in fuera.items()) or c.fuente.motivo,
        valores=valores,
        observado_en=medicion.observado_en,
        edad_s=_edad_s(medicion.observado_en),
        descartes=fuera,
        extras=mediciones[c.fuente.proveedor].extras,
        al_menos=["visibilidad"] if medicion.visibilidad_tope and valores["visibilidad"] is not None else [],
    )


def _edad_s(observado_en: datetime | None) -> int | None:
    return None if observado_en is None else round((datetime.now(UTC) - observado_en).total_seconds())
