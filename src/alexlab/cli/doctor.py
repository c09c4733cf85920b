"""The command `alexlab doctor`."""

from pathlib import Path

import click

from alexlab.cli import options
from alexlab.cli.saying import say


@click.command("doctor")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@options.data_dir
@options.as_json
def doctor(runs: tuple[Path, ...], data_dir: Path | None, as_json: bool) -> None:
    """Look at installation, device, threads, memory, disks, data folders and runs, and say what to do about each finding.

    Every file of the RUNS (by default of all below runs/) is read and held against its checksum.
    """
    import sys

    from alexlab.runs.doctor import examine
    from alexlab.valid_json import to_json

    bad = False
    findings = []
    for finding in examine(data_dir, list(runs) or None):
        bad |= finding.advice is not None
        findings.append(finding.__dict__)
        if not as_json:
            say(f"{'!' if finding.advice else 'ok':2} {finding.what}: {finding.found}")
            if finding.advice:
                say(f"   -> {finding.advice}")
    if as_json:
        say(to_json(findings, indent=1))
    sys.exit(1 if bad else 0)
