// What an application in TypeScript writes; compiled against the packed client, never run.
import { HoldfastError, ResilientWebSocketService } from 'holdfast-client';
import type { Publication, ServiceOptions } from 'holdfast-client/types';

const options: ServiceOptions = { getToken: async () => 'a.b.c', transports: ['websocket', 'poll'] };
const service = new ResilientWebSocketService('/connection/websocket', options);
const seen: Publication[] = [];

const subscription = service.subscribe('news', { recover: true });
subscription.addEventListener('publication', (event: CustomEvent<Publication>) => seen.push(event.detail));
service.connect();

service.publish('news', { text: 'hello' }).catch((error: unknown) => {
  if (error instanceof HoldfastError) console.log(error.slug, error.action, error.remedy);
});

// @ts-expect-error: there is no such transport
new ResilientWebSocketService('/connection/websocket', { transports: ['pigeon'] });
