"""Holds hosts against the profile: collect facts where they are, judge them here, say what drifted, where and the fix.

`collect` runs on hosts, `judge` is arithmetic, `plugin` and `test_profile` are for pytest, `holdfast profile check` and
the Ansible role `verify` use the same two.
"""
