"""Key files: made whole and private, read strictly, and those of other libraries too."""

import os
import stat
from pathlib import Path

import pytest
import zmq
from zmq.auth import create_certificates, load_certificate

from instrd.clients.keyfile import KeyFileError, make_pair, read_pair, read_public

SECRET = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"  # libzmq's example of CURVE
PUBLIC = zmq.curve_public(SECRET.encode()).decode()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_made_pair_can_be_read_and_only_its_owner_can_read_the_secret(tmp_path: Path) -> None:
    public, secret = make_pair("stage-left", tmp_path / "new")
    assert (public.name, secret.name) == ("stage-left.key", "stage-left.key_secret")
    assert (mode(tmp_path / "new"), mode(secret)) == (0o700, 0o600)
    pair = read_pair(secret)
    assert pair.public == read_public(public)
    assert pair.secret not in public.read_bytes()
    assert str(pair.secret) not in repr(pair)


def test_other_libraries_read_our_files_and_we_read_theirs(tmp_path: Path) -> None:
    public, secret = make_pair("ours", tmp_path)
    pair = read_pair(secret)
    assert load_certificate(secret) == (pair.public, pair.secret)
    assert load_certificate(public) == (pair.public, None)
    public, secret = map(Path, create_certificates(tmp_path, "theirs"))
    secret.chmod(0o600)
    assert read_pair(secret).public == read_public(public)


@pytest.mark.parametrize("taken", ["a.key", "a.key_secret"])
def test_nothing_is_overwritten_and_no_half_pair_is_left(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("precious")
    with pytest.raises(KeyFileError, match=rf"{taken}: is there already"):
        make_pair("a", tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {taken: "precious"}


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.key_secret").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError, match="is there already"):
        make_pair("a", tmp_path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".hidden", "a\n", "x" * 65])
def test_a_name_that_is_a_path_or_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyFileError, match="cannot name a key"):
        make_pair(name, tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileError, match=r"cannot make keys in .*file/below"):
        make_pair("a", tmp_path / "file" / "below")


@pytest.mark.parametrize("open_to", [0o640, 0o604, 0o620, 0o777])
def test_a_secret_that_others_can_reach_is_refused(tmp_path: Path, open_to: int) -> None:
    _, secret = make_pair("a", tmp_path)
    secret.chmod(open_to)
    with pytest.raises(KeyFileError, match=rf"{secret}: .*mode 0{open_to:o}.*chmod 600"):
        read_pair(secret)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no line public-key"),
        (f'public-key = "{PUBLIC[:-1]}"', "its public-key is not 40 characters of Z85"),
        (f'public-key = "{PUBLIC[:-1]}~"', "not 40 characters of Z85"),
        (f'public-key = "{"#" * 40}"', "not 40 characters of Z85"),
        (f'public-key = "{"é" * 40}"', "not 40 characters of Z85"),
        (f'public-key = "{PUBLIC}"', "holds no secret key"),
        (f'public-key = "{PUBLIC}"\npublic-key = "{PUBLIC}"', "holds a key twice"),
        (f'public-key = "{SECRET}"\nsecret-key = "{SECRET}"', "do not belong together"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "a.key_secret"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=rf"{path}: .*{told}"):
        read_pair(path)


def test_a_secret_file_is_not_taken_for_a_public_one(tmp_path: Path) -> None:
    _, secret = make_pair("a", tmp_path)
    with pytest.raises(KeyFileError, match=r"holds a secret key.*give its \.key file"):
        read_public(secret)


def test_a_file_that_is_none_or_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, told in (
        ("none", "No such file"),
        ("pipe", "no regular file"),
        (".", "Is a directory"),
    ):
        with pytest.raises(KeyFileError, match=told):
            read_public(tmp_path / name)
