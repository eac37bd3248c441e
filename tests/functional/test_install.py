"""`cmake --install` into a prefix of its own, and first light from there, the capture child included."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import kit
from conftest import Small


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    build = Path(os.environ.get("LTH_BUILD", kit.SOURCE / "build"))
    prefix = tmp_path_factory.mktemp("prefix")
    done = subprocess.run(["cmake", "--install", build, "--prefix", prefix], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return prefix


def test_what_is_installed(installed):
    found = {str(p.relative_to(installed)) for p in installed.rglob("*") if p.is_file()}
    assert {"bin/lienthong", "bin/lienthong-broker", "bin/lienthong-agent", "bin/lienthong-intake",
            "libexec/lienthong/lienthong-capture"} <= found
    for folder in ("datasets", "codelists", "profiles", "public"):
        there = sorted(p.name for p in (kit.SOURCE / "config" / folder).iterdir())
        assert there and sorted(p.name for p in (installed / "share/lienthong" / folder).iterdir()) == there
    assert {"share/lienthong/intake.yaml", "share/lienthong/examples/nginx/lienthong.conf",
            "share/lienthong/examples/sftp/sshd_config.d/lienthong.conf",
            "share/lienthong/examples/windows/nop-du-lieu.cmd"} <= found
    for unit in ("lienthong-broker@", "lienthong-agent", "lienthong-intake"):
        assert any(f.endswith(f"{unit}.service") for f in found)
    for page in (p.name for p in (kit.SOURCE / "docs/man").glob("*.scd")):
        assert shutil.which("scdoc") is None or any(f.endswith("/" + page.removesuffix(".scd")) for f in found)


def test_first_light_from_the_installed_tree(installed):
    bin_ = installed / "bin"
    programs = kit.Programs(bin_ / "lienthong-broker", bin_ / "lienthong-agent", bin_ / "lienthong",
                            share=installed / "share/lienthong")
    with kit.Country(programs) as country:
        world = Small(country, ("s01",), pupils=5).start()
        world.wait_settled()
        world.schools["s01"].touch(3)
        world.wait_settled()
