// @ts-check
/** The login page: says plainly what is wrong, and goes back to where the user came from. */

import { errorOf } from '/client/errors.js';
import { loginTokens } from '/client/tokens/login.js';
import { find, say } from './dom.js';
import { offerLanguages, words } from './words.js';

/** Somebody who comes for the first time has done nothing wrong. */
const NO_NEWS = ['', 'session_missing', 'login_required'];

const login = loginTokens({ page: '/demo/login.html' });
const form = find('#login', HTMLFormElement);
const button = find('#login .primary', HTMLButtonElement);
const [name, password] = [find('#username', HTMLInputElement), find('#password', HTMLInputElement)];
/** @type {any} */
let shown = null;
/** When a lock ends, by performance.now(); 0 for none. */
let lockedUntil = 0;

await words.load();
offerLanguages(find('#language', HTMLSelectElement));
words.addEventListener('change', tell);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void enter();
});
find('#reveal', HTMLButtonElement).addEventListener('click', ({ currentTarget }) => {
  const isShown = password.type === 'password';
  password.type = isShown ? 'text' : 'password';
  /** @type {HTMLButtonElement} */ (currentTarget).setAttribute('aria-pressed', String(isShown));
});
button.disabled = false; // earlier, the form would go by itself, with the password in the address
const reason = new URL(location.href).searchParams.get('reason') ?? '';
if (!NO_NEWS.includes(reason)) show(errorOf({ slug: reason }));
if (await login.session().catch(() => null)) leave();
setInterval(tell, 1000);

async function enter() {
  button.disabled = true;
  say(button, words.text('login.busy'));
  try {
    await login.login(name.value, password.value);
    leave();
    return;
  } catch (error) {
    const { retryAfter } = /** @type {any} */ (error);
    lockedUntil = retryAfter ? performance.now() + retryAfter : 0;
    show(error);
    password.select();
  }
  button.disabled = false;
  say(button, words.text('login.enter'));
}

function leave() {
  location.replace(login.returnAddress('/demo/'));
}

/** @param {any} error */
function show(error) {
  shown = error;
  tell();
}

/** Say it in the present language, and how long a lock lasts. */
function tell() {
  if (!shown) return;
  const left = lockedUntil - performance.now();
  if (lockedUntil > 0 && left <= 0) {
    [shown, lockedUntil] = [null, 0];
    find('#notice', HTMLElement).hidden = true;
    return;
  }
  if (lockedUntil > 0) shown.retryAfter = left;
  const { title, hint } = words.client.cause(shown);
  const notice = find('#notice', HTMLElement);
  notice.hidden = false;
  say(find('#notice strong', HTMLElement), title);
  say(find('#notice span', HTMLElement), hint);
}
