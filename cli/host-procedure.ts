import { RefusedError } from "../lambda/engine/model/errors.ts";
import type { Estate } from "../lambda/engine/model/estate.ts";
import type { Source } from "../lambda/engine/sources/source.ts";
import { loadEstate } from "../lib/config/load-estate.ts";
import type { CliWorld } from "./world.ts";

type Form = NonNullable<Source["externalFile"]>;

/** Prints what an operator does on the host alone, when AWS cannot be reached. Throws `RefusedError` without `localTier`. */
export async function showHostProcedure(path: string, world: CliWorld): Promise<void> {
  const { sourceOf } = await import("../lambda/engine/jobs/world.ts");
  const estate = loadEstate(path);
  const forms = Object.entries(estate.sources).flatMap(([name, { kind }]): [string, Form][] => {
    const { externalFile } = sourceOf(kind);
    return externalFile === undefined ? [] : [[name, externalFile]];
  });
  world.print(describe(estate, forms));
}

function describe(estate: Estate, forms: readonly [string, Form][]): string {
  const { localTier, name, host } = estate;
  if (localTier === undefined)
    throw new RefusedError(
      "INPUT_INVALID",
      `The estate ${name} keeps no copies on its host. Add localTier: {} to estate.yaml, and deploy.`,
    );
  const copied = forms.map(([source]) => source);
  const others = Object.keys(estate.sources).filter((source) => !copied.includes(source));
  return [
    `# Recovery of ${name} on its host alone: for when AWS cannot be reached`,
    "Print this page, and keep it where the host's own loss does not take it. Everything here runs on the host.",
    "",
    `Host: ${host.address}. Copies: ${localTier.path}/<source>/, the newest ${localTier.keep} of each; names sort by time (UTC).`,
    "A copy without a file .sha256 beside it was never verified: do not use it.",
    "",
    ...beginning(estate),
    ...forms.flatMap(([source, form], index) => [
      `## ${index + 2}. ${source}`,
      ...stepsOf(source, form, localTier.path),
    ]),
    ...ending(estate, forms.length + 2),
    ...(others.length === 0 ? [] : [`Not on the host, only in the vault: ${others.join(", ")}.`]),
  ].join("\n");
}

function beginning({ app }: Estate): string[] {
  return [
    "## 1. Stop the app",
    app?.stopCommand ?? "# Stop what writes to the databases: estate.yaml names no app.",
    "# Set aside what is there before you overwrite it: a copy of the servers' folders is enough.",
    "",
  ];
}

function stepsOf(source: string, { suffix, byHand }: Form, path: string): string[] {
  return [...findNewestCopy(`${path}/${source}`, suffix), ...byHand, ""];
}

/** Lines of a shell that put the path of the newest verified copy into `$COPY`, and end with a failure where it is damaged. */
export function findNewestCopy(folder: string, suffix: string): string[] {
  return [
    `cd ${folder} && COPY=$(ls -1 ${folder}/*.${suffix}.sha256 | tail -n 1) && COPY=\${COPY%.sha256} && echo "$COPY"`,
    'sha256sum --check "$COPY.sha256"   # anything but OK: take the one before it',
  ];
}

function ending({ app }: Estate, step: number): string[] {
  return [
    `## ${step}. Start the app`,
    app?.startCommand ?? "# Start the app.",
    ...(app === undefined ? [] : [`curl --fail --silent --show-error ${app.health.url}`]),
    "# What was written after the copy was made is in the vault, if anywhere: recover it when AWS answers again.",
    "",
  ];
}
