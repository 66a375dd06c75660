"""Loads the plugin that tells which real parts a run had to do without."""

pytest_plugins = ("tests.parts",)
