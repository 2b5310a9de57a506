"""IDEAM's constructed network: a full station per Colombian city, and a quarter-degree grid of others."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

from deploy.laboratorio.lugares import CIUDADES, altitud_m, mas_cercana

PASO = 0.25
SUR, NORTE, OESTE, ESTE = -4.0, 12.5, -79.0, -67.0
ENTIDAD = "INSTITUTO DE HIDROLOGIA METEOROLOGIA Y ESTUDIOS AMBIENTALES"


@dataclass(frozen=True, slots=True)
class Estacion:
    """completa: it has every sensor; the others only rain and temperature."""

    codigo: str
    nombre: str
    departamento: str
    municipio: str
    latitud: float
    longitud: float
    completa: bool

    def ficha(self) -> dict[str, Any]:
        """The columns that every observation repeats."""
        return {
            "codigoestacion": self.codigo,
            "nombreestacion": self.nombre,
            "departamento": self.departamento,
            "municipio": self.municipio,
            "zonahidrografica": "MEDIO MAGDALENA" if self.longitud > -75.5 else "CAUCA",
            "latitud": f"{self.latitud:g}",
            "longitud": f"{self.longitud:g}",
        }

    def catalogo(self) -> dict[str, Any]:
        """Its row in hp9r-jxuu, where the code has no leading zeros."""
        codigo = self.codigo.lstrip("0")
        return {
            "codigo": codigo,
            "nombre": f"{self.nombre} [{codigo}]",
            "categoria": "Climática Principal" if self.completa else "Pluviométrica",
            "tecnologia": "Automática con Telemetría",
            "estado": "Activa",
            "departamento": self.departamento.title(),
            "municipio": self.municipio.title(),
            "ubicaci_n": {"latitude": f"{self.latitud:g}", "longitude": f"{self.longitud:g}"},
            "altitud": f"{altitud_m(self.latitud, self.longitud):.0f}",
            "fecha_instalacion": "2005-07-19",
            "entidad": ENTIDAD,
        }


@lru_cache(maxsize=1)
def estaciones() -> tuple[Estacion, ...]:
    ciudades = [
        Estacion(
            c.codigo, f"{c.nombre.upper()}  - AUT", c.departamento.upper(), c.nombre.upper(),
            round(c.latitud + 0.012, 4), round(c.longitud - 0.009, 4), True,
        )
        for c in CIUDADES
    ]  # fmt: skip
    filas, columnas = int((NORTE - SUR) / PASO), int((ESTE - OESTE) / PASO)
    return (*ciudades, *(_de_malla(i, j) for i in range(filas) for j in range(columnas)))


def _de_malla(i: int, j: int) -> Estacion:
    """Moved a little off its node, by a hash, so that the net does not look drawn with a ruler."""
    azar = sha256(f"climaguru/ideam/{i}/{j}".encode()).digest()
    latitud = round(SUR + PASO * (i + azar[0] / 256), 6)
    longitud = round(OESTE + PASO * (j + azar[1] / 256), 6)
    cerca = mas_cercana(latitud, longitud)
    codigo = f"00{90_000_000 + i * 1000 + j}"
    nombre = f"LABORATORIO {i:02}{j:02}  - AUT"
    return Estacion(
        codigo, nombre, cerca.departamento.upper(), cerca.nombre.upper(), latitud, longitud, azar[2] % 3 == 0
    )
