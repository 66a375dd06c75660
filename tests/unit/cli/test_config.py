"""Tests of holdfast.cli.config."""

import yaml

from holdfast.settings_docs import render_settings_docs

SECRET = "a-secret-of-more-than-thirty-two-bytes"


def test_config_check_says_fine(cli):
    """Settings without faults exit 0."""
    outcome = cli("config", "check")

    assert outcome.code == 0
    assert "fine" in outcome.err


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
