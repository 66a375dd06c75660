/** A login page of an application, as docs/client-tokens.md has it. */

import { loginTokens } from '/client/tokens/login.js';

const auth = loginTokens({ url: '/auth', page: '/login' });
const form = document.querySelector('form');
const notice = document.querySelector('[role=alert]');

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    await auth.login(form.username.value, form.password.value);
    location.assign(auth.returnAddress('/page'));
  } catch (error) {
    notice.textContent = error.slug;
  }
});
document.body.dataset.ready = 'yes';
