"""`climaguru demo`: the whole job, shown from outside, through HTTP."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import requests
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.local.pila import elegir_puerto
from shared.settings import Settings, entorno

ESPERA_S = 60.0
consola = Console()


class Fallo(Exception):
    """The demonstration did not work; the message says what."""


def ejecutar(salida: Path, laboratorio: bool | None) -> None:
    """Two consultas from POST to download. Raises Fallo."""
    simulado = not _hay_internet() if laboratorio is None else laboratorio
    if simulado:
        consola.print("[bold yellow]Datos del LABORATORIO[/]: simulados, porque Open-Meteo no responde desde aquí.")
    else:
        consola.print("[bold green]Datos EN VIVO[/] de Open-Meteo.")
    with _pila(laboratorio=simulado) as base:
        cliente = _entrar(base)
        ayer = datetime.now(UTC).date() - timedelta(days=2)
        ahora = _consultar(cliente, base, "tiempo-real", {"ciudad": "Medellín"})
        mes = {"ciudad": "Bogotá", "fecha_inicio": str(ayer - timedelta(days=29)), "fecha_fin": str(ayer)}
        historia = _consultar(cliente, base, "historico", mes)
        for sobre in (ahora, historia):
            _mostrar(sobre)
            _descargar(cliente, base, sobre, salida)


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


def _entrar(base: str) -> requests.Session:
    cuenta = {"username": f"demo-{secrets.token_hex(3)}", "password": secrets.token_urlsafe(12)}
    cliente = requests.Session()
    correo = {"email": f"{cuenta['username']}@ejemplo.co"}
    _bien(cliente.post(f"{base}/api/auth/register", json={**cuenta, **correo}, timeout=10))
    token = _bien(cliente.post(f"{base}/api/auth/login", json=cuenta, timeout=10))["access_token"]
    cliente.headers["Authorization"] = f"Bearer {token}"
    consola.print(f"Cuenta creada y sesión abierta: [bold]{cuenta['username']}[/]")
    return cliente


def _consultar(cliente: requests.Session, base: str, tipo: str, pedido: dict[str, Any]) -> dict[str, Any]:
    """Submit, and poll as Retry-After says until it ends."""
    sobre = _bien(cliente.post(f"{base}/api/consultas/{tipo}", json=pedido, timeout=10))
    columnas = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columnas, console=consola) as barra:
        tarea = barra.add_task(f"{tipo} · {pedido['ciudad']} · pendiente", total=100)
        hasta = monotonic() + ESPERA_S
        while sobre["consulta"]["estado"] not in ("completada", "error"):
            if monotonic() > hasta:
                raise Fallo(f"La consulta {sobre['consulta']['id']} no terminó en {ESPERA_S:.0f} s.")
            sleep(0.2)
            sobre = _bien(cliente.get(base + sobre["enlaces"]["self"], timeout=10))
            c = sobre["consulta"]
            barra.update(tarea, completed=c["progreso"], description=f"{tipo} · {pedido['ciudad']} · {c['estado']}")
    if sobre["consulta"]["estado"] == "error":
        raise Fallo(str(sobre["consulta"]["mensaje_error"]))
    return sobre


def _mostrar(sobre: dict[str, Any]) -> None:
    """The combined answer beside what each source said, and how well they agree."""
    c, d = sobre["consulta"], sobre["datos_clima"]
    marca = "  [yellow](laboratorio: simulado)[/]" if d["laboratorio"] else ""
    fechas = f", {c['fecha_inicio']} a {c['fecha_fin']}" if c["fecha_inicio"] else ""
    tabla = Table(title=f"{c['ciudad']} ({c['latitud']}, {c['longitud']}){fechas}{marca}", title_justify="left")
    fuentes = [f for f in d["fuentes"] if f["valores"]]
    for titulo in ("", "combinado", "acuerdo", *(f["proveedor"] for f in fuentes)):
        tabla.add_column(titulo, justify="left" if not titulo else "right", no_wrap=True)
    for titulo, campo, combinado in _renglones(d):
        acuerdo = d["dispersion"].get(campo, {}).get("acuerdo")
        partes = [_texto(f["valores"].get(campo)) for f in fuentes]
        tabla.add_row(titulo, f"[bold]{_texto(combinado)}[/]", acuerdo or "—", *partes)
    consola.print(tabla)
    consola.print(f"  Cielo: {d['descripcion_clima'] or '—'}")
    for f in d["fuentes"]:
        tiempo = "" if f["latencia_ms"] is None else f" en {f['latencia_ms']} ms"
        motivo = f": {f['motivo']}" if f.get("motivo") else ""
        consola.print(f"  {f['proveedor']} {f['estado']}{tiempo}{motivo}", style="dim", highlight=False)


def _renglones(d: dict[str, Any]) -> list[tuple[str, str, Any]]:
    t, v = d["temperatura"], d["viento"]
    return [
        ("Temperatura (°C)", "temperatura", t["promedio"]),
        ("  mínima", "temperatura_min", t["min"]),
        ("  máxima", "temperatura_max", t["max"]),
        ("Presión (hPa)", "presion_atmosferica", d["presion_atmosferica"]),
        ("Humedad (%)", "humedad_relativa", d["humedad_relativa"]),
        ("Viento (km/h)", "velocidad_viento", v["velocidad"]),
        ("  desde (°)", "direccion_viento", v["direccion"]),
        ("Lluvia (mm)", "precipitacion", d["precipitacion"]),
        ("Visibilidad (m)", "visibilidad", d["visibilidad"]),
        ("Índice UV", "indice_uv", d["indice_uv"]),
        ("Aire (US AQI)", "calidad_aire", d["calidad_aire"]),
    ]


def _texto(valor: float | None) -> str:
    return "—" if valor is None else f"{round(valor, 1):g}" if abs(valor) < 10_000 else f"{valor:.0f}"


def _descargar(cliente: requests.Session, base: str, sobre: dict[str, Any], salida: Path) -> None:
    salida.mkdir(parents=True, exist_ok=True)
    for formato in ("json", "csv", "txt", "yaml"):
        destino = salida / f"consulta_{sobre['consulta']['id']}.{formato}"
        url = f"{base}{sobre['enlaces']['descargar']}?formato={formato}"
        respuesta = cliente.get(url, timeout=30)
        if not respuesta.ok:
            raise Fallo(f"La descarga {formato} falló: {respuesta.status_code}")
        destino.write_bytes(respuesta.content)
    consola.print(f"  Descargas en {salida}/consulta_{sobre['consulta']['id']}.{{json,csv,txt,yaml}}\n")


def _bien(respuesta: requests.Response) -> dict[str, Any]:
    cuerpo: dict[str, Any] = respuesta.json()
    if not respuesta.ok:
        raise Fallo(f"{respuesta.status_code}: {json.dumps(cuerpo, ensure_ascii=False)}")
    return cuerpo
