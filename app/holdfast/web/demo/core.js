// @ts-check
// All that a page needs for a connection that lasts. The page shows these lines itself, under "The code".
import { ResilientWebSocketService } from '/client/index.js';
import { showStatus } from '/client/status/index.js';
import { loginTokens } from '/client/tokens/login.js';
import { environment, quality, tokensOf } from './breakable.js'; // what the switches break; yours does without

export const login = loginTokens({ page: '/demo/login.html', environment });
export const service = new ResilientWebSocketService('/connection/websocket', { getToken: tokensOf(login), environment, quality });
export const lobby = service.subscribe('lobby', { joinLeave: true });
login.attach(service); // to the login page when nothing else helps, and back again
service.connect();
export const status = await showStatus(service, { notices: login, environment });
