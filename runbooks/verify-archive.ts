import type { MachineBindings } from "./bindings.ts";
import type { Runbook } from "./runbook.ts";
import { choose, evaluate, fail, type Machine, succeed, when } from "./steps/asl.ts";
import { catchAll } from "./steps/failure.ts";
import { RETRY_WORK } from "./steps/retry.ts";
import { workOnFargate } from "./steps/work.ts";

/** The machine `Verify archive`: looks at what lies in long-term storage without thawing it. */
function verifyArchiveMachine(bindings: MachineBindings): Machine {
  return {
    Comment:
      "Looks at every stored object of the weekly and monthly backups without reading it: whether it is there, as long as it was written, locked as long as was promised, and replicated. It thaws nothing and changes no backup.",
    QueryLanguage: "JSONata",
    StartAt: "Look at the archive",
    States: {
      "Look at the archive": workOnFargate(bindings, bindings.tasks.definitions.checker, {
        comment: "Asks S3 for each version that a long-term manifest names, and writes a record.",
        request: `{ "job": "verify-archive" }`,
        timeoutSeconds: bindings.waits.checkSeconds,
        retry: RETRY_WORK,
        catch: catchAll("verify-archive", "The archive was not looked at"),
        next: "Is all as promised?",
        output: evaluate("$states.result"),
      }),
      "Is all as promised?": choose(
        "A finding fails the run, so that somebody hears of it.",
        [
          when("Nothing was found", `$states.input.outcome = "as-promised"`, "All is as promised"),
          when("Bytes are gone", `$states.input.outcome = "damaged"`, "Backups are damaged"),
        ],
        "A promise is broken",
      ),
      "All is as promised": succeed("Every object is there, of its size, and locked as promised."),
      "Backups are damaged": fail(
        "At least one long-term backup cannot be restored from this vault. It is marked as damaged; look for it in the replica.",
        "ArchiveDamaged",
        `"IntegrityError: " & $states.input.summary`,
      ),
      "A promise is broken": fail(
        "The bytes are there; their lock, replication, storage class or encryption is not what was promised.",
        "ArchiveNotAsPromised",
        "$states.input.summary",
      ),
      "The archive was not looked at": fail(
        "It is not known whether the long-term backups are well. None was changed.",
        "ArchiveNotSeen",
        `"The archive was not looked at. " & $states.input.error & ": " & $states.input.cause`,
      ),
    },
  };
}

/** What an operator needs to know of it. */
export const verifyArchive: Runbook = {
  name: "verify-archive",
  title: "Look at what lies in long-term storage, without thawing it",
  startedBy: "EventBridge Scheduler, Wednesdays at 06:30; an operator out of turn",
  inputs: [{ input: {}, means: "Every weekly and monthly backup, and all others that go to Glacier." }],
  walk: [
    "Open Step Functions in the estate's Region, choose the machine that ends in `-verify-archive`, and open the execution that failed.",
    "Read its cause: it names the objects, and what was expected and found. The record under `verifications/` has up to 100 of them.",
    "ArchiveDamaged: the backups that it names are marked as damaged, and no recovery takes them. Take the copies in the replica vault, and find out by CloudTrail who deleted or replaced them.",
    "ArchiveNotAsPromised: the bytes are there. `lock`: find out who shortened it. `replication`: see the replication of the bucket in the S3 console. `storage-class`: see its lifecycle rules; this costs money only.",
    "ArchiveNotSeen: see the health of S3 in that Region, and start the machine again.",
    'When the fault is gone, choose "Start execution" with `{}`.',
  ],
  machine: verifyArchiveMachine,
};
