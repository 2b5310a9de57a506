"""deploy/systemd: what systemd says of the units, and all their commands run for real in the cell they describe."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
import requests

from deploy import gunicorn_conf
from deploy.laboratorio.cli import variables
from deploy.local.pila import generar_secretos
from shared.cola import COLAS, PREFIJO, crear_celery
from shared.settings import Settings
from tests.conftest import hacer_settings
from tests.deploy.unidades import SYSTEMD, Maquina, avisos, esperar_a, leer, segundos
from tests.frente import con_esquema
from tests.pila import Persona
from tests.servidores import ESPERA_S, MariaDB, Redis, esperar, puerto_libre

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is only on Linux")
SERVICIOS = ("climaguru-api", "climaguru-worker@historico-2", "climaguru-beat", "climaguru-flower")


@pytest.fixture(scope="module")
def servidores(mariadb: MariaDB, servidor_redis: Redis) -> Settings:
    base = con_esquema(mariadb.crear_base("cg_systemd"))
    return hacer_settings(base, servidor_redis.url.removesuffix("/0") + "/5")


@pytest.fixture
def maquina(servidores: Settings, tmp_path: Path) -> Iterator[Maquina]:
    urls = {"DATABASE_URL": servidores.url_base_de_datos, "REDIS_URL": servidores.url_redis}
    yield Maquina(tmp_path, {"FLASK_ENV": "production", **generar_secretos(), **urls})
    with redis.Redis.from_url(servidores.url_redis) as r:
        r.flushdb()


@pytest.fixture(scope="module")
def unidades(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy whose commands exist here."""
    copia = tmp_path_factory.mktemp("unidades")
    opt = Maquina(copia, {}).raiz / "opt" / "climaguru"
    shutil.copytree(SYSTEMD, copia / "system")
    for fichero in (copia / "system").glob("climaguru*"):
        fichero.write_text(fichero.read_text().replace("/opt/climaguru", str(opt)))
    for instancia in ("tiempo-real-1", "historico-1", "historico-2"):
        shutil.copy(copia / "system/climaguru-worker@.service", copia / f"system/climaguru-worker@{instancia}.service")
    return copia / "system"


@pytest.mark.parametrize("unidad", [*(f"{s}.service" for s in SERVICIOS), "climaguru.target"])
def test_systemd_entiende_la_unidad_sin_un_aviso(unidades: Path, unidad: str) -> None:
    orden = ["systemd-analyze", "verify", "--man=no", str(unidades / unidad)]
    fin = subprocess.run(orden, capture_output=True, text=True, check=False)
    assert (fin.returncode, fin.stdout + fin.stderr) == (0, "")


@pytest.mark.parametrize("servicio", SERVICIOS)
def test_la_exposicion_queda_por_debajo_de_3(unidades: Path, servicio: str) -> None:
    orden = ["systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=30"]
    fin = subprocess.run([*orden, str(unidades / f"{servicio}.service")], capture_output=True, text=True, check=False)
    assert fin.returncode == 0, fin.stdout + fin.stderr
    assert float(re.findall(r"exposure level for \S+: ([\d.]+)", fin.stdout)[0]) < 3


@pytest.mark.parametrize("servicio", SERVICIOS)
def test_ninguna_averia_larga_deja_un_servicio_sin_arrancar(servicio: str) -> None:
    ajustes = leer(f"{servicio}.service")
    assert (ajustes["Restart"], ajustes["StartLimitIntervalSec"]) == (["always"], ["0"])
    assert segundos(ajustes, "RestartSec") >= 1
    assert ajustes["User"] == ["climaguru"]


def test_los_cuatro_servicios_se_encierran_igual() -> None:
    ficheros = [SYSTEMD / (re.sub(r"@.*", "@", nombre) + ".service") for nombre in SERVICIOS]
    cierres = {f.read_text().partition("# What follows")[2].partition("[Install]")[0] for f in ficheros}
    assert len(cierres) == 1
    assert "ProtectSystem=strict" in cierres.pop()


def test_se_espera_a_que_acabe_lo_mas_largo_que_puede_quedar_en_marcha() -> None:
    """The longest deadlines that the settings allow, not only their defaults."""
    campos = Settings.model_fields
    plazos = [m.le for n in ("plazo_tiempo_real_s", "plazo_tramo_s") for m in campos[n].metadata if hasattr(m, "le")]
    assert len(plazos) == 2
    assert segundos(leer("climaguru-worker@.service"), "TimeoutStopSec") > max(plazos) + 20
    assert segundos(leer("climaguru-api.service"), "TimeoutStopSec") > gunicorn_conf.graceful_timeout + 10


def test_los_limites_alcanzan_para_los_hilos_de_la_api() -> None:
    ajustes = leer("climaguru-api.service")
    hilos = gunicorn_conf.workers * gunicorn_conf.threads * 2  # a reload has both generations
    assert segundos(ajustes, "TasksMax") > hilos * 1.5
    assert segundos(ajustes, "LimitNOFILE") > gunicorn_conf.worker_connections + 3 * gunicorn_conf.threads


def test_la_api_avisa_que_esta_lista_recarga_sin_cerrar_y_para(maquina: Maquina) -> None:
    url = f"http://127.0.0.1:{(puerto := puerto_libre())}"
    unidad, aviso = "climaguru-api.service", maquina.raiz / "aviso"
    assert leer(unidad)["Type"] == ["notify"]
    assert leer(unidad)["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    opciones = ("-b", f"127.0.0.1:{puerto}", "-w", "1")
    with avisos(aviso) as s, maquina.servicio(unidad, *opciones, NOTIFY_SOCKET=str(aviso)) as api:
        assert b"READY=1" in s.recv(4096)
        assert requests.get(f"{url}/health", timeout=60).json() == {"estado": "ok"}
        viejos = {p.pid for p in psutil.Process(api.proceso.pid).children()}
        subprocess.run(["/bin/kill", "-HUP", str(api.proceso.pid)], check=True)

        def otros() -> bool:
            assert requests.get(f"{url}/health", timeout=60).ok
            hijos = {p.pid for p in psutil.Process(api.proceso.pid).children()}
            return bool(hijos) and not hijos & viejos

        esperar_a(api, otros, "new processes")
        assert requests.get(f"{url}/health", timeout=60).ok
        api.parar()


def por_instancia(respuestas: dict[str, Any]) -> dict[str, Any]:
    """What each worker answered, by the name before its @."""
    return {nodo.partition("@")[0]: respuesta for nodo, respuesta in respuestas.items()}


INSTANCIAS: dict[str, tuple[dict[str, str], set[str]]] = {  # name → its own file's settings, the queues it serves
    "tiempo-real-1": ({}, {"tiempo_real", "mantenimiento"}),
    "historico-2": ({}, {"historico", "mantenimiento"}),
    "mantenimiento": ({}, {"mantenimiento"}),
    "nocturno": (
        {"CLIMAGURU_COLAS": "historico,tiempo_real", "CLIMAGURU_CONCURRENCIA": "3"},
        {"historico", "tiempo_real"},
    ),
}


def test_el_nombre_del_trabajador_o_el_fichero_de_su_instancia_eligen_sus_colas(
    maquina: Maquina, servidores: Settings
) -> None:
    assert leer("climaguru-worker@.service")["EnvironmentFile"][1] == "-/etc/climaguru/worker-%i.env"
    app = crear_celery(servidores)
    inspector = app.control.inspect(timeout=2, limit=len(INSTANCIAS))  # that many answers are all
    with ExitStack() as arrancados, redis.Redis.from_url(servidores.url_redis) as r:
        unidades = [
            arrancados.enter_context(maquina.servicio(f"climaguru-worker@{nombre}.service", **propias))
            for nombre, (propias, _) in INSTANCIAS.items()
        ]

        def respondieron() -> bool:
            assert all(u.proceso.poll() is None for u in unidades), [u.texto()[-2000:] for u in unidades]
            return len(inspector.active_queues() or {}) == len(INSTANCIAS)

        esperar(respondieron, "the workers answering")
        vistas, cifras = por_instancia(inspector.active_queues()), por_instancia(inspector.stats())
        colas = {nombre: {c["name"] for c in suyas} for nombre, suyas in vistas.items()}
        assert colas == {nombre: suyas for nombre, (_, suyas) in INSTANCIAS.items()}
        assert cifras["nocturno"]["pool"]["max-concurrency"] == 3
        assert all(r.keys(f"{PREFIJO}trabajador:{nombre}@*") for nombre in INSTANCIAS)
        for unidad in unidades:
            unidad.parar()
    app.close()


@pytest.mark.parametrize(
    ("instancia", "propias", "queja"),
    [
        ("nocturno", {}, "CLIMAGURU_COLAS"),
        ("historico-1", {"CLIMAGURU_COLAS": "historicos"}, "no existe la cola «historicos»"),
        ("historico-1", {"CLIMAGURU_CONCURRENCIA": "muchos"}, "número de hilos"),
    ],
)
def test_un_trabajador_mal_pedido_lo_dice_y_no_insiste(
    maquina: Maquina, instancia: str, propias: dict[str, str], queja: str
) -> None:
    unidad = f"climaguru-worker@{instancia}.service"
    with maquina.servicio(unidad, **propias) as trabajador:
        assert [str(trabajador.proceso.wait(ESPERA_S))] == leer(unidad)["RestartPreventExitStatus"]
        assert queja in trabajador.texto()


def test_worker_sh_conoce_las_colas_que_hay() -> None:
    texto = (SYSTEMD / "worker.sh").read_text()
    assert " | ".join(COLAS) + ") ;;" in texto


def test_una_consulta_recorre_las_unidades_de_principio_a_fin(
    maquina: Maquina, servidores: Settings, laboratorio: str
) -> None:
    """API, a worker and beat with the units' own commands."""
    puerto = puerto_libre()
    maquina.entorno |= variables(laboratorio)
    with (
        maquina.servicio("climaguru-api.service", "-b", f"127.0.0.1:{puerto}", "-w", "1") as api,
        maquina.servicio("climaguru-worker@tiempo-real-1.service") as trabajador,
        maquina.servicio("climaguru-beat.service") as beat,
    ):
        url = f"http://127.0.0.1:{puerto}"
        esperar_a(api, lambda: requests.get(f"{url}/health/ready", timeout=60).json()["trabajadores"], "a worker")
        with redis.Redis.from_url(servidores.url_redis) as r:
            esperar_a(beat, lambda: r.get(f"{PREFIJO}latido"), "beat ticking")
        sobre = Persona(url, "ana").pedir("tiempo-real", ciudad="Cali", proveedores=["openmeteo"])
        assert sobre["consulta"]["estado"] == "completada"
        contado = requests.get(f"{url}/metrics", timeout=60).text
        assert 'climaguru_consultas_aceptadas_total{origen="tiempo_real"} 1.0' in contado  # by the API
        assert (
            'climaguru_consulta_duracion_seconds_count{fin="completada",tipo="tiempo_real"}' in contado
        )  # by the worker
        for servicio in (beat, trabajador, api):
            servicio.parar()


def test_una_maquina_de_trabajadores_dice_lo_que_contaron_todos(
    maquina: Maquina, servidores: Settings, laboratorio: str
) -> None:
    """At METRICAS_ESCUCHA of the first; who comes second finds it taken, says so and works on."""
    puerto, de_api = puerto_libre(), puerto_libre()
    maquina.entorno |= {**variables(laboratorio), "METRICAS_ESCUCHA": f"127.0.0.1:{puerto}"}
    url, contado = f"http://127.0.0.1:{puerto}/metrics", 'climaguru_consulta_duracion_seconds_count{fin="completada"'
    with maquina.servicio("climaguru-worker@historico-1.service") as primero:
        esperar_a(primero, lambda: requests.get(url, timeout=60).ok, "its metrics")
        with (
            maquina.servicio("climaguru-worker@tiempo-real-1.service") as segundo,
            maquina.servicio("climaguru-api.service", "-b", f"127.0.0.1:{de_api}", "-w", "1") as api,
        ):
            listo = f"http://127.0.0.1:{de_api}/health/ready"
            esperar_a(api, lambda: requests.get(listo, timeout=60).json()["trabajadores"] == 2, "two workers")
            assert "metricas_sin_puerto" in segundo.texto()
            Persona(f"http://127.0.0.1:{de_api}", "bea").pedir("tiempo-real", ciudad="Cali", proveedores=["openmeteo"])
            assert contado in requests.get(url, timeout=60).text
            api.parar()
            segundo.parar()
        primero.parar()


def test_flower_pide_clave_y_sin_ella_no_arranca(maquina: Maquina) -> None:
    unidad, puerto = "climaguru-flower.service", puerto_libre()
    assert subprocess.run(maquina.orden(unidad, "ExecCondition"), env={}, check=False).returncode == 1
    clave = {"FLOWER_BASIC_AUTH": "operador:larga"}
    rutas = ("", "tasks", "api/tasks", "metrics", "healthcheck", "no-existe")
    assert subprocess.run(maquina.orden(unidad, "ExecCondition"), env=clave, check=False).returncode == 0
    with maquina.servicio(unidad, f"--port={puerto}", **clave) as flower:
        url = f"http://127.0.0.1:{puerto}/flower/"
        esperar_a(flower, lambda: requests.get(url, timeout=60).status_code == 401, "Flower asking who it is")
        assert [r for r in rutas if requests.get(url + r, timeout=60).status_code != 401] == []
        assert [
            r for r in rutas if requests.get(url + r, auth=("operador", "otra"), timeout=60).status_code != 401
        ] == []
        vistas = {r: requests.get(url + r, auth=("operador", "larga"), timeout=60).status_code for r in rutas}
        assert vistas == {**dict.fromkeys(rutas, 200), "no-existe": 404}
        flower.parar()
    with maquina.servicio(unidad, f"--port={puerto}") as flower:  # as ExecCondition does not let it
        esperar_a(flower, lambda: requests.get(url, timeout=60).status_code == 401, "Flower that lets nobody in")
        assert [r for r in rutas if requests.get(url + r, timeout=60).status_code != 401] == []
