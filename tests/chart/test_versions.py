"""Every values file of ci/ is taken by every Kubernetes that the chart is for, with both Helms."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chart.helm import CHART, CI, FOREIGN, VERSIONS, Render, faults, rendered, run
from tests.parts import require


@pytest.mark.parametrize("major", [3, 4])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(version, major):
    """Strictly: a field that this version does not know is a fault, too."""
    require(f"helm{major}")
    wanted = [Render((path,), kubernetes=version, helm=major) for path in CI]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(rendered, wanted))

    told = [
        f"{render.files[0].name}, {each['kind']} {each['metadata']['name']}: {fault}"
        for render, objects in zip(wanted, found, strict=True)
        for each in objects
        if each["kind"] not in FOREIGN
        for fault in faults(each, version)
    ]
    assert told == []


@pytest.mark.parametrize("path", CI, ids=lambda path: path.stem)
def test_both_helms_render_the_same(path):
    """Object by object, but for secrets that are made by chance."""
    require("helm3")
    of_3, of_4 = (
        [each for each in rendered(Render((path,), helm=major)) if each["kind"] != "Secret"] for major in (3, 4)
    )

    assert of_3 == of_4


@pytest.mark.parametrize("major", [3, 4])
def test_the_linter_finds_nothing(major):
    """Strictly, with values files of several kinds."""
    told = [run(major, "lint", "--strict", str(CHART), "--values", str(path)) for path in CI[:: len(CI) // 3]]

    assert [done.stdout for done in told if done.returncode] == []
