"""An independent client of the link protocol: Python, pyzmq, the stock protobuf library.

Plays an agent or a child broker with the identity directory of a real one. It says what it is told to
say, also what no honest program would: any frame, any bytes, batches signed or broken in every way.
Batches are encoded from the byte layouts (tests/golden/lthverify.py); no code is shared with C.

  with Link("tcp://127.0.0.1:7601", Identity(directory)) as link:
      link.hello()                                        LINK_HELLO, CERTS; returns LINK_RESUME
      head = link.resume().head                           HELLO; where the broker stands
      signed, body = identity.batch(head, first_rec_seq, [record(...)])
      link.batch(signed, body)
      answer = link.answer_to(signed)                     RECEIPT or REJECT for that position
"""
import importlib
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import zmq
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/golden"))
import lthverify as v  # noqa: E402

PATIENCE_S = float(os.environ.get("LTH_PATIENCE", "60"))
PROTOCOL_VERSION = 2  # the one before ours: brokers speak it to nodes below them
ROLES = {"agent": 1, "host": 2, "broker": 3}
LIVE, REPAIR, SNAPSHOT = range(3)
STATE, DELETION, ERASURE, REKEY, RANGE = range(1, 6)


def load_frames():
    """The frames of proto/link.proto, generated anew into a directory that goes away."""
    with tempfile.TemporaryDirectory(prefix="lth-link-") as folder:
        subprocess.run(["protoc", f"--proto_path={SOURCE / 'proto'}", f"--python_out={folder}", "link.proto"],
                       check=True)
        sys.path.insert(0, folder)
        try:
            return importlib.import_module("link_pb2")
        finally:
            sys.path.remove(folder)


frames = load_frames()


# ---- group bytes: protobuf wire format, written by hand

def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field_text(number, text):
    raw = text.encode() if isinstance(text, str) else text
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def field_uint(number, value):
    """bool, date."""
    return varint(number << 3) + varint(value)


def field_sint(number, value):
    """integer, decimal."""
    return varint(number << 3) + varint(value << 1 if value >= 0 else (-value << 1) - 1)


# ---- records and batches

def record(dataset, record_id, groups, op=STATE, flags=0, seed=None, commit_ms=0):
    """One change record; groups: {number: bytes}. rec_seq is given by the batch."""
    return {"dataset": dataset, "record_id": record_id, "groups": dict(sorted(groups.items())), "op": op,
            "flags": flags, "seed": seed or os.urandom(16), "commit_ms": commit_ms}


def encode_record(change, rec_seq, withheld=()):
    """Form 1, or form 2 with the groups of @p withheld as commitments."""
    groups, seed = change["groups"], change["seed"]
    raw = v.RECORD.pack(change["op"], len(groups), change["dataset"], change["flags"], rec_seq,
                        change["record_id"], 1, change["commit_ms"])
    if not withheld:
        return b"\x01" + raw + seed + b"".join(
            struct.pack(">HI", number, len(value)) + value for number, value in groups.items())
    out = b"\x02" + raw
    for number, value in groups.items():
        group = v.Group(number, value, v.salt_of(seed, number))
        out += struct.pack(">H", number)
        out += b"\0" + group.commitment() if number in withheld else \
            b"\x01" + group.salt + struct.pack(">I", len(value)) + value
    return out


def encode_body(first_rec_seq, records, withheld=()):
    return b"".join(encode_record(change, first_rec_seq + i, withheld) for i, change in enumerate(records))


def root_of(body):
    reader, leaves = v.Reader(body), []
    while reader.left():
        leaves.append(v.Record(reader).leaf)
    return v.tree_root(leaves)


class Position:
    """Place in an origin's chain."""

    def __init__(self, epoch=0, seq=0, hash_=bytes(32)):
        self.epoch, self.seq, self.hash = epoch, seq, hash_

    @classmethod
    def of(cls, message):
        return cls(message.epoch, message.seq, message.hash)

    def __repr__(self):
        return f"{self.epoch}/{self.seq} {self.hash.hex()[:12]}"


def position_after(signed):
    header = v.decode_header(signed[:192])
    return Position(header["epoch"], header["batch_seq"], v.sha256(signed[:192]))


def flipped(data, at, mask=1):
    """The same bytes with one of them changed."""
    out = bytearray(data)
    out[at] ^= mask
    return bytes(out)


class Signer:
    """One signing key with its certificates: identity/, or identity/schools/<org_id>/."""

    def __init__(self, directory):
        directory = Path(directory)
        self.private = serialization.load_pem_private_key((directory / "sign.key").read_bytes(), None)
        self.leaf_der, self.ca_der = certificates(directory / "sign.crt")
        self.leaf = v.Certificate(self.leaf_der)
        self.org, self.role = self.leaf.identity()
        self.key_id = self.leaf.key_id()

    def sign(self, message):
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def batch(self, head, first_rec_seq, records, **changes):
        """(signed header, body) of the batch after @p head. @p changes replace fields of the header
        (the signature is then made over the changed header)."""
        body = changes.pop("body", None)
        body = encode_body(first_rec_seq, records) if body is None else body
        values = {
            "domain": v.domain("LTH-BATCH-v1"), "sig_alg": 1, "hash_alg": 1, "kind": 1, "flags": 0,
            "rec_count": len(records), "origin": self.org, "epoch": head.epoch, "dict_ver": 0,
            "batch_seq": head.seq + 1, "first_rec_seq": first_rec_seq, "source_time_ms": int(time.time() * 1000),
            "reserved": bytes(8), "source_position": 0, "stream": 0, "key_id": self.key_id, "prev": head.hash,
            "root": None, **changes}
        values["root"] = values["root"] or root_of(body)
        header = v.HEADER.pack(*(values[name] for name in v.HEADER_FIELDS))
        return header + self.sign(header), body


class Identity(Signer):
    """What a process connects with; signs for its own org as well."""

    def __init__(self, directory):
        super().__init__(directory)
        directory = Path(directory)
        self.curve_secret = bytes.fromhex((directory / "curve.key").read_text().strip())
        self.parent_curve = v.Certificate(certificates(directory / "parent.crt")[0]).curve_key()
        self.schools = {}
        for one in sorted(directory.glob("schools/*")):
            signer = Signer(one)
            self.schools[signer.org] = signer

    def signers(self):
        return [self, *self.schools.values()]


def certificates(path):
    """(leaf, ca) of a PEM file, DER."""
    found = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", Path(path).read_text(), re.S)
    return tuple(v.pem_to_der(one) for one in found)


# ---- the link

class Refused(Exception):
    """The door (CURVE, ZAP) did not open."""


class Link:
    """A DEALER with the identity's CURVE key."""

    def __init__(self, endpoint, identity, patience_s=PATIENCE_S):
        self.identity, self.patience_s = identity, patience_s
        self.session = int.from_bytes(os.urandom(8), "big")
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.maxmsgsize = 1 << 20
        self.socket.curve_serverkey = z85.encode(identity.parent_curve)
        self.socket.curve_secretkey = z85.encode(identity.curve_secret)
        self.socket.curve_publickey = zmq.curve_public(z85.encode(identity.curve_secret))
        self.events = self.socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        self.socket.connect(endpoint)
        self.seen = []          # every frame received, oldest first
        self.kept = []          # received, not yet asked for

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.socket.disable_monitor()
        self.context.destroy(linger=0)

    # bytes and frames

    def send_raw(self, payload):
        self.socket.send(payload)

    def send(self, kind, **fields):
        frame = frames.Frame()
        message = getattr(frame, kind)
        message.SetInParent()
        for name, value in fields.items():
            if isinstance(value, Position):
                getattr(message, name).CopyFrom(
                    frames.Position(epoch=value.epoch, seq=value.seq, hash=value.hash))
            else:
                setattr(message, name, value)
        self.send_raw(frame.SerializeToString(deterministic=True))

    def receive(self, seconds):
        """The next frame, or None."""
        if not self.socket.poll(max(0, int(seconds * 1000))):
            return None
        frame = frames.Frame()
        frame.ParseFromString(self.socket.recv())
        self.seen.append(frame)
        return frame

    def expect(self, *kinds, where=lambda message: True, seconds=None):
        """The next message of one of these kinds for which where() holds; others are kept for later.
        TimeoutError when none comes."""
        for frame in self.kept:
            if frame.WhichOneof("body") in kinds and where(message_of(frame)):
                self.kept.remove(frame)
                return message_of(frame)
        deadline = time.monotonic() + (self.patience_s if seconds is None else seconds)
        while True:
            frame = self.receive(deadline - time.monotonic())
            if frame is None:
                raise TimeoutError(f"no {' or '.join(kinds)}; seen: {[kind_of(f) for f in self.seen]}")
            if kind_of(frame) in kinds and where(message_of(frame)):
                return message_of(frame)
            self.kept.append(frame)

    def door(self, seconds=None):
        """True when the handshake was accepted, False when refused."""
        if not self.events.poll(int((self.patience_s if seconds is None else seconds) * 1000)):
            raise TimeoutError("neither accepted nor refused")
        return recv_monitor_message(self.events)["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED

    # the conversation

    def link_hello(self, **changes):
        values = {"version": PROTOCOL_VERSION, "node_org": self.identity.org, "incarnation": self.session,
                  "role": ROLES[self.identity.role], "clock_ms": int(time.time() * 1000)}
        self.send("link_hello", **{**values, **changes})

    def certs(self, signers=None):
        frame = frames.Frame()
        frame.certs.SetInParent()
        for signer in signers or self.identity.signers():
            frame.certs.pairs.add(leaf=signer.leaf_der, ca=signer.ca_der)
        self.send_raw(frame.SerializeToString(deterministic=True))

    def hello(self, **changes):
        """Opens the link. Returns LINK_RESUME."""
        self.link_hello(**changes)
        answer = self.expect("link_resume")
        self.certs()
        return answer

    def resume(self, head=None, origin=None):
        """HELLO of an origin at @p head (nothing yet). Returns RESUME."""
        origin = origin or self.identity.org
        self.send("hello", origin=origin, head=head or Position(), session=self.session)
        return self.expect("resume", where=lambda m: m.origin == origin)

    def request_epoch(self, head=None, origin=None):
        """Returns the grant's fields, with its signed bytes under "bytes"."""
        origin = origin or self.identity.org
        self.send("epoch_request", origin=origin, head=head or Position())
        grant = self.expect("epoch_grant").signed_grant
        return {**v.decode_statement("grant", grant), "bytes": grant}

    def open(self, origin=None, head=None):
        """Everything up to the first batch: the head to build on, in a granted epoch.

        Without a @p head of its own a client that the broker already knows gets a new epoch, as a
        reinstalled agent would."""
        self.hello()
        answer = self.resume(head, origin)
        if answer.state == frames.RESUME_STATE_GO:
            return Position.of(answer.head)
        grant = self.request_epoch(head, origin)
        self.resume(Position(grant["epoch"], 0, grant["closes_hash"]), origin)
        return Position(grant["epoch"], 0, grant["closes_hash"])

    def adopt(self, origin=None):
        """Like open(), claiming to hold exactly what the broker holds: the head to go on from."""
        self.hello()
        told = Position.of(self.resume(origin=origin).head)
        answer = self.resume(told, origin)
        if answer.state != frames.RESUME_STATE_GO:
            raise AssertionError(f"not resumed: state {answer.state}, code {answer.code}")
        return told

    def batch(self, signed, body, lane=LIVE, **more):
        """BATCH; a broker adds out_no, attest and grant."""
        self.send("batch", signed_header=signed, body=body, lane=lane, **more)

    def answer_to(self, signed, seconds=None):
        """What the broker says about this batch: a Receipt's fields, or a reject message."""
        at = position_after(signed)

        def about(message):
            if hasattr(message, "signed_receipt"):
                told = v.decode_statement("receipt", message.signed_receipt)
                return (told["epoch"], told["seq"]) >= (at.epoch, at.seq)
            return not any(message.origin) or (message.epoch, message.seq) == (at.epoch, at.seq)

        answer = self.expect("receipt", "reject", where=about, seconds=seconds)
        return v.decode_statement("receipt", answer.signed_receipt) if hasattr(answer, "signed_receipt") else answer


def kind_of(frame):
    return frame.WhichOneof("body")


def message_of(frame):
    return getattr(frame, kind_of(frame))


# ---- names of refusals, as the programs print them

def refusal_names():
    """number -> (name, Vietnamese, English), read from the one table there is."""
    text = (SOURCE / "lib/include/lth/err.h").read_text(encoding="utf-8")
    table = text[text.index("#define LTH_REFUSAL_MAP"):]
    table = re.sub(r'"\s*\\\n\s*"', "", table[:table.index("typedef enum lth_refusal {")])
    rows = re.findall(r'X\((\w+), (\d+), \w+, "([^"]*)",\s*(?:\\\s*)?"([^"]*)"\)', table)
    return {int(number): (name, vi, en) for name, number, vi, en in rows}


REFUSALS = refusal_names()
