"""The locked packages against OSV's list of known vulnerabilities: `python -m tests.auditoria`, part of `make lint`.

Fails for a vulnerability that was found; where the list cannot be reached it says so in one line and goes on.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import requests

LOCK = Path(__file__).parent.parent / "requirements-test.lock"
OSV = "https://api.osv.dev/v1"
CONOCIDA = "GHSA-m2qf-hxjv-5gpq"  # Flask before 2.2.5
ESPERA_S = 4
PLAZO_S = 180


def auditar(lock: Path = LOCK, osv: str = OSV) -> int:
    """The exit code."""
    if not alcanzable(osv):
        click.echo(f"pip-audit: not run, the list of vulnerabilities at {osv} cannot be reached")
        return 0
    orden = [sys.executable, "-m", "pip_audit", "-r", str(lock), "--disable-pip", "--no-deps"]
    orden += ["-s", "osv", "--osv-url", f"{osv}/query", "--progress-spinner", "off", "--timeout", str(ESPERA_S)]
    try:
        fin = subprocess.run(orden, capture_output=True, text=True, timeout=PLAZO_S, check=False)
    except subprocess.TimeoutExpired:
        click.echo(f"pip-audit: not finished within {PLAZO_S} s")
        return 0
    click.echo((fin.stderr + fin.stdout).strip())
    if fin.returncode and not alcanzable(osv):
        click.echo("pip-audit: the network went away meanwhile")
        return 0
    return fin.returncode


def alcanzable(osv: str) -> bool:
    try:
        return bool(requests.get(f"{osv}/vulns/{CONOCIDA}", timeout=ESPERA_S).json()["id"] == CONOCIDA)
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return False


if __name__ == "__main__":
    sys.exit(auditar())
