"""The chart and the overlays are two ways to the same objects."""

from __future__ import annotations

import copy
import subprocess
import unittest
from pathlib import Path
from typing import Any

from k8s import render
from k8s.render import CHART, K8S, Manifest, key, missing

# What Helm adds, and what each has its own way of doing.
_HELM_LABELS = (
    "helm.sh/chart",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
)
_NO_TOOLS = missing("helm", "kustomize")


def flags_of(container: Manifest, configs: dict[str, str]) -> list[str]:
    """Its arguments with the flag files' content in place of their names, as
    the server reads them."""
    found: list[str] = []
    for argument in container.get("args", []):
        name, _, path = argument.partition("=")
        if name != "--flagfile":
            found.append(argument)
            continue
        lines = configs[Path(path).name].splitlines()
        found += [line for line in lines if line and not line.startswith("#")]
    return sorted(found)


def without(mapping: Manifest, *names: str) -> Manifest:
    return {k: v for k, v in mapping.items() if k not in names}


class Effect:
    """Objects, less what does not matter to what they do."""

    def __init__(self, text: str) -> None:
        manifests = render.parse(text)
        self.configs: dict[str, str] = {}
        for it in manifests:
            if it["kind"] == "ConfigMap":
                self.configs |= it["data"]
        self.names = {
            it["metadata"]["name"]: self.plain(it["metadata"]["name"])
            for it in manifests
            if it["kind"] == "ConfigMap"
        }
        self.objects = {}
        for it in manifests:
            plain = self.object(it)
            self.objects[key(plain)] = plain

    @staticmethod
    def plain(name: str) -> str:
        """Without the hash of the content."""
        for known in ("valetkey-config", "valetkey-dashboard"):
            if name.startswith(known):
                return known
        return name

    def object(self, manifest: Manifest) -> Manifest:
        it = copy.deepcopy(manifest)
        metadata = it["metadata"]
        # Helm names the namespace at its command line.
        it["metadata"] = without(metadata, "namespace", "annotations")
        it["metadata"]["name"] = self.names.get(
            metadata["name"], metadata["name"]
        )
        if (
            it["kind"] == "ConfigMap"
            and it["metadata"]["name"] == "valetkey-config"
        ):
            # The flags are seen in those who read them.
            it["data"] = {
                name: text
                for name, text in it["data"].items()
                if not name.endswith(".flags")
            }
        template = it.get("spec", {}).get("template")
        if template:
            template["metadata"] = without(template["metadata"], "annotations")
            self.pod(template["spec"])
        return self.clean(it)

    def pod(self, spec: Manifest) -> None:
        for container in spec["containers"]:
            container["args"] = flags_of(container, self.configs)
            container["volumeMounts"] = self.by_name(
                container.get("volumeMounts")
            )
            container["env"] = self.by_name(container.get("env"))
        spec["volumes"] = self.by_name(spec.get("volumes"))

    @staticmethod
    def by_name(items: list[Manifest] | None) -> list[Manifest]:
        return sorted(items or [], key=lambda item: item["name"])

    def clean(self, it: Any) -> Any:
        """Names of ConfigMaps without hashes; no labels of Helm's."""
        if isinstance(it, dict):
            return {
                k: self.clean(v) for k, v in it.items() if k not in _HELM_LABELS
            }
        if isinstance(it, list):
            return [self.clean(item) for item in it]
        return self.names.get(it, it) if isinstance(it, str) else it


@unittest.skipIf(_NO_TOOLS, _NO_TOOLS)
class SameEffect(unittest.TestCase):
    maxDiff = None

    def effects(
        self, name: str
    ) -> tuple[dict[str, Manifest], dict[str, Manifest]]:
        overlay = Effect(render.kustomize(K8S / "overlays" / name))
        chart = Effect(render.helm(CHART / "ci" / f"{name}.yaml"))
        return overlay.objects, chart.objects

    def compare(self, name: str) -> None:
        overlay, chart = self.effects(name)
        self.assertEqual(sorted(overlay), sorted(chart))
        for object_name, expected in overlay.items():
            with self.subTest(object_name):
                self.assertEqual(expected, chart[object_name])

    def test_dev(self) -> None:
        self.compare("dev")

    def test_production(self) -> None:
        overlay, chart = self.effects("production")
        # The hook runs before there is a ConfigMap, so the job has no flag
        # file and names what it needs of it.
        for objects in (overlay, chart):
            pod = objects["Job/valetkey-migrate"]["spec"]["template"]["spec"]
            container = pod["containers"][0]
            container["args"] = [
                a for a in container["args"] if not a.startswith("--keyring=")
            ]
            for place, names in ((container, "volumeMounts"), (pod, "volumes")):
                place[names] = [
                    i for i in place[names] if i["name"] != "config"
                ]
        self.assertEqual(sorted(overlay), sorted(chart))
        for object_name, expected in overlay.items():
            with self.subTest(object_name):
                self.assertEqual(expected, chart[object_name])


@unittest.skipIf(missing("helm"), missing("helm"))
class Placement(unittest.TestCase):
    def test_is_of_all_pods(self) -> None:
        values = CHART / "ci/callers.yaml"
        pods = {
            key(it): it["spec"]["template"]["spec"]
            for it in render.parse(render.helm(values, "--set=redis.url="))
            if "template" in it.get("spec", {})
        }
        self.assertEqual(
            set(pods),
            {
                "Deployment/valetkey",
                "Deployment/valetkey-redis",
                "Job/valetkey-migrate",
            },
        )
        given = render.yaml.safe_load(values.read_text())
        for name, pod in pods.items():
            for field in (
                "imagePullSecrets",
                "nodeSelector",
                "priorityClassName",
                "tolerations",
            ):
                with self.subTest(name, field=field):
                    self.assertEqual(pod.get(field), given[field])


@unittest.skipIf(missing("helm"), missing("helm"))
class Values(unittest.TestCase):
    """What cannot work is refused with the value's name."""

    def refused(self, *settings: str) -> str:
        arguments = [word for s in settings for word in ("--set-string", s)]
        done = subprocess.run(
            [render.tool("helm"), "template", "valetkey", CHART, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertNotEqual(done.returncode, 0, settings)
        return done.stderr

    def test_refusals(self) -> None:
        url = "publicUrl=https://tokens.example.com"
        store = "store.postgres.url=postgres://valetkey@db/valetkey"
        for settings, told in (
            ([], "publicUrl: expected"),
            ([url], "store: expected"),
            ([url, "store.postgres.url=mysql://db"], "/store/postgres/url"),
            (
                [url, "store.postgres.url=postgres://v:secret@db/v"],
                "no password in it",
            ),
            ([url, store, "tls.mode=maybe"], "/tls/mode"),
            ([url, store, "flags[0]=idle_after=1h"], "/flags/0"),
            ([url, store, "replica=2"], "replica"),
            ([url, store, "image.digest=sha256:12"], "/image/digest"),
        ):
            with self.subTest(settings=settings):
                self.assertIn(told, self.refused(*settings))

    def test_no_secret_is_told(self) -> None:
        said = self.refused(
            "publicUrl=https://t.example",
            "store.postgres.url=postgres://v:CANARY@db/v",
        )
        self.assertNotIn("CANARY", said)
