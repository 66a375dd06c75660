"""What `holdfast state` tells."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from holdfast.broker.state_export import Exported
from holdfast.broker.state_import import Imported
from holdfast.broker.state_records import Origin
from holdfast.broker.state_summary import Summary
from holdfast.cli.state_text import (
    exported_json,
    exported_text,
    imported_json,
    imported_text,
    summary_json,
    summary_text,
)

FILE = Path("state")


def test_export_is_told():
    """With numbers, and with what was left out."""
    done = Exported(FILE, 1.5, 100, 2, Counter(streams=3))

    assert exported_json(done) == {
        "file": "state",
        "bytes": 100,
        "seconds": 1.5,
        "foreign": 2,
        "counts": {"streams": 3},
    }
    assert "100 bytes in 1.5 s" in exported_text(done)
    assert "2 key(s)" in exported_text(done)
    assert exported_text(Exported(FILE)) == "state: 0 bytes in 0.0 s"


def test_file_is_told():
    """Whose it is, how old, what is in it; an embedded broker's differs."""
    found = Summary(FILE, 10, 2, True, 1000.0, "1", Origin("p", "single", "x"), Counter(streams=3))
    found.ended, found.nodes = 1, [{"name": "one", "phase": "serving", "uid": "?"}]
    text, data = summary_text(found, 1060.0), summary_json(found, 1060.0)

    assert "export x of Redis (single) under the prefix 'p'" in text
    assert "saved 1970-01-01T00:16:40Z (60 s ago) by version 1" in text
    assert "1 of them have ended" in text
    assert "instance one: phase serving" in text
    assert (data["kind"], data["age_seconds"], data["counts"]["streams"], data["prefix"]) == ("shared", 60.0, 3, "p")
    for is_clean, words in ((True, "broker, clean"), (False, "not of a clean stop")):
        other = Summary(FILE, 10, 1, is_clean)
        assert words in summary_text(other, 0.0)
        assert (summary_json(other, 0.0)["kind"], summary_json(other, 0.0)["prefix"]) == ("embedded", None)


def test_import_is_told():
    """By kind and outcome, with what each means, and whether it was done."""
    done = Imported(Counter({("streams", "new"): 2, ("streams", "newer"): 1, ("sessions", "failed"): 1}), ["why"], 2.0)

    assert imported_json(done, acts=True) == {
        "done": True,
        "seconds": 2.0,
        "counts": {"sessions": {"failed": 1}, "streams": {"new": 2, "newer": 1}},
        "failed": ["why"],
    }
    assert "Redis has something newer" in imported_text(done, acts=True)
    assert imported_text(done, acts=True).endswith("why\nDone in 2.0 s.")
    assert imported_text(Imported(), acts=False) == "There is nothing in it.\nNothing was changed. To do it: --yes"
