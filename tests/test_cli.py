"""Commands as a user types them: output, exit codes, one clear error."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tiny import write_model

if TYPE_CHECKING:
    from pathlib import Path

    from siting.pipeline import Published


def _siting(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "siting", *map(str, arguments)]
    return subprocess.run(  # noqa: S603
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=240
    )


@pytest.mark.slow
def test_plan_prints_the_clauses_and_where_the_map_lies(tmp_path: Path) -> None:
    done = _siting("plan", write_model(tmp_path), "--out", tmp_path / "maps", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    line = done.stdout.strip().splitlines()[-1]
    assert line.startswith("map: ")
    assert (tmp_path / line.removeprefix("map: ")).is_file()
    assert "verified" in done.stdout
    assert "met" in done.stdout


def test_verify_reports_every_check(published: Published, tmp_path: Path) -> None:
    done = _siting("verify", published.folder, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0 wrong" in done.stdout


def test_clauses_prints_the_whole_ledger(published: Published, tmp_path: Path) -> None:
    done = _siting("clauses", published.folder, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for status, count in published.plan.clauses["status"].value_counts().items():
        assert f"{status} {count}" in done.stdout
    short = _siting("clauses", published.folder, "--status", "met", cwd=tmp_path)
    named = [line for line in short.stdout.splitlines() if "│ met " in line]
    assert len(named) == int((published.plan.clauses["status"] == "met").sum())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("plan", "atlantis"), 4, ("atlantis",)),
        (("verify", "nowhere"), 3, ("nowhere",)),
        (("plan",), 2, ("model",)),
        (("sample", "亚特兰蒂斯"), 3, ("亚特兰蒂斯",)),
    ],
)
def test_an_error_has_its_exit_code_and_one_clear_message(
    tmp_path: Path, arguments: tuple[str, ...], code: int, words: tuple[str, ...]
) -> None:
    done = _siting(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert all(word in done.stderr for word in words)
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
