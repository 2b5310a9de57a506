"""A certificate for 127.0.0.1 that answers for itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def autofirmado(carpeta: Path) -> None:
    """Write privkey.pem and fullchain.pem, good for a day."""
    clave = ec.generate_private_key(ec.SECP256R1())
    quien = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    ahora = datetime.now(UTC)
    obra = x509.CertificateBuilder(quien, quien, clave.public_key(), x509.random_serial_number())
    obra = obra.not_valid_before(ahora - timedelta(days=1)).not_valid_after(ahora + timedelta(days=1))
    obra = obra.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    firmado = obra.sign(clave, hashes.SHA256())
    (carpeta / "privkey.pem").write_bytes(
        clave.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (carpeta / "fullchain.pem").write_bytes(firmado.public_bytes(serialization.Encoding.PEM))
