"""What each provider is, for people: the facts behind /api/proveedores and the README's table."""

from __future__ import annotations

from dataclasses import dataclass

from shared.clima import Parametro, Proveedor, TipoConsulta

P = Parametro
TODOS = tuple(Parametro)
CON_CLAVE = frozenset({Proveedor.OPENWEATHER, Proveedor.METEOBLUE, Proveedor.METEOSOURCE, Proveedor.IDEAM})
CON_SECRETO = frozenset({Proveedor.METEOBLUE})  # signs its requests when there is one
AMBOS = (TipoConsulta.TIEMPO_REAL, TipoConsulta.HISTORICO)


@dataclass(frozen=True, slots=True)
class Ficha:
    """necesita_clave: without a key it is omitida. historia: how far back, in words. licencia: terms of its data."""

    titulo: str
    cobertura: str
    necesita_clave: bool
    tipos: tuple[TipoConsulta, ...]
    parametros: tuple[Parametro, ...]
    historia: str
    licencia: str


FICHAS: dict[Proveedor, Ficha] = {
    Proveedor.OPENWEATHER: Ficha(
        titulo="OpenWeatherMap",
        cobertura="Todo el mundo",
        necesita_clave=True,
        tipos=AMBOS,
        parametros=(
            *(P.TEMPERATURA, P.PRESION, P.HUMEDAD, P.VIENTO, P.PRECIPITACION),
            *(P.VISIBILIDAD, P.INDICE_UV, P.DESCRIPCION),
        ),
        historia="Hasta 31 días, o 31 horas, por consulta, con suscripción a One Call 3.0; índice UV, solo por horas",
        licencia="CC BY-SA 4.0 y ODbL",
    ),
    Proveedor.OPENMETEO: Ficha(
        titulo="Open-Meteo",
        cobertura="Todo el mundo",
        necesita_clave=False,
        tipos=AMBOS,
        parametros=TODOS,
        historia="Desde 1940; visibilidad e índice UV, solo los últimos días",
        licencia="CC BY 4.0, uso no comercial sin clave",
    ),
    Proveedor.METEOBLUE: Ficha(
        titulo="Meteoblue",
        cobertura="Todo el mundo",
        necesita_clave=True,
        tipos=AMBOS,
        parametros=(P.TEMPERATURA, P.PRESION, P.HUMEDAD, P.VIENTO, P.PRECIPITACION, P.INDICE_UV, P.DESCRIPCION),
        historia="Solo los últimos días",
        licencia="Según el contrato de la clave",
    ),
    Proveedor.METEOSOURCE: Ficha(
        titulo="Meteosource",
        cobertura="Todo el mundo",
        necesita_clave=True,
        tipos=AMBOS,
        parametros=(
            *(P.TEMPERATURA, P.PRESION, P.HUMEDAD, P.VIENTO, P.PRECIPITACION),
            *(P.VISIBILIDAD, P.INDICE_UV, P.DESCRIPCION),
        ),
        historia="20 años, un día por llamada, con plan de pago",
        licencia="Según el plan de la clave",
    ),
    Proveedor.IDEAM: Ficha(
        titulo="IDEAM",
        cobertura="Colombia, cerca de una estación",
        necesita_clave=False,
        tipos=AMBOS,
        parametros=(P.TEMPERATURA, P.PRESION, P.HUMEDAD, P.VIENTO, P.PRECIPITACION),
        historia="Según la estación; datos crudos sin validar",
        licencia="CC BY-SA 4.0",
    ),
    Proveedor.SIATA: Ficha(
        titulo="SIATA",
        cobertura="Medellín y el valle de Aburrá, cerca de una estación",
        necesita_clave=False,
        tipos=(TipoConsulta.TIEMPO_REAL,),
        parametros=(P.TEMPERATURA, P.HUMEDAD, P.VIENTO, P.PRECIPITACION),
        historia="No tiene archivo abierto",
        licencia="Datos del SIATA, citando la fuente",
    ),
}


def titulo(proveedor: str) -> str:
    """How people call this provider."""
    return FICHAS[Proveedor(proveedor)].titulo if proveedor in set(Proveedor) else proveedor
