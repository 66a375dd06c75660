"""Presets stand under what is said, and each of them works."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from holdfast.errors import ConfigError
from holdfast.settings import Settings
from holdfast.settings_load import load_settings
from holdfast.settings_presets import PRESETS, WITH_PEERS, Preset, lay_under
from holdfast.settings_schema import leaves

DOCS = Path(__file__).parents[2] / "docs" / "presets.md"


def value_of(settings: Settings, key: str) -> Any:
    """Return what a setting is."""
    found: Any = settings
    for step in key.split("."):
        found = getattr(found, step)
    return found


def test_presets_are_those_that_can_be_chosen() -> None:
    """No name is only in one of the two places."""
    assert {"", *PRESETS} == set(get_args(Preset))


@pytest.mark.parametrize("name", PRESETS)
def test_preset_works_as_it_is(name: str) -> None:
    """Its values are loaded without a fault, together with everybody else's defaults."""
    settings = load_settings(environ={"HOLDFAST_PRESET": name})

    assert {key: value_of(settings, key) for key in PRESETS[name]} == PRESETS[name]
    assert settings.client.queue_max_size == Settings().client.queue_max_size


@pytest.mark.parametrize("name", PRESETS)
def test_preset_changes_what_it_names(name: str) -> None:
    """A row that repeats the default would be noise."""
    assert [key for key, value in PRESETS[name].items() if value_of(Settings(), key) == value] == []


def test_preset_loses_against_everything_that_is_said(tmp_path: Path) -> None:
    """File, variable and argument each win over it; what they leave out is the preset's."""
    config = tmp_path / "holdfast.yaml"
    config.write_text("preset: mobile\nclient: {ping_interval: 20s}\n")
    settings = load_settings(config, {"HOLDFAST_POLL__TIMEOUT": "30s"}, {"poll.idle_timeout": 90.0})

    assert (settings.client.ping_interval, settings.poll.timeout, settings.poll.idle_timeout) == (20, 30, 90)
    assert settings.client.pong_timeout == 15


def test_preset_that_does_not_fit_what_is_said_is_a_fault() -> None:
    """A pong that takes longer than the preset's pings are apart is named with both numbers."""
    with pytest.raises(ConfigError, match="saw 12 s and 10 s"):
        load_settings(environ={"HOLDFAST_PRESET": "lan", "HOLDFAST_CLIENT__PONG_TIMEOUT": "12s"})


def test_unknown_preset_is_a_fault() -> None:
    """It is named with those there are."""
    with pytest.raises(ConfigError, match="corporate_proxy"):
        load_settings(environ={"HOLDFAST_PRESET": "moon"})


@pytest.mark.parametrize("data", [{"preset": "lan", "client": 5}, {"preset": ["lan"]}, {"preset": None}, {}])
def test_lay_under_leaves_nonsense_to_the_type_check(data: dict[str, Any]) -> None:
    """What is no group is not overwritten, and what is no name chooses nothing."""
    before = dict(data)
    lay_under(data)

    assert before.items() <= data.items()


def test_presets_page_has_the_table() -> None:
    """The page says what the code does, for each setting that any preset changes."""
    defaults = {leaf.key: leaf.default for leaf in leaves()}
    page = DOCS.read_text()
    for key in dict.fromkeys(key for preset in PRESETS.values() for key in preset):
        cells = [defaults[key], *(preset.get(key) for preset in PRESETS.values())]
        row = " | ".join(f"{value:g} s" if isinstance(value, float) else "" for value in cells)
        assert f"| `{key}` | {row} |".replace("  ", " ") in page.replace("  ", " "), key


def test_stop_with_peers_has_defaults_of_its_own() -> None:
    """With Redis balancers are waited for and clients spread; what is said wins, and a preset may stand beside it."""
    settings = load_settings(environ={"HOLDFAST_BROKER__TYPE": "redis", "HOLDFAST_PRESET": "lan"})
    assert {key: value_of(settings, key) for key in WITH_PEERS} == WITH_PEERS
    assert settings.client.ping_interval == 10

    said = {"broker.type": "redis", "shutdown.propagation_wait": 0}
    assert load_settings(overrides=said).shutdown.propagation_wait == 0
    assert load_settings(overrides=said).shutdown.drain_window == 30
    assert load_settings().shutdown.drain_window == 2
