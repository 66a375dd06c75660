#!/usr/bin/python
"""Try the front door as a client and as a backend, from the controller."""

from __future__ import annotations

import asyncio
import os
import uuid

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: front_door
author: Holdfast contributors
version_added: 0.1.0
short_description: Try a gateway from outside
description:
  - Walks the way to the gateway as C(holdfast probe) does, with a token made for it, up to an orderly close.
  - Then subscribes to a channel, publishes to it over the server API, and waits for that message.
  - Runs where the Python package C(holdfast) is installed, which is the controller. Changes nothing.
options:
  url:
    description: Where clients connect to.
    type: str
    required: true
  api_url:
    description: Where the backend publishes.
    type: str
    required: true
  channel:
    description: The channel to use; its subscribers get the message.
    type: str
    default: holdfast-front-door
  user:
    description: The user of the tokens.
    type: str
    default: holdfast-front-door
  token_hmac_secret:
    description: What tokens are signed with.
    type: str
    required: true
  token_settings:
    description: The part C(token) of the gateway's settings, for audience and issuer.
    type: dict
    default: {}
  api_key:
    description: Key of the server API.
    type: str
    required: true
  origin:
    description: The page a browser would come from.
    type: str
    default: ""
  ca:
    description: Authorities to trust besides the system's, a PEM file.
    type: path
    default: ""
  timeout:
    description: Seconds for each half.
    type: int
    default: 20
"""

EXAMPLES = r"""
- name: Try the front door
  holdfast.gateway.front_door:
    url: wss://gateway.example.net/connection/websocket
    api_url: http://10.0.0.4:9000
    token_hmac_secret: "{{ holdfast_secrets.token_hmac_secret }}"
    api_key: "{{ holdfast_secrets.api_key }}"
  delegate_to: localhost
"""

RETURN = r"""
stages:
  description: Each stage with its outcome.
  returned: always
  type: list
  elements: str
"""

STAGE_ERRORS = (OSError, ValueError, RuntimeError)


class FrontDoorError(Exception):
    """It does not work; the text says where and why."""


async def walk(given: dict, token: str) -> list[str]:
    """Walk up to the close, and return the stages.

    Raises:
        FrontDoorError: a stage failed.
    """
    from holdfast.diagnostics.probe.links import link_for
    from holdfast.diagnostics.probe.path_stages import tls_context
    from holdfast.diagnostics.probe.target import Wanted, target_of
    from holdfast.diagnostics.probe.walk import Walk, Wishes

    target = target_of(given["url"], Wanted("websocket", given["origin"], []), uuid.uuid4().hex)
    wishes = Wishes(token=token, seconds=float(given["timeout"]))
    report = await Walk(target, wishes, tls_context(given["ca"] or None), link_for).run()
    if report.verdict is not None:
        found = report.verdict
        raise FrontDoorError(f"{given['url']}: {found.slug} at {found.stage}: {found.cause} {found.fix}")
    return [f"{one.stage} {one.outcome}" for one in report.stages if one.outcome != "skipped"]


async def receive(given: dict, tokens: object) -> list[str]:
    """Subscribe, publish over the API, and wait for the message.

    Raises:
        FrontDoorError: it did not come.
    """
    from holdfast.cli.api_client import call
    from holdfast.cli.conversation import Noticed, Received
    from holdfast.cli.failure import CliError
    from holdfast.cli.follow import Follower
    from holdfast.cli.place import Place

    sent, notes, came = {"front_door": uuid.uuid4().hex}, [], []
    api = given["api_url"].rstrip("/")
    place = Place(public=api, internal=api, api_key=given["api_key"])
    loop = asyncio.get_running_loop()
    publishing = []

    def show(event: object) -> None:
        if isinstance(event, Received):
            came.append(event.data)
        elif isinstance(event, Noticed):
            notes.append(event.text)
            if event.text.endswith("subscribed"):
                publish = loop.run_in_executor(
                    None, lambda: call(place, "publish", channel=given["channel"], data=sent)
                )
                publishing.append(publish)
        else:
            notes.append(f"{event.slug} ({event.number})")

    follower = Follower(given["url"], [given["channel"]], tokens, show, lambda _: 1.0, count=1, reconnects=False)
    try:
        await asyncio.wait_for(follower.run(), given["timeout"])
        await asyncio.gather(*publishing)
    except TimeoutError:
        refused = [str(one.exception()) for one in publishing if one.done() and one.exception()]
        why = "; ".join([*refused, *notes[-2:]])
        raise FrontDoorError(f"no message came through {given['url']} in {given['timeout']} s: {why}") from None
    except CliError as error:
        raise FrontDoorError(f"publishing at {given['api_url']}: {error}") from None
    if sent not in came:
        raise FrontDoorError(f"the message did not come through {given['url']}: {'; '.join(notes[-3:])}")
    return ["subscribe ok", "publish ok", "message ok"]


def tried(given: dict) -> list[str]:
    """Return the stages of both halves.

    Raises:
        FrontDoorError: one failed.
    """
    from holdfast.auth.issuer import TokenIssuer
    from holdfast.cli.subscribe import MadeTokens
    from holdfast.settings import TokenSettings

    if given["ca"]:
        # For what takes the system's authorities alone; the folder of those stays trusted.
        os.environ["SSL_CERT_FILE"] = given["ca"]
    settings = TokenSettings.model_validate({**given["token_settings"], "hmac_secret": given["token_hmac_secret"]})
    tokens = MadeTokens(TokenIssuer(settings), given["user"])
    return [*asyncio.run(walk(given, tokens.connection())), *asyncio.run(receive(given, tokens))]


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "api_url": {"type": "str", "required": True},
            "channel": {"type": "str", "default": "holdfast-front-door"},
            "user": {"type": "str", "default": "holdfast-front-door"},
            "token_hmac_secret": {"type": "str", "required": True, "no_log": True},
            "token_settings": {"type": "dict", "default": {}, "no_log": False},
            "api_key": {"type": "str", "required": True, "no_log": True},
            "origin": {"type": "str", "default": ""},
            "ca": {"type": "path", "default": ""},
            "timeout": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    try:
        stages = tried(module.params)
    except ImportError as error:
        module.fail_json(
            msg=f"{error}: this runs where the package holdfast is installed, on the controller", stages=[]
        )
    except (FrontDoorError, *STAGE_ERRORS) as error:
        module.fail_json(msg=str(error), stages=[])
    else:
        module.exit_json(changed=False, stages=stages, msg=", ".join(stages))


if __name__ == "__main__":
    main()
