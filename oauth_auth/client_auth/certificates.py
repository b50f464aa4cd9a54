"""The methods that prove the client in the TLS handshake (RFC 8705 section 2)."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, ClassVar, Final

from oauth_auth.client_auth.base import Method
from oauth_auth.lazy_errors import errors
from oauth_auth.message import Certificate
from oauth_auth.secret import FromFile

if TYPE_CHECKING:
    from oauth_auth.client_auth.base import Draft
    from oauth_auth.secret import SecretSource

__all__ = ["SelfSignedTLSClientAuth", "TLSClientAuth"]


class TLSClientAuth(Method):
    """``tls_client_auth``: a certificate of a CA that the server trusts.

    Requests go to the server's ``mtls_endpoint_aliases`` where its metadata have some
    (RFC 8705 section 5). The files are read for each exchange, so that a certificate
    which is replaced counts at once.

    Args:
        certificate: The path of the certificate (PEM). Left out, the certificate is
            that of ``http=``: an `ssl.SSLContext` that has loaded one, or a factory.
            What is there cannot be seen from here, so clients with the same id and
            store share a token then, whichever certificate they have.
        key: The path of its private key, unless that is in the same file.

    Example:
        >>> TLSClientAuth("/run/tls/reports.crt", "/run/tls/reports.key")
        TLSClientAuth('/run/tls/reports.crt', '/run/tls/reports.key')
    """

    __slots__ = ("certificate",)

    method: ClassVar[str] = "tls_client_auth"

    def __init__(
        self,
        certificate: str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
    ) -> None:
        if certificate is None and key is not None:
            raise errors.ConfigurationError(
                f"{type(self).__name__} has a key and no certificate"
            )
        self.certificate: Final = (
            None
            if certificate is None
            else Certificate(
                os.fspath(certificate), None if key is None else os.fspath(key)
            )
        )

    @property
    def credential(self) -> SecretSource | None:
        """The private key, by which this client is told from others."""
        if self.certificate is None:
            return None
        return FromFile(self.certificate.key_path or self.certificate.path)

    def apply(self, draft: Draft) -> None:
        """Name the client (RFC 8705 section 2), and say what to show in the handshake.

        Raises:
            ConfigurationError: The files cannot be used.
        """
        if self.certificate is not None:
            _check(self.certificate)
        draft.params["client_id"] = draft.client_id
        draft.certificate = self.certificate
        draft.url = draft.server.mtls_endpoint(draft.endpoint) or draft.url

    def __repr__(self) -> str:
        paths = [path for path in self.certificate or () if path is not None]
        return f"{type(self).__name__}({', '.join(map(repr, paths))})"


class SelfSignedTLSClientAuth(TLSClientAuth):
    """``self_signed_tls_client_auth``: a certificate that the server has on record.

    The arguments are those of `TLSClientAuth`.

    Example:
        >>> SelfSignedTLSClientAuth("/run/tls/reports.pem")
        SelfSignedTLSClientAuth('/run/tls/reports.pem')
    """

    __slots__ = ()

    method: ClassVar[str] = "self_signed_tls_client_auth"


def _check(certificate: Certificate) -> None:
    """Load the files once before they are needed: in an exchange it is too late."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        # With a password of ours nobody is asked for one on the terminal.
        context.load_cert_chain(*certificate, password="")
    except (OSError, ValueError) as error:
        failure = str(error)
    else:
        return
    named = " and ".join(path for path in certificate if path is not None)
    raise errors.ConfigurationError(
        f"the client certificate of {named} cannot be used: {failure}; it takes PEM "
        "files, a key that belongs to the certificate, and no passphrase"
    )
