"""`holdfast ops`: the recovery scripts as commands; scripts/ of the checkout has a file for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import typer

from holdfast.cli.ops.backup_state import backup_state
from holdfast.cli.ops.collect_diagnostics import collect_diagnostics
from holdfast.cli.ops.disconnect_by import disconnect_by
from holdfast.cli.ops.drain_instance import drain_instance
from holdfast.cli.ops.failover_redis import failover_redis
from holdfast.cli.ops.rebalance import rebalance
from holdfast.cli.ops.restart_rolling import restart_rolling
from holdfast.cli.ops.restore_state import restore_state
from holdfast.cli.ops.revoke_user import revoke_user
from holdfast.cli.ops.rotate_keys import rotate_keys

SCRIPTS: Final[Mapping[str, Callable[..., None]]] = MappingProxyType(
    {
        "drain_instance": drain_instance,
        "restart_rolling": restart_rolling,
        "rebalance": rebalance,
        "rotate_keys": rotate_keys,
        "revoke_user": revoke_user,
        "disconnect_by": disconnect_by,
        "backup_state": backup_state,
        "restore_state": restore_state,
        "failover_redis": failover_redis,
        "collect_diagnostics": collect_diagnostics,
    }
)

app = typer.Typer(
    help="Recovery scripts, with safety rails: each only says what it would do until it gets --yes.",
    no_args_is_help=True,
)
for _name, _script in SCRIPTS.items():
    app.command(_name.replace("_", "-"))(_script)
