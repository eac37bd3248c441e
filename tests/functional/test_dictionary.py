"""The dictionary at the command line: the book, definitions compared, every profile loaded by an agent."""
import shutil

import kit
import pytest

CONFIG = kit.SOURCE / "config"
FIRST = kit.SOURCE / "tests/golden/schema/v1"
NO, USAGE = 1, 2
PROFILES = sorted(path.stem for path in (CONFIG / "profiles").glob("*.yaml"))


@pytest.mark.parametrize("language, document", [("vi", "tu-dien.md"), ("en", "dictionary.md")])
def test_book_is_as_printed(programs, language, document):
    done = programs.run("--lang", language, "dictionary", CONFIG / "datasets")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (kit.SOURCE / "docs" / document).read_text("utf-8")


def test_book_says_what_stands_in_the_files(programs):
    book = programs.run("--lang", "en", "dictionary", CONFIG / "datasets").stdout
    lines = book.splitlines()
    assert "| 25 | `national_id` | Personal identification number | text ≤ 12 |  | `id_papers` |" in lines
    assert "| 7 | `id_papers` | Identity papers | **sensitive** | the record's owner |" in lines
    assert "| `08` | Hmông | Hmong |  |" in lines
    assert "| 1 | `commune_in_province` | **error** | `commune_code` | Commune {commune_code} is not in province " \
        "{province_code}. |" in lines
    assert "| 101 | `class` (`school_year`, `class_code`) | **error** | Class {class_code} is not there in school year " \
        "{school_year}. |" in lines


@pytest.mark.parametrize("name", sorted(path.name for path in FIRST.glob("*.yaml")))
def test_first_definitions_are_still_read(programs, name):
    done = programs.run("--json", "dataset", "compare", FIRST / name, CONFIG / "datasets" / name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("before, after, says", [
    ("group: identity, type: text, max: 150, required", "group: identity, type: text, max: 100, required",
     'field "full_name" takes fewer values than before'),
    ("number: 22, group: health", "number: 52, group: health", 'field "blood" is gone: its number stays'),
    ("number: 22, group: health", "number: 22, group: contact", 'field "blood" moved to another group'),
    ("list: blood", "list: sex", 'field "blood" has another code list'),
    ("digits: 4, scale: 1, min: 1, max: 300", "digits: 6, scale: 2, min: 1, max: 300",
     'field "weight_kg" has another number of digits'),
    ("contact:   { number: 2, owner: record, personal: true, sensitive: true",
     "contact:   { number: 2, owner: record, personal: true", 'group "contact" is less protected'),
    ("version: 3", "version: 1", 'dataset "pupil" has a version below the older one'),
])
def test_first_change_is_named(programs, tmp_path, before, after, says):
    older = CONFIG / "datasets/pupil.yaml"
    text = older.read_text("utf-8")
    assert text.count(before) == 1
    newer = tmp_path / "pupil.yaml"
    newer.write_text(text.replace(before, after), "utf-8")
    done = programs.run("dataset", "compare", older, newer)
    assert done.returncode == NO, done.stdout + done.stderr
    assert says in done.stdout


def test_unreadable_definition(programs, tmp_path):
    older = CONFIG / "datasets/pupil.yaml"
    wrong = tmp_path / "pupil.yaml"
    wrong.write_text(older.read_text("utf-8").replace("type: date", "type: dato", 1), "utf-8")
    done = programs.run("dataset", "compare", older, wrong)
    assert done.returncode == USAGE and "pupil.yaml:" in done.stderr
    assert programs.run("dataset", "compare", older, tmp_path / "none.yaml").returncode == USAGE
    assert programs.run("dataset", "compare", older).returncode == USAGE


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_loads(programs, tmp_path, profile):
    for name in ("datasets", "codelists", "profiles"):
        shutil.copytree(CONFIG / name, tmp_path / name)
    for name in ("orgs.yaml", "schools.csv"):
        shutil.copy(CONFIG / name, tmp_path)
    (tmp_path / "hosted.csv").write_text("org\n79000123\n", "utf-8")
    kit.write_yaml(tmp_path / "agent.yaml", {
        "node": {"org": "79000123", "store": "store", "identity": "identity", "control": "a.sock",
                 "broker": "tcp://so79.example:7601"},
        "files": {"orgs": "orgs.yaml", "datasets": "datasets/"},
        "hosted": {"schools": "hosted.csv", "profile": profile}})
    done = programs.run("conf", "check", tmp_path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / f"profiles/{profile}.yaml"
    path.write_text(path.read_text("utf-8").replace("match: [[", "match: [[nothing_such, "), "utf-8")
    assert programs.run("conf", "check", tmp_path).returncode == USAGE
