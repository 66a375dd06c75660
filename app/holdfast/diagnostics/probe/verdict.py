"""The one verdict of a probe: a slug of the table of causes, what was seen, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.codes import CODES
from holdfast.codes_stages import Stage, exit_code, stage_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a probe went no further; `detail` are the sentences of this case, behind what the cause means anyway."""

    slug: str
    stage: Stage
    detail: str
    fix: str

    @property
    def cause(self) -> str:
        """What happened, in sentences."""
        return f"{CODES[self.slug].meaning} {self.detail}".strip()

    @property
    def exit_code(self) -> int:
        """The exit code of its stage."""
        return exit_code(self.stage)


Judge = Callable[[Mapping[str, Any]], Verdict]
"""From the request's headers as the gateway saw them, {} where it did not tell, to the verdict."""


class FailedError(Exception):
    """A stage failed: with a verdict, or with one that depends on what the gateway saw."""

    def __init__(self, found: Verdict | Judge) -> None:
        super().__init__()
        self.judge: Judge = (lambda seen: found) if isinstance(found, Verdict) else found


def verdict(slug: str, detail: str = "", *, stage: Stage | None = None, fix: str = "") -> Verdict:
    """Return the verdict of a slug; `detail` are further sentences, `stage` is where it showed if not its usual one.

    Raises:
        KeyError: no such slug.
    """
    return Verdict(slug, stage or stage_of(slug), detail, fix or CODES[slug].remedy)
