"""ClimaGuru from Python, over its HTTP API. Knows nothing of the server's code; `climaguru tiempo-real` is made of it.

from deploy.cliente import Cliente

with Cliente("https://clima.ejemplo.co") as clima:
    clima.entrar("ana", "una frase larga")
    consulta = clima.esperar(clima.tiempo_real("Medellín").id)
    print(consulta.datos.temperatura if consulta.datos else consulta.mensaje_error)
    clima.descargar(consulta.id, "medellin.csv")
"""

from deploy.cliente.cliente import Cliente
from deploy.cliente.errores import Fallo, NoLlega, PlazoVencido, Rechazada, SinPermiso
from deploy.cliente.respuestas import Consulta, Datos, Fuente, Sesion

__all__ = [
    "Cliente",
    "Consulta",
    "Datos",
    "Fallo",
    "Fuente",
    "NoLlega",
    "PlazoVencido",
    "Rechazada",
    "Sesion",
    "SinPermiso",
]
