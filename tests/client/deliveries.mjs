/** A delivery of one channel for unit tests, and what came out of it. */

import { Delivery } from '../../app/holdfast/web/client/delivery.js';
import { fakeEnvironment } from './fakes.mjs';

export const RECOVERABLE = { recoverable: true, epoch: 'e' };

export const at = (offset) => ({ offset, data: offset });

/** A delivery, and what came out of it, as text. */
export function deliveryOf(options = {}) {
  const told = [];
  const environment = fakeEnvironment();
  const delivery = new Delivery('news', options, environment, {
    onPublication: ({ data }) => told.push(`${data}`),
    onGap: ({ from, to, reason }) => told.push(`gap ${from?.offset}-${to?.offset} ${reason}`),
    onState: ({ offset }) => told.push(`state ${offset}`),
    onError: ({ slug }) => told.push(slug),
    onAsk: () => told.push('ask'),
  });
  return { delivery, told, environment };
}
