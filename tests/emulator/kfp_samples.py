"""Pipelines that use what kfp.local can do; compiled by kfp's own interpreter: `kfp_samples.py <folder>`."""

# The output of a component is its log.
# ruff: noqa: T201

# kfp reads annotations as they are, so they cannot be postponed.
import sys
from pathlib import Path

from kfp import compiler, dsl

COMPONENT = {"base_image": "python:3.11-slim", "install_kfp_package": False}


@dsl.component(**COMPONENT)
def read(file: dsl.Input[dsl.Dataset], path: str) -> str:
    """Return what an imported artifact and a file named by a parameter hold."""
    with open(file.path) as first, open(path) as second:
        return first.read() + second.read()


@dsl.component(**COMPONENT)
def numbers() -> list:
    """Return what to loop over."""
    return [1, 2]


@dsl.component(**COMPONENT)
def double(number: int) -> int:
    """Return twice as much, which only a whole number yields as it is written."""
    if str(number) not in {"1", "2"}:
        raise TypeError(f"{number!r} is not whole")
    return 2 * number


@dsl.component(**COMPONENT)
def unstable(folder: str) -> None:
    """Fail at the first attempt."""
    from pathlib import Path

    mark = Path(folder) / "mark"
    if not mark.exists():
        mark.touch()
        raise RuntimeError("not yet")


@dsl.component(**COMPONENT)
def wait(folder: str) -> None:
    """Tell that it runs, and run for ever."""
    import os
    import time
    from pathlib import Path

    (Path(folder) / "pid").write_text(str(os.getpid()))
    time.sleep(3600)


@dsl.component(**COMPONENT)
def crash() -> None:
    """Die without a traceback."""
    import os

    print("last words", flush=True)
    os._exit(7)


@dsl.component(**COMPONENT)
def never() -> None:
    """Come after something that does not succeed."""


@dsl.container_component
def container() -> dsl.ContainerSpec:
    """Need an image."""
    return dsl.ContainerSpec(image="alpine", command=["echo"])


@dsl.pipeline
def addresses(path: str = "gs://bucket/in/parameter.txt") -> str:
    """Read an artifact and a parameter that are in a bucket."""
    imported = dsl.importer(artifact_uri="gs://bucket/in/artifact.txt", artifact_class=dsl.Dataset)
    return read(file=imported.output, path=path).output


@dsl.pipeline
def control(count: int, folder: str) -> None:
    """Loop, choose and try again."""
    with dsl.ParallelFor(numbers().output) as number:
        double(number=number)
    with dsl.If(count == 3):
        unstable(folder=folder).set_retry(1)
    with dsl.If(count == 4):
        never()


@dsl.pipeline
def waiting(folder: str) -> None:
    """Wait for ever before the second task."""
    never().after(wait(folder=folder))


@dsl.pipeline
def crashing() -> None:
    """Die in the first task of two."""
    never().after(crash())


@dsl.pipeline
def tidied() -> None:
    """Fail, and succeed in the task that tidies up."""
    with dsl.ExitHandler(never()):
        crash()


@dsl.pipeline
def image() -> None:
    """Need an image to run."""
    container()


if __name__ == "__main__":
    for pipeline in (addresses, control, waiting, crashing, tidied, image):
        compiler.Compiler().compile(pipeline, str(Path(sys.argv[1]) / f"{pipeline.name}.yaml"))
