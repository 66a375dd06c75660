import assert from 'node:assert/strict';
import { test } from 'node:test';

import { GRADES, Hysteresis, jitterOf, judge, LIMITS, median } from '../../../app/holdfast/web/client/quality/grading.js';
import { seededRandom } from '../fakes.mjs';

const FINE = { rtt: 50, jitter: 5, missed: 0, reconnects: 0 };
const BETTER_AFTER = 30_000;

test('a grade is that of the worst figure, with the limits that were reached', () => {
  assert.deepEqual(judge(FINE, LIMITS, 'good'), { grade: 'good', reasons: [] });
  assert.deepEqual(judge({ ...FINE, rtt: 300.4 }, LIMITS, 'good'), {
    grade: 'fair',
    reasons: [{ slug: 'slow_round_trips', value: 300, limit: 300 }],
  });
  assert.deepEqual(judge({ rtt: 500, jitter: 900, missed: 2, reconnects: 1 }, LIMITS, 'good'), {
    grade: 'poor',
    reasons: [
      { slug: 'uneven_round_trips', value: 900, limit: 400 },
      { slug: 'missed_heartbeats', value: 2, limit: 2 },
    ],
  });
});

test('without any figure a connection is good', () => {
  assert.equal(judge({ rtt: null, jitter: null, missed: 0, reconnects: 0 }, LIMITS, 'good').grade, 'good');
});

test('a grade is left upwards only well below its limit', () => {
  const grades = [290, 239].map((rtt) => judge({ ...FINE, rtt }, LIMITS, 'fair').grade);
  const fromPoor = [990, 790, 290, 239].map((rtt) => judge({ ...FINE, rtt }, LIMITS, 'poor').grade);

  assert.deepEqual(grades, ['fair', 'good']);
  assert.deepEqual(fromPoor, ['poor', 'fair', 'fair', 'good']);
});

test('worse counts at once, better after a while without a relapse', () => {
  const hysteresis = new Hysteresis(LIMITS, BETTER_AFTER);
  const at = (now, rtt) => hysteresis.take({ ...FINE, rtt }, now).grade;

  assert.deepEqual([at(0, 2000), at(1, 50), at(29_000, 50), at(29_500, 2000), at(30_000, 50)], Array(5).fill('poor'));
  assert.deepEqual([at(59_000, 400), at(59_999, 50), at(60_000, 50)], ['poor', 'poor', 'fair']);
  assert.deepEqual([at(60_001, 50), at(90_001, 50)], ['fair', 'good']);
});

test('time that nobody looked at does not count as better', () => {
  const hysteresis = new Hysteresis(LIMITS, BETTER_AFTER);
  hysteresis.take({ ...FINE, rtt: 2000 }, 0);
  hysteresis.take(FINE, 1000);
  hysteresis.pause();

  assert.equal(hysteresis.take(FINE, 100_000).grade, 'poor');
  assert.equal(hysteresis.take(FINE, 130_000).grade, 'good');
});

/** Figures around all limits, a look every 1 to 10 seconds. */
function* walk(random, looks) {
  for (let now = 0, look = 0; look < looks; look += 1, now += 1000 + random() * 9000) {
    const figures = { rtt: random() * 1400, jitter: random() * 500, missed: Math.floor(random() * 3), reconnects: Math.floor(random() * 4) };
    yield { now, figures: random() < 0.5 ? FINE : figures };
  }
}

test('whatever the figures, grades rise at most once in betterAfter, and never above what was seen', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const hysteresis = new Hysteresis(LIMITS, BETTER_AFTER);
    let [before, roseAt, fellAt] = ['good', -Infinity, -Infinity];
    for (const { now, figures } of walk(seededRandom(seed), 300)) {
      const { grade, reasons } = hysteresis.take(figures, now);
      const [rank, was] = [GRADES.indexOf(grade), GRADES.indexOf(before)];
      if (rank < was) {
        assert.ok(now - roseAt >= BETTER_AFTER, `seed ${seed}: rose twice within ${now - roseAt} ms`);
        assert.ok(now - fellAt >= BETTER_AFTER, `seed ${seed}: rose ${now - fellAt} ms after it fell`);
        roseAt = now;
      }
      if (rank > was) fellAt = now;
      assert.ok(rank >= GRADES.indexOf(judge(figures, LIMITS, 'good').grade), `seed ${seed}: ${grade} is too good`);
      assert.equal(reasons.length > 0, grade !== 'good');
      before = grade;
    }
  }
});

test('figures that stay the same come to rest at their grade and stay there', () => {
  const random = seededRandom(3);
  for (let round = 0; round < 200; round += 1) {
    const hysteresis = new Hysteresis(LIMITS, BETTER_AFTER);
    for (const { now, figures } of walk(random, 20)) hysteresis.take(figures, now);
    const figures = { ...FINE, rtt: random() * 2000 };
    const seen = [];
    for (let now = 1e6; now < 1e6 + 5 * BETTER_AFTER; now += 5000) seen.push(hysteresis.take(figures, now).grade);

    const last = seen.at(-1);
    assert.equal(judge(figures, LIMITS, last).grade, last);
    assert.ok(seen.slice(14).every((grade) => grade === last), seen.join());
  }
});

test('figures that swing around one limit change the grade once', () => {
  for (const limit of [300, 1000]) {
    const hysteresis = new Hysteresis(LIMITS, BETTER_AFTER);
    const random = seededRandom(limit);
    const seen = [];
    for (let now = 0; now < 3_600_000; now += 5000) {
      seen.push(hysteresis.take({ ...FINE, rtt: limit * (0.85 + 0.3 * random()) }, now).grade);
    }

    assert.ok(seen.filter((grade, index) => index > 0 && grade !== seen[index - 1]).length <= 1);
  }
});

test('median and jitter are of the middle, so that one outlier moves neither', () => {
  assert.equal(median([]), null);
  assert.deepEqual([median([3, 1, 2]), median([4, 1, 2, 3])], [2, 2.5]);
  assert.equal(jitterOf([5]), null);
  assert.equal(jitterOf([50, 52, 51, 5000, 50, 51, 53]), 2);
});
