"""Keys of clients: those of the RFCs' own examples, whose private parts are public."""

import datetime as dt
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from joserfc import jwk, jws
from joserfc.jws import JWSRegistry

#: RFC 7515 appendix A.2.
RSA = {
    "kty": "RSA",
    "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrc"
    "S2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7O"
    "Mg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4"
    "uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk"
    "2PAcDTW9gb54h4FRWyuXpoQ",
    "e": "AQAB",
    "d": "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeX"
    "Zx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0Q"
    "bVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XC"
    "LQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWj"
    "nczT0QU91p1DhOVRuOopznQ",
}
#: RFC 7515 appendix A.3.
EC = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}
#: RFC 8037 appendix A.1.
ED = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
# With its prime factors, which take long to find anew for each signature.
RSA = jwk.import_key(RSA)
RSA = jwk.RSAKey(RSA.private_key, RSA.private_key).as_dict(private=True)
ALGORITHMS = {"RS256": RSA, "PS256": RSA, "ES256": EC, "EdDSA": ED}


def pem(key):
    """Return a JWK as PEM."""
    return jwk.import_key(key).as_pem(private=True).decode()


def public(key, **more):
    """Return the public part of a JWK."""
    return jwk.import_key(key).as_dict(private=False, **more)


def new_key():
    """Return a new private key for ES256, as JWK."""
    return jwk.ECKey.generate_key("P-256").as_dict(private=True)


def read(jwt, key):
    """Return header and claims of a JWT that this key must have signed."""

    class _Any(JWSRegistry):
        def get_alg(self, name):
            return self.algorithms[name]

    found = jws.deserialize_compact(
        jwt.encode(), jwk.import_key(public(key)), registry=_Any()
    )
    return found.headers(), json.loads(found.payload)


def signed(claims, key=EC, **header):
    """Return a JWT."""
    header = {"alg": "ES256", **header}
    return jws.serialize_compact(header, json.dumps(claims), jwk.import_key(key))


class Authority:
    """A CA, and certificates by it, as files in a directory."""

    def __init__(self, directory):
        self.directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])
        self.path = str(directory / "ca.pem")
        self._write("ca", self._certificate("test CA", self._key, None))

    def issue(self, name, *, by_itself=False, server=False):
        """Write a certificate and its key; return the paths of both."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(
            name, key, self._name, own=by_itself, server=server
        )
        (self.directory / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self._write(name, certificate)
        return str(self.directory / f"{name}.pem"), str(self.directory / f"{name}.key")

    def _write(self, name, certificate):
        data = certificate.public_bytes(serialization.Encoding.PEM)
        (self.directory / f"{name}.pem").write_bytes(data)

    def _certificate(self, name, key, issuer, *, own=False, server=False):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if own or issuer is None else issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(
                x509.BasicConstraints(ca=issuer is None, path_length=None),
                critical=True,
            )
        )
        if server:
            import ipaddress

            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(
                x509.SubjectAlternativeName([address]), critical=False
            )
        elif issuer is not None:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
            )
        return builder.sign(key if own else self._key, hashes.SHA256())
