"""The client when something breaks in the middle: Ctrl-C, restarts, lost answers, a server that is full."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.cliente import Cliente, NoLlega, PlazoVencido, Rechazada, SinPermiso
from shared.sesiones import REPETIBLE_S
from tests.deploy.servicio import CLAVE, Relevo, Resultado, Servicio, Terminal, servicio
from tests.frente import Nginx
from tests.servidores import MariaDB, Redis

AHORA = ("tiempo-real", "--ciudad", "Medellín")


@pytest.fixture
def cliente(clima: Servicio) -> Iterator[Cliente]:
    """Logged in as ana."""
    with Cliente(clima.url) as c:
        c.entrar("ana", CLAVE)
        yield c


@pytest.fixture(params=["directo", "nginx"])
def frente(request: pytest.FixtureRequest, clima: Servicio, tmp_path: Path) -> Iterator[str]:
    """The API's URL, without and with the real nginx before it."""
    if request.param == "directo":
        yield clima.url
        return
    nginx = Nginx(tmp_path, destino=clima.api.puerto)
    nginx.arrancar()
    yield nginx.url
    nginx.parar()


def escuchar(cliente: Cliente) -> list[int]:
    """The status of every answer that it gets from now on."""
    estados: list[int] = []
    cliente._conexion.http.hooks["response"].append(lambda r, *_, **__: estados.append(r.status_code))
    return estados


def plazos_de(cliente: Cliente, ruta: str) -> list[float]:
    """How long it waits for the answer to each request there from now on."""
    plazos: list[float] = []
    http = cliente._conexion.http
    pedir = http.request

    def anotar(metodo: str, url: str, **opciones: Any) -> requests.Response:
        if url.endswith(ruta):
            plazos.append(opciones["timeout"][1])
        return pedir(metodo, url, **opciones)

    http.request = anotar  # type: ignore[method-assign,assignment]
    return plazos


def consejo(r: Resultado) -> str:
    """The command that it advised to go on with."""
    return r.quejas.splitlines()[-1].strip()


def test_ctrl_c_dice_como_seguir_y_asi_se_sigue(clima: Servicio, ana: Terminal) -> None:
    en_marcha = ana.empieza("historico", "--ciudad", "Cali", "--desde", "2026-01-01", "--hasta", "2026-01-03",
                            "--url", clima.url, "-o", "el archivo.csv")  # fmt: skip
    en_marcha.dice("aceptada")
    cortada = en_marcha.interrumpir()
    assert cortada.codigo == 130
    assert consejo(cortada).startswith("climaguru seguir ")
    assert list(ana.casa.glob("*.csv")) == []
    with clima.trabajando():
        r = ana.en_el_shell(consejo(cortada))
    assert r.codigo == 0, r.quejas
    assert len((ana.casa / "el archivo.csv").read_text().splitlines()) == 4


def test_el_consejo_no_repite_el_token(clima: Servicio, ana: Terminal) -> None:
    en_marcha = ana.empieza(*AHORA, "--token", ana.token, "--url", clima.url, "--json", "--plazo", "60")
    en_marcha.dice("aceptada")
    cortada = en_marcha.interrumpir()  # fin() finds no token in what it said
    assert cortada.codigo == 130
    assert f"--plazo 60.0 --json --url {clima.url}\n" in cortada.quejas
    assert '"salida": 130' in cortada.salida


def test_ctrl_c_antes_de_saber_el_id_deja_una_clave_para_no_pedir_dos(clima: Servicio, ana: Terminal) -> None:
    antes = clima.consultas()
    relevo = Relevo(clima.api.puerto, b"POST /api/consultas", 0, veces=1000)
    with closing(relevo.oido):
        en_marcha = ana.empieza(*AHORA, "--url", relevo.url, CLIMAGURU_TOKEN=ana.token)
        en_marcha.dice("Se vuelve a intentar")
        cortada = en_marcha.interrumpir()
    assert cortada.codigo == 130
    assert "--idempotencia " in consejo(cortada)
    clave = consejo(cortada).split("--idempotencia ")[1].split()[0]
    r = ana.escribe(*AHORA, "--no-esperar", "--idempotencia", clave)
    assert r.codigo == 0
    assert clima.consultas() == antes + 1


def test_una_peticion_cuya_respuesta_se_pierde_se_repite_y_es_una_sola_consulta(
    clima: Servicio, cliente: Cliente
) -> None:
    antes = clima.consultas()
    avisos: list[str] = []
    relevo = Relevo(clima.api.puerto, b"POST /api/consultas", 0)
    token = cliente._conexion.tokens.acceso
    with closing(relevo.oido), Cliente(relevo.url, token=token, al_reintentar=avisos.append) as c:
        consulta = c.tiempo_real("Medellín")
    assert clima.consultas() == antes + 1
    assert consulta.repetida
    assert len(avisos) == 1


def test_una_renovacion_cuya_respuesta_se_pierde_se_repite_y_la_sesion_sigue(clima: Servicio) -> None:
    nuevos: list[tuple[str, str]] = []
    relevo = Relevo(clima.api.puerto, b"/api/auth/refresh", 0)
    with Cliente(clima.url) as c:
        sesion = c.entrar("ana", CLAVE)
    mio = {"token": "vencido", "refresh_token": sesion.refresh_token}
    with closing(relevo.oido), Cliente(relevo.url, **mio, al_refrescar=lambda *t: nuevos.append(t)) as c:
        esperas = plazos_de(c, "/api/auth/refresh")
        pedida = c.tiempo_real("Cali")
        assert len(esperas) == 2
        assert sum(esperas) < REPETIBLE_S, "two that hang are over while the server still gives the same answer"
        assert relevo.quedan == 0
        c._conexion.tokens.acceso = "vencido"  # once more, with the successor
        assert c.leer(pedida.id).id == pedida.id
    assert len(nuevos) == 2
    assert len({sesion.refresh_token, *(refresco for _, refresco in nuevos)}) == 3


def test_un_reintento_cuya_respuesta_se_pierde_no_es_un_conflicto(clima: Servicio, cliente: Cliente) -> None:
    consulta = cliente.cancelar(cliente.tiempo_real("Medellín").id)
    relevo = Relevo(clima.api.puerto, b"/reintentar", 0)
    with closing(relevo.oido), Cliente(relevo.url, token=cliente._conexion.tokens.acceso) as c:
        assert c.reintentar(consulta.id).estado == "pendiente"
    clima.terminar_pendientes()
    with pytest.raises(Rechazada, match="«completada»"):
        cliente.reintentar(consulta.id)


def test_la_api_puede_reiniciarse_mientras_se_espera(clima: Servicio, terminal: Terminal, frente: str) -> None:
    terminal.entrar(frente)
    en_marcha = terminal.empieza(*AHORA, "-o", "x.json")
    en_marcha.dice("aceptada")
    clima.api.matar()
    en_marcha.dice("Se vuelve a intentar")
    clima.terminar_pendientes()
    clima.api.arrancar()
    r = en_marcha.fin()
    assert r.codigo == 0, r.quejas
    assert '"estado":"completada"' in (terminal.casa / "x.json").read_text()


def test_el_plazo_vale_tambien_con_la_api_caida(clima: Servicio, cliente: Cliente) -> None:
    consulta = cliente.tiempo_real("Medellín")
    clima.api.matar()
    try:
        with pytest.raises(PlazoVencido):
            cliente.esperar(consulta.id, plazo_s=1)
    finally:
        clima.api.arrancar()


def test_una_api_colgada_no_cuelga_al_cliente(clima: Servicio, cliente: Cliente) -> None:
    consulta = cliente.tiempo_real("Medellín")
    clima.api._senal(signal.SIGSTOP)
    try:
        with pytest.raises(PlazoVencido):
            cliente.esperar(consulta.id, plazo_s=1)
    finally:
        clima.api._senal(signal.SIGCONT)


def test_una_descarga_cortada_se_empieza_otra_vez(
    clima: Servicio, cliente: Cliente, hecha: int, tmp_path: Path
) -> None:
    cliente.descargar(hecha, tmp_path / "entera.csv")
    relevo = Relevo(clima.api.puerto, b"/descargar", 50_000)
    token = cliente._conexion.tokens.acceso
    with closing(relevo.oido), Cliente(relevo.url, token=token) as c:
        c.descargar(hecha, tmp_path / "x.csv", "csv")
    assert relevo.quedan == 0
    assert (tmp_path / "x.csv").read_bytes() == (tmp_path / "entera.csv").read_bytes()


def test_una_descarga_que_no_llega_entera_no_deja_nada(
    clima: Servicio, cliente: Cliente, hecha: int, tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_text("lo de ayer")
    relevo = Relevo(clima.api.puerto, b"/descargar", 50_000, veces=1000)
    token = cliente._conexion.tokens.acceso
    with closing(relevo.oido), Cliente(relevo.url, token=token) as c, pytest.raises(NoLlega):
        c.descargar(hecha, tmp_path / "x.csv", "csv")
    assert [f.name for f in tmp_path.iterdir()] == ["x.csv"]
    assert (tmp_path / "x.csv").read_text() == "lo de ayer"


def test_lo_que_ya_salio_por_una_tuberia_no_sale_dos_veces(clima: Servicio, ana: Terminal, hecha: int) -> None:
    entera = ana.escribe("seguir", str(hecha), "-o", "-").salida
    relevo = Relevo(clima.api.puerto, b"/descargar", 50_000)
    with closing(relevo.oido):
        r = ana.escribe("seguir", str(hecha), "-o", "-", "--url", relevo.url, CLIMAGURU_TOKEN=ana.token)
    assert r.codigo == 3
    assert 0 < len(r.salida) < len(entera)
    assert entera.startswith(r.salida)


def test_quien_pide_demasiado_espera_lo_que_dice_el_servidor(
    mariadb: MariaDB, servidor_redis: Redis, laboratorio: str, carpeta: Path
) -> None:
    avisos: list[str] = []
    redis = servidor_redis.url.removesuffix("/0") + "/8"
    base = mariadb.crear_base("cg_cliente_lleno")
    with (
        servicio(carpeta / "cliente_lleno", base, redis, laboratorio, LIMITE_API="2/second") as s,
        Cliente(s.url, al_reintentar=avisos.append) as c,
    ):
        c.entrar("ana", CLAVE)
        respuestas = escuchar(c)
        pedidas = {c.tiempo_real("Cali").id for _ in range(6)}
        assert s.consultas() == len(pedidas) == 6
    assert any("demasiadas peticiones" in aviso for aviso in avisos)
    assert respuestas.count(429) == len(avisos)  # each was refused once, and came back when it could be attended


def test_el_cliente_de_python_da_cifras_y_series(clima: Servicio, cliente: Cliente, hecha: int) -> None:
    pasos: list[str] = []
    consulta = cliente.tiempo_real(latitud=6.25, longitud=-75.57, parametros=["temperatura"])
    clima.terminar_pendientes()
    consulta = cliente.esperar(consulta.id, plazo_s=30, al_cambiar=lambda c: pasos.append(c.estado))
    assert consulta.completada
    assert pasos[-1] == "completada"
    assert consulta.datos is not None
    assert isinstance(consulta.datos.temperatura, float)
    assert consulta.datos.presion_atmosferica is None
    assert consulta.datos.laboratorio
    assert {f.proveedor for f in consulta.datos.fuentes if f.estado == "usada"} >= {"openmeteo"}
    assert cliente.serie(consulta.id) == []
    horas = cliente.serie(hecha)
    assert len(horas) == 31 * 24
    assert horas[0]["temperatura"] is not None


def test_el_cliente_de_python_distingue_las_negativas(cliente: Cliente) -> None:
    with pytest.raises(Rechazada) as e:
        cliente.tiempo_real("Cali", parametros=["nada"])
    assert (e.value.estado, list(e.value.errores)) == (422, ["parametros.0"])
    with pytest.raises(SinPermiso):
        Cliente(cliente.url).leer(1)
    with pytest.raises(Rechazada, match="No existe"):
        cliente.leer(999_999)
    sesion = cliente.entrar("ana", CLAVE)
    assert "eyJ" not in repr(sesion)
    assert "eyJ" not in repr(cliente._conexion.tokens)
    cliente.salir()
    with pytest.raises(SinPermiso):
        Cliente(cliente.url, token=sesion.access_token, refresh_token=sesion.refresh_token).leer(1)


def test_quien_espera_no_pregunta_sin_descanso(cliente: Cliente) -> None:
    """Nothing changes within the time given: it asks how it stands, and then once to be told of a change."""
    consulta = cliente.tiempo_real("Cali")
    respuestas = escuchar(cliente)
    with pytest.raises(PlazoVencido):
        cliente.esperar(consulta.id, plazo_s=1)
    assert respuestas[:2] == [200, 304]
    assert len(respuestas) <= 3
