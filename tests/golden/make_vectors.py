"""Writes the golden vectors: contents are fixed, only the ECDSA signatures differ from run to run."""
import base64
import hashlib
import json
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

import lthverify as v

NOW_MS = 1_788_220_800_000  # 2026-09-01
U64 = 2**64 - 1


def org_of(name):
    return v.sha256(b"org of " + name.encode())[:16]


class Key:
    """A P-256 key derived from its name, so that key ids stay the same."""

    def __init__(self, name):
        number = int.from_bytes(hashlib.sha512(name.encode()).digest(), "big")
        self.private = ec.derive_private_key(number % (v.P256_ORDER - 1) + 1, ec.SECP256R1())
        self.spki = self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.key_id = v.sha256(self.spki)

    def sign_der(self, message):
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))

    def sign(self, message):
        r, s = decode_dss_signature(self.sign_der(message))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


# ---- certificates

def der(tag, *parts):
    content = b"".join(parts)
    n = len(content)
    size = bytes([n]) if n < 128 else b"\x81" + bytes([n]) if n < 256 else b"\x82" + n.to_bytes(2, "big")
    return bytes([tag]) + size + content


def extension(oid, value, critical=False):
    return der(0x30, der(0x06, oid), der(0x01, b"\xff") if critical else b"", der(0x04, value))


def name_of(text):
    return der(0x30, der(0x31, der(0x30, der(0x06, bytes.fromhex("550403")), der(0x0C, text.encode()))))


def certificate(subject, key, issuer, issuer_key, names, curve_key=None, usage=None, pathlen=0):
    """DER of an X.509 certificate; a CURVE key makes it a leaf, and only a root has no pathlen."""
    algorithm = der(0x30, der(0x06, v.OID_ECDSA_SHA256))
    uris = der(0x30, *[der(0x86, n.encode()) for n in names])
    limit = b"" if subject == issuer or pathlen is None else der(0x02, bytes([pathlen]))
    basic = der(0x30, b"" if curve_key else der(0x01, b"\xff") + limit)
    usage = der(0x03, usage or (b"\x07\x80" if curve_key else b"\x02\x04"))
    extensions = [extension(v.OID_BASIC, basic, True), extension(v.OID_KEY_USAGE, usage, True)]
    if names:
        extensions.append(extension(v.OID_SAN, uris))
    if curve_key:
        extensions.append(extension(v.OID_CURVE, der(0x04, curve_key)))
    validity = der(0x30, der(0x17, b"260830000000Z"), der(0x17, b"360830000000Z"))
    serial = der(0x02, b"\x01" + v.sha256(subject.encode(), key.spki)[:15])
    tbs = der(0x30, der(0xA0, der(0x02, b"\x02")), serial, algorithm, name_of(issuer), validity,
              name_of(subject), key.spki, der(0xA3, der(0x30, *extensions)))
    return der(0x30, tbs, algorithm, der(0x03, b"\0", issuer_key.sign_der(tbs)))


def uri(org, role, number=1):
    return f"lth://{org_of(org).hex()}/{role}/{number}"


class Country:
    """Root, one CA, and the leaves that sign the vectors."""

    LEAVES = (("school", "agent"), ("other", "agent"), ("carrier", "host"), ("province", "broker"))

    def __init__(self):
        self.keys = {n: Key(n) for n in ("root", "ca", "stranger", *(n for n, _ in self.LEAVES))}
        self.root = certificate("root", self.keys["root"], "root", self.keys["root"], [uri("ministry", "ca")])
        self.ca = certificate("ca", self.keys["ca"], "root", self.keys["root"], [uri("province", "ca")])
        self.certs = {n: self.leaf(n, [uri(n, role)]) for n, role in self.LEAVES}

    def leaf(self, name, names, issuer="ca", curve_key=None):
        curve_key = curve_key or v.sha256(b"curve of " + name.encode())
        return certificate(name, self.keys[name], issuer, self.keys[issuer], names, curve_key)


# ---- batches

def text_field(number, text):
    raw = text.encode()
    return bytes([number << 3 | 2, len(raw)]) + raw


def seed_of(label, index):
    return v.sha256(b"seed", label.encode(), struct.pack(">I", index))[:16]


def record_header(**fields):
    base = {"op": 1, "n_groups": 1, "dataset": 3, "flags": 0, "rec_seq": 1, "record_id": bytes(16),
            "src_version": 1, "src_commit_time_ms": NOW_MS}
    base.update(fields)
    return v.RECORD.pack(*(base[f] for f in v.RECORD_FIELDS))


class NewRecord:
    """A record as its author has it; each of its wire forms."""

    def __init__(self, label, index, groups, **fields):
        self.seed, self.groups = seed_of(label, index), sorted(groups.items())
        self.fields = {"record_id": org_of("school")[:8] + struct.pack(">Q", 999000 + index), **fields,
                       "n_groups": len(groups)}

    def numbered(self, rec_seq):
        self.fields["rec_seq"] = rec_seq
        return self

    def head(self):
        return record_header(**self.fields)

    def full(self):
        parts = [struct.pack(">HI", n, len(value)) + value for n, value in self.groups]
        return b"\x01" + self.head() + self.seed + b"".join(parts)

    def shown(self, numbers):
        out = b"\x02" + self.head()
        for n, value in self.groups:
            salt = v.salt_of(self.seed, n)
            if n in numbers:
                out += struct.pack(">HB", n, 1) + salt + struct.pack(">I", len(value)) + value
            else:
                out += struct.pack(">HB", n, 0) + v.Group(n, value, salt).commitment()
        return out

    def leaf(self):
        return b"\0" + v.Record(v.Reader(self.full())).leaf


def pupil(index):
    return {1: text_field(1, f"999{index:07}"), 2: text_field(1, f"Nguyễn Thị Mẫu {index}"),
            3: text_field(1, "Nữ") + text_field(2, "2015"), 4: b"", 5: bytes([8, index % 200 + 1])}


class Batch:
    """Records under a header; `signed` and `body` are what goes over the wire."""

    def __init__(self, country, records, signer="school", **fields):
        self.country, self.signer = country, signer
        first = fields.get("first_rec_seq", 41)
        self.records = [r.numbered(first + i) for i, r in enumerate(records)]
        self.fields = {"domain": v.domain("LTH-BATCH-v1"), "sig_alg": 1, "hash_alg": 1, "kind": 1,
                       "flags": 0, "rec_count": len(records), "origin": org_of("school"), "epoch": 2,
                       "dict_ver": 7, "batch_seq": 9, "first_rec_seq": first,
                       "source_time_ms": NOW_MS, "reserved": bytes(8), "source_position": 1234,
                       "stream": 0, "key_id": country.keys[signer].key_id, "prev": v.sha256(b"prev"),
                       "root": v.tree_root([r.leaf()[1:] for r in self.records]), **fields}
        self.body = b"".join(r.full() for r in self.records)

    def signed(self, **changes):
        raw = v.HEADER.pack(*({**self.fields, **changes}[f] for f in v.HEADER_FIELDS))
        return raw + self.country.keys[self.signer].sign(raw)

    def mixed(self, form_of):
        return b"".join(form_of(i, r) for i, r in enumerate(self.records))

    def resealed(self, parts):
        """The signed header over other record bytes, where their leaves can be computed at all."""
        leaves = [hashlib.sha256(p).digest() for p in parts]
        return self.signed(rec_count=len(parts), root=v.tree_root(leaves)) + b"".join(parts)


def good_batches(c, five):
    one_record = NewRecord("one", 0, {1: text_field(1, "9990000001")}, op=2)
    ops = [NewRecord("ops", op, {1: text_field(1, "999")}, op=op, flags=1 if op == 1 else 0)
           for op in (1, 2, 3, 4)]
    chunk = [NewRecord("range", 0, {1: bytes(16)}, op=5, flags=2, record_id=b"\xff" * 16)]
    chunk += [NewRecord("range", i, pupil(i)) for i in range(1, 5)]
    wide = [NewRecord("wide", 0, {n: text_field(1, str(n)) for n in range(1, 65)}),
            NewRecord("wide", 1, {n: b"" for n in (1, 300, 65535)})]
    most = NewRecord("most", 0, {65535: b"\xff" * 300}, dataset=65535, flags=3, src_version=U64,
                     src_commit_time_ms=U64, record_id=b"\xff" * 16)
    signed = five.signed()

    def some_hidden(i, r):
        return (r.full(), r.shown({1, 3}), r.leaf())[i % 3]
    yield "full5", signed + five.body
    yield "redacted", signed + five.mixed(some_hidden)
    yield "shown-all", signed + five.mixed(lambda i, r: r.shown({1, 2, 3, 4, 5}))
    yield "erased", signed + five.mixed(lambda i, r: r.shown(set()) if i == 4 else r.full())
    yield "leaves", signed + five.mixed(lambda i, r: r.leaf())
    yield "headers", signed
    yield "heartbeat", Batch(c, [], kind=5).signed()
    yield "empty-delta", Batch(c, [], stream=U64).signed()
    for name, records, fields in (
            ("one", [one_record], {}), ("ops", ops, {}), ("range", chunk, {"kind": 2}), ("wide", wide, {}),
            ("first", [NewRecord("first", 0, pupil(0))], {"epoch": 1, "batch_seq": 1, "first_rec_seq": 1,
                                                          "prev": bytes(32)}),
            ("most", [most], {"epoch": 2**32 - 1, "batch_seq": U64, "first_rec_seq": U64, "stream": U64,
                              "source_time_ms": U64, "source_position": U64, "dict_ver": 2**32 - 1}),
            ("carried", [one_record], {"signer": "carrier"}),
            ("thousand", [NewRecord("thousand", i, {1: struct.pack(">H", i)}) for i in range(1000)], {})):
        batch = Batch(c, records, **fields)
        yield name, batch.signed() + batch.body


def bad_headers(five):
    """(name, refusal, header fields to change), each signed as it stands."""
    yield "other-domain", "bad_context", {"domain": v.domain("LTH-BATCH-v2")}
    yield "unpadded-domain", "bad_context", {"domain": b"LTH-BATCH-v1\0\0\0\1"}
    yield "ed25519", "bad_algorithm", {"sig_alg": 2}
    yield "no-signature-algorithm", "bad_algorithm", {"sig_alg": 0}
    yield "hash-algorithm", "bad_algorithm", {"hash_alg": 2}
    yield "reserved-first", "bad_reserved", {"reserved": b"\1" + bytes(7)}
    yield "reserved-last", "bad_reserved", {"reserved": bytes(7) + b"\1"}
    for field, values in (("kind", (0, 6)), ("flags", (1, 128)), ("epoch", (0,)), ("batch_seq", (0,)),
                          ("first_rec_seq", (0,)), ("rec_count", (1001, 2**32 - 1))):
        for value in values:
            yield f"{field}-{value}", "bad_header", {field: value}
    yield "heartbeat-with-records", "bad_header", {"kind": 5}
    yield "wrong-root", "bad_root", {"root": bytes(32)}
    yield "count-low", "bad_count", {"rec_count": five.fields["rec_count"] - 1}
    yield "count-high", "bad_count", {"rec_count": five.fields["rec_count"] + 1}
    yield "count-zero", "bad_count", {"rec_count": 0, "root": v.sha256()}
    yield "numbers-shifted", "bad_seq", {"first_rec_seq": 42}


def bad_signatures(c, five):
    signed, n = five.signed(), v.P256_ORDER
    head, signature = signed[:192], signed[192:]
    r, s = signature[:32], signature[32:]
    yield "flipped-bit", head + bytes([signature[0] ^ 1]) + signature[1:]
    yield "other-signer", head + c.keys["other"].sign(head)
    yield "zeros", head + bytes(64)
    yield "r-zero", head + bytes(32) + s
    yield "s-zero", head + r + bytes(32)
    yield "s-order", head + r + n.to_bytes(32, "big")
    plus = int.from_bytes(s, "big") + n
    yield "s-above", head + r + (plus if plus < 2**256 else 2**256 - 1).to_bytes(32, "big")
    yield "header-changed", head[:64] + bytes([head[64] ^ 1]) + head[65:] + signature


def bad_records(five):
    """(name, refusal, record bytes in place of the first record)"""
    full, first = five.records[0].full(), five.records[0]
    redacted = first.shown({1, 3})
    yield "form-3", "bad_body", b"\x03" + full[1:]
    for name, at, value in (("op-0", 1, 0), ("op-6", 1, 6), ("groups-0", 2, 0), ("groups-65", 2, 65),
                            ("flag-4", 8, 4), ("flag-high", 5, 128)):
        yield name, "bad_body", full[:at] + bytes([value]) + full[at + 1:]
    group = struct.pack(">HI", 2, 1) + b"x"
    lead = b"\x01" + record_header(n_groups=2, rec_seq=41) + first.seed
    yield "groups-repeat", "bad_body", lead + group + group
    yield "groups-descend", "bad_body", lead + group + struct.pack(">HI", 1, 1) + b"x"
    yield "group-zero", "bad_body", lead + struct.pack(">HI", 0, 1) + b"x" + group
    yield "shown-2", "bad_body", redacted[:51] + b"\x02" + redacted[52:]
    yield "record-too-large", "bad_body", b"\x01" + record_header(rec_seq=41) + first.seed + \
        struct.pack(">HI", 1, v.RECORD_MAX - 71) + bytes(v.RECORD_MAX - 71)
    yield "length-beyond", "bad_body", b"\x01" + record_header(rec_seq=41) + first.seed + \
        struct.pack(">HI", 1, 2**32 - 1)


def bad_batches(c, five):
    signed, body = five.signed(), five.body
    parts = [r.full() for r in five.records]
    yield "short-header", "bad_context", signed[:255]
    for name, code, changes in bad_headers(five):
        yield name, code, five.signed(**changes) + body
    yield "unknown-key", "unknown_key", Batch(c, five.records, signer="stranger").signed() + body
    for name, head in bad_signatures(c, five):
        yield name, "bad_signature", head + body
    for name, code, raw in bad_records(five):
        yield name, code, five.resealed([raw] + parts[1:])
    yield "truncated", "bad_body", signed + body[:-1]
    yield "one-missing", "bad_count", signed + b"".join(parts[:-1])
    yield "one-too-many", "bad_count", signed + body + five.records[0].leaf()
    yield "trailing-byte", "bad_count", signed + body + b"\0"
    yield "heartbeat-with-body", "bad_count", Batch(c, [], kind=5).signed() + parts[0]
    yield "value-changed", "bad_root", signed + body.replace(b"9990000003", b"9990000004")
    yield "seed-changed", "bad_root", signed + body[:49] + bytes([body[49] ^ 1]) + body[50:]
    hidden = five.mixed(lambda i, r: r.shown({1, 3}))
    yield "relabelled-group", "bad_root", signed + hidden.replace(b"\0\5\0", b"\0\6\0", 1)
    leaves = [r.leaf() for r in five.records]
    yield "leaves-swapped", "bad_root", signed + b"".join([leaves[1], leaves[0]] + leaves[2:])
    yield "records-swapped", "bad_seq", signed + b"".join([parts[1], parts[0]] + parts[2:])
    # Small as it is, redaction would make it larger than a batch may be.
    many = [NewRecord("many", 0, {n: b"" for n in range(1, 65)}) for _ in range(344)]
    large = Batch.__new__(Batch)
    large.__dict__.update(five.__dict__)
    large.body = b"".join(r.numbered(41 + i).full() for i, r in enumerate(many))
    yield "widest-too-large", "too_large", large.signed(rec_count=len(many)) + large.body


# ---- proofs

def proof_bytes(signed, index, path, record, leaf, ca):
    out = v.domain("LTH-PROOF-v1") + signed + struct.pack(">IB", index, len(path)) + b"".join(path)
    for part in (record, leaf, ca):
        out += struct.pack(">I", len(part)) + part
    return out + v.sha256(out)


def with_checksum(content):
    return content + v.sha256(content)


def proof_vectors(c, five):
    leaves = [r.leaf()[1:] for r in five.records]
    signed, at = five.signed(), 5
    record, path = five.records[at], v.tree_path(leaves, at)

    def proof(signed=signed, index=at, path=path, record=record.full(), leaf=c.certs["school"], ca=c.ca):
        return proof_bytes(signed, index, path, record, leaf, ca)
    good = proof()
    for i in (0, 11):
        yield f"record-{i}", "ok", proof(index=i, path=v.tree_path(leaves, i), record=five.records[i].full())
    yield "whole", "ok", good
    yield "redacted", "ok", proof(record=record.shown({1, 3}))
    yield "erased", "ok", proof(record=record.shown(set()))
    one = Batch(c, [NewRecord("one", 0, {1: text_field(1, "9990000001")})], signer="carrier")
    yield "carried", "ok", proof(one.signed(), 0, [], one.body, c.certs["carrier"])
    big = Batch(c, [NewRecord("thousand", i, {1: struct.pack(">H", i)}) for i in range(1000)])
    big_leaves = [r.leaf()[1:] for r in big.records]
    yield "of-thousand", "ok", proof(big.signed(), 999, v.tree_path(big_leaves, 999), big.records[999].full())

    yield "checksum", "checksum", good[:-1] + bytes([good[-1] ^ 1])
    yield "changed-byte", "checksum", good[:400] + bytes([good[400] ^ 1]) + good[401:]
    yield "too-short", "checksum", good[:31]
    yield "domain", "format", with_checksum(b"LTH-PROOF-v2" + good[12:-32])
    yield "trailing", "format", with_checksum(good[:-32] + b"\0")
    yield "truncated", "format", with_checksum(good[:-33])
    yield "long-path", "format", proof(path=[bytes(32)] * 65)
    yield from bad_certificates(c, proof)
    yield "header", "header", proof(five.signed(hash_alg=2))
    yield "signature", "signature", proof(signed[:-1] + bytes([signed[-1] ^ 1]))
    yield "other-key", "signature", proof(leaf=c.certs["other"])
    yield "other-origin", "origin", proof(Batch(c, five.records, signer="other").signed(), leaf=c.certs["other"])
    yield "broker-signs-for-school", "origin", \
        proof(Batch(c, five.records, signer="province").signed(), leaf=c.certs["province"])
    yield "leaf-only", "record", proof(record=record.leaf())
    yield "record-trailing", "record", proof(record=record.full() + b"\0")
    yield "record-truncated", "record", proof(record=record.full()[:-1])
    yield "index", "record", proof(index=at - 1)
    yield "value", "path", proof(record=record.full().replace(b"9990000005", b"9990000006"))
    yield "path-changed", "path", proof(path=[bytes(32)] + path[1:])
    yield "path-short", "path", proof(path=path[:-1])
    yield "path-long", "path", proof(path=path + [bytes(32)])
    beyond = NewRecord("beyond", 0, pupil(1)).numbered(41 + len(leaves))
    yield "index-beyond", "path", proof(index=len(leaves), record=beyond.full())


def bad_certificates(c, proof):
    school = uri("school", "agent")
    stranger = certificate("stranger", c.keys["stranger"], "stranger", c.keys["stranger"], [uri("x", "ca")])
    for name, names in (("two-sans", [school, uri("other", "agent")]), ("no-san", []),
                        ("san-role", [uri("school", "king")]), ("san-case", [school.upper()]),
                        ("san-scheme", [school.replace("lth", "http")]), ("san-open", [school[:-2]]),
                        ("san-nul", [school + "\0x"]), ("san-zero-number", [school[:-1] + "01"]),
                        ("san-large-number", [school[:-1] + "4294967296"]),
                        ("san-zero-org", ["lth://" + 32 * "0" + "/agent/1"]),
                        ("san-ca-role", [uri("school", "ca")])):
        yield f"certificate-{name}", "certificate", proof(leaf=c.leaf("school", names))
    yield "certificate-other-ca", "certificate", proof(leaf=c.leaf("school", [school], "stranger"), ca=stranger)
    for name, changes in (("wide-ca", {"pathlen": None}), ("deep-ca", {"pathlen": 1}),
                          ("ca-usage", {"usage": b"\x07\x80"})):
        ca = certificate("ca", c.keys["ca"], "root", c.keys["root"], [uri("province", "ca")], **changes)
        yield f"certificate-{name}", "certificate", proof(ca=ca)
    yield "certificate-leaf-usage", "certificate", \
        proof(leaf=certificate("school", c.keys["school"], "ca", c.keys["ca"], [school], bytes(32),
                               usage=b"\x01\x06"))
    yield "certificate-own-ca", "certificate", proof(ca=stranger)
    yield "certificate-leaf-as-ca", "certificate", \
        proof(leaf=c.leaf("school", [school], "other"), ca=c.certs["other"])
    yield "certificate-short-curve-key", "certificate", \
        proof(leaf=c.leaf("school", [school], curve_key=bytes(31)))
    yield "certificate-no-curve-key", "certificate", \
        proof(leaf=certificate("school", c.keys["school"], "ca", c.keys["ca"], [school]))
    spoiled = c.certs["school"]
    yield "certificate-signature", "certificate", proof(leaf=spoiled[:-1] + bytes([spoiled[-1] ^ 1]))
    yield "certificate-empty", "certificate", proof(leaf=b"")


# ---- statements

TAILS = {"attest": (">IH", ()), "release": (">I", ((3,), (999,)))}  # form of each, and what is usual


def statement(kind, key, held=None, **fields):
    layout, name, names = v.STATEMENTS[kind]
    form, usual = TAILS.get(kind, ("", ()))
    held = usual if held is None else held
    base = {"key_id": key.key_id, "origin": org_of("school"), "entry_org": org_of("province"),
            "tier_org": org_of("province"), "grantor_org": org_of("province"), "stream": 0, "epoch": 2,
            "seq": 9, "hash": v.sha256(b"header"), "receive_ms": NOW_MS, "registry_version": 5,
            "n_held": len(held), "incarnation": 77, "form": 1, "level": 1, "zero": 0, "held_count": 3,
            "tree_size": 1000, "root": v.sha256(b"root"), "closes_epoch": 1, "closes_seq": 8,
            "closes_hash": v.sha256(b"closing"), "grant_ms": NOW_MS, "when_ms": NOW_MS, "action": v.MERGE,
            "code": 0, "n": len(held), **fields}
    raw = layout.pack(base.get("domain", v.domain(name)), *(base[n] for n in names.split()))
    raw += b"".join(struct.pack(form, *mark) for mark in held)
    return raw + key.sign(raw)


def usual_vectors(kind, key, stranger):
    data = statement(kind, key)
    yield f"{kind}", kind, True, "none", data
    yield f"{kind}-stranger", kind, True, "unknown_key", statement(kind, stranger)
    yield f"{kind}-flipped", kind, True, "bad_signature", data[:-1] + bytes([data[-1] ^ 1])
    yield f"{kind}-most", kind, True, "none", statement(kind, key, stream=U64, epoch=2**32 - 1, seq=U64)
    yield f"{kind}-domain", kind, False, "none", statement(kind, key, domain=v.domain("LTH-BATCH-v1"))
    yield f"{kind}-short", kind, False, "none", data[:100] + key.sign(data[:100])
    longer = data[:-64] + b"\0"
    yield f"{kind}-long", kind, False, "none", longer + key.sign(longer)


def release_vectors(key):
    kind, rejected = "release", 115
    yield "release-keep", kind, True, "none", statement(kind, key, action=v.KEEP, code=rejected)
    every = [(i,) for i in range(v.RECORDS_MAX)]
    yield "release-every", kind, True, "none", statement(kind, key, every)
    yield "release-one", kind, True, "none", statement(kind, key, [(0,)])
    for name, held in (("none", ()), ("repeat", [(1,), (1,)]), ("descend", [(2,), (1,)]), ("beyond", [(1000,)]),
                       ("too-many", [*every, (1000,)])):
        yield f"release-{name}", kind, False, "none", statement(kind, key, held)
    for n in (1, 3, 2**32 - 1):
        yield f"release-count-{n}", kind, False, "none", statement(kind, key, n=n)
    for name, action, code in (("merge-code", v.MERGE, rejected), ("keep-no-code", v.KEEP, 0), ("action-0", 0, 0),
                               ("action-3", 3, rejected)):
        yield f"release-{name}", kind, False, "none", statement(kind, key, action=action, code=code)
    yield "release-zero-1", kind, False, "none", statement(kind, key, zero=1)


def statement_vectors(c):
    """(name, kind, decodes, refusal, bytes)"""
    key, stranger = c.keys["province"], c.keys["stranger"]
    for kind in ("attest", "receipt", "grant"):
        yield from usual_vectors(kind, key, stranger)
    held = [(0, 100), (7, 103), (999, 109)]
    yield "attest-held", "attest", True, "none", statement("attest", key, held)
    for name, marks in (("repeat", [(1, 100), (1, 100)]), ("descend", [(2, 100), (1, 100)]),
                        ("beyond", [(1000, 100)]), ("no-code", [(1, 0)])):
        yield f"attest-{name}", "attest", False, "none", statement("attest", key, marks)
    yield "attest-count", "attest", False, "none", statement("attest", key, held, n_held=2)
    yield "attest-count-huge", "attest", False, "none", statement("attest", key, held, n_held=2**32 - 1)
    yield "receipt-headers-safe", "receipt", True, "none", statement("receipt", key, form=3, level=2)
    for field, value in (("form", 0), ("form", 4), ("level", 0), ("level", 3), ("zero", 1)):
        yield f"receipt-{field}-{value}", "receipt", False, "none", statement("receipt", key, **{field: value})
    yield "grant-first", "grant", True, "none", \
        statement("grant", key, epoch=1, closes_epoch=0, closes_seq=0, closes_hash=bytes(32))
    yield "grant-epoch-0", "grant", False, "none", statement("grant", key, epoch=0)
    yield from usual_vectors("release", key, stranger)
    yield from release_vectors(key)


def tree_vectors():
    for n in (*range(0, 18), 33, 100):
        leaves = [v.sha256(b"\x00", struct.pack(">I", i)) for i in range(n)]
        paths = [[h.hex() for h in v.tree_path(leaves, i)] for i in range(n if n < 18 else 0)]
        yield {"n": n, "root": v.tree_root(leaves).hex(), "paths": paths}


# ---- files

class Writer:
    def __init__(self, folder, keep):
        self.folder, self.keep = folder, keep

    def put(self, name, data, always=False):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if always or not self.keep or not path.exists():
            path.write_bytes(data)
        return name


def batch_entry(w, keys, name, code, data):
    entry = {"file": w.put(f"batch/{name}.bin", data), "refusal": code}
    if code == "none":
        found = v.verify_batch(data[:256], data[256:], keys)
        if found["n_records"] > 100:
            del found["leaves"]
        entry.update(found)
    return entry


def make(folder, keep=False):
    """keep: what is there stays, byte for byte; contents are fixed, so the manifest fits it as well."""
    w, c = Writer(folder, keep), Country()
    five = Batch(c, [NewRecord("five", i, pupil(i)) for i in range(12)])
    pem = base64.encodebytes(c.root).decode()
    w.put("root.crt", f"-----BEGIN CERTIFICATE-----\n{pem}-----END CERTIFICATE-----\n".encode())
    w.put("ca.der", c.ca)
    certificates = [{"leaf": w.put(f"{name}.der", c.certs[name]), "ca": "ca.der", "role": role,
                     "org": org_of(name).hex(), "key_id": c.keys[name].key_id.hex()}
                    for name, role in Country.LEAVES]
    keys = {c.keys[name].key_id: c.keys[name].spki for name, _ in Country.LEAVES}
    batches = [batch_entry(w, keys, name, "none", data) for name, data in good_batches(c, five)]
    batches += [batch_entry(w, keys, name, code, data) for name, code, data in bad_batches(c, five)]
    proofs = [{"file": w.put(f"proof/{name}.bin", data), "step": step}
              for name, step, data in proof_vectors(c, five)]
    statements = []
    for name, kind, decodes, refusal, data in statement_vectors(c):
        entry = {"file": w.put(f"statement/{name}.bin", data), "kind": kind, "decodes": decodes,
                 "refusal": refusal}
        if decodes:
            entry["fields"] = v.printable(v.decode_statement(kind, data))
        statements.append(entry)
    manifest = {"root": "root.crt", "certificates": certificates, "batches": batches, "proofs": proofs,
                "statements": statements, "trees": list(tree_vectors())}
    w.put("manifest.json", (json.dumps(manifest, indent=1) + "\n").encode(), always=True)
