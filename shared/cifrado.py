"""Provider keys at rest: Fernet, with the first of ENCRYPTION_KEY's keys; all of them can read."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.settings import Settings


class Ilegible(Exception):
    """The text was encrypted with a key that is no longer in ENCRYPTION_KEY."""


class Cifrador:
    def __init__(self, settings: Settings) -> None:
        claves = settings.encryption_key.get_secret_value().split(",")
        self._fernet = MultiFernet([Fernet(clave.strip()) for clave in claves])

    def cifrar(self, texto: str) -> str:
        return self._fernet.encrypt(texto.encode()).decode()

    def descifrar(self, cifrado: str) -> str:
        """Raises Ilegible."""
        try:
            return self._fernet.decrypt(cifrado.encode()).decode()
        except InvalidToken as e:
            raise Ilegible from e
