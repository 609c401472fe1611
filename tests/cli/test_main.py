from __future__ import annotations

import pytest

from maskedface.cli import main


def test_a_user_error_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["audit"]) == 2
    assert capsys.readouterr().err == (
        "maskedface audit: error: --data or --manifest must be given. Received: neither\n"
    )


@pytest.mark.parametrize("command", main.COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main.main([command, "--help"])
    assert stop.value.code == 0
    assert f"usage: maskedface {command}" in capsys.readouterr().out


def test_an_unknown_command_is_refused_with_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        main.main(["enrol"])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "'demo'" in error and "did you mean enroll?" in error
    assert main.main([]) == 0
    assert "add people to a gallery from photographs" in capsys.readouterr().out
