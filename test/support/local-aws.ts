import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LocalAws, startLocalAws } from "../../rehearsal/aws/local-aws.ts";

/** A local AWS of one test file, in a temporary folder that goes with it. */
export async function startTestAws(): Promise<LocalAws> {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-aws-"));
  const aws = await startLocalAws({ folder, signal: AbortSignal.timeout(60_000) });
  const stop = async () => {
    await aws.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  return { ...aws, stop, [Symbol.asyncDispose]: stop };
}
