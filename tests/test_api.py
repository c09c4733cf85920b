"""What `import alexlab` offers is there when asked for, and says so before."""

import subprocess
import sys

import alexlab

NAMES = {"Run", "check", "dataset", "network", "resume", "train"}


def test_every_name_is_advertised_and_there() -> None:
    assert set(alexlab.__all__) == NAMES <= set(dir(alexlab))
    assert all(callable(getattr(alexlab, name)) for name in NAMES)


def test_names_are_listed_without_torch() -> None:
    program = "import sys, alexlab; names = dir(alexlab); print(*names); assert 'torch' not in sys.modules"
    listed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert set(listed.split()) >= NAMES


def test_a_star_brings_them_all() -> None:
    program = "from alexlab import *; import alexlab; assert check is alexlab.check and train is alexlab.train"
    subprocess.run([sys.executable, "-c", program], check=True)
