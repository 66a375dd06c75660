"""The JavaScript SDK applies our deltas: the same bytes come out as went in."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from random import Random

from holdfast.protocol.fossil import create
from tests.parts import require

HERE = Path(__file__).parent
# The Protobuf codec hands deltas on as bytes; the format is the same in JSON, where it travels as a string.
APPLY = """
import { Centrifuge } from 'centrifuge/build/protobuf';
const codec = new Centrifuge('ws://localhost', { websocket: class {} })._codec;
const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'));
let input = '';
for await (const chunk of process.stdin) input += chunk;
for (const [base, delta] of JSON.parse(input)) {
  const { newData } = codec.applyDeltaIfNeeded({ delta: true, data: bytes(delta) }, bytes(base));
  console.log(Buffer.from(newData).toString('base64'));
}
"""


def pair(random: Random) -> tuple[bytes, bytes]:
    """Return two texts with something in common, or nothing."""
    alphabet = random.choice([b"ab", b'{"price": 12.5, "name"}', bytes(range(256))])
    base = bytes(random.choices(alphabet, k=random.choice([0, 1, 20, 300, 5000])))
    target = bytearray(base)
    for _ in range(random.randrange(6)):
        at = random.randrange(len(target) + 1)
        target[at : at + random.choice([0, 1, 50])] = bytes(random.choices(alphabet, k=random.choice([0, 1, 3, 50])))
    return base, bytes(target)


def test_javascript_sdk_applies_deltas() -> None:
    """What the SDK makes of a delta is the target, for texts of many kinds."""
    require("npm:tests/sdk")
    random = Random(4)
    pairs = [pair(random) for _ in range(500)]
    encoded = [[base64.b64encode(one).decode() for one in (base, create(base, target))] for base, target in pairs]

    command = ["node", "--input-type=module", "--eval", APPLY]
    done = subprocess.run(command, input=json.dumps(encoded), cwd=HERE, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert [base64.b64decode(line) for line in done.stdout.split("\n")[:-1]] == [target for _, target in pairs]
