"""A network of weather stations: how far each one is, and what the readings of its sensors add up to.

Nothing here knows where the readings come from.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from math import asin, cos, inf, radians, sin, sqrt
from statistics import fmean, median
from typing import Any, NamedTuple, TypeVar

from shared.clima import CAMPOS_NUMERICOS, Lugar, Medicion, Resolucion, iso_utc
from shared.posible import fuera, posible
from worker.combinar import media_vectorial

T = TypeVar("T")
C = TypeVar("C", bound=Hashable)

RADIO_TIERRA_KM = 6371.0088  # mean radius, IUGG
KM_POR_GRADO = 111.2  # of latitude
HORA = timedelta(hours=1)
COBERTURA = 0.75  # of a day's usual hours, to count as a day

GRADIENTE_K_POR_M = 0.0065  # ISO 2533, standard atmosphere
EXPONENTE = 5.257  # g·M / (R·gradient), dry air
TEMPERATURA_DEL_MAR_C = 28.0  # of the warm tropics at sea level, for a station without a thermometer
PRESION_CREIBLE_HPA = (990.0, 1040.0)  # at sea level


@dataclass(frozen=True, slots=True)
class Estacion:
    """altura_m: above the sea. None: not known."""

    codigo: str
    nombre: str | None = None
    latitud: float | None = None
    longitud: float | None = None
    altura_m: float | None = None


@dataclass(frozen=True, slots=True)
class Dato:
    """One reading of one sensor. campo: the field of Medicion it fills, in its units. en: aware, UTC.

    Its pressure is the station's own, not sea level; its rain is what fell since the reading before.
    """

    estacion: str
    sensor: str
    campo: str
    en: datetime
    valor: float


@dataclass(frozen=True, slots=True)
class Serie:
    """What one station says of one field. lejos_km: from the place asked about; inf when it is not known.

    datos: the readings that can be. imposibles: those that cannot, which count for nothing and are told.
    """

    estacion: Estacion
    lejos_km: float
    datos: list[Dato]
    imposibles: list[Dato] = field(default_factory=list)

    def ficha(self) -> dict[str, Any]:
        """For extras: who measured, how far, and when last."""
        quien = {"estacion": self.estacion.nombre or self.estacion.codigo, "codigo": self.estacion.codigo}
        ultimo = iso_utc(max(d.en for d in self.datos or self.imposibles))
        return {**quien, "distancia_km": self.distancia_km, "observado_en": ultimo}

    @property
    def distancia_km(self) -> float | None:
        return None if self.lejos_km == inf else round(self.lejos_km, 1)


class Caja(NamedTuple):
    """Degrees."""

    sur: float
    norte: float
    oeste: float
    este: float

    def contiene(self, lugar: Lugar) -> bool:
        return self.sur <= lugar.latitud <= self.norte and self.oeste <= lugar.longitud <= self.este


def caja(lugar: Lugar, radio_km: float) -> Caja:
    """The box that holds the circle; near a pole it is too small, and no network here is near one."""
    alto = radio_km / KM_POR_GRADO
    ancho = radio_km / (KM_POR_GRADO * max(0.01, cos(radians(lugar.latitud))))
    return Caja(lugar.latitud - alto, lugar.latitud + alto, lugar.longitud - ancho, lugar.longitud + ancho)


def distancia_km(lugar: Lugar, estacion: Estacion) -> float:
    """Great circle by the haversine (R. W. Sinnott, Sky & Telescope 68, 1984). inf: the station is nowhere known."""
    if estacion.latitud is None or estacion.longitud is None:
        return inf
    norte, este = radians(estacion.latitud - lugar.latitud), radians(estacion.longitud - lugar.longitud)
    a = sin(norte / 2) ** 2 + cos(radians(lugar.latitud)) * cos(radians(estacion.latitud)) * sin(este / 2) ** 2
    return 2 * RADIO_TIERRA_KM * asin(min(1.0, sqrt(a)))


def agrupar(cosas: Iterable[T], clave: Callable[[T], C]) -> dict[C, list[T]]:
    grupos: dict[C, list[T]] = defaultdict(list)
    for cosa in cosas:
        grupos[clave(cosa)].append(cosa)
    return dict(grupos)


def sin_repetir(datos: Iterable[Dato]) -> list[Dato]:
    """The first reading of one sensor at one instant: where a row is published twice it did not rain twice."""
    unicos: dict[tuple[str, str, str, datetime], Dato] = {}
    for d in datos:
        unicos.setdefault((d.estacion, d.sensor, d.campo, d.en), d)
    return list(unicos.values())


def separar(datos: Iterable[Dato]) -> tuple[list[Dato], list[Dato]]:
    """Those that can be, as shared/posible.py reads them, and those that cannot."""
    buenos, malos = [], []
    for d in datos:
        valor = posible("presion_estacion" if d.campo == "presion_atmosferica" else d.campo, d.valor)
        if valor is None:
            malos.append(d)
        else:
            buenos.append(d if valor == d.valor else replace(d, valor=valor))
    return buenos, malos


def mas_cercanas(
    datos: list[Dato], estaciones: Mapping[str, Estacion], lugar: Lugar, alcance: Mapping[str, float], desde: datetime
) -> dict[str, Serie]:
    """Of each field the nearest station that read after `desde`, or, where none did, that said then what cannot be.

    alcance: field → how far it may be, km.
    """
    series: dict[str, list[Serie]] = defaultdict(list)
    for (campo, codigo), suyos in agrupar(datos, lambda d: (d.campo, d.estacion)).items():
        lejos = distancia_km(lugar, estaciones[codigo])
        if max(d.en for d in suyos) < desde or not alcanza(lejos, alcance[campo]):
            continue
        buenos, malos = separar(suyos)
        vive = any(d.en >= desde for d in buenos)
        series[campo].append(Serie(estaciones[codigo], lejos, buenos if vive else [], malos))
    return {
        campo: min(suyas, key=lambda s: (not s.datos, s.lejos_km, s.estacion.codigo)) for campo, suyas in series.items()
    }


def alcanza(lejos_km: float, maximo_km: float) -> bool:
    """A station without coordinates is taken: the network was asked for those in the box."""
    return lejos_km == inf or lejos_km <= maximo_km


def principal(series: Iterable[Serie]) -> Serie:
    """The one whose station gave most fields; of equals the nearest."""
    todas = list(series)
    veces = Counter(s.estacion.codigo for s in todas)
    return max(todas, key=lambda s: (veces[s.estacion.codigo], -s.lejos_km))


def actual(series: Iterable[Serie]) -> Medicion:
    """The newest reading of each field; of rain, what fell in the hour that ends with its newest reading."""
    todas = list(series)
    datos, malos = [d for s in todas for d in s.datos], [d for s in todas for d in s.imposibles]
    valores = {}
    for campo, suyos in agrupar(datos, lambda d: d.campo).items():
        ultimo = max(d.en for d in suyos)
        lecturas = _un_sensor([d for d in suyos if d.en > ultimo - HORA])
        lluvia = campo == "precipitacion"
        valores[campo] = sum(d.valor for d in lecturas) if lluvia else max(lecturas, key=lambda d: d.en).valor
    return replace(_medicion(valores, max(d.en for d in datos or malos)), imposibles=_dichos(malos))


def por_tramos(series: Iterable[Serie], resolucion: Resolucion, zona: tzinfo) -> list[Medicion]:
    """One Medicion per hour or per day of that zone, in order; each begins when its observado_en says.

    Made of the readings that can be; where one cannot, its imposibles says so.
    """
    diaria = resolucion == Resolucion.DIARIA

    def cubo(d: Dato) -> datetime:
        local = d.en.astimezone(zona).replace(minute=0, second=0, microsecond=0)
        return local.replace(hour=0) if diaria else local

    todas = list(series)
    datos = agrupar((d for s in todas for d in (_sin_dias_flojos(s.datos, cubo) if diaria else s.datos)), cubo)
    malos = agrupar((d for s in todas for d in s.imposibles), cubo)
    return [
        replace(
            _medicion(_resumir(datos.get(inicio, []), diaria), inicio.astimezone(UTC)),
            fecha=inicio.date(),
            imposibles=_dichos(malos.get(inicio, [])),
        )
        for inicio in sorted(datos.keys() | malos.keys())
    ]


def ya_pasaron(mediciones: list[Medicion], resolucion: Resolucion, ahora: datetime) -> list[Medicion]:
    """Without the day or hour that is not over: its rain is not all there."""
    duracion = timedelta(days=1) if resolucion == Resolucion.DIARIA else HORA
    return [m for m in mediciones if m.observado_en is not None and m.observado_en + duracion <= ahora]


def al_mar(m: Medicion, altura_m: float | None, temperatura_c: float | None) -> Medicion:
    """Its pressure at sea level when the station's height is known; else none: the station's own does not compare."""
    if m.presion_atmosferica is None:
        return m
    reducida = None if altura_m is None else al_nivel_del_mar(m.presion_atmosferica, altura_m, temperatura_c)
    return replace(m, presion_atmosferica=reducida, extras={**m.extras, "presion_estacion_hpa": m.presion_atmosferica})


def al_nivel_del_mar(presion_hpa: float, altura_m: float, temperatura_c: float | None) -> float | None:
    """The barometric formula with ISO 2533's gradient below the station (as WMO-No. 8, part I, 3.11).

    temperatura_c: at the station; None: a tropical mean for that height. None comes back when the result cannot be:
    the height was wrong (IDEAM's catalogue has stations at 275 m that stand at 1900).
    """
    caida = GRADIENTE_K_POR_M * altura_m
    t = TEMPERATURA_DEL_MAR_C - caida if temperatura_c is None else temperatura_c
    reducida = float(presion_hpa * (1 - caida / (t + 273.15 + caida)) ** -EXPONENTE)
    minima, maxima = PRESION_CREIBLE_HPA
    return reducida if minima <= reducida <= maxima else None


def _resumir(datos: list[Dato], extremos: bool) -> dict[str, float]:
    """Rain added, wind direction as vectors weighted by speed, of the rest the mean; extremos: of temperature."""
    por_campo = {campo: _un_sensor(suyos) for campo, suyos in agrupar(datos, lambda d: d.campo).items()}
    valores = {campo: fmean(d.valor for d in suyos) for campo, suyos in por_campo.items()}
    if lluvia := por_campo.get("precipitacion"):
        valores["precipitacion"] = sum(d.valor for d in lluvia)
    if extremos and (temperaturas := [d.valor for d in por_campo.get("temperatura", [])]):
        valores |= {"temperatura_min": min(temperaturas), "temperatura_max": max(temperaturas)}
    if rumbos := por_campo.get("direccion_viento"):
        velocidades = {d.en: d.valor for d in por_campo.get("velocidad_viento", [])}
        media = media_vectorial((velocidades.get(d.en), d.valor) for d in rumbos)
        del valores["direccion_viento"]
        valores |= {"direccion_viento": media[0]} if media else {}
    return valores


def _un_sensor(datos: list[Dato]) -> list[Dato]:
    """Those of the sensor that read most: two that watch the same rain gauge must not be added."""
    por_sensor = agrupar(datos, lambda d: d.sensor)
    return max(sorted(por_sensor.items()), key=lambda par: len(par[1]))[1]


def _sin_dias_flojos(datos: list[Dato], dia: Callable[[Dato], datetime]) -> list[Dato]:
    """Without the days of which only some hours came: their rain would be too little and their mean a night's."""
    if not datos:
        return []
    horas: dict[datetime, set[int]] = defaultdict(set)
    for d in datos:
        horas[dia(d)].add(d.en.hour)
    minimo = COBERTURA * median(len(h) for h in horas.values())
    return [d for d in datos if len(horas[dia(d)]) >= minimo]


def _dichos(malos: Iterable[Dato]) -> dict[str, str]:
    return {campo: fuera(campo, [d.valor for d in suyos]) for campo, suyos in agrupar(malos, lambda d: d.campo).items()}


def _medicion(valores: Mapping[str, float], en: datetime) -> Medicion:
    campos: dict[str, Any] = {campo: valores.get(campo) for campo in CAMPOS_NUMERICOS}
    return Medicion(**campos, observado_en=en)
