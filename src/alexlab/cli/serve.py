"""The command `alexlab serve`."""

from functools import partial

import click

from alexlab.cli import options
from alexlab.cli.saying import say
from alexlab.errors import UserError


@click.command("serve")
@click.argument("models", nargs=-1, required=True, metavar="RUN|FILE.onnx...")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen; others than loopback take a token."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any that is free.")
@click.option(
    "--token",
    envvar="ALEXLAB_TOKEN",
    help="What clients bring as `Authorization: Bearer TOKEN`; better in ALEXLAB_TOKEN.",
)
@click.option("--watch", is_flag=True, help="Take a newer file of weights as soon as it is there.")
@click.option(
    "--queue", type=click.IntRange(1), default=512, show_default=True, help="Images that may wait for a model."
)
@click.option(
    "--timeout",
    type=options.Finite(0.001),
    default=30.0,
    show_default=True,
    help="Seconds within which a request is answered.",
)
@click.option(
    "--most-megabytes", type=click.IntRange(1, 1024), default=32, show_default=True, help="Of a request's body."
)
@click.option("--precision", type=click.Choice(["float32", "bfloat16", "int8"]), default="float32", show_default=True)
@options.device
def serve(
    models: tuple[str, ...],
    host: str,
    port: int,
    token: str | None,
    watch: bool,
    queue: int,
    timeout: float,
    most_megabytes: int,
    precision: str,
    device: str,
) -> None:
    """Answer over HTTP with runs and exported files, each by the last part of its path or as NAME=PATH.

    `curl -F image=@photo.jpg localhost:8000/predict` gives the top classes; /v2 speaks the Open Inference Protocol. Ctrl-C or SIGTERM:
    what has been accepted is answered, nothing new is taken.
    """
    try:
        from alexlab.web.app import Limits, Service
        from alexlab.web.models import named, opened
        from alexlab.web.server import serve as serve_at
    except ModuleNotFoundError as error:
        raise UserError(f"serving takes {error.name}: pip install 'alexlab[serve]'.") from None

    opening = partial(opened, device=device, precision=precision)
    service = Service([named(each, opening) for each in models], Limits(most_megabytes << 20, queue, timeout), watch)
    serve_at(service, host, port, token, ready=say)
