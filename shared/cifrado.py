"""Provider keys at rest: Fernet, with the first of ENCRYPTION_KEY's keys; all of them can read."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.settings import Settings


class Ilegible(Exception):
    """The text was encrypted with a key that is no longer in ENCRYPTION_KEY."""


class Cifrador:
    """con_anterior: ENCRYPTION_KEY holds older keys too, which only read."""

    def __init__(self, settings: Settings) -> None:
        claves = [clave.strip() for clave in settings.encryption_key.get_secret_value().split(",")]
        self._primera = Fernet(claves[0])
        self._fernet = MultiFernet([Fernet(clave) for clave in claves])
        self.con_anterior = len(set(claves)) > 1

    def cifrar(self, texto: str) -> str:
        return self._fernet.encrypt(texto.encode()).decode()

    def descifrar(self, cifrado: str) -> str:
        """Raises Ilegible."""
        try:
            return self._fernet.decrypt(cifrado.encode()).decode()
        except InvalidToken as e:
            raise Ilegible from e

    def recifrar(self, cifrado: str) -> str:
        """The same text under the first key; `cifrado` itself if that is what it is under. Raises Ilegible."""
        try:
            self._primera.decrypt(cifrado.encode())
        except InvalidToken:
            return self.cifrar(self.descifrar(cifrado))
        return cifrado
