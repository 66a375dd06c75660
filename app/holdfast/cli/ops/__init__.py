"""The recovery scripts: what operators do to running instances, with safety rails."""
