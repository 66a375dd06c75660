// @ts-check
/** What a getToken means by what it rejects with. Loaded on demand. */

import { errorOf } from '../errors.js';
import { withoutTokens } from './check.js';

/** No server keeps a page waiting for longer: milliseconds. */
const HOUR = 3_600_000;

/** @param {any} error  of the application @returns {import('../errors.js').HoldfastError} as one of ours */
export function meantBy(error) {
  const detail = withoutTokens(`${error?.name ?? 'Error'}: ${error?.message ?? error}`);
  if (error?.status === 401 || error?.status === 403) return errorOf({ slug: 'login_required', detail, cause: error });
  const isOfNetwork = error instanceof TypeError && /fetch|network|load/i.test(error.message);
  const slug = isOfNetwork ? 'token_source_unreachable' : 'token_source_failed';
  return errorOf({ slug, detail, cause: error, retryAfter: Math.min(error?.retryAfter, HOUR) || 0 });
}
