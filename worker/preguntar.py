"""Ask several providers side by side: nobody waits for the slowest past the deadline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import isinf
from time import monotonic

import orjson

from shared import metricas
from shared.almacen import abrir
from shared.clima import EstadoFuente, Fuente, Lugar, Medicion, Periodo, Proveedor, Resolucion, TipoConsulta
from shared.db import Sesiones
from shared.limites import Limites
from shared.posible import depurar, posible
from shared.presupuestos import Pagador, Presupuestos, Saldo
from shared.settings import Settings
from worker.claves import Claves
from worker.compartido import EDAD_POR_DEFECTO_S, Compartida, Compartidor, clave_de
from worker.cuentas import VACIA
from worker.proveedores import crear_proveedores
from worker.proveedores.cliente import Clave, Cliente, Lectura, Peticion
from worker.proveedores.cuerpos import a_utc, entero, frontera, numero, texto
from worker.proveedores.http import Causa, ErrorProveedor, Esperas, Http, Omitida, crear_sesion
from worker.tramos import asentado

TARDE = "no respondió a tiempo"
IMPOSIBLE = "todo lo que dijo está fuera de lo posible"
INCOMPARABLE = "no dio ningún valor que se pueda comparar con los de las demás fuentes"
CIRCUITO = "falló varias veces seguidas y se le da un descanso de unos segundos"
NO_CABE = "una sola llamada cuesta más que todo su presupuesto"
PRESUPUESTO = "la instalación agotó por ahora sus llamadas a este proveedor"
PARTE = "usted gastó por ahora su parte de las llamadas de la instalación a este proveedor; las demás son de los otros"
SIN_CLAVE = "necesita una clave y no hay ninguna; guarde la suya en api-keys"
LABORATORIO = "Laboratorio de ClimaGuru: datos simulados, no son observaciones"


@dataclass(frozen=True, slots=True)
class Pregunta:
    """What is asked of every provider. periodo None: now. plazo: a time.monotonic() value for all of them.

    max_edad_s: how old a shared answer may be; None: EDAD_POR_DEFECTO_S. con_calma: nobody waits at a screen.
    """

    usuario_id: int
    lugar: Lugar
    campos: frozenset[str]
    plazo: float
    periodo: Periodo | None = None
    max_edad_s: float | None = None
    con_calma: bool = False

    @property
    def prisa(self) -> bool:
        return self.periodo is None and not self.con_calma


@dataclass(frozen=True, slots=True)
class Contestacion:
    """One provider's part: what users see of it, its data when it has any, and why not if it has none.

    espera_s: when its call budget has room, if that is what it lacked. A causa that is not known may pass.
    """

    fuente: Fuente
    lectura: Lectura | None = None
    causa: Causa | None = None
    espera_s: float | None = None

    @property
    def pasajera(self) -> bool:
        """Has it nothing now, and may yet?"""
        return self.lectura is None and self.causa != Causa.PERMANENTE


class Preguntador:
    """The providers of one process, its HTTP connections and its threads for waiting on them."""

    def __init__(
        self, settings: Settings, sesiones: Sesiones, proveedores: dict[str, Cliente] | None = None, hilos: int = 192
    ) -> None:
        self.proveedores = crear_proveedores(settings) if proveedores is None else proveedores
        redis = abrir(settings)
        presupuestos = Presupuestos(redis, settings.openmeteo_presupuesto, settings.parte_por_usuario)
        self._limites = Limites(redis, presupuestos)
        self._compartidor = Compartidor(redis)
        self._claves = Claves(settings, sesiones)
        self._esperas = Esperas(settings.espera_conexion_s, settings.espera_lectura_s)
        self._sesion = crear_sesion(hilos)
        self._hilos = ThreadPoolExecutor(hilos, thread_name_prefix="proveedor")

    def elegidos(self, pedidos: list[Proveedor] | None) -> list[str]:
        """The providers to ask: those the user named, or all."""
        return list(self.proveedores) if pedidos is None else [p for p in pedidos if p in self.proveedores]

    def preguntar(self, preguntas: Mapping[str, Pregunta]) -> Iterator[Contestacion]:
        """Yield each provider's Contestacion as it comes; at the last deadline those still missing are fallida."""
        pendientes: dict[Future[Contestacion], str] = {
            self._hilos.submit(copy_context().run, self._una, nombre, pregunta): nombre  # their log lines say whose
            for nombre, pregunta in preguntas.items()
        }
        plazo = max((p.plazo for p in preguntas.values()), default=0.0)
        try:
            for futuro in as_completed(list(pendientes), timeout=max(0.0, plazo - monotonic())):
                pendientes.pop(futuro)
                yield futuro.result()
        except TimeoutError:
            for futuro, nombre in pendientes.items():
                futuro.cancel()
                yield Contestacion(self._fuente(nombre, EstadoFuente.FALLIDA, TARDE), causa=Causa.TARDE)

    def clave(self, nombre: str, usuario_id: int) -> Clave | None:
        """Whose key pays; None: it needs none. Raises Omitida if it needs one, and there is none that can be read."""
        clave = self._claves.de(usuario_id, nombre)
        if clave is None and self.proveedores[nombre].necesita_clave:
            raise Omitida(SIN_CLAVE)
        return clave

    def omitida(self, nombre: str, motivo: str) -> Contestacion:
        """For a provider that is not asked, and will not be."""
        return Contestacion(self._fuente(nombre, EstadoFuente.OMITIDA, motivo), causa=Causa.PERMANENTE)

    def sin_presupuesto(self, nombre: str, saldo: Saldo) -> Contestacion:
        """For a provider that is not asked before its budget has room."""
        fuente = self._fuente(nombre, EstadoFuente.OMITIDA, PARTE if saldo.de_uno else PRESUPUESTO)
        return Contestacion(fuente, causa=Causa.PRESUPUESTO, espera_s=saldo.espera_s)

    def saldo(self, nombre: str, pregunta: Pregunta, costo: int) -> Saldo:
        """Has the provider's budget room for this much? What never fits is for the calls to find out."""
        try:
            clave = self.clave(nombre, pregunta.usuario_id)
        except Omitida:
            return Saldo()
        saldo = self._limites.presupuestos.mirar(nombre, costo, _pagador(pregunta.usuario_id, clave, pregunta.prisa))
        return Saldo() if isinf(saldo.espera_s) else saldo

    def http(
        self, nombre: str, plazo: float, usuario_id: int, clave: Clave | None = None, *, prisa: bool = True
    ) -> Http:
        """HTTP for one provider, within its budget and the user's share, its places in flight and the key's quota."""
        pagador = _pagador(usuario_id, clave, prisa)

        @contextmanager
        def permiso(costo: int) -> Iterator[None]:
            with self._limites.en_vuelo(nombre, plazo, prisa=prisa) as dentro:
                if not dentro:
                    raise Omitida(PRESUPUESTO, Causa.PRESUPUESTO)
                saldo = self._limites.presupuestos.gastar(nombre, costo, pagador)
                if isinf(saldo.espera_s):
                    raise Omitida(NO_CABE)
                if not saldo.cabe:
                    raise Omitida(PARTE if saldo.de_uno else PRESUPUESTO, Causa.PRESUPUESTO, saldo.espera_s)
                self._claves.reservar(clave)  # every call counts, retries too
                yield

        reintento = metricas.reintentos.labels(nombre).inc
        if clave is None:
            return Http(self._sesion, self._esperas, plazo, permiso, reintento)
        return Http(self._sesion, self._esperas, plazo, permiso, reintento, clave.tapar)

    def _una(self, nombre: str, pregunta: Pregunta) -> Contestacion:
        empezo = monotonic()
        contestacion = self._contestacion(nombre, pregunta)
        tipo = TipoConsulta.HISTORICO if pregunta.periodo else TipoConsulta.TIEMPO_REAL
        metricas.llamadas.labels(tipo, nombre, contestacion.fuente.estado).observe(monotonic() - empezo)
        return contestacion

    def _contestacion(self, nombre: str, pregunta: Pregunta) -> Contestacion:
        empezo = monotonic()
        try:
            compartida = self._compartida(nombre, pregunta)
        except Omitida as e:
            return Contestacion(
                self._fuente(nombre, EstadoFuente.OMITIDA, e.motivo), causa=e.causa, espera_s=e.espera_s
            )
        except ErrorProveedor as e:
            return Contestacion(self._fuente(nombre, EstadoFuente.FALLIDA, e.motivo, _ms(empezo)), causa=e.causa)
        lectura = compartida.lectura
        if all(m.vacia for m in lectura.mediciones) and not self._nada_que_decir(nombre, pregunta, compartida):
            fuera = {c: motivo for m in lectura.mediciones for c, motivo in (m.imposibles | m.incomparables).items()}
            imposible = any(m.imposibles for m in lectura.mediciones)
            motivo = IMPOSIBLE if imposible else INCOMPARABLE if fuera else VACIA
            fuente = self._fuente(nombre, EstadoFuente.FALLIDA, motivo, _ms(empezo), compartida)
            return Contestacion(replace(fuente, descartes=fuera), causa=Causa.FALLO)
        return Contestacion(self._fuente(nombre, EstadoFuente.USADA, None, _ms(empezo), compartida), lectura)

    def _compartida(self, nombre: str, pregunta: Pregunta) -> Compartida:
        """Raises ErrorProveedor and Omitida."""
        clave = self.clave(nombre, pregunta.usuario_id)
        cual = clave_de(nombre, pregunta.lugar, pregunta.periodo, pregunta.campos, clave)
        edad_s = EDAD_POR_DEFECTO_S if pregunta.max_edad_s is None else pregunta.max_edad_s
        c = self._compartidor.obtener(cual, edad_s, pregunta.plazo, lambda: self._llamar(nombre, pregunta, clave))
        if c.desde_cache:
            metricas.compartidas.labels(nombre, "reciente").inc()
        return c

    def _nada_que_decir(self, nombre: str, pregunta: Pregunta, c: Compartida) -> bool:
        """Are these past days settled? Then there is nothing to say of them, and asking again would not help."""
        fin = pregunta.periodo.fin if pregunta.periodo else None
        return fin is not None and asentado(self.proveedores[nombre], fin, c.consultado_en.date())

    def _llamar(self, nombre: str, pregunta: Pregunta, clave: Clave | None) -> tuple[Lectura, bool]:
        """Really ask, and tell the circuit how it went. Returns also whether the laboratory answered."""
        if not self._limites.permite(nombre):
            raise Omitida(CIRCUITO, Causa.CIRCUITO)
        http = self.http(nombre, pregunta.plazo, pregunta.usuario_id, clave, prisa=pregunta.prisa)
        peticion = Peticion(http, pregunta.lugar, pregunta.campos, clave)
        cliente = self.proveedores[nombre]
        try:
            with frontera(nombre):
                if pregunta.periodo is None:
                    lectura = cliente.tiempo_real(peticion)
                else:
                    lectura = cliente.historico(peticion, pregunta.periodo)
                lectura = depurada(lectura, pregunta.periodo)
        except ErrorProveedor as e:
            self._limites.anotar(nombre, bien=_contesto(e), latencia_ms=http.latencia_ms)
            if e.estado in (401, 403) and clave is not None:
                raise ErrorProveedor(self._claves.rechazada(clave), estado=e.estado) from e
            raise
        self._limites.anotar(nombre, bien=True, latencia_ms=http.latencia_ms)
        return lectura, http.laboratorio

    def _fuente(
        self,
        nombre: str,
        estado: EstadoFuente,
        motivo: str | None,
        latencia_ms: int | None = None,
        compartida: Compartida | None = None,
    ) -> Fuente:
        simulado = compartida is not None and compartida.laboratorio
        return Fuente(
            proveedor=nombre,
            estado=estado,
            motivo=motivo,
            consultado_en=compartida.consultado_en if compartida else datetime.now(UTC),
            desde_cache=compartida is not None and compartida.desde_cache,
            latencia_ms=latencia_ms,
            atribucion=LABORATORIO if simulado else self.proveedores[nombre].atribucion,
            laboratorio=simulado,
            perdidos={c: motivo for c, (motivo, _) in compartida.lectura.perdidos.items()} if compartida else {},
            altura_m=compartida.lectura.altura_m if compartida else None,
            estacion=compartida.lectura.estacion if compartida else None,
            distancia_km=compartida.lectura.distancia_km if compartida else None,
        )


def depurada(lectura: Lectura, periodo: Periodo | None) -> Lectura:
    """The one gate: no value of any provider gets further that cannot be (shared/posible.py), and nothing that cannot
    be kept as JSON in UTF-8. Raises whatever a client's mistake makes it raise, inside the provider's border."""
    diaria = periodo is not None and periodo.resolucion == Resolucion.DIARIA
    return replace(
        lectura,
        mediciones=[_guardable(depurar(m, diaria=diaria)) for m in lectura.mediciones],
        altura_m=posible("altura_m", lectura.altura_m),
        estacion=texto(lectura.estacion),
        distancia_km=numero(lectura.distancia_km),
    )


def _guardable(m: Medicion) -> Medicion:
    if m.observado_en is not None and a_utc(m.observado_en) is None:
        m = replace(m, observado_en=None)
    descripcion, codigo = texto(m.descripcion_clima), entero(m.codigo_clima)
    extras = orjson.loads(orjson.dumps(m.extras)) if m.extras else m.extras  # NaN becomes null
    return replace(m, descripcion_clima=descripcion, codigo_clima=codigo, extras=extras)


def _pagador(usuario_id: int, clave: Clave | None, prisa: bool) -> Pagador:
    return Pagador(usuario_id, clave_propia=clave is not None and clave.id is not None, prisa=prisa)


def _contesto(e: ErrorProveedor) -> bool:
    """A refusal is an answer: it says nothing against the provider's health. A full queue or a 5xx does."""
    return e.estado is not None and 400 <= e.estado < 500 and e.estado != 429


def _ms(desde: float) -> int:
    return round((monotonic() - desde) * 1000)
