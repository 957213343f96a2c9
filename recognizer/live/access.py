"""Who may send calls here: addresses, and a token where the protocol can carry one."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from recognizer.base.errors import SettingsError
from recognizer.base.network import is_loopback

__all__ = ["Access", "parse_address"]


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT` (`[::1]:9092` for IPv6).

    Raises
    ------
    SettingsError
        If it is not of this form.
    """
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise SettingsError(f"expected HOST:PORT such as 127.0.0.1:9092, found {text!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may send calls.

    Attributes
    ----------
    peers : tuple of str
        Addresses or networks besides this machine.
    token : str or None
        What a WebSocket client must show, wherever it is; None: nothing.
    """

    peers: tuple[str, ...] = ()
    token: str | None = None

    def __post_init__(self) -> None:
        for peer in self.peers:
            try:
                ipaddress.ip_network(peer)
            except ValueError as problem:
                raise SettingsError(
                    f"expected an address or a network such as 10.0.0.0/24, found {peer!r}: "
                    f"{problem}"
                ) from problem
        if self.token is not None and len(self.token) < 16:
            raise SettingsError(
                f"expected a token of at least 16 characters, found {len(self.token)}"
            )

    def check_exposure(self, host: str, *, can_show_token: bool) -> None:
        """Refuse an address that others reach when nothing says who may use it.

        Raises
        ------
        SettingsError
            With what to do.
        """
        if is_loopback(host) or self.peers or (can_show_token and self.token is not None):
            return
        also = "give a token (--token-file), " if can_show_token else ""
        raise SettingsError(
            f"{host} is reached by other machines: name those that may connect (--peer ADDRESS), "
            f"{also}or listen on 127.0.0.1"
        )

    def may_connect(self, address: str | None, *, shows_token: bool) -> bool:
        """Return whether a client of this address may; None is an unknown one.

        With peers named only they and this machine may; with a token alone, everybody who will
        show it.
        """
        if address is None:
            return False
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if ip.is_loopback or any(ip in ipaddress.ip_network(peer) for peer in self.peers):
            return True
        return shows_token and self.token is not None and not self.peers

    def knows(self, headers: Mapping[str, str], path: str) -> bool:
        """Return whether the token was shown: as a bearer, a password or `?token=`."""
        if self.token is None:
            return True
        shown = [*_shown_in(headers.get("Authorization", "")), *_query(path).get("token", [])]
        return any(hmac.compare_digest(one.encode(), self.token.encode()) for one in shown)


def _shown_in(authorization: str) -> Sequence[str]:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return [value.strip()]
    if scheme.lower() != "basic":
        return []
    try:
        _, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return []
    return [password]


def _query(path: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(path).query)
