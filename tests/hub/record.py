"""Sends the table to one hub and writes the answers: `record.py OUT`, for a look at what JupyterHub says."""

import json
import pathlib
import sys
import tempfile

import table
from oracle import JupyterHub


def told(row, answer, seconds):
    """One answer as data."""
    return {"place": row.place, "who": row.who, "method": row.method, "path": row.path, "sent": row.body, "sent_headers": dict(row.headers),
            "status": answer.status, "headers": {name.lower(): value for name, value in answer.headers}, "body": answer.json() if answer.json() is not None else answer.body,
            "seconds": round(seconds, 3)}


def main(out, venv, proxy):
    with tempfile.TemporaryDirectory(prefix="hubgate-oracle") as work, JupyterHub(pathlib.Path(work) / "hub", venv, proxy) as hub:
        order = hub.order()
        answers = [told(*one) for one in table.Run(hub).everything()]
        pathlib.Path(str(out) + ".log").write_text(hub.parts.logs())
    pathlib.Path(str(out) + ".order").write_text("\n".join(order))
    pathlib.Path(out).write_text("[\n" + ",\n".join(json.dumps(answer) for answer in answers) + "\n]\n")
    print(f"{len(answers)} answers in {out}")


if __name__ == "__main__":
    main(*sys.argv[1:])
