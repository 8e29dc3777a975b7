"""The same requests, sent to a real JupyterHub and to hubgate: equal in status and shape, but for what docs/DIFFERENCES.md names."""

import collections
import concurrent.futures
import time

import allowed
import compare
import table

LEAST_REQUESTS = 400


def pairs(theirs, ours):
    """The rows that both have answered, with both answers. A directive may answer once more at one of them."""
    kept = collections.defaultdict(list)
    for row, answer, _ in ours:
        kept[row.place, row.who, row.method].append(answer)
    for row, answer, _ in theirs:
        mine = kept[row.place, row.who, row.method]
        yield row, answer, mine.pop(0) if mine else None


def all_differences(theirs, ours):
    """(place, asker, operation, what, theirs, ours) for each difference."""
    for row, answer, mine in pairs(theirs, ours):
        found = compare.differences(answer, mine) if mine else [("status", str(answer.status), "(never asked)")]
        for difference in found:
            yield row.place, row.who, compare.operation(row), *difference


def test_hubgate_answers_as_jupyterhub_does_but_for_the_differences_that_are_documented(oracle, product, run_folder, capsys):
    hub = product("hubgate", users=oracle.order())
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = [pool.submit(lambda one=one: list(table.Run(one).everything())) for one in (oracle, hub)]
        theirs, ours = (each.result() for each in both)
    rows = allowed.rows()
    named, left = [], []
    for found in all_differences(theirs, ours):
        row = next((row for row in rows if row.covers(found[2:])), None)
        if row:
            row.used += 1
        (named if row else left).append(" | ".join(cell[:160] for cell in found))
    asked = collections.Counter(compare.operation(row) for row, _, _ in theirs)
    report = [f"{len(theirs)} requests, {len(asked)} operations and paths, {time.monotonic() - began:.0f} s",
              f"{len(named)} differences that docs/DIFFERENCES.md names, in {sum(row.used > 0 for row in rows)} rows; {len(left)} that it does not name:",
              "place asker | operation | what | JupyterHub | hubgate", *left]
    (run_folder / "differences.txt").write_text("\n".join([*report, "", "named:", *named]) + "\n")
    counts = [f"docs/DIFFERENCES.md:{row.line} {row.used}" for row in rows]
    with capsys.disabled():
        print("", *report, "differences of each row:", *counts, sep="\n")
    assert len(theirs) >= LEAST_REQUESTS
    assert not left, f"{len(left)} differences; see {run_folder}/differences.txt and, for what hubgate said, its logs below\n{hub.parts.logs()[-4000:]}"
    stale = [f"docs/DIFFERENCES.md:{row.line}" for row in rows if not row.used]
    assert not stale, f"rows of differences that do not exist any more: {', '.join(stale)}"


def test_the_table_asks_for_every_operation_of_jupyterhubs_description():
    import description

    asked = {(row.method.lower(), compare.operation(row).split(" ", 1)[1]) for row in table.rows()}
    same = {"{server_name}": "{server}", "{token_id}": "{id}"}

    def named(path):
        for theirs, ours in same.items():
            path = path.replace(theirs, ours)
        return path.replace("/authorizations/cookie/{cookie_name}/{cookie_value}", "/authorizations/cookie/{name}/{value}")

    wanted = {(method, named(path)) for path, method, _ in description.operations(description.load(""))}
    assert not wanted - asked
