"""`holdfast smoke`: tries a gateway as its clients and its backend do, from the first probe to the close code."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from holdfast.cli.conversation import Event, Noticed, Received, Refused
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag, result, result_json
from holdfast.cli.place import ConfigOption, Place, UrlOption, place_of
from holdfast.cli.place import place as place_at

if TYPE_CHECKING:
    from holdfast.settings import Settings

CLOSE_CODE: Final = 3503
CLOSE_SLUG: Final = "force_disconnect"
_MAX_DESCRIPTORS: Final = re.compile(r"^process_max_fds ([0-9.e+]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried: `outcome` is ok, failed or skipped."""

    name: str
    outcome: str
    told: str


@dataclass(slots=True)
class Smoke:
    """Checks one after the other; the first that fails ends them, for the rest rests on it."""

    place: Place
    channel: str
    patience: float
    checks: list[Check] = field(default_factory=list)
    run: str = field(default_factory=lambda: os.urandom(6).hex())

    def probe(self, descriptors: int) -> None:
        """Ask whether the instance is ready, and whether it may open files enough.

        Raises:
            CliError: not so.
        """
        from holdfast.cli.api_client import get

        ready = get(f"{self.place.internal}/readyz")
        self._hold("ready", ready.status_code == 200, f"/readyz answers {ready.status_code}", ready.text)
        found = _MAX_DESCRIPTORS.search(get(f"{self.place.internal}/metrics").text)
        seen = int(float(found[1])) if found else 0
        told = f"{seen} open files allowed"
        self._hold(
            "descriptors", seen >= descriptors, told, f"expected {descriptors}; the container runtime limits them"
        )

    async def converse(self, settings: Settings) -> None:
        """Connect with a token, subscribe, publish over the API, receive, and be closed with the code that was ordered.

        Raises:
            CliError: one of these failed.
        """
        from holdfast.cli.follow import Follower
        from holdfast.cli.subscribe import made_tokens_of

        user, events = f"holdfast-smoke-{self.run}", asyncio.Queue[Event]()
        tokens = made_tokens_of(settings, user)
        follower = Follower(
            self.place.websocket, [self.channel], tokens, events.put_nowait, lambda _: 0.0, reconnects=False
        )
        task = asyncio.create_task(follower.run())
        try:
            await self._wait("connect", events, lambda one: isinstance(one, Noticed) and "connected as" in one.text)
            subscribed = Noticed(f"{self.channel}: subscribed")
            await self._wait("subscribe", events, lambda one: one == subscribed)
            await self._call("publish", channel=self.channel, data={"smoke": self.run})
            await self._wait(
                "receive", events, lambda one: isinstance(one, Received) and one.data == {"smoke": self.run}
            )
            await self._call("disconnect", user=user)
            end = await self._wait("close", events, lambda one: isinstance(one, Refused), f"{CLOSE_CODE} {CLOSE_SLUG}")
            assert isinstance(end, Refused)  # noqa: S101 - narrows what the line above waited for
            seen = f"{end.number} {end.slug}"
            self._hold("close", (end.number, end.slug) == (CLOSE_CODE, CLOSE_SLUG), seen, f"expected {CLOSE_CODE}")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def skip(self, name: str, reason: str) -> None:
        """Note what was not tried."""
        self.checks.append(Check(name, "skipped", reason))

    # Private methods

    def _hold(self, name: str, is_well: bool, told: str, otherwise: str) -> None:
        self.checks.append(Check(name, "ok" if is_well else "failed", told if is_well else f"{told}: {otherwise}"))
        if not is_well:
            raise CliError(f"{name} failed: {told}; {otherwise}", Exit.REFUSED)

    async def _call(self, method: str, **params: Any) -> None:
        from holdfast.cli.api_client import call

        try:
            await asyncio.to_thread(call, self.place, method, **params)
        except CliError as error:
            self._hold(method, False, "the API refused", str(error))
        self.checks.append(Check(method, "ok", f"{self.place.internal}/api/{method}"))

    async def _wait(
        self, name: str, events: asyncio.Queue[Event], wanted: Callable[[Event], bool], expected: str = ""
    ) -> Event:
        """Return the event that is waited for; whatever ends the connection before is the failure's reason."""
        try:
            async with asyncio.timeout(self.patience):
                while not wanted(event := await events.get()):
                    if isinstance(event, Refused):
                        self._hold(name, False, f"{event.slug} ({event.number})", "the connection ended")
                    elif isinstance(event, Noticed) and "cannot connect" in event.text:
                        self._hold(name, False, "unreachable", event.text)
        except TimeoutError:
            self._hold(name, False, f"nothing within {self.patience:g} s", expected or "is the channel allowed?")
        if not expected:
            self.checks.append(Check(name, "ok", event.text if isinstance(event, Noticed) else self.channel))
        return event


def smoke(
    url: UrlOption = "",
    internal_url: Annotated[str, typer.Option(help="Its internal port; else --url, or that of the settings.")] = "",
    channel: Annotated[str, typer.Option(help="Channel to publish to.")] = "holdfast-test",
    descriptors: Annotated[int, typer.Option(min=0, help="Open files that it has to be allowed.")] = 0,
    timeout: Annotated[float, typer.Option(min=1, max=120, help="Seconds for each step.")] = 10.0,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Try a gateway: ready, descriptors, connect, subscribe, publish, receive, close code.

    Token and key are those of the settings. One message is published. Exits 2 at the first check that fails.
    """
    from holdfast.cli.place import settings

    loaded = settings(config)
    here = place_of(loaded)
    public = place_at(config, url).public if url else here.public
    internal = place_at(config, internal_url).internal if internal_url else (public if url else here.internal)
    key = loaded.api.keys[0].get_secret_value() if loaded.api.keys else ""
    trial = Smoke(replace(here, public=public, internal=internal, api_key=key), channel, timeout)
    failure = _tried(trial, loaded, descriptors)
    if as_json:
        result_json({"checks": [{"name": one.name, "outcome": one.outcome, "told": one.told} for one in trial.checks]})
    else:
        result("\n".join(f"{one.name:<12}{one.outcome:<9}{one.told}" for one in trial.checks))
    if failure is not None:
        raise failure


def _tried(trial: Smoke, loaded: Settings, descriptors: int) -> CliError | None:
    try:
        trial.probe(descriptors)
        if not loaded.token.hmac_secret.get_secret_value():
            trial.skip("connect", "there is no token.hmac_secret to make a token with")
        elif not trial.place.api_key:
            trial.skip("connect", "there is no key in api.keys to publish with")
        else:
            asyncio.run(trial.converse(loaded))
    except CliError as error:
        return error
    return None
