import { afterAll, beforeAll, describe, it } from "vitest";
import { type EstateWorld, startEstateWorld } from "../../support/estate-world.ts";
import { expectAccountsToBalance, expectGoodBackup } from "./expectations.ts";
import { sourceFaults } from "./source-faults.ts";

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

it("told of every failed run once, and of no other", () => expectAccountsToBalance(world));
