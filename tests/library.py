"""The modules of the library, and which of them imports which."""

from __future__ import annotations

import ast
from pathlib import Path

LIBRARY = Path(__file__).parents[1] / "workflow/visalign"


def modules() -> dict[str, Path]:
    """Every module of the library by its name below visalign, a room by its own."""
    files = [path for path in LIBRARY.rglob("*.py") if path != LIBRARY / "__init__.py"]
    names = {path: path.relative_to(LIBRARY).with_suffix("").parts for path in files}
    return {".".join(parts).removesuffix(".__init__"): path for path, parts in names.items()}


MODULES = modules()


def is_for_types(node: ast.AST) -> bool:
    """Whether a statement is for the type checker only."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imports(path: Path, anywhere: bool = True, types: bool = True) -> set[str]:
    """Modules that a file imports, anywhere or at its top, for types too; its own as visalign.ROOM.NAME."""
    tree = ast.parse(path.read_text())
    if not types:
        tree.body = [node for node in tree.body if not is_for_types(node)]
    names: set[str] = set()
    for node in ast.walk(tree) if anywhere else tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            own = {name for name in parts if name.removeprefix("visalign.") in MODULES}
            names |= own or {node.module}
    return names


def own_imports(module: str) -> set[str]:
    """Modules of visalign that a module imports."""
    found = imports(MODULES[module])
    return {name.removeprefix("visalign.") for name in found if name.startswith("visalign.")}
