"""What a scenario says of a value, and whether it is so.

    3, "x", null, [..]        equal
    "$name"                   equal to what was saved under that name
    {"at_least": 3}           also at_most
    {"not": EXPECTED}         anything else
    {"contains": "x"}         a text or list that has it
    {"set": true}             not null and not empty
    {"any_of": [..]}          one of these
    {..}                      an object whose named members are so; a name with
                              dots reaches inside: {"token.generation": 2}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OPERATORS = {"at_least", "at_most", "not", "contains", "set", "any_of"}


def substitute(value: Any, names: Mapping[str, Any]) -> Any:
    """The value with each "$name" in it replaced, and "${name}" in texts."""
    if isinstance(value, str):
        if value.startswith("$") and value[1:] in names:
            return names[value[1:]]
        for name, text in names.items():
            value = value.replace("${" + name + "}", str(text))
        return value
    if isinstance(value, list):
        return [substitute(item, names) for item in value]
    if isinstance(value, dict):
        return {k: substitute(v, names) for k, v in value.items()}
    return value


def reach(value: Any, path: str) -> Any:
    """value["a"]["b"] for "a.b"; None where there is no such member."""
    for name in path.split("."):
        if isinstance(value, list):
            value = value[int(name)] if int(name) < len(value) else None
        elif isinstance(value, Mapping):
            value = value.get(name)
        else:
            return None
    return value


def difference(expected: Any, found: Any, where: str = "") -> str:
    """What is not as expected; "" if all is."""
    if not isinstance(expected, Mapping):
        if expected == found and isinstance(expected, bool) == isinstance(
            found, bool
        ):
            return ""
        return f"{where or 'it'}: expected {expected!r}, found {found!r}"
    if expected and set(expected) <= _OPERATORS:
        for operator, operand in expected.items():
            if not _holds(operator, operand, found):
                return (
                    f"{where or 'it'}: expected {operator} {operand!r}, "
                    f"found {found!r}"
                )
        return ""
    for name, inner in expected.items():
        path = f"{where}.{name}" if where else name
        if said := difference(inner, reach(found, name), path):
            return said
    return ""


def _holds(operator: str, operand: Any, found: Any) -> bool:
    match operator:
        case "at_least":
            return isinstance(found, (int, float)) and found >= operand
        case "at_most":
            return isinstance(found, (int, float)) and found <= operand
        case "not":
            return difference(operand, found) != ""
        case "contains":
            return isinstance(found, (str, list)) and operand in found
        case "set":
            return (found is not None and found != "" and found != []) == operand
        case "any_of":
            return any(difference(one, found) == "" for one in operand)
    raise ValueError(operator)
