from __future__ import annotations

from datetime import date

import pytest

from holdfast.verify.waivers import Waiver, WaiverError, load_waivers, waiver_for

KNOWN = ["hf-dead-004", "hf-fd-001"]


def written(folder, text):
    """Return the path of a file with this text."""
    path = folder / "waivers.yaml"
    path.write_text(text)
    return str(path)


def test_waivers_are_read_with_their_day(tmp_path):
    """A whole waiver is taken, hosts default to all of them."""
    path = written(
        tmp_path, "waivers:\n- {control: hf-dead-004, reason: a switch loses packets, expires: 2027-01-31}\n"
    )

    assert load_waivers(path, KNOWN) == [
        Waiver(control="hf-dead-004", hosts="*", reason="a switch loses packets", expires=date(2027, 1, 31))
    ]


def test_empty_file_is_no_waivers(tmp_path):
    """A file that holds nothing yet is fine."""
    assert load_waivers(written(tmp_path, ""), KNOWN) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("waivers: [{control: hf-dead-004, expires: 2027-01-31}]", "waivers.1.reason"),
        ("waivers: [{control: hf-dead-004, reason: no, expires: 2027-01-31}]", "waivers.1.reason"),
        ("waivers: [{control: hf-dead-004, reason: long enough for one}]", "waivers.1.expires"),
        ("waivers: [{control: hf-dead-004, reason: long enough for one, expires: soon}]", "waivers.1.expires"),
        ("waivers: [{control: hf-dead-04, reason: long enough for one, expires: 2027-01-31}]", "mean hf-dead-004"),
        ("waivers: [{control: x, reason: long enough for one, expires: 2027-01-31}]", "profile show"),
        (
            "waivers: [{control: hf-fd-001, reason: long enough for one, expires: 2027-01-31, host: a}]",
            "waivers.1.host",
        ),
        ("waivers: {", "expected YAML"),
        ("[1, 2]", "waivers"),
    ],
)
def test_bad_waiver_is_refused_by_name(tmp_path, text, said):
    """Without a reason, a day or a control that there is, nothing is waived."""
    with pytest.raises(WaiverError) as caught:
        load_waivers(written(tmp_path, text), KNOWN)

    assert said in str(caught.value)


def test_file_that_is_not_there_is_named(tmp_path):
    """The path is in the fault."""
    with pytest.raises(WaiverError, match=r"gone\.yaml: No such file"):
        load_waivers(str(tmp_path / "gone.yaml"), KNOWN)


def test_longest_of_several_waivers_counts():
    """A renewed waiver stands beside the one that ended."""
    old, new = (
        Waiver(control="hf-dead-004", hosts="gw*", reason="a switch loses packets", expires=date(year, 1, 1))
        for year in (2026, 2027)
    )

    assert waiver_for("hf-dead-004", "gw1", [new, old]) is new
    assert waiver_for("hf-dead-004", "lb1", [new, old]) is None
    assert waiver_for("hf-fd-001", "gw1", [new, old]) is None
