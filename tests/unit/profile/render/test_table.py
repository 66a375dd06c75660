"""Tests of holdfast.profile.render.table."""

import json

import pytest

from holdfast.profile import render
from holdfast.profile.render.table import names, pod_text, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(65536, "65536"), (1048576, "1,048,576"), (10.0, "10"), (0.25, "0.25"), ((1, 2), "1 2"), (None, "none"), ({}, "")],
)
def test_shown_is_what_a_person_reads(value, text):
    """Large numbers are grouped, whole ones have no fraction."""
    assert shown(value) == text


def test_docs_has_a_row_for_each_entry(production, facts):
    """No key is left out of the table, those that are off neither."""
    page = render("docs", production, facts)

    assert [entry.id for entry in production.entries if f"| `{entry.id}` | `{entry.key}` |" not in page] == []


def test_json_has_everything(production, facts):
    """Programs get intents, numbers and entries."""
    found = json.loads(render("json", production, facts))

    assert found["derived"]["descriptors"] == 84992
    assert len(found["entries"]) == len(production.entries)


def test_pod_text_says_what_stands_in(production):
    """Where a pod cannot set a key, the socket option is named."""
    assert "TCP_USER_TIMEOUT" in pod_text(production.entry("net.ipv4.tcp_retries2").pod)


def test_names_are_all_that_can_be_asked_for(production):
    """Keys, ids, intents, numbers and alerts."""
    assert {"fs.nr_open", "hf-fd-001", "headroom", "backlog", "HoldfastDrainSlow"} <= set(names(production))
