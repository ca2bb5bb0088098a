# SPDX-License-Identifier: Apache-2.0
"""The tree keeps the rules of layers.py, and each rule notices when it is broken: a planted fault per row."""

import pathlib

import pytest

import layers

ROOT = pathlib.Path(__file__).resolve().parents[1]
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"


@pytest.mark.parametrize("rule", layers.RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps(rule):
    faults = rule(ROOT)
    assert not faults, "\n".join(faults)


# A small tree without fault, and what each row changes in it.
GOOD = {
    "src/LAYERS": "base:\nrt: base\napp: base rt\ncli: base app\n",
    "src/base/slice.h": SPDX + "struct slice { const char *ptr; };\nint slice_eq(struct slice a);\n",
    "src/base/slice.c": SPDX
    + '#include "base/slice.h"\n'
    + "static const char *const names[] = {\"a\", \"b{\"};\n"
    + "enum { LIMIT = 3 };\n"
    + "struct row { int a; };\n"
    + "static const struct row rows[] = {{.a = 1}, {.a = 2}};\n"
    + "static int helper(int a);\n"
    + "typedef int (*hook_fn)(int);\n"
    + "MUST_USE int slice_each(int (*each)(void *), void *arg);\n"
    + "static int (*const hooks[])(int) = {helper};\n"
    + "_Static_assert(sizeof(int) == 4, \"int\");\n"
    + "int slice_eq(struct slice a)\n{\n    static const int table[] = {1};\n    return helper(table[0]); /* atoi( */\n}\n"
    + "MUST_USE PRINTF_LIKE(1, 0)\nint *slice_of(const char *x)\n{\n    return 0;\n}\n"
    + "static int helper(int a)\n{\n    return a;\n}\n",
    "src/rt/loop.c": SPDX + '#include "base/slice.h"\n#include <stdio.h>\nint loop_run(void)\n{\n    return 0;\n}\n',
    "src/rt/context_portable.c": SPDX + "void context_make(void)\n{\n}\n",
    "src/app/api.c": SPDX + '#include "tenon/tenon.h"\nint tn_open(void)\n{\n    return 0;\n}\n',
    "src/cli/main.c": SPDX + '#include "tenon/tenon.h"\nint main(void)\n{\n    return 0;\n}\n',
    "include/tenon/tenon.h": SPDX + "int tn_open(void);\n",
    "dev": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n",
}

FAULTS = [
    ("check_layers_file", "src/LAYERS", "base: rt\nrt: base\napp: base rt\ncli: app\n", "base may not include rt"),
    ("check_layers_file", "src/LAYERS", "base:\nrt: base\napp: base rt\n", "cli is a folder or a layer"),
    ("check_arrows", "src/base/up.h", SPDX + '#include "rt/loop.h"\n', "src/base/up.h:2: base may not include rt/loop.h"),
    ("check_arrows", "src/rt/side.c", SPDX + '#  include "loop.h"\n', "rt may not include loop.h"),
    ("check_arrows", "src/rt/public.c", SPDX + '#include "tenon/tenon.h"\n', "rt may not include tenon/tenon.h"),
    ("check_arrows", "include/tenon/in.h", SPDX + '#include "base/slice.h"\n', "may not include base/slice.h"),
    ("check_circles", "src/base/slice.h", SPDX + '#include "base/slice.h"\n', "base/slice.h -> base/slice.h"),
    ("check_stems", "src/rt/slice.h", SPDX, "slice: stem used in src/base, src/rt"),
    ("check_names", "src/base/odd.c", SPDX + "\nvoid other(void)\n{\n}\n", "src/base/odd.c:3: other()"),
    ("check_names", "src/base/odd.c", SPDX + "MUST_USE struct x *oddly_of(int a, int b)\n{\n}\n", "oddly_of()"),
    ("check_names", "src/rt/api.c", SPDX + "void tn_open(void)\n{\n}\n", "tn_open()"),
    ("check_names", "src/base/main.c", SPDX + "int other(int (*f)(void))\n{\n}\n", "other()"),
    ("check_lengths", "src/base/long.c", "//\n" * 801, "801 lines"),
    ("check_lengths", "src/base/long.c", "void long_one(void)\n{\n" + "    ;\n" * 60 + "}\n", "a function of 61 lines"),
    ("check_state", "src/base/s.c", SPDX + "\n\nstatic int count;\n", "src/base/s.c:4: mutable at file scope: static int count;"),
    ("check_state", "src/base/s.c", "int count = 3;\n", "int count"),
    ("check_state", "src/base/s.c", "static const char *name;\n", "const char *name"),
    ("check_state", "src/base/s.c", 'static const char *names[] = {"a", "b"};\n', "names[]"),
    ("check_state", "src/base/s.c", "static struct { int a; } state;\n", "state;"),
    ("check_state", "src/base/s.c", "static struct slice cache[8];\n", "cache[8]"),
    ("check_state", "src/base/s.c", "static int (*hook)(int) = 0;\n", "(*hook)"),
    ("check_state", "src/base/s.c", "static _Thread_local int here;\n", "here;"),
    ("check_state", "src/base/s.c", "int s_next(void)\n{\n    static int n;\n    return n++;\n}\n", "s_next() holds a mutable static"),
    ("check_forbidden", "src/base/f.c", "int f_a(char *s)\n{\n    return atoi(s);\n}\n", "src/base/f.c:3: atoi()"),
    ("check_forbidden", "src/base/f.c", "int f_a(void)\n{\n#ifdef X\n#endif\n}\n", "src/base/f.c:3: #if inside f_a()"),
    ("check_headers", "src/base/half.h", SPDX + "int half_of(struct missing m);\n", "src/base/half.h: does not compile alone"),
    ("check_spdx", "src/base/bare.c", "int x;\n", "src/base/bare.c:1: no SPDX line"),
    ("check_spdx", "dev", "#!/bin/sh\n", "dev:1: no SPDX line"),
]


def plant(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_tree_without_fault_passes_every_rule(tmp_path):
    plant(tmp_path, GOOD)
    assert {rule.__name__: rule(tmp_path) for rule in layers.RULES} == {rule.__name__: [] for rule in layers.RULES}


@pytest.mark.parametrize("rule, path, text, sentence", FAULTS, ids=[f"{row[0]}-{row[3][:40]}" for row in FAULTS])
def test_a_fault_is_noticed(tmp_path, rule, path, text, sentence):
    plant(tmp_path, {**GOOD, path: text})
    assert any(sentence in fault for fault in getattr(layers, rule)(tmp_path))


def test_every_rule_has_a_planted_fault():
    assert {row[0] for row in FAULTS} == {rule.__name__ for rule in layers.RULES}
