"""Which host `holdfast profile` calculates for: the profile's reference host, another one by options, this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.failure import CliError, Exit

if TYPE_CHECKING:
    from holdfast.profile import HostFacts, Profile

MemoryOption = Annotated[
    str, typer.Option("--memory", help="Memory of the host, such as 32GiB; else the profile's reference host.")
]
CoresOption = Annotated[int, typer.Option("--cores", min=0, help="Processors of the host.", show_default=False)]
KernelOption = Annotated[str, typer.Option("--kernel", help="Kernel of the host, such as 6.1.")]
RoleOption = Annotated[
    list[str] | None,
    typer.Option("--role", help="gateway, load_balancer or redis; may be given repeatedly.", show_default="gateway"),
]
HereOption = Annotated[bool, typer.Option("--here", help="Calculate for this machine.")]


def host_of(profile: Profile, memory: str, cores: int, kernel: str, roles: list[str] | None, here: bool) -> HostFacts:
    """Return the host that the options describe.

    Raises:
        CliError: they describe none.
    """
    from holdfast.profile.facts import HostFacts, version_of
    from holdfast.profile.model import parse_size

    given = this_machine() if here else profile.intents.reference.facts()
    try:
        size = parse_size(memory) if memory else given.memory_bytes
        version_of(kernel or given.kernel)
        return HostFacts(
            int(str(size)),
            cores or given.cores,
            kernel or given.kernel,
            frozenset(roles or ["gateway"]),
            given.page_bytes,
        )
    except ValueError as error:
        raise CliError(str(error), Exit.USAGE) from None


def this_machine() -> HostFacts:
    """Return the machine that this process runs on."""
    import os
    import platform

    import psutil

    from holdfast.profile.facts import HostFacts

    return HostFacts(
        psutil.virtual_memory().total,
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        platform.release() if platform.system() == "Linux" else "6.1",
        page_bytes=os.sysconf("SC_PAGE_SIZE"),
    )
