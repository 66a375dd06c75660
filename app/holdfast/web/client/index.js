// @ts-check
/** What an application imports. */

export { ResilientWebSocketService } from './service.js';
export { HoldfastError } from './errors.js';
