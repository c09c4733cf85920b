"""Modules import one another one way: no circle, in a room or between rooms."""

from itertools import pairwise

import grimp


def circle(graph: grimp.ImportGraph) -> list[str]:
    """Return the modules of one circle of imports, its first one again at the end; none where there is no circle."""
    finished: set[str] = set()

    def search(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in finished:
            return []
        for imported in sorted(graph.find_modules_directly_imported_by(module)):
            if found := search(imported, [*path, module]):
                return found
        finished.add(module)
        return []

    return next((found for module in sorted(graph.modules) if (found := search(module, []))), [])


def test_no_modules_import_one_another_in_a_circle() -> None:
    graph = grimp.build_graph("alexlab", exclude_type_checking_imports=True, cache_dir=None)
    assert graph.find_modules_directly_imported_by("alexlab.api")  # so it would tell
    found = circle(graph)
    where = [graph.get_import_details(importer=a, imported=b)[0]["line_number"] for a, b in pairwise(found)]
    assert not found, list(zip(found, where, strict=False))


def test_a_circle_is_found() -> None:
    graph = grimp.ImportGraph()
    for importer, imported in (("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")):
        graph.add_import(importer=importer, imported=imported)
    assert circle(graph) == []
    graph.add_import(importer="d", imported="b")
    assert circle(graph) == ["b", "c", "d", "b"]
