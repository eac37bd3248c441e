"""The narrative: numbered steps with elapsed time, Vietnamese or English."""
import time


class Story:
    """Numbered steps with the time since the command was typed, in one language."""

    def __init__(self, english, started):
        self.english, self.started, self.number = english, started, 0

    def elapsed(self):
        return time.time() - self.started

    def say(self, vi, en):
        return en if self.english else vi

    def step(self, vi, en):
        self.number += 1
        print(f"\n[{self.elapsed():6.1f} s] {self.number}. {self.say(vi, en)}", flush=True)

    def tell(self, vi, en=None):
        print("   " + self.say(vi, en if en is not None else vi), flush=True)

    def table(self, head, rows):
        cells = [[str(c) for c in row] for row in [head, *rows]]
        widths = [max(map(len, column)) for column in zip(*cells)]
        for row in cells:
            print("   " + "  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                                    for i, (c, w) in enumerate(zip(row, widths))).rstrip(), flush=True)
