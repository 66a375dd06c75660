"""Look at network cards and the queue behind them; report what may need a decision."""

from __future__ import annotations

DOCUMENTATION = r"""
module: network_report_info
author: Holdfast contributors
version_added: 0.1.0
short_description: Report on receive queues and softnet counters
description:
  - Changes nothing. What to do depends on the card and on other tenants of the host, so that a person decides.
options: {}
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
"""

EXAMPLES = r"""
- name: Look at the network cards
  holdfast.gateway.network_report_info:
"""

RETURN = r"""
notes:
  description: Sentences, empty where nothing was found.
  type: list
  returned: always
queues:
  description: Receive queues by network card.
  type: dict
  returned: always
dropped:
  description: Packets dropped since boot because a core's backlog was full.
  type: int
  returned: always
squeezed:
  description: Times since boot that a core stopped before it had emptied its queue.
  type: int
  returned: always
"""

import glob
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils import kernel_counters


def receive_queues() -> dict[str, int]:
    """Return the receive queues of each real network card."""
    cards = [os.path.dirname(path) for path in glob.glob("/sys/class/net/*/device")]
    return {os.path.basename(card): len(glob.glob(f"{card}/queues/rx-*")) for card in sorted(cards)}


def main() -> None:
    """Look and answer."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    queues, cores = receive_queues(), os.cpu_count() or 1
    counted = kernel_counters.counters()
    dropped, squeezed = (counted.get(name, 0) for name in ("softnet_dropped", "softnet_squeezed"))
    notes = [
        f"{card}: {count} receive queue(s) for {cores} cores; if one core is busy with softirqs, spread them with"
        f" ethtool -L, or by writing a mask to /sys/class/net/{card}/queues/rx-0/rps_cpus"
        for card, count in queues.items()
        if count < min(cores, 8)
    ]
    if dropped:
        notes.append(
            f"{dropped} packets dropped since boot since a backlog was full: raise net.core.netdev_max_backlog"
        )
    if squeezed:
        notes.append(
            f"{squeezed} times since boot a core left packets for later: if it grows, raise net.core.netdev_budget"
        )
    module.exit_json(changed=False, notes=notes, queues=queues, dropped=dropped, squeezed=squeezed)


if __name__ == "__main__":
    main()
