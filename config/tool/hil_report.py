# SPDX-License-Identifier: Apache-2.0
"""The page of a run on a board: each test with its result, time and the transcripts of its boots, and what was not run and why."""
import html
import pathlib
import re
import time
import xml.etree.ElementTree

STYLE = """body{font:14px sans-serif;margin:2em;max-width:80em}table{border-collapse:collapse}td,th{padding:2px 8px;text-align:left;
border-bottom:1px solid #ccc;vertical-align:top}pre{background:#f4f4f4;padding:6px;overflow:auto;max-height:40em;font-size:12px}
.passed{color:#060}.failed{color:#a00;font-weight:bold}.refused{color:#666}"""
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")  # a partition writes what it likes


def safe(text):
    return html.escape(CONTROL.sub("", text))


def transcripts(folder, case):
    """The console files of a test, by the name that lib.Machine gives them; a machine that tests share is in the first one's."""
    name = re.sub(r"[^\w.-]+", "_", case.get("name"))
    return sorted((folder / "console").glob(f"{name}.*.log"))


def result(case):
    for tag, word in (("failure", "failed"), ("error", "failed"), ("skipped", "refused")):
        found = case.find(tag)
        if found is not None:
            return word, (found.get("message") or "") + ("\n" + (found.text or "") if word == "failed" else "")
    return "passed", ""


def row(folder, case):
    word, detail = result(case)
    shown = f"<pre>{safe(detail)}</pre>" if detail else ""
    for file in transcripts(folder, case):
        text = file.read_text(encoding="utf-8", errors="replace")
        shown += f"<details><summary>{html.escape(file.name)}, {len(text.splitlines())} lines</summary><pre>{safe(text)}</pre></details>"
    return (f"<tr><td class={word}>{word}</td><td>{float(case.get('time') or 0):.1f} s</td>"
            f"<td>{html.escape(case.get('classname') or '')}::{html.escape(case.get('name'))}{shown}</td></tr>\n")


def not_run(folder):
    """Reasons with the tests that each takes away."""
    file = folder / "console/not-run.txt"
    groups = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        reason, test = line.split("\t")
        groups.setdefault(reason, []).append(test)
    return "".join(f"<details><summary>{len(tests)}: {html.escape(reason)}</summary><pre>{html.escape(chr(10).join(tests))}</pre></details>\n"
                   for reason, tests in sorted(groups.items()))


def write(folder, board, environment):
    """Make report.html beside report.xml; returns its path."""
    folder = pathlib.Path(folder)
    cases = xml.etree.ElementTree.parse(folder / "report.xml").getroot().findall(".//testcase")
    words = [result(case)[0] for case in cases]
    page = folder / "report.html"
    page.write_text(
        f"<!doctype html><meta charset=utf-8><title>{html.escape(str(board))}</title><style>{STYLE}</style>\n"
        f"<h1>System tests on {html.escape(str(board))}</h1>\n<p>environment {html.escape(str(environment))}, "
        f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC: {words.count('passed')} passed, {words.count('failed')} failed, "
        f"{words.count('refused')} whose product this board cannot hold</p>\n"
        f"<table>\n{''.join(row(folder, case) for case in cases)}</table>\n<h2>Not run on this board</h2>\n{not_run(folder)}", encoding="utf-8")
    return page
