"""A client with a school's own keys that sends its next batch with one byte changed (tests/tools/link.py)."""
import sys

from world import SOURCE, makes

sys.path.insert(0, str(SOURCE / "tests/tools"))
import link  # noqa: E402

NAME = "Không Được Gộp"


def next_rec_seq(broker, school):
    """After the greatest number among the school's records at its broker."""
    return 1 + max(row["rec_seq"] for name in makes.DATASETS
                   for row in broker.rows("record_list", dataset=name, org=school))


def send_changed(world, school):
    """Two batches, sound but for one byte; what the broker answered to each."""
    broker = world.country.school(school).broker
    identity = link.Identity(world.agent_of(school).dir / "identity")
    first = next_rec_seq(world.brokers[broker], school)
    name = link.field_text(1, NAME) + link.field_uint(2, 20120101)
    change = link.record(5, bytes.fromhex(makes.org_id(school))[:8] + bytes(8), {
        1: name, 2: b"", 3: link.field_text(3, "1") + link.field_text(5, "01"), 5: link.field_text(4, "9999999999"), 6: b""})
    answers = []
    for vi, en, breaks in (("đổi một byte của nội dung", "one byte of the content changed", lambda s, b: (s, link.flipped(b, b.index(NAME.encode())))),
                           ("đổi một byte của chữ ký", "one byte of the signature changed", lambda s, b: (link.flipped(s, 200), b))):
        with link.Link(world.endpoint(broker), identity) as session:
            head = session.adopt()
            signed, body = breaks(*identity.batch(head, first, [change]))
            session.batch(signed, body)
            answer = session.expect("reject", "receipt", where=lambda m: not hasattr(m, "signed_receipt") or
                                    link.v.decode_statement("receipt", m.signed_receipt)["seq"] > head.seq)
            code, told_vi, told_en = link.REFUSALS[answer.code] if hasattr(answer, "code") else ("merged", "", "")
            answers.append({"changed_vi": vi, "changed_en": en, "code": code, "vi": told_vi, "en": told_en})
    return answers
