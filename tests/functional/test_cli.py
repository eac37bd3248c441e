"""The administrators' command on running nodes: exit statuses, JSON, languages, configuration errors."""
import json
import os
import re
import shutil
import socket
import subprocess

import pytest

import kit

YES, NO, USAGE, UNREACHABLE, REFUSED = range(5)


@pytest.fixture(scope="module")
def world(programs):
    from conftest import Small
    with kit.Country(programs) as country:
        made = Small(country, ("s01",), pupils=4, datasets=("class", "pupil")).start()
        made.wait_settled()
        yield made


@pytest.fixture(scope="module")
def key(world):
    return world.schools["s01"].keys("pupil")[0]


@pytest.fixture(scope="module")
def proof(world, key):
    path = world.country.dir / "cli.proof"
    assert world.bo.cli("record", "show", "pupil", "s01", key, "--proof", path).returncode == YES
    return path


BROKER_VERBS = {
    "status": ["status"], "counts": ["counts"], "held list": ["held", "list"],
    "record list": ["record", "list", "pupil"], "record list of": ["record", "list", "pupil", "--org", "s01"],
    "conf check": ["conf", "check"],
}


@pytest.mark.parametrize("verb", BROKER_VERBS)
def test_broker_answers_in_json_and_for_people(world, verb):
    for node in world.tiers:
        done = node.cli("--json", *BROKER_VERBS[verb])
        assert done.returncode == YES, done.stderr
        assert json.loads(done.stdout) and done.stderr == ""
        assert node.cli(*BROKER_VERBS[verb]).returncode == YES


@pytest.mark.parametrize("args", [["status"], ["held", "list"], ["source", "check", "s01"],
                                  ["source", "check", "s01", "pupil"], ["source", "scan", "s01"], ["conf", "check"]])
def test_agent_answers(world, args):
    agent = world.agents["s01"]
    done = agent.cli("--json", *args)
    assert done.returncode == YES, done.stderr
    if done.stdout:
        json.loads(done.stdout)
    assert agent.cli(*args).returncode == YES


def test_source_check_shows_mapped_rows(world):
    rows = world.agents["s01"].json("source", "check", "s01", "pupil")["rows"]
    shown = [r for r in rows if r.get("fields")]
    assert shown and {f["name"] for f in shown[0]["fields"]} >= {"pupil_code", "full_name", "birth_date"}


def test_record_show(world, key):
    part = world.bo.json("record", "show", "pupil", "s01", key)["parts"][0]
    assert part["state"] == "live" and part["provenance"]["verified"]
    same = world.bo.json("record", "show", "pupil", "s01", f"id:{part['id']}")["parts"][0]
    assert same["id"] == part["id"]


def test_status_check(world):
    kit.wait_until(lambda: world.so.cli("status", "--check").returncode == YES,
                   lambda: world.so.cli("status", "--check").stdout)
    done = world.so.cli("--json", "status", "--check")
    assert json.loads(done.stdout)["ok"] is True


def test_status_check_says_no_when_the_parent_is_away(world):
    world.bo.stop()
    try:
        done = kit.wait_until(lambda: (d := world.so.cli("status", "--check")).returncode == NO and d, "cut is noticed")
        assert done.stdout.startswith("WARNING lienthong") and len(done.stdout.splitlines()) == 1
        first = world.so.cli("--lang", "en", "status").stdout.splitlines()[0]
        assert "parent bo DOWN" in first, "worst first"
    finally:
        world.bo.start()


def test_agent_tells_a_lost_link_from_a_refused_one(world):
    agent = world.agents["s01"]
    own = next(world.so.dir.glob("peers/s01-*.crt"))

    def first_line(wanted):
        return kit.wait_until(lambda: wanted in (line := agent.cli("--lang", "en", "status").stdout.splitlines()[0]) and line,
                              lambda: agent.cli("--lang", "en", "status").stdout)
    world.so.stop()
    kept = own.read_bytes()
    try:
        assert first_line(" DOWN").startswith("node s01"), "worst first"
        own.unlink()
        world.so.start()
        assert "peers/" in first_line(" REFUSES ")
    finally:
        own.write_bytes(kept)
        world.so.stop()
        world.so.start()
    kit.wait_until(lambda: agent.cli("status", "--check").returncode == YES, lambda: agent.cli("status").stdout)


# ---- exit statuses

def test_no(world, key):
    for args in (["record", "show", "pupil", "s01", "99900000000000"], ["record", "show", "pupil", "s01", "id:" + "0" * 32]):
        done = world.bo.cli(*args)
        assert done.returncode == NO and done.stderr.startswith("lienthong: ")
    for node in (world.bo, world.agents["s01"]):
        assert node.cli("held", "list").returncode == YES
        assert node.cli("held", "show", "99999", "0").returncode == NO


def test_a_verb_of_the_other_program_says_whom_to_ask(world):
    done = world.bo.cli("--lang", "en", "source", "check", "s01")
    assert done.returncode == USAGE and "of an agent" in done.stderr
    done = world.agents["s01"].cli("--lang", "en", "counts")
    assert done.returncode == USAGE and "of a broker" in done.stderr


@pytest.mark.parametrize("args", [
    [], ["nonsense"], ["status", "extra"], ["status", "--nonsense"], ["record", "list"], ["record", "show", "pupil"],
    ["held", "show", "x", "y"], ["verify"], ["record", "list", "pupill"], ["record", "list", "pupil", "--org", "nobody"],
    ["record", "show", "pupil", "s01", "id:xyz"], ["verify", "/nonexistent", "--root", "/nonexistent"],
    ["init", "broker", "/tmp/never"], ["init", "nonsense"], ["source", "check"], ["record", "list", "pupil", "--org"]])
def test_wrong_usage(world, args):
    done = world.bo.cli(*args)
    assert done.returncode == USAGE, (done.stdout, done.stderr)
    assert done.stderr


def test_which_node(programs):
    assert programs.run("status").returncode == USAGE


@pytest.mark.parametrize("verb", [["status"], ["counts"], ["held", "list"], ["record", "list", "pupil"],
                                  ["record", "show", "pupil", "s01", "x"]])
def test_unreachable(world, programs, verb):
    stopped = world.country.copy_of(world.so, f"b-not-running-{len(verb)}-{verb[-1][:3]}")
    done = programs.run("--node", stopped.dir, *verb)
    assert done.returncode == UNREACHABLE and done.stdout == "", done.stderr
    assert programs.run("--node", world.country.dir / "nowhere", *verb).returncode == UNREACHABLE


def test_env_names_the_node(world, programs):
    assert programs.run("status", env={"LIENTHONG_NODE": str(world.so.dir)}).returncode == YES
    assert programs.run("--node", world.so.socket, "status").returncode == YES


def test_verify(world, proof, programs, tmp_path):
    root = world.country.root_crt()
    assert programs.run("verify", proof, "--root", root).returncode == YES
    assert programs.run("verify", proof, env={"LIENTHONG_ROOT": str(root)}).returncode == YES
    if not os.path.exists("/etc/lienthong/root.crt"):
        assert programs.run("verify", proof).returncode == USAGE
    cut = tmp_path / "cut"
    cut.write_bytes(proof.read_bytes()[:-1])
    done = programs.run("--lang", "en", "verify", cut, "--root", root)
    assert done.returncode == NO and "checksum" in done.stdout


def test_a_proof_is_not_overwritten(world, key, proof):
    before = proof.read_bytes()
    assert world.bo.cli("record", "show", "pupil", "s01", key, "--proof", proof).returncode == USAGE
    assert proof.read_bytes() == before
    assert world.bo.cli("record", "show", "pupil", "s01", key, "--proof", proof, "--force").returncode == YES


# ---- languages

@pytest.mark.parametrize("args, env, english", [
    ([], {}, False), ([], {"LANG": "C"}, False), ([], {"LC_ALL": "POSIX"}, False), ([], {"LANG": "en_US.UTF-8"}, True),
    ([], {"LC_ALL": "en_GB", "LANG": "vi_VN"}, True), ([], {"LC_ALL": "vi_VN", "LANG": "en_US"}, False),
    (["--lang", "en"], {}, True), (["--lang", "vi"], {"LANG": "en_US"}, False)])
def test_languages(world, args, env, english):
    done = world.so.cli(*args, "status", env=env)
    assert done.returncode == YES
    assert ("node 79" in done.stdout) == english and ("nút 79" in done.stdout) != english
    refused = world.so.cli(*args, "record", "list", "pupill", env=env)
    assert ("no such dataset" in refused.stderr) == english


def test_help_and_version(programs):
    for program in (programs.cli, programs.broker, programs.agent):
        for option, said in (("--version", r"\d+\.\d+\.\d+"), ("--help", "--node")):
            done = subprocess.run([program, option], capture_output=True, encoding="utf-8", env=programs.environ())
            assert done.returncode == YES and re.search(said, done.stdout), (program, option, done.stdout)


def test_dataset_verbs(world, programs):
    datasets = world.so.dir / "datasets"
    done = programs.run("--json", "dataset", "list", datasets)
    assert done.returncode == YES and "term_result" in done.stdout
    proto = programs.run("dataset", "proto", "pupil", datasets)
    assert proto.returncode == YES and 'syntax = "proto3"' in proto.stdout
    assert programs.run("dataset", "proto", "pupill", datasets).returncode == USAGE


@pytest.mark.parametrize("verb, document", [(["conf", "docs"], "config.md"), (["errors"], "errors.md")])
def test_documents_are_as_printed(programs, verb, document):
    done = programs.run(*verb)
    assert done.returncode == YES
    assert done.stdout == (kit.SOURCE / "docs" / document).read_text("utf-8")


# ---- configuration errors

def replaced(path, old, new):
    text = path.read_text("utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new, 1), "utf-8")


MISTAKES = [  # kind, file, right, wrong, what the message must hold
    ("b", "broker.yaml", "limits:", "limit:", ["limit", "limits"]),
    ("b", "broker.yaml", "peers: 6000", "peers: many", ["peers"]),
    ("b", "routes.yaml", "purpose:", "purposes:", ["purposes", "purpose"]),
    ("b", "routes.yaml", "class:", "clas:", ["clas", "class"]),
    ("b", "datasets/pupil.yaml", "group: contact, type: text, max: 250", "group: contct, type: text, max: 250",
     ["contct", "contact"]),
    ("b", "orgs.yaml", "kind: school", "kin: school", ["kin", "kind"]),
    ("a", "agent.yaml", "mode: diff", "mode: dif", ["dif", "diff"]),
    ("a", "agent.yaml", "full_name:", "full_nam:", ["full_nam", "full_name"]),
    ("a", "agent.yaml", "dataset: pupil", "dataset: pupils", ["pupils", "pupil"]),
]


@pytest.mark.parametrize("kind, file, right, wrong, words", MISTAKES)
def test_conf_check_names_place_and_nearest_name(world, tmp_path, kind, file, right, wrong, words):
    node = world.so if kind == "b" else world.agents["s01"]
    there = tmp_path / "n"
    shutil.copytree(node.dir, there, ignore=shutil.ignore_patterns("*.sock", "store"))
    if file == "agent.yaml":
        kit.change_yaml(there / file, lambda y: [t.setdefault("mode", "diff") for t in y["schools"][0]["tables"]])
    replaced(there / file, right, wrong)
    done = world.country.programs.run("--lang", "en", "conf", "check", there)
    assert done.returncode == USAGE, done.stdout
    line = next(x for x in done.stderr.splitlines() if words[0] in x)
    assert re.search(rf"{re.escape(file)}:\d+:\d+: ", line), line
    assert all(f'"{w}"' in line or w in line for w in words), line
    where = (there / file).read_text("utf-8").splitlines()
    number, column = map(int, re.search(r":(\d+):(\d+): ", line).groups())
    assert wrong.split(":")[0].split()[0] in where[number - 1], "the line it names"
    assert 1 <= column <= len(where[number - 1])
    as_json = json.loads(world.country.programs.run("--json", "conf", "check", there).stdout)
    assert not as_json["good"] and as_json["errors"][0]["line"] > 0
    assert as_json["errors"][0]["vi"] != as_json["errors"][0]["en"]


INTAKE = "intake:\n  agent: a.sock\n  hosted: hosted\n  state: state\npage:\n  url: https://nop.example\n"


def test_conf_check_of_an_upload_page(world, tmp_path):
    def check(path):
        return world.country.programs.run("--lang", "en", "conf", "check", path)
    (tmp_path / "intake.yaml").write_text(INTAKE)
    assert check(tmp_path).returncode == YES and check(tmp_path / "intake.yaml").returncode == YES
    replaced(tmp_path / "intake.yaml", "hosted:", "hostd:")
    done = check(tmp_path)
    assert done.returncode == USAGE and "intake.yaml:3:3: " in done.stderr and '"hosted"' in done.stderr, done.stderr


def test_conf_check_of_a_page_beside_its_agent(world, tmp_path):
    there = tmp_path / "n"
    shutil.copytree(world.agents["s01"].dir, there, ignore=shutil.ignore_patterns("*.sock", "store"))
    for good, status in ((INTAKE, YES), (INTAKE.replace("url:", "ulr:"), USAGE)):
        (there / "intake.yaml").write_text(good)
        assert world.country.programs.run("conf", "check", there).returncode == status
    replaced(there / "agent.yaml", "node:", "nod:")
    (there / "intake.yaml").write_text(INTAKE)
    assert world.country.programs.run("conf", "check", there).returncode == USAGE


def test_conf_check_where_nothing_is(world, tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        done = world.country.programs.run("--lang", "en", "conf", "check", path)
        assert done.returncode == USAGE and "there is no agent.yaml, broker.yaml or intake.yaml here" in done.stderr


def test_help_of_some_verbs(world):
    run = world.country.programs.run
    some = run("--lang", "en", "upload", "--help")
    assert some.returncode == YES and "upload accept" in some.stdout and "held list" not in some.stdout
    assert "held list" in run("--lang", "en", "--help").stdout
    wrong = run("--lang", "en", "upload")
    assert wrong.returncode == USAGE and "upload show" in wrong.stderr and "held list" not in wrong.stderr
    assert "held list" in run("--lang", "en", "uplod").stderr


def test_programs_refuse_what_conf_check_refuses(world, tmp_path):
    for node in (world.so, world.agents["s01"]):
        there = tmp_path / node.dir.name
        shutil.copytree(node.dir, there, ignore=shutil.ignore_patterns("*.sock", "store"))
        with open(there / ("broker.yaml" if node is world.so else "agent.yaml"), "a", encoding="utf-8") as out:
            out.write("nonsense: 1\n")
        done = subprocess.run([node.program, "--node", there], capture_output=True, encoding="utf-8",
                              env=world.country.programs.environ(), timeout=kit.PATIENCE_S)
        assert done.returncode == USAGE and "nonsense" in done.stderr and ".yaml:" in done.stderr


# ---- who may ask

ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
try:
    s.sendall(b'{"verb":"status"}\\n')
    print("answered" if s.recv(1) else "refused")
except ConnectionError:
    print("refused")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_control_socket_is_for_its_owner(world, programs):
    node = world.so
    assert oct(node.socket.stat().st_mode & 0o777) == "0o600"
    for path in (world.country.dir, node.dir, node.dir / "run"):
        path.chmod(0o755)
    node.socket.chmod(0o666)  # even then the node looks at who asks
    try:
        asked = [subprocess.run(["runuser", "-u", user, "--", "/usr/bin/python3", "-c", ASK, node.socket],
                                capture_output=True, encoding="utf-8", timeout=kit.PATIENCE_S).stdout.strip()
                 for user in ("root", "nobody")]
        assert asked == ["answered", "refused"]
    finally:
        node.socket.chmod(0o600)


def test_control_socket_refuses_nonsense(world):
    for line in (b"nonsense\n", b"[]\n", b'{"verb":"nonsense"}\n', b'{"verb":5}\n', b"\n"):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(kit.PATIENCE_S)
            s.connect(str(world.so.socket))
            s.sendall(line)
            answer = s.makefile("rb").readline()
            assert answer == b"" or json.loads(answer)["error"]["exit"] in (USAGE, REFUSED)
    assert world.so.ask("status")


# ---- init

def test_init_refuses_to_overwrite(world, programs):
    done = programs.run("init", "broker", world.so.dir, "--ca", world.country.ca("79"), "--org", "79", "--config",
                        programs.share)
    assert done.returncode in (USAGE, REFUSED)
    assert programs.run("init", "ca", world.country.dir / "ca-x", "--root", world.country.dir / "root", "--org",
                        "nobody").returncode == USAGE
    for secret in ("sign.key", "curve.key", "id.key"):
        assert oct((world.so.dir / "identity" / secret).stat().st_mode & 0o777) == "0o400"
