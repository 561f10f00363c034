import { it } from "vitest";
import { expectFailedBackup, type World } from "./expectations.ts";
import { holdUploads } from "./hold-uploads.ts";

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
    using uploads = holdUploads(world);
    const killDuringDump = async () => {
      await uploads.begun();
      await world.mongod.kill();
    };
    try {
      const failing = expectFailedBackup(world, { cadence: "weekly" }, /mongodb failed at dump: SourceError/);
      await Promise.all([failing, killDuringDump()]);
    } finally {
      await world.mongod.start();
    }
  });
}
