"""Progress is silent off a terminal, and a time limit stops between two steps."""

from __future__ import annotations

import pytest

from analyses.progress import TimeLimited, terminal_progress
from ml2o_core.progress import Progress, Stopped


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_off_a_terminal_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal_progress() as progress, progress.task("loop", total=2) as advance:
        advance()
        advance()
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_a_running_loop_has_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with terminal_progress() as progress, progress.task("train M-L2O", total=2) as advance:
        advance()
    assert "train M-L2O" in capsys.readouterr().err


def test_the_step_that_passes_the_limit_is_counted_and_the_next_is_not_made() -> None:
    clock, made = Clock(), []
    heard: list[str] = []

    class Listener(Progress):
        def task(self, label, total):  # type: ignore[no-untyped-def]
            heard.append(f"{label} {total}")
            return super().task(label, total)

    limited = TimeLimited(Listener(), 3.0, clock)

    def loop() -> None:
        with limited.task("loop", total=10) as advance:
            for step in range(10):
                made.append(step)
                clock.now += 1
                advance()

    with pytest.raises(Stopped, match="3 s"):
        loop()
    assert made == [0, 1, 2]
    with pytest.raises(Stopped), limited.task("another", total=1):
        pass
    assert heard == ["loop 10"]
