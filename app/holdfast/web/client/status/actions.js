// @ts-check
/** What the buttons of the status element and of the notices do. */

/**
 * @param {import('./view.js').UserAction | null} action
 * @param {any} service
 * @param {(() => void) | null} onLogin  of the application; without it the service is asked again, and asks for a login itself
 */
export function perform(action, service, onLogin) {
  if (action === 'reload') globalThis.location.reload();
  else if (action === 'connect') service.connect();
  else if (action === 'login' && onLogin) onLogin();
  else if (action !== null) service.retryNow();
}
