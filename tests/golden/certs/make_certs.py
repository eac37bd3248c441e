#!/usr/bin/python3
"""Makes the certificate fixtures of this folder with python3-cryptography.

Shares no code with lib/crypto. The private keys are thrown away, so a run replaces every file:
    /usr/bin/python3 tests/golden/certs/make_certs.py
Each *.pem holds a leaf, then the CA that signed it; root.pem is the root of all of them but
foreign_root.pem. `good.sig` is a signature (raw r||s) by the key of good.pem over "lienthong".
"""

import base64
import datetime
import hashlib
import pathlib
import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.x509.oid import NameOID

HERE = pathlib.Path(__file__).parent
CURVE_OID = 2, 25, 158426247369267631158914543885999711971
# cryptography 38 (Debian 12) neither makes nor reads arcs beyond 28 bits, and refuses a certificate
# that holds one. So certificates are built with this OID of the same length, which is then replaced
# in the bytes to be signed.
STAND_IN = x509.ObjectIdentifier("1.3.6.1.4.1.268435455.268435455.268435455.2097151")
STAND_IN_DER = bytes.fromhex("0614" "2b06010401" + "ffffff7f" * 3 + "ffff7f")
CURVE_KEY = bytes(range(32))
MINISTRY, PROVINCE, SCHOOL = "0000000000000000000000000000aaaa", "00" * 15 + "4f", "99" * 16
DER, X962 = serialization.Encoding.DER, serialization.Encoding.X962
YEAR = datetime.timedelta(days=365)
T0 = datetime.datetime(2026, 1, 1)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def usage(sign=False, certs=False, agree=False):
    return x509.KeyUsage(sign, False, False, False, agree, certs, False, False, False)


def uri(text):
    return x509.UniformResourceIdentifier(text)


def oid_der(arcs):
    out = bytes([arcs[0] * 40 + arcs[1]])
    for arc in arcs[2:]:
        low_first = [arc & 127]
        while arc := arc >> 7:
            low_first.append(arc & 127 | 128)
        out += bytes(reversed(low_first))
    return b"\x06" + bytes([len(out)]) + out


def der_sequence(*parts):
    body = b"".join(parts)
    n = len(body)
    size = [n] if n < 128 else [0x81, n] if n < 256 else [0x82, n >> 8, n & 255]
    return b"\x30" + bytes(size) + body


def replaced(tbs, old, new):
    """@old, of any length, replaced by @new in a field at the top of the bytes to be signed."""
    assert tbs.count(old) == 1 and tbs[1] in (0x81, 0x82)
    return der_sequence(tbs[3 if tbs[1] == 0x81 else 4:].replace(old, new))


def signed(tbs, by, alg):
    sig = by.sign(tbs, ec.ECDSA(alg))
    last = {"sha256": b"\x02", "sha384": b"\x03"}[alg.name]
    return der_sequence(tbs, bytes.fromhex("300a06082a8648ce3d0403") + last,
                        b"\x03" + bytes([len(sig) + 1]) + b"\x00" + sig)


def cert(key, issuer_key, *, subject, issuer, names=(), ca=None, pathlen=None, use=None,
         curve=b"\x04\x20" + CURVE_KEY, start=T0, days=400, alg=hashes.SHA256(), extra=(),
         patch=()):
    """DER of one certificate. names: the SAN; ca None: no basicConstraints; patch: pairs of old and
    new bytes, replaced before signing."""
    b = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
         .public_key(key.public_key()).serial_number(x509.random_serial_number())
         .not_valid_before(start).not_valid_after(start + datetime.timedelta(days=days)))
    if ca is not None:
        b = b.add_extension(x509.BasicConstraints(ca, pathlen), critical=True)
    if use is not None:
        b = b.add_extension(use, critical=True)
    if names:
        b = b.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
    if curve:
        b = b.add_extension(x509.UnrecognizedExtension(STAND_IN, curve), critical=False)
        patch = [(STAND_IN_DER, oid_der(CURVE_OID)), *patch]
    for ext in extra:
        b = b.add_extension(ext, critical=True)
    tbs = b.sign(issuer_key, alg).tbs_certificate_bytes
    for old, new in patch:
        tbs = replaced(tbs, old, new)
    return signed(tbs, issuer_key, alg)


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def leaf(key, by, **change):
    args = dict(subject="leaf", issuer="ca", use=usage(sign=True), ca=False,
                names=[uri(f"lth://{SCHOOL}/agent/1")])
    args.update(change)
    return cert(key, by, **args)


def authority(key, by, **change):
    args = dict(subject="ca", issuer="root", use=usage(certs=True), ca=True, pathlen=0, days=3650,
                names=[uri(f"lth://{PROVINCE}/ca/1")], curve=None)
    args.update(change)
    return cert(key, by, **args)


def pem_of(der):
    return (b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der)
            + b"-----END CERTIFICATE-----\n")


def explicit_public_key():
    """A P-256 key whose parameters are spelt out instead of named."""
    with tempfile.NamedTemporaryFile() as f:
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout",
                        "-param_enc", "explicit", "-out", f.name], check=True)
        return subprocess.run(["openssl", "pkey", "-in", f.name, "-pubout", "-outform", "DER"],
                              check=True, capture_output=True).stdout


def main():
    root_key, ca_key, other_key = new_key(), new_key(), new_key()
    good_key = new_key()
    root = cert(root_key, root_key, subject="root", issuer="root", ca=True, use=usage(certs=True),
                days=7300, curve=None)
    ca = authority(ca_key, root_key)
    san = uri(f"lth://{SCHOOL}/agent/1")

    def put(file, leaf_der, authority_der=ca):
        (HERE / f"{file}.pem").write_bytes(pem_of(leaf_der) + pem_of(authority_der))

    def put_leaf(file, **change):
        put(file, leaf(new_key(), ca_key, **change))

    (HERE / "root.pem").write_bytes(pem_of(root))

    # Accepted.
    put("good", leaf(good_key, ca_key))
    put("renewed", leaf(good_key, ca_key, start=T0 + YEAR, curve=b"\x04\x20" + bytes(32)))
    put_leaf("expired", start=datetime.datetime(2001, 2, 3, 4, 5, 6), days=1)
    put_leaf("no_constraints", ca=None)
    for role in ("host", "broker", "admin"):
        put_leaf(role, names=[uri(f"lth://{SCHOOL}/{role}/4294967295")])
    r, s = utils.decode_dss_signature(good_key.sign(b"lienthong", ec.ECDSA(hashes.SHA256())))
    (HERE / "good.sig").write_bytes(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    spki = good_key.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    (HERE / "good.key_id").write_bytes(hashlib.sha256(spki).digest())

    # Refused: names.
    put_leaf("no_san", names=[])
    put_leaf("two_sans", names=[san, uri(f"lth://{PROVINCE}/agent/1")])
    put_leaf("san_twice", names=[san, san])
    put_leaf("san_dns", names=[x509.DNSName("school.example")])
    put_leaf("san_and_dns", names=[san, x509.DNSName("school.example")])
    for file, text in {
            "role_unknown": f"lth://{SCHOOL}/teacher/1", "role_ca": f"lth://{SCHOOL}/ca/1",
            "org_short": f"lth://{SCHOOL[2:]}/agent/1", "org_upper": f"lth://{'AB' * 16}/agent/1",
            "org_zero": f"lth://{'00' * 16}/agent/1", "number_zeros": f"lth://{SCHOOL}/agent/01",
            "number_large": f"lth://{SCHOOL}/agent/4294967296",
            "number_none": f"lth://{SCHOOL}/agent/",
            "number_wraps": f"lth://{SCHOOL}/agent/18446744073709551617",
            "uri_tail": f"lth://{SCHOOL}/agent/1/x", "scheme": f"http://{SCHOOL}/agent/1"}.items():
        put_leaf(file, names=[uri(text)])
    put_leaf("uri_nul", names=[uri(f"lth://{SCHOOL}/agent/1x")],
             patch=[(b"/agent/1x", b"/agent/1\x00")])

    # Refused: keys and algorithms.
    put("p384", leaf(ec.generate_private_key(ec.SECP384R1()), ca_key))
    put("secp256k1", leaf(ec.generate_private_key(ec.SECP256K1()), ca_key))
    put("ed25519", leaf(ed25519.Ed25519PrivateKey.generate(), ca_key))
    public = other_key.public_key()
    named = public.public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    point = public.public_bytes(X962, serialization.PublicFormat.UncompressedPoint)
    short = public.public_bytes(X962, serialization.PublicFormat.CompressedPoint)
    compressed = der_sequence(named[2:23], b"\x03" + bytes([len(short) + 1]) + b"\x00" + short)
    off_curve = point[:-1] + bytes([point[-1] ^ 1])
    put("explicit_parameters", leaf(other_key, ca_key, patch=[(named, explicit_public_key())]))
    put("off_curve", leaf(other_key, ca_key, patch=[(point, off_curve)]))
    put("compressed_point", leaf(other_key, ca_key, patch=[(named, compressed)]))
    put_leaf("sha384", alg=hashes.SHA384())

    # Refused: extensions.
    put_leaf("no_curve", curve=None)
    put_leaf("curve_short", curve=b"\x04\x1f" + bytes(31))
    put_leaf("curve_bare", curve=bytes(32))
    put_leaf("curve_tail", curve=b"\x04\x20" + bytes(33))
    put_leaf("no_usage", use=None)
    put_leaf("usage_more", use=usage(sign=True, agree=True))
    put_leaf("leaf_is_ca", ca=True, pathlen=0)
    put_leaf("critical_unknown", extra=[x509.UnrecognizedExtension(
        x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")])
    put_leaf("too_large", extra=[x509.UnrecognizedExtension(
        x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), bytes(4096))])
    der = leaf(new_key(), ca_key)
    assert der[:2] == b"\x30\x82"
    put("trailing_byte", der + b"\x00")
    put("not_minimal_length", b"\x30\x83\x00" + der[2:])

    # Refused: chains.
    put("ca_as_leaf", ca)
    middle_key = new_key()
    middle = leaf(middle_key, ca_key, subject="middle")
    put("leaf_as_ca", leaf(new_key(), middle_key, issuer="middle"), middle)
    put("root_as_ca", leaf(new_key(), root_key, issuer="root"), root)
    put("other_issuer_name", leaf(new_key(), ca_key, issuer="somebody"))
    put("other_issuer_key", leaf(new_key(), other_key))
    foreign_key, foreign_ca = new_key(), new_key()
    put("foreign_root", leaf(new_key(), foreign_ca), authority(foreign_ca, foreign_key))
    for file, change in {
            "ca_pathlen_1": dict(pathlen=1), "ca_no_pathlen": dict(pathlen=None),
            "ca_no_san": dict(names=[]), "ca_role": dict(names=[uri(f"lth://{PROVINCE}/broker/1")]),
            "ca_usage": dict(use=usage(certs=True, sign=True)),
            "ca_false": dict(ca=False, pathlen=None),
    }.items():
        put(file, leaf(new_key(), ca_key), authority(ca_key, root_key, **change))
    sub_key = new_key()
    put("chain_of_two_cas", leaf(new_key(), sub_key, issuer="sub"),
        authority(sub_key, ca_key, subject="sub", issuer="ca"))
    # The key of `good` once more, for somebody else.
    put("taken_key", leaf(good_key, ca_key, names=[uri(f"lth://{PROVINCE}/agent/1")]))
    # The CURVE key of `good` in another school's leaf: the first keeps the connection.
    put_leaf("same_curve", names=[uri(f"lth://{'98' * 16}/agent/1")])


if __name__ == "__main__":
    main()
