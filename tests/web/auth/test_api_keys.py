"""Keys of the API in their file: which one a name or an id means."""

from pathlib import Path

import pytest

from recognizer.base.errors import RecognizerError
from recognizer.web.auth.api_keys import ApiKeys


@pytest.mark.parametrize("is_first", [True, False])
def test_a_key_named_as_the_id_of_another_is_not_revoked_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    keys = ApiKeys(tmp_path / "keys.json")
    made = []
    for name in ("cafe0001", "crm") if is_first else ("crm", "cafe0001"):
        identifier = "cafe0001" if name == "crm" else "beef0002"
        with monkeypatch.context() as patch:
            patch.setattr("secrets.token_hex", lambda _, fixed=identifier: fixed)
            made.append(keys.create(name))
    secrets = {key.name: secret for key, secret in made}
    assert keys.revoke("cafe0001").name == "crm"
    assert keys.find(secrets["crm"]) is None
    assert keys.find(secrets["cafe0001"]) is not None
    assert keys.revoke("cafe0001").name == "cafe0001"
    assert keys.find(secrets["cafe0001"]) is None
    with pytest.raises(RecognizerError, match="no API key in force"):
        keys.revoke("cafe0001")
