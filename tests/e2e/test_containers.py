"""overlays/dev as containers: an account is connected at the emulator, and its
token outlives the containers. An operator's way: by the command line inside."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import Any

from e2e.containers import (
    build_redis_image,
    for_podman,
    podman,
)
from e2e.installation import PROGRAM, Installation
from e2e.stack import CLIENT_SECRET, StackError, free_port
from k8s import render
from k8s.render import K8S
from pinterest_emulator.client import request


class DevOverlay(Installation):
    def test_a_token_outlives_the_containers(self) -> None:
        self.pods.play()
        self.await_ready()
        connection = self.connect()
        before = self.token(connection)
        self.assertTrue(before["accessToken"].startswith("pina_"))

        with self.subTest("killed and started"):
            self.pods.kill(PROGRAM)
            self.pods.start(PROGRAM)
            self.await_ready()
            self.assertEqual(self.token(connection), before)

        with self.subTest("replaced, as by another version's"):
            self.pods.down()
            self.pods.play()
            self.await_ready()
            self.assertEqual(self.token(connection), before)

        with self.subTest("no secret in the log"):
            log = self.pods.logs(PROGRAM)
            self.assertIn("serving", log)
            for secret in (before["accessToken"], CLIENT_SECRET, self.key):
                self.assertNotIn(secret, log)

    def test_the_container_is_confined(self) -> None:
        self.pods.play()
        self.await_ready()
        is_ = self.pods.inspect(PROGRAM)
        self.assertTrue(is_["HostConfig"]["ReadonlyRootfs"])
        self.assertEqual(is_["Config"]["User"].split(":")[0], "65532")
        self.assertEqual(is_["EffectiveCaps"] or [], [])
        with self.assertRaises(StackError):
            self.pods.run_in(PROGRAM, "sh", "-c", "true")

    def test_stops_in_order(self) -> None:
        self.pods.play()
        self.await_ready()
        podman("stop", self.pods.container(PROGRAM))
        self.assertEqual(self.pods.inspect(PROGRAM)["State"]["ExitCode"], 0)
        self.assertIn("stopped", self.pods.logs(PROGRAM))


class WithRedis(Installation):
    """The cache is a container too, which may die."""

    def further_flags(self) -> str:
        image = build_redis_image()
        port = free_port()
        self.redis = f"valetkey-e2e-redis-{port}"
        podman(
            *("run", "--detach", f"--name={self.redis}", "--network=host"),
            *("--read-only", "--user=65532", "--cap-drop=all", image),
            *("--port", str(port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no"),
        )
        self.addCleanup(podman, "rm", "--force", self.redis, check=False)
        return f"--redis_url=redis://127.0.0.1:{port}\n"

    def test_its_death_is_not_noticed(self) -> None:
        self.pods.play()
        self.await_ready()
        connection = self.connect()
        name = f"applications/shop/connections/{connection}"

        def works() -> str:
            """The provider takes the token."""
            token = self.token(connection)["accessToken"]
            answer = request(
                "GET",
                self.emulator.api + "/v5/user_account",
                headers={"authorization": f"Bearer {token}"},
            )
            self.assertEqual(answer.status, 200)
            return token

        seen = {works()}
        podman("kill", "--signal=KILL", self.redis)
        for _ in range(3):
            seen.add(works())
            self.call("Refresh", name=name)
            seen.add(works())
        self.pods.kill(PROGRAM)
        self.pods.start(PROGRAM)
        self.await_ready()
        seen.add(works())
        podman("start", self.redis)
        self.call("Refresh", name=name)
        seen.add(works())
        self.assertEqual(len(seen), 5)


_NO_KUSTOMIZE = render.missing("kustomize")


@unittest.skipIf(_NO_KUSTOMIZE, _NO_KUSTOMIZE)
class Translation(unittest.TestCase):
    """What podman is given for the examples with the sidecar."""

    def played(self, example: str, kind: str) -> dict[str, Any]:
        text = render.kustomize(K8S / "examples" / example)
        found = next(it for it in render.parse(text) if it["kind"] == kind)
        return for_podman(found, {"valetkey-token": Path("/tokens")})

    def test_a_job_is_its_pod(self) -> None:
        pod = self.played("job", "Job")
        self.assertEqual(pod["kind"], "Pod")
        self.assertEqual(pod["metadata"]["name"], "report")
        self.assertEqual(
            [it["name"] for it in pod["spec"]["containers"]],
            ["valetkey-sidecar", "report"],
        )

    def test_the_sidecar_is_a_container_that_starts_first(self) -> None:
        for example in ("socket", "file", "egress"):
            with self.subTest(example):
                made = self.played(example, "Deployment")
                pod = made["spec"]["template"]["spec"]
                self.assertNotIn("initContainers", pod)
                sidecar = pod["containers"][0]
                self.assertEqual(sidecar["name"], "valetkey-sidecar")
                self.assertNotIn("restartPolicy", sidecar)
                self.assertNotIn("startupProbe", sidecar)
                volumes = {it["name"]: it for it in pod["volumes"]}
                self.assertEqual(
                    volumes["valetkey-token"]["hostPath"]["path"], "/tokens"
                )


if __name__ == "__main__":
    unittest.main()
