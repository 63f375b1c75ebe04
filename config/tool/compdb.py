#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Print compile_commands.json: first the compiler's flags as one argument, then the hypervisor's objects."""
import json
import os
import sys

flags, *objects = sys.argv[1:]
entries = []
for name in objects:
    stem = name.removeprefix("build/obj/").removesuffix(".o")
    source = stem if stem.endswith(".S") else stem + ".c"
    entries.append({"directory": os.getcwd(), "file": source, "output": name, "command": f"gcc {flags} -c -o {name} {source}"})
json.dump(entries, sys.stdout, indent=1)
