"""SIATA: what the nearest station of the Aburrá valley measures now. No key, no open archive.

Sources: see siata_lectura. Its site sends an incomplete chain of certificates, and its firewall refuses some networks
and unknown agents (noted by its open clients): hence the User-Agent below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import asin, cos, radians, sin, sqrt
from typing import Any, NoReturn

from shared.catalogo import FICHAS
from shared.clima import Lugar, Medicion, Periodo, Proveedor
from shared.settings import Settings
from worker.proveedores.cliente import Lectura, Peticion
from worker.proveedores.cuerpos import frontera
from worker.proveedores.http import ErrorProveedor, Omitida
from worker.proveedores.siata_lectura import (
    HORA_COLOMBIANA,
    Aire,
    Estacion,
    leer_aire,
    leer_catalogo,
    leer_estacion,
)

VALLE = (6.0, 6.5, -75.8, -75.2)  # degrees: south, north, west, east
RADIO_KM = 20.0  # in the Andes a station farther away is another weather
RADIO_LLUVIA_KM = 10.0
CANDIDATAS = 4  # stations asked, at most
ANTIGUEDAD = timedelta(hours=2)
ANTIGUEDAD_AIRE = timedelta(hours=3)  # an hour's mean appears when the hour is over
ADELANTO = timedelta(minutes=10)  # between their clock and ours
CABECERAS = {"User-Agent": "Mozilla/5.0 (compatible; ClimaGuru/0.1)"}
# measured together: taken from one station or not at all
GRUPOS: tuple[tuple[str, ...], ...] = (
    ("temperatura",),
    ("humedad_relativa",),
    ("velocidad_viento", "direccion_viento"),
    ("precipitacion",),
)


@dataclass(frozen=True, slots=True)
class Reporte:
    """What one station says. segura: its hour holds as true UTC, see hora_plausible."""

    estacion: Estacion
    distancia_km: float
    medicion: Medicion
    segura: bool


class Siata:
    atribucion = "SIATA, Sistema de Alerta Temprana de Medellín y el Valle de Aburrá (siata.gov.co)"
    necesita_clave = False
    dias_por_tramo = None
    asienta_dias = 10
    da = FICHAS[Proveedor.SIATA].da

    def __init__(self, settings: Settings) -> None:
        self._raiz = settings.siata_url
        self._certificados = settings.siata_ca_bundle or None

    def tiempo_real(self, p: Peticion) -> Lectura:
        """The nearest fresh station; what it lacks comes from the next ones, and extras says which."""
        _en_el_valle(p.lugar)
        if not p.campos & self.da[None]:
            raise Omitida("sus estaciones no miden lo pedido en unidades comparables")
        catalogo = leer_catalogo(self._pedir(p, "/data/siata_app/PluviometricaMeteo.json"))
        reportes = self._reportes(p, mas_cercanas(catalogo, p.lugar), datetime.now(UTC))
        if not reportes:
            raise Omitida(f"ninguna estación a menos de {RADIO_KM:g} km tiene datos de las últimas 2 horas")
        medicion = combinar(reportes, p.campos)
        if "calidad_aire" in p.campos:
            medicion = replace(medicion, extras={**medicion.extras, **self._aire(p)})
        return Lectura([medicion], estacion=_nombre(reportes[0]), distancia_km=round(reportes[0].distancia_km, 2))

    def historico(self, p: Peticion, periodo: Periodo) -> NoReturn:
        _en_el_valle(p.lugar)
        raise Omitida("no tiene un archivo histórico abierto")

    def _reportes(self, p: Peticion, cercanas: list[tuple[float, Estacion]], ahora: datetime) -> list[Reporte]:
        """Fresh reports, nearest first, until they cover what is wanted; those that only say what cannot be come last.
        Raises the last failure when there is none and a station failed.

        One report whose hour holds as true UTC settles it for the feed: those that only hold as Colombian time are
        then old, and left out.
        """
        reportes: list[Reporte] = []
        fallos: list[ErrorProveedor] = []
        for distancia, estacion in cercanas[:CANDIDATAS]:
            try:
                with frontera("siata"):
                    cuerpo = self._pedir(p, f"/data/siata_app/{estacion.codigo}.json")
                    reportes += reporte(estacion, distancia, leer_estacion(cuerpo), p.campos, ahora)
            except ErrorProveedor as e:
                fallos.append(e)
            if any(r.segura for r in reportes):
                reportes = [r for r in reportes if r.segura]
                if not faltan(reportes, p.campos):
                    break
        if fallos and not reportes:
            raise fallos[-1]
        return sorted(reportes, key=lambda r: not _mide(r.medicion, p.campos))

    def _aire(self, p: Peticion) -> dict[str, Any]:
        """PM2.5 in µg/m³ of the nearest station, for extras: it is not an index, and when it fails only it is lost."""
        try:
            with frontera("siata"):
                mediciones = leer_aire(self._pedir(p, "/EntregaData1/Datos_SIATA_Aire_AQ_pm25_Last.json"))
                mejor = aire_cercano(mediciones, p.lugar, datetime.now(UTC))
        except (ErrorProveedor, Omitida) as e:
            return {"calidad_aire": f"calidad del aire: {e.motivo}"}
        return {} if mejor is None else {"pm25_ug_m3": mejor.valor, "pm25_estacion": mejor.estacion.nombre}

    def _pedir(self, p: Peticion, ruta: str) -> Any:
        return p.http.json(
            f"{self._raiz}{ruta}", cabeceras=CABECERAS, al_fallar=_con_motivo, certificados=self._certificados
        )


def mas_cercanas(estaciones: list[Estacion], lugar: Lugar) -> list[tuple[float, Estacion]]:
    """(km, station) within RADIO_KM, nearest first, without those marked as off."""
    con_distancia = ((distancia_km(lugar, e), e) for e in estaciones if not e.apagada)
    return sorted((par for par in con_distancia if par[0] <= RADIO_KM), key=lambda par: (par[0], par[1].codigo))


def distancia_km(lugar: Lugar, estacion: Estacion) -> float:
    """Great circle on a sphere of 6371 km (haversine)."""
    norte, este = radians(estacion.latitud - lugar.latitud), radians(estacion.longitud - lugar.longitud)
    paralelos = cos(radians(lugar.latitud)) * cos(radians(estacion.latitud))
    return 2 * 6371 * asin(sqrt(sin(norte / 2) ** 2 + paralelos * sin(este / 2) ** 2))


def hora_plausible(leida: datetime | None, ahora: datetime) -> tuple[datetime, bool] | None:
    """When a station really measured, and whether that holds as true UTC; None when it is too old or unknown.

    Its open clients disagree on `date`: true unix time (PalmasRide), or Colombian time written as if it were UTC
    (Benpo_SIATA), which is five hours more. The reading nearest to now that is not in the future is taken. So a
    report five to seven hours old in true UTC looks fresh, unless another station settles it (Siata._reportes).
    """
    if leida is None:
        return None
    for hora, segura in ((leida, True), (leida - HORA_COLOMBIANA, False)):
        if -ADELANTO <= ahora - hora <= ANTIGUEDAD:
            return hora, segura
    return None


def reporte(
    estacion: Estacion, distancia: float, m: Medicion, campos: frozenset[str], ahora: datetime
) -> Iterator[Reporte]:
    """One, if it is fresh and says something of what is wanted, even if it cannot be. The station's height is not in
    the feed, so its pressure cannot be reduced to mean sea level and goes to extras; rain from far away is no rain
    here."""
    hora = hora_plausible(m.observado_en, ahora)
    if hora is None:
        return
    presion = {} if m.presion_atmosferica is None else {"presion_estacion_hpa": m.presion_atmosferica}
    m = replace(m, presion_atmosferica=None, observado_en=hora[0], extras={**m.extras, **presion})
    if distancia > RADIO_LLUVIA_KM:
        secas = {campo: motivo for campo, motivo in m.imposibles.items() if campo != "precipitacion"}
        m = replace(m, precipitacion=None, imposibles=secas, incomparables={})
    if _mide(m, campos) or (m.imposibles.keys() | m.incomparables.keys()) & campos:
        yield Reporte(estacion, distancia, m, hora[1])


def faltan(reportes: list[Reporte], campos: frozenset[str]) -> list[tuple[str, ...]]:
    """The wanted groups that no report has."""
    pedidos = [grupo for grupo in GRUPOS if campos & set(grupo)]
    return [g for g in pedidos if all(getattr(r.medicion, g[0]) is None for r in reportes)]


def combinar(reportes: list[Reporte], campos: frozenset[str]) -> Medicion:
    """The first report, with each group it lacks from the nearest that has it, and what any of them said that cannot
    be."""
    medicion, prestados = reportes[0].medicion, {}
    dichos = {campo: motivo for r in reversed(reportes) for campo, motivo in r.medicion.imposibles.items()}
    for grupo in faltan(reportes[:1], campos):
        for otro in reportes[1:]:
            if getattr(otro.medicion, grupo[0]) is not None:
                medicion = replace(medicion, **{campo: getattr(otro.medicion, campo) for campo in grupo})
                aparte = {campo: motivo for campo, motivo in medicion.incomparables.items() if campo not in grupo}
                medicion = replace(medicion, incomparables=aparte)
                prestados[grupo[0]] = f"{_nombre(otro)}, a {otro.distancia_km:.1f} km"
                break
    extras = {"otras_estaciones": prestados} if prestados else {}
    return replace(medicion, extras={**medicion.extras, **extras}, imposibles=dichos)


def _mide(m: Medicion, campos: frozenset[str]) -> bool:
    return any(getattr(m, campo) is not None for campo in campos & Siata.da[None])


def aire_cercano(mediciones: list[Aire], lugar: Lugar, ahora: datetime) -> Aire | None:
    """PM2.5 of the nearest station that is not off: its latest hour with a value, if it is fresh."""

    def orden(a: Aire) -> tuple[float, timedelta]:
        return distancia_km(lugar, a.estacion), ahora - a.observado_en if a.observado_en else timedelta.max

    def sirve(a: Aire) -> bool:
        distancia, edad = orden(a)
        fresca = -ADELANTO <= edad <= ANTIGUEDAD_AIRE and distancia <= RADIO_KM
        return fresca and a.valor is not None and a.contaminante == "pm25" and not a.estacion.apagada

    return min(filter(sirve, mediciones), key=orden, default=None)


def _en_el_valle(lugar: Lugar) -> None:
    sur, norte, oeste, este = VALLE
    if not (sur <= lugar.latitud <= norte and oeste <= lugar.longitud <= este):
        raise Omitida("solo cubre el valle de Aburrá")


def _nombre(r: Reporte) -> str:
    return f"{r.estacion.nombre} ({r.estacion.codigo})"


def _con_motivo(e: ErrorProveedor) -> ErrorProveedor:
    """There is no key to refuse: a 401 or 403 is its firewall."""
    if e.estado not in (401, 403):
        return e
    return ErrorProveedor("no admite peticiones desde este servidor", estado=e.estado)
