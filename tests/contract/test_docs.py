"""Documentation is complete, current and leads somewhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from holdfast.codes import CODES
from holdfast.codes_stages import STAGES, exit_code
from tests.contract.source import ROOT, project_files

sys.path.insert(0, str(ROOT / "scripts"))
import generate_docs

LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s#]*)(?:#[^)]*)?\)")
ANCHOR = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s#]*)#(?P<anchor>[^)]+)\)")
MARKDOWN = [path for path in project_files() if path.suffix == ".md"]


@pytest.mark.parametrize("path", sorted(generate_docs.GENERATED), ids=lambda path: path.name)
def test_generated_file_is_current(path):
    """Settings, slugs and metrics are documented, and pages know the slugs: the file is what `make docs` writes."""
    assert path.is_file(), "run `make docs`"
    assert path.read_text(encoding="utf-8") == generate_docs.GENERATED[path](), f"{path.name} is stale: run `make docs`"


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files(path):
    """No page links to a file that is not there."""
    targets = [match["target"] for match in LINK.finditer(path.read_text(encoding="utf-8"))]
    local = [target for target in targets if target and "://" not in target and not target.startswith("mailto:")]

    assert [target for target in local if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_headings(path):
    """What stands behind # is a heading of the page, so that a link to a cause shows that cause."""
    links = [(match["target"], match["anchor"]) for match in ANCHOR.finditer(path.read_text(encoding="utf-8"))]
    local = [(path.parent / target if target else path, anchor) for target, anchor in links if "://" not in target]

    assert [f"{page.name}#{anchor}" for page, anchor in local if anchor not in _anchors(page)] == []


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_index_lists_every_page():
    """docs/README.md links to each page in docs/."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}

    assert sorted(page for page in pages if f"]({page})" not in index) == []


@pytest.mark.parametrize("name", ["nginx.conf", "haproxy.cfg"])
def test_proxy_page_shows_what_is_tested(name):
    """The configurations of docs/reverse-proxies.md are those that the tests run, to the letter."""
    page = (ROOT / "docs" / "reverse-proxies.md").read_text(encoding="utf-8")

    assert (ROOT / "tests" / "proxies" / name).read_text(encoding="utf-8") in page


@pytest.mark.parametrize("name", ["nginx.conf", "haproxy.cfg"])
def test_scaling_page_shows_what_is_tested(name):
    """The configurations of docs/scaling.md are those of examples/balancers, to the letter."""
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")

    assert (ROOT / "examples" / "balancers" / name).read_text(encoding="utf-8") in page


def test_probe_page_has_the_exit_codes_of_the_code():
    """The table of docs/probe.md has each stage with its code, in order, and only causes that there are."""
    page = (ROOT / "docs" / "probe.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE)

    assert [(int(code), stage) for code, stage, _ in rows] == [(exit_code(stage), stage) for stage in STAGES]
    named = {slug for _, _, causes in rows for slug in re.findall(r"`(\w+)`", causes)}
    assert named <= set(CODES)
