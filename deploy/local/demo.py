"""`climaguru demo`: the whole job, shown from outside, through HTTP."""

from __future__ import annotations

import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import requests
from rich.console import Console

from deploy.cliente import Cliente, Fallo
from deploy.cliente.pantalla import Seguimiento, resumen
from deploy.local.pila import elegir_puerto
from shared.clima import Formato
from shared.settings import Settings, entorno

ESPERA_S = 60.0
consola = Console()


def ejecutar(salida: Path, laboratorio: bool | None) -> None:
    """Two consultas from POST to download. Raises Fallo."""
    simulado = not _hay_internet() if laboratorio is None else laboratorio
    if simulado:
        consola.print("[bold yellow]Datos del LABORATORIO[/]: simulados, porque Open-Meteo no responde desde aquí.")
    else:
        consola.print("[bold green]Datos EN VIVO[/] de Open-Meteo.")
    with _pila(laboratorio=simulado) as base, _entrar(base) as cliente:
        ayer = datetime.now(UTC).date() - timedelta(days=2)
        _recoger(cliente, cliente.tiempo_real("Medellín").id, salida)
        _recoger(cliente, cliente.historico("Bogotá", desde=ayer - timedelta(days=29), hasta=ayer).id, salida)


def _hay_internet() -> bool:
    url = f"{Settings().openmeteo_url}/v1/forecast"
    try:
        return requests.get(url, {"latitude": "6.25", "longitude": "-75.56", "current": "temperature_2m"}, timeout=3).ok
    except requests.RequestException:
        return False


@contextmanager
def _pila(*, laboratorio: bool) -> Iterator[str]:
    """A stack of its own, on a free port and a temporary folder; its URL."""
    puerto = elegir_puerto()
    with tempfile.TemporaryDirectory(prefix="climaguru-demo-") as datos:
        registro = Path(datos) / "registro.txt"
        orden = [sys.executable, "-m", "deploy.cli", "up", "--puerto", str(puerto), "--datos", datos]
        with registro.open("w") as f:
            pila = subprocess.Popen(
                [*orden, *(["--laboratorio"] if laboratorio else [])],
                stdout=f,
                stderr=subprocess.STDOUT,
                env=_entorno_propio(),
            )
        try:
            with consola.status("Arrancan la base de datos, la cola, la API y los trabajadores…"):
                _esperar_lista(f"http://127.0.0.1:{puerto}", pila, registro)
            yield f"http://127.0.0.1:{puerto}"
        finally:
            with consola.status("Todo se para…"):
                pila.terminate()
                pila.wait(60)


def _entorno_propio() -> dict[str, str]:
    """Ours, without the servers and secrets of an installation: the demonstration never touches one."""
    ajenas = ("DATABASE_URL", "REDIS_URL", "DB_HOST", "FLASK_ENV", "SECRET_KEY", "JWT_SECRET_KEY", "ENCRYPTION_KEY")
    return {nombre: valor for nombre, valor in entorno().items() if nombre not in ajenas}


def _esperar_lista(base: str, pila: subprocess.Popen[bytes], registro: Path) -> None:
    hasta = monotonic() + ESPERA_S
    while monotonic() < hasta and pila.poll() is None:
        try:
            lista = requests.get(f"{base}/health/ready", timeout=2)
            if lista.ok and lista.json()["trabajadores"] >= 2:
                return
        except requests.RequestException:
            pass
        sleep(0.1)
    raise Fallo(f"La pila no arrancó:\n{registro.read_text()[-3000:]}")


def _entrar(base: str) -> Cliente:
    cuenta = {"username": f"demo-{secrets.token_hex(3)}", "password": secrets.token_urlsafe(12)}
    correo = {"email": f"{cuenta['username']}@ejemplo.co"}
    alta = requests.post(f"{base}/api/auth/register", json={**cuenta, **correo}, timeout=10)
    if not alta.ok:
        raise Fallo(f"La cuenta no se pudo crear: {alta.text}")
    cliente = Cliente(base)
    cliente.entrar(cuenta["username"], cuenta["password"])
    consola.print(f"Cuenta creada y sesión abierta: [bold]{cuenta['username']}[/]")
    return cliente


def _recoger(cliente: Cliente, consulta_id: int, salida: Path) -> None:
    """Wait for it, show it, and download it in every format."""
    with Seguimiento() as barra:
        consulta = cliente.esperar(consulta_id, plazo_s=ESPERA_S, al_cambiar=barra.mostrar)
    if not consulta.completada:
        raise Fallo(f"La consulta {consulta_id} terminó en error: {consulta.mensaje_error}")
    resumen(consulta)
    salida.mkdir(parents=True, exist_ok=True)
    for formato in Formato:
        cliente.descargar(consulta_id, salida / f"consulta_{consulta_id}.{formato}", formato)
    consola.print(f"Descargas en {salida}/consulta_{consulta_id}.{{{','.join(Formato)}}}\n", highlight=False)
