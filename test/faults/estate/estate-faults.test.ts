import { afterAll, beforeAll, describe, it } from "vitest";
import { type EstateWorld, startEstateWorld } from "../../support/estate-world.ts";
import { claimFaults } from "./claim-faults.ts";
import { drillFaults } from "./drill-faults.ts";
import { expectAccountsToBalance, expectGoodBackup } from "./expectations.ts";
import { killFaults } from "./kill-faults.ts";
import { sourceFaults } from "./source-faults.ts";
import { storageFaults } from "./storage-faults.ts";

let world: EstateWorld;
const given = () => world;

beforeAll(async () => {
  world = await startEstateWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

it("backs up, checks and drills where nothing is broken", async () => {
  await expectGoodBackup(world, { cadence: "manual" });
});

describe("a source that cannot be read", () => sourceFaults(given));

describe("a vault that cannot be trusted", () => storageFaults(given));
describe("a drill that cannot be held", () => drillFaults(given));
describe("runs that meet", () => claimFaults(given));
describe("a worker that dies", () => killFaults(given));

it("told of every failed run once, and of no other", () => expectAccountsToBalance(world));
