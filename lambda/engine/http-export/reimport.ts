import { IntegrityError, RefusedError, SourceError } from "../model/errors.ts";
import type { RestoreItem, RestoreReport, RestoreRequest } from "../sources/source.ts";
import { exactly } from "../stream/limits.ts";
import { chain } from "../stream/stage.ts";
import type { ExportRequest, Reimport } from "./config.ts";
import { itemOf } from "./layout.ts";
import { readExport, resolvePath } from "./read-export.ts";
import { RecordJudge } from "./rules.ts";
import { type Place, send } from "./send.ts";
import { splitRows } from "./split-rows.ts";

type Requests = Readonly<Record<string, ExportRequest>>;
const LINE_FEED = Buffer.from("\n");
const CONTENT_TYPES: Readonly<Record<Reimport["body"], string>> = {
  array: "application/json",
  ndjson: "application/x-ndjson",
  csv: "text/csv",
};

/**
 * Sends the records of a backup back by each request's template, in the order of the configuration. They are read
 * twice: all must be whole and keep the rules before anything is cleared or sent. Throws `IntegrityError` and
 * `RefusedError` before that: TARGET_NOT_EMPTY where the application already gives records and nothing was said, or
 * has no template to clear it; INPUT_INVALID where a request has no template, or a record breaks the rules of now.
 */
export async function reimport(
  place: Place,
  requests: Requests,
  { items, guard, beforeChange }: Pick<RestoreRequest, "items" | "guard" | "beforeChange">,
): Promise<RestoreReport> {
  const planned = planReimport(requests, items);
  for (const one of planned) await requireSendable(one);
  const filled = await findFilled(place, planned, guard);
  await beforeChange?.();
  await clear(place, filled);
  let records = 0;
  let bytes = 0;
  for (const one of planned) {
    records += await sendRecords(place, one);
    bytes += one.item.plainBytes;
  }
  return { records, replayedOperations: 0, bytes };
}

interface Planned {
  readonly name: string;
  readonly request: ExportRequest;
  readonly template: Reimport;
  readonly item: RestoreItem;
}

function planReimport(requests: Requests, items: readonly RestoreItem[]): Planned[] {
  const faults: string[] = [];
  const planned = Object.entries(requests).flatMap(([name, request]) => {
    const item = items.find((one) => one.name === itemOf(name, request.format));
    if (item === undefined) faults.push(`the backup has no export ${name} as ${request.format}`);
    if (request.reimport === undefined) faults.push(`requests.${name} has no \`reimport\``);
    if (item === undefined || request.reimport === undefined) return [];
    return [{ name, request, template: request.reimport, item }];
  });
  if (faults.length === 0) return planned;
  throw new RefusedError(
    "INPUT_INVALID",
    `The exports cannot be sent back; nothing was changed.\n${faults.map((fault) => `- ${fault}`).join("\n")}\nAdd what is missing to estate.yaml, or send the records by hand: \`backup-estate download\`, docs/formats.md.`,
    { facts: { faults } },
  );
}

async function requireSendable(planned: Planned): Promise<void> {
  try {
    for await (const _ of readStored(planned));
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new RefusedError(
      "INPUT_INVALID",
      `The stored export ${planned.name} breaks the rules that estate.yaml has now: ${error.message} Nothing was changed; set \`rules\` for the recovery to those of the backup, which its requests.json has.`,
      { cause: error, facts: { export: planned.name } },
    );
  }
}

/** The exports of which the application gives records now. Throws `RefusedError` TARGET_NOT_EMPTY. */
async function findFilled(
  place: Place,
  planned: readonly Planned[],
  guard: RestoreRequest["guard"],
): Promise<readonly Planned[]> {
  const filled: Planned[] = [];
  for (const one of planned) if (await hasRecords(place, one.request)) filled.push(one);
  if (filled.length > 0 && guard === "refuse-non-empty")
    throw new RefusedError(
      "TARGET_NOT_EMPTY",
      `The application already gives records of ${filled.map(({ name }) => name).join(", ")}; none were expected. Say that they may be replaced, or empty it first.`,
      { facts: { exports: filled.map(({ name }) => name) } },
    );
  const unclear = filled.find(({ template }) => template.clear === undefined);
  if (unclear !== undefined)
    throw new RefusedError(
      "TARGET_NOT_EMPTY",
      `The application already gives records of ${unclear.name}, and requests.${unclear.name}.reimport has no \`clear\` to take them away; nothing was changed. Empty the application, or add the template.`,
      { facts: { export: unclear.name } },
    );
  return filled;
}

async function clear(place: Place, filled: readonly Planned[]): Promise<void> {
  for (const { template } of filled.toReversed())
    if (template.clear !== undefined)
      (
        await send(place, {
          method: template.clear.method,
          url: resolvePath(place.base, template.clear.path),
        })
      ).resume();
}

/** Whether the application gives at least one record of the export now. */
export async function hasRecords(place: Place, request: ExportRequest): Promise<boolean> {
  const lenient = { ...request, rules: { atLeast: 0, fields: {} } };
  const judge = new RecordJudge(lenient, "The export");
  for await (const _ of readExport(place, lenient, judge)) if (judge.isRecord) return true;
  return false;
}

async function sendRecords(place: Place, planned: Planned): Promise<number> {
  const { template } = planned;
  let records = 0;
  let header: Buffer | undefined;
  let batch: Buffer[] = [];
  for await (const { row, isRecord } of readStored(planned)) {
    if (isRecord) batch.push(Buffer.from(row));
    else header = Buffer.from(row);
    records += isRecord ? 1 : 0;
    if (batch.length < template.recordsPerRequest) continue;
    await sendBatch(place, template, header, batch);
    batch = [];
  }
  if (batch.length > 0) await sendBatch(place, template, header, batch);
  return records;
}

/** The rows of a stored export, judged. Throws `IntegrityError` where it is cut, `SourceError` as its judge does. */
async function* readStored({ name, request, item }: Planned) {
  const what = `The stored export ${name}`;
  const judge = new RecordJudge({ ...request, rules: { ...request.rules, atLeast: 0 } }, what);
  const format = request.format === "csv" ? "csv" : "ndjson";
  for await (const row of splitRows(chain(item.open(), exactly(item.plainBytes, what)), format, what)) {
    judge.add(row);
    yield { row, isRecord: judge.isRecord };
  }
}

async function sendBatch(
  place: Place,
  { method, path, body }: Reimport,
  header: Buffer | undefined,
  records: readonly Buffer[],
): Promise<void> {
  const bytes =
    body === "array"
      ? Buffer.concat([Buffer.from("["), ...join(records, Buffer.from(",")), Buffer.from("]")])
      : Buffer.concat([...(header ? [header, LINE_FEED] : []), ...join(records, LINE_FEED), LINE_FEED]);
  const url = resolvePath(place.base, path);
  try {
    (await send(place, { method, url, body: { bytes, contentType: CONTENT_TYPES[body] } })).resume();
  } catch (error) {
    if (!(error instanceof SourceError) || error.code !== "COMMAND_FAILED") throw error;
    throw new IntegrityError(
      "WRITE_ERRORS",
      `${path} did not take ${records.length} records: ${error.message} What was sent before is there; clear the application before you try again.`,
      { cause: error, facts: { path, records: records.length } },
    );
  }
}

function join(parts: readonly Buffer[], between: Buffer): Buffer[] {
  return parts.flatMap((part, index) => (index === 0 ? [part] : [between, part]));
}
