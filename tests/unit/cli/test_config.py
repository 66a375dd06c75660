"""Tests of holdfast.cli.config."""

import pytest
import yaml

from holdfast.settings_docs import render_settings_docs
from tests.certificates import DAY, Contents, write_certificate

SECRET = "a-secret-of-more-than-thirty-two-bytes"


def test_config_check_says_fine(cli):
    """Settings without faults exit 0."""
    outcome = cli("config", "check")

    assert outcome.code == 0
    assert "fine" in outcome.err
    assert "no file, 0 HOLDFAST_ variable(s)" in outcome.err


def test_config_check_says_what_it_read(cli, tmp_path, monkeypatch):
    """The file and the number of variables are named, so that the wrong file is seen."""
    (tmp_path / "holdfast.yaml").write_text("port: 9000\n")
    monkeypatch.setenv("HOLDFAST_HOST", "127.0.0.2")

    assert "holdfast.yaml, 1 HOLDFAST_ variable(s)" in cli("config", "check").err


def test_config_check_warns_as_a_start_would(cli, monkeypatch):
    """A secret that can be guessed is found before the start, and exits 1."""
    monkeypatch.setenv("HOLDFAST_TOKEN__HMAC_SECRET", "short")
    monkeypatch.setenv("HOLDFAST_TOKEN__SUBSCRIPTION", '{"hmac_secret": "short too"}')

    outcome = cli("config", "check")

    assert outcome.code == 1
    assert "token.hmac_secret: 5 bytes" in outcome.err
    assert "token.subscription.hmac_secret: 9 bytes" in outcome.err


@pytest.mark.parametrize(("file", "code"), [("gateway.log", 0), ("gone/gateway.log", 1), (".", 1)])
def test_config_check_looks_at_the_log_file(cli, tmp_path, monkeypatch, file, code):
    """A start would only warn, and on standard error, where nobody looks who has a log file."""
    monkeypatch.setenv("HOLDFAST_LOG__FILE", str(tmp_path / file))
    outcome = cli("config", "check")

    assert outcome.code == code
    assert ("log.file" in outcome.err) is bool(code)


def test_config_check_warns_of_a_stop_that_clients_would_notice(cli, monkeypatch):
    """An instance with peers that waits for no balancer starts all the same."""
    monkeypatch.setenv("HOLDFAST_BROKER__TYPE", "redis")
    monkeypatch.setenv("HOLDFAST_SHUTDOWN__PROPAGATION_WAIT", "0")
    outcome = cli("config", "check")

    assert outcome.code == 1
    assert "shutdown.propagation_wait with broker.type" in outcome.err


def test_config_check_looks_into_keys_and_certificates(cli, tmp_path):
    """Files that would stop the start are faults here too, all of them together."""
    (tmp_path / "holdfast.yaml").write_text(
        "token: {public_keys: [{pem: none}], subscription: {public_keys: [{file: nothere.pem}]}}\n"
        "tls: {cert_file: nocert.pem, key_file: nokey.pem}\n"
    )

    outcome = cli("config", "check")

    assert outcome.code == 3
    for name in ("token.public_keys[0]", "nothere.pem", "nocert.pem"):
        assert name in outcome.err


def test_config_check_looks_into_the_certificates_of_proxies(cli, tmp_path):
    """As a start would."""
    tls = {"enabled": True, "server_ca_pem": str(tmp_path / "none.pem")}
    proxy = {"endpoint": "https://backend.example", "http": {"tls": tls}}
    settings = {"rpc": {"proxy": proxy, "without_namespace": {"proxy_enabled": True}}}
    (tmp_path / "holdfast.yaml").write_text(yaml.safe_dump(settings))

    outcome = cli("config", "check")

    assert outcome.code == 3
    assert "rpc.proxy.http.tls: expected usable PEM files" in outcome.err


def test_config_check_takes_good_certificates(cli, tmp_path):
    """A pair that belongs together is fine."""
    cert, key = write_certificate(tmp_path, "gw.test")
    (tmp_path / "holdfast.yaml").write_text(f"tls: {{cert_file: {cert}, key_file: {key}}}\n")

    assert cli("config", "check").code == 0


@pytest.mark.parametrize(
    ("contents", "words"),
    [(Contents(starts=-2 * DAY, ends=-DAY), "has expired"), (Contents(starts=DAY, ends=2 * DAY), "is not valid yet")],
)
def test_config_check_warns_of_a_certificate_that_clients_refuse(cli, tmp_path, contents, words):
    """The gateway would start with it, and nobody could connect."""
    cert, key = write_certificate(tmp_path, contents)
    (tmp_path / "holdfast.yaml").write_text(f"tls: {{cert_file: {cert}, key_file: {key}}}\n")

    outcome = cli("config", "check")

    assert outcome.code == 1
    assert f"tls.cert_file: The certificate {words}" in outcome.err


def test_config_check_lists_every_fault_of_a_file(cli, tmp_path):
    """A typo and a wrong type are reported together."""
    (tmp_path / "holdfast.yaml").write_text("prot: 1\nhost: [1]\n")

    outcome = cli("config", "check")

    assert outcome.code == 3
    assert "prot" in outcome.err
    assert "host" in outcome.err


def test_config_show_masks_secrets(cli, tmp_path):
    """Neither text nor JSON has a secret, both have the rest."""
    path = tmp_path / "mine.yaml"
    path.write_text(f"port: 9000\ntoken: {{hmac_secret: {SECRET}}}\napi: {{keys: [{SECRET}-2]}}\n")

    text, data = cli("config", "show", "--config", str(path)), cli("config", "show", "--json", "--config", str(path))

    assert SECRET not in text.out + text.err + data.out + data.err
    assert yaml.safe_load(text.out)["port"] == data.json()["port"] == 9000


def test_config_docs_is_the_page(cli):
    """`config docs` prints docs/configuration.md."""
    assert cli("config", "docs").out == render_settings_docs()
