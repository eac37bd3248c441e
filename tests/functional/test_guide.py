"""The administrators' guide (docs/quan-tri.md): its commands, run as they stand there."""
import re
import subprocess

import pytest

import kit

GUIDE = kit.SOURCE / "docs/quan-tri.md"
LOOK = "## 6."


def commands(text):
    return "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S))


@pytest.fixture
def shell(programs, tmp_path):
    """Runs a script where the programs are installed, as the guide supposes; what it started ends with the test."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "lienthong-broker").symlink_to(programs.broker)
    agent = bin_ / "lienthong-agent"
    agent.write_text(f'#!/bin/sh\nexec "{programs.agent}" "$@"\n')
    agent.chmod(0o755)
    cli = bin_ / "lienthong"
    cli.write_text('#!/bin/sh\ncase "$1 $2" in "init broker" | "init agent") '
                   f'exec "{programs.cli}" "$@" --config "{programs.share}" ;; esac\nexec "{programs.cli}" "$@"\n')
    cli.chmod(0o755)
    work = tmp_path / "w"
    work.mkdir()
    env = {**programs.environ(), "PATH": f"{bin_}:/usr/bin:/bin"}

    def run(script):
        return subprocess.run(["bash", "-euc", script], cwd=work, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=60)
    run.work = work
    yield run
    if (work / "pids").exists():
        subprocess.run(["bash", "-c", "kill $(cat pids)"], cwd=work, check=False)
        kit.wait_until(lambda: run("for p in $(cat pids); do ! kill -0 $p 2>/dev/null; done").returncode == 0, "they end")


def test_from_nothing_to_the_ministry(shell):
    text = GUIDE.read_text()
    for port in set(re.findall(r"127\.0\.0\.1:(\d+)", text)):
        text = text.replace(port, str(kit.PORTS_OF_RUN.take()))
    make, look = (commands(part) for part in text.split(LOOK))
    starts = re.sub(r" &$", " >started & echo $! >>pids", make, flags=re.M)
    done = shell(starts)
    assert done.returncode == 0, done.stdout
    kit.wait_until(lambda: "bo đã nhận tới gói 1" in shell("lienthong --node truong status").stdout,
                   lambda: shell("cat *.log").stdout)
    done = shell(look)
    assert done.returncode == 0, done.stdout
    assert "Học Sinh Thử 1\n" in done.stdout
    assert re.search(r"^79000123 +pupil +40$", done.stdout, re.M), done.stdout
