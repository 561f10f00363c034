import type { IncomingMessage } from "node:http";
import { Binary } from "mongodb";
import { expect, it } from "vitest";
import { makeRandomBytes } from "../../support/bytes.ts";
import type { EstateWorld } from "../../support/estate-world.ts";
import type { Fault, FaultRule } from "../../support/faulty-proxy.ts";
import {
  expectFailedBackup,
  expectFailure,
  expectGoodBackup,
  runBackup,
  type World,
} from "./expectations.ts";
import { readStandings } from "./vault-judge.ts";

const answer503 = (code: "SlowDown" | "ServiceUnavailable"): Fault => ({
  kind: "answer",
  status: 503,
  body: `<Error><Code>${code}</Code><Message>Please try again.</Message></Error>`,
});
const BURST = 4;
const BLOCKS = 12;
const BLOCK_BYTES = 1024 ** 2;

const asks =
  (method: string, ...parts: readonly string[]) =>
  (incoming: IncomingMessage) =>
    incoming.method === method && parts.every((part) => incoming.url?.includes(part));

/** Faults between the workers and the vault, and of the vault itself. */
export function storageFaults(given: World): void {
  it.each<[string, Fault]>([
    ["is cut", { kind: "shorten", toBytes: 100 }],
    ["has one bit flipped", { kind: "flip", atByte: 60 }],
  ])("calls a backup damaged whose artifact %s, and says so with one alert", async (_, fault) => {
    const world = given();
    const before = await readStandings(world);
    world.proxy.inject({ when: asks("GET", "/data/", "invoices"), fault });
    const execution = await runBackup(world, { cadence: "manual" });
    await expectFailure(world, execution, /mongodb failed at check: IntegrityError/);
    const standings = (await readStandings(world)).filter(({ backupId }) => !has(before, backupId));
    expect(standings).toMatchObject([{ standing: "damaged" }]);
  });

  it("fails when one bit of an artifact is flipped on its way to S3", async () => {
    const fault = { kind: "flip", atByte: 60, in: "request" } as const;
    given().proxy.inject({ when: asks("PUT", "/data/", "invoices"), fault });
    await expectFailedBackup(given(), { cadence: "weekly" }, /mongodb failed at dump: IntegrityError/);
  });

  it("goes on after a burst of 503 from S3", async () => {
    const world = given();
    const before = world.proxy.struck();
    world.proxy.inject({ when: asks("PUT", "/data/"), fault: answer503("SlowDown"), times: BURST });
    await expectGoodBackup(world, { cadence: "weekly" });
    expect(world.proxy.struck() - before).toBe(BURST);
  });

  it("fails when S3 answers nothing but 503 to the parts of an artifact, and leaves no open upload", async () => {
    const world = given();
    await using _large = await addIncompressible(world);
    await expectUnavailable(world, asks("PUT", "/data/", "partNumber="));
  });

  it("fails when S3 answers nothing but 503 to the manifest: what is stored is no backup", async () => {
    await expectUnavailable(given(), asks("PUT", "/manifests/"));
  });
}

async function expectUnavailable(world: EstateWorld, when: FaultRule["when"]): Promise<void> {
  const fault = answer503("ServiceUnavailable");
  world.proxy.inject({ when, fault, times: Number.POSITIVE_INFINITY });
  try {
    await expectFailedBackup(world, { cadence: "weekly" }, /mongodb failed at dump: VaultError: UNAVAILABLE/);
  } finally {
    world.proxy.heal();
  }
}

function has(standings: readonly { readonly backupId: string }[], backupId: string): boolean {
  return standings.some((one) => one.backupId === backupId);
}

/** A collection that is stored in several parts, for as long as it is used. */
async function addIncompressible({ mongo }: EstateWorld): Promise<AsyncDisposable> {
  const collection = mongo.db("erp").collection<{ _id: number; bytes: Binary }>("scans");
  for (let block = 0; block < BLOCKS; block += 1)
    await collection.insertOne({ _id: block, bytes: new Binary(makeRandomBytes(block, BLOCK_BYTES)) });
  return { [Symbol.asyncDispose]: async () => void (await collection.drop()) };
}
