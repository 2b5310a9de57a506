"""The client against a laboratory that misbehaves on purpose."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.proveedores.servidor import Respuestas, http, servir
from worker.proveedores.cliente import Clave
from worker.proveedores.http import ErrorProveedor, Esperas, Http, _retry_after, crear_sesion

CONSULTA = {"latitude": "6.2", "longitude": "-75.5", "current": "temperature_2m"}
Fallar = Callable[..., None]


@pytest.fixture
def fallar(laboratorio: str) -> Iterator[Fallar]:
    """Tell the laboratory how Open-Meteo fails from now on."""

    def poner(tipo: str, **mas: Any) -> None:
        falla = [{"proveedor": "openmeteo", "tipo": tipo, **mas}]
        requests.put(f"{laboratorio}/_laboratorio/fallas", json=falla, timeout=5).raise_for_status()
        requests.delete(f"{laboratorio}/_laboratorio/peticiones", timeout=5).raise_for_status()

    yield poner
    requests.delete(f"{laboratorio}/_laboratorio/fallas", timeout=5)


def pedir(laboratorio: str, **limites: float) -> Any:
    return http(**limites).json(f"{laboratorio}/openmeteo/v1/forecast", CONSULTA)


def pedidas(laboratorio: str) -> int:
    cuentas = requests.get(f"{laboratorio}/_laboratorio/peticiones", timeout=5).json()
    return int(cuentas["openmeteo"]["total"])


def test_lo_que_viene_del_laboratorio_se_sabe(laboratorio: str) -> None:
    cliente = http()
    assert not cliente.laboratorio
    cliente.json(f"{laboratorio}/openmeteo/v1/forecast", CONSULTA)
    assert cliente.laboratorio


@pytest.mark.parametrize(
    ("tipo", "mas", "motivo", "veces"),
    [
        ("estado", {"estado": 503}, "respondió 503", 3),
        ("corte", {}, "no se pudo conectar", 3),
        ("corte_a_medias", {}, "no se pudo conectar", 3),
        ("json_malo", {}, "no es JSON", 3),
        ("html", {}, "no es JSON", 3),
        ("estado", {"estado": 400}, "rechazó la petición", 1),
        ("redireccion", {}, "redirige a", 1),
        ("enorme", {}, "32 MiB", 1),
    ],
)
def test_cada_falla_tiene_su_motivo_y_solo_se_repite_lo_pasajero(
    laboratorio: str, fallar: Fallar, tipo: str, mas: dict[str, Any], motivo: str, veces: int
) -> None:
    fallar(tipo, **mas)
    with pytest.raises(ErrorProveedor, match=motivo):
        pedir(laboratorio, plazo_s=20)
    assert pedidas(laboratorio) == veces


def test_una_falla_pasajera_se_supera_reintentando(laboratorio: str, fallar: Fallar) -> None:
    fallar("estado", estado=503, proporcion=0.5)
    assert "current" in pedir(laboratorio)


def test_quien_no_responde_se_corta_en_su_plazo(laboratorio: str, fallar: Fallar) -> None:
    fallar("colgado", demora_s=30)
    with pytest.raises(ErrorProveedor, match="a tiempo"):
        pedir(laboratorio, plazo_s=0.5, lectura_s=0.3)


def test_quien_gotea_se_corta_en_el_plazo_de_la_consulta(laboratorio: str, fallar: Fallar) -> None:
    fallar("goteo")
    with pytest.raises(ErrorProveedor, match="a tiempo"):
        pedir(laboratorio, plazo_s=1.5, lectura_s=5)


@pytest.mark.parametrize(
    ("valor", "espera_s"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        *(
            (malo, None)
            for malo in ("²", "٣", "-1", "1.5", "1e3", "", " ", "pronto", "Wed, 21 Oct 2015 07:28:00 -0000")
        ),
        *((enorme, None) for enorme in ("9" * 400, f"Wed, 21 Oct {'9' * 30} 07:28:00 GMT")),
    ],
)
def test_un_retry_after_raro_es_como_si_no_viniera(valor: str, espera_s: float | None) -> None:
    assert _retry_after(valor) == espera_s


def test_un_retry_after_que_no_es_ascii_no_rompe_la_peticion() -> None:
    with servir() as red:
        red.siempre({}, estado=503, Retry_After="\u00b2")
        with pytest.raises(ErrorProveedor, match="respondió 503") as e:
            http().json(red.base)
    assert (e.value.espera_s, len(red.pedidas)) == (None, 3)


def test_a_los_proveedores_se_dice_quien_pregunta_y_ninguna_direccion_que_no_exista() -> None:
    with servir() as red:
        red.siempre({})
        http().json(red.base)
    assert red.pedidas[0].cabeceras["User-Agent"] == "ClimaGuru/0.1"


def test_retry_after_se_respeta_si_cabe_y_si_no_se_deja(laboratorio: str, fallar: Fallar) -> None:
    fallar("retry_after", retry_after=60)
    with pytest.raises(ErrorProveedor, match="límite") as e:
        pedir(laboratorio, plazo_s=5)
    assert e.value.espera_s == 60
    assert pedidas(laboratorio) == 1


def test_sin_nadie_al_otro_lado_es_un_error_con_motivo() -> None:
    with pytest.raises(ErrorProveedor, match="no se pudo conectar"):
        http(plazo_s=1).json("http://127.0.0.1:9/")


def test_los_errores_no_llevan_la_url_ni_la_clave() -> None:
    with servir() as red:
        red.siempre({"message": "bad"}, estado=401)
        with pytest.raises(ErrorProveedor) as e:
            http().json(f"{red.base}/x", {"appid": "clave-canaria"})
    assert "canaria" not in f"{e.value!r} {e.value.motivo}"


@pytest.mark.parametrize("clave", ["clave-canaria", "clave/canaria+&=~", 'clave"canaria\\'])
def test_lo_que_un_proveedor_repite_de_la_clave_se_tapa(clave: str) -> None:
    tapar = Clave("otra-cosa", clave).tapar
    repetida = {"message": f"bad key {clave}", "url": f"/x?k={quote(clave)}&z={quote(clave, safe='')}", "n": 12}
    with servir() as red:
        red.siempre(repetida)
        cuerpo = Http(crear_sesion(1), Esperas(1, 2), monotonic() + 5, tapar=tapar).json(f"{red.base}/x")
    assert "canaria" not in str(cuerpo)
    assert cuerpo["n"] == 12


def test_una_clave_demasiado_corta_para_distinguirla_no_se_tapa() -> None:
    assert Clave("12", "").tapar(b'{"t": 12.5}') == b'{"t": 12.5}'


def test_un_fallo_de_red_no_lleva_la_url_ni_encadenada() -> None:
    secreta = "clave-" + "canaria"
    with pytest.raises(ErrorProveedor) as e:
        http(plazo_s=1).json("http://127.0.0.1:9/", {"appid": secreta})
    assert secreta not in "".join(traceback.format_exception(e.value, chain=True))


def test_el_agente_y_los_parametros_llegan() -> None:
    with servir() as red:
        red.siempre({"ok": 1})
        assert http().json(f"{red.base}/x", {"a": "ñ 1"}, {"X-API-Key": "k"}) == {"ok": 1}
        comprobar(red)


def comprobar(red: Respuestas) -> None:
    assert red.pedidas[0].params == {"a": "ñ 1"}
    assert red.pedidas[0].cabeceras["X-API-Key"] == "k"
    assert red.pedidas[0].cabeceras["User-Agent"].startswith("ClimaGuru/")
