"""Two hundred spellings that Colombians use, and which place is meant: at least 95 in 100 are understood."""

from __future__ import annotations

from pathlib import Path

from shared import lugares
from shared.clima import Lugar

PROPUESTO = "? "
CASOS = [
    (escrito.strip(), esperado.strip())
    for linea in (Path(__file__).parent / "grafias.txt").read_text().splitlines()
    if not linea.startswith("#")
    for escrito, esperado in [linea.split("|")]
]


def entendido(escrito: str) -> str:
    """«Rionegro, Antioquia»; with «? » before it, the first of those proposed."""
    try:
        ubicacion = lugares.ubicar(escrito)
    except lugares.Dudosa as e:
        primero = lugares.resolver(e.quiso_decir[0])
        return PROPUESTO + _cual(primero) if primero else "?"
    return _cual(ubicacion.lugar) if ubicacion else "-"


def test_lo_que_escriben_los_colombianos_se_entiende() -> None:
    errados = [(escrito, esperado, e) for escrito, esperado in CASOS if (e := entendido(escrito)) != esperado]
    assert len(CASOS) >= 150
    assert len(errados) <= 0.05 * len(CASOS), errados


def _cual(lugar: Lugar) -> str:
    return f"{lugar.nombre}, {lugar.region if lugar.pais == 'CO' else lugar.pais}"
