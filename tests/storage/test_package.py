"""Packages: the same bytes anywhere, and nothing in them can be changed, added, lost or led astray
unseen.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from helpers.keys import key_files
from hostile import support

from nnc_conformance.storage.package import Package, PackageError, compare, signature_path, verify
from nnc_conformance.storage.package_build import build
from nnc_conformance.storage.signing import SignatureError, load_private_key, load_public_key
from nnc_conformance.storage.suite_folder import SuiteError, load_suite, manifest_entry, write_manifest, write_vector
from nnc_conformance.storage.vector import Level, Vector
from nnc_conformance.suites.running.selection import parse_filter, select

START = "from nnc_conformance.cli.main import main; main()"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    support.write_suite(folder, support.good_vectors(3) + support.bad_vectors())
    return folder


@pytest.fixture
def package(root: Path, tmp_path: Path) -> Path:
    build(root, tmp_path / "p.tar")
    return tmp_path / "p.tar"


def test_two_builds_anywhere_have_equal_bytes(root: Path, tmp_path: Path) -> None:
    hashes = []
    for number, (zone, mask) in enumerate((("UTC", 0o022), ("Pacific/Kiritimati", 0o077))):
        folder = tmp_path / ("deep/" * number) / f"copy{number}"
        shutil.copytree(root, folder / "suite")
        for path in folder.rglob("*"):
            os.utime(path, (number, number))
        environment = {**os.environ, "TZ": zone, "PYTHONHASHSEED": str(number), "LC_ALL": "C" if number else "C.UTF-8"}
        command = [sys.executable, "-c", START, "package", "build", "suite", "out.tar"]
        subprocess.run(command, cwd=folder, env=environment, umask=mask, check=True, stdout=subprocess.DEVNULL)
        hashes.append(verify(folder / "out.tar").sha256)
        assert (folder / "out.tar").stat().st_mode & 0o777 == 0o666 & ~mask
    assert hashes[0] == hashes[1]


def test_any_tar_reads_it(package: Path, root: Path, tmp_path: Path) -> None:
    with tarfile.open(package) as archive:
        assert archive.getnames()[:2] == ["package.json", "index.json"]
        assert all(member.isreg() and member.mtime == 0 and member.mode == 0o644 for member in archive)
        archive.extractall(tmp_path / "out", filter="data")
    assert load_suite(tmp_path / "out/suite") == load_suite(tmp_path / "out/suite", verify=True)
    for path in root.rglob("*"):
        if path.is_file():
            assert (tmp_path / "out/suite" / path.relative_to(root)).read_bytes() == path.read_bytes()
    assert "Apache License" in (tmp_path / "out/LICENSE").read_text()
    manifest = json.loads((tmp_path / "out/package.json").read_text())
    assert manifest["version"] == "1.0.0"
    assert "## 1.0.0" in (tmp_path / "out/CHANGELOG.md").read_text()


def test_the_tree_of_hashes_is_what_sha256sum_gives(package: Path, tmp_path: Path) -> None:
    with tarfile.open(package) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    (tmp_path / "out/package.json").unlink()

    def tree(folder: Path) -> str:
        lines = {}
        for child in folder.iterdir():
            data = child.read_bytes() if child.is_file() else b""
            given = subprocess.run(["sha256sum"], input=data, capture_output=True, check=True).stdout.decode()[:64]
            lines[child.name + "/" * child.is_dir()] = tree(child) if child.is_dir() else given
        text = "".join(f"{lines[name]}  {name}\n" for name in sorted(lines))
        return subprocess.run(["sha256sum"], input=text.encode(), capture_output=True, check=True).stdout.decode()[:64]

    with Package(package) as opened:
        assert opened.manifest.tree_sha256 == tree(tmp_path / "out")


def test_the_bill_of_materials_is_cyclonedx(package: Path) -> None:
    with Package(package) as opened:
        text = opened.read("sbom.cdx.json").decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert "serialNumber" not in document
    assert "timestamp" not in document["metadata"]
    assert len(document["components"]) == 5


def test_every_changed_byte_is_found(package: Path, tmp_path: Path) -> None:
    """One byte in each 512-byte block, and the first and last of the file."""
    data = package.read_bytes()
    changed = tmp_path / "changed.tar"
    for place in [0, len(data) - 1, *range(100, len(data), 512), *range(148, len(data), 4096)]:
        changed.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises((PackageError, SuiteError)):
            verify(changed)
    for cut in (0, 1, 511, 512, len(data) // 2, len(data) - 512, len(data) - 1):
        changed.write_bytes(data[:cut])
        with pytest.raises(PackageError):
            verify(changed)
    for more in (b"\0", bytes(512), b"x"):
        changed.write_bytes(data + more)
        with pytest.raises(PackageError):
            verify(changed)


def rebuilt(package: Path, out: Path, edit) -> Path:
    """Write the archive again with tarfile, after ``edit`` changed the list of (TarInfo, bytes)."""
    with tarfile.open(package) as archive:
        members = [(member, archive.extractfile(member).read()) for member in archive]
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as archive:
        for member, data in edit(members):
            archive.addfile(member, io.BytesIO(data))
    data = out.read_bytes().rstrip(b"\0")
    out.write_bytes(data + bytes(-len(data) % 512) + bytes(1024))
    return out


def named(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    return info, data


def test_the_rebuilding_alone_changes_nothing(package: Path, tmp_path: Path) -> None:
    assert rebuilt(package, tmp_path / "same.tar", lambda members: members).read_bytes() == package.read_bytes()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda members: [*members, named("zz-extra", b"x")], "zz-extra is not in the manifest"),
        (lambda members: members[:-1], "is missing"),
        (lambda members: [*members, named("../../etc/passwd", b"x")], "not a plain relative path"),
        (lambda members: [*members, named("/etc/passwd", b"x")], "not a plain relative path"),
        (lambda members: [*members, named("suite/../../x", b"x")], "not a plain relative path"),
        (lambda members: [*members, named("zz", kind=tarfile.SYMTYPE, link="/etc/passwd")], "a symbolic link"),
        (lambda members: [*members, named("zz", kind=tarfile.LNKTYPE, link="LICENSE")], "a hard link"),
        (lambda members: [*members, named("zz", kind=tarfile.FIFOTYPE)], "a pipe"),
        (lambda members: [*members, named("zz", kind=tarfile.DIRTYPE)], "a folder"),
        (lambda members: [*members, named("zz", kind=tarfile.CHRTYPE)], "a character device"),
        (lambda members: [*members, members[-1]], "names must be sorted and unique"),
        (lambda members: [members[1], members[0], *members[2:]], "does not begin with"),
        (lambda members: [], "does not begin with"),
    ],
)
def test_what_does_not_belong_is_found(package: Path, tmp_path: Path, edit, message: str) -> None:
    changed = rebuilt(package, tmp_path / "changed.tar", edit)
    with pytest.raises(PackageError, match=message):
        verify(changed)
    assert not (tmp_path.parent / "x").exists()


def test_bombs_and_claims_cost_nothing(package: Path, tmp_path: Path) -> None:
    import gzip

    bomb = tmp_path / "bomb.tar.gz"
    bomb.write_bytes(gzip.compress(bytes(50 << 20)))
    with pytest.raises(PackageError, match="packages are uncompressed"):
        verify(bomb)
    claim = bytearray(package.read_bytes())
    info = tarfile.TarInfo("package.json")
    info.size = 1 << 32
    claim[:512] = info.tobuf(tarfile.USTAR_FORMAT)
    (tmp_path / "claim.tar").write_bytes(claim)
    with pytest.raises(PackageError, match=r"claims 4294967296 bytes"):
        verify(tmp_path / "claim.tar")
    sparse = tmp_path / "sparse.tar"
    with sparse.open("wb") as file:
        file.truncate(5 << 30)
    with pytest.raises(PackageError, match="at most"):
        verify(sparse)
    link = tmp_path / "link.tar"
    link.symlink_to(package)
    with pytest.raises(PackageError, match="not a regular file"):
        verify(link)


def test_a_forged_manifest_does_not_hide_a_changed_vector(package: Path, tmp_path: Path) -> None:
    """All hashes of package.json are made to fit: the vector's own description still does not."""
    from nnc_conformance.storage.package_model import PackageManifest, canonical, manifest_of

    def forge(members):
        files = {member.name: data for member, data in members}
        stream = next(name for name in files if name.endswith("stream.nnr"))
        files[stream] += b"!"
        manifest = files.pop("package.json")
        old = PackageManifest.model_validate_json(manifest)
        new = canonical(manifest_of(old.version, old.license, files["suite/manifest.json"], files))
        return [named(name, new if name == "package.json" else files[name]) for name in ["package.json", *files]]

    with pytest.raises(SuiteError, match=r"stream\.nnr"):
        verify(rebuilt(package, tmp_path / "forged.tar", forge))


def test_signatures(root: Path, tmp_path: Path) -> None:
    (private, public), (_, stranger) = key_files(tmp_path), key_files(tmp_path, 2)
    out = tmp_path / "signed.tar"
    build(root, out, key=load_private_key(private))
    assert verify(out, trusted=load_public_key(public)).signed_by == load_public_key(public)
    with pytest.raises(SignatureError, match="not by the given key"):
        verify(out, trusted=load_public_key(stranger))
    text = signature_path(out).read_text()
    (tmp_path / "statement").write_text(f"nnc-package/1 {verify(out).sha256}\n")
    (tmp_path / "raw").write_bytes(bytes.fromhex(json.loads(text)["signature"]["value"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", "statement", "-sigfile", "raw"]
    assert b"Verified" in subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    for place in range(len(text)):
        letter = "1" if text[place] != "1" else "2"
        signature_path(out).write_text(text[:place] + letter + text[place + 1 :])
        with pytest.raises((PackageError, SuiteError, SignatureError)):
            verify(out)
    build(root, out)
    assert verify(out).signed_by is None
    with pytest.raises(SignatureError, match="unsigned"):
        verify(out, trusted=load_public_key(public))


def test_bad_keys_are_told(tmp_path: Path) -> None:
    (tmp_path / "garbage").write_text("no key")
    for path in (tmp_path / "garbage", tmp_path / "absent", tmp_path):
        with pytest.raises(SignatureError):
            load_private_key(path)
        with pytest.raises(SignatureError):
            load_public_key(path)


def revised(vector: Vector, files: dict[str, bytes], root: Path) -> Vector:
    changed = vector.model_copy(update={"revision": vector.revision + 1, "title": "A better title"})
    write_vector(root, changed, files)
    return changed


def test_versions_follow_what_changes(root: Path, tmp_path: Path) -> None:
    loaded = load_suite(root)
    vectors = [stored.vector for stored in loaded.vectors]
    first = build(root, tmp_path / "1.tar")
    again = build(root, tmp_path / "2.tar", previous=tmp_path / "1.tar")
    assert (again.version, again.sha256, again.reused) == ("1.0.0", first.sha256, len(vectors))

    stored = loaded.vectors[0]
    changed = revised(stored.vector, {stored.vector.stream.name: stored.read(stored.vector.stream)} | expected(stored), root)
    write_manifest(root, [changed, *vectors[1:]])
    fixed = build(root, tmp_path / "3.tar", previous=tmp_path / "2.tar")
    assert (fixed.version, fixed.reused) == ("1.0.1", len(vectors) - 1)
    assert [change.id for change in fixed.changes.changed] == [changed.id]

    more, files = support.good_vectors(5)[4]
    write_vector(root, more, files)
    write_manifest(root, [changed, *vectors[2:], more], retired=[vectors[1].id])
    grown = build(root, tmp_path / "4.tar", previous=tmp_path / "3.tar")
    assert grown.version == "1.1.0"
    assert (grown.changes.added, grown.changes.removed) == ((more.id,), (vectors[1].id,))
    with Package(tmp_path / "4.tar") as package:
        log = package.read("CHANGELOG.md").decode()
    assert [line for line in log.splitlines() if line.startswith("#")] == ["# Changelog", "## 1.1.0", "## 1.0.1", "## 1.0.0"]
    assert f"- retired `{vectors[1].id}`" in log
    assert verify(tmp_path / "4.tar").vectors == len(vectors)
    old, new, what = compare(tmp_path / "1.tar", tmp_path / "4.tar")
    assert (old.version, new.version) == ("1.0.0", "1.1.0")
    assert (what.added, what.removed, len(what.changed)) == ((more.id,), (vectors[1].id,), 1)


def expected(stored) -> dict[str, bytes]:
    file = stored.vector.expected
    return {} if file is None else {file.name: stored.read(file)}


def test_ids_stay(root: Path, tmp_path: Path) -> None:
    vectors = [stored.vector for stored in load_suite(root).vectors]
    build(root, tmp_path / "1.tar")
    write_manifest(root, vectors[1:])
    with pytest.raises(PackageError, match="removed, but is not retired"):
        build(root, tmp_path / "2.tar", previous=tmp_path / "1.tar")
    silent = vectors[0].model_copy(update={"title": "changed in silence"})
    stored = load_suite(root, levels=()).root / silent.level / silent.id
    write_vector(root, silent, {path.name: path.read_bytes() for path in stored.iterdir() if path.name != "vector.json"})
    write_manifest(root, [silent, *vectors[1:]])
    assert manifest_entry(silent) != manifest_entry(vectors[0])
    with pytest.raises(PackageError, match="revision 1 is not above 1"):
        build(root, tmp_path / "2.tar", previous=tmp_path / "1.tar")


def test_a_suite_that_is_not_whole_is_not_built(root: Path, tmp_path: Path) -> None:
    victim = next(root.rglob("stream.nnr"))
    victim.write_bytes(b"other")
    with pytest.raises(SuiteError, match=r"stream\.nnr"):
        build(root, tmp_path / "p.tar")
    assert not (tmp_path / "p.tar").exists()


def test_a_package_is_a_suite_for_a_run(package: Path, root: Path) -> None:
    both = [Level.CORE, Level.NEGATIVE]
    chosen, folder = (select(path, both, [parse_filter("id=good-*")]) for path in (package, root))
    assert chosen.manifest_sha256 == folder.manifest_sha256
    assert [stored.vector for stored in chosen.vectors] == [stored.vector for stored in folder.vectors]
    assert [stored.read(stored.vector.stream) for stored in chosen.vectors] == [
        stored.read(stored.vector.stream) for stored in folder.vectors
    ]
    assert chosen.source == package
    scratch = chosen.root
    assert sorted(path.name for path in scratch.iterdir()) == ["core", "manifest.json"]
    del chosen
    assert not scratch.exists()


def cli(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.slow
def test_the_commands(package: Path, root: Path, tmp_path: Path) -> None:
    private, public = key_files(tmp_path)
    built = cli("package", "build", root, "two.tar", "--previous", package, "--key", private, cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    assert "version 1.0.0, signed" in built.stdout
    whole = cli("package", "verify", "two.tar", "--key", public, cwd=tmp_path)
    assert whole.returncode == 0
    assert whole.stdout.startswith("whole: nnc-conformance-vectors 1.0.0, ")
    assert cli("package", "diff", package, "two.tar", cwd=tmp_path).returncode == 0
    (tmp_path / "bad.tar").write_bytes(package.read_bytes()[:-1])
    bad = cli("package", "verify", "bad.tar", cwd=tmp_path)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("nnc-conformance: error: bad.tar: ")
    ran = cli("run", package, "--decoder", support.command("toy.py"), "--output", "out", "--jobs", "1", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads((tmp_path / "out/run.json").read_text())["suite"] == str(package)
    listed = cli("list", package, "--level", "negative", cwd=tmp_path)
    assert listed.returncode == 0
    assert listed.stdout.count("\n") == 2
