"""What each provider is, for people: the facts behind /api/proveedores and the README's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.clima import CAMPOS, Parametro, Proveedor, Resolucion, TipoConsulta

# The fields a provider can give, at most: of now (None), of past days, of past hours. Its client decides by it whether
# it is asked, shared/costos.py what that costs, and people are told the same.
Da = Mapping[Resolucion | None, frozenset[str]]
DIAS, HORAS = Resolucion.DIARIA, Resolucion.HORARIA
BASE = frozenset({"temperatura", "presion_atmosferica", "humedad_relativa", "precipitacion"})
EXTREMOS = frozenset({"temperatura_min", "temperatura_max"})
VIENTO = frozenset({"velocidad_viento", "direccion_viento"})
CIELO = frozenset({"descripcion_clima"})
PAGADOS_METEOSOURCE = frozenset({"presion_atmosferica", "humedad_relativa", "visibilidad", "indice_uv"})
GRATIS_METEOSOURCE = VIENTO | CIELO | {"temperatura", "precipitacion"}
PASADOS_METEOSOURCE = GRATIS_METEOSOURCE | {"presion_atmosferica"}  # the rest is in no recorded time_machine
DEL_TIEMPO_OPENMETEO = BASE | VIENTO | CIELO | {"visibilidad", "indice_uv"}
AIRE = "calidad_aire"
CON_CLAVE = frozenset({Proveedor.OPENWEATHER, Proveedor.METEOBLUE, Proveedor.METEOSOURCE, Proveedor.IDEAM})
CON_SECRETO = frozenset({Proveedor.METEOBLUE})  # signs its requests when there is one


@dataclass(frozen=True, slots=True)
class Ficha:
    """necesita_clave: without a key it is omitida. historia: how far back, in words. licencia: terms of its data."""

    titulo: str
    cobertura: str
    necesita_clave: bool
    da: Da
    historia: str
    licencia: str

    @property
    def tipos(self) -> list[TipoConsulta]:
        pasado = any(self.da[r] for r in Resolucion)
        return [t for t, si in zip(TipoConsulta, (self.da[None], pasado), strict=True) if si]

    @property
    def parametros(self) -> list[Parametro]:
        alguna = frozenset().union(*self.da.values())
        return [p for p in Parametro if alguna & set(CAMPOS[p])]


FICHAS: dict[Proveedor, Ficha] = {
    Proveedor.OPENWEATHER: Ficha(
        titulo="OpenWeatherMap",
        cobertura="Todo el mundo",
        necesita_clave=True,
        da={  # of a day its wind is only the strongest, which is no mean
            None: BASE | EXTREMOS | VIENTO | CIELO | {"visibilidad"},
            DIAS: BASE | EXTREMOS,
            HORAS: BASE | VIENTO | CIELO | {"visibilidad", "indice_uv"},
        },
        historia="Hasta 31 días, o 31 horas, por consulta, con suscripción a One Call 3.0; índice UV, solo por horas",
        licencia="CC BY-SA 4.0 y ODbL",
    ),
    Proveedor.OPENMETEO: Ficha(
        titulo="Open-Meteo",
        cobertura="Todo el mundo",
        necesita_clave=False,
        da={
            None: DEL_TIEMPO_OPENMETEO | {AIRE},
            DIAS: DEL_TIEMPO_OPENMETEO | EXTREMOS | {AIRE},
            HORAS: DEL_TIEMPO_OPENMETEO | {AIRE},
        },
        historia="Desde 1940; visibilidad e índice UV, solo los últimos días",
        licencia="CC BY 4.0, uso no comercial sin clave",
    ),
    Proveedor.METEOBLUE: Ficha(
        titulo="Meteoblue",
        cobertura="Todo el mundo",
        necesita_clave=True,
        da={  # visibility is another package, clouds
            None: BASE | VIENTO | CIELO | {"indice_uv"},
            DIAS: BASE | EXTREMOS | VIENTO | CIELO | {"indice_uv"},
            HORAS: BASE | VIENTO | CIELO | {"indice_uv"},
        },
        historia="Solo los últimos días",
        licencia="Según el contrato de la clave",
    ),
    Proveedor.METEOSOURCE: Ficha(
        titulo="Meteosource",
        cobertura="Todo el mundo",
        necesita_clave=True,
        da={  # on a paid plan
            None: GRATIS_METEOSOURCE | PAGADOS_METEOSOURCE,
            DIAS: PASADOS_METEOSOURCE | EXTREMOS,
            HORAS: PASADOS_METEOSOURCE,
        },
        historia="20 años, un día por llamada, con plan de pago",
        licencia="Según el plan de la clave",
    ),
    Proveedor.IDEAM: Ficha(
        titulo="IDEAM",
        cobertura="Colombia, cerca de una estación",
        necesita_clave=False,
        da={None: BASE | EXTREMOS | VIENTO, DIAS: BASE | EXTREMOS | VIENTO, HORAS: BASE | VIENTO},
        historia="Según la estación; datos crudos sin validar",
        licencia="CC BY-SA 4.0",
    ),
    Proveedor.SIATA: Ficha(
        titulo="SIATA",
        cobertura="Medellín y el valle de Aburrá, cerca de una estación",
        necesita_clave=False,
        da={  # its pressure is the station's, whose height is not published
            None: VIENTO | {"temperatura", "humedad_relativa", "precipitacion"},
            DIAS: frozenset(),
            HORAS: frozenset(),
        },
        historia="No tiene archivo abierto",
        licencia="Datos del SIATA, citando la fuente",
    ),
}


def titulo(proveedor: str) -> str:
    """How people call this provider."""
    return FICHAS[Proveedor(proveedor)].titulo if proveedor in set(Proveedor) else proveedor
