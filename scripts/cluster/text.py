"""What `make run-cluster` prints: where everything is, and lines to paste into other terminals."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from cluster.files import FOLDER, INSTANCES, Plan
from holdfast.cli.demo_user import FRIEND, USER, demo_password
from holdfast.cli.first_run import CHANNEL, demo_token, own_path
from holdfast.settings import Settings


def lines_to_paste(plan: Plan, loaded: Settings) -> str:
    """Return where everything is and what to try; `loaded` are the settings of one instance."""
    url, command = f"http://{plan.at('balancer')}", shlex.quote(own_path())
    password = demo_password(loaded)
    login = f"  Log in as {USER} or {FRIEND} with the password {password}" if password else ""
    here = f"cd {shlex.quote(str(Path.cwd()))} &&"
    body = shlex.quote(json.dumps({"channel": CHANNEL, "data": {"text": "hello"}}))
    key = shlex.quote(f"X-API-Key: {plan.secrets['api']}")
    redis = f"REDISCLI_AUTH=$(cat {FOLDER}/redis-admin-password) redis-cli --user admin -p {plan.ports['redis-1']}"
    second, third = (FOLDER / name for name in INSTANCES[1:])
    return f"""
{_table(plan)}

Demo through HAProxy: {url}/demo{login}

Follow the channel "{CHANNEL}" through HAProxy, in another terminal:
  {command} subscribe {CHANNEL} --url {url} --token {demo_token(loaded)}

Publish into it at one instance, in a third one:
  curl -sS -H {key} --data {body} http://{plan.at(f"{INSTANCES[1]}-internal")}/api/publish

See which instances there are:
  {here} {command} info --config {FOLDER / INSTANCES[0]}.yaml

Empty an instance, and bring it back:
  {here} {command} drain start --wait --config {second}.yaml
  {here} {command} drain cancel --config {second}.yaml

Restart all, one after the other:
  {_restart_line(here)}

Kill an instance; it is started again:
  {here} kill -9 $(cat {third}.pid)

Ask Redis:
  {here} {redis} info keyspace

Ctrl-C ends all in order, clients first; twice, at once.
"""


def _restart_line(here: str) -> str:
    script = Path(__file__).resolve().parents[1] / "restart_rolling.py"
    # A single follower is all clients of its instance, which is above the usual limit.
    options = f"--instances {FOLDER}/instances.yaml --limit 100 --reason 'new version' --yes"
    return f"{here} {shlex.quote(sys.executable)} {shlex.quote(str(script))} {options}"


def _table(plan: Plan) -> str:
    rows: Mapping[str, str] = {
        "HAProxy": f"http://{plan.at('balancer')}   for clients",
        "": f"http://{plan.at('api')}   the server API, at any instance",
        " ": f"http://{plan.at('stats')}   its statistics",
        **{
            name: f"http://{plan.at(name)}   internal port {plan.ports[f'{name}-internal']}, log {FOLDER / name}.log"
            for name in INSTANCES
        },
        **{name: plan.at(name) for name in plan.names("redis") + plan.names("sentinel")},
    }
    return "\n".join(f"{name:<11} {what}" for name, what in rows.items())
