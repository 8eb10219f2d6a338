"""What a client may ask for at its start, one line per setting."""

from __future__ import annotations

import pytest

from govproxy.errors import GovproxyError, InvalidAuthorization, NotSupported, SettingDenied, UnsupportedEncoding
from govproxy.session.parameters import ALLOWED, ENCODINGS, ClientStartup, judge_startup, safe_encoding
from govproxy.wire.startup import StartupMessage


def judge(options: str = "", **parameters: str) -> ClientStartup:
    everything = {"user": "ana", "database": "shop"} | parameters
    if options:
        everything["options"] = options
    return judge_startup(StartupMessage(minor=0, parameters=tuple(everything.items())))


def test_user_database_and_application_stand_apart() -> None:
    startup = judge(application_name="psql", datestyle="ISO")
    assert (startup.user, startup.database, startup.application) == ("ana", "shop", "psql")
    assert dict(startup.settings) == {"DateStyle": "ISO"}


def test_the_database_is_the_user_when_absent() -> None:
    assert judge_startup(StartupMessage(minor=0, parameters=(("user", "ana"),))).database == "ana"
    assert judge(database="").database == "ana"


@pytest.mark.parametrize("parameters", [(), (("user", ""),), (("database", "x"),)])
def test_a_user_is_needed(parameters: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(InvalidAuthorization):
        judge_startup(StartupMessage(minor=0, parameters=parameters))


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2J", "x" * 300])
def test_names_that_would_spoil_a_log_are_refused(name: str) -> None:
    with pytest.raises(InvalidAuthorization):
        judge(user=name)
    with pytest.raises(InvalidAuthorization):
        judge(database=name)


def test_options_are_taken_apart_and_own_parameters_win() -> None:
    startup = judge("-c statement_timeout=5 --search-path=a,b -c application_name=x", statement_timeout="7")
    assert dict(startup.settings) == {"statement_timeout": "7", "search_path": "a,b"}
    assert startup.application == "x"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("role", "dba"), ("ROLE", "dba"), ("session_authorization", "dba"), ("session_replication_role", "replica"),
        ("row_security", "off"), ("standard_conforming_strings", "off"), ("default_transaction_read_only", "off"),
        ("client_min_messages", "debug5"), ("client_min_messages", "log"), ("debug_print_parse", "on"),
        ("debug_print_plan", "on"), ("backslash_quote", "on"), ("transform_null_equals", "on"),
        ("local_preload_libraries", "x"), ("allow_system_table_mods", "on"),
    ],
)  # fmt: skip
def test_settings_governance_relies_on_are_denied_by_every_way(name: str, value: str) -> None:
    for parameters, options in (({name: value}, ""), ({}, f"-c {name}={value}"), ({}, f"--{name}={value}")):
        with pytest.raises(SettingDenied) as caught:
            judge(options, **parameters)
        assert caught.value.sqlstate == "42501"


@pytest.mark.parametrize("name", ["app.tenant", "myext.flag", "enable_seqscan", "nonsense"])
def test_unknown_settings_are_not_supported(name: str) -> None:
    with pytest.raises(NotSupported) as caught:
        judge(**{name: "1"})
    assert caught.value.sqlstate == "0A000"


@pytest.mark.parametrize("value", ["true", "database", "1", "false", ""])
def test_replication_is_refused(value: str) -> None:
    with pytest.raises(NotSupported):
        judge(replication=value)


@pytest.mark.parametrize("options", ["-c user=eve", "-c database=x", "-c options=x", "-c replication=1", "-c a\\ b=1"])
def test_startup_words_are_no_settings(options: str) -> None:
    with pytest.raises(GovproxyError):
        judge(options)


@pytest.mark.parametrize("name", ["standard_conforming_strings", "row_security", "default_transaction_read_only"])
def test_the_safe_value_may_be_said(name: str) -> None:
    assert dict(judge(**{name: "on"}).settings) == {name: "on"}


def test_protocol_options_are_never_settings() -> None:
    assert dict(judge(**{"_pq_.compression": "zstd"}).settings) == {}


@pytest.mark.parametrize(
    ("asked", "canonical"),
    [
        ("UTF8", "UTF8"), ("utf-8", "UTF8"), ("'utf-8'", "UTF8"), ("unicode", "UTF8"), ("SQL_ASCII", "SQL_ASCII"),
        ("latin1", "LATIN1"), ("ISO-8859-1", "LATIN1"), ("iso_8859_15", "LATIN9"), ("WIN1252", "WIN1252"),
        ("windows-1251", "WIN1251"), ("euc-jp", "EUC_JP"), ("EUC_TW", "EUC_TW"),
    ],
)  # fmt: skip
def test_encodings_by_every_name(asked: str, canonical: str) -> None:
    assert safe_encoding(asked) == canonical
    assert dict(judge(client_encoding=asked).settings) == {"client_encoding": canonical}


@pytest.mark.parametrize(
    "name", ["SJIS", "BIG5", "GBK", "GB18030", "UHC", "JOHAB", "SHIFT_JIS_2004", "MULE_INTERNAL", ""]
)
def test_encodings_that_hide_ascii_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedEncoding) as caught:
        judge(client_encoding=name)
    assert caught.value.sqlstate == "0A000"


def test_python_agrees_that_the_allowed_encodings_are_safe() -> None:
    """A byte below 0x80 is always itself, whatever stands before it: else ``'`` and ``\\`` could hide."""
    prefixes = [bytes((high,)) for high in range(0x80, 0x100)] + [bytes((0x8F, high)) for high in range(0x80, 0x100)]
    for name, codec in ENCODINGS.items():
        if codec is None:
            continue
        assert bytes(range(128)).decode(codec) == "".join(map(chr, range(128))), name
        for prefix in prefixes:
            for low in range(0x80):
                try:
                    text = (prefix + bytes((low,))).decode(codec)
                except UnicodeDecodeError:
                    continue
                assert text.endswith(chr(low)), (name, prefix, low)


def test_the_table_is_keyed_in_lower_case() -> None:
    assert all(name == name.lower() == spelled.lower() for name, (spelled, _) in ALLOWED.items())
