"""The reference page, and settings without their secrets."""

import json

import pytest

from holdfast.settings import ApiSettings, HmacKey, JwksSettings, Settings, TokenSettings
from holdfast.settings_docs import _proxy_of, render_settings_docs, settings_secrets, settings_show
from holdfast.settings_schema import leaves, variable_of


@pytest.mark.parametrize("leaf", list(leaves()), ids=lambda leaf: leaf.key)
def test_docs_name_every_setting(leaf) -> None:
    """Key, variable and help of every setting are on the page; of proxies, which are all alike, those of the first."""
    if (proxy := _proxy_of(leaf.key)) not in ("", "client.proxy.connect"):
        assert f"as `{proxy}.…` and `{variable_of(proxy.split('.'))}__…`" in render_settings_docs()
        return
    row = next(line for line in render_settings_docs().splitlines() if line.startswith(f"| `{leaf.key}`"))

    assert leaf.variable in row
    assert leaf.help.replace("|", "\\|") in row


def test_docs_are_well_formed_tables() -> None:
    """Every row has the four columns of its table."""
    rows = [line for line in render_settings_docs().splitlines() if line.startswith("| ")]

    assert {len(row.replace("\\|", "").split("|")) for row in rows} == {6}
    assert "| `name` |" in render_settings_docs()
    assert "required" in render_settings_docs()


def test_docs_have_one_section_for_each_group() -> None:
    """A heading comes once, also where groups are nested: whoever finds a group finds all of it."""
    headings = [line for line in render_settings_docs().splitlines() if line.startswith("## ")]

    assert len(headings) == len(set(headings))


def test_show_hides_secrets_and_says_whether_they_are_set() -> None:
    """A set secret reads as stars, an unset one as nothing, and credentials leave URLs."""
    settings = Settings(
        token=TokenSettings(
            hmac_secret="geheim",
            previous_keys=(HmacKey(secret="geheim"),),
            jwks=JwksSettings(url="https://me:geheim@host/keys"),
        ),
        api=ApiSettings(keys=("geheim",)),
    )
    shown = settings_show(settings)

    assert "geheim" not in json.dumps(shown)
    assert shown["token"]["hmac_secret"] == "********"
    assert shown["token"]["previous_keys"][0]["secret"] == "********"
    assert shown["token"]["jwks"]["url"] == "https://…@host/keys"
    assert shown["api"]["keys"] == ["********"]
    assert settings_show(Settings())["token"]["hmac_secret"] == ""


def test_show_hides_headers_and_credentials_of_proxies() -> None:
    """Names of static headers are shown, their values and a user in the endpoint are not."""
    proxy = {"endpoint": "http://me:geheim@host/x", "http": {"static_headers": {"X-Key": "geheim"}}}
    shown = settings_show(Settings.model_validate({"rpc": {"proxy": proxy}}))["rpc"]["proxy"]

    assert shown["endpoint"] == "http://…@host/x"
    assert shown["http"]["static_headers"] == {"X-Key": "********"}


def test_show_is_plain_data() -> None:
    """What is shown can be written as JSON."""
    shown = json.loads(json.dumps(settings_show(Settings())))

    assert shown["client"]["ping_interval"] == 25.0
    assert shown["internal_port"] is None


def test_secrets_are_all_found() -> None:
    """In groups, lists, maps and addresses, set ones alone."""
    settings = Settings.model_validate(
        {
            "token": {"hmac_secret": "a", "previous_keys": [{"secret": "b"}]},
            "api": {"keys": ["c"]},
            "proxies": [{"name": "one", "endpoint": "http://u:d@h/", "http": {"static_headers": {"X": "e"}}}],
        }
    )

    assert settings_secrets(settings) == {"a", "b", "c", "d", "e"}


def test_addresses_show_no_query_and_webhooks_no_path() -> None:
    """Either may be as good as a password."""
    webhook = {"url": "https://hook.test/services/geheim?x=geheim", "secret": f"whsec_{'A' * 32}"}
    jwks = {"url": "https://keys.test/jwks?key=geheim"}
    given = Settings.model_validate({"notifications": {"webhooks": [webhook]}, "token": {"jwks": jwks}})

    shown = settings_show(given)

    assert shown["notifications"]["webhooks"][0]["url"] == "https://hook.test/…"
    assert shown["token"]["jwks"]["url"] == "https://keys.test/jwks?…"
