"""`nginx -T` as a tree: what nginx reads, with the includes put where they stand."""

import dataclasses
import re

TOKEN = re.compile(r"""\s*(?:#[^\n]*|(?P<word>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s;{}#"'](?:\\.|[^\s;{}])*|[;{}]))""")
FILE = re.compile(r"^# configuration file (.+):$", re.M)
# Directives of which a nested block adds none to its parent's as soon as it has one of its own, and those it inherits singly.
LISTS = {"proxy_set_header", "proxy_hide_header", "error_page", "add_header", "auth_request_set", "limit_req", "limit_conn"}
CONTENT = {"proxy_pass", "root", "try_files", "return", "if"}


@dataclasses.dataclass
class Block:
    """A directive, with what is inside its braces."""

    name: str
    args: tuple
    inside: list = dataclasses.field(default_factory=list)
    outer: "Block | None" = None

    def all(self, name):
        """Directives of this name, at any depth."""
        for block in self.inside:
            if block.name == name:
                yield block
            yield from block.all(name)

    def own(self, name):
        """The argument lists of the directives of this name that stand here."""
        return [block.args for block in self.inside if block.name == name]

    def value(self, name):
        """The directive as it holds here, inherited or not; its arguments, or None."""
        here = self.own(name)
        if here:
            assert len(here) == 1, (self.title, name, here)
            return here[0]
        return self.outer.value(name) if self.outer and name not in CONTENT else None

    def list(self, name):
        """The list of such directives that holds here."""
        here = self.own(name)
        return here if here or not self.outer else self.outer.list(name)

    @property
    def title(self):
        return " ".join([self.name, *self.args])

    def headers(self):
        """What `proxy_set_header` sends from here."""
        return {name.lower(): value for name, value in self.list("proxy_set_header")}


def words(text):
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found or found.end() == at:
            assert not text[at:].strip(), text[at:at + 80]
            return
        at = found.end()
        if found["word"]:
            yield found["word"]


def parse(dump):
    """The tree of the first file of a dump."""
    parts = FILE.split(dump)
    names, texts = parts[1::2], parts[2::2]
    files = dict(zip(names, texts, strict=True))
    root = Block("main", ())
    _fill(root, files[names[0]], files)
    return root


def _fill(block, text, files):
    stack, line = [block], []
    for word in words(text):
        if word == "}":
            stack.pop()
        elif word in (";", "{"):
            new = Block(line[0], tuple(part.strip("\"'") for part in line[1:]), outer=stack[-1])
            line = []
            if new.name == "include" and word == ";":
                _fill(stack[-1], files[new.args[0]], files)
                continue
            stack[-1].inside.append(new)
            if word == "{":
                stack.append(new)
        else:
            line.append(word)
    assert len(stack) == 1 and not line
