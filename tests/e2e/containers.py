"""Runs what k8s/ describes as containers, with `podman kube play`.

    with Pods(kustomization) as pods:
        pods.play()
        pods.container("valetkeyd")
        pods.kill("valetkeyd"); pods.start("valetkeyd")

The kustomization is written to a folder of its own, on top of one of k8s/;
PODMAN, VALETKEY_IMAGE_ARGS and VALETKEY_PLAY_ARGS name the program and add to
the arguments of `podman build` and `podman kube play`. Containers use the
host's network, which works with and without root and needs no plugin. Probes
are left out, for podman would run them by a shell inside the container.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import resource
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

from e2e.stack import BUILD, ROOT, StackError
from k8s import render

PODMAN = os.environ.get("PODMAN", "podman")
IMAGE = "localhost/valetkey"
TAG = f"e2e-{os.getpid()}"
# What podman runs or needs; it knows no more of a cluster.
_KINDS = ("Deployment", "Job", "PersistentVolumeClaim", "ConfigMap", "Secret")
_TIMEOUT = 300


def podman(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(
        [PODMAN, *arguments],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
    )
    if check and done.returncode != 0:
        raise StackError(f"podman {arguments[0]}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def words(variable: str) -> list[str]:
    return shlex.split(os.environ.get(variable, ""))


@functools.cache
def missing_engine() -> str:
    """What keeps this machine from running containers; "" if nothing does.
    Makes the image, which remove_image() takes away."""
    if not shutil.which(PODMAN):
        return "no container engine (podman) is here"
    lacking = render.missing()
    if lacking:
        return lacking
    if not (render.tool("kustomize") or render.tool("kubectl")):
        return "neither kustomize nor kubectl is here"
    build_image()
    said = why_not()
    if "rlimit" in said and "CONTAINERS_CONF" not in os.environ:
        lower_limits()
        said = why_not()
    return f"podman runs no container here: {said}" if said else ""


def why_not() -> str:
    """What podman says when it is to run the image; "" if it does."""
    try:
        podman("run", "--rm", "--network=host", f"{IMAGE}:{TAG}", "--version")
    except StackError as error:
        return str(error).splitlines()[-1]
    return ""


def lower_limits() -> None:
    """podman asks for limits that a confined host may not be able to set: to
    those that this process has, for what this process starts."""
    limits = [
        f"{name}={hard}:{hard}"
        for name, number in (
            ("nofile", resource.RLIMIT_NOFILE),
            ("nproc", resource.RLIMIT_NPROC),
        )
        for hard in [min(resource.getrlimit(number)[1], 4096)]
        if hard > 0
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as conf:
        conf.write(f"[containers]\ndefault_ulimits = {json.dumps(limits)}\n")
    atexit.register(os.unlink, conf.name)
    os.environ["CONTAINERS_CONF"] = conf.name


def build_image() -> None:
    """Of the programs that are built; without a base, so from no registry."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [ROOT / "k8s/image/rootfs.py", "--build", BUILD, "--output", folder],
            check=True,
        )
        podman(
            *("build", "--quiet", "--target=prebuilt", f"--tag={IMAGE}:{TAG}"),
            f"--file={ROOT / 'k8s/image/Dockerfile'}",
            *words("VALETKEY_IMAGE_ARGS"),
            folder,
        )


def remove_image() -> None:
    if missing_engine.cache_info().currsize:
        podman("rmi", "--force", f"{IMAGE}:{TAG}", check=False)


def for_podman(manifest: dict[str, Any]) -> dict[str, Any]:
    """Without probes, and without ports, which are the host's anyway. podman
    4.3 crashes on a secret of which is not said whether it may be absent."""
    pod = manifest.get("spec", {}).get("template", {}).get("spec", {})
    for container in pod.get("containers", []) + pod.get("initContainers", []):
        for name in ("startupProbe", "readinessProbe", "livenessProbe", "ports"):
            container.pop(name, None)
    for volume in pod.get("volumes", []):
        if "secret" in volume:
            volume["secret"].setdefault("optional", False)
    return manifest


class Pods:
    """What one kustomization describes. For one thread."""

    def __init__(self, base: Path, flags: str, patches: str = "") -> None:
        """`base` is a folder of k8s/, whose flags are added to; `patches` are
        further ones in YAML."""
        parent = ROOT / "build"
        parent.mkdir(exist_ok=True)
        # kustomize takes no absolute path to a base.
        self.folder = Path(tempfile.mkdtemp(prefix="pods-", dir=parent))
        self.manifests: list[dict[str, Any]] = []
        self._file = self.folder / "pods.yaml"
        (self.folder / "e2e.flags").write_text(flags)
        definition = ROOT / "service/catalog/definitions/github.textproto"
        shutil.copy(definition, self.folder)
        (self.folder / "kustomization.yaml").write_text(
            f"""\
resources:
  - {os.path.relpath(base, self.folder)}
images:
  - name: {IMAGE}
    newTag: {TAG}
configMapGenerator:
  - name: valetkey-config
    behavior: merge
    files:
      - e2e.flags
  # It may be absent in a cluster, but not for podman.
  - name: valetkey-catalog
    files:
      - github.textproto
patches:
  - target:
      kind: Deployment
      name: valetkey
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/args/-
        value: --flagfile=/etc/valetkey/config/e2e.flags
{patches}"""
        )

    def __enter__(self) -> Self:
        tool = "kustomize" if render.tool("kustomize") else "kubectl"
        verb = "build" if tool == "kustomize" else "kustomize"
        self.manifests = render.parse(render.run(tool, verb, self.folder))
        return self

    def __exit__(self, *_: object) -> None:
        podman("kube", "down", str(self._file), check=False)
        for name in self.volumes():
            podman("volume", "rm", "--force", name, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def volumes(self) -> list[str]:
        return [
            it["metadata"]["name"]
            for it in self.manifests
            if it["kind"] in ("PersistentVolumeClaim", "ConfigMap")
        ]

    def play(self) -> None:
        """Starts what is not there. A claim that is bound stays as it is."""
        there = podman("volume", "ls", "--quiet").splitlines()
        playable = [
            for_podman(it)
            for it in self.manifests
            if it["kind"] in _KINDS
            and not (
                it["kind"] == "PersistentVolumeClaim"
                and it["metadata"]["name"] in there
            )
        ]
        self._file.write_text(render.yaml.safe_dump_all(playable))
        podman(
            *("kube", "play", "--network=host"),
            *words("VALETKEY_PLAY_ARGS"),
            str(self._file),
        )

    def down(self) -> None:
        """Takes the pods away, not their claimed volumes."""
        podman("kube", "down", str(self._file))
        for it in self.manifests:
            if it["kind"] == "ConfigMap":
                podman("volume", "rm", "--force", it["metadata"]["name"])

    def container(self, name: str) -> str:
        """The whole name of the container that the manifest calls so."""
        found = [
            line
            for line in podman("ps", "--all", "--format={{.Names}}").splitlines()
            if line.endswith(f"-{name}")
        ]
        if len(found) != 1:
            raise StackError(f"containers called {name}: {found}")
        return found[0]

    def inspect(self, name: str) -> dict[str, Any]:
        return json.loads(podman("inspect", self.container(name)))[0]

    def kill(self, name: str) -> None:
        podman("kill", "--signal=KILL", self.container(name))
        podman("wait", self.container(name))

    def start(self, name: str) -> None:
        podman("start", self.container(name))

    def logs(self, name: str) -> str:
        done = subprocess.run(
            [PODMAN, "logs", self.container(name)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        return done.stdout

    def run_in(self, name: str, *command: str, stdin: str = "") -> str:
        done = subprocess.run(
            [PODMAN, "exec", "--interactive", self.container(name), *command],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(f"{command[0]} in {name}: {done.stderr.strip()}")
        return done.stdout
