"""Tests of holdfast.profile.load."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.profile.faults import ProfileError
from holdfast.profile.load import build, load, overlay, shipped_profiles
from holdfast.profile.model import Intents
from holdfast.telemetry.metrics import render_metrics_docs

PRODUCTION = load("production").model_dump(mode="json")


def written(folder, text, name="own.yaml"):
    """Write a profile and return its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(path):
    """Return the faults of loading a file, by name."""
    with pytest.raises(ProfileError) as caught:
        load(path)
    found: dict[str, str] = {}
    for fault in caught.value.found:
        found[fault.name] = found.get(fault.name, "") + fault.text
    return found


def test_shipped_profiles_are_three():
    """Production, staging and local come with Holdfast."""
    assert sorted(shipped_profiles()) == ["local", "production", "staging"]


@pytest.mark.parametrize("name", ["local", "production", "staging"])
def test_shipped_profile_has_its_name(name):
    """A name finds the profile that is called so."""
    assert load(name).name == name


@pytest.mark.parametrize("name", ["local", "production", "staging"])
def test_shipped_profile_names_metrics_that_there_are(name):
    """What shows an effect can be looked up in the gateway's metrics."""
    known = render_metrics_docs()
    named = {one for entry in load(name).entries for one in entry.evidence if one.startswith("holdfast_")}

    assert [one for one in sorted(named) if f"`{one}`" not in known] == []


def test_extends_lays_intents_over_those_of_the_other(tmp_path):
    """What is not said stays as it was, inside groups too."""
    own = load(
        written(tmp_path, "extends: production\nname: own\nintents: {message_rate: 7, measured: {delivery_us: 9}}")
    )

    assert own.intents.message_rate == 7
    assert own.intents.measured.delivery_us == 9
    assert own.intents.measured.handshake_us == load("production").intents.measured.handshake_us


def test_null_takes_away_what_the_other_has(tmp_path):
    """An idle limit that is not on one's own way can be left out, and a ceiling lifted."""
    text = (
        "extends: local\nname: own\nintents: {descriptor_ceiling: null, idle_limits: {Heroku and other routers: null}}"
    )
    own = load(written(tmp_path, text))

    assert own.intents.descriptor_ceiling is None
    assert min(own.intents.idle_limits.values()) == 60


def test_extends_a_file_beside_it(tmp_path):
    """A relative path is one from the file that names it."""
    written(tmp_path, "extends: production\nname: base\nintents: {message_rate: 7}", "base.yaml")

    assert load(written(tmp_path, "extends: base.yaml\nname: own")).intents.message_rate == 7


def test_value_takes_the_place_of_a_formula(tmp_path):
    """An entry with a number of its own is no longer calculated."""
    own = load(written(tmp_path, "extends: production\nname: own\nentries: [{id: hf-accept-001, value: 9999}]"))

    entry = own.entry("hf-accept-001")
    assert (entry.mode, entry.value, entry.formula) == ("min", 9999, None)


def test_remove_leaves_an_entry_out(tmp_path):
    """What is not wanted is named by its id."""
    assert load(written(tmp_path, "extends: production\nname: own\nremove: [hf-fd-001]")).entry("hf-fd-001") is None


@pytest.mark.parametrize(
    ("text", "name", "part"),
    [
        ("extends: nowhere\nname: own", "profile_not_found", "'nowhere'"),
        ("extends: own.yaml\nname: own", "extends_itself", "own.yaml -> own.yaml"),
        ("extends: [a]\nname: own", "extends_no_name", "['a']"),
        ("a: b: c", "profile_unreadable", "expected YAML"),
        ("name: a\nname: b", "profile_unreadable", "twice"),
        ("a: &a [*a]", "profile_unreadable", "own.yaml"),
        ("- a", "profile_unreadable", "own.yaml"),
        ("", "profile_malformed", "intents"),
        ("extends: production\nname: own\nremove: [hf-no-001]", "remove_unknown", "hf-no-001"),
        ("extends: production\nname: own\nremove: [[a]]", "remove_unknown", "['a']"),
        ("extends: production\nname: own\nintents: fast", "profile_malformed", "'fast'"),
        ("extends: production\nname: own\nentries: [{id: a, value: 1}, {id: a}]", "entry_twice", "saw a again"),
        ("extends: production\nname: own\nentries: [{id: hf-redis-004, value: true}]", "profile_malformed", "quotes"),
        (
            "extends: production\nname: own\nentries: [{id: hf-fd-001, value: 1, formula: x}]",
            "profile_malformed",
            "both",
        ),
        ("extends: production\nname: own\nentries: [{value: 1}]", "entries_malformed", "`id`"),
        ("extends: production\nname: own\nintents: {headroom: 2}", "profile_malformed", "intents.headroom"),
        ("extends: production\nname: own\nintents: {colour: red}", "profile_malformed", "intents.colour"),
        (
            "extends: production\nname: own\nentries: [{id: hf-fd-001, mode: most}]",
            "profile_malformed",
            "hf-fd-001.mode",
        ),
        ("name: own", "profile_malformed", "intents"),
    ],
)
def test_load_names_what_is_wrong(tmp_path, text, name, part):
    """Each way a file can be wrong has a name, and a sentence with the file and the key."""
    found = faults_of(written(tmp_path, text))

    assert part in found[name]


def test_load_of_a_missing_file_lists_the_shipped_ones():
    """A misspelt name is answered with those that there are."""
    with pytest.raises(ProfileError, match="production"):
        load("prodution")


@pytest.mark.parametrize("name", ["a" * 300, "~nobody-of-this-name/a.yaml"])
def test_load_of_what_can_be_no_path_is_refused(name):
    """As a file that is not there."""
    with pytest.raises(ProfileError, match="profile_not_found"):
        load(name)


def test_load_of_a_binary_file_is_refused(tmp_path):
    """Bytes that are no text are a fault, not a crash."""
    path = tmp_path / "own.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    assert "profile_unreadable" in faults_of(path)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PLACES = st.fixed_dictionaries(
    {},
    optional={
        "name": PLAIN,
        "intents": PLAIN | st.dictionaries(st.sampled_from(sorted(Intents.model_fields)), PLAIN, max_size=3),
        "entries": PLAIN | st.lists(st.fixed_dictionaries({"id": st.just("hf-fd-001"), "value": PLAIN}), max_size=2),
        "remove": PLAIN,
        "more": PLAIN,
    },
)


@given(PLACES)
@settings(max_examples=60, deadline=None)
def test_build_of_anything_is_a_profile_or_a_fault(over):
    """Whatever a file says, it loads or is refused by name; nothing else comes out."""
    found = ()
    try:
        build(overlay(PRODUCTION, over, "own.yaml"), "own.yaml")
    except ProfileError as error:
        found = error.found

    assert all(fault.name and "own.yaml" in fault.text for fault in found)
