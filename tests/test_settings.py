"""config.toml holds every setting with its default and help; what is wrong is refused in one clear line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from main import Settings, SettingsError, load_settings

ROOT = Path(__file__).parent.parent
ALL_SECRETS = "GEMINI_API_KEY, DATABASE_URL, JOURNAL_KEY, BRIDGE_TOKENS and GOOGLE_CALENDAR_CREDENTIALS"
SECTIONS: dict[str, Any] = {
    name: field.annotation for name, field in Settings.model_fields.items() if field.validation_alias is None
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, text)
    return str(refused.value).splitlines()


def as_toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def as_section(name: str, model: type[BaseModel]) -> str:
    lines = [f"[{name}]"]
    for key, field in model.model_fields.items():
        lines += [f"# {field.description}", f"{key} = {as_toml(field.default)}"]
    return "\n".join(lines)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_has_one_line_of_help_and_a_default(section: str) -> None:
    for key, field in SECTIONS[section].model_fields.items():
        assert field.description, f"{section}.{key} has no description"
        assert "\n" not in field.description, f"{section}.{key}: its help is one line"
        assert not field.is_required(), f"{section}.{key} has no default"


@pytest.mark.parametrize("section", SECTIONS)
def test_config_toml_holds_the_section_as_its_model_has_it(section: str) -> None:
    written = (ROOT / "config.toml").read_text(encoding="utf-8").strip().split("\n\n")
    assert as_section(section, SECTIONS[section]) in written


def test_config_toml_holds_nothing_else() -> None:
    written = (ROOT / "config.toml").read_text(encoding="utf-8")
    heads = [line for line in written.splitlines() if line.startswith("[")]
    assert heads == [f"[{name}]" for name in SECTIONS]
    assert load_settings(ROOT / "config.toml") == Settings()


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VBS_SERVER__PORT", "9000")
    settings = load(tmp_path, '[server]\nport = 8000\nhost = "::1"\n')
    assert (settings.server.port, settings.server.host) == (9000, "::1")


def test_secrets_come_from_the_environment_and_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "k3y")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:s3cret@db/booking")
    settings = load(tmp_path, "")
    assert settings.gemini_api_key is not None
    assert settings.gemini_api_key.get_secret_value() == "k3y"
    assert settings.store.url == "postgresql://me:s3cret@db/booking"
    assert "k3y" not in repr(settings)
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[server]\nport = 70000", ["server.port: ", "got 70000", "from 0 to 65535"]),
        ('[server]\nport = "eighty"', ["server.port: ", "got 'eighty'", "integer from 0"]),
        ("[bridge]\ndownlink_rate = 11025", ["bridge.downlink_rate: ", "got 11025", "8000, 16000, 24000"]),
        ('[gemini]\nmodel = ""', ["gemini.model: ", "got ''", "not empty"]),
        ('[gemini]\nemulator = "perhaps"', ["gemini.emulator: ", "got 'perhaps'", "true or false"]),
        ('[gemini]\nbase_url = "ftp://x"', ["gemini.base_url: ", "got 'ftp://x'", "https://"]),
        ("[demo]\nspeed = 99", ["demo.speed: ", "got 99", "number from 0.5 to 5"]),
        ('[storage]\nurl = "mysql://x"', ["storage.url: ", "mysql", "sqlite:///"]),
        ("[server]\nprot = 1", ["server.prot: unknown key", "host, port"]),
        ("[servre]\nport = 1", ["servre: unknown key", "server, bridge"]),
        ("server = 5", ["server: ", "got 5", "a section with keys"]),
        ('[bridge]\nregion = "XX"', ["bridge.region: ", "two capital letters", "got 'XX'", "such as IT, "]),
        ('[bridge]\nregion = "it"', ["bridge.region: ", "two capital letters", "got 'it'"]),
        ("[bridge]\nregion = 39", ["bridge.region: ", "got 39", "such as IT, "]),
        ("[server\nport = 1", ["config.toml: ", "line 1"]),
    ],
)
def test_what_is_wrong_is_refused_with_key_value_and_what_is_allowed(
    tmp_path: Path, text: str, parts: list[str]
) -> None:
    (line,) = problems(tmp_path, text)
    assert [part for part in parts if part not in line] == []


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        ('gemini_api_key = "k3y"', "GEMINI_API_KEY"),
        ('GEMINI_API_KEY = "k3y"', "GEMINI_API_KEY"),
        ('[gemini]\napi_key = "k3y"', "GEMINI_API_KEY"),
        ('[bridge]\nbridge_tokens = "k3y"', "BRIDGE_TOKENS"),
        ('[storage]\ndatabase_url = "postgresql://me:k3y@db/x"', "DATABASE_URL"),
        ('[storage]\nurl = "postgresql://me:k3y@db/x"', "DATABASE_URL"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, text: str, variable: str) -> None:
    (line,) = problems(tmp_path, text)
    assert f"set {variable} in the environment" in line
    assert "k3y" not in line


@pytest.mark.parametrize(
    ("text", "points_to_environment"),
    [
        ('[gemini]\napikey = "k3y"', True),
        ('[storage]\npassword = "k3y"', True),
        ('[server]\ntoken = "k3y"', True),
        ('[gemini]\nvioce = "k3y"', False),
        ('[secrets]\ngemini = "k3y"', True),
    ],
)
def test_what_an_unknown_key_holds_is_not_shown(
    tmp_path: Path, text: str, points_to_environment: bool
) -> None:
    (line,) = problems(tmp_path, text)
    assert "unknown key (allowed: " in line
    assert "k3y" not in line
    assert (ALL_SECRETS in line) is points_to_environment


def test_an_unknown_variable_that_looks_secret_points_to_the_right_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VBS_GEMINI_API_KEY", "k3y")
    monkeypatch.setenv("VBS_GEMINI__TOKEN", "k3y")
    lines = problems(tmp_path, "")
    assert [ALL_SECRETS in line for line in lines] == [
        True,
        True,
    ]
    assert not any("k3y" in line for line in lines)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    lines = problems(tmp_path, "[server]\nport = -1\n[demo]\nspeed = 0\n[gemini]\nvioce = 'x'")
    assert sorted(line.split(":")[0] for line in lines) == ["demo.speed", "gemini.vioce", "server.port"]


def test_a_bad_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VBS_SERVER__PORT", "-3")
    monkeypatch.setenv("VBS_SEVRER__PORT", "80")
    monkeypatch.setenv("VBS_GEMINI__MODLE", "x")
    lines = problems(tmp_path, "")
    assert sorted(line.split(":")[0] for line in lines) == [
        "VBS_SEVRER__PORT",
        "gemini.modle (VBS_GEMINI__MODLE)",
        "server.port (VBS_SERVER__PORT)",
    ]


def test_a_bad_database_address_is_refused_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me:s3cret@db/x")
    (line,) = problems(tmp_path, "")
    assert line.startswith("DATABASE_URL: ")
    assert "s3cret" not in line


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load_settings(tmp_path / "config.toml")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", True),
        ('[server]\npages = "never"', False),
        ('[server]\nhost = "0.0.0.0"', False),
        ('[server]\nhost = "0.0.0.0"\n[console]\npublic_url = "https://voce.example"', True),
        (
            '[server]\nhost = "0.0.0.0"\npages = "loopback"\n[console]\npublic_url = "https://voce.example"',
            False,
        ),
    ],
)
def test_passwords_are_asked_for_on_this_machine_or_by_tls(tmp_path: Path, text: str, shown: bool) -> None:
    assert load(tmp_path, text).shows_pages is shown


def test_pages_by_plain_http_are_refused(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, '[console]\npublic_url = "http://voce.example"')
    assert "console.public_url: should be https://" in line
