"""The demo's school with only Excel: its clerk, its workbooks, and what openpyxl says is in them."""
import warnings

import openpyxl

import compare
from clerk import Clerk
from world import DemoError, makes, wait_until

import workbooks

SCHOOL, PUPILS, WRONG = makes.EXCEL_SCHOOL, 60, 17
COLUMNS = ("Mã học sinh", "Họ và tên", "Ngày sinh", "Giới tính", "Dân tộc", "Tên lớp")


def arrive(demo, once):
    world, story = demo.world, demo.story
    clerk, out = Clerk(world.intake_port), {"school": SCHOOL}
    wait_until(lambda: answers(clerk) and (world.intake.dir / "state/schools.json").exists(),
               f"trang nộp dữ liệu / the upload page: {world.intake.log}")
    status, _ = clerk.first_sign_in(SCHOOL, once)
    demo.check(status == 200, "đăng nhập / sign-in")
    story.tell(f"văn thư đăng nhập lần đầu bằng mã một lần tại http://127.0.0.1:{world.intake_port} và đặt mật khẩu",
               f"the clerk signs in with the one-time code at http://127.0.0.1:{world.intake_port} and sets a passphrase")
    first = make(world.dir / "schools" / "danh-sach-lop.xlsx")
    upload = hand_in(demo, clerk, first)
    wrong = errors(world, upload)
    demo.check([f["row"] for f in wrong] == [WRONG], f"một dòng sai / one wrong row: {wrong}")
    story.tell(f"{first.name}: {PUPILS} học sinh, một dòng sai: {wrong[0]['text']['vi']}",
               f"{first.name}: {PUPILS} pupils, one wrong row: {wrong[0]['text']['en']}")
    out["first"] = {"rows": PUPILS, "wrong": len(wrong), "sentence": wrong[0]["text"]["vi"]}
    equal(demo, [first], "lần đầu / first time")

    answer = fetch_answer(world, clerk, upload)
    correct(answer)
    story.tell(f"tệp trả lời chỉ có dòng sai, cột đầu \"Lỗi\"; sửa ngay trong tệp ấy rồi nộp lại: {answer.name}",
               f"the answer workbook holds the wrong row alone, its first column says why; corrected and sent: {answer.name}")
    again = hand_in(demo, clerk, answer)
    wait_until(lambda: not errors(world, again), "tệp đã sửa / the corrected file")     # once the hold is closed
    equal(demo, [first, answer], "sau khi sửa / after the correction")
    out["received"] = received(demo, clerk, again)
    world.hosted_truth = {"pupil": PUPILS}
    return out


def answers(clerk):
    try:
        return clerk.request("GET", "/suc-khoe")[0] == 200
    except OSError:
        return False


def make(path):
    rows = workbooks.pupils(9900, PUPILS)
    headers = workbooks.HEADERS[:9]
    rows = [row[:9] for row in rows]
    rows[WRONG - 4][headers.index("Ngày sinh")] = "31/02/2014"
    return workbooks.write(path, workbooks.titled(headers, rows, SCHOOL))


def hand_in(demo, clerk, path):
    """Through the page; the upload once the host has dealt with it."""
    host, before = demo.world.host, len(uploads(demo.world))
    status, _ = clerk.hand_in(path)
    demo.check(status == 200, f"nộp tệp / upload: {status}")
    return wait_until(lambda: next((u for u in uploads(demo.world)[:len(uploads(demo.world)) - before]
                                    if u["state"] == "done"), None), f"{path.name}: {host.log}")


def uploads(world):
    return [row["upload"] for row in world.host.rows("upload_list", org=SCHOOL)]


def errors(world, upload):
    rows = world.host.rows("upload_show", org=SCHOOL, id=upload["id"])
    return [row["finding"] for row in rows if "finding" in row and row["finding"]["severity"] == "error"]


def fetch_answer(world, clerk, upload):
    status, content = clerk.request("GET", f"/tep/{upload['id']}/loi.xlsx")
    if status != 200:
        raise DemoError(f"loi.xlsx: {status}")
    path = world.dir / "schools" / "loi-da-sua.xlsx"
    path.write_bytes(content)
    return path


def correct(path):
    """What the clerk does in Excel."""
    book = openpyxl.load_workbook(path)
    for row in book.active.iter_rows():
        for cell in row:
            if cell.value == "31/02/2014":
                cell.value = "28/02/2014"
    book.save(path)


def recount(paths):
    """code -> (name, ISO birth date, sex) by openpyxl alone; a later file goes before an earlier one."""
    out = {}
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = [list(r) for r in openpyxl.load_workbook(path).active.iter_rows(values_only=True)]
        top = next(i for i, row in enumerate(rows) if "Mã học sinh" in row)
        at = [rows[top].index(name) for name in COLUMNS]
        for row in rows[top + 1:]:
            code, name, born, sex, _, _ = (row[i] for i in at)
            if code and born != "31/02/2014":
                out[code] = (name, "-".join(reversed(born.split("/"))), makes.SEX[sex])
    return out


def equal(demo, paths, title):
    """Province and ministry hold exactly what the workbooks say, field by field."""
    truth = recount(paths)
    for code in ("46", "bo"):
        node = demo.world.brokers[code]

        def held(node=node):
            rows = [r for r in node.rows("record_list", dataset="pupil", org=SCHOOL) if r["slot"] == 0 and r["state"] == "live"]
            return len(rows) == len(truth)
        wait_until(held, f"{code}: {title}: {node.log}")
        shown = {key: node.show("pupil", SCHOOL, key) for key in truth}
        wrong = [key for key, (name, born, sex) in truth.items() if shown[key] is None or (
            compare.field(shown[key], "full_name"), compare.field(shown[key], "birth_date"),
            compare.field(shown[key], "sex")) != (name, born, sex)]
        demo.check(not wrong, f"{code}: {title}: {wrong[:3]}")
    demo.story.tell(f"Sở 46 và Bộ giữ đúng {len(truth)} học sinh như đếm lại từ tệp bằng Python ({title})",
                    f"province 46 and ministry hold exactly the {len(truth)} pupils that Python counts in the files ({title})")


def received(demo, clerk, upload):
    """The page says that the ministry has received it."""
    def told():
        return all(t["received"] for t in next(u for u in uploads(demo.world) if u["id"] == upload["id"])["tiers"])
    wait_until(told, "biên nhận / receipts")
    text = clerk.text(f"/tep/{upload['id']}")
    demo.check("Bộ" in text, "trang / page")
    tiers = next(u for u in uploads(demo.world) if u["id"] == upload["id"])["tiers"]
    for tier in tiers:
        demo.story.tell(f"trang báo: {tier['name']} đã nhận lúc {tier['received']}",
                        f"the page says: {tier['name']} received it at {tier['received']}")
    demo.story.tell("Bộ đã nhận.", "Received at the ministry.")
    return {tier["org"]: tier["received"] for tier in tiers}
