# SPDX-License-Identifier: Apache-2.0
"""Runs a boot script as GRUB would, as far as our scripts go, and keeps what GRUB's tpm module measures: each command, each file."""
import re

TOKEN = re.compile(r"""[ \t]+|\#[^\n]*|(?P<end>[\n;])|(?P<word>(?:"[^"]*"|'[^']*'|[^\s;"'])+)""")
PART = re.compile(r""""([^"]*)"|'([^']*)'|([^"']+)""")
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
SILENT = {"echo", "sleep", "serial", "terminal_input", "terminal_output", "save_env", "export", "insmod"}  # nothing that is measured depends on them


class Unknown(Exception):
    """The script has what this does not know; the text says what."""


class Ended(Exception):
    """The machine starts something, or is reset."""


def tokens(text):
    place = 0
    while place < len(text):
        match = TOKEN.match(text, place)
        if not match:
            raise Unknown(f"no word of a script: {text[place : place + 40]!r}")
        place = match.end()
        if match.lastgroup:
            yield ";" if match.lastgroup == "end" else match[match.lastgroup]
    yield ";"


class Parser:
    """Statements: ("command", words), ("if", [(condition, body)...]), ("for", name, words, body), ("function", name, body)."""

    def __init__(self, text):
        self.rest = list(tokens(text))

    def take(self, *wanted):
        if not self.rest or (wanted and self.rest[0] not in wanted):
            raise Unknown(f"{' or '.join(wanted)} missing before {self.rest[:5]}")
        return self.rest.pop(0)

    def words(self):
        found = []
        while (word := self.take()) != ";":
            found.append(word)
        return found

    def block(self, *closers):
        """Statements up to one of these words, which stays; to the end if there is none."""
        found = []
        while self.rest and self.rest[0] not in closers:
            if self.rest[0] == ";":
                self.take()
            else:
                found.append(self.statement())
        return found

    def statement(self):
        if self.rest[0] == "if":
            return self.condition()
        if self.rest[0] in ("for", "function"):
            return self.loop() if self.take() == "for" else ("function", self.take(), self.body("{", "}"))
        return "command", self.words()

    def condition(self):
        branches = []
        while self.take("if", "elif", "else", "fi") != "fi":
            chosen = self.block("then") if not branches or self.closed != "else" else []
            if chosen:
                self.take("then")
            branches.append((chosen, self.block("elif", "else", "fi")))
            self.closed = self.rest[0] if self.rest else ""
        return "if", branches

    def loop(self):
        name = self.take()
        self.take("in")
        return "for", name, self.words(), self.body("do", "done")

    def body(self, opener, closer):
        self.take(opener)
        inside = self.block(closer)
        self.take(closer)
        return inside


class Grub:
    """`read(place, path)`: bytes of a file, place as in "hd0,gpt3"; `block`: variables of the environment block."""

    def __init__(self, read, block, disk="hd0"):
        self.read, self.block = read, block
        self.variables = {"root": f"{disk},gpt2", "prefix": f"({disk},gpt2)/grub"}
        self.functions = {}
        self.measured, self.files = [], []  # what goes to PCR 8; (name, bytes) of what goes to PCR 9

    def expand(self, word):
        """A word's arguments: what is not quoted falls apart at blanks."""
        found, open_word = [], False
        for double, single, bare in PART.findall(word):
            text = single or VARIABLE.sub(lambda match: self.variables.get(match[1] or match[2], ""), double or bare)
            pieces = text.split() if bare else [text]
            if open_word and pieces:
                found[-1] += pieces.pop(0)
            found += pieces
            open_word = bool(found)
        return found

    def file(self, path):
        match = re.fullmatch(r"\(([^)]*)\)(/.*)", path)
        place, name = (match[1], match[2]) if match else (self.variables["root"], path)
        data = self.read(place, name)
        self.files.append((name, data))
        return data

    def script(self, path):
        self.run(Parser(self.file(path).decode()).block())

    def run(self, statements):
        status = True
        for kind, *rest in statements:
            status = getattr(self, f"run_{kind}")(*rest)
        return status

    def run_if(self, branches):
        for condition, body in branches:
            if not condition or self.run(condition):
                return self.run(body)
        return True

    def run_for(self, name, words, body):
        for value in [argument for word in words for argument in self.expand(word)]:
            self.variables[name] = value
            self.run(body)
        return True

    def run_function(self, name, body):
        self.functions[name] = body
        return True

    def run_command(self, words):
        name, *arguments = [argument for word in words for argument in self.expand(word)]
        self.measured.append(" ".join([name, *arguments]))
        if name in self.functions:
            outside = dict(self.variables)
            self.variables.update({str(i): value for i, value in enumerate(arguments, 1)})
            status = self.run(self.functions[name])
            self.variables.update({key: outside.get(key, "") for key in map(str, range(1, 10))})
            return status
        if name in SILENT:
            return True
        action = {"[": self.test}.get(name) or getattr(self, f"do_{name}", None)
        if not action:
            raise Unknown(f"command {name}")
        return action(*arguments)

    @staticmethod
    def test(left, operator, right, _):
        if operator in ("=", "!="):
            return (left == right) == (operator == "=")
        if operator != "-ge":
            raise Unknown(f"test {operator}")
        return int(left) >= int(right)

    def do_true(self):
        return True

    def do_set(self, assignment):
        name, _, value = assignment.partition("=")
        self.variables[name] = value
        return True

    def do_load_env(self, *arguments):
        names = arguments[arguments.index("--file") + 2 :]
        self.variables.update({name: value for name, value in self.block.items() if name in names})
        return True

    def do_regexp(self, target, expression, text):
        number, name = re.fullmatch(r"--set=(\d+):(\w+)", target).groups()
        found = re.search(expression, text)
        if found:
            self.variables[name] = found[int(number)]
        return bool(found)

    def do_hashsum(self, *arguments):
        """That the files are as they should be is taken for granted: it is what the prediction is for."""
        prefix = arguments[arguments.index("--prefix") + 1]
        for line in self.file(arguments[arguments.index("--check") + 1]).decode().splitlines():
            self.file(f"{prefix}/{line.split('  ', 1)[1]}")
        return True

    def do_source(self, path):
        self.script(path)
        return True

    def load(self, path, *arguments):
        self.file(path)
        self.measured.append(" ".join(arguments))
        return True

    do_multiboot2 = do_module2 = load

    def do_boot(self):
        raise Ended("boot")

    def do_reboot(self):
        raise Ended("reboot")
