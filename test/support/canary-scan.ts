import { zstdDecompressSync } from "node:zlib";

/** A place that a run wrote to, and what lies there. */
export interface WrittenPlace {
  readonly place: string;
  readonly bytes: Uint8Array;
}

/** Where a canary was found, and in which of its forms. */
export interface Leak {
  readonly place: string;
  readonly canary: string;
  readonly form: string;
}

/** The forms in which a secret travels unnoticed. base64 has three, by where in a text it begins. */
const FORMS: Readonly<Record<string, (canary: string) => readonly string[]>> = {
  plain: (canary) => [canary],
  hex: (canary) => [Buffer.from(canary).toString("hex")],
  base64: (canary) => [0, 1, 2].map((shift) => alignedBase64(canary, shift)),
};

/** Looks for every canary in every place, names of places too; a `.zst` is looked into. Keys of `canaries` name them. */
export function findLeaks(
  places: readonly WrittenPlace[],
  canaries: Readonly<Record<string, string>>,
): readonly Leak[] {
  return places.flatMap(({ place, bytes }) => {
    const content = place.endsWith(".zst") ? zstdDecompressSync(bytes) : Buffer.from(bytes);
    const text = `${place}\n${content.toString("latin1")}`;
    return Object.entries(canaries).flatMap(([canary, value]) =>
      Object.entries(FORMS)
        .filter(([, write]) => write(value).some((written) => text.includes(written)))
        .map(([form]) => ({ place, canary, form })),
    );
  });
}

/** What is the same in base64 whatever stands around it: whole groups of three bytes only. */
function alignedBase64(canary: string, shift: number): string {
  const lead = (3 - shift) % 3;
  const bytes = Buffer.from(canary).subarray(lead);
  return bytes.subarray(0, bytes.length - (bytes.length % 3)).toString("base64");
}
