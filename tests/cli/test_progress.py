import io
import queue

import pytest

from cli.progress import INTERVAL, Bar, Lines, Progress, Silence


def test_silence_never_lasts_longer_than_ten_seconds() -> None:
    assert INTERVAL == 10


def test_lines_tell_the_latest_status() -> None:
    lines: queue.Queue[str] = queue.Queue()
    with Lines("asking", lines.put, interval=0.01) as progress:
        assert lines.get(timeout=10).startswith("asking: still at it, 0 s")
        progress.update("37 asked")
        assert any(lines.get(timeout=10).startswith("asking: 37 asked, ") for _ in range(100))
        progress.update("copying", 3, 10)
        expected = "asking: copying (3 of 10), "
        assert any(lines.get(timeout=10).startswith(expected) for _ in range(100))


def test_no_line_comes_after_the_end() -> None:
    lines: queue.Queue[str] = queue.Queue()
    with Lines("asking", lines.put, interval=0.001) as progress:
        lines.get(timeout=10)
    # The thread that writes them has ended.
    assert not progress.running


def test_short_work_says_nothing() -> None:
    lines: list[str] = []
    with Lines("asking", lines.append) as progress:
        progress.update("nearly there")
    assert lines == []


@pytest.mark.parametrize(
    "progress", [Silence(), Lines("x", print), Bar("x", io.StringIO())], ids=["no", "lines", "bar"]
)
def test_errors_pass(progress: Progress) -> None:
    def fail() -> None:
        with progress:
            progress.update("3 asked")
            with progress.paused():
                raise KeyError

    with pytest.raises(KeyError):
        fail()
