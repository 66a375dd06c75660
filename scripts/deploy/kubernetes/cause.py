"""One cause of a rollout that does not get on, and its place among the others. Pure."""

from __future__ import annotations

from dataclasses import dataclass

# Those that say most come first; a probe that fails, or no progress, is what the others lead to.
ORDER = (
    "sysctl_forbidden", "pod_security", "quota", "limit_range", "service_account", "pods_refused", "missing_secret",
    "missing_config_map", "wrong_image", "image_user", "bad_start", "out_of_memory", "redis_absent", "bad_settings",
    "process_ended", "node_refused", "unschedulable", "mount", "not_ready", "probe_failed", "no_progress",
)  # fmt: skip
LONGEST = 500


@dataclass(frozen=True)
class Cause:
    """Why: `said` is a sentence, `evidence` what shows it, `following` what to do.

    That may begin with a command of kubectl's, without its options and apart by ` # `; never on a pod, for a rollout
    that failed has taken it away.
    """

    slug: str
    said: str
    where: str
    evidence: tuple[str, ...]
    following: str
    lasts: bool = True

    @property
    def rank(self) -> int:
        """Return its place: the lower, the nearer to the root."""
        return ORDER.index(self.slug)


def short(text: str, longest: int = LONGEST) -> str:
    """Return a text as one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
