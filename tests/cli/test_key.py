"""``dhtctl key`` from outside, and what verbs make of keys and addresses."""

import argparse
import io
import os
import pty
import stat
import subprocess
from pathlib import Path

import pytest

from cli import files, keys, settings
from cli.context import Context
from cli.errors import CommandError, UsageError
from cli.output import Output
from dht import names
from dht.names import Reading
from tests.dhtctl import PROGRAM, Dhtctl, environment

SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
# RFC 8032, section 7.1, test 1.
PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
ADDRESS = str(names.name(bytes.fromhex(PUBLIC)))


def test_new_prints_the_name_alone(dhtctl: Dhtctl) -> None:
    done = dhtctl("key", "new", "blog")
    assert (done.code, done.err) == (0, "")
    address = names.parse(done.out)
    assert done.out == f"{address}\n"
    assert dhtctl("key", "list").out == f"blog  {address}\n"
    (shown,) = dhtctl("key", "show", "blog", "--json").objects
    assert shown == {
        "type": "key",
        "name": "blog",
        "address": str(address),
        "public_key": address.public_key.hex(),
        "peer_id": address.peer_id,
        "magnet": address.magnet,
        "encrypted": False,
    }
    assert address.magnet in dhtctl("key", "show", "blog").out


def test_new_never_overwrites(dhtctl: Dhtctl) -> None:
    first = dhtctl("key", "new", "blog").out
    again = dhtctl("key", "new", "blog")
    assert (again.code, again.out) == (1, "")
    assert again.err.startswith("error: there is a key called blog already\nhint: keys are never")
    assert dhtctl("key", "list").out.endswith(first)


def test_errors_are_json_too(dhtctl: Dhtctl) -> None:
    done = dhtctl("key", "show", "blog", "--json")
    assert (done.code, done.out) == (1, "")
    assert done.complaints == [
        {
            "type": "error",
            "message": "there is no key called blog",
            "code": "failed",
            "exit_code": 1,
            "hint": "make it with `dhtctl key new blog`",
        }
    ]


def test_an_empty_list_says_so_aside(dhtctl: Dhtctl) -> None:
    done = dhtctl("key", "list")
    assert (done.code, done.out) == (0, "")
    assert "there are no keys yet" in done.err
    assert dhtctl("key", "list", "-q").err == ""


def test_one_bad_file_does_not_hide_the_others(dhtctl: Dhtctl, tmp_path: Path) -> None:
    dhtctl("key", "import", "good", "-", stdin=SEED.encode())
    (tmp_path / "state" / "keys" / "bad.pem").write_text("nonsense")
    done = dhtctl("key", "list")
    assert (done.code, done.out) == (0, f"good  {ADDRESS}\n")
    assert done.err.startswith("warning: the file of key bad is damaged")


def test_export_and_import(dhtctl: Dhtctl, tmp_path: Path) -> None:
    assert dhtctl("key", "import", "blog", "-", stdin=SEED.encode()).out == f"{ADDRESS}\n"
    done = dhtctl("key", "export", "blog")
    assert done.out.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert "whoever reads this can publish as blog" in done.err
    (found,) = dhtctl("key", "export", "blog", "--json").objects
    assert (found["type"], found["pem"]) == ("private_key", done.out)
    assert dhtctl("key", "export", "blog", "-o", "blog.pem").out == ""
    assert (tmp_path / "blog.pem").read_text() == done.out
    assert stat.S_IMODE((tmp_path / "blog.pem").stat().st_mode) == 0o600
    assert dhtctl("key", "import", "again", "blog.pem").out == f"{ADDRESS}\n"
    twice = dhtctl("key", "export", "blog", "-o", "blog.pem")
    assert (twice.code, twice.out) == (1, "")
    assert "error: blog.pem exists already" in twice.err


def test_passphrases_from_files_and_environment(dhtctl: Dhtctl, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("one\nignored\n")
    (tmp_path / "two").write_bytes(b"two\r\n")
    sealed = ("key", "import", "blog", "-", "--new-passphrase-file", "one")
    assert dhtctl(*sealed, stdin=SEED.encode()).code == 0
    assert dhtctl("key", "list").out == f"blog  {ADDRESS}  (encrypted)\n"
    closed = dhtctl("key", "export", "blog")
    assert closed.code == 1
    assert closed.err == (
        "error: the key is encrypted\nhint: give it with --passphrase-file or DHTCTL_PASSPHRASE\n"
    )
    wrong = dhtctl("key", "export", "blog", "--passphrase-file", "two")
    assert (wrong.code, wrong.err.splitlines()[0]) == (
        1, "error: the passphrase does not open the key"
    )  # fmt: skip
    opened = dhtctl("key", "export", "blog", DHTCTL_PASSPHRASE="one")
    assert "BEGIN PRIVATE KEY" in opened.out
    renewed = dhtctl(
        "key", "export", "blog", "--passphrase-file", "one", "--new-passphrase-file", "two"
    )
    assert "BEGIN ENCRYPTED PRIVATE KEY" in renewed.out
    moved = dhtctl(
        "key", "import", "moved", "-", stdin=renewed.out.encode(), DHTCTL_PASSPHRASE="two"
    )
    assert moved.out == f"{ADDRESS}\n"
    told = dhtctl("config", "show", DHTCTL_PASSPHRASE="hush").out
    assert "hush" not in told


@pytest.mark.parametrize(
    ("words", "stdin", "code", "why"),
    [
        (["key", "new", "../x"], b"", 1, "no key can be called '../x'"),
        (["key", "new", "x", "--encrypt"], b"", 2, "no terminal to ask"),
        (["key", "new", "x", "--new-passphrase-file", "none"], b"", 1, "cannot read none"),
        (["key", "new", "x", "--new-passphrase-file", "-"], b"\n", 1, "is not a passphrase"),
        (["key", "new", "x", "--new-passphrase-file", "-"], b"x" * 2000, 1, "not a passphrase"),
        (["key", "import", "x", "-"], b"hello", 1, "not an Ed25519 private key"),
        (["key", "import", "x", "-"], b"x" * 20_000, 1, "too big to be a key"),
        (["key", "import", "x", "missing"], b"", 1, "cannot read missing"),
        (["key", "export", "x"], b"", 1, "no key called x"),
    ],
    ids=range(9),
)
def test_refusals(dhtctl: Dhtctl, words: list[str], stdin: bytes, code: int, why: str) -> None:
    done = dhtctl(*words, stdin=stdin)
    assert (done.code, done.out) == (code, "")
    assert why in done.err


def typed(state: Path, words: list[str], answers: list[str]) -> tuple[int, str]:
    """Run at a terminal, type ``answers`` as questions come; the exit code and all that showed."""
    person, machine = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *words],
        stdin=machine, stdout=machine, stderr=machine, start_new_session=True,
        env=environment(state), cwd=state,
    )  # fmt: skip
    os.close(machine)
    shown = b""
    while True:
        try:
            shown += os.read(person, 4096)
        except OSError:  # Linux says EIO when the other end is closed
            break
        if shown.endswith((b"passphrase: ", b"again: ", b"blog: ")) and answers:
            os.write(person, answers.pop(0).encode() + b"\n")
            shown += b"|"
    os.close(person)
    return process.wait(timeout=60), shown.decode()


def test_passphrases_at_a_terminal(tmp_path: Path, dhtctl: Dhtctl) -> None:
    code, shown = typed(tmp_path, ["key", "new", "blog", "--encrypt"], ["one", "one"])
    assert code == 0
    assert "new passphrase: " in shown
    assert "one" not in shown.replace("k51", "")[:60]
    assert dhtctl("key", "list").out.endswith("(encrypted)\n")
    code, shown = typed(tmp_path, ["key", "export", "blog"], ["one"])
    assert code == 0
    assert "BEGIN PRIVATE KEY" in shown
    code, shown = typed(tmp_path, ["key", "export", "blog"], ["two"])
    assert code == 1
    assert "does not open the key" in shown
    code, shown = typed(tmp_path, ["key", "new", "other", "--encrypt"], ["one", "two"])
    assert code == 1
    assert "the passphrases differ" in shown


# What verbs make of what the user typed.


def context(tmp_path: Path, **args: object) -> Context:
    resolved = settings.resolve({"state": str(tmp_path)}, {"HOME": str(tmp_path)})
    return Context(argparse.Namespace(**args), resolved, Output(stdout=io.StringIO()))


def test_addresses_as_verbs_read_them(tmp_path: Path) -> None:
    made = keys.keystore(context(tmp_path)).create("blog").address
    plain = context(tmp_path, as_=None, salt=None)
    assert keys.read_address(plain, "blog", ()) == made
    assert keys.read_address(plain, "blog/posts", ()) == made.with_salt(b"posts")
    assert keys.read_address(plain, str(made), ()) == made
    assert keys.read_address(context(tmp_path), PUBLIC, [Reading.KEY]) == names.parse(ADDRESS)
    salted = context(tmp_path, as_=None, salt="käse")
    assert keys.read_address(salted, "blog", ()) == made.with_salt("käse".encode())
    assert keys.read_address(context(tmp_path, as_="key"), PUBLIC, ()) == names.parse(ADDRESS)


def test_addresses_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not an address") as caught:
        keys.read_address(context(tmp_path), "nobody", ())
    assert caught.value.hint
    torrent = f"magnet:?xt=urn:btih:{'00' * 20}"
    with pytest.raises(UsageError, match="only a name can have a salt"):
        keys.read_address(context(tmp_path, salt="x"), torrent, ())


def test_files(tmp_path: Path) -> None:
    files.write_new(str(tmp_path / "a"), b"hello")
    assert files.read(str(tmp_path / "a"), 3) == b"hell"
    assert files.read(str(tmp_path / "a"), 5) == b"hello"
    with pytest.raises(CommandError, match="exists already"):
        files.write_new(str(tmp_path / "a"), b"x")
    with pytest.raises(CommandError, match="cannot write"):
        files.write_new(str(tmp_path / "none" / "a"), b"x")
    with pytest.raises(CommandError, match="cannot read"):
        files.read(str(tmp_path), 5)
