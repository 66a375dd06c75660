"""Tests of holdfast.cli.diagnose."""


def test_diagnose_lists_what_there_is(cli):
    """The group names its commands."""
    outcome = cli("diagnose", "--help")

    assert outcome.code == 0
    assert all(name in outcome.out for name in ("token", "resources", "connections", "all", "bundle"))
