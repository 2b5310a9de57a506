"""IDEAM: Colombia's automatic stations, published raw on datos.gov.co (Socrata SODA 2.1). A token is optional.

Sources: dev.socrata.com/docs (paging, app-tokens, response-codes); data sets, columns and sensors as recorded bodies
and the clients of ProjectPythia/AtmosCol-2023 and sergiobc27/ideam-data-automator have them. Every value comes as text
and a null key is left out. IDEAM validates nothing of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from threading import Lock
from time import monotonic
from typing import Any

from shared.catalogo import FICHAS
from shared.clima import Lugar, Medicion, Periodo, Proveedor, Resolucion
from shared.settings import Settings
from worker.proveedores.cliente import Lectura, Peticion, perder
from worker.proveedores.cuerpos import INCOMPRENSIBLE
from worker.proveedores.estaciones import (
    HORA,
    Caja,
    Estacion,
    Serie,
    actual,
    agrupar,
    al_mar,
    alcanza,
    caja,
    distancia_km,
    mas_cercanas,
    por_tramos,
    principal,
    separar,
    ya_pasaron,
)
from worker.proveedores.http import ErrorProveedor, Omitida
from worker.proveedores.ideam_lectura import (
    HORA_LEGAL,
    SENSORES,
    en_su_hora,
    leer_catalogo,
    leer_datos,
    leer_estaciones,
)

RECIENTE = "57sv-p2fu"  # all sensors, a moving window of the last hours
CATALOGO = "hp9r-jxuu"
# Field → its data set. Those of extreme temperatures (ccvq-rp9s, afdg-3zpb) are not asked: since 2024 they hold 45 °C
# and 0 °C in Medellín. The extremes of sbwg-7ju4, hourly or finer, miss less than those invent.
CONJUNTOS = {
    "temperatura": "sbwg-7ju4",
    "precipitacion": "s54a-sgyg",
    "humedad_relativa": "uext-mhny",
    "velocidad_viento": "sgfv-3yp8",
    "direccion_viento": "kiw7-v9ta",
    "presion_atmosferica": "62tk-nxj5",
}
# How far a station may be: a shower of the Andes is some 10 km wide; the rest changes with height more than with
# distance, and within 30 km there is nearly always a station at a like height.
RADIO_KM = 30.0
ALCANCE_KM = {**dict.fromkeys(SENSORES.values(), RADIO_KM), "precipitacion": 10.0}
EDAD_MAXIMA = timedelta(hours=3)  # older is not the weather of now


TERRITORIO = (Caja(-4.3, 12.6, -79.1, -66.8), Caja(12.0, 13.7, -82.1, -81.0))  # mainland; San Andrés and Providencia


PAGINA = 50_000  # the most that SODA 2.0 gives at once
PAGINAS_MAXIMAS = 20
FILAS_RECIENTES = 20_000
FILAS_SONDEO = 2_000
DIAS_POR_CONSULTA = 31  # ordering a longer range by date times out
CANDIDATAS = 3  # stations whose data are fetched, to take the nearest that has them
# After so long nothing more is begun, for at the deadline (20 s, and 40 s for a piece of history) all would be lost.
HASTA_TIEMPO_REAL_MS, HASTA_HISTORICO_MS = 8_000, 25_000
CATALOGO_DURA_S, CATALOGO_PAUSA_S = 86_400.0, 60.0  # before it is asked again: after it came, after it failed

DE_ESTACION = "codigoestacion,nombreestacion,latitud,longitud"
DE_DATO = "codigoestacion,codigosensor,fechaobservacion,valorobservado,unidadmedida"
DE_TODO = f"{DE_DATO},descripcionsensor,nombreestacion,latitud,longitud"


class Ideam:
    atribucion = "IDEAM, datos abiertos de Colombia (CC BY-SA 4.0), sin validar"
    dias_por_tramo = DIAS_POR_CONSULTA
    asienta_dias = 35  # data sets are completed daily to monthly
    necesita_clave = False
    da = FICHAS[Proveedor.IDEAM].da

    def __init__(self, settings: Settings) -> None:
        self._base = settings.ideam_url
        self._alturas = _Alturas()

    def tiempo_real(self, p: Peticion) -> Lectura:
        """One call for all sensors of the box; of each field the nearest station with a fresh reading."""
        _pedidos(p, self.da[None])
        ahora = datetime.now(UTC)
        soda = _Soda(self._base, p, HASTA_TIEMPO_REAL_MS)
        donde = f"{_dentro(p.lugar)} and fechaobservacion >= {_local(ahora - EDAD_MAXIMA - HORA)}"
        filas = soda.pagina(RECIENTE, donde, DE_TODO, "fechaobservacion DESC,:id", FILAS_RECIENTES)
        datos = en_su_hora(leer_datos(filas), ahora)
        series = mas_cercanas(datos, leer_estaciones(filas), p.lugar, ALCANCE_KM, ahora - EDAD_MAXIMA)
        campos = p.campos | ({"temperatura"} if "presion_atmosferica" in p.campos else set())
        series = {campo: serie for campo, serie in series.items() if campo in campos}
        if not series.keys() & p.campos:
            raise Omitida("no tiene lecturas de las últimas 3 horas cerca del lugar")
        return self._lectura(soda, [actual(series.values())], series, {})

    def historico(self, p: Peticion, periodo: Periodo) -> Lectura:
        """Each field from its own data set and its own station; one that fails is left out, and extras says why."""
        campos = _pedidos(p, self.da[periodo.resolucion])
        ahora = datetime.now(UTC)
        pasado = _pasado(periodo, ahora)
        soda = _Soda(self._base, p, HASTA_HISTORICO_MS)
        series: dict[str, Serie] = {}
        fallos: dict[str, ErrorProveedor | Omitida] = {}
        for campo in (c for c in CONJUNTOS if c in campos):
            try:
                serie = _serie(soda, p.lugar, campo, pasado)
            except (ErrorProveedor, Omitida) as e:
                fallos[campo] = e
                if isinstance(e, Omitida) or e.estado in (401, 403, 429):  # the other data sets would say the same
                    break
            else:
                series |= {campo: serie} if serie else {}
        mediciones = ya_pasaron(por_tramos(series.values(), periodo.resolucion, HORA_LEGAL), periodo.resolucion, ahora)
        if not mediciones and fallos:
            raise next(iter(fallos.values()))
        if not mediciones:
            raise Omitida("no tiene estaciones con datos de ese periodo cerca del lugar")
        return self._lectura(soda, mediciones, series, fallos)

    def _lectura(
        self,
        soda: _Soda,
        mediciones: list[Medicion],
        series: dict[str, Serie],
        fallos: dict[str, ErrorProveedor | Omitida],
    ) -> Lectura:
        """Pressure brought to sea level, and who measured what. altura_m: of the station with the thermometer."""
        termometro, barometro = series.get("temperatura"), series.get("presion_atmosferica")
        altura = {s.estacion.codigo: self._alturas.de(s.estacion.codigo, soda) for s in (termometro, barometro) if s}
        if barometro:
            codigo = barometro.estacion.codigo
            juntos = termometro is not None and termometro.estacion.codigo == codigo
            mediciones = [al_mar(m, altura[codigo], m.temperatura if juntos else None) for m in mediciones]
        if all(m.vacia and not m.imposibles for m in mediciones):
            raise Omitida("no se conoce la altura de su estación, y así su presión no se puede comparar")
        extras: dict[str, Any] = {"estaciones": {campo: serie.ficha() for campo, serie in series.items()}}
        extras |= {campo: e.motivo for campo, e in fallos.items()}
        extras |= {"aviso": "el X-App-Token no es válido: se consultó sin él"} if soda.token_rechazado else {}
        primera = principal(series.values())
        return Lectura(
            [replace(m, extras={**m.extras, **extras}) for m in mediciones],
            altura_m=altura[termometro.estacion.codigo] if termometro else None,
            estacion=primera.estacion.nombre or primera.estacion.codigo,
            distancia_km=primera.distancia_km,
            clave_rechazada=soda.token_rechazado,
            perdidos={c: por for campo, e in fallos.items() for c, por in perder(campo, e).items()},
            incompleta=bool(fallos) or (barometro is not None and not self._alturas.hay),
        )


class _Soda:
    """The calls of one consulta to datos.gov.co. token_rechazado: it went on without the token."""

    def __init__(self, base: str, p: Peticion, hasta_ms: int) -> None:
        self.token_rechazado = False
        self._http = p.http
        self._hasta_ms = hasta_ms
        self._base = base
        self._cabeceras = {"X-App-Token": p.clave.clave} if p.clave else {}

    @property
    def hay_tiempo(self) -> bool:
        return self._http.latencia_ms < self._hasta_ms

    def todas(self, conjunto: str, donde: str, columnas: str) -> list[dict[str, Any]]:
        """Every row, page by page in an order that does not change (dev.socrata.com/docs/paging)."""
        filas: list[dict[str, Any]] = []
        for n in range(PAGINAS_MAXIMAS):
            tanda = self.pagina(conjunto, donde, columnas, "fechaobservacion,:id", PAGINA, n * PAGINA)
            filas += tanda
            if len(tanda) < PAGINA:
                return filas
        raise ErrorProveedor("tiene demasiadas filas para ese periodo")

    def pagina(
        self, conjunto: str, donde: str, columnas: str, orden: str, limite: int, salto: int = 0
    ) -> list[dict[str, Any]]:
        params = {"$select": columnas, "$where": donde, "$order": orden, "$limit": limite, "$offset": salto}
        return self.pedir(conjunto, params, _con_motivo)

    def pedir(
        self, conjunto: str, params: dict[str, Any], al_fallar: Callable[[ErrorProveedor], ErrorProveedor]
    ) -> list[dict[str, Any]]:
        """An invalid token is refused with 403 where none at all is served: then once more without it."""
        url = f"{self._base}/resource/{conjunto}.json"
        try:
            filas = self._http.json(url, params, self._cabeceras, al_fallar)
        except ErrorProveedor as e:
            if e.estado != 403 or not self._cabeceras:
                raise
            self._cabeceras, self.token_rechazado = {}, True
            filas = self._http.json(url, params, al_fallar=al_fallar)
        if not isinstance(filas, list) or not all(isinstance(f, dict) for f in filas):
            raise ErrorProveedor(INCOMPRENSIBLE)
        return filas


class _Alturas:
    """Heights of the stations, from the catalogue, once a day and process: some 9 000 rows of two columns."""

    def __init__(self) -> None:
        self._turno = Lock()
        self._por_codigo: dict[str, float | None] = {}
        self._desde = -inf

    def de(self, codigo: str, soda: _Soda) -> float | None:
        """Metres, or None: not known, or the catalogue cannot be had now; without it only pressure is lost."""
        with self._turno:
            if monotonic() >= self._desde and soda.hay_tiempo:
                self._cargar(soda)
        return self._por_codigo.get(codigo.lstrip("0"))

    @property
    def hay(self) -> bool:
        return bool(self._por_codigo)

    def _cargar(self, soda: _Soda) -> None:
        """Tries once. The catalogue writes codes without the zeros that readings have in front."""
        self._desde = monotonic() + CATALOGO_PAUSA_S
        params = {"$select": "codigo,altitud", "$order": ":id", "$limit": PAGINA}
        try:
            filas = soda.pedir(CATALOGO, params, lambda e: ErrorProveedor(e.motivo, estado=e.estado))
            self._por_codigo = {e.codigo.lstrip("0"): e.altura_m for e in leer_catalogo(filas)}
            self._desde += CATALOGO_DURA_S if self._por_codigo else 0
        except (ErrorProveedor, Omitida):  # refused, or no call left to make
            return  # what is known from the time before still holds


def _pedidos(p: Peticion, da: frozenset[str]) -> set[str]:
    """The fields to look for, or Omitida when IDEAM has none or does not reach there."""
    campos = {"temperatura" if c.startswith("temperatura") else c for c in p.campos & da}
    if not campos:
        raise Omitida("no mide ninguno de los parámetros pedidos")
    if not any(c.contiene(p.lugar) for c in TERRITORIO) or (p.lugar.pais or "CO").upper() != "CO":
        raise Omitida("solo cubre Colombia")
    return campos


def _pasado(periodo: Periodo, ahora: datetime) -> Periodo:
    """Without days to come and, by days, without today, which is not over. Omitida if nothing is left."""
    hoy = ahora.astimezone(HORA_LEGAL).date()
    ultimo = hoy - timedelta(days=1) if periodo.resolucion == Resolucion.DIARIA else hoy
    if periodo.inicio > ultimo:
        raise Omitida("aún no tiene datos de esos días")
    return replace(periodo, fin=min(periodo.fin, ultimo))


def _serie(soda: _Soda, lugar: Lugar, campo: str, periodo: Periodo) -> Serie | None:
    """The nearest station with at least half the hours of the best of its neighbours. None: no station has data.

    Hours with a reading that can be; where no station has any, the nearest that said what cannot.
    """
    if not soda.hay_tiempo:
        raise ErrorProveedor("no alcanzó el tiempo de la consulta", tarde=True)
    cercanas = _con_datos(soda, lugar, campo, periodo)
    if not cercanas:
        return None
    codigos = _lista(e.codigo for _, e in cercanas)
    filas: list[dict[str, Any]] = []
    for tramo in periodo.tramos(DIAS_POR_CONSULTA):
        filas += soda.todas(CONJUNTOS[campo], f"codigoestacion in ({codigos}) and {_durante(tramo)}", DE_DATO)
    por_estacion = agrupar(leer_datos(filas, campo), lambda d: d.estacion)
    series = [Serie(e, lejos, *separar(por_estacion[e.codigo])) for lejos, e in cercanas if e.codigo in por_estacion]
    horas = [len({d.en.replace(minute=0, second=0, microsecond=0) for d in serie.datos}) for serie in series]
    return next((serie for serie, n in zip(series, horas, strict=True) if 2 * n >= max(horas)), None)


def _con_datos(soda: _Soda, lugar: Lugar, campo: str, periodo: Periodo) -> list[tuple[float, Estacion]]:
    """The stations nearest to the place that read something on a day of the period: its middle, first or last."""
    inicio, fin = periodo.inicio, periodo.fin
    for dia in dict.fromkeys((inicio + (fin - inicio) / 2, inicio, fin)):
        donde = f"{_dentro(lugar)} and {_durante(replace(periodo, inicio=dia, fin=dia))}"
        filas = soda.pagina(CONJUNTOS[campo], donde, DE_ESTACION, "fechaobservacion,:id", FILAS_SONDEO)
        lejos = [(distancia_km(lugar, e), e) for e in leer_estaciones(filas).values()]
        cercanas = sorted((par for par in lejos if alcanza(par[0], ALCANCE_KM[campo])), key=lambda par: par[0])
        if cercanas:
            return cercanas[:CANDIDATAS]
    return []


def _dentro(lugar: Lugar) -> str:
    c = caja(lugar, RADIO_KM)
    return f"latitud between {c.sur:.5f} and {c.norte:.5f} and longitud between {c.oeste:.5f} and {c.este:.5f}"


def _durante(periodo: Periodo) -> str:
    desde, hasta = periodo.inicio, periodo.fin + timedelta(days=1)
    return f"fechaobservacion >= '{desde}T00:00:00.000' and fechaobservacion < '{hasta}T00:00:00.000'"


def _local(en: datetime) -> str:
    """SoQL's floating timestamp: one with a zone is refused as text."""
    return f"'{en.astimezone(HORA_LEGAL):%Y-%m-%dT%H:%M:%S}.000'"


def _lista(textos: Iterable[str]) -> str:
    """SoQL strings: a quote inside is doubled (dev.socrata.com/docs/datatypes/text)."""
    return ",".join("'" + texto.replace("'", "''") + "'" for texto in textos)


def _con_motivo(e: ErrorProveedor) -> ErrorProveedor:
    """Where the status alone would mislead: their 404 is a data set that is gone, not a place without data."""
    motivos = {400: "no entendió la consulta", 404: "ya no publica ese conjunto de datos"}
    motivo = motivos.get(e.estado or 0)
    return ErrorProveedor(motivo, estado=e.estado, cuerpo=e.cuerpo) if motivo else e
