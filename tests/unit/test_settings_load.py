"""Loading: which source wins, and all faults together."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st
from pydantic import SecretStr

from holdfast.errors import ConfigError
from holdfast.settings import Settings
from holdfast.settings_load import load_settings
from holdfast.settings_schema import leaves

MESS = """
hots: 1
port: "80"
client:
  ping_interval: 5x
  pong_timout: 9
tls: {cert_file: /a}
api: {keys: geheim}
channel:
  namespaces:
    - {nme: x}
    - {name: on, force_recovery: true, history_size: 1}
token:
  hmac_secert: geheim
  jwks: {url: "ftp://me:geheim@host"}
  previous_keys: [{secret: geheim, valid_until: 2026-01-01}]
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep a holdfast.yaml of the working directory out of the tests."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def faults_of(config: Path | None = None, environ: dict[str, str] | None = None, **overrides: object) -> list[str]:
    """Return the faults of settings that must not load."""
    with pytest.raises(ConfigError) as caught:
        load_settings(config, environ or {}, overrides)
    return caught.value.faults


def test_load_without_sources_gives_the_defaults() -> None:
    """Nothing given is the first run."""
    assert load_settings(None, {}, {}) == load_settings() == Settings()


def test_load_takes_the_nearest_source(elsewhere: Path) -> None:
    """Arguments win over the environment, it over the file, the file over the defaults."""
    (elsewhere / "c.yaml").write_text("host: file\nport: 1\ninstance: file\nclient: {ping_interval: 30s}\n")
    settings = load_settings(
        Path("c.yaml"), {"HOLDFAST_HOST": "environment", "HOLDFAST_PORT": "2"}, {"port": 3, "log.level": "debug"}
    )

    assert (settings.instance, settings.host, settings.port) == ("file", "environment", 3)
    assert (settings.client.ping_interval, settings.log.level, settings.client.pong_timeout) == (30.0, "debug", 8.0)


def test_load_finds_the_file(elsewhere: Path) -> None:
    """The argument wins over HOLDFAST_CONFIG, it over holdfast.yaml in the working directory."""
    for name in ("holdfast", "variable", "argument"):
        (elsewhere / f"{name}.yaml").write_text(f"instance: {name}\n")
    environ = {"HOLDFAST_CONFIG": str(elsewhere / "variable.yaml")}

    assert load_settings(None, {}, {}).instance == "holdfast"
    assert load_settings(None, environ, {}).instance == "variable"
    assert load_settings(Path("argument.yaml"), environ, {}).instance == "argument"


def test_load_takes_what_callers_have() -> None:
    """Overrides may be paths, secrets, tuples and nested; None is not given."""
    settings = load_settings(
        None,
        {},
        {
            "tls": {"cert_file": Path("/c"), "key_file": Path("/k")},
            "api.keys": (SecretStr("one"),),
            "host": None,
            "client.allowed_origins": ["*"],
        },
    )

    assert settings.tls.key_file == Path("/k")
    assert [key.get_secret_value() for key in settings.api.keys] == ["one"]
    assert (settings.host, settings.client.allowed_origins) == ("127.0.0.1", ("*",))


def test_load_reports_everything_at_once(elsewhere: Path) -> None:
    """File, environment, arguments and combinations are all heard before the start is refused."""
    (elsewhere / "c.yaml").write_text(MESS)
    faults = faults_of(
        Path("c.yaml"),
        {"HOLDFAST_PROT": "1", "HOLDFAST_PORT": "tcp://10.0.0.1:80", "HOLDFAST_CLIENT__COMMAND_RATE": "many"},
        **{"log.level": "loud"},
    )

    assert [fault.split(":")[0] for fault in faults] == [
        "HOLDFAST_PROT",
        "port (HOLDFAST_PORT)",
        "client.ping_interval (c.yaml)",
        "client.command_rate (HOLDFAST_CLIENT__COMMAND_RATE)",
        "client.pong_timout (c.yaml)",
        "token.previous_keys[0].valid_until (c.yaml)",
        "token.jwks.url (c.yaml)",
        "token.hmac_secert (c.yaml)",
        "channel.namespaces[0].name",
        "channel.namespaces[0].nme (c.yaml)",
        "api.keys (c.yaml)",
        "log.level (argument)",
        "hots (c.yaml)",
        "tls.cert_file with tls.key_file",
        "channel.namespaces[0].history_size with channel.namespaces[0].history_ttl",
    ]
    assert not any("geheim" in fault for fault in faults)


def test_load_says_what_was_expected_and_seen() -> None:
    """A fault is enough to correct the setting."""
    assert faults_of(environ={"HOLDFAST_PORT": "70000"}) == [
        "port (HOLDFAST_PORT): expected a whole number of at least 0 and at most 65535, saw 70000"
    ]
    assert faults_of(**{"client.ping_interval": "soon"}) == [
        "client.ping_interval (argument): expected a duration such as 300ms, 30s, 5m or 1h30m, "
        'or a number of seconds, saw "soon"'
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port", "80"),
        ("port", True),
        ("port", 80.5),
        ("host", 5),
        ("host", ""),
        ("client.allow_anonymous", "yes"),
        ("client.allow_anonymous", 1),
        ("client.allowed_origins", "https://a"),
        ("client", "x"),
        ("client", ["x"]),
        ("log.level", "LOUD"),
        ("tls.cert_file", 5),
        ("channel.namespaces", {"name": "aa"}),
        ("client.ping_interval", True),
    ],
)
def test_load_takes_no_wrong_type(key: str, value: object) -> None:
    """Types are strict: nothing is guessed from something similar."""
    assert len(faults_of(**{key: value})) == 1


def test_load_reports_no_consequences() -> None:
    """A combination with a setting that is wrong already is not reported beside it."""
    faults = faults_of(environ={"HOLDFAST_CLIENT__PONG_TIMEOUT": "x", "HOLDFAST_CLIENT__PING_INTERVAL": "5"})

    assert len(faults) == 1


def test_load_names_a_file_below_the_home_of_nobody() -> None:
    """As one that is missing, which it is."""
    with pytest.raises(ConfigError, match="~nobody-of-that-name/x"):
        load_settings(Path("~nobody-of-that-name/x"))


def test_load_names_a_missing_file() -> None:
    """A file that was asked for must be there."""
    assert "No such file" in faults_of(environ={"HOLDFAST_CONFIG": "/nothing/here.yaml"})[0]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
LEAVES = list(leaves())


@given(
    st.dictionaries(st.sampled_from([leaf.variable for leaf in LEAVES]), st.text(max_size=12), max_size=4),
    st.dictionaries(st.sampled_from([leaf.key for leaf in LEAVES] + ["client", "token", "x.y"]), VALUES, max_size=4),
    st.binary(max_size=60),
)
@budget(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_load_ends_in_settings_or_faults(environ: dict[str, str], overrides: dict[str, object], content: bytes) -> None:
    """Whatever the sources hold, there are settings or sentences, never a traceback."""
    Path("fuzz.yaml").write_bytes(content)
    try:
        faults = [] if load_settings(Path("fuzz.yaml"), environ, overrides) else ["no settings"]
    except ConfigError as error:
        faults = error.faults or ["no reason"]

    assert all(" saw" in fault or "no such setting" in fault for fault in faults)
