import type { FileSystem } from "../../lambda/engine/host/file-system.ts";
import { openHost } from "../../lambda/engine/host/open-host.ts";
import { compareFingerprints } from "../../lambda/engine/model/fingerprint.ts";
import { config } from "../../lambda/engine/sources/config.ts";
import type { TargetGuard } from "../../lambda/engine/sources/source.ts";
import { makeContext, manifestFor, readItems, type TakenDump, toRestoreItems } from "./mongodb.ts";
import type { Sshd } from "./sshd.ts";

const NEVER = new AbortController().signal;
export const ALL = { paths: ["/srv"] };

/** Sessions, backups and restores of the configuration below a folder, by a real SSH server. */
export function configFilesOn(place: () => { readonly sshd: Sshd; readonly folder: string }) {
  async function open(options: object, wrap: (files: FileSystem) => FileSystem = (files) => files) {
    const { sshd, folder } = place();
    const host = await openHost(sshd.host, sshd.privateKey, NEVER);
    const wrapped = { ...host, files: async () => wrap((await host.files?.()) as FileSystem) };
    const parsed = config.config.parse({ root: folder, ...options });
    const context = { ...makeContext(NEVER), host: { ...wrapped, [Symbol.asyncDispose]: async () => {} } };
    const session = await config.open(parsed, context, "write");
    return {
      session,
      async [Symbol.asyncDispose]() {
        await session[Symbol.asyncDispose]();
        await host[Symbol.asyncDispose]();
      },
    };
  }

  async function take(options: object = ALL, wrap?: (files: FileSystem) => FileSystem): Promise<TakenDump> {
    await using opened = await open(options, wrap);
    const dump = opened.session.dump({ proof: "as-read" });
    return { items: await readItems(dump, 1), summary: await dump.summary() };
  }

  async function restore(
    taken: TakenDump,
    options: object = ALL,
    guard: TargetGuard = "replace",
    wrap?: (files: FileSystem) => FileSystem,
  ) {
    await using opened = await open(options, wrap);
    const items = toRestoreItems(taken.items);
    const manifest = { ...manifestFor(taken.summary), source: "config", kind: "config" };
    await opened.session.restore({ items, manifest, guard });
    return compareFingerprints(
      taken.summary.fingerprint,
      await opened.session.fingerprint({ backup: items }),
    );
  }

  return { open, take, restore };
}
