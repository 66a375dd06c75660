from benchmarks import page
from benchmarks.bars import judge
from benchmarks.page import main, samples_of, with_figures
from benchmarks.report import document
from benchmarks.samples import Sample

SAMPLES = [
    Sample("transports", "holdfast", 10_000, 0, {"paced_us": 7.0, "memory_kib": 2.5}),
    Sample("transports", "holdfast-stream", 10_000, 0, {"paced_us": 21.0}),
    Sample("transports", "holdfast-stream", 1, 0, {"sent_bytes": 2048.0}),
]
MACHINE = {"commit": "abc", "cores": "2", "cpu": "x", "python": "3.11"}
RUN = document(MACHINE, SAMPLES, judge(SAMPLES))
PAGE = (
    "# Performance\n\n<!-- figures: transports -->\nstale\n<!-- end of figures -->\n\nText.\n\n"
    "<!-- figures: before -->\nkept\n<!-- end of figures -->\n"
)


def test_page_gets_the_figures_of_each_suite():
    """Tables and bars stand between the marks, and what the run lacks stays as it was."""
    filled = with_figures(PAGE, RUN, "reference.json")

    assert "stale" not in filled
    assert "kept" in filled
    assert "Text." in filled
    assert "| 10,000 connections | holdfast | holdfast-stream |" in filled
    assert "| 7.00 us | 21.0 us |" in filled
    assert "| 2.50 KiB |  |" in filled
    assert "| 1 connection | holdfast-stream |" in filled
    assert "| 2,048 bytes |" in filled
    assert "| paced_us holdfast-stream / holdfast | 3.00 | 2 | **does not hold** |" in filled


def test_page_is_written_twice_alike():
    """The marks stay, so a later run replaces the figures."""
    filled = with_figures(PAGE, RUN, "reference.json")

    assert with_figures(filled, RUN, "reference.json") == filled


def test_samples_of_a_kept_run():
    """A kept run gives back what was measured."""
    assert samples_of(RUN) == SAMPLES


def test_page_has_marks():
    """The real page has a place for each suite whose figures are quoted."""
    marked = {found[2] for found in page._MARKED.finditer(page.PAGE.read_text())}

    assert marked == {"servers", "before", "instructions", "transports", "documents"}


def test_main_without_a_run(capsys):
    """A file that is not there is told with the usage."""
    assert main(["nowhere.json"]) == 3
    assert "python -m benchmarks.page" in capsys.readouterr().err
