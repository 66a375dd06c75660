"""Reconnects a second during a restart, drawn: one curve for each server, as a picture for the docs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 760, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 56, 52
COLOURS = ("#1a7f5a", "#c2410c", "#4338ca")
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
LINES = 5


def per_second(moments: Sequence[float], since: float) -> list[int]:
    """Return how many of these moments (seconds) fall into each second from `since` on, up to the last that has one."""
    found = [int(moment - since) for moment in moments if moment >= since]
    return [found.count(second) for second in range(max(found, default=-1) + 1)]


def step(most: float) -> int:
    """Return the distance of the lines that an axis up to there has."""
    return next((one for one in STEPS if most / one <= LINES), STEPS[-1])


def svg(title: str, curves: Mapping[str, Sequence[int]]) -> str:
    """Return the picture: seconds to the right, reconnects in that second upwards, the legend names each one's peak."""
    seconds = max(10, *(len(curve) for curve in curves.values()))
    most = max(1, *(max(curve, default=0) for curve in curves.values()))
    parts = [_text(LEFT, 24, title, size=15, weight="bold"), *_grid(seconds, most)]
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(_curve(curve, colour, seconds, most))
        legend = f"{name}: {max(curve, default=0)} in the worst second"
        parts += [
            f'<rect x="{LEFT + 320 * number}" y="34" width="12" height="12" fill="{colour}"/>',
            _text(LEFT + 320 * number + 18, 45, legend),
        ]
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" role="img">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _grid(seconds: int, most: int) -> list[str]:
    parts = []
    for value in range(0, most + 1, step(most)):
        y = _y(value, most)
        parts.append(f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="#d4d4d8"/>')
        parts.append(_text(LEFT - 8, y + 4, str(value), anchor="end"))
    for value in range(0, seconds + 1, step(seconds)):
        parts.append(_text(_x(value, seconds), HEIGHT - BOTTOM + 18, str(value), anchor="middle"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    return [*parts, _text(middle, HEIGHT - 10, "seconds since the restart was ordered", anchor="middle")]


def _curve(curve: Sequence[int], colour: str, seconds: int, most: int) -> str:
    # Each second is a step, so that the area is the number of clients.
    points = [
        f"{_x(at, seconds)},{_y(value, most)}" for second, value in enumerate(curve) for at in (second, second + 1)
    ]
    points = [f"{_x(0, seconds)},{_y(0, most)}", *points, f"{_x(len(curve), seconds)},{_y(0, most)}"]
    line = " ".join(points)
    return f'<polyline points="{line}" fill="{colour}" fill-opacity="0.15" stroke="{colour}" stroke-width="1.5"/>'


def _x(second: float, seconds: int) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * second / seconds, 1)


def _y(value: float, most: int) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / most, 1)


def _text(x: float, y: float, text: str, *, size: int = 12, weight: str = "normal", anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}">{text}</text>'
