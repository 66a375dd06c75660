"""Which endpoints answer from the ledger, and what they are made of."""

from __future__ import annotations

from starlette.types import ASGIApp

from holdfast.admission.addresses import TrustedProxies
from holdfast.monitoring.lookup import Lookup
from holdfast.resilience.keyed_buckets import KeyedBuckets
from holdfast.resilience.token_bucket import TokenBucket
from holdfast.routes.admin import AdminEndpoint
from holdfast.routes.admin_ledger import AdminLedger
from holdfast.routes.admin_revocations import AdminRevocations
from holdfast.routes.explain import ExplainEndpoint, ExplainRules, IssueLogToken, Witness, no_log_token
from holdfast.settings import Settings
from holdfast.wiring_cluster import Cluster

EXPLAIN_PATH = "/connection/explain"


def explain_endpoints(
    settings: Settings, lookup: Lookup, cluster: Cluster, log_token: IssueLogToken = no_log_token
) -> dict[str, ASGIApp]:
    """Return what anybody may ask, by path; `log_token` gives tokens for `/client/logs`."""
    core = cluster.core
    each, overall = settings.ledger.explain_rate, settings.ledger.explain_rate_overall
    rules = ExplainRules(
        KeyedBuckets(TokenBucket(each, max(1, int(each * 10))), core.clock),
        KeyedBuckets(TokenBucket(overall, max(1, int(overall * 2))), core.clock),
    )
    witness = Witness(
        lookup,
        cluster.elsewhere,
        TrustedProxies(settings.http.trusted_proxies).originate,
        core.instance,
        lambda: core.lifecycle.refuses_handshakes,
        log_token,
    )
    return {EXPLAIN_PATH: ExplainEndpoint(witness, rules)}


def admin_endpoints(settings: Settings, lookup: Lookup, cluster: Cluster) -> dict[str, ASGIApp]:
    """Return what operators ask of the ledger and about revocations, by path."""
    token = settings.admin.token.get_secret_value()
    answers = AdminLedger(lookup, cluster.core.instance, cluster.elsewhere)
    revocations = AdminRevocations(cluster.revoker, cluster.core.validator.revocations)
    return {
        "/admin/attempts": AdminEndpoint(token, {"GET": answers.attempts}),
        "/admin/connections": AdminEndpoint(token, {"GET": answers.connections}),
        "/admin/connections/{id}": AdminEndpoint(token, {"GET": answers.connection}),
        "/admin/revocations": AdminEndpoint(token, {"GET": revocations.list, "POST": revocations.revoke}),
    }
