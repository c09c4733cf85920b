"""What a recipe says: everything that changes the weights, and nothing else.

A recipe as written may leave values to the network ("network") or the dataset ("dataset"); a resolved one, as a run keeps it,
holds numbers (see `alexlab.recipes.resolving`).
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from alexlab.data.split import SmallClasses
from alexlab.errors import UserError

ALSO = {"lr": "rate"}
"""Other words for keys, as PyTorch's optimisers have them."""

OTHER_WORDS = {
    "learning_rate": "rate",
    "batch_size": "batch",
    "bs": "batch",
    "wd": "weight_decay",
    "optimizer": "optimiser",
    "opt": "optimiser",
    "scheduler": "schedule",
    "lr_schedule": "schedule",
    "val_split": "hold_out",
    "validation_split": "hold_out",
    "image_size": "input",
    "img_size": "input",
    "augmentation": "augment",
    "augmentations": "augment",
    "early_stopping": "patience",
    "gradient_clipping": "clip",
    "amp": "precision",
    "model": "network",
    "data": "dataset",
}
"""What other programs call some keys; they are not taken, and an error names ours."""

OPTIMISERS = tuple(
    sorted(
        file.name.removesuffix(".py").replace("_", "-")
        for file in (files("alexlab") / "training" / "optimisers").iterdir()
        if file.name.endswith(".py") and file.name != "__init__.py"
    )
)
"""The names of the optimisers, told from their files: a new file is a new name."""

LARGEST = 1e30  # of a number: float32, in which weights are, ends eight powers of ten above
SMALLEST = 1e-30  # of one that is divided by
MOST = 1_000_000  # of epochs, of classes
MOST_IMAGES = 10_000_000  # of a batch
LONGEST_TEXT = 4096  # characters, as of a path
MOST_VALUES = 4096  # as of channels


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("text", "a valid string")
    if len(value) > LONGEST_TEXT:
        raise PydanticCustomError("length", "at most {most} characters", {"most": LONGEST_TEXT})
    if "\0" in value:
        raise PydanticCustomError("nul", "text without the character NUL")
    return value


def _rising(levels: tuple[float, ...]) -> tuple[float, ...]:
    if levels and (len(levels) != 2 or levels[1] - levels[0] < SMALLEST):
        raise PydanticCustomError("levels", "two numbers of which the second is the larger, or none")
    return levels


def _one_word(value: Any) -> Any:
    """Return one word as a list of one, as augment=mirror has it on a command line."""
    return (value,) if isinstance(value, str) and value not in ("dataset", "") else value


def _optimiser(value: Any) -> str:
    if value in OPTIMISERS:
        return str(value)
    *others, last = map(repr, OPTIMISERS)
    raise PydanticCustomError("optimiser", "{names}", {"names": f"{', '.join(others)} or {last}"})


Optimiser = Annotated[str, PlainValidator(_optimiser)]
Text = Annotated[str, PlainValidator(_text)]
"""A string; unlike pydantic's own, also the path of a file whose name is no UTF-8."""
Words = Annotated[tuple[Text, ...], Field(max_length=MOST_VALUES)]
Side = Annotated[int, Field(ge=1, le=4096)]
BoundedShape = tuple[Side, Side, Side]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Finite = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=LARGEST, allow_inf_nan=False)]
Divisor = Annotated[float, Field(ge=SMALLEST, le=LARGEST, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]
Levels = Annotated[tuple[Finite, ...], AfterValidator(_rising)]
Count = Annotated[int, Field(ge=0, le=MOST)]
Epochs = Annotated[
    int | float,
    Field(gt=0, le=MOST, allow_inf_nan=False),
    AfterValidator(lambda given: int(given) if given == int(given) else given),
]


class Recipe(BaseModel):
    """One recipe; the comment beside each key in `alexlab recipes show quick` says what it does."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    # what is trained on what
    network: Text = ""
    dataset: Text = ""
    classes: Literal["dataset"] | Annotated[int, Field(ge=2, le=MOST)] = "dataset"
    initialisation: Text = "network"
    pretrained: Text = ""
    freeze: bool = False

    # from an image to the network's input
    input: Literal["network"] | Side | BoundedShape = "network"
    small_side: Annotated[int, Field(ge=0, le=4096)] = 0
    small_share: Fraction = 0.0
    store: Literal["auto"] | Side | BoundedShape = "auto"
    fit: Literal["network", "stretch", "crop", "pad", "frame", "shorter-side"] = "network"
    view: Literal["resize", "centre"] = "resize"
    levels: Literal["dataset"] | Levels = "dataset"
    pixels: Literal["0-1", "0-255"] = "0-1"
    mean: Literal["dataset", "image"] | Annotated[tuple[Finite, ...], Field(max_length=MOST_VALUES)] = ()
    std: Literal["dataset"] | Annotated[tuple[Divisor, ...], Field(max_length=MOST_VALUES)] = ()
    augment: Annotated[Literal["dataset"] | Words, BeforeValidator(_one_word)] = ()

    # the update
    optimiser: Optimiser = "sgd"
    rate: Positive = 0.01
    momentum: Fraction = 0.0
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 0.0
    divide_by: Literal["images", "batch"] = "images"
    clip: NotNegative = 0.0
    schedule: Literal["constant", "linear", "cosine", "steps", "plateau", "as-it-ran", "lenet-1998"] = "constant"
    drop_every: Count = 0
    warmup: Fraction = 0.0
    label_smoothing: Fraction = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    sampler: Literal["shuffle", "balanced"] = "shuffle"
    dropout: Literal["network"] | Fraction = "network"
    precision: Literal["float32", "bfloat16", "auto"] = "float32"

    # how long, and what is kept
    epochs: Epochs = 10
    batch: Annotated[int, Field(ge=1, le=MOST_IMAGES)] = 128
    watch: Literal["test", "validation"] = "validation"
    hold_out: Annotated[float, Field(gt=0, lt=1)] = 0.1
    small_classes: SmallClasses = "refuse"
    select: Literal["best", "last"] = "best"
    patience: Count = 0
    on_nan: Literal["stop", "rollback"] = "stop"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        return renamed(values) if isinstance(values, dict) else values


def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a recipe by its own keys. Raises UserError where one is given by two words."""
    for word, key in ALSO.items():
        if word in values and key in values:
            raise UserError(f"both {word} and {key} are given, which are one; leave one of them out.")
    return {ALSO.get(key, key): value for key, value in values.items()}
