"""What has to be known of a host before numbers can be derived for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Role = Literal["gateway", "load_balancer", "redis"]
ROLES: Final[tuple[Role, ...]] = ("gateway", "load_balancer", "redis")


@dataclass(frozen=True, slots=True)
class HostFacts:
    """A host, as far as the profile's numbers depend on it.

    Args:
        memory_bytes: of the machine.
        cores: processors that its operating system uses.
        kernel: its release, of which major and minor number count.
        roles: what runs on it.
        page_bytes: the unit of tcp_mem; 4096 on x86, up to 65536 elsewhere.
    """

    memory_bytes: int
    cores: int
    kernel: str = "6.1"
    roles: frozenset[str] = frozenset({"gateway"})
    page_bytes: int = 4096

    def __post_init__(self) -> None:
        """Refuse what is no host.

        Raises:
            ValueError: a number that is not positive, or a role that there is not.
        """
        if self.memory_bytes <= 0 or self.cores <= 0 or self.page_bytes <= 0:
            raise ValueError(
                f"expected a host with memory, cores and a page size above 0, saw {self.memory_bytes} bytes, "
                f"{self.cores} cores and pages of {self.page_bytes}"
            )
        if strange := self.roles - set(ROLES):
            raise ValueError(f"expected roles of {', '.join(ROLES)}, saw {', '.join(sorted(strange))}")


def version_of(text: str) -> tuple[int, int]:
    """Return major and minor number of a kernel or a Kubernetes: (6, 1) for `6.1.0-18-amd64`.

    Raises:
        ValueError: the text does not begin with two numbers.
    """
    found = re.match(r"v?(\d+)\.(\d+)", text)
    if found is None:
        raise ValueError(f"expected a version such as 6.1, saw {text!r}")
    return int(found[1]), int(found[2])
