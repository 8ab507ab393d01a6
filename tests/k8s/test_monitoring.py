"""Alerts and the dashboard speak of metrics that the server has, and each alert
is explained."""

from __future__ import annotations

import json
import re
import unittest
from typing import ClassVar

from e2e.stack import Stack, missing
from integration.issuer import KeyServer
from k8s import render
from k8s.render import K8S, ROOT, yaml
from pinterest_emulator.client import request

_MONITORING = K8S / "components/monitoring"
# For the metrics of callers.
_POLICY = """\
issuers {{
  name: "cluster"
  issuer: "{url}"
  audiences: "valetkey"
  discovery: true
}}
rules {{
  name: "all"
  jwt {{ issuer: "cluster" subject: "**" }}
  grant {{ application: "applications/shop" rights: RIGHT_READ_METADATA }}
}}
"""
_NO_STACK = missing() or render.missing()


def metrics_in(text: str) -> set[str]:
    """Histograms by the name that they are declared with."""
    names = set(re.findall(r"\bvaletkey_[a-z_]+", text))
    return {name.removesuffix("_bucket") for name in names}


def expressions() -> dict[str, str]:
    rules = yaml.safe_load((_MONITORING / "prometheusrule.yaml").read_text())
    found = {
        rule["alert"]: rule["expr"]
        for group in rules["spec"]["groups"]
        for rule in group["rules"]
    }
    board = json.loads((_MONITORING / "dashboard.json").read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            found[f"panel {panel['title']} {target['refId']}"] = target["expr"]
    return found


@unittest.skipIf(_NO_STACK, _NO_STACK)
class Metrics(unittest.TestCase):
    known: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        with Stack() as stack, KeyServer() as issuer:
            policy = stack.folder / "callers.textproto"
            policy.write_text(_POLICY.format(url=issuer.url))
            stack.stop_server()
            stack.start_server([f"--caller_policy={policy}"])
            stack.checked("health")  # calls are counted once there was one
            cls.known = request("GET", f"{stack.http}/metrics").body.decode()

    def test_all_are_the_servers(self) -> None:
        declared = set(re.findall(r"^# TYPE (\S+)", self.known, re.MULTILINE))
        self.assertIn("valetkey_rpc_calls_total", declared)
        for name, expression in expressions().items():
            with self.subTest(name):
                self.assertLessEqual(metrics_in(expression), declared)

    def test_the_method_is_one(self) -> None:
        for method in re.findall(r'method="([^"]+)"', str(expressions())):
            self.assertIn(f'method="{method}"', self.known)

    def test_the_pages_of_metrics_have_all(self) -> None:
        page = "".join(
            (ROOT / "docs" / name).read_text()
            for name in ("operations.md", "callers.md")
        )
        declared = set(
            re.findall(r"^# TYPE (valetkey_\S+)", self.known, re.MULTILINE)
        )
        self.assertEqual(
            {name for name in declared if f"`{name}`" not in page}, set()
        )


@unittest.skipIf(render.missing(), render.missing())
class Alerts(unittest.TestCase):
    def test_each_is_explained_and_tested(self) -> None:
        page = (ROOT / "docs/kubernetes/alerts.md").read_text()
        tests = (_MONITORING / "alerts_test.yaml").read_text()
        alerts = [name for name in expressions() if name.startswith("ValetKey")]
        self.assertGreater(len(alerts), 10)
        for name in alerts:
            with self.subTest(name):
                self.assertIn(f"## {name}\n", page)
                self.assertIn(f'alertname="{name}"', tests)
        explained = re.findall(r"^## (ValetKey\w+)$", page, re.MULTILINE)
        self.assertEqual(sorted(explained), sorted(alerts))


if __name__ == "__main__":
    unittest.main()
