import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import settings
from cli.errors import UsageError
from cli.options import OPTIONS
from tests.dhtctl import Dhtctl


def resolved(
    path: Path, text: str = "", environment: Mapping[str, str] | None = None, **given: Any
) -> settings.Settings:
    config = path / "config.toml"
    config.write_text(text)
    return settings.resolve(given, {"DHTCTL_CONFIG": str(config), **(environment or {})})


def test_defaults(tmp_path: Path) -> None:
    found = resolved(tmp_path)
    assert (found.network, found.bootstrap, found.listen) == ("mainline", None, None)
    assert (found.timeout, found.json, found.quiet, found.verbose) == (None, False, False, 0)
    assert found.state.is_absolute()
    assert found.state.name == "dhtctl"
    assert {setting.origin for setting in found} == {"default"}


def test_later_layers_win(tmp_path: Path) -> None:
    text = 'state = "/file"\ntimeout = 60\nverbose = 1\nbootstrap = ["a:1", "b:2"]\njson = true\n'
    environment = {"DHTCTL_TIMEOUT": "2m", "DHTCTL_VERBOSE": "2", "DHTCTL_BOOTSTRAP": "c:3, d:4"}
    found = resolved(tmp_path, text, environment, verbose=3, listen=["6881"])
    assert found.state == Path("/file")
    assert found.timeout == 120
    assert found.verbose == 3
    assert found.bootstrap == ("c:3", "d:4")
    assert found.listen == ("6881",)
    assert found.json
    origins = {setting.name: setting.origin for setting in found}
    assert origins == {
        "network": "default",
        "bootstrap": "DHTCTL_BOOTSTRAP",
        "listen": "--listen",
        "state": str(tmp_path / "config.toml"),
        "timeout": "DHTCTL_TIMEOUT",
        "json": str(tmp_path / "config.toml"),
        "quiet": "default",
        "verbose": "--verbose",
    }


def test_every_option_has_a_value_and_a_variable(tmp_path: Path) -> None:
    names = [setting.name for setting in resolved(tmp_path)]
    assert names == [option.name for option in OPTIONS]
    assert [option.variable for option in OPTIONS][:2] == ["DHTCTL_NETWORK", "DHTCTL_BOOTSTRAP"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "is not TOML"),
        ("colour = true\nsize = 1", "sets colour, size, which nothing reads"),
        ("json = 1", "1 does not do for json"),
        ('json = "yes"', "'yes' does not do for json"),
        ("network = 5", "5 does not do for network"),
        ('network = "arpanet"', "there is no network 'arpanet'"),
        ("bootstrap = [1]", "does not do for bootstrap"),
        ("bootstrap = 1", "does not do for bootstrap"),
        ("verbose = -1", "does not do for verbose"),
        ("verbose = true", "does not do for verbose"),
        ('timeout = "soon"', "does not do for timeout"),
        ("timeout = -5", "does not do for timeout"),
        ("timeout = inf", "does not do for timeout"),
        ("timeout = nan", "does not do for timeout"),
        ("timeout = true", "does not do for timeout"),
        ("state = []", "does not do for state"),
    ],
)
def test_a_file_that_makes_no_sense(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UsageError, match=r"config\.toml") as caught:
        resolved(tmp_path, text)
    assert why in caught.value.message


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("DHTCTL_JSON", "maybe"),
        ("DHTCTL_VERBOSE", "much"),
        ("DHTCTL_TIMEOUT", "h"),
        ("DHTCTL_NETWORK", "arpanet"),
    ],
)
def test_an_environment_that_makes_no_sense(tmp_path: Path, variable: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"^{variable}: ") as caught:
        resolved(tmp_path, environment={variable: text})
    assert caught.value.hint


def test_empty_variables_say_nothing(tmp_path: Path) -> None:
    found = resolved(tmp_path, environment={"DHTCTL_JSON": "", "DHTCTL_STATE": ""})
    assert not found.json
    assert found.state.name == "dhtctl"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("2m", 120), ("1.5h", 5400), ("0", 0), ("1e2", 100)],
)
def test_durations(text: str, seconds: float) -> None:
    assert settings.parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1", "1d", "nan", "inf", "1e999", "m2"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        settings.parse_seconds(text)


def test_no_limit_is_no_timeout(tmp_path: Path) -> None:
    assert resolved(tmp_path, timeout="0").timeout is None


def test_one_word_is_a_list_of_one(tmp_path: Path) -> None:
    assert resolved(tmp_path, 'bootstrap = "a:1"').bootstrap == ("a:1",)


def test_the_first_node_of_a_network_joins_nowhere(tmp_path: Path) -> None:
    assert resolved(tmp_path, bootstrap=[""]).bootstrap == ()
    assert resolved(tmp_path, "bootstrap = []").bootstrap == ()


def test_the_home_directory_is_found(tmp_path: Path) -> None:
    assert resolved(tmp_path, 'state = "~/dht"').state == Path.home() / "dht"


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no configuration file"):
        settings.resolve({}, {"DHTCTL_CONFIG": str(tmp_path / "missing.toml")})


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        settings.resolve({}, {"DHTCTL_CONFIG": str(tmp_path)})
    (tmp_path / "latin.toml").write_bytes(b'state = "k\xe4se"')
    with pytest.raises(UsageError, match="cannot read"):
        settings.resolve({}, {"DHTCTL_CONFIG": str(tmp_path / "latin.toml")})


def test_the_usual_file_need_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings.resolve({}, {}).config == settings.config_path({})
    assert settings.config_path({}).name == "config.toml"


LAYER = st.fixed_dictionaries(
    {},
    optional={
        "bootstrap": st.lists(st.from_regex(r"[a-z]{1,5}:[0-9]{1,5}", fullmatch=True), min_size=1),
        "timeout": st.integers(0, 10_000),
        "json": st.booleans(),
        "verbose": st.integers(0, 5),
        "state": st.just("/somewhere"),
    },
)


def as_variable(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


@given(LAYER, LAYER, LAYER)
def test_layers_against_the_obvious(
    tmp_path_factory: pytest.TempPathFactory,
    file: dict[str, Any],
    variables: dict[str, Any],
    flags: dict[str, Any],
) -> None:
    """All layers together are what merging dictionaries gives."""
    path = tmp_path_factory.mktemp("layers")
    text = "\n".join(f"{name} = {json.dumps(value)}" for name, value in file.items())
    environment = {f"DHTCTL_{name.upper()}": as_variable(v) for name, v in variables.items()}
    found = {setting.name: setting for setting in resolved(path, text, environment, **flags)}
    for name, value in {**file, **variables, **flags}.items():
        assert found[name].value == value
        expected = (
            f"--{name}" if name in flags
            else f"DHTCTL_{name.upper()}" if name in variables
            else str(path / "config.toml")
        )  # fmt: skip
        assert found[name].origin == expected


@given(st.dictionaries(st.sampled_from([o.name for o in OPTIONS]), st.text(max_size=9)))
def test_nonsense_in_the_environment_is_a_usage_error(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]
) -> None:
    environment = {f"DHTCTL_{name.upper()}": text for name, text in values.items()}
    with contextlib.suppress(UsageError):
        found = resolved(tmp_path_factory.getbasetemp(), environment=environment)
        assert found.network == "mainline"
        assert found.timeout is None or found.timeout > 0


# From outside.


def test_config_show_is_toml_that_says_the_same(dhtctl: Dhtctl, tmp_path: Path) -> None:
    first = dhtctl("config", "show", "--timeout", "2m", "--bootstrap", "a:1")
    assert first.code == 0
    (tmp_path / "copy.toml").write_text(first.out)
    again = dhtctl("config", "show", DHTCTL_CONFIG="copy.toml")
    assert again.out == first.out


def test_config_show_origin(dhtctl: Dhtctl, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("timeout = 5")
    done = dhtctl("config", "show", "--origin", "-v", DHTCTL_CONFIG="my.toml")
    lines = dict(line.split("  # ") for line in done.out.splitlines())
    stripped = {text.strip(): origin for text, origin in lines.items()}
    assert stripped["timeout = 5.0"] == "my.toml"
    assert stripped["verbose = 1"] == "--verbose"
    assert stripped["# listen is not set"] == "default"
    assert stripped[f'state = "{tmp_path}/state"'] == "DHTCTL_STATE"


def test_config_show_json(dhtctl: Dhtctl) -> None:
    done = dhtctl("config", "show", "--json", "--timeout", "2m")
    assert {found["type"] for found in done.objects} == {"setting"}
    by_name = {found["name"]: found for found in done.objects}
    assert by_name["timeout_s"]["value"] == 120
    assert by_name["json"] == {
        "type": "setting", "name": "json", "value": True, "origin": "--json"
    }  # fmt: skip


def test_config_path(dhtctl: Dhtctl, tmp_path: Path) -> None:
    assert dhtctl("config", "path").out == f"{tmp_path}/.config/dhtctl/config.toml\n"
    (found,) = dhtctl("config", "path", "--json").objects
    assert found["exists"] is False


def test_a_wrong_file_is_a_usage_error(dhtctl: Dhtctl, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("colour = 1")
    done = dhtctl("config", "show", DHTCTL_CONFIG="my.toml")
    assert done.code == 2
    assert done.err.startswith("error: my.toml sets colour, which nothing reads\nhint: it can set ")
