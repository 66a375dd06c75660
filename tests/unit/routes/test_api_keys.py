import pytest

from holdfast.errors import DoorError
from holdfast.routes.api_keys import ApiKeys


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-api-key", b"first")],
        [(b"x-api-key", b"second")],
        [(b"x-api-key", b" first ")],
        [(b"authorization", b"apikey first")],
        [(b"authorization", b"ApiKey  second")],
        [(b"x-api-key", b""), (b"authorization", b"apikey first")],
        [(b"authorization", b"apikey wrong"), (b"x-api-key", b"first")],
    ],
)
def test_check_right_key(headers):
    """Any configured key opens, in either header; X-API-Key goes first."""
    ApiKeys(["first", "second"]).check(headers)


@pytest.mark.parametrize(
    ("headers", "slug"),
    [
        ([], "api_key_missing"),
        ([(b"x-api-key", b"")], "api_key_missing"),
        ([(b"authorization", b"Bearer first")], "api_key_missing"),
        ([(b"authorization", b"first")], "api_key_missing"),
        ([(b"x-api-key", b"firs")], "api_key_invalid"),
        ([(b"x-api-key", b"firstt")], "api_key_invalid"),
        ([(b"x-api-key", b"\xff\xfe")], "api_key_invalid"),
        ([(b"x-api-key", b"wrong"), (b"authorization", b"apikey first")], "api_key_invalid"),
    ],
)
def test_check_no_right_key(headers, slug):
    """No key and a wrong key are two causes."""
    with pytest.raises(DoorError) as caught:
        ApiKeys(["first"]).check(headers)

    assert caught.value.slug == slug
    assert "first" not in str(caught.value)


@pytest.mark.parametrize("keys", [[], [""]])
def test_check_nothing_configured(keys):
    """Without configured keys nothing opens, an empty key least of all."""
    with pytest.raises(DoorError) as caught:
        ApiKeys(keys).check([(b"x-api-key", b"x")])
    assert caught.value.slug == "api_key_invalid"

    with pytest.raises(DoorError):
        ApiKeys(keys).check([(b"x-api-key", b"")])
