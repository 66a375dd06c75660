"""`pytest --pyargs holdfast.verify` on this machine, as somebody's pipeline runs it on a host."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.parts import require


def test_this_machine_is_checked(gateway, tmp_path: Path) -> None:
    """A test for each control under the machine's own name; what is in force is what the kernel says."""
    require("ansible")
    report, state = tmp_path / "junit.xml", tmp_path / "counters.json"
    command = [
        sys.executable, "-m", "pytest", "-p", "holdfast.verify.plugin", "--pyargs", "holdfast.verify", "-q",
        "-p", "no:cacheprovider", "--hosts=local://", "--holdfast-profile=local",
        f"--holdfast-roles={platform.node()}=gateway", "--holdfast-wait=0.2", f"--holdfast-state={state}",
        f"--junitxml={report}",
    ]  # fmt: skip

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)

    # A machine that nobody tuned has drift, which is no error of the run.
    assert done.returncode in (0, 1), done.stdout + done.stderr
    results = {}
    for case in ElementTree.parse(report).iter("testcase"):
        row = {one.get("name"): one.get("value") for one in case.iter("property")}
        results[row["id"]] = row
        assert case.attrib["name"] == f"test_control[{platform.node()}-{row['id']}]"
    kernel = Path("/proc/sys/net/ipv4/tcp_fin_timeout").read_text().strip()
    assert results["hf-dead-005"]["actual"].split()[0] == kernel
    assert results["hf-fd-005"]["status"] == "ok"
    assert platform.node() in state.read_text()
