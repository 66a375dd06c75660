"""Proxies have Centrifugo's names and defaults."""

import pytest
from pydantic import ValidationError

from holdfast.settings import Settings


def test_defaults_are_centrifugos() -> None:
    """Off, a second, no headers, JSON."""
    settings = Settings()

    assert not settings.client.proxy.connect.enabled
    assert settings.client.proxy.connect.timeout == 1.0
    assert settings.channel.proxy.subscribe.http_headers == ()
    assert not settings.rpc.proxy.binary_encoding
    assert settings.rpc.namespace_boundary == ":"


def test_static_headers_are_secret() -> None:
    """They are where keys of backends stand."""
    settings = Settings.model_validate({"rpc": {"proxy": {"http": {"static_headers": {"X-Key": "geheim"}}}}})

    assert "geheim" not in repr(settings)
    assert settings.rpc.proxy.http.static_headers["X-Key"].get_secret_value() == "geheim"


@pytest.mark.parametrize("name", ["", "x", "a b", "ä-proxy"])
def test_name_that_centrifugo_refuses_is_refused(name: str) -> None:
    """Names have two or more of the characters that its pattern takes."""
    with pytest.raises(ValidationError):
        Settings.model_validate({"proxies": [{"name": name, "endpoint": "http://h"}]})
