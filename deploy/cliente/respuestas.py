"""What the API answers, typed. Fields that a newer server adds are in `json` and break nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

FINALES = ("completada", "error")


@dataclass(frozen=True)
class Sesion:
    """What a login gives. The access token lasts an hour; the refresh token, which renews both once, a day."""

    usuario: str
    rol: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True)
class Lugar:
    """A place. por: coordenadas, nomenclator or geocodificador; empty of an alternative. None: not known."""

    nombre: str | None
    region: str | None
    pais: str | None
    latitud: float
    longitud: float
    zona_horaria: str | None
    altura_m: float | None
    geonameid: int | None
    por: str = ""

    def __str__(self) -> str:
        """«Medellín, Antioquia, CO»; without a name, its coordinates."""
        return ", ".join(filter(None, (self.nombre, self.region, self.pais))) or f"{self.latitud}, {self.longitud}"


@dataclass(frozen=True)
class Fuente:
    """One provider's part. estado: usada, descartada, fallida u omitida; motivo says why, unless usada.

    al_menos: fields whose value says «at least». cobertura: of a historico, field → share of its days, 0–1.
    """

    proveedor: str
    estado: str
    motivo: str | None
    atribucion: str | None
    valores: dict[str, Any]
    json: dict[str, Any] = field(repr=False, compare=False)
    al_menos: tuple[str, ...] = ()
    cobertura: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Faltante:
    """What the answer lacks of a provider. campos (): all that were asked. pasajero: reintentar may bring it."""

    proveedor: str
    motivo: str
    pasajero: bool
    campos: tuple[str, ...]
    desde: date | None
    hasta: date | None


@dataclass(frozen=True)
class Datos:
    """The combined answer; None: not asked for, or reported by nobody. Units as in shared/clima.py: Medicion.

    acuerdo: field → alta, media or baja. al_menos: fields whose value says «at least». laboratorio: some of it is
    simulated. A historico has its means here and its days in `Cliente.serie`.
    """

    temperatura: float | None
    temperatura_min: float | None
    temperatura_max: float | None
    presion_atmosferica: float | None
    humedad_relativa: int | None
    velocidad_viento: float | None
    direccion_viento: int | None
    precipitacion: float | None
    visibilidad: int | None
    indice_uv: float | None
    calidad_aire: int | None
    descripcion_clima: str | None
    acuerdo: dict[str, str]
    fuentes: tuple[Fuente, ...]
    faltantes: tuple[Faltante, ...]
    laboratorio: bool
    al_menos: tuple[str, ...] = ()


@dataclass(frozen=True)
class Consulta:
    """One consulta as it stood when it was asked for. json: the whole answer.

    estado: pendiente, procesando, completada or error. posicion: in the queue, while pendiente. progreso: 0–100.
    reanuda_en: when it goes on, if it waits for that. parcial: completed, but for something that may still come.
    repetida: this Idempotency-Key had made it before.
    lugar: which place it is of; None while a provider has yet to find it. corregido_de: what had been written, if a
    near name was taken for it. alternativas: other places with that name.
    """

    id: int
    tipo: str
    ciudad: str | None
    latitud: float | None
    longitud: float | None
    fecha_inicio: date | None
    fecha_fin: date | None
    formato: str
    estado: str
    progreso: int
    parcial: bool
    codigo_error: str | None
    mensaje_error: str | None
    posicion: int | None
    reanuda_en: datetime | None
    repetida: bool
    lugar: Lugar | None
    corregido_de: str | None
    alternativas: tuple[Lugar, ...]
    datos: Datos | None = field(repr=False)
    json: dict[str, Any] = field(repr=False, compare=False)

    @property
    def terminada(self) -> bool:
        return self.estado in FINALES

    @property
    def completada(self) -> bool:
        return self.estado == "completada"


def leer_consulta(sobre: dict[str, Any], *, repetida: bool = False) -> Consulta:
    """Raises KeyError, TypeError or ValueError if it is not what the API answers."""
    c, datos = sobre["consulta"], sobre.get("datos_clima")
    return Consulta(
        id=int(c["id"]),
        tipo=c["tipo_consulta"],
        ciudad=c["ciudad"],
        latitud=c["latitud"],
        longitud=c["longitud"],
        fecha_inicio=_dia(c["fecha_inicio"]),
        fecha_fin=_dia(c["fecha_fin"]),
        formato=c["formato_salida"],
        estado=c["estado"],
        progreso=c["progreso"],
        parcial=c["parcial"],
        codigo_error=c["codigo_error"],
        mensaje_error=c["mensaje_error"],
        posicion=sobre.get("posicion"),
        reanuda_en=datetime.fromisoformat(c["reanuda_en"]) if c.get("reanuda_en") else None,
        repetida=repetida,
        lugar=_lugar(c["lugar"]) if c.get("lugar") else None,
        corregido_de=c.get("corregido_de"),
        alternativas=tuple(_lugar(otro) for otro in c.get("alternativas", ())),
        datos=_datos(datos) if datos else None,
        json=sobre,
    )


def leer_sesion(cuerpo: dict[str, Any]) -> Sesion:
    usuario = cuerpo["usuario"]
    return Sesion(usuario["username"], usuario["rol"], cuerpo["access_token"], cuerpo["refresh_token"])


def _datos(d: dict[str, Any]) -> Datos:
    iguales = ("presion_atmosferica", "humedad_relativa", "precipitacion", "visibilidad", "indice_uv", "calidad_aire")
    return Datos(
        temperatura=d["temperatura"]["promedio"],
        temperatura_min=d["temperatura"]["min"],
        temperatura_max=d["temperatura"]["max"],
        velocidad_viento=d["viento"]["velocidad"],
        direccion_viento=d["viento"]["direccion"],
        descripcion_clima=d["descripcion_clima"],
        acuerdo={campo: medida["acuerdo"] for campo, medida in d["dispersion"].items() if medida.get("acuerdo")},
        fuentes=tuple(_fuente(f) for f in d["fuentes"]),
        faltantes=tuple(_faltante(f) for f in d.get("faltantes", ())),  # an older server does not say
        laboratorio=d["laboratorio"],
        al_menos=tuple(campo for campo, medida in d["dispersion"].items() if medida.get("al_menos")),
        **{campo: d[campo] for campo in iguales},
    )


def _lugar(p: dict[str, Any]) -> Lugar:
    iguales = ("nombre", "region", "pais", "latitud", "longitud", "zona_horaria", "altura_m", "geonameid")
    return Lugar(**{campo: p[campo] for campo in iguales}, por=p.get("por", ""))


def _fuente(f: dict[str, Any]) -> Fuente:
    quien = (f["proveedor"], f["estado"], f.get("motivo"), f.get("atribucion"))
    return Fuente(*quien, f["valores"], f, tuple(f.get("al_menos", ())), f.get("cobertura", {}))


def _faltante(f: dict[str, Any]) -> Faltante:
    campos, desde, hasta = tuple(f.get("campos", ())), _dia(f.get("desde")), _dia(f.get("hasta"))
    return Faltante(f["proveedor"], f["motivo"], f["pasajero"], campos, desde, hasta)


def _dia(texto: str | None) -> date | None:
    return date.fromisoformat(texto) if texto else None
