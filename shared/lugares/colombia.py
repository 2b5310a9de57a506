"""What Colombians know of their places and GeoNames does not say: capitals, localities, islands, abbreviations."""

from __future__ import annotations

from collections.abc import Iterator

from shared.clima import Lugar
from shared.geonames import Ficha

CAPITALES = {
    "Amazonas": "Leticia", "Antioquia": "Medellín", "Arauca": "Arauca", "Atlántico": "Barranquilla",
    "Bogotá D.C.": "Bogotá", "Bolívar": "Cartagena", "Boyacá": "Tunja", "Caldas": "Manizales",
    "Caquetá": "Florencia", "Casanare": "Yopal", "Cauca": "Popayán", "Cesar": "Valledupar", "Chocó": "Quibdó",
    "Córdoba": "Montería", "Cundinamarca": "Bogotá", "Guainía": "Inírida", "Guaviare": "San José del Guaviare",
    "Huila": "Neiva", "La Guajira": "Riohacha", "Magdalena": "Santa Marta", "Meta": "Villavicencio",
    "Nariño": "Pasto", "Norte de Santander": "Cúcuta", "Putumayo": "Mocoa", "Quindío": "Armenia",
    "Risaralda": "Pereira", "San Andrés y Providencia": "San Andrés", "Santander": "Bucaramanga",
    "Sucre": "Sincelejo", "Tolima": "Ibagué", "Valle del Cauca": "Cali", "Vaupés": "Mitú",
    "Vichada": "Puerto Carreño",
}  # fmt: skip

DEPARTAMENTOS_ABREVIADOS = {
    "ant": "Antioquia", "antioq": "Antioquia", "atl": "Atlántico", "atlco": "Atlántico", "bol": "Bolívar",
    "boy": "Boyacá", "cld": "Caldas", "caq": "Caquetá", "cas": "Casanare", "cund": "Cundinamarca",
    "cundi": "Cundinamarca", "c marca": "Cundinamarca", "cord": "Córdoba", "guajira": "La Guajira", "gua": "La Guajira",
    "mag": "Magdalena", "magd": "Magdalena", "nar": "Nariño", "nds": "Norte de Santander",
    "n de s": "Norte de Santander", "n santander": "Norte de Santander", "n de santander": "Norte de Santander",
    "norte santander": "Norte de Santander", "put": "Putumayo", "quin": "Quindío",
    "ris": "Risaralda", "sder": "Santander", "stder": "Santander", "sant": "Santander", "suc": "Sucre", "tol": "Tolima",
    "valle": "Valle del Cauca", "vdc": "Valle del Cauca", "distrito capital": "Bogotá D.C.",
    "san andres islas": "San Andrés y Providencia", "san andres isla": "San Andrés y Providencia",
    "archipielago de san andres": "San Andrés y Providencia",
    "archipielago de san andres providencia y santa catalina": "San Andrés y Providencia",
    "san andres providencia y santa catalina": "San Andrés y Providencia",
}  # fmt: skip

# department: name (other names), latitude and longitude to about a kilometre, and people in thousands, which only say
# who comes first among namesakes. From maps; they have no geonameid here.
LOCALIDADES = {
    "Bogotá D.C.": (
        "Usaquén 4.695 -74.031 570; Chapinero 4.649 -74.063 170; Santa Fe 4.606 -74.069 100; "
        "San Cristóbal 4.572 -74.085 400; Usme 4.472 -74.126 390; Tunjuelito 4.580 -74.131 180; "
        "Bosa 4.618 -74.190 720; "
        "Fontibón 4.674 -74.142 390; Engativá 4.701 -74.113 810; Suba 4.743 -74.083 1250; "
        "Barrios Unidos 4.669 -74.077 140; Teusaquillo 4.645 -74.090 160; Los Mártires 4.606 -74.087 80; "
        "Antonio Nariño 4.589 -74.101 80; Puente Aranda 4.615 -74.107 250; La Candelaria 4.596 -74.073 18; "
        "Rafael Uribe Uribe/Rafael Uribe 4.565 -74.110 380; Ciudad Bolívar 4.556 -74.150 650; "
        "Sumapaz/San Juan de Sumapaz 4.022 -74.311 3"
    ),
    "Antioquia": (
        "El Poblado/Poblado 6.209 -75.567 125; Laureles 6.245 -75.596 120; "
        "San Antonio de Prado 6.185 -75.657 110; Santa Elena 6.209 -75.499 20"
    ),
    "Bolívar": (
        "Bocagrande 10.401 -75.556 15; Islas del Rosario/Islas de Rosario 10.178 -75.743 2; Barú 10.143 -75.686 3; "
        "Tierra Bomba/Tierrabomba 10.350 -75.570 9; Isla Fuerte 9.390 -76.180 2; "
        "San Basilio de Palenque 10.104 -75.199 4"
    ),
    "Cauca": "Gorgona/Isla Gorgona 2.968 -78.184 1",
    "Chocó": "Sapzurro 8.661 -77.365 1",
    "La Guajira": "Palomino 11.246 -73.558 6; Cabo de la Vela 12.197 -72.150 1",
    "Magdalena": "El Rodadero/Rodadero 11.203 -74.227 40; Taganga 11.267 -74.191 5; Minca 11.143 -74.118 1",
    "Sucre": "Santa Cruz del Islote 9.784 -75.859 1; Rincón del Mar 9.777 -75.647 3",
    "Valle del Cauca": "Malpelo/Isla Malpelo 4.003 -81.608 1; Juanchaco 3.930 -77.359 2; Ladrilleros 3.938 -77.368 1",
}


def localidades() -> Iterator[Ficha]:
    """Places inside municipalities that people ask for by name."""
    for region, grupo in LOCALIDADES.items():
        for entrada in grupo.split("; "):
            nombres, latitud, longitud, miles = entrada.rsplit(" ", 3)
            nombre, *otros = nombres.split("/")
            lugar = Lugar(float(latitud), float(longitud), nombre, "CO", region, "America/Bogota")
            yield Ficha(nombre, lugar, int(miles) * 1000, [], otros)
