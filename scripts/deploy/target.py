"""What is deployed to: one environment, its inventories, and where its files are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hosts.model import SET_NAME

from .problems import DeployError, Exit

ROOT = Path(__file__).resolve().parent.parent.parent
ANSIBLE = ROOT / "ansible"
CACHE = ROOT / ".cache"
ENVIRONMENTS = ("local", "staging", "production")
USUAL_SET = "local"


@dataclass(frozen=True)
class Target:
    """One environment; `inventory` is one of the caller's own, `set_name` the test hosts of `local`."""

    environment: str = "local"
    inventory: Path | None = None
    set_name: str = USUAL_SET

    @property
    def makes_hosts(self) -> bool:
        """Tell whether its hosts are made on this machine."""
        return self.environment == "local" and self.inventory is None

    @property
    def name(self) -> str:
        """Return what it is called in files and on screen."""
        return self.set_name if self.makes_hosts else self.environment

    @property
    def folder(self) -> Path:
        """Return where logs and generated files are."""
        return CACHE / "deploy" / self.name

    @property
    def hosts_folder(self) -> Path:
        """Return where the program of the test hosts keeps this set."""
        return CACHE / "hosts" / self.set_name

    @property
    def inventories(self) -> list[Path]:
        """Return what Ansible is given with -i, the caller's own instead of the shipped one."""
        if self.inventory is not None:
            return [self.inventory]
        shipped = ANSIBLE / "inventories" / self.environment
        return [shipped, self.hosts_folder / "inventory.json"] if self.makes_hosts else [shipped]

    @property
    def audited(self) -> dict[str, Any]:
        """Return what a line of the audit log says of it."""
        return {"environment": self.name, "inventory": [str(path) for path in self.inventories]}

    @property
    def variables(self) -> Path | None:
        """Return the file of variables for hosts that are made here; others have theirs in the inventory."""
        return self.folder / "variables.json" if self.makes_hosts else None

    def command(self, target: str, *more: str) -> str:
        """Return the command line that a person would type."""
        words = ["make", target, f"ENV={self.environment}"]
        words += [f"INVENTORY={self.inventory}"] if self.inventory else []
        words += [f"SET={self.set_name}"] if self.makes_hosts and self.set_name != USUAL_SET else []
        return " ".join([*words, *more])


def target_of(environment: str, inventory: str = "", set_name: str = USUAL_SET) -> Target:
    """Return the target that was asked for.

    Raises:
        DeployError: there is none of that name, or no such inventory.
    """
    if environment not in ENVIRONMENTS:
        raise DeployError(
            f"ENV: expected one of {', '.join(ENVIRONMENTS)}, got {environment!r}",
            Exit.USAGE,
            following="make deploy ENV=local",
        )
    # Its files are kept beside those of the environments.
    if not SET_NAME.fullmatch(set_name) or set_name in ENVIRONMENTS[1:]:
        raise DeployError(
            f"SET: expected small letters, digits and dashes, and no environment's name, got {set_name!r}",
            Exit.USAGE,
            following="make deploy ENV=local SET=mine",
        )
    try:
        path = Path(inventory).expanduser().absolute() if inventory else None
    except RuntimeError:
        raise DeployError(
            f"INVENTORY: there is no user {inventory.partition('/')[0]}", Exit.USAGE,
            following="name a file or folder of Ansible's",
        ) from None  # fmt: skip
    if path is not None and not path.exists():
        raise DeployError(f"INVENTORY: {path} is not there", Exit.USAGE, following="name a file or folder of Ansible's")
    return Target(environment, path, set_name)
