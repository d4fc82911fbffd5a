from pathlib import Path

import pytest

from mintaka.server.settings import BadSettings, Settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("MINTAKA_PORT", "MINTAKA_DATA", "MINTAKA_LIMITS__IN_FLIGHT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_flags_come_before_environment_before_file_before_defaults(elsewhere, monkeypatch):
    assert Settings.load().port == 8321
    (elsewhere / "mintaka.toml").write_text("port = 1001\nthreads = 3\n[limits]\nin_flight = 5\n")
    assert Settings.load().port == 1001
    monkeypatch.setenv("MINTAKA_PORT", "1002")
    assert Settings.load().port == 1002
    settings = Settings.load(port=1003, host=None)
    assert (settings.port, settings.host, settings.threads) == (1003, "127.0.0.1", 3)
    assert settings.limits.in_flight == 5


def test_a_group_can_be_set_from_the_environment(monkeypatch):
    monkeypatch.setenv("MINTAKA_LIMITS__IN_FLIGHT", "9")
    assert Settings.load().limits.in_flight == 9


def test_the_file_of_the_user_counts_where_the_working_folder_has_none(elsewhere):
    folder = elsewhere / "config" / "mintaka"
    folder.mkdir(parents=True)
    (folder / "mintaka.toml").write_text('data = "/somewhere"')
    assert Settings.load().data == Path("/somewhere")


@pytest.mark.parametrize(
    ("content", "said"), [("port = 99999", "port"), ("prot = 1", "prot"), ("[limits]\nbatch = 0", "limits.batch")]
)
def test_a_wrong_setting_is_named(elsewhere, content, said):
    (elsewhere / "mintaka.toml").write_text(content)
    with pytest.raises(BadSettings, match=f"setting {said} "):
        Settings.load()


def test_a_file_that_is_not_toml_is_named(elsewhere):
    (elsewhere / "mintaka.toml").write_text("port = ")
    with pytest.raises(BadSettings, match=r"mintaka\.toml"):
        Settings.load()
