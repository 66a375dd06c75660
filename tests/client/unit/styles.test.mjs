import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SHARED } from '../../../app/holdfast/web/client/status/styles.js';

const SCHEMES = ['light', 'dark'];
/** name -> [light, dark] */
const COLOURS = Object.fromEntries(
  [...SHARED.matchAll(/--_(\w+): var\(--holdfast-\w+, light-dark\((#\w+), (#\w+)\)\)/g)].map(([, name, ...both]) => [name, both]),
);

/** https://www.w3.org/TR/WCAG21/#dfn-relative-luminance */
function luminance(colour) {
  const digits = colour.length === 4 ? [...colour.slice(1)].map((digit) => digit + digit).join('') : colour.slice(1);
  const [red, green, blue] = digits.match(/../g).map((pair) => {
    const part = parseInt(pair, 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

test('every text and shape has the contrast of AA, in light and dark, also under the pointer', () => {
  for (const name of ['text', 'muted', 'accent', 'good', 'fair', 'bad']) {
    for (const ground of ['surface', 'hover']) {
      SCHEMES.forEach((scheme, index) => {
        const found = contrast(COLOURS[name][index], COLOURS[ground][index]);

        assert.ok(found >= 4.5, `${name} on ${ground}, ${scheme}: ${found.toFixed(2)}`);
      });
    }
  }
});

test('every button is large enough for a finger', () => {
  assert.match(SHARED, /\nbutton \{[^}]*min-block-size: 44px; min-inline-size: 44px;/);
});
