"""Running `climaguru` as ops do: settings in the environment, answers on a terminal."""

from __future__ import annotations

from click.testing import CliRunner, Result
from cryptography.fernet import Fernet
from sqlalchemy import Engine

from deploy.cli import main


def entorno_de(motor: Engine, **otras: str) -> dict[str, str]:
    return {
        "FLASK_ENV": "testing",
        "SECRET_KEY": "s" * 48,
        "JWT_SECRET_KEY": "j" * 48,
        "ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "DATABASE_URL": motor.url.render_as_string(hide_password=False),
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "BCRYPT_ROUNDS": "4",
        **otras,
    }


def climaguru(entorno: dict[str, str], *orden: str, teclas: str | None = None) -> Result:
    """teclas: what is typed."""
    return CliRunner().invoke(main, orden, input=teclas, env=entorno)


def queja(resultado: Result) -> str:
    """Assert that it failed with one line for a person to read, and no traceback; that line."""
    assert resultado.exit_code == 1, resultado.output
    assert isinstance(resultado.exception, SystemExit), resultado.exception
    (linea,) = resultado.stderr.strip().splitlines()[-1:]
    assert linea.startswith("Error: ")
    assert "Traceback" not in resultado.output
    return linea
