"""`cmake --install` into a prefix of its own, and first light from there, the capture child included."""
import os
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
    assert {"bin/lienthong", "bin/lienthong-broker", "bin/lienthong-agent",
            "libexec/lienthong/lienthong-capture"} <= found
    for name in ("school", "class", "pupil", "enrolment", "term_result"):
        assert f"share/lienthong/datasets/{name}.yaml" in found
    assert any(f.endswith("lienthong-broker@.service") for f in found)
    assert any(f.endswith("lienthong-agent.service") for f in found)


def test_first_light_from_the_installed_tree(installed):
    bin_ = installed / "bin"
    programs = kit.Programs(bin_ / "lienthong-broker", bin_ / "lienthong-agent", bin_ / "lienthong",
                            share=installed / "share/lienthong")
    with kit.Country(programs) as country:
        world = Small(country, ("s01",), pupils=5).start()
        world.wait_settled()
        world.schools["s01"].touch(3)
        world.wait_settled()
