// What an application in Node writes; run against the packed client.
import { ResilientWebSocketService } from 'holdfast-client';
import 'holdfast-client/tokens/endpoint.js';
import 'holdfast-client/tokens/login';

const service = new ResilientWebSocketService('ws://127.0.0.1:1/connection/websocket', { token: 'a.b.c' });
console.log(service.state);
