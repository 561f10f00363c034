import type { IncomingMessage } from "node:http";
import { it } from "vitest";
import { waitFor } from "../../../rehearsal/scenario/executions.ts";
import { expectFailedBackup, type World } from "./expectations.ts";

const UPLOAD_DELAY_MS = 2_000;
const DUMP_WAIT_SECONDS = 60;

const isUpload = ({ method, url = "" }: IncomingMessage) => method === "PUT" && url.includes("/data/");

/** Faults between the worker and the data: the host, the server, what they ask for. */
export function sourceFaults(given: World): void {
  it("fails when the host refuses the connection", async () => {
    const world = given();
    world.sshd.kill();
    try {
      await expectFailedBackup(world, { cadence: "weekly" }, /SourceError: UNREACHABLE/);
    } finally {
      await world.sshd.restart("own");
    }
  });

  it("fails when the database refuses the connection", async () => {
    const world = given();
    await world.mongod.kill();
    try {
      await expectFailedBackup(world, { cadence: "weekly" }, /SourceError: UNREACHABLE/);
    } finally {
      await world.mongod.start();
    }
  });

  it("fails when the password is wrong", async () => {
    const world = given();
    const { name, password } = world.backupUser;
    const setPassword = (pwd: string) => world.mongo.db("admin").command({ updateUser: name, pwd });
    await setPassword("rotated by somebody else");
    try {
      await expectFailedBackup(world, { cadence: "weekly" }, /SourceError: AUTH_FAILED/);
    } finally {
      await setPassword(password);
    }
  });

  it("fails when the host's key has changed", async () => {
    const world = given();
    await world.sshd.restart("other");
    try {
      await expectFailedBackup(world, { cadence: "weekly" }, /HOST_KEY/);
    } finally {
      await world.sshd.restart("own");
    }
  });

  it("fails when the server is killed in the middle of the dump", async () => {
    const world = given();
    const before = world.proxy.struck();
    world.proxy.inject({
      when: isUpload,
      fault: { kind: "delay", delayMs: UPLOAD_DELAY_MS },
      times: Number.POSITIVE_INFINITY,
    });
    const killDuringDump = async () => {
      await waitFor("the dump's first upload", DUMP_WAIT_SECONDS, async () =>
        world.proxy.struck() > before ? true : undefined,
      );
      await world.mongod.kill();
    };
    try {
      const failing = expectFailedBackup(world, { cadence: "weekly" }, /SourceError/);
      await Promise.all([failing, killDuringDump()]);
    } finally {
      world.proxy.heal();
      await world.mongod.start();
    }
  });
}
