/**
 * ValetKey in the process, for tests.
 *
 * @packageDocumentation
 */
export type { TokenInit } from "./broker.js";
export type { EventInit } from "./event-log.js";
export { type FailOptions, type FakeOptions, FakeValetKey } from "./fake.js";
