"""Loads the plugins that tell which real parts a run had to do without, and where its time went."""

pytest_plugins = ("tests.parts", "tests.times")
