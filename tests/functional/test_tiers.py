"""Three tiers, groups withheld on the way, a dataset of which only headers leave; proofs of what is left."""
import hashlib
import json
import random

import pytest

import kit
import lthverify
from school import School

DATASETS = ("class", "pupil", "term_result")
SHOWN = {  # groups of a pupil at each tier: what the routes below name
    "79-1": {"key", "identity", "contact", "statistic", "health", "id_papers", "welfare"},
    "79": {"key", "identity", "contact", "statistic"},
    "bo": {"key", "identity", "statistic"},
}
SENSITIVE = {"contact": ("father_phone",), "health": ("height_cm",)}
PROGRAM_CHANGES = 200


def found_tree(country):
    """bo - 79 - 79-1 - s01, and bo - 46 - s46."""
    for code, kind, under in (("bo", "ministry", None), ("79", "province", "bo"), ("79-1", "district", "79"),
                              ("46", "province", "bo"), ("s01", "school", "79-1"), ("s46", "school", "46")):
        country.org(code, kind, under=under)
    country.found()
    tree = {"bo": country.broker("bo")}
    tree["79"] = country.broker("79", parent=tree["bo"], share={
        "pupil": {"share": sorted(SHOWN["bo"])}, "class": {"send": "headers"}, "term_result": {"share": "all"}})
    tree["79-1"] = country.broker("79-1", parent=tree["79"], ca="79", share={
        "pupil": {"share": sorted(SHOWN["79"])}, "class": {"share": "all"}, "term_result": {"share": "all"}})
    tree["46"] = country.broker("46", parent=tree["bo"], share={"pupil": {"share": "all"}})
    return tree


def found_schools(country, tree):
    schools = {}
    for code, broker, ca in (("s01", "79-1", "79"), ("s46", "46", "46")):
        schools[code] = School(country.dir / f"{code}.db", code, pupils=10, datasets=DATASETS)
        tree[code] = country.agent(code, tree[broker], ca, [schools[code].entry()])
    return schools


@pytest.fixture(scope="module")
def tree(programs):
    """The tree, running and settled."""
    with kit.Country(programs) as country:
        nodes = found_tree(country)
        schools = found_schools(country, nodes)
        for node in nodes.values():
            node.start()
        for code, dataset, tiers in (("s01", "pupil", ("79-1", "79", "bo")), ("s46", "pupil", ("46", "bo")),
                                     ("s01", "class", ("79-1", "79")), ("s46", "class", ("46",)),
                                     ("s01", "term_result", ("79-1", "79", "bo"))):
            for tier in tiers:
                kit.wait_until(lambda: schools[code].count(dataset) == nodes[tier].counts().get((code, dataset)),
                               lambda: f"{code} {dataset} at {tier}: {nodes[tier].counts()}\n{nodes[tier].log_tail()}")
        yield nodes, schools, country


def groups(node, dataset, org, key):
    parts = node.show(dataset, org, key)
    return {g["name"]: g["shown"] for g in parts["groups"]}, parts


def test_what_each_tier_shows(tree):
    nodes, schools, _ = tree
    for key, expected in schools["s01"].records("pupil").items():
        for tier, shown in SHOWN.items():
            names, part = groups(nodes[tier], "pupil", "s01", key)
            assert {n for n, yes in names.items() if yes} == shown
            assert set(names) == SHOWN["79-1"], "a withheld group leaves its commitment"
            assert part["provenance"]["verified"] and part["provenance"]["signed_by"] == "school"
            hidden = {f for g, fields in SENSITIVE.items() if g not in shown for f in fields}
            assert nodes[tier].fields("pupil", "s01", key) == {
                k: v for k, v in expected.items() if k not in hidden}


def test_share_all_leaves_sensitive_groups_behind(tree):
    nodes, schools, _ = tree
    for key in schools["s46"].keys("pupil"):
        at = {t: {n for n, yes in groups(nodes[t], "pupil", "s46", key)[0].items() if yes} for t in ("46", "bo")}
        assert at["46"] == SHOWN["79-1"]
        assert at["bo"] == {"identity", "key", "statistic"}


def test_headers_only_and_unnamed_datasets_stay(tree):
    nodes, schools, _ = tree
    bo = nodes["bo"].counts()
    assert ("s01", "class") not in bo and ("s46", "class") not in bo and ("s46", "term_result") not in bo
    assert nodes["bo"].records("class", "s01") == []
    for code in ("s01", "s46"):  # yet the chain arrives whole: same head as at the school
        school = nodes[code].row("school")
        at_bo = nodes["bo"].row("origin", org=code)
        assert (at_bo["epoch"], at_bo["batch_seq"]) == (school["epoch"], school["batch_seq"])
        assert at_bo["state"] == "ok"


def test_receipts_say_in_which_form(tree):
    nodes, _, _ = tree
    agent = nodes["s01"]
    newest = kit.wait_until(
        lambda: (r := {x["tier"]: x["form"] for x in agent.row("school")["receipts"]}) and len(r) == 3 and r,
        "receipts of three tiers")
    assert newest["79-1"] == "whole"
    assert newest["bo"] in ("redacted", "headers")


# ---- proofs

@pytest.fixture(scope="module")
def proof(tree):
    """A proof of a pupil whose sensitive groups are withheld, made at the ministry."""
    nodes, schools, country = tree
    path = country.dir / "pupil.proof"
    nodes["bo"].json("record", "show", "pupil", "s01", schools["s01"].keys("pupil")[0], "--proof", path)
    return path.read_bytes()


def step_of(data, root_der):
    try:
        return lthverify.check_proof(data, root_der)
    except lthverify.Refused as refused:
        return refused.code


def changed(data, at, by):
    out = bytearray(data)
    out[at] ^= by
    return bytes(out)


def summed_again(data, at, by):
    """Changed by somebody who also makes the closing checksum right."""
    out = changed(data, at, by)[:-32]
    return out + hashlib.sha256(out).digest()


def test_proof_verifies_in_both(tree, proof, programs):
    nodes, schools, country = tree
    path = country.dir / "good.proof"
    path.write_bytes(proof)
    done = programs.run("--json", "verify", path, "--root", country.root_crt())
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    found = lthverify.check_proof(proof, lthverify.pem_to_der(country.root_crt().read_text()))
    assert answer["verified"] and answer["record_id"] == found["record_id"]
    assert answer["origin"] == found["origin"] == found["signer"] == kit.org_id("s01").hex()
    assert [g["number"] for g in answer["groups"] if not g["shown"]] == found["withheld"] == [2, 6, 7, 8]
    assert found["shown"] == [1, 3, 5]
    phone = schools["s01"].records("pupil")[schools["s01"].keys("pupil")[0]].get("father_phone")
    assert phone is None or phone.encode() not in proof


def test_proof_is_bound_to_its_root(proof, tree, programs, tmp_path):
    with kit.Country(programs) as other:
        other.org("bo", "ministry")
        other.found()
        path = tmp_path / "p"
        path.write_bytes(proof)
        done = programs.run("--json", "verify", path, "--root", other.root_crt())
        assert done.returncode == 1 and json.loads(done.stdout)["step"] == "certificate"
        assert step_of(proof, lthverify.pem_to_der(other.root_crt().read_text())) == "certificate"


def test_no_byte_of_a_proof_can_be_changed_python(tree, proof):
    root = lthverify.pem_to_der(tree[2].root_crt().read_text())
    rng = random.Random(3)
    for at in range(len(proof)):
        by = rng.randint(1, 255)
        assert step_of(changed(proof, at, by), root) == "checksum", at
        if at < len(proof) - 32:
            assert isinstance(step_of(summed_again(proof, at, by), root), str), at
    assert step_of(proof[:-1], root) == step_of(proof + b"\0", root) == "checksum"


def test_no_byte_of_a_proof_can_be_changed_program(tree, proof, programs, tmp_path):
    root, rng = tree[2].root_crt(), random.Random(4)
    path, steps = tmp_path / "changed", set()
    for n in range(PROGRAM_CHANGES):
        at = rng.randrange(len(proof) - 32)
        path.write_bytes((changed, summed_again)[n % 2](proof, at, rng.randint(1, 255)))
        done = programs.run("--json", "verify", path, "--root", root)
        assert done.returncode == 1, (at, done.stdout, done.stderr)
        answer = json.loads(done.stdout)
        assert not answer["verified"]
        steps.add(answer["step"])
    assert {"checksum", "certificate", "path"} <= steps, "changes reach every part of the check"
