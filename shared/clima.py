"""The vocabulary both sides speak: places, periods, measurements and their units."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from shared.redondeo import sin_ruido


class TipoConsulta(StrEnum):
    TIEMPO_REAL = "tiempo_real"
    HISTORICO = "historico"


class Resolucion(StrEnum):
    DIARIA = "diaria"
    HORARIA = "horaria"


class Formato(StrEnum):
    JSON = "json"
    CSV = "csv"
    TXT = "txt"
    YAML = "yaml"


class Proveedor(StrEnum):
    """The six weather providers, in order of authority when only one text can be shown."""

    SIATA = "siata"
    IDEAM = "ideam"
    OPENWEATHER = "openweather"
    METEOBLUE = "meteoblue"
    METEOSOURCE = "meteosource"
    OPENMETEO = "openmeteo"


class Parametro(StrEnum):
    """What an operator may ask for; CAMPOS says which fields each one fills."""

    TEMPERATURA = "temperatura"
    PRESION = "presion"
    HUMEDAD = "humedad"
    VIENTO = "viento"
    PRECIPITACION = "precipitacion"
    VISIBILIDAD = "visibilidad"
    INDICE_UV = "indice_uv"
    CALIDAD_AIRE = "calidad_aire"
    DESCRIPCION = "descripcion"


CAMPOS: dict[Parametro, tuple[str, ...]] = {
    Parametro.TEMPERATURA: ("temperatura", "temperatura_min", "temperatura_max"),
    Parametro.PRESION: ("presion_atmosferica",),
    Parametro.HUMEDAD: ("humedad_relativa",),
    Parametro.VIENTO: ("velocidad_viento", "direccion_viento"),
    Parametro.PRECIPITACION: ("precipitacion",),
    Parametro.VISIBILIDAD: ("visibilidad",),
    Parametro.INDICE_UV: ("indice_uv",),
    Parametro.CALIDAD_AIRE: ("calidad_aire",),
    Parametro.DESCRIPCION: ("descripcion_clima",),
}

UNIDADES = {
    "temperatura": "°C",
    "presion_atmosferica": "hPa",
    "humedad_relativa": "%",
    "velocidad_viento": "km/h",
    "direccion_viento": "°",
    "precipitacion": "mm",
    "visibilidad": "m",
    "indice_uv": "índice",
    "calidad_aire": "US AQI",
}

# What can be measured near the ground anywhere on Earth, in our units: as wide as every real record, too narrow for the
# numbers that stand for "no data" (-999, -9999, -99, 1e6). shared/posible.py applies it. Records: wmo.asu.edu, the
# archive of the World Meteorological Organization, unless another source is named.
LIMITES: dict[str, tuple[float, float]] = {
    "temperatura": (-95.0, 60.0),  # -89.2 Vostok 1983; 56.7 Furnace Creek 1913
    "temperatura_min": (-95.0, 60.0),
    "temperatura_max": (-95.0, 60.0),
    "presion_atmosferica": (850.0, 1090.0),  # at sea level: 870 in typhoon Tip 1979; 1 083.8 Agata 1968
    "presion_estacion": (300.0, 1090.0),  # where it stands: some 330 on top of Everest (Hunt et al., 2011)
    "humedad_relativa": (0.0, 100.0),  # HUMEDAD_MOJADA says what counts as 100
    "velocidad_viento": (0.0, 410.0),  # a gust of 408 on Barrow Island 1996
    "direccion_viento": (0.0, 360.0),
    "precipitacion": (0.0, 410.0),  # in an hour: 305 in 42 minutes, Holt 1947; 401 in Shangdi 1975 (NWS HDSC)
    "precipitacion_dia": (0.0, 1900.0),  # 1 825 in a day, Foc-Foc 1966
    "visibilidad": (0.0, 500_000.0),  # the farthest land ever photographed stood 443 km away (Guinness, 2016)
    "indice_uv": (0.0, 50.0),  # 43.3 on Licancabur 2003 (Cabrol et al., Frontiers 2014)
    "calidad_aire": (0.0, 5000.0),  # US AQI beyond 500 goes on along its last line (EPA, 40 CFR 58 app. G)
    "latitud": (-90.0, 90.0),
    "longitud": (-180.0, 180.0),
    "altura_m": (-500.0, 9000.0),  # the shore of the Dead Sea stands at -430, Everest at 8 849
}
HUMEDAD_MOJADA = 105.0  # a wet sensor says a little more than 100 %


@dataclass(frozen=True, slots=True)
class Lugar:
    """A point on Earth. latitud, longitud: decimal degrees, WGS 84. altura_m: metres above the sea.

    pais is ISO 3166 alpha-2; zona_horaria an IANA name; geonameid of geonames.org. None: not known.
    """

    latitud: float
    longitud: float
    nombre: str | None = None
    pais: str | None = None
    region: str | None = None
    zona_horaria: str | None = None
    altura_m: float | None = None
    geonameid: int | None = None


class Por(StrEnum):
    """How it is known where a consulta asks."""

    COORDENADAS = "coordenadas"  # they were given
    NOMENCLATOR = "nomenclator"  # the name is in GeoNames' list, which we hold
    GEOCODIFICADOR = "geocodificador"  # a provider knew the name


@dataclass(frozen=True, slots=True)
class Ubicacion:
    """A place and how it was understood. corregido_de: what was written, where a near name was taken for it.

    alternativas: others of weight that bear the same name, at most three.
    """

    lugar: Lugar
    por: Por = Por.COORDENADAS
    corregido_de: str | None = None
    alternativas: tuple[Lugar, ...] = ()


@dataclass(frozen=True, slots=True)
class Periodo:
    """Local days of the place, both ends included."""

    inicio: date
    fin: date
    resolucion: Resolucion

    @property
    def dias(self) -> int:
        return (self.fin - self.inicio).days + 1

    def terminado(self, zona_horaria: str | None, cuando: datetime) -> Periodo | None:
        """By days: those that were over at this instant by the place's clock (None: not one was). By hours: all."""
        hoy = cuando.astimezone(ZoneInfo(zona_horaria) if zona_horaria else UTC).date()
        if self.resolucion == Resolucion.HORARIA or self.fin < hoy:
            return self
        return replace(self, fin=hoy - timedelta(days=1)) if self.inicio < hoy else None

    def tramos(self, dias: int) -> list[Periodo]:
        """Cut into consecutive pieces of at most `dias` days."""
        cortes = range(0, self.dias, dias)
        return [
            Periodo(
                self.inicio + timedelta(days=n),
                min(self.inicio + timedelta(days=n + dias - 1), self.fin),
                self.resolucion,
            )
            for n in cortes
        ]


@dataclass(frozen=True, slots=True)
class Medicion:
    """One instant, hour or day at one place. None: not reported, never 0.

    temperatura: °C at 2 m (a day's mean). presion_atmosferica: hPa at mean sea level.
    humedad_relativa: %. velocidad_viento: km/h at 10 m. direccion_viento: degrees true, where it comes
    from, 0–360. precipitacion: mm in the hour or the day; of now, in the last hour. visibilidad: m; with
    visibilidad_tope it is the most that this provider ever says, so at least that. indice_uv: index.
    calidad_aire: US AQI. descripcion_clima: in the words of worker/proveedores/cielo.py, where all providers
    mean the same. codigo_clima: the provider's own code. observado_en: aware, UTC.
    fecha: the local day, in series only. extras: what has no field of ours, by name.
    imposibles: field → what the provider said of it that cannot be, in Spanish; the field is None then, or made of the
    readings that can be.
    incomparables: field → why what it said is not what the field means (another window, a day's strongest); the
    field is None then, and the value is in extras.
    """

    temperatura: float | None = None
    temperatura_min: float | None = None
    temperatura_max: float | None = None
    presion_atmosferica: float | None = None
    humedad_relativa: float | None = None
    velocidad_viento: float | None = None
    direccion_viento: float | None = None
    precipitacion: float | None = None
    visibilidad: float | None = None
    indice_uv: float | None = None
    calidad_aire: float | None = None
    descripcion_clima: str | None = None
    codigo_clima: int | None = None
    observado_en: datetime | None = None
    fecha: date | None = None
    extras: dict[str, Any] = field(default_factory=dict)
    imposibles: dict[str, str] = field(default_factory=dict)
    visibilidad_tope: bool = False
    incomparables: dict[str, str] = field(default_factory=dict)

    def valores(self) -> dict[str, float | str | None]:
        """The measured fields by name; the keys are always the same."""
        return {campo: getattr(self, campo) for campo in CAMPOS_MEDIDOS}

    @property
    def vacia(self) -> bool:
        """True when the provider reported nothing of what we know."""
        return all(valor is None for valor in self.valores().values())


CAMPOS_NUMERICOS = tuple(f.name for f in fields(Medicion) if f.name in UNIDADES or f.name.startswith("temperatura_"))
CAMPOS_MEDIDOS = (*CAMPOS_NUMERICOS, "descripcion_clima")


def campos_de(parametros: list[Parametro]) -> list[str]:
    """The fields that these parameters fill, in the order of Medicion."""
    pedidos = {campo for parametro in parametros for campo in CAMPOS[parametro]}
    return [campo for campo in CAMPOS_MEDIDOS if campo in pedidos]


class EstadoFuente(StrEnum):
    USADA = "usada"
    DESCARTADA = "descartada"  # answered, but nothing of it was taken: too far from the others, or only «at least»
    FALLIDA = "fallida"
    OMITIDA = "omitida"  # could not help: no key, outside its area, quota spent


@dataclass(frozen=True, slots=True)
class Fuente:
    """Where numbers came from: one provider's part in one consulta, as API users see it.

    motivo: a Spanish sentence; required unless usada. edad_s: how old the observation was when it was combined.
    altura_m: the height its values stand for. descartes: field → why its value was left out. perdidos: field → why it
    could not be had this time, although the rest could.
    al_menos: the fields of valores that say «at least», not «exactly». cobertura: of a historico, field → the share of
    the period's rows in which it told it, 0–1; its values are of those rows only.
    """

    proveedor: str
    estado: EstadoFuente
    motivo: str | None = None
    valores: dict[str, float | str | None] = field(default_factory=dict)
    observado_en: datetime | None = None
    consultado_en: datetime | None = None
    edad_s: int | None = None
    altura_m: float | None = None
    estacion: str | None = None
    distancia_km: float | None = None
    desde_cache: bool = False
    latencia_ms: int | None = None
    atribucion: str | None = None
    laboratorio: bool = False
    descartes: dict[str, str] = field(default_factory=dict)
    perdidos: dict[str, str] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)
    al_menos: list[str] = field(default_factory=list)
    cobertura: dict[str, float] = field(default_factory=dict)


def iso_utc(instante: datetime | None) -> str | None:
    """ISO 8601 in UTC with Z, to the second."""
    return instante.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if instante else None


def fuente_json(fuente: Fuente) -> dict[str, Any]:
    """As the contract shows a source, without float noise; fields that say nothing are left out."""
    cuerpo: dict[str, Any] = sin_ruido(asdict(fuente))
    for instante in ("observado_en", "consultado_en"):
        cuerpo[instante] = iso_utc(getattr(fuente, instante))
    opcionales = {"motivo", "edad_s", "altura_m", "estacion", "distancia_km", "laboratorio"}
    opcionales |= {"descartes", "perdidos", "extras", "al_menos", "cobertura"}
    return {c: v for c, v in cuerpo.items() if c not in opcionales or not (v is None or v is False or v in ({}, []))}


def fuente_de_json(cuerpo: dict[str, Any]) -> Fuente:
    """Back from fuente_json."""
    instantes = {c: datetime.fromisoformat(v) for c in ("observado_en", "consultado_en") if (v := cuerpo.get(c))}
    return Fuente(**{**cuerpo, "estado": EstadoFuente(cuerpo["estado"]), **instantes})


@dataclass(frozen=True, slots=True)
class Faltante:
    """What was asked of a provider and is not in the answer. motivo: Spanish, for users.

    pasajero: another try, later, may bring it. campos None: all that were asked. desde, hasta: local days, both
    included, of a historico.
    """

    proveedor: str
    motivo: str
    pasajero: bool
    campos: tuple[str, ...] | None = None
    desde: date | None = None
    hasta: date | None = None

    def json(self) -> dict[str, Any]:
        """As the contract shows it; what says nothing is left out."""
        dias = {"desde": self.desde and str(self.desde), "hasta": self.hasta and str(self.hasta)}
        cuerpo = {"proveedor": self.proveedor, "campos": self.campos and list(self.campos), **dias}
        return {c: v for c, v in cuerpo.items() if v} | {"motivo": self.motivo, "pasajero": self.pasajero}


@dataclass(frozen=True, slots=True)
class Resultado:
    """What the providers together say. valores: combined, by field, with temperatura_min and _max.

    parcial: some of the faltantes may still come.
    """

    valores: dict[str, float | str | None]
    dispersion: dict[str, dict[str, Any]]
    fuentes: list[Fuente]
    parcial: bool
    faltantes: list[Faltante] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pedido:
    """What an operator asks for, already validated. Places and dates as the API received or resolved them.

    ubicacion: how lugar was understood; None: by its coordinates.
    """

    tipo: TipoConsulta
    ciudad: str | None
    lugar: Lugar | None
    parametros: list[Parametro]
    proveedores: list[Proveedor] | None
    formato: Formato = Formato.JSON
    periodo: Periodo | None = None
    max_edad_s: int | None = None
    ubicacion: Ubicacion | None = None


@dataclass(frozen=True, slots=True)
class Encargo:
    """A consulta in the hands of one worker. turno is its fencing token: a later holder has a higher one.

    lugar is None while the city name still has to be looked up by a provider. creada_en, and edad_s when it was taken
    (since it was accepted, or put back by reintentar): by the database's clock. progreso: how far it had got.
    programada: a programacion asked. con_calma: nobody waits for this one at a screen; it queues with the historicos.
    id_peticion: of the HTTP request that asked.
    """

    id: int
    usuario_id: int
    turno: int
    intentos: int
    pedido: Pedido
    creada_en: datetime
    parcial: bool = False  # it had been answered in part before
    programada: bool = False
    con_calma: bool = False
    id_peticion: str | None = None
    edad_s: float = 0.0
    progreso: int = 0
