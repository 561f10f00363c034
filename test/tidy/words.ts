import { basename } from "node:path";
import type { SourceFile } from "./source-file.ts";

/** Kinds of sources (docs/adr/0001); only a source's own code may ask for one. */
const KINDS = new Set([
  "mongodb",
  "redis",
  "files",
  "s3",
  "qdrant",
  "n8n",
  "config",
  "http-export",
  "git",
  "certificates",
]);
const OF_ONE_SOURCE = /^(lambda\/engine\/(sources|mongodb|redis)\/|rehearsal\/|test\/|scripts\/)/;

/** Written in pieces, so that this file does not find itself. */
const UNFINISHED = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "HA" + "CK", "XX" + "X"].join("|")})\\b`);
const HIDDEN_TEST = new RegExp(
  `\\b(it|test|describe|suite)(\\.\\w+)*\\.(${["on" + "ly", "sk" + "ip", "to" + "do"].join("|")})\\b`,
);
/** But not the one that AWS itself prints in its documentation. */
const ACCESS_KEY = new RegExp(`${"AK" + "IA"}(?![0-9A-Z]*EXAMPLE)[0-9A-Z]{16}`);
const PRIVATE_KEY = /^[A-Za-z0-9+/]{64,70}$/;
const PERSONAL_PATH = /(^|["'`\s=(])\/(home|Users|root|work)\/[\w.-]+/;

const ABBREVIATIONS = new Set(
  "arr buf cb cfg conf ctx cur dest dir err evt fn idx len mgr msg num obj opts params pkg prev ptr req res ret str tmp util val".split(
    " ",
  ),
);
const EMPTY_NAMES = /^(utils?|helpers?|misc|common|shared|stuff)\.ts$/;

/** Shared code that asks for one kind of source. */
export function findKindQuestions(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => !OF_ONE_SOURCE.test(path))
    .flatMap(({ path, comparedKinds }) =>
      comparedKinds.filter((kind) => KINDS.has(kind)).map((kind) => `${path} asks whether a kind is ${kind}`),
    );
}

/** Unfinished work, tests that do not run, secrets, and paths of one person's machine; `path:line: what`. */
export function findForbiddenText(path: string, text: string): string[] {
  const checks: [RegExp, string][] = [
    [UNFINISHED, "unfinished work"],
    [HIDDEN_TEST, "a test that does not run"],
    [ACCESS_KEY, "an access key"],
    [PRIVATE_KEY, "the body of a private key"],
    [PERSONAL_PATH, "a path of one machine"],
  ];
  return text
    .split("\n")
    .flatMap((line, index) =>
      checks.filter(([pattern]) => pattern.test(line)).map(([, what]) => `${path}:${index + 1}: ${what}`),
    );
}

/** Names that are abbreviated, say nothing, or are written in another case. */
export function findPoorNames({ path, declared }: SourceFile): string[] {
  const name = basename(path);
  const short = declared.filter((one) => ABBREVIATIONS.has(one)).map((one) => `${path} declares ${one}`);
  const file = EMPTY_NAMES.test(name) ? [`${path} says nothing by its name`] : [];
  const style = /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.config)?\.ts$/.test(name)
    ? []
    : [`${path} is not in kebab-case`];
  return [...new Set([...short, ...file, ...style])];
}
