"""The demo in a cluster: only where it is asked for, with a folder of its own and one password for all pods."""

from __future__ import annotations

import yaml

from holdfast.cli.demo_user import PASSWORD_FILE
from holdfast.cli.first_run import OPEN_CHANNELS
from holdfast.cli.place import LOCAL_FOLDER
from tests.chart.helm import CHART, CI, Render, one, pod, rendered, run, settings

TRIAL, ALONE = (Render((CHART / "ci" / f"{name}-values.yaml",)) for name in ("demo", "demo-one-pod"))
START = "/etc/holdfast"  # the folder that the image starts in


def gateway(render: Render):
    """Return the gateways' pod, whatever the release is called."""
    (found,) = (
        each["spec"]["template"]["spec"]
        for each in rendered(render)
        if each["kind"] == "Deployment" and each["metadata"]["labels"]["app.kubernetes.io/component"] == "gateway"
    )
    return found


def named(items) -> dict:
    """Return a list's items by their names."""
    return {each["name"]: each for each in items}


def test_demo_is_there_only_where_asked_for():
    """No values file but its own has the command that serves it."""
    dev = [path.stem for path in CI if "--dev" in gateway(Render((path,)))["containers"][0]["args"]]

    assert dev == ["demo-one-pod-values", "demo-values"]


def test_demo_writes_to_its_own_folder_alone():
    """The root stays read-only; the folder is the one that the gateway looks in."""
    found = gateway(TRIAL)["containers"][0]

    assert found["securityContext"]["readOnlyRootFilesystem"] is True
    assert named(found["volumeMounts"])["demo"]["mountPath"] == f"{START}/{LOCAL_FOLDER}"
    assert "emptyDir" in named(gateway(TRIAL)["volumes"])["demo"]


def test_demo_has_one_password_for_all_pods():
    """In the Secret that the release makes, or in one of one's own; where the gateway looks for it."""
    mounted = named(gateway(TRIAL)["containers"][0]["volumeMounts"])["demo-password"]

    assert mounted["mountPath"] == f"{START}/{PASSWORD_FILE}"
    assert named(gateway(TRIAL)["volumes"])["demo-password"]["secret"]["secretName"] == "live-holdfast-secrets"
    assert "demo-password" in one(rendered(TRIAL), "Secret", "live-holdfast-secrets")["data"]
    assert named(gateway(ALONE)["volumes"])["demo-password"]["secret"]["secretName"] == "demo"


def test_demo_prints_no_secrets_into_the_log():
    """What `make run` shows on a terminal would be kept by whoever collects the output of pods."""
    assert pod(rendered(TRIAL))["containers"][0]["args"] == ["serve", "--dev", "--quiet"]


def test_demo_opens_the_channels_that_it_needs_below_those_of_the_values():
    """What `config` says wins, a no as well."""
    alone = settings(rendered(ALONE))["channel"]["without_namespace"]

    assert settings(rendered(TRIAL))["channel"] == yaml.safe_load(OPEN_CHANNELS)["channel"]
    assert (alone["presence"], alone["history_size"]) == (False, 100)


def test_demo_in_one_pod_keeps_sessions_over_its_restart():
    """Its broker is in the process; several have theirs in Redis."""
    kept = {"snapshot_path": f"{START}/{LOCAL_FOLDER}/history.snapshot", "type": "memory"}

    assert settings(rendered(ALONE))["broker"].items() >= kept.items()
    assert "snapshot_path" not in settings(rendered(TRIAL))["broker"]


def test_notes_say_where_the_password_is():
    """And not what it is."""
    done = run(4, "install", "live", str(CHART), "--dry-run=client", "--namespace", "chat", "--values", *TRIAL.files)

    assert "http://localhost:8000/demo" in done.stdout
    assert "kubectl -n chat get secret live-holdfast-secrets -o go-template='{{index .data" in done.stdout
