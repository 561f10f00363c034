import { rm } from "node:fs/promises";
import { askShown } from "../world/front.ts";
import type { World } from "../world/world.ts";
import { backupOf, judge } from "./other-steps.ts";
import { recoverWhenIdle } from "./recover-when-idle.ts";
import { demand, type Step } from "./step.ts";

/** A TLS server that has lost its key cannot be started again; the runbook's last act is the host's own command for it. */
export const certificateComesBack: Step<World> = {
  name: "The certificate and its key are gone, nobody answers by TLS; both come back, and the server shows them",
  run: async (world) => {
    const { front } = world.get("company");
    const judgeBoth = () => Promise.all([front.chainPath, front.keyPath].map(judge));
    const [before, shownBefore] = [await judgeBoth(), await askShown(front)];
    demand(shownBefore !== undefined, "the TLS server shows nothing before the loss");
    await rm(front.certificatesFolder, { recursive: true });
    await front.kill();
    demand((await askShown(front)) === undefined, "a server that was killed shows a certificate");
    const { comparison } = await recoverWhenIdle(world, {
      source: "tls",
      backupId: backupOf(world, "tls"),
      reason: "rehearsal: certificates deleted",
    });
    demand(comparison.outcome === "identical", `the comparison is ${JSON.stringify(comparison)}`);
    const after = await judgeBoth();
    demand(after.join() === before.join(), `the files were ${before.join()} and are ${after.join()}`);
    const shown = await askShown(front);
    demand(shown === shownBefore, `the server showed ${shownBefore} and shows ${shown}`);
    return { comparison, files: after, shown };
  },
};
