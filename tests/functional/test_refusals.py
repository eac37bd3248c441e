"""Hostile peers: each refused with its code, and every time another school's change still arrives.

The peers are played by tests/tools/link.py with real identities; every attack has a school of its own.
"""
import contextlib
import os
import shutil
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import zmq

import kit
import link as l
import lthverify as v
from school import School

PUPIL = 5
KEY, IDENTITY, CONTACT, STATISTIC, HEALTH = 5, 1, 2, 3, 6
FLOOD = 500
SCHOOLS = 50
CUT_S = 3


class Hostile:
    """bo - 79 - schools f01.. (played), s02 (real); and broker 46 with g01 (both played)."""

    def __init__(self, country):
        self.country, self.used = country, 0
        country.org("bo", "ministry")
        for code in ("79", "46"):
            country.org(code, "province", under="bo")
        names = [f"f{i:02d}" for i in range(1, SCHOOLS + 1)]
        for code in (*names, "s02"):
            country.org(code, "school", under="79")
        country.org("g01", "school", under="46")
        country.found()
        self.bo = country.broker("bo")
        self.so = country.broker("79", parent=self.bo, share={"pupil": {"share": "all"}})
        self.b46 = country.broker("46", parent=self.bo)
        self.victims = country.agent("g01", self.b46, "46", [])
        self.others = School(country.dir / "s02.db", "s02", pupils=5, datasets=("pupil",))
        self.agent = country.agent("s02", self.so, "79", [self.others.entry()])
        with ThreadPoolExecutor(4) as pool:
            made = pool.map(lambda name: country.agent(name, self.so, "79", []), names)
        self.played = dict(zip(names, made))
        for node in (self.bo, self.so, self.agent):
            node.start()
        self.others_go_on()

    def fresh(self):
        """A school that nobody has spoken for yet."""
        self.used += 1
        return list(self.played)[self.used - 1]

    def identity(self, name):
        return l.Identity(self.played[name].dir / "identity")

    def link(self, identity, broker=None, **more):
        return l.Link(kit.endpoint_of(broker or self.so), identity, **more)

    def others_go_on(self):
        self.others.touch(1)
        for tier in (self.bo, self.so):
            kit.wait_until(lambda: tier.keys("pupil", "s02") == self.others.keys("pupil"),
                           lambda: f"s02 at {tier.org}\n{tier.log_tail()}\n{self.agent.log_tail()}")

    def origin(self, name, broker=None):
        return (broker or self.so).row("origin", org=name)


@pytest.fixture(scope="module")
def hostile_world(programs):
    with kit.Country(programs) as country:
        yield Hostile(country)


@pytest.fixture
def world(hostile_world):
    yield hostile_world
    assert hostile_world.so.running() and hostile_world.bo.running()
    hostile_world.others_go_on()


@pytest.fixture
def name(world):
    return world.fresh()


@pytest.fixture
def peer(world, name):
    """An open link of a fresh school, with an epoch granted and nothing sent yet."""
    with world.link(world.identity(name)) as link:
        link.head = opened(link)
        yield link


def opened(link):
    """Open, and nothing left to be read: a first epoch is waited for, and then the word to go."""
    head = link.open()
    link.expect("resume", where=lambda m: m.state == l.frames.RESUME_STATE_GO)
    link.kept.clear()
    return head


def pupil(org, number, name="Trẻ Giả Định", prefix=None, record_id=None, **more):
    groups = {
        KEY: l.field_text(4, f"999{number:08d}"), CONTACT: b"", HEALTH: b"",
        IDENTITY: l.field_text(1, name) + l.field_uint(2, 20160501),
        STATISTIC: l.field_text(3, "1") + l.field_text(5, "01")}
    where = record_id or (prefix or org)[:8] + struct.pack(">Q", number)
    return l.record(PUPIL, where, groups, **more)


def code_of(answer):
    """Name of the refusal; "receipt" when it was taken."""
    return "receipt" if isinstance(answer, dict) else l.REFUSALS[answer.code][0]


def sent(link, signed, body, **more):
    link.batch(signed, body, **more)
    return code_of(link.answer_to(signed))


def first(link, **changes):
    return link.identity.batch(link.head, 1, [pupil(link.identity.org, 1)], **changes)


def code_said(link, seconds=None):
    return code_of(link.expect("reject", seconds=seconds))


def cut(link):
    """Does the broker no longer listen to this link?"""
    while link.receive(0):
        pass
    link.kept.clear()
    link.socket.sndtimeo = CUT_S * 1000
    try:
        for _ in range(2):  # the first may go down with the old connection
            link.link_hello()
            link.socket.poll(CUT_S * 1000)
        link.expect("link_resume", seconds=0)
        return False
    except (TimeoutError, zmq.Again):
        return True


# ---- the control: an honest client is taken

def test_honest_batches_are_taken(world, name, peer):
    signed, body = first(peer)
    assert sent(peer, signed, body) == "receipt"
    signed2, body2 = peer.identity.batch(l.position_after(signed), 2, [pupil(peer.identity.org, 2)])
    assert sent(peer, signed2, body2) == "receipt"
    for tier in (world.so, world.bo):
        kit.wait_until(lambda: tier.keys("pupil", name) == ["99900000001", "99900000002"], f"taken at {tier.org}")


# ---- who may connect

def test_unknown_curve_key(world, name):
    stranger = world.identity(name)
    stranger.curve_secret = os.urandom(32)
    with world.link(stranger) as link:
        assert not link.door()


def test_certificate_of_another_root(world, name, programs):
    with kit.Country(programs) as other:
        other.org("bo", "ministry")
        other.org("79", "province", under="bo")
        other.org(name, "school", under="79")
        other.found()
        above = other.broker("79", ca="79")
        foreign = other.agent(name, above, "79", []).dir / "identity"
        # not through the door, even with its certificate put into peers/
        there = world.so.dir / "peers" / f"{name}-foreign.crt"
        shutil.copy(foreign / "sign.crt", there)
        assert world.so.reload()
        stranger = l.Identity(foreign)
        stranger.parent_curve = world.identity(name).parent_curve
        with world.link(stranger) as link:
            assert not link.door()
        there.unlink()
        # and not believed when an admitted peer shows it
        with world.link(world.identity(name)) as link:
            link.head = opened(link)
            link.certs([l.Signer(foreign)])
            assert code_said(link) == "wrong_key"
            signed, body = l.Signer(foreign).batch(link.head, 1, [pupil(link.identity.org, 1)])
            assert sent(link, signed, body) == "unknown_key"
    assert world.so.log_count("peer_certificate_refused") >= 1
    assert (name, "pupil") not in world.so.counts()


def test_certificate_of_another_province(world, name):
    """A leaf for a school of 79 made by 46's authority: the registry names another issuer."""
    identity = world.played[name].dir / "identity"
    made = world.country.dir / f"made-{name}"
    world.country.programs.must("init", "agent", made, "--ca", world.country.ca("46"), "--org", name, "--parent",
                                world.b46.dir, "--config", world.country.programs.share)
    with world.link(l.Identity(identity)) as link:
        link.head = opened(link)
        forged = l.Signer(made / "identity")
        link.certs([forged])
        assert code_said(link) == "wrong_key"
        signed, body = forged.batch(link.head, 1, [pupil(link.identity.org, 1)])
        assert sent(link, signed, body) == "wrong_key"
    assert (name, "pupil") not in world.so.counts()


def test_key_of_another_school(world, name, peer):
    """The right connection, but the batch is signed by a key certified for somebody else."""
    other = world.identity(world.fresh())
    peer.certs([other])
    signed, body = other.batch(peer.head, 1, [pupil(peer.identity.org, 1)], origin=peer.identity.org)
    assert sent(peer, signed, body) == "wrong_key"
    assert (name, "pupil") not in world.so.counts()


@pytest.mark.parametrize("changes, code", [
    ({"version": 9}, "bad_version"), ({"role": l.ROLES["broker"]}, "not_allowed"),
    ({"node_org": kit.org_id("s02")}, "not_allowed")])
def test_link_hello_must_be_true(world, name, changes, code):
    with world.link(world.identity(name)) as link:
        link.link_hello(**changes)
        assert code_said(link) == code


def test_nothing_before_hello(world, name):
    with world.link(world.identity(name)) as link:
        link.send("hello", origin=link.identity.org, head=l.Position(), session=1)
        assert code_said(link) == "no_hello"


# ---- what a batch must be

def test_broken_signature(world, name, peer):
    signed, body = first(peer)
    assert sent(peer, l.flipped(signed, 200), body) == "bad_signature"
    assert (name, "pupil") not in world.so.counts()


def test_altered_group(world, name, peer):
    signed, body = first(peer)
    at = body.index("Trẻ".encode())
    assert sent(peer, signed, l.flipped(body, at)) == "bad_root"
    assert (name, "pupil") not in world.so.counts()


def test_relabelled_withheld_group(world, name, peer):
    records = [pupil(peer.identity.org, 1)]
    signed, _ = peer.identity.batch(peer.head, 1, records)
    body = l.encode_body(1, records, withheld=(HEALTH,))
    at = body.rindex(struct.pack(">HB", HEALTH, 0))
    relabelled = body[:at] + struct.pack(">H", HEALTH + 1) + body[at + 2:]
    assert sent(peer, signed, relabelled) == "bad_root"
    assert (name, "pupil") not in world.so.counts()


@pytest.mark.parametrize("changes, code", [
    ({"domain": v.domain("LTH-BATCH-v2")}, "bad_context"), ({"sig_alg": 2}, "bad_algorithm"),
    ({"reserved": b"\1" + bytes(7)}, "bad_reserved"), ({"kind": 9}, "bad_header"),
    ({"rec_count": 2}, "bad_count")])
def test_wrong_headers(world, name, peer, changes, code):
    peer.batch(*first(peer, **changes))
    assert code_said(peer) == code
    assert (name, "pupil") not in world.so.counts()


def test_truncated_body(world, name, peer):
    signed, body = first(peer)
    assert sent(peer, signed, body[:-3]) == "bad_body"


def test_wrong_record_numbers(world, name, peer):
    signed, body = peer.identity.batch(peer.head, 7, [pupil(peer.identity.org, 1)])
    assert sent(peer, signed, body) == "bad_seq"


def test_body_over_its_limit(world, name, peer):
    """No frame can hold it: refused before anything of the batch is looked at."""
    peer.batch(first(peer)[0], bytes(768 * 1024 + 1))
    assert code_said(peer) == "bad_frame"


# ---- where it stands in the chain

def test_replay_is_acknowledged_not_merged_twice(world, name, peer):
    signed, body = first(peer)
    assert sent(peer, signed, body) == "receipt"
    record = pupil(peer.identity.org, 1, "Tên Sau")
    newer, newer_body = peer.identity.batch(l.position_after(signed), 2, [record])
    assert sent(peer, newer, newer_body) == "receipt"
    duplicates = world.so.row("node")["duplicates"]
    assert sent(peer, signed, body) == "receipt"
    kit.wait_until(lambda: world.so.row("node")["duplicates"] == duplicates + 1, "counted as a duplicate")
    assert world.origin(name)["records"] == 2
    assert world.so.counts()[name, "pupil"] == 1
    assert world.so.fields("pupil", name, "99900000001")["full_name"] == "Tên Sau"
    assert world.origin(name)["batch_seq"] == 2


def test_fork_freezes_and_both_headers_are_kept(world, name, peer):
    signed, body = first(peer)
    assert sent(peer, signed, body) == "receipt"
    other, other_body = peer.identity.batch(peer.head, 1, [pupil(peer.identity.org, 1, "Bản Khác")])
    assert sent(peer, other, other_body) == "fork"
    row = world.origin(name)
    assert (row["state"], row["refusal"]["code"]) == ("frozen", "fork")
    following, following_body = peer.identity.batch(l.position_after(signed), 2, [pupil(peer.identity.org, 2)])
    assert sent(peer, following, following_body) == "frozen"
    assert peer.resume(l.position_after(signed)).state == l.frames.RESUME_STATE_STOPPED
    assert world.so.fields("pupil", name, "99900000001")["full_name"] == "Trẻ Giả Định"
    kept = (world.so.dir / "store/data.mdb").read_bytes()
    assert signed + other in kept, "both signed headers are the proof"


def test_gap_is_asked_for(world, name, peer):
    signed, body = first(peer)
    second, second_body = peer.identity.batch(l.position_after(signed), 2, [pupil(peer.identity.org, 2)])
    peer.batch(second, second_body)
    answer = peer.answer_to(second)
    assert (code_of(answer), answer.resend_from) == ("gap", 1)
    assert sent(peer, signed, body) == "receipt"
    assert sent(peer, second, second_body) == "receipt"


def test_wrong_chain(world, name, peer):
    signed, body = first(peer)
    assert sent(peer, signed, body) == "receipt"
    position = l.position_after(signed)
    position.hash = os.urandom(32)
    other, other_body = peer.identity.batch(position, 2, [pupil(peer.identity.org, 2)])
    assert sent(peer, other, other_body) == "chain"


def test_epoch_not_granted(world, name, peer):
    signed, body = peer.identity.batch(l.Position(9, 0), 1, [pupil(peer.identity.org, 1)])
    assert sent(peer, signed, body) == "epoch_not_granted"
    assert (name, "pupil") not in world.so.counts()


def test_closed_epoch(world, name, peer):
    signed, body = first(peer)
    assert sent(peer, signed, body) == "receipt"
    peer.resume()
    peer.request_epoch()
    second, second_body = peer.identity.batch(l.position_after(signed), 2, [pupil(peer.identity.org, 2)])
    assert sent(peer, second, second_body) == "epoch_closed"


def test_automatic_grants_end_after_three_a_day(world, name, peer):
    for _ in range(4):
        signed, body = first(peer)
        assert sent(peer, signed, body) == "receipt"
        peer.resume()
        peer.send("epoch_request", origin=peer.identity.org, head=l.Position())
        answer = peer.expect("epoch_grant", "resume")
        if not hasattr(answer, "signed_grant"):
            break
        grant = v.decode_statement("grant", answer.signed_grant)
        peer.head = l.Position(grant["epoch"], 0, grant["closes_hash"])
    assert peer.head.epoch == 4, "the first and three more"
    assert answer.state == l.frames.RESUME_STATE_STOPPED
    assert l.REFUSALS[answer.code][0] == "epoch_not_granted"


# ---- for whom

def test_speaking_for_another_school(world, name, peer):
    victim_name = world.fresh()
    victim = world.identity(victim_name)
    peer.send("hello", origin=victim.org, head=l.Position(), session=1)
    assert code_said(peer) == "not_carrier"
    peer.certs([victim])
    for signer in (victim, peer.identity):
        signed, body = signer.batch(l.Position(1, 0), 1, [pupil(victim.org, 1)], origin=victim.org)
        assert sent(peer, signed, body) == "not_carrier"
    assert (victim_name, "pupil") not in world.so.counts()
    origin = world.origin(victim_name)
    assert origin is None or origin["state"] == "ok", "the victim is not stopped by it"


def test_record_of_another_school_is_held(world, name, peer):
    victim = kit.org_id("s02")
    stolen = world.so.records("pupil", "s02")[0]["id"]
    records = [pupil(peer.identity.org, 1), pupil(victim, 2, "Không Phải Của Mình", record_id=bytes.fromhex(stolen))]
    signed, body = peer.identity.batch(peer.head, 1, records)
    before = world.so.show("pupil", "s02", f"id:{stolen}")
    assert sent(peer, signed, body) == "receipt"
    held = peer.expect("held")
    assert (l.REFUSALS[held.code][0], held.record_index) == ("scope", 1)
    holds = [h for h in world.so.ask("held_list") if h["org"] == name]
    assert [(h["reason"]["code"], h["record_id"]) for h in holds] == [("scope", stolen)]
    assert world.so.counts()[name, "pupil"] == 1
    after = world.so.show("pupil", "s02", f"id:{stolen}")
    assert after["groups"] == before["groups"] and after["author"] == "s02"


def test_unknown_dataset_is_held(world, name, peer):
    odd = pupil(peer.identity.org, 1)
    odd["dataset"] = 999
    signed, body = peer.identity.batch(peer.head, 1, [odd])
    assert sent(peer, signed, body) == "receipt"
    assert l.REFUSALS[peer.expect("held").code][0] == "await_definition"


# ---- how much, and in what form

def test_malformed_frames(world, name, peer):
    for garbage in (b"\xff" * 40, b"\x32\x05ab", os.urandom(200)):
        peer.send_raw(garbage)
        assert code_said(peer) == "bad_frame"
    assert cut(peer), "three in a minute, and the peer is cut"


@pytest.mark.parametrize("spoil", [
    lambda raw: raw + b"\x08\x01", lambda raw: raw + raw, lambda raw: raw[:-1], lambda raw: b""])
def test_frames_are_strict(world, name, peer, spoil):
    frame = l.frames.Frame()
    frame.heartbeat.clock_ms = 5
    peer.send_raw(spoil(frame.SerializeToString()))
    assert code_said(peer) == "bad_frame"
    signed, body = first(peer)
    assert sent(peer, signed, body) == "receipt", "one bad frame does not end the link"


def test_oversized_message_is_cut(world, name, peer):
    signed, body = first(peer)
    peer.send_raw(bytes((1 << 20) + 1))
    with pytest.raises(TimeoutError):
        peer.expect("reject", "receipt", seconds=1)
    with world.link(world.identity(name)) as again:
        again.hello()
        again.resume(peer.head)
        assert sent(again, signed, body) == "receipt"


def test_over_credit(world, name):
    with world.link(world.identity(name)) as link:
        assert link.hello().credit <= 16 << 20
        signed = os.urandom(256)
        link.socket.sndtimeo = 100  # a link that is cut takes no more
        with contextlib.suppress(zmq.Again):
            for _ in range(500):
                link.batch(signed, bytes(24 * 1024))
        cut_line = f"event=peer_cut org={link.identity.org.hex()} code=over_credit"
        kit.wait_until(lambda: cut_line in world.so.log(), "the peer is cut, and the log says why")
        assert cut(link)


def test_flood_of_idle_connections(world):
    host, port = kit.endpoint_of(world.so)[len("tcp://"):].split(":")
    idle = []
    try:
        for _ in range(FLOOD):
            idle.append(socket.create_connection((host, int(port)), timeout=kit.PATIENCE_S))
        for half in idle[::5]:
            half.sendall(b"\xff\0\0\0\0\0\0\0\1\x7f")  # half a greeting
        world.others_go_on()
        with world.link(world.identity(world.fresh())) as link:
            assert link.open().epoch == 1
    finally:
        for one in idle:
            one.close()


def test_a_peer_taken_from_peers_is_cut(world, name, peer):
    signed, body = first(peer)
    assert sent(peer, signed, body) == "receipt"
    (world.so.dir / "peers" / f"{name}-agent.crt").unlink()
    assert world.so.reload()
    assert cut(peer)
    with world.link(world.identity(name)) as again:
        assert not again.door()
    assert world.so.counts()[name, "pupil"] == 1, "what it had sent stays"


# ---- a broker of a middle tier

class Middle:
    """Broker 46, played: it attests and forwards batches of its school g01."""

    def __init__(self, world):
        self.broker = l.Identity(world.b46.dir / "identity")
        self.school = l.Identity(world.victims.dir / "identity")
        self.link = world.link(self.broker, world.bo)
        self.out_no = max(self.link.hello().acked_live, 0)
        self.link.certs([self.school])

    def attest(self, signed, **changes):
        at = l.position_after(signed)
        values = {"entry_org": self.broker.org, "key_id": self.broker.key_id, "origin": self.school.org, "stream": 0,
                  "epoch": at.epoch, "seq": at.seq, "hash": at.hash, "receive_ms": now_ms(), "registry_version": 1,
                  "n_held": 0, **changes}
        return self.signed("attest", values)

    def grant(self, epoch=1):
        return self.signed("grant", {
            "origin": self.school.org, "stream": 0, "epoch": epoch, "closes_epoch": 0, "closes_seq": 0,
            "closes_hash": bytes(32), "grantor_org": self.broker.org, "key_id": self.broker.key_id,
            "grant_ms": now_ms()})

    def signed(self, kind, values):
        layout, name, fields = v.STATEMENTS[kind]
        statement = layout.pack(v.domain(name), *(values[f] for f in fields.split()))
        return statement + self.broker.sign(statement)

    def send(self, signed, body, **more):
        self.out_no += 1
        values = {"attest": self.attest(signed), "grant": self.grant(), "out_no": self.out_no, **more}
        self.link.batch(signed, body, **values)
        return code_of(self.link.answer_to(signed))


def now_ms():
    return time.time_ns() // 1000000


def test_middle_broker_cannot_alter_relabel_or_invent(world):
    middle = Middle(world)
    with middle.link:
        records = [pupil(middle.school.org, 1)]
        signed, _ = middle.school.batch(l.Position(1, 0), 1, records)
        withheld = l.encode_body(1, records, withheld=(CONTACT, HEALTH))
        at = withheld.rindex(struct.pack(">HB", HEALTH, 0))
        relabelled = withheld[:at] + struct.pack(">H", HEALTH + 1) + withheld[at + 2:]
        assert middle.send(signed, l.flipped(withheld, withheld.index("Trẻ".encode()))) == "bad_root"
        assert middle.send(signed, relabelled) == "bad_root"
        assert middle.send(signed, withheld, attest=b"") == "bad_attestation"
        assert middle.send(signed, withheld, attest=l.flipped(middle.attest(signed), 40)) in (
            "bad_attestation", "unknown_key")
        assert middle.send(signed, withheld, grant=b"") == "epoch_not_granted"
        invented, body = middle.broker.batch(l.Position(1, 0), 1, records, origin=middle.school.org)
        assert middle.send(invented, body) == "wrong_key"
        foreign = world.identity(world.fresh())
        middle.link.certs([foreign])
        other, other_body = foreign.batch(l.Position(1, 0), 1, [pupil(foreign.org, 1)])
        assert middle.send(other, other_body) == "not_carrier"
        assert ("g01", "pupil") not in world.bo.counts()
        assert middle.send(signed, withheld) == "receipt", "the honest form is taken"
    kit.wait_until(lambda: world.bo.counts().get(("g01", "pupil")) == 1, "taken at the ministry")
    assert "father_phone" not in world.bo.fields("pupil", "g01", "99900000001")
