"""What a run keeps of a network of the user's own: every module that was imported, so that the run works when they are gone."""

from pathlib import Path

import torch

from alexlab.errors import UserError
from alexlab.networks.modules import Modules, forget, hidden, modules_of
from alexlab.networks.naming import OWN, is_own
from alexlab.networks.own import contained, own_network
from alexlab.recipes.schema import Recipe
from alexlab.showing import listed
from alexlab.writing import write_file


def keep_code(folder: Path, recipe: Recipe) -> tuple[str, list[str]]:
    """Write the modules of the recipe's network, as they were imported, into the run that is being made in `folder`.

    Where they are several files, the network is made of them once, as if the user's were gone.

    Returns:
        Where the file that defines the network lies below own/, "" where none is kept; and what the run cannot keep, in words.

    Raises:
        UserError: no network can be made of what can be kept.
    """
    name = recipe.network
    where, _, attribute = name.rpartition(":")
    modules = modules_of(name)
    if modules is None:
        in_memory = is_own(name) and where == "__main__"
        return "", [f"{name}: the run keeps no code of it: define the network in a file to use it later."] * in_memory
    kept, files = folder / OWN, modules.files()
    for place, content in files.items():
        (kept / place).parent.mkdir(parents=True, exist_ok=True)
        write_file(kept / place, content, within=folder)
    if len(files) == 1 and not modules.read:
        return modules.entry.as_posix(), []
    return modules.entry.as_posix(), _tried(f"{kept / modules.entry}:{attribute}", recipe, modules, files)


def _tried(kept: str, recipe: Recipe, modules: Modules, files: dict[Path, bytes]) -> list[str]:
    """Return what is said before the training where what is kept does not suffice."""
    folder = Path(kept.rpartition(":")[0]).absolute().parents[len(modules.entry.parts)]
    with hidden(modules, but=folder) as missed:
        wrong = _wrong(kept, recipe)
    if not wrong and not missed:
        return []
    if not missed or (wrong := _wrong(kept, recipe)):
        raise UserError(
            f"{recipe.network}: the run would keep {', '.join(sorted(map(str, files)))}, and the network cannot be made of that "
            f"({wrong}), so the trained network could not be used. Let the modules lie beside the network's file, and what they read "
            "beside them, found from `__file__`."
        )
    return [
        f"{recipe.network}: it reads {listed(sorted(missed))}, which the run does not keep: evaluate, predict and --resume need it "
        "to stay there."
    ]


def _wrong(kept: str, recipe: Recipe) -> str:
    """Make the network of what is kept and show it two images; return what goes wrong, "" where nothing does."""
    assert isinstance(recipe.classes, int) and isinstance(recipe.input, tuple)
    try:
        with torch.random.fork_rng(devices=[]):
            network = own_network(kept, recipe.classes, recipe.input).eval()
            with contained(kept, "a forward pass"), torch.no_grad():
                network(torch.zeros(2, *recipe.input))
    except UserError as error:
        return str(error).rstrip(".")
    finally:
        if found := modules_of(kept):
            forget(found.package)
    return ""
