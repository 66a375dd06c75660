"""The check in a container: read-only, without a shell, systemd or root, beside a gateway that is process 1's child."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.profile import derive, load
from holdfast.profile.render.helm import pod_sysctls
from tests.gateway import SECRET
from tests.parts import ROOT, require

# Runs as root in namespaces of its own, makes the root file system, and becomes the container's process 1.
DRIVER = """\
import json, os, subprocess, sys, time
plan = json.loads(sys.argv[1])
root = plan["root"]
def mount(*words):
    subprocess.run(["mount", *words], check=True)
mount("--make-rprivate", "/")
mount("-t", "tmpfs", "tmpfs", root)
for place in plan["places"]:
    os.makedirs(root + place)
    mount("--bind", place, root + place)
    mount("-o", "remount,bind,ro", root + place)
for name in ("lib", "lib64"):
    os.symlink("usr/" + name, root + "/" + name)
for name in ("proc", "dev", "sys"):
    os.mkdir(root + "/" + name)
mount("-t", "proc", "proc", root + "/proc")
mount("--bind", "/dev", root + "/dev")
mount("-t", "sysfs", "-o", "ro", "sysfs", root + "/sys")
mount("-o", "remount,ro", root)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for key, value in plan["sysctls"].items():
    with open("/proc/sys/" + key.replace(".", "/"), "w") as handle:
        handle.write(value)
os.chroot(root)
os.chdir("/")
run = {"user": 65532, "group": 65532, "extra_groups": [], "stdin": subprocess.DEVNULL, "env": plan["environment"]}
gateway = subprocess.Popen([*plan["holdfast"], "serve"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **run)
deadline = time.monotonic() + 60
while subprocess.run([*plan["holdfast"], "health"], capture_output=True, **run).returncode:
    if gateway.poll() is not None or time.monotonic() > deadline:
        sys.exit(gateway.stderr.read().decode())
    time.sleep(0.2)
done = subprocess.run([*plan["holdfast"], *plan["command"]], capture_output=True, text=True, **run)
gateway.terminate()
print(json.dumps({"code": done.returncode, "out": done.stdout, "error": done.stderr, "pid": gateway.pid}))
"""


@pytest.fixture
def in_container(tmp_path: Path):
    """Return a function that runs a command of ours there, and what it answered."""
    require("netns")
    profile = load("local")
    facts = profile.intents.reference.facts("gateway")
    places = ["/usr", str(ROOT)]
    places += [one for one in (sys.base_prefix,) if not one.startswith("/usr")]

    def run(*command: str) -> dict:
        plan = {
            "root": str(tmp_path), "places": places, "command": command,
            "sysctls": pod_sysctls(profile, facts, "1.30"),
            "holdfast": [sys.executable, str(Path(sys.executable).with_name("holdfast"))],
            "environment": {
                "PATH": str(Path(sys.executable).parent), "KUBERNETES_SERVICE_HOST": "10.0.0.1",
                "HOLDFAST_HOST": "127.0.0.1", "HOLDFAST_TOKEN__HMAC_SECRET": SECRET,
                "HOLDFAST_HTTP__BACKLOG": str(derive(profile, facts).backlog),
            },
        }  # fmt: skip
        done = subprocess.run(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", sys.executable, "-c", DRIVER,
             json.dumps(plan)],
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


def test_pod_is_checked_from_inside(in_container) -> None:
    """As `kubectl exec -- holdfast profile check --json` does: everything is looked at, nothing is unknown."""
    answer = in_container("profile", "check", "--json", "--profile", "local", "--wait", "0.2")

    found = json.loads(answer["out"])
    status = {one["id"]: one["status"] for one in found["results"]}
    assert answer["code"] == 0, [one for one in found["results"] if one["status"] not in {"ok", "not_applicable"}]
    assert (found["host"]["container"], found["host"]["systemd"]) == ("pod", False)
    assert found["instances"] == [{"unit": "", "pid": answer["pid"]}]
    assert {one["status"] for one in found["results"] if one["kind"] == "unit"} == {"not_applicable"}
    assert {status[one] for one in ("hf-fd-004", "hf-accept-003", "hf-accept-008", "hf-dead-005")} == {"ok"}
