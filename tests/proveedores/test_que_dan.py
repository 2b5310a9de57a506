"""What each client says that it gives is what it gives, and what the catalogue and the README tell people."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.laboratorio import crear_app
from deploy.laboratorio.cli import variables
from shared.catalogo import CON_CLAVE, FICHAS, Da
from shared.clima import (
    CAMPOS,
    CAMPOS_MEDIDOS,
    Lugar,
    Medicion,
    Parametro,
    Periodo,
    Proveedor,
    Resolucion,
    TipoConsulta,
)
from shared.presupuestos import PRESUPUESTOS
from shared.settings import Settings
from tests.proveedores.memoria import EnMemoria
from worker.proveedores import crear_proveedores
from worker.proveedores.cliente import Clave, Cliente, Peticion
from worker.proveedores.http import Omitida

LABORATORIO = {nombre.lower(): url for nombre, url in variables("http://laboratorio").items()}
CLIENTES = crear_proveedores(Settings(**LABORATORIO, meteosource_plan="flexi"))
MEDELLIN = Lugar(6.25, -75.56, zona_horaria="America/Bogota", pais="CO")
TODOS = frozenset(CAMPOS_MEDIDOS)
# days ago, first and last: Open-Meteo's reach over the border of its archive; of hours OpenWeather has a day at most
DIAS = {"openmeteo": (7, 2), "openweather": (2, 2)}
SI_LLUEVE = {"openweather": {"precipitacion"}}  # leaves rain out of a body where none falls
PALABRAS = {
    Parametro.TEMPERATURA: "temperature",
    Parametro.PRESION: "pressure",
    Parametro.HUMEDAD: "humidity",
    Parametro.VIENTO: "wind",
    Parametro.PRECIPITACION: "rain",
    Parametro.VISIBILIDAD: "visibility",
    Parametro.INDICE_UV: "UV",
    Parametro.CALIDAD_AIRE: "US AQI",
    Parametro.DESCRIPCION: "sky",
}


def da(nombre: str) -> Da:
    """Every client declares it, though worker/proveedores/cliente.py: Cliente does not ask for it."""
    declarado: Da = CLIENTES[nombre].da  # type: ignore[attr-defined]
    return declarado


def dichos(nombre: str, cliente: Cliente, resolucion: Resolucion | None, campos: frozenset[str]) -> set[str]:
    """The fields of which it says anything to the laboratory's question."""
    peticion = Peticion(EnMemoria(crear_app().test_client()), MEDELLIN, campos, Clave("clave-de-prueba"))
    mediciones: list[Medicion]
    if resolucion is None:
        mediciones = cliente.tiempo_real(peticion).mediciones
    else:
        hoy = datetime.now(UTC).date()
        primero, ultimo = (hoy - timedelta(days=n) for n in DIAS.get(nombre, (3, 2)))
        mediciones = cliente.historico(peticion, Periodo(primero, ultimo, resolucion)).mediciones
    return {campo for m in mediciones for campo, valor in m.valores().items() if valor is not None}


@pytest.mark.parametrize("nombre", list(CLIENTES))
@pytest.mark.parametrize("resolucion", [None, *Resolucion])
def test_un_cliente_da_lo_que_declara_y_nada_mas(nombre: str, resolucion: Resolucion | None) -> None:
    suyos = da(nombre)[resolucion]
    if not suyos:
        with pytest.raises(Omitida):
            dichos(nombre, CLIENTES[nombre], resolucion, TODOS)
        return
    vistos = dichos(nombre, CLIENTES[nombre], resolucion, TODOS)
    assert vistos <= suyos
    assert suyos - vistos <= SI_LLUEVE.get(nombre, set())


@pytest.mark.parametrize("nombre", list(CLIENTES))
@pytest.mark.parametrize("resolucion", [None, *Resolucion])
def test_a_quien_no_da_lo_pedido_no_se_le_pregunta(nombre: str, resolucion: Resolucion | None) -> None:
    otros = TODOS - da(nombre)[resolucion]
    if otros:
        with pytest.raises(Omitida, match=r"^\w"):
            dichos(nombre, CLIENTES[nombre], resolucion, otros)


@pytest.mark.parametrize("nombre", list(CLIENTES))
def test_el_catalogo_dice_lo_que_da_cada_cliente(nombre: str) -> None:
    ficha = FICHAS[Proveedor(nombre)]
    alguna = frozenset().union(*da(nombre).values())
    assert set(ficha.parametros) == {p for p in Parametro if alguna & set(CAMPOS[p])}
    assert (TipoConsulta.HISTORICO in ficha.tipos) == any(da(nombre)[r] for r in Resolucion)
    assert (TipoConsulta.TIEMPO_REAL in ficha.tipos) == bool(da(nombre)[None])
    assert ficha.necesita_clave == CLIENTES[nombre].necesita_clave
    assert not ficha.necesita_clave or Proveedor(nombre) in CON_CLAVE


@pytest.mark.parametrize("nombre", list(CLIENTES))
def test_la_tabla_del_readme_dice_lo_mismo_que_el_catalogo(nombre: str) -> None:
    ficha = FICHAS[Proveedor(nombre)]
    da, clave, limites = _fila(ficha.titulo)[1:4]
    principal = re.split(r"[;(]", da)[0]
    nombrados = {p for p, palabra in PALABRAS.items() if palabra in principal}
    if principal.startswith("all but"):
        nombrados = set(Parametro) - nombrados
    assert (set(Parametro) if principal.startswith("everything") else nombrados) == set(ficha.parametros)
    assert clave.startswith("yes") == ficha.necesita_clave
    assert (clave == "no") == (Proveedor(nombre) not in CON_CLAVE)
    presupuesto = PRESUPUESTOS.get(nombre)
    for ventana in presupuesto.ventanas.split(";") if presupuesto else []:
        cuantas, cada = ventana.split("/")
        corta = {"minute": "min", "hour": "h", "day": "day"}[cada]
        assert f"{int(cuantas):,}/{corta}".replace(",", " ") in limites
    if presupuesto and presupuesto.a_la_vez:
        assert f"{presupuesto.a_la_vez} in flight" in limites


def _fila(titulo: str) -> list[str]:
    """The cells of this provider's row."""
    readme = Path(__file__).parents[2] / "README.md"
    (fila,) = (x for x in readme.read_text().splitlines() if x.startswith(f"| {titulo} |"))
    return [celda.strip() for celda in fila.strip("|").split("|")]
