// A reporter of vitest: failures in full, and how many there were of each.

export default class Reporter {
  /** @param {readonly import("vitest/node").TestModule[]} modules */
  onTestRunEnd(modules, errors) {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const error of module.errors()) {
        counts.failed += 1;
        console.log(
          `FAILED: ${module.moduleId}\n${error.stack ?? error.message}`,
        );
      }
      for (const test of module.children.allTests()) {
        const { state, errors: found = [] } = test.result();
        counts[state === "pending" ? "skipped" : state] += 1;
        for (const error of found) {
          console.log(
            `FAILED: ${test.fullName}\n${error.stack ?? error.message}`,
          );
          if (error.diff !== undefined) console.log(error.diff);
        }
      }
    }
    for (const error of errors) {
      counts.failed += 1;
      console.log(`FAILED: ${error.stack ?? error.message}`);
    }
    console.log(
      `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`,
    );
  }
}
