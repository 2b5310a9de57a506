"""The command `laboratorio`: start the server, say where it is, stop when told."""

import errno
import signal
import sys
from threading import Thread
from types import FrameType

import click

from deploy.laboratorio.app import crear_app
from deploy.laboratorio.fallas import TIPOS, Falla, FallaMalaError, leer_texto
from deploy.laboratorio.servidor import PuertoOcupadoError, crear_servidor

VARIABLES = {
    "OPENWEATHER_URL": "openweather",
    "OPENMETEO_URL": "openmeteo",
    "OPENMETEO_ARCHIVE_URL": "openmeteo",
    "OPENMETEO_AIR_URL": "openmeteo",
    "OPENMETEO_GEOCODING_URL": "openmeteo",
    "METEOBLUE_URL": "meteoblue",
    "METEOSOURCE_URL": "meteosource",
    "IDEAM_URL": "ideam",
    "SIATA_URL": "siata",
}
AYUDA = """Arranca los seis proveedores meteorológicos de mentira, en un solo puerto.

Responden como OpenWeather, Open-Meteo, Meteoblue, Meteosource, IDEAM (datos.gov.co) y SIATA, con un tiempo
construido: verosímil, siempre el mismo para el mismo lugar y la misma hora, y marcado con la cabecera
«X-Laboratorio: climaguru». Sirve para la demostración sin Internet, las pruebas y las mediciones.

\b
Ejemplos:
  laboratorio                                  en http://127.0.0.1:5100
  laboratorio --puerto 0                       en un puerto libre, que se imprime
  laboratorio --falla openmeteo:estado:0.3:estado=503
                                               3 de cada 10 respuestas de Open-Meteo son un 503
  laboratorio --falla ideam:demora:1:demora_s=8 --falla siata:corte
  laboratorio --falla "todos:cuota" --demora-ms 120

\b
Para que ClimaGuru lo use, estas variables en su entorno (se imprimen al arrancar):
  OPENMETEO_URL=http://127.0.0.1:5100/openmeteo
  OPENWEATHER_URL=http://127.0.0.1:5100/openweather
Vale cualquier clave, menos la vacía y «invalida» (IDEAM: el X-App-Token «invalido» da 403).

\b
Una vez en marcha, se gobierna por HTTP:
  curl -X PUT URL/_laboratorio/fallas -d '[{"proveedor": "meteoblue", "tipo": "cuota", "proporcion": 0.5}]'
  curl URL/_laboratorio/fallas          las fallas en vigor      (DELETE las quita)
  curl URL/_laboratorio/peticiones      cuántas llegaron         (DELETE pone a cero)
  curl -X PUT URL/_laboratorio/secretos -d '{"meteoblue": "secreto"}'   verificar su firma
  curl URL/_laboratorio/salud

\b
Tipos de falla:
""" + "\n".join(f"  {tipo:<15}{texto}" for tipo, texto in TIPOS.items())


@click.command("laboratorio", help=AYUDA)
@click.option("--puerto", type=click.IntRange(0, 65535), default=5100, show_default=True, help="0: uno libre.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Dirección en la que escuchar.")
@click.option(
    "--falla", "textos", multiple=True, metavar="PROVEEDOR:TIPO[:PROPORCION][:CLAVE=VALOR,…]",
    help="Falla desde el arranque; se puede repetir. PROVEEDOR «todos» vale por los seis. "
    "Claves: estado, retry_after, demora_s, ruta.",
)  # fmt: skip
@click.option("--demora-ms", type=click.IntRange(0, 60000), default=0, help="Latencia añadida a cada respuesta.")
@click.option("--registro", is_flag=True, help="Imprime cada petición (sin su consulta, que lleva claves).")
def comando(puerto: int, host: str, textos: tuple[str, ...], demora_ms: int, registro: bool) -> None:
    app = crear_app()
    app.extensions["fallas"].poner(_fallas(textos))
    app.extensions["averias"].demora_s = demora_ms / 1000
    try:
        servidor = crear_servidor(app, host, puerto, registro)
    except PuertoOcupadoError as e:
        raise click.ClickException(_ocupado(e, puerto)) from e
    except OSError as e:
        raise click.ClickException(f"No se puede escuchar en {host}:{puerto}: {e.strerror or e}.") from e
    _presentarse(f"http://{f'[{host}]' if ':' in host else host}:{servidor.port}")

    def parar(_numero: int, _marco: FrameType | None) -> None:
        """shutdown() waits for serve_forever, which runs in this same thread."""
        Thread(target=servidor.shutdown, daemon=True).start()

    for senal in (signal.SIGTERM, signal.SIGINT):
        signal.signal(senal, parar)
    servidor.serve_forever(poll_interval=0.1)


def variables(url: str) -> dict[str, str]:
    """The environment that points ClimaGuru here."""
    return {nombre: f"{url}/{prefijo}" for nombre, prefijo in VARIABLES.items()}


def _fallas(textos: tuple[str, ...]) -> list[Falla]:
    try:
        return [falla for texto in textos for falla in leer_texto(texto)]
    except FallaMalaError as e:
        raise click.BadParameter(str(e), param_hint="--falla") from e


def _ocupado(e: PuertoOcupadoError, puerto: int) -> str:
    if e.errno == errno.EACCES:
        return f"Sin permiso para escuchar en el puerto {puerto}. Elija uno por encima de 1024 con --puerto."
    return f"El puerto {puerto} está ocupado. Elija otro con --puerto, o --puerto 0 para uno libre."


def _presentarse(url: str) -> None:
    click.echo(f"Laboratorio en {url} (datos construidos, no observaciones)")
    for nombre, valor in variables(url).items():
        click.echo(f"export {nombre}={valor}")
    sys.stdout.flush()
