"""The examples of where people run it are what their systems take."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from alexlab.cli.serve import serve

PLACES = Path(__file__).parent.parent / "examples" / "scale-out"
SERVICE = PLACES.parent / "serve"
KUBERNETES = "1.30"


def documents() -> list[dict[str, Any]]:
    yaml = pytest.importorskip("yaml")
    return list(yaml.safe_load_all((PLACES / "kubernetes.yaml").read_text(encoding="utf-8")))


def test_kubernetes_takes_every_object() -> None:
    validate = pytest.importorskip("kubernetes_validate")
    found = documents()
    assert [each["kind"] for each in found] == ["Service", "Job"]
    for each in found:
        validate.validate(each, KUBERNETES, strict=True)
    found[1]["spec"]["completionModes"] = found[1]["spec"].pop("completionMode")
    with pytest.raises(validate.ValidationError):  # so it would tell
        validate.validate(found[1], KUBERNETES, strict=True)


def test_kubernetes_takes_the_service() -> None:
    validate, yaml = pytest.importorskip("kubernetes_validate"), pytest.importorskip("yaml")
    found = list(yaml.safe_load_all((SERVICE / "kubernetes.yaml").read_text(encoding="utf-8")))
    assert [each["kind"] for each in found] == ["Service", "Deployment", "HorizontalPodAutoscaler"]
    for each in found:
        validate.validate(each, KUBERNETES, strict=True)
    service, deployment, autoscaler = found
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    (port,) = container["ports"]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert autoscaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    container_file = (SERVICE / "Containerfile").read_text(encoding="utf-8")
    assert f"EXPOSE {port['containerPort']}" in container_file


# What KServe adds to a pod's own fields in a predictor: ComponentExtensionSpec of its API, serving.kserve.io/v1beta1.
KSERVE = {
    "minReplicas": int,
    "maxReplicas": int,
    "scaleTarget": int,
    "scaleMetric": ("cpu", "memory", "concurrency", "rps"),
    "scaleMetricType": ("Utilization", "AverageValue", "Value"),
    "containerConcurrency": int,
    "timeout": int,
    "canaryTrafficPercent": int,
    "labels": dict,
    "annotations": dict,
}


def check_kserve(service: dict[str, Any]) -> None:
    """Raise where an InferenceService is none: its own fields by KServe's API, what is left of the predictor by Kubernetes' of a pod."""
    validate = pytest.importorskip("kubernetes_validate")
    assert service["apiVersion"] == "serving.kserve.io/v1beta1" and service["kind"] == "InferenceService"
    assert set(service) == {"apiVersion", "kind", "metadata", "spec"} and set(service["spec"]) == {"predictor"}
    predictor = dict(service["spec"]["predictor"])
    for field in set(predictor) & set(KSERVE):
        value, kind = predictor.pop(field), KSERVE[field]
        assert value in kind if isinstance(kind, tuple) else type(value) is kind, field
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": service["metadata"], "spec": predictor}
    validate.validate(pod, KUBERNETES, strict=True)


def test_kserve_takes_the_service() -> None:
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load((SERVICE / "kserve.yaml").read_text(encoding="utf-8"))
    check_kserve(found)
    predictor = found["spec"]["predictor"]
    (container,) = predictor["containers"]
    (port,) = container["ports"]
    container_file = (SERVICE / "Containerfile").read_text(encoding="utf-8")
    assert f"EXPOSE {port['containerPort']}" in container_file
    assert container["name"] == "kserve-container"  # by which KServe knows the one that answers
    wrong = [{**predictor, "minReplica": 1}, {**predictor, "scaleMetric": "gpu"}, {**predictor, "containers": [{}]}]
    for each in wrong:
        with pytest.raises((AssertionError, pytest.importorskip("kubernetes_validate").ValidationError)):
            check_kserve({**found, "spec": {"predictor": each}})


@pytest.mark.parametrize("name", ["Containerfile", "alexlab.service"])
def test_what_starts_the_service_gives_options_that_it_takes(name: str) -> None:
    known = {option for each in serve.params for option in each.opts}
    given = re.findall(r"(?<=[\s\"])--(?:host|port|token|watch|queue|[a-z-]+)(?=[\s\",])", _command(SERVICE / name))
    assert given
    assert {option.strip() for option in given} <= known


def _command(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.startswith(("ENTRYPOINT", "CMD", "ExecStart")))


def test_the_parts_of_the_kubernetes_job_fit_together() -> None:
    service, job = documents()
    name, spec, pod = job["metadata"]["name"], job["spec"], job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    options = dict(re.findall(r"--(\S+?)=(\S+)", " ".join(container["args"])))
    assert spec["completions"] == spec["parallelism"] == int(options["nnodes"])
    assert pod["subdomain"] == service["metadata"]["name"] and service["spec"]["selector"] == {"job-name": name}
    assert options["rdzv-endpoint"] == f"{name}-0.{pod['subdomain']}:{service['spec']['ports'][0]['port']}"
    assert int(container["resources"]["limits"]["nvidia.com/gpu"]) == int(options["nproc-per-node"])
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}


def run_with(script: str, programs: dict[str, str], tmp_path: Path, **environment: str) -> list[str]:
    """The arguments with which a script starts the last of these programs, which say what is given."""
    for name, says in programs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{says}\n")
        (tmp_path / name).chmod(0o755)
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", **environment}
    words = ["lenet5", "digits", "--out", "run"]
    done = subprocess.run(["bash", PLACES / script, *words], capture_output=True, text=True, env=variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_slurm_starts_torchrun_once_on_each_machine_and_alexlab_takes_what_it_is_given(tmp_path: Path) -> None:
    script = (PLACES / "slurm.sh").read_text(encoding="utf-8")
    assert "#SBATCH --ntasks-per-node=1" in script and "#SBATCH --requeue" in script
    said = run_with(
        "slurm.sh",
        {"scontrol": "printf 'node7\\nnode8\\n'", "srun": 'echo "$@"'},
        tmp_path,
        SLURM_NNODES="2",
        SLURM_JOB_NODELIST="node[7-8]",
        SLURM_JOB_ID="4100042",
        SLURM_GPUS_ON_NODE="4",
        SLURM_CPUS_PER_TASK="16",
    )
    started = " ".join(said)
    assert "torchrun --nnodes 2 --nproc-per-node 4" in started and "--rdzv-id 4100042" in started
    assert re.search(r"--rdzv-endpoint node7:2\d{4} ", started)
    parsed(said[said.index("train") + 1 :])


def test_slurm_finds_the_first_of_a_thousand_machines_every_time(tmp_path: Path) -> None:
    programs = {"scontrol": "for i in {1..1000}; do echo node$i; done", "srun": 'echo "$@"'}
    given = {"SLURM_NNODES": "1000", "SLURM_JOB_NODELIST": "node[1-1000]", "SLURM_JOB_ID": "7"}
    for _ in range(100):
        assert "node1:20007" in run_with("slurm.sh", programs, tmp_path, **given)


def is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix == ".sh" or re.match(rb"#!.*\b(ba)?sh\b", file.read(100)) is not None


SCRIPTS = sorted(
    path
    for folder in (".ci", "benchmarks", "docs", "examples", "src")
    for path in (PLACES.parent.parent / folder).rglob("*")
    if path.is_file() and is_script(path)
)
PART = re.compile(r"\|\s*(head|grep\s+-\w*[qm]\d*|sed\b.*\dq|awk\b.*\bexit|read)\b")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_no_script_reads_a_part_of_a_pipe(script: Path) -> None:
    """With `pipefail` a reader that stops early ends the writer by SIGPIPE, and the script with it."""
    said = script.read_text(encoding="utf-8")
    assert "set -euo pipefail" in said
    assert not PART.search(said)


def test_readers_of_a_part_are_known() -> None:
    for reader in (
        "head -n 1",
        "grep -q x",
        "grep -m1 x",
        "sed 1q",
        "sed -n '1p;1q'",
        "awk '{print; exit}'",
        "read first",
    ):
        assert PART.search(f"scontrol show hostnames | {reader}")
    assert not PART.search("scontrol show hostnames | sort | grep node")


def test_one_machine_starts_a_process_for_each_gpu(tmp_path: Path) -> None:
    said = run_with("one-machine.sh", {"nvidia-smi": "printf 'a\\nb\\nc\\n'", "alexlab": 'echo "$@"'}, tmp_path)
    assert said[:1] == ["train"] and said[said.index("--processes") + 1] == "3"
    parsed(said[1:])


def test_kubernetes_gives_alexlab_arguments_that_it_takes() -> None:
    arguments = documents()[1]["spec"]["template"]["spec"]["containers"][0]["args"]
    parsed(arguments[arguments.index("train") + 1 :])


def parsed(arguments: list[str]) -> None:
    """The command line reads these arguments of `train` without an error."""
    from alexlab.cli.train import train

    with train.make_context("train", list(arguments)):
        pass
