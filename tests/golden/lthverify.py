#!/usr/bin/python3
"""Independent check of Lienthong's signed bytes (batches, statements, proofs).

  lthverify.py proof FILE --root root.crt   check one proof offline; exit 0, or 1 naming the step
  lthverify.py check DIR                    check every vector of DIR/manifest.json
  lthverify.py make DIR                     write the vectors anew (ECDSA signatures will differ)
  lthverify.py add DIR                      write those that are not there yet; others stay as they are

Written from the byte layouts alone; shares no code with the C sources. Certificates are read by a
small DER reader of its own: python3-cryptography 38 cannot hold an object identifier of 128 bits.
"""
import argparse
import base64
import hashlib
import json
import re
import struct
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
RECORDS_MAX, BODY_MAX, RECORD_MAX, GROUPS_MAX = 1000, 768 * 1024, 256 * 1024, 64
HEADER = struct.Struct(">16s4BI16sIIQQQ8sQQ32s32s32s")
RECORD = struct.Struct(">BBHIQ16sQQ")
HEADER_FIELDS = ("domain sig_alg hash_alg kind flags rec_count origin epoch dict_ver batch_seq "
                 "first_rec_seq source_time_ms reserved source_position stream key_id prev root").split()
RECORD_FIELDS = "op n_groups dataset flags rec_seq record_id src_version src_commit_time_ms".split()
assert HEADER.size == 192 and RECORD.size == 48


def domain(name):
    return name.encode().ljust(16, b"\0")


class Refused(Exception):
    """A refusal (batches, statements) or the failing step (proofs)."""

    def __init__(self, code, detail=""):
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Reader:
    """Bytes from left to right; running out raises EOFError."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n > len(self.data) - self.at:
            raise EOFError
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def left(self):
        return len(self.data) - self.at


# ---- records and trees

class Group:
    def __init__(self, number, value=None, salt=None, commitment=None):
        self.number, self.value, self.salt, self.hidden_as = number, value, salt, commitment

    def commitment(self):
        if self.value is None:
            return self.hidden_as
        return sha256(b"\x03", self.salt, struct.pack(">HI", self.number, len(self.value)), self.value)

    def widest(self):
        return 35 if self.value is None else max(35, 23 + len(self.value))


def salt_of(seed, number):
    return sha256(b"\x04", seed, struct.pack(">H", number))[:16]


class Record:
    """One parsed record: form, header (dict or None), groups, leaf."""

    def __init__(self, reader):
        self.form, self.header, self.groups = reader.number(1), None, []
        if self.form == 0:
            self.leaf, self.widest = reader.take(32), 33
            return
        if self.form not in (1, 2):
            raise Refused("bad_body", f"form {self.form}")
        raw = reader.take(48)
        self.header = dict(zip(RECORD_FIELDS, RECORD.unpack(raw)))
        h = self.header
        if not 1 <= h["op"] <= 5 or not 1 <= h["n_groups"] <= GROUPS_MAX or h["flags"] & ~3:
            raise Refused("bad_body", "record header")
        seed = reader.take(16) if self.form == 1 else None
        for _ in range(h["n_groups"]):
            group = self.read_group(reader, seed)
            if group.number <= (self.groups[-1].number if self.groups else 0):
                raise Refused("bad_body", "order of groups")
            self.groups.append(group)
        self.widest = 49 + sum(g.widest() for g in self.groups)
        if self.widest > RECORD_MAX:
            raise Refused("bad_body", "record too large")
        listed = b"".join(struct.pack(">H", g.number) + g.commitment() for g in self.groups)
        self.leaf = sha256(b"\x00", raw, sha256(b"\x02", bytes([len(self.groups)]), listed))

    @staticmethod
    def read_group(reader, seed):
        number = reader.number(2)
        if seed is not None:
            return Group(number, reader.take(reader.number(4)), salt_of(seed, number))
        shown = reader.number(1)
        if shown > 1:
            raise Refused("bad_body", "shown is neither 0 nor 1")
        if not shown:
            return Group(number, commitment=reader.take(32))
        salt = reader.take(16)
        return Group(number, reader.take(reader.number(4)), salt)

    def withheld(self):
        return self.form == 0 or any(g.value is None for g in self.groups)


def split_at(n):
    """Largest power of two below n (RFC 6962)."""
    return 1 << (n - 1).bit_length() - 1


def tree_root(leaves):
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaves[0]
    k = split_at(len(leaves))
    return sha256(b"\x01", tree_root(leaves[:k]), tree_root(leaves[k:]))


def tree_path(leaves, index):
    if len(leaves) == 1:
        return []
    k = split_at(len(leaves))
    if index < k:
        return tree_path(leaves[:k], index) + [tree_root(leaves[k:])]
    return tree_path(leaves[k:], index - k) + [tree_root(leaves[:k])]


def root_from_path(leaf, count, index, path):
    """Root that the path leads to, or None when its length is not that of the tree."""
    if count == 1:
        return leaf if not path else None
    if not path:
        return None
    k = split_at(count)
    if index < k:
        left, right = root_from_path(leaf, k, index, path[:-1]), path[-1]
    else:
        left, right = path[-1], root_from_path(leaf, count - k, index - k, path[:-1])
    return sha256(b"\x01", left, right) if left and right else None


# ---- signatures and certificates

def check_signature(spki, message, raw):
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    if not (0 < r < P256_ORDER and 0 < s < P256_ORDER):
        raise Refused("bad_signature", "r or s out of range")
    key = serialization.load_der_public_key(spki)
    try:
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Refused("bad_signature") from None


OID_ECDSA_SHA256 = bytes.fromhex("2a8648ce3d040302")
OID_SAN, OID_KEY_USAGE, OID_BASIC = (bytes.fromhex(x) for x in ("551d11", "551d0f", "551d13"))
P256_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


def oid_arcs(*arcs):
    out = b""
    for arc in (arcs[0] * 40 + arcs[1],) + arcs[2:]:
        part = [arc & 127]
        while arc := arc >> 7:
            part.insert(0, 128 | arc & 127)
        out += bytes(part)
    return out


OID_CURVE = oid_arcs(2, 25, 158426247369267631158914543885999711971)


def der_items(data):
    """(tag, content, whole) of each element in data."""
    reader = Reader(data)
    while reader.left():
        start, tag, size = reader.at, reader.number(1), reader.number(1)
        if size >= 128:
            size = reader.number(size & 127)
        content = reader.take(size)
        yield tag, content, data[start:reader.at]


def der_only(data, tag):
    items = list(der_items(data))
    if len(items) != 1 or items[0][0] != tag:
        raise ValueError("unexpected element")
    return items[0][1]


class Certificate:
    """The few fields of an X.509 certificate that matter here."""

    def __init__(self, der):
        tbs, algorithm, signature = der_items(der_only(der, 0x30))
        if algorithm[1] != b"\x06\x08" + OID_ECDSA_SHA256 or signature[1][:1] != b"\0":
            raise ValueError("not ECDSA with SHA-256")
        if (tbs[0], algorithm[0], signature[0]) != (0x30, 0x30, 0x03):
            raise ValueError("not the parts of a certificate")
        self.tbs, self.signature = tbs[2], signature[1][1:]
        fields = list(der_items(tbs[1]))
        _, _, inner_algorithm, self.issuer, _, self.subject, spki = (f[2] for f in fields[:7])
        if inner_algorithm != algorithm[2]:
            raise ValueError("two algorithms")
        self.spki = spki
        if not spki.startswith(P256_SPKI):
            raise ValueError("not a P-256 key")
        self.extensions = {}
        listed = [f[1] for f in fields if f[0] == 0xA3]
        for _, extension, _ in der_items(der_only(listed[0], 0x30)) if listed else ():
            parts = list(der_items(extension))
            if parts[0][1] in self.extensions:
                raise ValueError("extension given twice")
            self.extensions[parts[0][1]] = parts[-1][1]

    def key_id(self):
        return sha256(self.spki)

    def signed_by(self, issuer):
        key = serialization.load_der_public_key(issuer.spki)
        key.verify(self.signature, self.tbs, ec.ECDSA(hashes.SHA256()))
        if self.issuer != issuer.subject:
            raise ValueError("issuer's name differs")

    def identity(self):
        """(org, role) of the one SAN, which must be the one URI."""
        names = list(der_items(der_only(self.extensions[OID_SAN], 0x30)))
        if len(names) != 1 or names[0][0] != 0x86:
            raise ValueError("not exactly one SAN URI")
        found = re.fullmatch(rb"lth://([0-9a-f]{32})/([a-z]+)/(0|[1-9][0-9]{0,9})", names[0][1])
        if not found or int(found[3]) >= 2**32 or int(found[1], 16) == 0:
            raise ValueError("SAN is not lth://ORG/ROLE/N")
        return bytes.fromhex(found[1].decode()), found[2].decode()

    def basic_constraints(self):
        """Content of the sequence: empty for a leaf, CA TRUE and a path length for the others."""
        return der_only(self.extensions[OID_BASIC], 0x30)

    def key_usage(self):
        return der_only(self.extensions[OID_KEY_USAGE], 0x03)

    def curve_key(self):
        return der_only(self.extensions[OID_CURVE], 0x04)


CA_TRUE, PATHLEN_0 = bytes.fromhex("0101ff"), bytes.fromhex("020100")
KEY_CERT_SIGN, DIGITAL_SIGNATURE = bytes.fromhex("0204"), bytes.fromhex("0780")


def check_kinds(leaf, ca, root):
    """(org, role) of the leaf, or ValueError if one is not what its place demands."""
    org, role = leaf.identity()
    if not root.basic_constraints().startswith(CA_TRUE) or root.key_usage() != KEY_CERT_SIGN:
        raise ValueError("root is not a CA")
    if ca.basic_constraints() != CA_TRUE + PATHLEN_0 or ca.key_usage() != KEY_CERT_SIGN:
        raise ValueError("issuer is not a CA for leaves only")
    if ca.identity()[1] != "ca" or role not in ("agent", "host", "broker", "admin"):
        raise ValueError("role does not fit the kind of certificate")
    if leaf.basic_constraints() or leaf.key_usage() != DIGITAL_SIGNATURE:
        raise ValueError("leaf may do more than sign data")
    if len(leaf.curve_key()) != 32:
        raise ValueError("CURVE key")
    return org, role


def check_chain(leaf_der, ca_der, root_der):
    """The leaf and its (org, role), or step `certificate`."""
    try:
        leaf, ca, root = (Certificate(der) for der in (leaf_der, ca_der, root_der))
        root.signed_by(root)
        ca.signed_by(root)
        leaf.signed_by(ca)
        org, role = check_kinds(leaf, ca, root)
    except (ValueError, KeyError, IndexError, EOFError, InvalidSignature) as error:
        raise Refused("certificate", str(error) or "signature") from None
    return leaf, org, role


# ---- batches

def decode_header(raw):
    h = dict(zip(HEADER_FIELDS, HEADER.unpack(raw)))
    if h["domain"] != domain("LTH-BATCH-v1"):
        raise Refused("bad_context")
    if (h["sig_alg"], h["hash_alg"]) != (1, 1):
        raise Refused("bad_algorithm")
    if any(h["reserved"]):
        raise Refused("bad_reserved")
    most = 0 if h["kind"] == 5 else RECORDS_MAX
    if (not 1 <= h["kind"] <= 5 or h["flags"] or h["rec_count"] > most or
            0 in (h["epoch"], h["batch_seq"], h["first_rec_seq"])):
        raise Refused("bad_header")
    return h


def read_body(header, body):
    """Records of a body, each checked for form, size and number."""
    reader, records, widest = Reader(body), [], 0
    while reader.left() and len(records) < header["rec_count"]:
        try:
            record = Record(reader)
        except EOFError:
            raise Refused("bad_body", "truncated") from None
        widest += record.widest
        if widest > BODY_MAX:
            raise Refused("too_large")
        if record.header and record.header["rec_seq"] != header["first_rec_seq"] + len(records):
            raise Refused("bad_seq", f"record {len(records)}")
        records.append(record)
    if reader.left() or len(records) != header["rec_count"]:
        raise Refused("bad_count")
    return records


def verify_batch(signed, body, keys):
    """keys: key_id -> SubjectPublicKeyInfo. What a receiver learns, or Refused."""
    if len(signed) != 256:
        raise Refused("bad_context", "length")
    if len(body) > BODY_MAX:
        raise Refused("too_large")
    header = decode_header(signed[:192])
    if header["key_id"] not in keys:
        raise Refused("unknown_key")
    check_signature(keys[header["key_id"]], signed[:192], signed[192:])
    found = {"header_hash": sha256(signed[:192]).hex(), "root": header["root"].hex(),
             "rec_count": header["rec_count"], "n_records": 0, "headers_only": False,
             "redacted": False, "leaves": []}
    if not body and header["rec_count"]:
        found["headers_only"] = True
        return found
    records = read_body(header, body)
    leaves = [r.leaf for r in records]
    if tree_root(leaves) != header["root"]:
        raise Refused("bad_root")
    found.update(n_records=len(records), redacted=any(r.withheld() for r in records),
                 leaves=[leaf.hex() for leaf in leaves])
    return found


# ---- statements

ATTEST = struct.Struct(">16s16s32s16sQIQ32sQII")
RECEIPT = struct.Struct(">16s16sQIQ32s16s32sQBBHQQ32s")
GRANT = struct.Struct(">16s16sQIIQ32s16s32sQ")
RELEASE = struct.Struct(">16s16s32s16sQIQ32sQBBHI")
STATEMENTS = {
    "attest": (ATTEST, "LTH-ATTEST-v1", "entry_org key_id origin stream epoch seq hash receive_ms "
               "registry_version n_held"),
    "receipt": (RECEIPT, "LTH-RECEIPT-v1", "origin stream epoch seq hash tier_org key_id incarnation "
                "form level zero held_count tree_size root"),
    "grant": (GRANT, "LTH-EPOCH-v1", "origin stream epoch closes_epoch closes_seq closes_hash "
              "grantor_org key_id grant_ms"),
    "release": (RELEASE, "LTH-RELEASE-v1", "entry_org key_id origin stream epoch seq hash when_ms action zero "
                "code n"),
}
MERGE, KEEP = 1, 2


def decode_statement(kind, data):
    """Fields as a dict, or ValueError."""
    layout, name, fields = STATEMENTS[kind]
    content = data[:-64]
    if len(content) < layout.size:
        raise ValueError("too short")
    values = layout.unpack(content[:layout.size])
    rest = content[layout.size:]
    if values[0] != domain(name):
        raise ValueError("domain")
    out = dict(zip(fields.split(), values[1:]))
    if kind == "attest":
        if out["n_held"] > RECORDS_MAX or len(rest) != 6 * out["n_held"]:
            raise ValueError("held marks")
        out["held"] = [list(mark) for mark in struct.iter_unpack(">IH", rest)]
        indexes = [index for index, _ in out["held"]]
        if sorted(set(indexes)) != indexes or max(indexes, default=0) >= RECORDS_MAX:
            raise ValueError("order of held marks")
        if any(code == 0 for _, code in out["held"]):
            raise ValueError("held without a reason")
    elif kind == "release":
        if not 1 <= out["n"] <= RECORDS_MAX or len(rest) != 4 * out["n"]:
            raise ValueError("indexes")
        out["index"] = [index for index, in struct.iter_unpack(">I", rest)]
        if sorted(set(out["index"])) != out["index"] or out["index"][-1] >= RECORDS_MAX:
            raise ValueError("order of indexes")
        if out.pop("zero") or (out["action"], out["code"] > 0) not in ((MERGE, False), (KEEP, True)):
            raise ValueError("action and reason")
    elif rest:
        raise ValueError("trailing bytes")
    if kind == "receipt" and (out.pop("zero") or not 1 <= out["form"] <= 3 or not 1 <= out["level"] <= 2):
        raise ValueError("form or level")
    if kind == "grant" and out["epoch"] == 0:
        raise ValueError("epoch")
    return out


def printable(fields):
    return {k: v.hex() if isinstance(v, bytes) else v for k, v in fields.items()}


# ---- proofs

def check_proof(data, root_der):
    """Fields of the record's header and the signer, or Refused with the failing step."""
    if len(data) < 32 or sha256(data[:-32]) != data[-32:]:
        raise Refused("checksum")
    try:
        reader = Reader(data[:-32])
        if reader.take(16) != domain("LTH-PROOF-v1"):
            raise ValueError
        signed, index, path_n = reader.take(256), reader.number(4), reader.number(1)
        if path_n > 64:
            raise ValueError
        path = [reader.take(32) for _ in range(path_n)]
        raw_record, leaf_der, ca_der = (reader.take(reader.number(4)) for _ in range(3))
        if reader.left():
            raise ValueError
    except (EOFError, ValueError):
        raise Refused("format") from None
    leaf, org, role = check_chain(leaf_der, ca_der, root_der)
    try:
        header = decode_header(signed[:192])
    except Refused as refused:
        raise Refused("header", refused.code) from None
    try:
        if leaf.key_id() != header["key_id"]:
            raise Refused("bad_signature", "signed by another key than the certificate's")
        check_signature(leaf.spki, signed[:192], signed[192:])
    except Refused as refused:
        raise Refused("signature", str(refused)) from None
    if role != "host" and org != header["origin"]:
        raise Refused("origin")
    record = proven_record(raw_record, header["first_rec_seq"] + index)
    if index >= header["rec_count"] or \
            root_from_path(record.leaf, header["rec_count"], index, path) != header["root"]:
        raise Refused("path")
    return {"origin": header["origin"].hex(), "signer": org.hex(), "role": role,
            "epoch": header["epoch"], "batch_seq": header["batch_seq"],
            "rec_seq": record.header["rec_seq"], "record_id": record.header["record_id"].hex(),
            "shown": [g.number for g in record.groups if g.value is not None],
            "withheld": [g.number for g in record.groups if g.value is None]}


def proven_record(raw, rec_seq):
    reader = Reader(raw)
    try:
        record = Record(reader)
    except (EOFError, Refused):
        raise Refused("record", "malformed") from None
    if reader.left() or not record.header or record.header["rec_seq"] != rec_seq:
        raise Refused("record", "form or sequence number")
    return record


def pem_to_der(text):
    found = re.search(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", text, re.S)
    if not found:
        raise ValueError("no certificate in the root file")
    return base64.b64decode(found[1])


# ---- commands

def outcome(step, *args):
    """(code, result) of a call that may be Refused."""
    try:
        return "none", step(*args)
    except Refused as refused:
        return refused.code, None


def check_batch_vector(folder, entry, keys):
    data = (folder / entry["file"]).read_bytes()
    code, found = outcome(verify_batch, data[:256], data[256:], keys)
    if code != entry["refusal"]:
        return f"{code} where {entry['refusal']} was expected"
    wrong = [k for k, v in (found or {}).items() if k in entry and entry[k] != v]
    return f"differs in {', '.join(wrong)}" if wrong else None


def check_proof_vector(folder, entry, root_der):
    code, _ = outcome(check_proof, (folder / entry["file"]).read_bytes(), root_der)
    step = "ok" if code == "none" else code
    return None if step == entry["step"] else f"{step} where {entry['step']} was expected"


def believed(kind, data, keys):
    """Is it a statement of that form with a good signature?"""
    try:
        fields = decode_statement(kind, data)
        return outcome(check_signature, keys[fields["key_id"]], data[:-64], data[-64:])[0] == "none"
    except (ValueError, KeyError):
        return False


def check_statement_vector(folder, entry, keys):
    data = (folder / entry["file"]).read_bytes()
    try:
        fields = decode_statement(entry["kind"], data)
    except ValueError as error:
        return None if not entry["decodes"] else str(error)
    if not entry["decodes"] or printable(fields) != entry["fields"]:
        return "fields differ"
    key = keys.get(fields["key_id"])
    code = "unknown_key" if key is None else outcome(check_signature, key, data[:-64], data[-64:])[0]
    for i in range(len(data) if code == "none" else 0):
        if believed(entry["kind"], data[:i] + bytes([data[i] ^ 1]) + data[i + 1:], keys):
            return f"byte {i} flipped, and still believed"
    return None if code == entry["refusal"] else f"{code} where {entry['refusal']} was expected"


def check_tree_vector(entry):
    leaves = [sha256(b"\x00", struct.pack(">I", i)) for i in range(entry["n"])]
    if tree_root(leaves).hex() != entry["root"]:
        return "root"
    for index, path in enumerate(entry["paths"]):
        hashes_of_path = [bytes.fromhex(h) for h in path]
        if root_from_path(leaves[index], len(leaves), index, hashes_of_path).hex() != entry["root"]:
            return f"path of {index}"
    return None


def check_all(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    root_der = pem_to_der((folder / manifest["root"]).read_text())
    keys = {}
    for entry in manifest["certificates"]:
        leaf, org, role = check_chain(*((folder / entry[k]).read_bytes() for k in ("leaf", "ca")), root_der)
        assert (org.hex(), role) == (entry["org"], entry["role"]), entry["leaf"]
        keys[leaf.key_id()] = leaf.spki
    results = [(e["file"], check_batch_vector(folder, e, keys)) for e in manifest["batches"]]
    results += [(e["file"], check_proof_vector(folder, e, root_der)) for e in manifest["proofs"]]
    results += [(e["file"], check_statement_vector(folder, e, keys)) for e in manifest["statements"]]
    results += [(f"tree of {e['n']}", check_tree_vector(e)) for e in manifest["trees"]]
    failed = [(name, why) for name, why in results if why]
    for name, why in failed:
        print(f"{name}: {why}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not results else 0


def check_one_proof(path, root_path):
    root_der = pem_to_der(Path(root_path).read_text())
    try:
        print(json.dumps(check_proof(Path(path).read_bytes(), root_der)))
    except Refused as refused:
        print(f"{path}: {refused}", file=sys.stderr)
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    proof = commands.add_parser("proof")
    proof.add_argument("file")
    proof.add_argument("--root", required=True)
    for name in ("check", "make", "add"):
        commands.add_parser(name).add_argument("dir", type=Path)
    args = parser.parse_args()
    try:
        if args.command == "proof":
            return check_one_proof(args.file, args.root)
        if args.command == "check":
            return check_all(args.dir)
        import make_vectors
        make_vectors.make(args.dir, keep=args.command == "add")
        return 0
    except (OSError, ValueError) as error:
        print(f"lthverify.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
