"""Files appear whole or not at all, locks hold, names stay inside their folder."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting import files
from siting.errors import BusyError, InputError, OutputError


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_replacing_shows_the_old_file_until_the_end_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "plan.gpkg"
    path.write_text("old")
    with files.replacing(path) as part:
        part.write_text("new")
        part.with_name("plan.gpkg-journal").write_text("side file")
        assert path.read_text() == "old"
        assert part.name == path.name
        assert part.stat().st_dev == path.parent.stat().st_dev
    assert path.read_text() == "new"
    assert _names(tmp_path) == ["plan.gpkg"]


def test_replacing_gives_the_file_the_ordinary_permissions(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("x")
    with files.replacing(tmp_path / "replaced") as part:
        part.write_text("x")
    assert (tmp_path / "replaced").stat().st_mode == plain.stat().st_mode


def test_replacing_keeps_the_old_file_when_the_writer_fails(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("old")

    def fail() -> None:
        with files.replacing(path) as part:
            part.write_text("half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["run.json"]


def test_replacing_makes_the_folder_and_refuses_a_writer_that_wrote_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "run.json"
    with pytest.raises(OutputError, match="nothing was written"), files.replacing(path):
        pass
    assert _names(path.parent) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_one_clear_error_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "run.json"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write() -> None:
        with files.replacing(path) as part:
            part.write_text("new")
            monkeypatch.setattr(os, call, full)

    with pytest.raises(OutputError, match="No space left"):
        write()
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["run.json"]


def test_publishing_shows_the_whole_folder_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "maps" / "jinan-1"
    with files.publishing(folder) as part:
        (part / "layers").mkdir()
        (part / "layers" / "a.txt").write_text("a")
        (part / "run.json").write_text("{}")
        assert not folder.exists()
    assert _names(folder) == ["layers", "run.json"]
    assert _names(folder.parent) == ["jinan-1"]


def test_publishing_leaves_an_existing_folder_alone(tmp_path: Path) -> None:
    folder = tmp_path / "jinan-1"
    folder.mkdir()
    with pytest.raises(OutputError, match="exists already"), files.publishing(folder):
        pytest.fail("nothing may start when the folder is there")
    assert _names(tmp_path) == ["jinan-1"]


def test_publishing_never_clobbers_a_folder_that_appeared_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / "jinan-1"

    def write() -> None:
        with files.publishing(folder) as part:
            (part / "run.json").write_text("mine")
            folder.mkdir()
            (folder / "run.json").write_text("theirs")

    with pytest.raises(OutputError, match="exists already"):
        write()
    assert (folder / "run.json").read_text() == "theirs"
    assert _names(tmp_path) == ["jinan-1"]


def test_publishing_leaves_nothing_when_the_writer_fails(tmp_path: Path) -> None:
    def write() -> None:
        with files.publishing(tmp_path / "jinan-1") as part:
            (part / "run.json").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert _names(tmp_path) == []


def test_a_killed_writer_leaves_the_old_file_and_its_part_is_cleared_later(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("old")
    code = """
        import sys, time
        from pathlib import Path
        from siting.files import replacing
        with replacing(Path(sys.argv[1])) as part:
            part.write_text("half")
            print("writing", flush=True)
            time.sleep(60)
    """
    child = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", textwrap.dedent(code), str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == "writing\n"
        assert files.remove_stale(tmp_path, older_than_s=-1) == (), "a running writer was disturbed"
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert path.read_text() == "old"
    assert files.remove_stale(tmp_path) == (), "too young to be called stale"
    assert len(files.remove_stale(tmp_path, older_than_s=-1)) == 1
    assert _names(tmp_path) == ["run.json"]


def test_the_next_writer_clears_old_parts(tmp_path: Path) -> None:
    part = tmp_path / f"{files.PART_PREFIX}abandoned"
    part.mkdir()
    (part / "plan.gpkg").write_text("half")
    os.utime(part, (0, 0))
    with files.replacing(tmp_path / "plan.gpkg") as path:
        path.write_text("new")
    assert _names(tmp_path) == ["plan.gpkg"]


def test_folder_lock_refuses_a_second_holder_and_is_free_again_after(tmp_path: Path) -> None:
    folder = tmp_path / "maps"
    with files.folder_lock(folder):
        with pytest.raises(BusyError, match="another run") as caught, files.folder_lock(folder):
            pytest.fail("both hold it")
        assert caught.value.exit_code == 9
    with files.folder_lock(folder):
        pass


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    content = bytes(range(256)) * 5000
    path.write_bytes(content)
    assert files.sha256_of(path) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/../../x",
        "/etc/passwd",
        "~/x",
        "C:x",
        "a\\b",
        "a\0b",
        "a\nb",
        "CON",
        "con.yaml",
        "a/NUL.txt",
        "x.",
        "x ",
        "é" * 128,
        "\ud800",
    ],
)
def test_safe_join_refuses_names_that_leave_or_are_not_portable(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        files.safe_join(tmp_path, name)


@pytest.mark.parametrize("name", ["jinan.yaml", "济南市/plan.gpkg", "a.b-c_d", "..x", "console"])
def test_safe_join_accepts_ordinary_names(tmp_path: Path, name: str) -> None:
    assert files.safe_join(tmp_path, name) == tmp_path.resolve() / name


def test_safe_join_follows_links_before_it_decides(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "out").symlink_to(tmp_path)
    with pytest.raises(InputError, match="leads out"):
        files.safe_join(inside, "out/secret.txt")


@given(st.text(max_size=40))
def test_safe_join_stays_inside_whatever_the_name(name: str) -> None:
    root = Path("/tmp").resolve()  # noqa: S108
    try:
        joined = files.safe_join(root, name)
    except InputError:
        return
    assert joined != root
    assert joined.is_relative_to(root)


def test_require_file_says_what_is_wrong(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    large = tmp_path / "large"
    large.write_bytes(b"x" * 11)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    cases = {
        tmp_path / "none": "No such file",
        tmp_path: "a folder",
        empty: "empty",
        large: "larger than",
        pipe: "not a plain file",
        Path("a\0b"): "null",
    }
    for path, message in cases.items():
        with pytest.raises(InputError, match=message):
            files.require_file(path, most_bytes=10)
    assert files.require_file(large, most_bytes=11) == large


def test_read_text_drops_the_mark_and_names_the_line_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: \xe6\xb5\x8e\n")
    assert files.read_text(path, most_bytes=100) == "name: 济\n"
    path.write_bytes(b"a: 1\nb: \xbc\xc3\n")
    with pytest.raises(InputError, match=r"model\.yaml:2.*UTF-8.*0xbc"):
        files.read_text(path, most_bytes=100)
