import { RefusedError } from "../../model/errors.ts";
import type { Fingerprint } from "../../model/fingerprint.ts";
import type { Manifest } from "../../model/manifest.ts";
import type { SourceFacts } from "../../sources/source.ts";
import { type Compatibility, judgeVersions, requireCompatible } from "../compatibility.ts";
import { estimateBytes, judgeSpace, type SpaceJudgement } from "./space.ts";
import type { Look } from "./target.ts";

/** What is known of a restore before anything is stopped or overwritten. */
export interface Preflight {
  readonly versions: Compatibility | "unseen";
  readonly space: SpaceJudgement | "unseen";
}

/** What would be written. */
export interface Load {
  readonly manifest: Manifest;
  /** Of what is written: all of the manifest, or the part. */
  readonly fingerprint: Fingerprint;
  /** Plain bytes of the slices that are replayed onto it. */
  readonly changesBytes: number;
  /** What is gone before the first record is written. */
  readonly frees: "all" | "nothing";
}

/** What an operator may say to a target that looks too small: the estimate is of data that no server compresses. */
export type SpaceRule = "require" | "ignore";

export function judgePreflight(load: Load, look: Look): Preflight {
  if (look.state === "unseen") return { versions: "unseen", space: "unseen" };
  return {
    versions: judgeVersions(load.manifest.versions, look.facts.versions),
    space: judgeLoad(load, look.facts),
  };
}

/** Throws `RefusedError` VERSION_INCOMPATIBLE or NOT_ENOUGH_SPACE; nothing was changed. */
export function requirePreflight(load: Load, facts: SourceFacts, rule: SpaceRule): void {
  requireCompatible(load.manifest, facts.versions);
  const { verdict, why } = judgeLoad(load, facts);
  if (verdict !== "short" || rule === "ignore") return;
  throw new RefusedError(
    "NOT_ENOUGH_SPACE",
    `The target of ${load.manifest.source} is too small for the backup ${load.manifest.backupId}: it ${why}. Nothing was changed. Make room, or, where you know that it fits because the server compresses, start again with "space":"ignore".`,
    { facts: { ...facts.space, neededBytes: neededBytes(load), replacedBytes: facts.bytesEstimate } },
  );
}

/** The plan's lines about the preflight, what would be refused first. */
export function describePreflight({ versions, space }: Preflight, rule: SpaceRule): string[] {
  if (versions === "unseen" || space === "unseen")
    return [
      "Versions and space: not known, the target could not be asked; they are checked again before the app is stopped",
    ];
  const short = space.verdict === "short" ? REFUSED_SPACE[rule] : "";
  const warned = space.verdict === "tight" ? "!!! WARNING: little room. " : "";
  return [
    `Versions: ${VERSION_MARKS[versions.verdict]}${versions.why}`,
    `Space: ${short}${warned}${space.why}`,
  ];
}

const VERSION_MARKS = {
  fits: "",
  warned: "!!! WARNING: ",
  refused: "!!! REFUSED, execute will do nothing: ",
} as const;
const REFUSED_SPACE = {
  require: '!!! REFUSED unless started with "space":"ignore": ',
  ignore: "!!! WARNING: too little, ignored as you said: ",
} as const;

function judgeLoad(load: Load, { space, bytesEstimate }: SourceFacts): SpaceJudgement {
  return judgeSpace(neededBytes(load), space, load.frees === "all" ? bytesEstimate : 0);
}

function neededBytes({ fingerprint, changesBytes }: Load): number {
  return estimateBytes(fingerprint) + changesBytes;
}
