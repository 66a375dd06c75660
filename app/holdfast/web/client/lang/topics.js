// @ts-check
/**
 * What causes mean to a person: many slugs are the same to somebody who only wants to go on. Texts and toasts go by
 * topic; a slug without one goes by what the client does about it.
 */

/** @typedef {{slug: string, action: string}} CauseLike */

/** `topic slug...` a line. */
const TABLE = `offline offline
unreachable open_failed open_timeout server_unreachable connect_timeout handshake_timeout
captive captive_portal
blocked bad_handshake upgrade_stripped upgrade_required stream_buffered
garbled answer_malformed message_malformed message_oversized
asleep page_frozen
restarting shutdown draining
setup origin_not_allowed not_found path_not_found mixed_content tls_required tls_not_spoken
trouble server_error internal_error upgrade_no_gateway broker_unavailable breaker_open users_unavailable
busy instance_connection_limit accept_rate overload_loop_lag overload_memory overload_cpu overload_descriptors command_rate_limit too_many_requests rate_limited login_busy
crowded address_connection_limit connection_limit
kicked force_disconnect
denied permission_denied not_available not_available_close csrf_refused
identity token_missing token_empty token_malformed token_not_base64 token_claims token_algorithm token_audience token_issuer token_wrong_signature token_wrong_user token_anonymous
renewing token_expired token_revoked token_unknown_key connection_expired token_unchanged
token_source token_source_unreachable token_source_timeout token_source_failed token_source_malformed
clock clock_wrong token_not_yet_valid
password login_refused
locked login_locked
login login_required session_missing
ended session_ended user_revoked
elsewhere signed_out_elsewhere session_signed_out
replayed session_replayed
loop login_loop
outdated import_failed
browser transport_unsupported
large message_too_big body_too_large url_too_long headers_too_large
unsent queue_full queue_timeout outcome_unknown command_timeout commands_undelivered
missed state_sync_failed insufficient_state unrecoverable_position subscription_insufficient_state
closed disconnect_called client_closed unsubscribed_by_client`;

/** @type {Map<string, string>} */
const TOPICS = new Map();
for (const line of TABLE.split('\n')) {
  const [topic, ...slugs] = line.split(' ');
  for (const slug of slugs) TOPICS.set(slug, topic);
}

/** @param {CauseLike} error @returns {string} one that each language has a text for */
export function topicOf({ slug, action }) {
  const known = TOPICS.get(slug);
  if (known) return known;
  if (/^proxy_/.test(slug)) return 'trouble';
  if (/^subscription_(token_|user_)/.test(slug)) return action === 'fetch_token' ? 'renewing' : 'denied';
  if (action === 'fetch_token') return 'renewing';
  if (action === 'login') return 'login';
  return action === 'retry' ? 'retry' : 'stop';
}

/** All slugs that have a topic of their own, for the test that compares them with the table of causes. */
export const SLUGS = [...TOPICS.keys()];
