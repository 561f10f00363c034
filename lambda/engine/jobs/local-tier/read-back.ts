import type { FileSystem } from "../../host/file-system.ts";
import { streamFile } from "../../host/read-file-stream.ts";
import { IntegrityError } from "../../model/errors.ts";
import { compareFingerprints } from "../../model/fingerprint.ts";
import type { LocalCopyRecord } from "../../model/local-tier.ts";
import type { Manifest } from "../../model/manifest.ts";
import type { ExternalDump, Source } from "../../sources/source.ts";
import { type Measured, makeMeter } from "../../stream/meter.ts";
import { chain, untilAborted } from "../../stream/stage.ts";
import { mapParallel } from "../parallel.ts";

interface ReadBack {
  readonly path: string;
  readonly files: FileSystem;
  readonly signal: AbortSignal;
}

/** Size and digest of a file as the host has it now. Throws as `FileSystem`. */
export async function measureFile({ path, files, signal }: ReadBack): Promise<Measured> {
  const meter = makeMeter();
  const body = chain(streamFile(Buffer.from(path), files), untilAborted(signal), meter.stage);
  for await (const _ of body);
  return meter.measured();
}

/** Throws `IntegrityError` DIGEST_MISMATCH where what lies on the host is not what was written. */
export function requireSame(written: Measured, got: Measured, path: string, where: string): void {
  if (written.sha256 === got.sha256 && written.bytes === got.bytes) return;
  throw new IntegrityError(
    "DIGEST_MISMATCH",
    `${path} of ${where} was read back with ${got.bytes} bytes and SHA-256 ${got.sha256}, expected ${written.bytes} and ${written.sha256}. The disk does not keep what is written to it: look at its health before anything else is trusted to it.`,
    { facts: { host: where, path, got, expected: written } },
  );
}

/**
 * Reads a copy record by record, as an import would, and compares it with the backup's fingerprint. `digest-only` where
 * the kind's file is not read by this project. Throws `IntegrityError` FINGERPRINT_DIFFERS.
 */
export async function compareContent(
  source: Source,
  manifest: Manifest,
  { path, files, signal }: ReadBack,
  bytes: number,
): Promise<LocalCopyRecord["content"]> {
  if (source.readExternal === undefined) return "digest-only";
  const open = () => streamFile(Buffer.from(path), files);
  const file = { path, bytes, modifiedAt: new Date(manifest.to.at), open };
  const dump: ExternalDump = { form: "file", name: path, files: [file] };
  const { server } = manifest.versions;
  const hints = { takenAt: new Date(manifest.to.at), ...(server !== undefined && { serverVersion: server }) };
  const reading = await source.readExternal(dump, hints, signal);
  await mapParallel(reading.items, reading.parallel, signal, async ({ body }) => {
    for await (const _ of body);
  });
  const { fingerprint } = await reading.summary();
  const [first, ...others] = compareFingerprints(manifest.fingerprint, fingerprint);
  if (first === undefined) return "identical";
  throw new IntegrityError(
    "FINGERPRINT_DIFFERS",
    `${path} of ${files.where} holds something else than the backup ${manifest.backupId}: ${first.namespace} differs in its ${first.aspect}, and ${others.length} more. It is no copy; the backup in the vault is not touched by this.`,
    { facts: { path, differences: [first, ...others].length } },
  );
}
