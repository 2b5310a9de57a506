"""The TLS lines of the file, made live by the sed that it names."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from deploy.cliente import Cliente, NoLlega, SinPermiso
from tests.deploy.certificado import autofirmado
from tests.frente import CONF, Api, Nginx
from tests.servidores import puerto_libre

NOMBRE = "climaguru.example.co"


@pytest.fixture(scope="module")
def certificado(carpeta: Path) -> Path:
    """Self-signed, with its key, for 127.0.0.1."""
    autofirmado(carpeta)
    return carpeta


@pytest.fixture(scope="module")
def con_tls(api: Api, certificado: Path, carpeta: Path) -> Iterator[tuple[str, str]]:
    """The http:// and the https:// address of the file as its first lines say to change it."""
    sitio = carpeta / "nginx_tls"
    sitio.mkdir()
    orden = re.search(r"# For TLS: (sed .*) climaguru.conf", CONF.read_text())
    assert orden
    (sitio / "origen.conf").write_text(CONF.read_text())
    subprocess.run(f"{orden[1]} {sitio}/origen.conf", shell=True, check=True)
    puerto_http, puerto_https = puerto_libre(), puerto_libre()
    cambios = {
        "listen 443 ssl http2;": f"listen {puerto_https} ssl http2;",
        f"/etc/letsencrypt/live/{NOMBRE}": str(certificado),
    }
    nginx = Nginx(sitio, puerto_http, destino=api.puerto, cambios=cambios, conf=sitio / "origen.conf")
    try:
        nginx.arrancar()
        yield nginx.url, f"https://127.0.0.1:{puerto_https}"
    finally:
        nginx.parar()


def test_por_tls_llega_hsts_y_sin_el_no(con_tls: tuple[str, str], certificado: Path, api: Api) -> None:
    r = requests.get(f"{con_tls[1]}/health", verify=str(certificado / "fullchain.pem"), timeout=10)
    assert r.json() == {"estado": "ok"}
    assert r.headers["Strict-Transport-Security"].startswith("max-age=")
    assert "Strict-Transport-Security" not in requests.get(f"{api.url}/health", timeout=10).headers


def test_por_http_se_manda_a_https_y_a_nuestro_nombre(con_tls: tuple[str, str]) -> None:
    con = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    r = requests.get(f"{con_tls[0]}/api/auth/me?a=1", headers=con, allow_redirects=False, timeout=10)
    assert (r.status_code, r.headers["Location"]) == (301, f"https://{NOMBRE}/api/auth/me?a=1")


def test_el_cliente_exige_un_certificado_de_confianza_y_no_sigue_a_otra_direccion(
    con_tls: tuple[str, str], certificado: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with pytest.raises(NoLlega, match="El certificado de https://"):
        Cliente(con_tls[1], token="x").leer(1)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificado / "no_hay.pem"))
    with pytest.raises(NoLlega, match="REQUESTS_CA_BUNDLE"):
        Cliente(con_tls[1], token="x").leer(1)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificado / "fullchain.pem"))
    with pytest.raises(SinPermiso):
        Cliente(con_tls[1], token="x").leer(1)
    with pytest.raises(NoLlega, match=f"remite a https://{NOMBRE}. Use"):
        Cliente(con_tls[0], token="x").leer(1)
