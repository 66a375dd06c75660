"""The lines that docs/client.md begins with work when they are pasted into a page."""

from __future__ import annotations

import re

import pytest

from tests.browsers.page import ROOT, Page

pytestmark = [pytest.mark.timeout(120)]

_PASTE = """
window.said = [];
const text = (one) => (typeof one === 'string' ? one : JSON.stringify(one));
console.log = (...what) => window.said.push(what.map(text).join(' '));
const script = document.createElement('script');
script.type = 'module';
script.textContent = args[0];
document.body.append(script);
"""


@pytest.mark.engines("chromium")
def test_first_lines_of_the_manual_work(page: Page) -> None:
    """They connect, subscribe, publish, and show what was published."""
    lines = re.findall(r"^```js\n(.*?)^```", (ROOT / "docs" / "client.md").read_text(), re.DOTALL | re.MULTILINE)[0]
    assert len(lines.strip().splitlines()) <= 10

    page.run(_PASTE, lines)

    page.wait("""said.includes('connected ') && said.includes('{"text":"hello"}')""")
