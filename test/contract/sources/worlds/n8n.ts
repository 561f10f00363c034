import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  addWorkflow,
  change,
  ENCRYPTION_KEY,
  encryptByOpenssl,
  fillDatabase,
  IDS,
  judgeByShell,
  makeDatabase,
} from "../../../support/n8n-database.ts";
import { startSshd } from "../../../support/sshd.ts";
import type { Place, SourceWorld } from "../world.ts";

const WORKFLOW_BYTES = 64_000;

/**
 * Two real databases with the schema of n8n 2.40.5 on a host with a real sshd. n8n itself is no part of it: `npm run
 * test:n8n` has the real one.
 */
export async function startN8nWorld(): Promise<SourceWorld> {
  const sshd = await startSshd();
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-n8n-"));
  const at = (place: Place) => join(folder, place, "database.sqlite");
  for (const place of ["source", "target"] as const) {
    await mkdir(join(folder, place));
    makeDatabase(at(place));
  }
  const { host, privateKey } = sshd;
  const run = (sql: string) => async (place: Place) => change(at(place), (database) => database.exec(sql));
  return {
    ssh: { host, privateKey },
    secrets: { "n8n-key": ENCRYPTION_KEY },
    configOf: (place) => ({ database: at(place), encryptionKeySecret: "n8n-key" }),
    clear: async (place) => makeDatabase(at(place)),
    fill: async (place) => fillDatabase(at(place)),
    grow: async (place, bytes) => grow(at(place), bytes),
    judge: async (place) => judgeByShell(at(place)),
    changes: {
      "one parameter of a node": run(
        `UPDATE workflow_entity SET nodes = replace(nodes, '[200,0]', '[201,0]') WHERE id = '${IDS.mail}'`,
      ),
      "a connection that leads elsewhere": run(
        `UPDATE workflow_entity SET connections = '{}' WHERE id = '${IDS.mail}'`,
      ),
      "two swapped names": run(
        `UPDATE workflow_entity SET name = (SELECT other.name FROM workflow_entity other WHERE other.id <> workflow_entity.id)`,
      ),
      "a credential's content": async (place) => {
        // One ciphertext for both places: openssl salts each anew.
        again ??= encryptByOpenssl('{"user":"x"}', ENCRYPTION_KEY);
        await run(`UPDATE credentials_entity SET data = '${again}' WHERE id = '${IDS.credential}'`)(place);
      },
      "a lost tag": run("DELETE FROM workflows_tags"),
      "a lost index": run('DROP INDEX "IDX_e10425f6ab9964c4c1623a4a03"'),
      "a number that became text": run(
        `UPDATE workflow_entity SET staticData = CAST('7' AS BLOB) WHERE id = '${IDS.mail}'`,
      ),
    },
    async [Symbol.asyncDispose]() {
      await sshd[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

let again: string | undefined;

function grow(path: string, bytes: number): void {
  change(path, (database) => {
    database.exec("BEGIN");
    for (let n = 0; n * WORKFLOW_BYTES < bytes; n++)
      addWorkflow(database, randomBytes(8).toString("hex"), `Bulk ${n}`, "x".repeat(WORKFLOW_BYTES));
    database.exec("COMMIT");
  });
}
