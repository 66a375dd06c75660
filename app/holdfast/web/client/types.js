// @ts-check
/**
 * The shapes that the parts of the client agree on. No code: this file is never loaded by a page.
 *
 * One attempt to connect, and the life of the connection that comes of it, is a Session; it owns one Transport.
 * The service decides when there is a session and is the only one that changes the state. Whoever is not given
 * something by the surroundings (a clock, a socket) takes it from the Environment, never from a global.
 */

/** @typedef {'disconnected' | 'connecting' | 'connected'} State */

/** @typedef {'websocket' | 'http_stream' | 'sse' | 'poll'} TransportName */

/**
 * What the client takes from its surroundings; tests give their own.
 * @typedef {object} Environment
 * @property {() => number} now  monotonic milliseconds; may stand still while the machine sleeps
 * @property {() => number} wallClock  milliseconds since 1970, as the user's machine believes
 * @property {(callback: () => void, milliseconds: number) => unknown} setTimer  of any length
 * @property {(timer: any) => void} clearTimer
 * @property {(callback: () => void) => void} whenIdle  when the page has nothing better to do
 * @property {() => number} random  from 0 up to, but not including, 1
 * @property {(length: number) => Uint8Array} randomBytes  fit for secrets
 * @property {typeof globalThis.WebSocket | undefined} WebSocket
 * @property {typeof globalThis.fetch | undefined} fetch
 * @property {typeof globalThis.BroadcastChannel | undefined} BroadcastChannel
 * @property {LockManager | undefined} locks  Web Locks; missing where the page is no secure context
 * @property {Storage | undefined} storage  localStorage, where the page may use it
 * @property {Storage | undefined} tabStorage  sessionStorage, where the page may use it
 * @property {EventTarget | undefined} page  the window: online, offline, pagehide, pageshow
 * @property {(EventTarget & { visibilityState?: string }) | undefined} document
 * @property {EventTarget | undefined} connection  navigator.connection, where there is one: change
 * @property {() => boolean} isOnline
 * @property {() => boolean} isHidden
 * @property {((url: string, body: string) => boolean) | undefined} sendBeacon
 * @property {string} baseUrl  what relative addresses are relative to
 * @property {() => string} address  where the page is now
 * @property {(url: string) => void} navigate  leave the page for another
 * @property {(text: string) => void} warn  tell whoever looks at the page's console
 * @property {(fault: unknown) => void} reportFault  what a listener of the application threw
 * @property {string} userAgent  what the browser says that it is
 * @property {string} language  as the browser tells it, such as `pt-BR`
 */

/** A reply `{id, ...}` or a push `{push: {...}}` of the protocol; `{}` is a ping. @typedef {Record<string, any>} Message */

/** A command `{id, METHOD: {...}}`; without an id for `send`. @typedef {Record<string, any>} Command */

/**
 * How a transport, or a session, came to its end. `slug` is what the client itself knows; the rest is what came.
 * @typedef {object} Ending
 * @property {number} code  of the close frame or disconnect push; 1006 where there was none; else one of the client's own
 * @property {string} reason  as it came; never parsed
 * @property {boolean} wasOpen  whether the transport could carry commands
 * @property {string} [slug]  the cause, where the client knows it
 * @property {number} [status]  the HTTP status, where there was one
 * @property {boolean} [isError]  the code is that of an error reply to connect, not of a close
 * @property {boolean} [isTemporary]  as that error reply said
 * @property {boolean} [isLocal]  the device caused it (it slept, it changed its network): no crowd comes along
 * @property {number} [delay]  milliseconds to the next attempt, where the transport has drawn it already
 * @property {number} [retryAfter]  milliseconds, from Retry-After
 * @property {string} [meaning]  in the server's words
 * @property {string} [remedy]
 */

/**
 * What a transport tells.
 * @typedef {object} TransportEvents
 * @property {() => void} onOpen  commands have been, or can be, carried
 * @property {(messages: Message[]) => void} onMessages  in the order of the server, each once
 * @property {(ending: Ending) => void} onEnd  once, also after close(); nothing is told afterwards
 */

/**
 * Carries commands one way and messages the other. A transport object is used once.
 * @typedef {object} Transport
 * @property {TransportName} name
 * @property {boolean} hasPings  whether the server pings over it (a poll has none)
 * @property {(first: Command[]) => void} open  connect; `first` is carried as soon as possible, `connect` first of all
 * @property {(commands: Command[]) => void} send  in order; a pong is `{}`
 * @property {(code?: number, reason?: string) => void} close  onEnd follows, at once where the network is silent
 * @property {() => void} [hurry]  what failed, and waits to be tried again, does not wait any longer
 */

/**
 * @typedef {object} TransportTarget
 * @property {string} url  absolute, with `cid` and whatever else belongs into the query
 * @property {string} emulationUrl  where commands of streams go
 * @property {number} handshakeTimeout  milliseconds
 * @property {() => number} spread  milliseconds to wait after a server that may have vanished with everybody
 */

/** @typedef {(target: TransportTarget, environment: Environment, events: TransportEvents) => Transport} TransportMaker */

/**
 * One attempt, and the connection that comes of it. What Subscriptions, Migration and Quality use of it:
 * @typedef {object} SessionLike
 * @property {string} cid  the attempt's correlation id: 32 hexadecimal digits
 * @property {TransportName} transport
 * @property {boolean} isConnected  the connect reply has come, and no end
 * @property {string} client  the id that the server gave; empty before
 * @property {(method: string, params: object, timeout?: number) => Promise<any>} request  rejects with a HoldfastError
 * @property {(method: string, params: object) => void} notify  a command without a reply
 * @property {(code: number, reason: string) => void} close
 * @property {number} [inFlight]  commands that wait for their reply
 * @property {(work: () => void) => void} together  what it sends leaves in one go
 */

/**
 * A publication as an application gets it.
 * @typedef {object} Publication
 * @property {any} data
 * @property {string} channel
 * @property {number} [offset]  in channels that keep history
 * @property {Record<string, string>} [tags]
 * @property {{user: string, client: string, connInfo?: any, chanInfo?: any}} [info]  who published, where told
 */

/**
 * @typedef {object} SubscriptionOptions
 * @property {string} [token]  a subscription token that is at hand
 * @property {(context: SubscriptionTokenContext) => Promise<string>} [getToken]  fetches one, for channels that need it
 * @property {any} [data]  sent with the subscribe command
 * @property {boolean} [recover]  get what was missed, where the channel keeps history; on by default
 * @property {boolean} [positioned]  let the server watch the position without recovery
 * @property {import('./positions.js').StreamPosition} [since]  the page has everything up to there
 * @property {(context: StateContext) => Promise<any>} [getState]  fetches a snapshot and returns at least the `offset`
 *     and `epoch` that belong to it; asked behind a gap, and at first where there is no `since`
 * @property {boolean} [joinLeave]  be told who comes and goes
 * @property {object} [filter]  by tags, as docs/channels.md has it
 */

/**
 * @typedef {object} SubscriptionTokenContext
 * @property {string} channel
 * @property {'first' | 'renewal' | 'refused'} reason
 * @property {AbortSignal} signal
 */

/**
 * @typedef {object} StateContext
 * @property {string} channel
 * @property {'first' | 'gap'} reason
 * @property {import('./positions.js').Gap | null} gap  what was missed
 * @property {AbortSignal} signal  nobody waits for the answer any more
 */

/** @typedef {{limit?: number, since?: {offset: number, epoch: string}, reverse?: boolean}} HistoryOptions */

/** @typedef {'unsubscribed' | 'subscribing' | 'subscribed'} SubscriptionState */

/**
 * A listener of an event with such a `detail`.
 * @template Detail
 * @typedef {((event: CustomEvent<Detail>) => unknown) | {handleEvent: (event: CustomEvent<Detail>) => unknown} | null} Listener
 */

/** @typedef {{error: import('./errors.js').HoldfastError}} Fault */

/** @typedef {{channel: string, user: string, client: string, connInfo?: any, chanInfo?: any}} Presence */

/**
 * What a subscription tells: the `detail` by event.
 * @typedef {object} SubscriptionEvents
 * @property {Publication} publication
 * @property {import('./positions.js').Gap} gap
 * @property {any} sync  what `getState` returned
 * @property {Presence} join
 * @property {Presence} leave
 * @property {{from: SubscriptionState, to: SubscriptionState, reason: import('./errors.js').HoldfastError | null, data?: any}} state
 * @property {Fault} error
 */

/**
 * What a service tells: the `detail` by event. The last ones are of channels that the server subscribed it to.
 * @typedef {object} ServiceEvents
 * @property {{from: State, to: State, reason: import('./errors.js').HoldfastError | null}} state
 * @property {{attempt: number, delay: number, cid: string}} connecting  milliseconds until the attempt
 * @property {{client: string, transport: TransportName}} connected
 * @property {Fault & {willReconnect: boolean}} disconnected
 * @property {Fault} error
 * @property {{from: TransportName, to: TransportName, why: string}} transport
 * @property {Fault} login
 * @property {{data: any}} message
 * @property {import('./quality/grading.js').Judgement & import('./quality/grading.js').Figures & {uptime: number, from: import('./quality/grading.js').Grade}} quality
 * @property {{milliseconds: number}} round_trip
 * @property {{from: number, to: number, name: string, why: string}} level
 * @property {{client: string}} migrated
 * @property {{subscription: import('./subscription.js').Subscription}} subscription
 * @property {Publication} publication
 * @property {import('./positions.js').Gap} gap
 * @property {Presence} join
 * @property {Presence} leave
 */

/**
 * @typedef {object} ServiceOptions
 * @property {string} [token]  a connection token that is at hand
 * @property {GetToken} [getToken]  fetches one; see tokens
 * @property {'connect' | 'url'} [tokenIn]  where it travels; in the URL it may stand in the logs of proxies
 * @property {TransportName[]} [transports]  in order of preference; all of them by default
 * @property {Partial<Record<TransportName | 'emulation' | 'explain' | 'logs', string>>} [endpoints]  where they are not beside the WebSocket's
 * @property {string} [name]  of the application, told to the server
 * @property {any} [data]  sent with connect
 * @property {number} [handshakeTimeout]  milliseconds until a transport must be open
 * @property {number} [connectTimeout]  milliseconds from there to the connect reply
 * @property {number} [commandTimeout]  milliseconds to a reply
 * @property {number} [minReconnectDelay]  milliseconds
 * @property {number} [maxReconnectDelay]  milliseconds
 * @property {number} [stableAfter]  milliseconds connected, after which attempts count from 0 again
 * @property {number} [maxServerPingDelay]  milliseconds beyond the ping interval after which the peer counts as dead
 * @property {number} [checkTimeout]  milliseconds to a sign of life after sleep or a change of the network
 * @property {number} [maxMessageBytes]  of a command; what the server takes (`websocket.max_message_bytes`)
 * @property {number} [maxChannelLength]  characters of a channel's name; what the server takes (`channel.max_length`)
 * @property {number} [queueSize]  messages that wait while there is no connection
 * @property {number} [queueTimeout]  milliseconds that each may wait
 * @property {Partial<typeof import('./quality/quality.js').DEFAULTS>} [quality]  limits and intervals
 * @property {boolean} [sendLogs]  hand lines to the gateway after trouble; on by default
 * @property {Environment} [environment]
 */

/**
 * @typedef {object} TokenContext
 * @property {'first' | 'renewal' | 'refused'} reason  why a token is needed: none yet; it expires soon; the server wants another
 * @property {AbortSignal} signal
 */

/**
 * What a token endpoint answers.
 * @typedef {object} TokenAnswer
 * @property {string} token
 * @property {number} [expires_in]  seconds
 * @property {number} [server_time]  seconds since 1970, by the server's clock
 */

/**
 * What a GetToken may tell about itself; `loginTokens` does.
 * @typedef {object} GetTokenTraits
 * @property {string} [share]  tabs share the fetch under this name
 * @property {() => unknown} [generation]  another value means that tokens of before are another user's
 */

/**
 * Fetches a token. What it rejects with decides what comes next: an error with `status` 401 or 403, or with the action
 * `login`, asks the user to log in; all others are tried again.
 * @typedef {((context: TokenContext) => Promise<string | TokenAnswer>) & GetTokenTraits} GetToken
 */

/** What parts write into the log. @typedef {Record<'debug' | 'info' | 'warning' | 'error', (event: string, fields?: object) => void>} LogLike */

export {};
