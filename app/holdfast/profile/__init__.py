"""The production profile: load it, derive every number from its intents, render them.

`load` is all that touches files; the rest is arithmetic on a `Profile` and the `HostFacts` of a host.
"""

from holdfast.profile.derive import derive
from holdfast.profile.derived import Derived
from holdfast.profile.entries import Expectation, expectations, raise_only
from holdfast.profile.facts import HostFacts
from holdfast.profile.faults import Fault, ProfileError
from holdfast.profile.load import load
from holdfast.profile.model import Profile
from holdfast.profile.render.targets import render
from holdfast.profile.variables import ansible_vars

__all__ = [
    "Derived",
    "Expectation",
    "Fault",
    "HostFacts",
    "Profile",
    "ProfileError",
    "ansible_vars",
    "derive",
    "expectations",
    "load",
    "raise_only",
    "render",
]
