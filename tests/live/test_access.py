from __future__ import annotations

import base64

import pytest

from recognizer.base.errors import SettingsError
from recognizer.live.access import Access, parse_address

TOKEN = "a-token-of-enough-length"


@pytest.mark.parametrize("text", ["9092", "127.0.0.1", ":9092", "host:99999", "host:x", ""])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="expected HOST:PORT"):
        parse_address(text)


def test_ipv6_addresses_are_read() -> None:
    assert parse_address("[::1]:9092") == ("::1", 9092)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "example.org"])
def test_others_get_in_only_by_name_or_by_token_where_one_can_be_shown(host: str) -> None:
    with pytest.raises(SettingsError, match="--peer"):
        Access().check_exposure(host, can_show_token=True)
    with pytest.raises(SettingsError, match="--peer"):
        Access(token=TOKEN).check_exposure(host, can_show_token=False)
    Access(token=TOKEN).check_exposure(host, can_show_token=True)
    Access(peers=("10.0.0.0/24",)).check_exposure(host, can_show_token=False)


def test_a_peer_must_be_an_address() -> None:
    with pytest.raises(SettingsError, match="pbx"):
        Access(peers=("pbx",))


def test_a_token_must_not_be_guessed() -> None:
    with pytest.raises(SettingsError, match="16 characters"):
        Access(token="1234")


@pytest.mark.parametrize(
    ("address", "peers", "token", "shows_token", "may"),
    [
        ("127.0.0.1", (), None, False, True),
        ("::1", (), None, True, True),
        ("10.0.0.7", (), None, True, False),
        ("10.0.0.7", ("10.0.0.0/24",), None, False, True),
        ("10.0.1.7", ("10.0.0.0/24",), TOKEN, True, False),
        ("10.0.1.7", (), TOKEN, True, True),
        ("10.0.1.7", (), TOKEN, False, False),
        ("fe80::1%eth0", ("fe80::/10",), None, False, True),
        (None, (), TOKEN, True, False),
        ("no address", (), TOKEN, True, False),
    ],
)
def test_who_may_connect(
    address: str | None, peers: tuple[str, ...], token: str | None, shows_token: bool, may: bool
) -> None:
    assert Access(peers=peers, token=token).may_connect(address, shows_token=shows_token) is may


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"asterisk:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("headers", "path", "is_known"),
    [
        ({"Authorization": f"Bearer {TOKEN}"}, "/", True),
        ({"Authorization": basic(TOKEN)}, "/", True),
        ({}, f"/?token={TOKEN}", True),
        ({}, "/", False),
        ({"Authorization": f"Bearer {TOKEN}x"}, "/", False),
        ({"Authorization": basic("")}, "/", False),
        ({"Authorization": "Basic ???"}, "/", False),
        ({"Authorization": TOKEN}, "/?token=", False),
        ({}, "/?token=\u0442\u043e\u043a\u0435\u043d", False),
    ],
)
def test_a_token_is_shown_in_three_ways(headers: dict[str, str], path: str, is_known: bool) -> None:
    assert Access(token=TOKEN).knows(headers, path) is is_known


def test_without_a_token_nobody_is_asked() -> None:
    assert Access().knows({}, "/")
