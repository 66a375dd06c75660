// What an application in TypeScript writes; compiled against the packed client, never run.
import { HoldfastError, ResilientWebSocketService } from 'holdfast-client';
import { loginTokens } from 'holdfast-client/tokens/login.js';
import { showStatus } from 'holdfast-client/status/index';
import type { Publication, ServiceOptions } from 'holdfast-client/types';

const options: ServiceOptions = { getToken: async () => 'a.b.c', transports: ['websocket', 'poll'] };
const service = new ResilientWebSocketService('/connection/websocket', options);
const seen: Publication[] = [];

service.addEventListener('state', ({ detail }) => console.log(detail.to, detail.reason?.slug ?? ''));
service.addEventListener('quality', ({ detail }) => console.log(detail.grade, detail.reasons.map(({ slug }) => slug)));
service.addEventListener('error', async (event: Event) => console.log(event.type));

const subscription = service.subscribe('news', { recover: true });
subscription.addEventListener('publication', (event: CustomEvent<Publication>) => seen.push(event.detail));
subscription.addEventListener('gap', ({ detail }) => console.log(detail.from?.offset, detail.reason));
subscription.addEventListener('sync', ({ detail }) => console.log(detail.orders));
service.connect();

const auth = loginTokens({ url: '/auth', page: '/login' });
auth.attach(service);
auth.addEventListener('notice', ({ detail }) => console.log(detail.error.meaning));
showStatus(service, { notices: auth }).then(({ close }) => close());
const element = document.querySelector('holdfast-status');
if (element) element.service = service;

service.publish('news', { text: 'hello' }).catch((error: unknown) => {
  if (error instanceof HoldfastError) console.log(error.slug, error.action, error.remedy);
});

// @ts-expect-error: there is no such transport
new ResilientWebSocketService('/connection/websocket', { transports: ['pigeon'] });
// @ts-expect-error: there is no such event
service.addEventListener('statr', () => {});
