// @ts-check
/** Which causes nobody but the user can mend, by a login. */

/** Whether nothing helps but that the user logs in. @param {import('../errors.js').HoldfastError} error */
export function needsLogin({ action, slug }) {
  return action === 'login' || /^session_|^user_revoked$/.test(slug);
}
