"""The layouts of config/profiles as workbooks: several header rows, merged cells, columns in an order of their own."""
import io

import openpyxl
import pytest

import kit

SHARE = {"pupil": {"share": "all"}, "term_result": {"share": ["key", "study", "statistic"]},
         "staff": {"share": ["key", "identity", "statistic", "work"]}, "class": {"share": "all"}}


class School:
    """A province with one hosted school."""

    def __init__(self, country, profile):
        country.org("bo", "ministry")
        country.org("79", "province", under="bo")
        country.org("t01", "school", under="79")
        country.found()
        bo = country.broker("bo")
        self.so = country.broker("79", parent=bo, share=SHARE)
        self.host = country.host("79", self.so, "79", ("t01",), profile)
        for node in (bo, self.so, self.host):
            node.start()

    def hand_in(self, name, sheet):
        out = io.BytesIO()
        sheet.parent.save(out)
        upload = self.host.wait_upload("t01", self.host.hand_in("t01", name, out.getvalue()))
        assert [f for f in upload["found"] if f["severity"] == "error"] == [], upload
        return upload

    def shown(self, dataset, key, wanted):
        """Does the province show exactly these values?"""
        def story():
            return f"{self.so.keys(dataset, 't01')} {self.so.ask('held_list')} {self.host.uploads('t01')}"
        kit.wait_until(lambda: key in self.so.keys(dataset, "t01"), story)
        fields = self.so.fields(dataset, "t01", key)
        assert {k: fields.get(k) for k in wanted} == wanted


@pytest.fixture
def school(country):
    return lambda profile: School(country, profile)


def sheet_of(rows, merged=()):
    sheet = openpyxl.Workbook().active
    for row in rows:
        sheet.append(row)
    for cells in merged:
        sheet.merge_cells(cells)
    return sheet


def pupils():
    return sheet_of([["STT", "Họ và tên", "Mã HS", "Giới tính", "Ngày sinh", "Dân tộc", "Lớp"],
                     [1, "Trần Thị Mẫu", "9990100001", "Nữ", "09/03/2013", "Khơ-me", "8A"],
                     [2, "Lê Mẫu", "9990100002", "nam", "2013", "H'Mông", "8A"]])


def test_results_of_secondary(school):
    """Three header rows; scores under one merged header, assessments under another; comma and point."""
    at = school("class-list+results")
    at.hand_in("lop8.xlsx", pupils())
    sheet = sheet_of([
        ["STT", "Mã học sinh", "Họ và tên", "Năm học", "Học kỳ", "Lớp", "Điểm trung bình môn", None, None, None,
         "Đánh giá, xếp loại", None, "Lên lớp"],
        [None, None, None, None, None, None, "Môn tính điểm", None, "Môn nhận xét", None, "Học tập", "Rèn luyện", None],
        [None, None, None, None, None, None, "Toán", "Ngữ văn", "GDTC", "Mĩ thuật", None, None, None],
        [1, "9990100001", "Trần Thị Mẫu", "2025-2026", "Cả năm", "8A", 8.5, "7,5", "Đ", "Đạt", "Tốt", "Khá", "x"],
        [2, "9990100002", "Lê Mẫu", "2025-2026", "Cả năm", "8A", 3, None, "CĐ", "Đ", "Chưa đạt", "Đạt", "Không"]],
        ["A1:A3", "B1:B3", "C1:C3", "D1:D3", "E1:E3", "F1:F3", "G1:J1", "G2:H2", "I2:J2", "K1:L1", "K2:K3", "L2:L3",
         "M1:M3"])
    at.hand_in("ketqua.xlsx", sheet)
    at.shown("term_result", "9990100001/2025/3", {
        "grade": "8", "learning": "1", "conduct": "2", "promoted": "true",
        "subjects": "subject=MI_THUAT, level=Đ; subject=THE_DUC, level=Đ; subject=TOAN, score=8.50; "
                    "subject=VAN, score=7.50"})
    at.shown("term_result", "9990100002/2025/3", {
        "learning": "4", "promoted": "false",
        "subjects": "subject=MI_THUAT, level=Đ; subject=THE_DUC, level=CĐ; subject=TOAN, score=3.00"})
    assert at.so.fields("pupil", "t01", "9990100002")["ethnic"] == "08"


def test_results_of_primary(school):
    """A level and a score below each subject; abilities and qualities."""
    at = school("class-list+results-primary")
    at.hand_in("lop4.xlsx", pupils())
    sheet = sheet_of([
        ["Mã HS", "Năm học", "Học kỳ", "Khối", "Toán", None, "Đạo đức", "Năng lực", None, "Phẩm chất", "Xếp loại",
         "Hoàn thành chương trình lớp học"],
        [None, None, None, None, "Mức đạt được", "Điểm KTĐK", None, "Tự chủ và tự học", "Tính toán", "Chăm chỉ", None,
         None],
        ["9990100001", "2025-2026", "3", "4", "T", 9, "H", "T", "Đ", "Cần cố gắng", "Hoàn thành tốt", "x"]],
        ["A1:A2", "B1:B2", "C1:C2", "D1:D2", "E1:F1", "G1:G2", "H1:I1", "K1:K2", "L1:L2"])
    at.hand_in("ketqua.xlsx", sheet)
    at.shown("term_result", "9990100001/2025/3", {
        "grade": "4", "primary_result": "HTT", "completed_programme": "true",
        "subjects": "subject=DAO_DUC, level=H; subject=TOAN, score=9.00, level=T",
        "abilities": "ability=CHAM_CHI, ability_level=C; ability=TINH_TOAN, ability_level=Đ; "
                     "ability=TU_CHU, ability_level=T"})


def test_staff_and_classes(school):
    at = school("staff+classes")
    at.hand_in("giaovien.xlsx", sheet_of([
        ["STT", "Họ và tên", "Mã giáo viên", "Ngày sinh", "Giới tính", "Số CCCD", "Trạng thái CBGV", "Nhóm CBGV",
         "Chức vụ", "Trình độ", None, "Môn dạy"],
        [None, None, None, None, None, None, None, None, None, "Trình độ chính", "Chuyên ngành chính", None],
        [1, "Lê Văn Mẫu", "9990000001", "03/02/1985", "Nam", 999085000001, "Đang làm việc", "Giáo viên", "Giáo viên",
         "Thạc sĩ", "Toán học", "Toán"]],
        [*(f"{c}1:{c}2" for c in "ABCDEFGHIL"), "J1:K1"]))
    at.shown("staff", "9990000001", {
        "birth_date": "1985-02-03", "sex": "1", "work_status": "01", "staff_group": "2", "staff_position": "GV",
        "qualification": "5", "major": "Toán học", "main_subject": "TOAN"})
    at.hand_in("lop.xlsx", sheet_of([
        ["Năm học", "Khối", "Tên lớp", "Sĩ số", "Mã GVCN", "Ngoại ngữ 1", "Học 2 buổi/ngày"],
        ["2026-2027", "Khối 8", "8A", 41, "9990000001", "Tiếng Anh", "Có"]]))
    at.shown("class", "2026/8A", {
        "name": "8A", "grade": "8", "class_size": "41", "homeroom_teacher": "9990000001", "foreign_lang1": "ANH",
        "two_sessions": "true"})
