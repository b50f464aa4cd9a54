"""Certificates with something wrong about them."""

import datetime as dt
import ipaddress
import ssl
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


class Certified(NamedTuple):
    """A self-signed certificate."""

    #: A server's SSLContext with it.
    server: ssl.SSLContext
    #: The certificate as PEM, for clients that are to trust it.
    pem: str


def certified(folder, *, name="127.0.0.1", ends_in=DAY):
    """Make a self-signed certificate.

    Args:
        folder: Where its file is written.
        name: The host name or address in it.
        ends_in: When it expires, from now.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    number = x509.random_serial_number()
    # OpenSSL looks for an issuer by its name, so no two may share one.
    common_name = x509.NameAttribute(NameOID.COMMON_NAME, str(number)[:60])
    subject = x509.Name([common_name])
    end = dt.datetime.now(dt.UTC) + ends_in
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(number)
        .not_valid_before(end - 3 * DAY)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([_host(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / f"{number}.pem"
    path.write_text(pem + private.decode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return Certified(context, pem)


def _host(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
