"""Reads a jupyterhub_config.py from standard input without running it; writes what it sets as JSON.

{"options": [{"line", "class", "name", "value"}...], "unknown": [{"line", "text"}...]} or {"error", "line"}
"""

import ast
import json
import sys


def plain(value):
    """A literal as JSON: sets and tuples become lists, keys texts."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((plain(one) for one in value), key=str)
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError


class Reader:
    """One file, line by line; `names` are variables with literal values."""

    def __init__(self, text):
        self.text, self.names, self.options, self.unknown = text, {}, {}, []

    def literal(self, node):
        """The value of an expression that needs nothing but the file."""
        if isinstance(node, ast.Name) and node.id in self.names:
            return self.names[node.id]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("set", "list", "dict", "tuple", "frozenset") and not node.keywords:
            if not node.args:
                return {} if node.func.id == "dict" else []
            if len(node.args) == 1 and node.func.id != "dict":
                return list(self.literal(node.args[0]))
        if isinstance(node, (ast.List, ast.Set, ast.Tuple)):
            return [self.literal(one) for one in node.elts]
        if isinstance(node, ast.Dict) and None not in node.keys:
            return {self.literal(key): self.literal(value) for key, value in zip(node.keys, node.values)}
        return plain(ast.literal_eval(node))

    def option(self, node):
        """(class, name) of `c.Class.name`."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and isinstance(node.value.value, ast.Name) and node.value.value.id == "c":
            return node.value.attr, node.attr
        return None

    def statement(self, node):
        """Takes one statement, or raises."""
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass)):
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            self.assign(node.targets[0], node.value, node.lineno)
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Add, ast.BitOr)):
            self.extend(node.target, self.literal(node.value), node.lineno)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            self.call(node.value, node.lineno)
        else:
            raise ValueError

    def assign(self, target, value, line):
        """`NAME = …`, `c.X.y = …` or `c.X.y["key"] = …`."""
        if isinstance(target, ast.Name):
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "get_config":
                return
            self.names.pop(target.id, None)
            self.names[target.id] = self.literal(value)
        elif self.option(target):
            self.options.pop(self.option(target), None) # what counted before does not any more
            self.options[self.option(target)] = (line, self.literal(value))
        elif isinstance(target, ast.Subscript) and self.option(target.value):
            self.extend(target.value, {self.literal(target.slice): self.literal(value)}, line)
        else:
            raise ValueError

    def call(self, call, line):
        """`c.X.y.add(…)` and the like."""
        if len(call.args) != 1 or call.keywords or call.func.attr not in ("add", "append", "update", "extend"):
            raise ValueError
        value = self.literal(call.args[0])
        self.extend(call.func.value, [value] if call.func.attr in ("add", "append") else value, line)

    def extend(self, target, value, line):
        """Adds to what an option, or a variable, holds."""
        key = self.option(target)
        if key is None and isinstance(target, ast.Name) and target.id in self.names:
            self.names[target.id] = self.joined(self.names[target.id], value)
        elif key:
            before = self.options.get(key)
            self.options[key] = (line, value if before is None else self.joined(before[1], value))
        else:
            raise ValueError

    @staticmethod
    def joined(before, more):
        """Two lists or two tables as one."""
        if isinstance(before, dict) and isinstance(more, dict):
            return {**before, **more}
        if isinstance(before, list) and isinstance(more, list):
            return before + [one for one in more if one not in before]
        raise ValueError

    def read(self):
        """The whole file as one JSON value."""
        for node in ast.parse(self.text).body:
            try:
                self.statement(node)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                first = (ast.get_source_segment(self.text, node) or "").split("\n")[0]
                self.unknown.append({"line": node.lineno, "text": first[:200]})
        options = [{"line": line, "class": owner, "name": name, "value": value} for (owner, name), (line, value) in self.options.items()]
        return {"options": options, "unknown": self.unknown}


def main():
    """Reads, writes."""
    try:
        found = Reader(sys.stdin.buffer.read().decode()).read()
    except (SyntaxError, ValueError, RecursionError) as error:
        found = {"error": getattr(error, "msg", None) or str(error), "line": getattr(error, "lineno", None)}
    json.dump(found, sys.stdout)


main()
