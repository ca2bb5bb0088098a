# SPDX-License-Identifier: Apache-2.0
"""What a reader may rely on in every source file, as functions over a tree that return `file:line: sentence` lines.

The C is not compiled here but cut into its top-level pieces (declarations and functions); comments, strings and
preprocessor lines are blanked first, line for line, so that a place found in a piece is a place in the file.
"""

import concurrent.futures
import pathlib
import re
import subprocess

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 60
CODE_FOLDERS = ("src", "include", "examples", "bench", "fuzz", "test")
SPDX_ENDINGS = {".c", ".h", ".S", ".def", ".py", ".lua", ".sh", ".build"}
SPDX_FILES = ("dev", ".ci/run")
POSTGRES = subprocess.run(["pkg-config", "--cflags", "libpq"], capture_output=True, text=True).stdout.split()
COMPILER = ("gcc", "-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wno-unused", "-Werror", "-x", "c")

# One of several implementations of a header, chosen by the build: its names are the header's.
VARIANTS = {"context_portable": "context"}

FORBIDDEN_CALL = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atoll|alloca|gmtime|localtime|gets)\s*\(")
BLANKED = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)|\b[A-Z][A-Z0-9_]+\b(?:\s*\([^()]*\))?(?=[\s*]*\w)")
SCOPE_WORDS = re.compile(r"\b(static|extern|inline|_Thread_local|__thread)\b")


class Piece:
    """One top-level declaration or function: its text with each `{…}` block as `{}`, its lines, and its body."""

    def __init__(self, text, first, last, body):
        self.text, self.first, self.last, self.body = " ".join(text.split()), first, last, body

    @property
    def is_function(self):
        return self.text.endswith("{}") and "=" not in self.text and "(" in self.text

    @property
    def name(self):
        match = re.search(r"(\w+)\s*\(", ATTRIBUTE.sub(" ", self.text))
        return match[1] if match else None


def blank(text, keep_directives=False):
    """The text with comments, strings and preprocessor lines as spaces; every newline stays."""
    def spaces(match):
        return re.sub(r"[^\n]", " ", match[0])

    text = BLANKED.sub(spaces, text)
    return text if keep_directives else DIRECTIVE.sub(spaces, text)


def pieces(text):
    """The top-level pieces of a C file, in order."""
    code, found, chunk, body, depth, line, first = blank(text), [], [], [], 0, 1, None
    for char in code:
        if char == "\n":
            line += 1
        if depth == 0 and first is None:
            if char.isspace():
                continue
            first = line
        if char == "{":
            depth += 1
            if depth == 1:
                chunk.append("{")
                continue
        elif char == "}":
            depth -= 1
        (chunk if depth == 0 else body).append(char)
        if depth or char not in ";}":
            continue
        piece = Piece("".join(chunk), first, line, "".join(body))
        if char == ";" or piece.is_function:
            found.append(piece)
            chunk, body, first = [], [], None
    return found


def is_mutable_variable(piece):
    """True for a variable definition that anything may change after start-up."""
    text = piece.text.rstrip(";")
    if re.match(r"(typedef|extern|_Static_assert|static_assert)\b", text) or piece.is_function or not text:
        return False
    declarator = re.sub(r"\b(struct|union|enum)\b\s*\w*\s*\{\}", "", text.split("=")[0])
    declarator = SCOPE_WORDS.sub("", ATTRIBUTE.sub(" ", declarator)).strip()
    if not declarator or re.fullmatch(r"(struct|union|enum)\s+\w+", declarator):
        return False
    if "(" in declarator:  # a pointer to a function is a variable, all else is a prototype
        return bool(re.match(r"[^(]*\(\s*\*\s*\w+\s*(\[[^\]]*\])?\s*\)\s*\(", declarator))
    before = declarator.split("[")[0]
    return not re.search(r"\bconst\b", before.rsplit("*", 1)[-1] if "*" in before else before)


def c_files(root, folders=("src",), endings=(".c", ".h")):
    return sorted(path for folder in folders for path in (root / folder).rglob("*") if path.suffix in endings)


def read(path):
    return path.read_text(encoding="utf-8", errors="replace")


def at(root, path, line, sentence):
    return f"{path.relative_to(root)}:{line}: {sentence}"


def read_layers(root):
    """{layer: what it may include, itself among them}, in the file's order."""
    allowed = {}
    for line in read(root / "src/LAYERS").splitlines():
        name, colon, rest = line.split("#")[0].partition(":")
        if colon:
            allowed[name.strip()] = {name.strip(), *rest.split()}
    return allowed


# The rules


def check_layers_file(root):
    """Each layer stands above all that it may include, so there is no circle; each folder is a layer and the reverse."""
    faults, seen, allowed = [], set(), read_layers(root)
    for layer, includes in allowed.items():
        faults += [f"src/LAYERS: {layer} may not include {name}, which is above it" for name in sorted(includes - seen - {layer})]
        seen.add(layer)
    folders = {path.name for path in (root / "src").iterdir() if path.is_dir()}
    return faults + [f"src/LAYERS: {name} is a folder or a layer, not both" for name in sorted(folders ^ set(allowed))]


def check_arrows(root):
    """An include names a layer that src/LAYERS allows; the public headers are app's and include only each other."""
    faults, allowed = [], read_layers(root)
    for path in c_files(root, ("src", "include")):
        own = path.relative_to(root).parts[1]
        for line, text in enumerate(read(path).splitlines(), 1):
            match = INCLUDE.match(text)
            if not match:
                continue
            target, slash, _ = match[1].partition("/")
            if path.is_relative_to(root / "include"):
                good = target == "tenon" and slash
            elif target == "tenon":
                good = "app" in allowed.get(own, ())
            else:
                good = slash and target in allowed.get(own, ())
            if not good:
                faults.append(at(root, path, line, f"{own} may not include {match[1]}"))
    return faults


def check_circles(root):
    """No header reaches itself through includes."""
    graph = {}
    for path in c_files(root, ("src", "include"), (".h", ".def")):
        name = "/".join(path.relative_to(root).parts[1:])
        graph[name] = [match[1] for match in map(INCLUDE.match, read(path).splitlines()) if match]
    faults, done = [], set()

    def walk(name, way):
        if name in way:
            faults.append("circle: " + " -> ".join(way[way.index(name):] + [name]))
        elif name not in done:
            for target in graph.get(name, ()):
                walk(target, way + [name])
            done.add(name)

    for name in graph:
        walk(name, [])
    return faults


def check_stems(root):
    """A stem is used once in the whole tree."""
    homes = {}
    for path in c_files(root):
        homes.setdefault(path.stem, set()).add(str(path.parent.relative_to(root)))
    return [f"{stem}: stem used in {', '.join(sorted(home))}" for stem, home in homes.items() if len(home) > 1]


def check_names(root):
    """What a file defines and does not hide starts with its stem; app and cli may define tn_…, cli main()."""
    faults = []
    for path in c_files(root, ("src",), (".c",)):
        layer, stem = path.relative_to(root).parts[1], VARIANTS.get(path.stem, path.stem)
        for piece in pieces(read(path)):
            if not piece.is_function or re.search(r"\bstatic\b", piece.text):
                continue
            name = piece.name or "?"
            good = (name + "_").startswith(stem + "_") or (layer in ("app", "cli") and name.startswith("tn_"))
            if not good and (layer, name) != ("cli", "main"):
                faults.append(at(root, path, piece.first, f"{name}() is not static and does not start with {stem}_"))
    return faults


def check_lengths(root):
    """No file over FILE_LINES_MAX lines, no function over FUNCTION_LINES_MAX."""
    faults = []
    for path in c_files(root, CODE_FOLDERS):
        lines, start = read(path).splitlines(), None
        if len(lines) > FILE_LINES_MAX:
            faults.append(at(root, path, 1, f"{len(lines)} lines; split it along a noun"))
        for number, line in enumerate(lines, 1):
            if line.startswith("{"):
                start = number
            elif line.startswith("}") and start:
                if number - start > FUNCTION_LINES_MAX and not re.match(r"\}.*;", line):
                    faults.append(at(root, path, start, f"a function of {number - start} lines"))
                start = None
    return faults


def check_state(root):
    """No mutable variable at file scope, nor a static one in a function."""
    faults = []
    for path in c_files(root, ("src", "include", "bench")):
        for piece in pieces(read(path)):
            if is_mutable_variable(piece):
                faults.append(at(root, path, piece.first, f"mutable at file scope: {piece.text[:60]}"))
            elif piece.is_function and re.search(r"\bstatic\b(?![^;={]*\bconst\b)", piece.body):
                faults.append(at(root, path, piece.first, f"{piece.name}() holds a mutable static"))
    return faults


def check_forbidden(root):
    """No call that STYLE forbids, and no #if inside a function."""
    faults = []
    for path in c_files(root, ("src", "include", "bench", "fuzz", "examples")):
        text = read(path)
        code = blank(text, keep_directives=True).splitlines()
        for line, part in enumerate(code, 1):
            match = FORBIDDEN_CALL.search(part)
            if match:
                faults.append(at(root, path, line, f"{match[1]}() is not used here"))
        for piece in pieces(text):
            for line in range(piece.first, piece.last + 1) if piece.is_function else ():
                if re.match(r"\s*#\s*if", code[line - 1]):
                    faults.append(at(root, path, line, f"#if inside {piece.name}()"))
    return faults


def check_headers(root):
    """Every header compiles alone."""

    def compile_alone(path):
        command = [*COMPILER, *POSTGRES, f"-I{root / 'src'}", f"-I{root / 'include'}", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        return [] if done.returncode == 0 else [f"{path.relative_to(root)}: does not compile alone\n{done.stderr[:600]}"]

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [fault for faults in pool.map(compile_alone, c_files(root, ("src", "include"), (".h",))) for fault in faults]


def check_spdx(root):
    """Every source file says its licence in its first three lines."""
    paths = [path for folder in CODE_FOLDERS for path in (root / folder).rglob("*") if path.suffix in SPDX_ENDINGS]
    paths += [root / name for name in SPDX_FILES if (root / name).is_file()]
    return [
        at(root, path, 1, "no SPDX line")
        for path in sorted(paths)
        if path.is_file() and "SPDX-License-Identifier: Apache-2.0" not in "".join(read(path).splitlines()[:3])
    ]


RULES = [rule for name, rule in sorted(globals().items()) if name.startswith("check_")]
