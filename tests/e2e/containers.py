"""Runs what k8s/ describes as containers, with `podman kube play`.

    with Pods(kustomization) as pods:
        pods.play()
        pods.container("valetkeyd")
        pods.kill("valetkeyd"); pods.start("valetkeyd")

The kustomization is written to a folder of its own, on top of one of k8s/;
PODMAN, VALETKEY_IMAGE_ARGS and VALETKEY_PLAY_ARGS name the program and add to
the arguments of `podman build` and `podman kube play`. Containers use the
host's network, which works with and without root and needs no plugin.
"""

from __future__ import annotations

import atexit
import copy
import functools
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from e2e.stack import BUILD, ROOT, StackError
from k8s import render

PODMAN = os.environ.get("PODMAN", "podman")
IMAGE = "localhost/valetkey"
TAG = f"e2e-{os.getpid()}"
REDIS_IMAGE = f"localhost/valetkey-e2e-redis:{TAG}"
# What podman runs or needs; it knows no more of a cluster.
_KINDS = ("Deployment", "Job", "PersistentVolumeClaim", "ConfigMap")
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
        raise StackError(
            f"podman {arguments[0]}: {done.stderr.strip()[-2000:]}"
        )
    return done.stdout


def words(variable: str) -> list[str]:
    return shlex.split(os.environ.get(variable, ""))


@functools.cache
def missing_engine() -> str:
    """What keeps this machine from running containers; "" if nothing does.
    Makes the image."""
    if not shutil.which(PODMAN):
        return "no container engine (podman) is here"
    lacking = render.missing()
    if lacking:
        return lacking
    if not (render.tool("kustomize") or render.tool("kubectl")):
        return "neither kustomize nor kubectl is here"
    try:
        build_image()
    except StackError as error:
        return f"podman builds no image here: {str(error).splitlines()[-1]}"
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
            [
                ROOT / "k8s/image/rootfs.py",
                "--build",
                BUILD,
                "--output",
                folder,
            ],
            check=True,
        )
        podman(
            *("build", "--quiet", "--layers=false", "--target=prebuilt"),
            f"--tag={IMAGE}:{TAG}",
            f"--file={ROOT / 'k8s/image/Dockerfile'}",
            *words("VALETKEY_IMAGE_ARGS"),
            folder,
        )
    remove_at_exit(f"{IMAGE}:{TAG}")


def remove_at_exit(image: str) -> None:
    """Not sooner: tests of other files use it too."""
    atexit.register(podman, "rmi", "--force", image, check=False)


@functools.cache
def build_redis_image() -> str:
    """Of this machine's redis-server and its libraries: from no registry."""
    program = shutil.which("redis-server")
    if program is None:
        raise StackError("redis-server is not here")
    told = subprocess.run(
        ["ldd", program], capture_output=True, text=True, check=True
    ).stdout
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "rootfs")
        for file in [program, *re.findall(r"(/\S+) \(0x", told)]:
            target = root / file.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        Path(folder, "Dockerfile").write_text(
            f'FROM scratch\nCOPY rootfs /\nENTRYPOINT ["{program}"]\n'
        )
        podman(
            *("build", "--quiet", "--layers=false", f"--tag={REDIS_IMAGE}"),
            *words("VALETKEY_IMAGE_ARGS"),
            folder,
        )
    remove_at_exit(REDIS_IMAGE)
    return REDIS_IMAGE


def for_podman(
    manifest: dict[str, Any], folders: Mapping[str, Path]
) -> dict[str, Any]:
    """What podman makes of it what a cluster would.

    Probes go, which podman would run by a shell in the container, and ports,
    for the network is the host's. A Job becomes its pod. Native sidecars, of
    which podman 4.3 knows nothing, become containers that start first.
    Volumes named in `folders` become folders of the test's, as projected ones
    must, of which podman knows nothing, and those of secrets, which it mounts
    for everyone to read.
    """
    template = manifest.get("spec", {}).get("template")
    if template is None:
        return manifest
    pod = template["spec"]
    starters = pod.pop("initContainers", [])
    sidecars = [it for it in starters if it.get("restartPolicy") == "Always"]
    for sidecar in sidecars:
        del sidecar["restartPolicy"]
    pod["containers"] = sidecars + pod["containers"]
    if others := [it for it in starters if it not in sidecars]:
        pod["initContainers"] = others
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        for name in (
            "startupProbe",
            "readinessProbe",
            "livenessProbe",
            "ports",
        ):
            container.pop(name, None)
    for volume in pod.get("volumes", []):
        if volume["name"] in folders:
            for kind in ("projected", "emptyDir", "secret"):
                volume.pop(kind, None)
            folder = str(folders[volume["name"]])
            volume["hostPath"] = {"path": folder, "type": "Directory"}
    if manifest["kind"] != "Job":
        return manifest
    labels = template["metadata"].get("labels", {})
    name = manifest["metadata"]["name"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": pod,
    }


def reveal(manifest: dict[str, Any], secrets: Mapping[str, Any]) -> None:
    """Puts the values of secrets into the environment of containers, and where
    their arguments have $(NAME): podman 4.3 does neither."""
    pod = manifest.get("spec", {}).get("template", {}).get("spec", {})
    for container in pod.get("containers", []):
        for variable in container.get("env", []):
            if source := variable.pop("valueFrom", None):
                reference = source["secretKeyRef"]
                value = secrets[reference["name"]][reference["key"]]
                variable["value"] = b64decode(value).decode()
        for variable in container.get("env", []):
            name = f"$({variable['name']})"
            container["args"] = [
                argument.replace(name, variable["value"])
                for argument in container.get("args", [])
            ]


def empty_absent(manifest: dict[str, Any], there: set[str]) -> None:
    """Volumes of ConfigMaps that may be absent and are, are empty folders, as
    in a cluster; podman 4.3 does not start without the ConfigMap."""
    pod = manifest.get("spec", {}).get("template", {}).get("spec", {})
    for volume in pod.get("volumes", []):
        source = volume.get("configMap", {})
        if source.get("optional") and source["name"] not in there:
            del volume["configMap"]
            volume["emptyDir"] = {}


class Pods:
    """What one kustomization describes. For one thread."""

    def __init__(
        self,
        base: Path,
        extra: str = "",
        files: Mapping[str, str] | None = None,
        folders: Mapping[str, Path] | None = None,
        images: Mapping[str, str] | None = None,
    ) -> None:
        """`base` is a folder of k8s/; `extra` is added to the kustomization,
        which finds `files` beside it; `folders` stand for volumes; `images`
        are others than the manifests name."""
        parent = ROOT / "build"
        parent.mkdir(exist_ok=True)
        # kustomize takes no absolute path to a base.
        self.folder = Path(tempfile.mkdtemp(prefix="pods-", dir=parent))
        # podman's names are the machine's: others may run the same.
        self.prefix = self.folder.name.replace("_", "x") + "-"
        self.manifests: list[dict[str, Any]] = []
        self._folders = dict(folders or {})
        self._file = self.folder / "pods.yaml"
        for name, text in (files or {}).items():
            (self.folder / name).write_text(text)
        replaced = "".join(
            f"  - name: {old}\n    newName: {name}\n    newTag: {tag}\n"
            for old, new in {IMAGE: f"{IMAGE}:{TAG}", **(images or {})}.items()
            for name, _, tag in [new.rpartition(":")]
        )
        (self.folder / "kustomization.yaml").write_text(
            f"""\
namePrefix: {self.prefix}
resources:
  - {os.path.relpath(base, self.folder)}
images:
{replaced}{extra}"""
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
        manifests = copy.deepcopy(self.manifests)
        maps = {
            it["metadata"]["name"]
            for it in manifests
            if it["kind"] == "ConfigMap"
        }
        hidden = {
            it["metadata"]["name"]: it["data"]
            for it in manifests
            if it["kind"] == "Secret"
        }
        for it in manifests:
            if it["kind"] in ("Deployment", "Job"):
                empty_absent(it, maps)
                reveal(it, hidden)
        playable = [
            for_podman(it, self._folders)
            for it in manifests
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
            for line in podman(
                "ps", "--all", "--format={{.Names}}"
            ).splitlines()
            if line.startswith(self.prefix) and line.endswith(f"-{name}")
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
