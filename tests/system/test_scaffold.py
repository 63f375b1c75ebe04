# SPDX-License-Identifier: Apache-2.0
"""make new-product, new-partition, new-board: what they write and what they refuse. That it runs: docs/howto-new-product.md."""
import re
import zlib

import pytest

import lib  # noqa: F401  the tools are importable after it
import scaffold

from lib import ROOT, make


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The tools' names without a slash go here."""
    monkeypatch.setattr(scaffold, "ROOT", tmp_path)
    return tmp_path


def test_a_product_with_a_partition_passes_every_rule(tmp_path):
    folder = tmp_path / "tank"
    assert make("new-product", f"NAME={folder}")[0] == 0
    for name in "level", "valve":
        assert make(f"PRODUCT={folder}", "new-partition", f"NAME={name}")[0] == 0
    status, output = make(f"PRODUCT={folder}", "check-config")
    assert status == 0 and "product tank on board" in output and "no findings" in output, output
    table = (folder / "product.c").read_text()
    assert re.findall(r'\.name = "([\w-]+)"', table) == ["tank", "first", "level", "valve"]
    assert sorted(path.name for path in (folder / "partitions").iterdir()) == ["level", "valve"]


def test_names_without_a_slash_are_made_in_the_tree(tree):
    scaffold.new_product("mine")
    assert 'name = "mine"' in (tree / "config/mine/product.c").read_text()
    (tree / "config/other").mkdir()
    with pytest.raises(scaffold.Refused, match="exists already"):
        scaffold.new_product("other")
    assert not list((tree / "config/other").iterdir())


@pytest.mark.parametrize("name", ["", "Tank", "a b", "-x", "x" * 32, "a.b", "ä", "../", "a\n"])
def test_bad_names_are_refused(tree, name):
    for make_one in (scaffold.new_product, lambda name: scaffold.new_board(name, "/dev/null")):
        with pytest.raises(scaffold.Refused):
            make_one(name)
    assert not list(tree.iterdir())


@pytest.mark.parametrize("verb,missing", [("new-product", "NAME"), ("new-board", "NAME"), ("new-partition", "NAME")])
def test_a_missing_name_is_said(verb, missing):
    status, output = make(verb)
    assert status != 0 and f"{missing}= is missing" in output, output


def test_a_partition_needs_its_product_named():
    status, output = make("new-partition", "NAME=level")
    assert status != 0 and "PRODUCT= is missing" in output, output


def product(tree, text):
    folder = tree / "shop"
    folder.mkdir()
    (folder / "product.c").write_text(text)
    return folder


@pytest.mark.parametrize("name", ["till", "bulkhead", "x" * 16, "lib_x", "safe"])
def test_a_partition_that_cannot_be_added_leaves_all_as_it_was(tree, name):
    """A name that is taken: as a partition's, ours, the tree's program's; too long; wrong letters."""
    (tree / "partitions/safe").mkdir(parents=True)
    folder = product(tree, '{.partitions = {{.name = "till"}}}')
    with pytest.raises(scaffold.Refused):
        scaffold.new_partition(name, str(folder))
    assert (folder / "product.c").read_text() == '{.partitions = {{.name = "till"}}}' and len(list(folder.iterdir())) == 1


def test_a_table_without_a_list_gets_no_row(tree):
    folder = product(tree, "struct product product = {PARTS};")
    with pytest.raises(scaffold.Refused, match="add this one yourself"):
        scaffold.new_partition("till", str(folder))
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("before", ['{.partitions = {{.name = "a", .args = "}"}}, .x = 1}',
                                    '{.partitions = {{.name = "a"} /* } */}, .x = 1}',
                                    "{.partitions = {\n    ROW(1), // }\n}, .x = 1}", "{.partitions = {}, .x = 1}"])
def test_the_row_goes_where_the_list_ends(before):
    """Braces in strings and comments are none; a comma is put where there is none."""
    after = scaffold.row_added(before, scaffold.ROW.replace("@NAME@", "b"))
    code = re.sub(r"\s+", "", scaffold.without_comments_and_strings(after))
    assert code.endswith(",},},.x=1}"), after
    assert code.count("{") == code.count("}") and ",," not in code and "}{" not in code, after
    assert re.sub(r"\s", "", after).startswith(re.sub(r"\s", "", before).split("}")[0].rstrip(",")), after


def survey(table='const struct board board = {.name = "survey"};\n', settings="VIRT := svm\n"):
    text = f"{table}{scaffold.MIDDLE}\n{settings}"
    return f"{scaffold.BEGIN}\n{text}{scaffold.END}{zlib.crc32(text.encode()):08x} ====\n"


def test_a_board_is_made_of_the_last_whole_survey(tree):
    log = tree / "log"
    log.write_bytes(("noise\n" + survey("first\n") + survey() + survey().replace("const", "cost")).replace("\n", "\r\n").encode())
    scaffold.new_board("box", str(log))
    assert (tree / "board/box/board.c").read_text() == 'const struct board board = {.name = "box"};\n'
    assert (tree / "board/box/board.mk").read_text() == "VIRT := svm\n"


@pytest.mark.parametrize("table,settings", [('const struct board board = {.x = f()};\n', ""), ("int x;\n", "$(shell id)\n"), ("int x;\n", "VIRT := $(shell id)\n"),
                                            ('#include "board.h"\n#include "/etc/passwd"\n', ""), ("int x;\n", "include other.mk\n"), ("int x;\n", "# say \\\nX := y\n"),
                                            ('const struct board board = {.name = "a\\"};\n', ""), ("int __x;\n", ""), ("int a; int b;\n", "")])
def test_a_survey_that_is_more_than_a_table_makes_no_board(tree, table, settings):
    """Its checksum is right: whoever writes a log can compute one."""
    (tree / "log").write_text(survey(table, settings))
    with pytest.raises(scaffold.Refused, match="no table|no survey prints"):
        scaffold.new_board("box", str(tree / "log"))
    assert not (tree / "board").exists()


@pytest.mark.parametrize("text,why", [("", "no survey in it"), (survey()[:-20], "characters are missing"),
                                      (survey().replace("svm", "vmx"), "characters are missing")])
def test_a_survey_that_is_not_whole_makes_no_board(tree, text, why):
    (tree / "log").write_text(text)
    with pytest.raises(scaffold.Refused, match=why):
        scaffold.new_board("box", str(tree / "log"))
    with pytest.raises(scaffold.Refused, match="No such file"):
        scaffold.new_board("box", str(tree / "none"))
    assert not (tree / "board").exists()
