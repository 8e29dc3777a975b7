"""The differences that docs/DIFFERENCES.md names: its tables under the heading `Answers` are the only list of what may differ."""

import fnmatch
import pathlib
import re
from dataclasses import dataclass, field

PROJECT = pathlib.Path(__file__).resolve().parents[2]
FILE = PROJECT / "docs/DIFFERENCES.md"
COLUMNS = ["operation", "what", "JupyterHub", "hubgate", "reason"]


@dataclass
class Allowed:
    """One row: shell patterns, one or several, for each of four columns, and the reason."""

    line: int
    patterns: list
    reason: str
    used: int = field(default=0)

    def covers(self, cells):
        """Whether it names this difference."""
        return all(any(fnmatch.fnmatchcase(cell, one) for one in either) for cell, either in zip(cells, self.patterns))


def rows(file=FILE, columns=COLUMNS):
    """The rows of the tables with exactly these columns."""
    found, inside = [], False
    for number, line in enumerate(file.read_text().splitlines(), 1):
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if cells == columns:
            inside = True
        elif not cells:
            inside = False
        elif inside and not set(cells[0]) <= {"-", ":"}:
            # Square brackets are meant as they are written: paths of lists have them.
            patterns = [[one.replace("[", "[[]") for one in re.findall(r"`([^`]*)`", cell)] for cell in cells[:4]]
            found.append(Allowed(number, patterns, cells[4]))
    return found
