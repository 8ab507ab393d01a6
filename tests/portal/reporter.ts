// Failures in full, and how many tests there were of each kind.
import type {
  Reporter,
  TestCase,
  TestError,
  TestResult,
} from "@playwright/test/reporter";

export default class CountingReporter implements Reporter {
  private readonly counts = { passed: 0, failed: 0, skipped: 0 };

  onError(error: TestError): void {
    this.counts.failed += 1;
    console.log(`FAILED: ${error.stack ?? error.message ?? "unknown"}`);
  }

  onTestEnd(test: TestCase, result: TestResult): void {
    const kind =
      result.status === "passed" || result.status === "skipped"
        ? result.status
        : "failed";
    this.counts[kind] += 1;
    if (kind !== "failed") return;
    console.log(`FAILED: ${test.titlePath().filter(Boolean).join(" > ")}`);
    for (const error of result.errors)
      console.log(error.stack ?? error.message);
  }

  onStdOut(chunk: string | Buffer): void {
    process.stdout.write(chunk);
  }

  onEnd(): void {
    const { passed, failed, skipped } = this.counts;
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  }

  printsToStdio(): boolean {
    return true;
  }
}
