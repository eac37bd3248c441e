#!/usr/bin/python3
"""Vectors for the expressions of rules (lib/schema/expr_*.c) from a second implementation.

usage: expr_vectors.py [--seed N] [--count N] > tests/unit/expr_vectors.txt

Builds random expressions as trees, evaluates the trees by the semantics of lth/rule.h, and prints
each as text with the values it was evaluated with. One line a vector:

    EXPRESSION <TAB> field=value ... (joined by US, 0x1f) <TAB> T | F | N

Fields: n integer, d decimal scale 2, s text, c code, b bool, t date of any precision, u date,
l list of {k text, v decimal scale 1} as k:v;k:v (v may be missing).
"""
import argparse
import random
import re

TODAY = 20260901
MAX = 2**63 - 1
CODES = {"a1": ("P1", "Lá", "Leaf"), "b2": ("P2", "Hoa", None), "c3": (None, "Quả", "Fruit")}
NAMES = ["An", "Bình", "Lan Anh", "079123456789", "8.5", "a1", "ab", "Đỗ", "12", "x-1", "007"]
PATTERNS = [r"\d{12}", r"[A-ZĐ][a-zỗ]+", r".*", r"[^0-9]*", r"a?b?", r"\d+\.\d", r"x-[0-9]{1,3}", r".{2,3}",
            r"[a-c][1-3]", r"(literal", r"An|B", r"[A-Z]\S"]


# ---- semantics ----

class Num:
    """number / 10^scale, with both kept: scale decides when arithmetic leaves 64 bits."""

    def __init__(self, number, scale=0):
        self.number, self.scale = number, scale


def fits(v):
    return -MAX - 1 <= v <= MAX


def align(a, b):
    scale = max(a.scale, b.scale)
    x, y = a.number * 10**(scale - a.scale), b.number * 10**(scale - b.scale)
    return (x, y, scale) if fits(x) and fits(y) else None


def arithmetic(op, a, b):
    if a is None or b is None:
        return None
    if op == "*":
        value, scale = a.number * b.number, a.scale + b.scale
        return Num(value, scale) if fits(value) and scale <= 18 else None
    both = align(a, b)
    if both is None:
        return None
    value = both[0] + both[1] if op == "+" else both[0] - both[1]
    return Num(value, both[2]) if fits(value) else None


def order(a, b):
    """-1, 0, 1, or None when it cannot be told."""
    if a is None or b is None:
        return None
    if isinstance(a, Num):
        x, y = a.number * 10**b.scale, b.number * 10**a.scale
        return (x > y) - (x < y)
    if isinstance(a, tuple):  # date
        for x, y in zip(a, b):
            if x == 0 or y == 0:
                return None
            if x != y:
                return -1 if x < y else 1
        return 0
    if isinstance(a, str):
        x, y = a.encode(), b.encode()
        return (x > y) - (x < y)
    return int(a) - int(b)


RELATIONS = {"==": lambda o: o == 0, "!=": lambda o: o != 0, "<": lambda o: o < 0, "<=": lambda o: o <= 0,
             ">": lambda o: o > 0, ">=": lambda o: o >= 0}


def relation(op, a, b):
    o = order(a, b)
    return None if o is None else RELATIONS[op](o)


def both(a, b):
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def either(a, b):
    if a is True or b is True:
        return True
    return None if a is None or b is None else False


def negate(a):
    return None if a is None else not a


def date_of(yyyymmdd):
    return (yyyymmdd // 10000, yyyymmdd // 100 % 100, yyyymmdd % 100)


def age_on(born, on):
    if born is None or on is None:
        return None
    o = order((2000,) + born[1:], (2000,) + on[1:])
    return None if o is None else Num(on[0] - born[0] - (1 if o > 0 else 0))


def whole(n):
    if n is None or n.number % 10**n.scale != 0:
        return None
    v = n.number // 10**n.scale
    return v if 0 <= v < 2**31 else None


def make_date(y, m, d):
    y, m, d = whole(y), whole(m), whole(d)
    if y is None or m is None or d is None or not (1000 <= y <= 9999 and 1 <= m <= 12):
        return None
    leap = y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)
    days = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][m - 1]
    return (y, m, d) if 1 <= d <= days else None


def number(text):
    found = re.fullmatch(r"([+-]?)(\d+)(?:[.,](\d+))?", text) if text is not None else None
    if found is None or len(found[2] + (found[3] or "")) > 18:
        return None
    value = int(found[2] + (found[3] or ""))
    return Num(-value if found[1] == "-" else value, len(found[3] or ""))


def part(text, start, count):
    start, count = whole(start), whole(count)
    if text is None or start is None or count is None or start < 1:
        return None
    return text[start - 1:start - 1 + count] or None


# ---- trees ----

class World:
    def __init__(self, rnd):
        self.rnd = rnd

    def values(self):
        r = self.rnd
        v = {"n": r.choice([None, 0, 1, 6, 12, -3, MAX, -MAX - 1, r.randrange(-100, 100)]),
             "d": r.choice([None, 0, 850, 1000, -25, r.randrange(-10**9, 10**9)]),
             "s": r.choice([None] + NAMES), "c": r.choice([None, "a1", "b2", "c3"]),
             "b": r.choice([None, True, False]),
             "t": r.choice([None, (2012, 0, 0), (2012, 5, 0), (2012, 2, 29), (2020, 9, 1), (2026, 9, 1)]),
             "u": r.choice([None, (2024, 9, 1), (2026, 9, 1), (2013, 2, 28), (2025, 12, 31)])}
        keys = sorted(r.sample(["An", "B", "ab", "x-1"], r.randrange(0, 4)), key=lambda k: k.encode())
        v["l"] = [(k, r.choice([None, 0, 85, 100, r.randrange(0, 100)])) for k in keys]
        return v


class Tree:
    """text, and a function of the values (and of an item) to the result."""

    def __init__(self, text, value):
        self.text, self.value = text, value


def literal_number(r):
    scale = r.choice([0, 0, 1, 2, 5])
    v = r.choice([0, 5, 10, 12, 85, r.randrange(0, 10**6), r.randrange(0, 10**12)])
    text = str(v) if scale == 0 else f"{v // 10**scale}.{v % 10**scale:0{scale}d}"
    return Tree(text, lambda v_, i, n=Num(v, scale): n)


def literal_text(r):
    t = r.choice(NAMES + ["it's"])
    return Tree("'" + t.replace("'", "''") + "'", lambda v, i: t)


def gen_number(r, depth, item):
    k = r.randrange(12 if depth > 0 else 4)
    if k == 0:
        return Tree("n", lambda v, i: None if v["n"] is None else Num(v["n"]))
    if k == 1 and item:
        return Tree("v", lambda v, i: None if i[1] is None else Num(i[1], 1))
    if k == 1:
        return Tree("d", lambda v, i: None if v["d"] is None else Num(v["d"], 2))
    if k in (2, 3):
        return literal_number(r)
    if k == 4:
        a = gen_number(r, 0, item)
        def value(v, i):
            x = a.value(v, i)
            return None if x is None or not fits(-x.number) else Num(-x.number, x.scale)
        return Tree(f"-{a.text}", value)
    if k <= 7:
        op = r.choice("+-*")
        a, b = gen_number(r, depth - 1, item), gen_number(r, depth - 1, item)
        return Tree(f"({a.text} {op} {b.text})", lambda v, i: arithmetic(op, a.value(v, i), b.value(v, i)))
    if k == 8:
        a, b = gen_date(r, depth - 1, item), gen_date(r, depth - 1, item)
        return Tree(f"age_on({a.text}, {b.text})", lambda v, i: age_on(a.value(v, i), b.value(v, i)))
    if k == 9:
        a = gen_date(r, depth - 1, item)
        which = r.choice([0, 1])
        def value(v, i):
            x = a.value(v, i)
            return None if x is None or x[which] == 0 else Num(x[which])
        return Tree(f"{['year', 'month'][which]}({a.text})", value)
    if k == 10:
        a = gen_text(r, depth - 1, item)
        name = r.choice(["length", "number"])
        def value(v, i):
            x = a.value(v, i)
            return None if x is None else Num(len(x)) if name == "length" else number(x)
        return Tree(f"{name}({a.text})", value)
    if item:
        return literal_number(r)
    body = gen_truth(r, depth - 1, True)
    if r.randrange(3) == 0:
        return Tree("count(l)", lambda v, i: Num(len(v["l"])))
    return Tree(f"count(l, {body.text})", lambda v, i: Num(sum(1 for x in v["l"] if body.value(v, x) is True)))


def gen_text(r, depth, item):
    k = r.randrange(6 if depth > 0 else 4)
    if k == 0:
        return Tree("s", lambda v, i: v["s"])
    if k == 1:
        return Tree("k", lambda v, i: i[0]) if item else Tree("c", lambda v, i: v["c"])
    if k in (2, 3):
        return literal_text(r)
    if k == 4:
        a, b, c = gen_text(r, depth - 1, item), gen_number(r, 0, item), gen_number(r, 0, item)
        b = r.choice([b, literal(1), literal(2), literal(4)])
        c = r.choice([c, literal(1), literal(3)])
        return Tree(f"part({a.text}, {b.text}, {c.text})",
                    lambda v, i: part(a.value(v, i), b.value(v, i), c.value(v, i)))
    column = r.choice(["parent", "vi", "en"])
    def value(v, i):
        return None if v["c"] is None else CODES[v["c"]][["parent", "vi", "en"].index(column)]
    return Tree(f"code(c, '{column}')", value)


def literal(n):
    return Tree(str(n), lambda v, i: Num(n))


def gen_date(r, depth, item):
    k = r.randrange(4 if depth > 0 else 3)
    if k < 3:
        return [Tree("t", lambda v, i: v["t"]), Tree("u", lambda v, i: v["u"]),
                Tree("today", lambda v, i: date_of(TODAY))][k]
    a, b, c = (r.choice([gen_number(r, 0, item), literal(x)]) for x in (r.choice([2012, 2024]), 2, r.choice([28, 29, 31])))
    return Tree(f"date({a.text}, {b.text}, {c.text})",
                lambda v, i: make_date(a.value(v, i), b.value(v, i), c.value(v, i)))


def gen_any(r, depth, item):
    return r.choice([gen_number, gen_text, gen_date])(r, depth, item)


def pick_pattern(r):
    while True:
        p = r.choice(PATTERNS)
        if not re.search(r"[(|]|\\S", p):
            return p


def gen_truth(r, depth, item):
    k = r.randrange(12 if depth > 0 else 3)
    if k == 0:
        return Tree("b", lambda v, i: v["b"])
    if k in (1, 2, 3):
        gen = r.choice([gen_number, gen_text, gen_date])
        op = r.choice(list(RELATIONS))
        a, b = gen(r, depth - 1, item), gen(r, depth - 1, item)
        return Tree(f"{a.text} {op} {b.text}" if depth < 2 else f"({a.text} {op} {b.text})",
                    lambda v, i: relation(op, a.value(v, i), b.value(v, i)))
    if k == 4:
        a = gen_truth(r, depth - 1, item)
        return Tree(f"(not ({a.text}))", lambda v, i: negate(a.value(v, i)))
    if k in (5, 6):
        a, b = gen_truth(r, depth - 1, item), gen_truth(r, depth - 1, item)
        word, join = r.choice([("and", both), ("or", either)])
        return Tree(f"({a.text} {word} {b.text})", lambda v, i: join(a.value(v, i), b.value(v, i)))
    if k == 7:
        gen = r.choice([gen_number, gen_text])
        lit = literal_number if gen is gen_number else literal_text
        a, items = gen(r, depth - 1, item), [lit(r) for _ in range(r.randrange(1, 5))]
        no = r.choice(["", "not "])
        def value(v, i):
            x = a.value(v, i)
            if x is None:
                return None
            found = any(order(x, one.value(v, i)) == 0 for one in items)
            return found != (no != "")
        return Tree(f"({a.text} {no}in [{', '.join(x.text for x in items)}])", value)
    if k == 8:
        gen = r.choice([gen_number, gen_date, gen_text])
        a, b, c = gen(r, depth - 1, item), gen(r, depth - 1, item), gen(r, depth - 1, item)
        no = r.choice(["", "not "])
        def value(v, i):
            x = a.value(v, i)
            result = both(relation(">=", x, b.value(v, i)), relation("<=", x, c.value(v, i)))
            return negate(result) if no else result
        return Tree(f"({a.text} {no}between {b.text} and {c.text})", value)
    if k == 9:
        a = gen_any(r, depth - 1, item) if item or r.randrange(4) else Tree("l", lambda v, i: v["l"] or None)
        no = r.choice(["", "not "])
        return Tree(f"({a.text} is {no}null)", lambda v, i: (a.value(v, i) is None) != (no != ""))
    if k == 10:
        a, p = gen_text(r, depth - 1, item), pick_pattern(r)
        compiled = re.compile(p, re.ASCII | re.DOTALL)
        def value(v, i):
            x = a.value(v, i)
            return None if x is None else compiled.fullmatch(x) is not None
        return Tree(f"matches({a.text}, '{p}')", value)
    if item:
        return Tree("true", lambda v, i: True)
    body = gen_truth(r, depth - 1, True)
    name = r.choice(["all", "any"])
    def value(v, i):
        results = [body.value(v, x) for x in v["l"]]
        stop = name == "any"
        return stop if stop in results else None if None in results else not stop
    return Tree(f"{name}(l, {body.text})", value)


def show(values):
    out = []
    for name, v in values.items():
        if v is None or v == []:
            continue
        if name == "b":
            text = str(int(v))
        elif name in "tu":
            text = str(v[0] * 10000 + v[1] * 100 + v[2])
        elif name == "l":
            text = ";".join(f"{k}:{'' if x is None else x}" for k, x in v)
        else:
            text = str(v)
        out.append(f"{name}={text}")
    return "\x1f".join(out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--count", type=int, default=1500)
    args = parser.parse_args()
    r = random.Random(args.seed)
    world = World(r)
    done = 0
    while done < args.count:
        tree = gen_truth(r, r.randrange(1, 5), False)
        if len(tree.text.encode()) > 400:
            continue
        values = world.values()
        result = {True: "T", False: "F", None: "N"}[tree.value(values, None)]
        if result == "N" and r.randrange(3):
            continue
        print(tree.text, show(values), result, sep="\t")
        done += 1


main()
