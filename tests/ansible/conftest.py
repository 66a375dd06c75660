"""Make the collection's own Python importable, as Ansible does: nothing here needs Ansible."""

from __future__ import annotations

import sys
from pathlib import Path

COLLECTIONS = Path(__file__).resolve().parent.parent.parent / "ansible" / "collections"
sys.path.insert(0, str(COLLECTIONS))
