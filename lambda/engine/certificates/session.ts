import { SourceError } from "../model/errors.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import type { Random } from "../model/ids.ts";
import type {
  DumpOptions,
  FingerprintOptions,
  RestoreReport,
  RestoreRequest,
  Session,
  SourceFacts,
} from "../sources/source.ts";
import { CertificatesDump, type CertificatesTools, MAJOR } from "./dump.ts";
import { findPlaces } from "./find.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { readFound } from "./read.ts";
import { findThere, restoreCertificates } from "./restore.ts";

const NAME_BYTES = 12;

/** A session on the certificates of the host, or on the folder of a drill. */
export class CertificatesSession implements Session {
  readonly #tools: CertificatesTools;
  readonly #random: Random;

  constructor(tools: CertificatesTools, random: Random) {
    this.#tools = tools;
    this.#random = random;
  }

  async probe(): Promise<SourceFacts> {
    const there = await findThere(this.#tools);
    return {
      versions: { major: MAJOR },
      bytesEstimate: 0,
      position: { at: this.#tools.clock.now().toISOString() },
      empty: there.length === 0,
      namespaces: there.map(({ domain }) => domain),
    };
  }

  dump({ purpose }: DumpOptions): CertificatesDump {
    return new CertificatesDump(this.#tools, purpose);
  }

  async restore({ items, guard, beforeChange, beforeReplay }: RestoreRequest): Promise<RestoreReport> {
    const newName = () => Buffer.from(this.#random.bytes(NAME_BYTES)).toString("hex");
    const report = await restoreCertificates(items, {
      ...this.#tools,
      ...(beforeChange && { beforeChange }),
      guard,
      newName,
    });
    await beforeReplay?.();
    await this.#reload();
    return report;
  }

  /** Every pair is read, and proven to belong together, again. */
  async fingerprint({ namespaces }: FingerprintOptions = {}): Promise<Fingerprint> {
    const { config, files, signal, newContent } = this.#tools;
    const fingerprint: Fingerprint = {};
    for (const place of await findPlaces(config, files)) {
      if (!(namespaces?.includes(place.domain) ?? true)) continue;
      fingerprint[place.domain] = fingerprintOf(await readFound(place, files, signal), newContent());
    }
    return fingerprint;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tools.files[Symbol.asyncDispose]();
  }

  async #reload(): Promise<void> {
    const { config, host, signal } = this.#tools;
    if (config.reload === undefined || config.scratchFolder !== undefined) return;
    const { exitCode, stderr } = await host.run(config.reload, signal);
    if (exitCode === 0) return;
    throw new SourceError(
      "COMMAND_FAILED",
      `The certificates are in their places, but "${config.reload}" ended with ${exitCode}: ${stderr.trim().slice(0, 500)}. Run it on the host.`,
      { facts: { exitCode } },
    );
  }
}
