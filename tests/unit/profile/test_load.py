"""Tests of holdfast.profile.load."""

import pytest

from holdfast.profile.faults import ProfileError
from holdfast.profile.load import load, shipped_profiles


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


def test_extends_lays_intents_over_those_of_the_other(tmp_path):
    """What is not said stays as it was, inside groups too."""
    own = load(
        written(tmp_path, "extends: production\nname: own\nintents: {message_rate: 7, measured: {delivery_us: 9}}")
    )

    assert own.intents.message_rate == 7
    assert own.intents.measured.delivery_us == 9
    assert own.intents.measured.handshake_us == load("production").intents.measured.handshake_us


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
        ("a: b: c", "profile_not_yaml", "expected YAML"),
        ("- a", "profile_not_mapping", "intents"),
        ("extends: production\nname: own\nremove: [hf-no-001]", "remove_unknown", "hf-no-001"),
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


def test_load_of_a_binary_file_is_refused(tmp_path):
    """Bytes that are no text are a fault, not a crash."""
    path = tmp_path / "own.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    assert "profile_unreadable" in faults_of(path)
