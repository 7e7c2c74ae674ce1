"""Reads a PowerShell script from stdin and writes its commands as JSON: each name with the names of
its parameters. Fails where the grammar finds no sense in it."""

import json
import sys

import tree_sitter_powershell
from tree_sitter import Language, Parser

source = sys.stdin.buffer.read()
tree = Parser(Language(tree_sitter_powershell.language())).parse(source)
commands = []


def text(node):
    return source[node.start_byte : node.end_byte].decode()


def walk(node):
    if node.type == "ERROR" or node.is_missing:
        sys.exit(f"line {node.start_point[0] + 1}: {text(node)[:80]!r} cannot be read")
    if node.type == "command":
        name = node.child_by_field_name("command_name")
        elements = node.child_by_field_name("command_elements")
        children = elements.children if elements else []
        parameters = [text(c) for c in children if c.type == "command_parameter"]
        commands.append([text(name) if name else text(node), parameters])
    for child in node.children:
        walk(child)


walk(tree.root_node)
json.dump(commands, sys.stdout)
