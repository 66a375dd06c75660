"""What the chart promises, a sentence each."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from holdfast.settings_load import load_settings
from tests.chart.helm import CHART, CI, FOREIGN, Render, kinds, one, pod, rendered, run, settings

BASE = Path(__file__).parent / "good.yaml"
GOOD = Render((BASE,))
TRIAL = Render((CHART / "ci" / "trial-values.yaml",))
SERVED = ("custom.metrics.k8s.io/v1beta2", "monitoring.coreos.com/v1")


def ci(name: str, **more) -> list:
    """Return what a values file of ci/ renders to."""
    return rendered(Render((CHART / "ci" / f"{name}-values.yaml",), **more))


def container(objects):
    """Return the gateway's container."""
    return pod(objects)["containers"][0]


def variables(objects) -> dict:
    """Return its variables by name."""
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container(objects)["env"]}


# Rollouts


def test_replicas_are_never_written_with_autoscaling():
    """An upgrade must not take away pods that the autoscaler added."""
    assert "replicas" not in one(rendered(GOOD), "Deployment")["spec"]
    assert one(ci("fixed-replicas"), "Deployment")["spec"]["replicas"] == 3
    assert "HorizontalPodAutoscaler" not in kinds(ci("fixed-replicas"))


def test_no_pod_leaves_before_its_successor_is_there():
    """One more, never one less."""
    assert one(rendered(GOOD), "Deployment")["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }


def test_embedded_brokers_never_run_side_by_side():
    """Two would be two worlds, so the old pod ends first, and nothing is waited for."""
    spec = one(ci("one-pod"), "Deployment")["spec"]

    assert spec["strategy"] == {"type": "Recreate"}
    assert spec["minReadySeconds"] == 0
    assert settings(ci("one-pod"))["broker"]["type"] == "memory"


def test_the_process_does_the_waiting():
    """No preStop hook: what a pod waits is what a host waits."""
    assert "lifecycle" not in container(rendered(GOOD))


def test_another_setting_rolls_the_pods():
    """The checksum of what they read is part of them; and nothing that did not change is."""

    def checksums(*sets):
        template = one(rendered(Render((BASE,), sets)), "Deployment")["spec"]["template"]
        return template["metadata"]["annotations"]["checksum/config"]

    assert checksums() != checksums("config.client.ping_interval=20")
    assert checksums() == checksums("autoscaling.maxReplicas=12")


def test_node_drains_take_one_pod_at_a_time():
    """And pods that are not ready hold nobody up."""
    spec = one(rendered(GOOD), "PodDisruptionBudget")["spec"]

    assert (spec["maxUnavailable"], spec["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")


def test_each_probe_asks_its_own_path_on_the_internal_port():
    """Redis makes a pod unready, and restarts nobody."""
    probes = {
        name: container(rendered(GOOD))[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")
    }

    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/startupz",
        "readiness": "/readyz",
        "liveness": "/livez",
    }
    assert {probe["port"] for probe in probes.values()} == {"internal"}


def test_pods_spread_over_nodes_that_can_take_them():
    """A node that is being emptied is no place to wait for, and each version counts for itself."""
    host, zone = pod(rendered(GOOD))["topologySpreadConstraints"]

    assert (host["whenUnsatisfiable"], host["nodeTaintsPolicy"]) == ("DoNotSchedule", "Honor")
    assert host["matchLabelKeys"] == ["pod-template-hash"]
    assert zone["whenUnsatisfiable"] == "ScheduleAnyway"


# Scaling


def test_scaling_up_is_quick_and_down_one_pod_per_drain():
    """The smaller of its policies counts."""
    spec = one(rendered(GOOD), "HorizontalPodAutoscaler")["spec"]

    assert spec["behavior"]["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert spec["behavior"]["scaleDown"]["selectPolicy"] == "Min"
    assert [metric["type"] for metric in spec["metrics"]] == ["Resource"]


def test_connections_count_where_they_are_served_or_asked_for():
    """With the rule that the adapter needs beside it."""
    served = rendered(Render((BASE,), apis=SERVED))
    asked = ci("connections")

    for objects, target in ((served, "28000"), (asked, "25000")):
        pods = one(objects, "HorizontalPodAutoscaler")["spec"]["metrics"][1]["pods"]
        assert pods["metric"] == {"name": "holdfast_connections"}
        assert pods["target"] == {"type": "AverageValue", "averageValue": target}
        rule = yaml.safe_load(one(objects, "ConfigMap", "live-holdfast-adapter-rule")["data"]["rule.yaml"])
        assert rule[0]["name"] == {"as": "holdfast_connections"}


def test_what_pods_take_in_is_evened_out_after_scaling_up():
    """Connections stay where they are by themselves."""
    assert settings(rendered(GOOD))["rebalance"] == {"mode": "automatic"}


# Security


@pytest.mark.parametrize("path", CI, ids=lambda path: path.stem)
def test_every_pod_meets_the_restricted_level(path):
    """Those of the trial Redis and of the test, too."""
    objects = rendered(Render((path,)))
    pods = [each["spec"]["template"]["spec"] for each in objects if each["kind"] == "Deployment"]
    pods += [each["spec"] for each in objects if each["kind"] == "Pod"]

    for each in pods:
        assert each["securityContext"]["runAsNonRoot"] is True
        assert each["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert (each["automountServiceAccountToken"], each["enableServiceLinks"]) == (False, False)
        for one_container in each["containers"]:
            assert one_container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_users_are_the_platforms_where_asked():
    """OpenShift gives each namespace its own."""
    security = pod(ci("no-sysctls"))["securityContext"]

    assert not {"runAsUser", "runAsGroup", "fsGroup", "sysctls"} & set(security)


def test_unsafe_keys_are_set_only_where_acknowledged():
    """Beside the safe ones."""
    names = {each["name"] for each in pod(ci("unsafe-sysctls"))["securityContext"]["sysctls"]}

    assert {"net.core.somaxconn", "net.ipv4.tcp_keepalive_time"} <= names


@pytest.mark.parametrize("path", CI, ids=lambda path: path.stem)
def test_no_secret_stands_outside_a_secret(path):
    """Variables refer to Secrets; the settings hold none."""
    objects = rendered(Render((path,)))
    text = yaml.safe_dump([each for each in objects if each["kind"] in {"ConfigMap", "Deployment"}])

    assert "password:" not in text
    assert "hmac_secret:" not in text


def test_secrets_are_made_only_when_asked_and_outlive_the_release():
    """Tokens that are out there were signed with them."""
    assert "Secret" not in kinds(rendered(GOOD))
    secret = one(rendered(TRIAL), "Secret", "live-holdfast-secrets")
    assert set(secret["data"]) == {"token-hmac-secret", "api-key", "admin-token", "redis-password"}
    assert secret["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_secrets_that_are_not_there_are_not_asked_for():
    """Public keys need no HMAC secret, an open Redis no password."""
    found = variables(ci("public-keys"))

    assert "HOLDFAST_TOKEN__HMAC_SECRET" not in found
    assert "HOLDFAST_BROKER__REDIS__PASSWORD" not in found
    assert "HOLDFAST_LOG__CLIENT_TOKEN_SECRET" in found


# Network


def test_ports_for_clients_and_for_the_inside_are_two_services():
    """The first never leads to API, metrics or admin paths."""
    objects = rendered(GOOD)

    assert one(objects, "Service")["spec"]["ports"] == [
        {"name": "http", "port": 8000, "targetPort": "http", "appProtocol": "http"}
    ]
    assert one(objects, "Service", "live-holdfast-internal")["spec"]["ports"][0]["targetPort"] == "internal"


def test_the_internal_port_is_kept_to_those_who_may():
    """The port for clients is everybody's, and the pod of `helm test` may enter both."""
    public, internal = one(rendered(GOOD), "NetworkPolicy")["spec"]["ingress"]

    assert (public["ports"][0]["port"], "from" in public) == ("http", False)
    assert internal["ports"][0]["port"] == "internal"
    label = {"holdfast/internal": "true"}
    assert internal["from"][0] == {"podSelector": {"matchLabels": label}}
    assert label.items() <= one(rendered(GOOD), "Pod", "live-holdfast-test")["metadata"]["labels"].items()


def test_services_and_budgets_mean_gateways_alone():
    """Neither the trial Redis nor the test's pod gets clients, or counts as a gateway."""
    objects = rendered(TRIAL)
    gateway = one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    others = [
        one(objects, "Deployment", "live-holdfast-redis")["spec"]["template"]["metadata"]["labels"],
        one(objects, "Pod", "live-holdfast-test")["metadata"]["labels"],
    ]

    for selector in (
        one(objects, "Service")["spec"]["selector"],
        one(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= gateway.items()
        assert not any(selector.items() <= labels.items() for labels in others)


def test_a_route_leads_everything_to_the_port_for_clients():
    """With its Gateway, hosts and timeouts; without timeouts, GKE takes it too."""
    route = one(ci("http-route"), "HTTPRoute")["spec"]

    assert route["parentRefs"] == [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
    assert route["rules"][0]["backendRefs"] == [{"name": "live-holdfast", "port": 8000}]
    assert route["rules"][0]["timeouts"] == {"request": "0s"}
    plain = rendered(Render((BASE,), ("httpRoute.enabled=true", 'httpRoute.parentRefs=[{"name":"public"}]')))
    assert "timeouts" not in one(plain, "HTTPRoute")["spec"]["rules"][0]


def test_ingress_presets_suit_long_connections():
    """Fewest connections first, nobody bound to a pod, patience above the ping; own annotations win."""
    haproxy = one(ci("ingress-haproxy"), "Ingress")
    alb = one(ci("ingress-alb"), "Ingress")

    assert (haproxy["spec"]["ingressClassName"], alb["spec"]["ingressClassName"]) == ("haproxy", "alb")
    assert haproxy["metadata"]["annotations"]["haproxy.org/load-balance"] == "leastconn"
    attributes = alb["metadata"]["annotations"]["alb.ingress.kubernetes.io/target-group-attributes"]
    assert "stickiness.enabled=false" in attributes
    assert "deregistration_delay.timeout_seconds=175" in attributes
    assert alb["metadata"]["annotations"]["alb.ingress.kubernetes.io/scheme"] == "internet-facing"


# Metrics


def test_service_monitor_is_there_where_its_kind_is():
    """It reads the internal Service alone."""
    assert "ServiceMonitor" not in kinds(rendered(GOOD))
    monitor = one(rendered(Render((BASE,), apis=SERVED)), "ServiceMonitor")
    assert monitor["spec"]["selector"]["matchLabels"]["holdfast/port"] == "internal"
    assert one(ci("service-monitor"), "ServiceMonitor")["metadata"]["labels"]["release"] == "prometheus"
    assert {"HTTPRoute", "ServiceMonitor"} == FOREIGN


# Redis


def test_redis_of_every_kind_comes_out_as_settings():
    """Single, Sentinel, Cluster, with TLS where asked."""
    single, sentinel, cluster = (
        settings(ci(name))["broker"] for name in ("external-redis", "sentinel", "redis-cluster")
    )

    assert single["redis"] == {
        "addresses": ["redis.data:6379"], "mode": "single", "user": "holdfast", "db": 2, "prefix": "chat",
    }  # fmt: skip
    assert sentinel["redis"]["master_name"] == "main"
    assert sentinel["redis"]["tls"] == {"enabled": True, "ca_file": "/etc/holdfast/redis-tls/ca.crt"}
    assert cluster["redis"]["tls"]["cert_file"] == "/etc/holdfast/redis-tls/tls.crt"
    assert {one_broker["unready_after"] for one_broker in (single, sentinel, cluster)} == {15}


def test_redis_passwords_may_come_from_a_secret_of_their_own():
    """Those of Redis and of the sentinels."""
    found = variables(ci("sentinel"))

    assert found["HOLDFAST_BROKER__REDIS__PASSWORD"]["secretKeyRef"]["name"] == "redis-passwords"
    assert found["HOLDFAST_BROKER__REDIS__SENTINEL_PASSWORD"]["secretKeyRef"]["key"] == "sentinel-password"
    assert found["HOLDFAST_ADMIN__TOKEN"]["secretKeyRef"]["name"] == "holdfast"


def test_trial_redis_takes_gateways_alone_and_evicts_nothing():
    """It has a password, and its own policy."""
    objects = rendered(TRIAL)
    redis = pod(objects, "live-holdfast-redis")["containers"][0]

    assert "noeviction" in redis["args"]
    assert "$(REDIS_PASSWORD)" in redis["args"]
    allowed = one(objects, "NetworkPolicy", "live-holdfast-redis")["spec"]["ingress"][0]["from"]
    assert allowed[0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"


# What the gateway is told


@pytest.mark.parametrize("path", CI, ids=lambda path: path.stem)
def test_the_gateway_takes_what_it_is_told(path, tmp_path):
    """Settings and variables of every values file load in the gateway itself, without a fault."""
    objects = rendered(Render((path,)))
    config = next(each for each in objects if each["kind"] == "ConfigMap" and "holdfast.yaml" in each["data"])
    name = config["metadata"]["name"]
    file = tmp_path / "holdfast.yaml"
    file.write_text(config["data"]["holdfast.yaml"])
    environ = {
        each["name"]: each.get("value", "0123456789abcdef0123456789abcdef").replace("$(API_KEY)", "key")
        for each in pod(objects, name)["containers"][0]["env"]
        if each["name"] != "HOLDFAST_TERMINATION_MESSAGE_PATH"
    }
    loaded = load_settings(file, environ, {})

    assert pod(objects, name)["containers"][0]["volumeMounts"][0]["mountPath"] == environ["HOLDFAST_CONFIG"]
    assert loaded.internal_port == 9000
    assert loaded.admission.max_connections == 40000


def test_notes_have_the_next_three_commands():
    """Wait, try, follow; in the release's namespace, with the time that a rollout takes."""
    done = run(4, "install", "live", str(CHART), "--dry-run=client", "--namespace", "chat", "--values", str(BASE))

    assert "kubectl -n chat rollout status deployment/live-holdfast --timeout=3275s" in done.stdout
    assert "helm test live -n chat --logs" in done.stdout
    assert "port-forward service/live-holdfast 8000:8000" in done.stdout
