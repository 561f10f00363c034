import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { LocalAws } from "./local-aws.ts";
import type { VersionTwins } from "./version-twins.ts";

export interface RegionGateOptions {
  readonly aws: LocalAws;
  /** The Region that answers nobody any more, and its buckets, whichever Region they are asked for from. */
  readonly lost: { readonly region: string; readonly buckets: readonly string[] };
  /** Of the bucket whose version ids are shown as those of the other one. */
  readonly copy: { readonly bucket: string; readonly twins: VersionTwins };
}

/** A way to the local AWS on which one Region is lost, and the replica has the version ids that S3 would have kept. */
export interface RegionGate extends AsyncDisposable {
  readonly endpoint: string;
  /** Every call that was refused: who asked (the Region of the signature) and for what. */
  readonly refused: readonly { readonly from: string; readonly call: string }[];
  stop(): Promise<void>;
}

/** Source: SigV4, `Credential=<key>/<date>/<Region>/<service>/aws4_request`. */
const SCOPE = /Credential=[^/]+\/\d+\/([^/]+)\//;
const UNAVAILABLE = "<Error><Code>ServiceUnavailable</Code><Message>The Region is lost.</Message></Error>";
const VERSION = /(?<=<VersionId>)[^<]+(?=<\/VersionId>)/g;

/** Starts it on a free port of 127.0.0.1. */
export async function startRegionGate(options: RegionGateOptions): Promise<RegionGate> {
  const refused: { from: string; call: string }[] = [];
  const server = createServer((incoming, answer) => {
    const from = SCOPE.exec(incoming.headers.authorization ?? "")?.[1] ?? "unsigned";
    if (!isLost(from, incoming, options)) return void forward(incoming, answer, options);
    refused.push({ from, call: `${incoming.method} ${incoming.url}` });
    incoming.resume();
    answer.writeHead(503, { "content-type": "application/xml" }).end(UNAVAILABLE);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { endpoint: `http://127.0.0.1:${port}`, refused, stop, [Symbol.asyncDispose]: stop };
}

function isLost(from: string, { url = "" }: IncomingMessage, { lost }: RegionGateOptions): boolean {
  return from === lost.region || lost.buckets.some((bucket) => isOf(url, bucket));
}

function isOf(url: string, bucket: string): boolean {
  return url === `/${bucket}` || url.startsWith(`/${bucket}/`) || url.startsWith(`/${bucket}?`);
}

function forward(incoming: IncomingMessage, answer: ServerResponse, { aws, copy }: RegionGateOptions): void {
  const { url = "", method = "GET" } = incoming;
  const isCopy = isOf(url, copy.bucket);
  const { expect: _, ...headers } = incoming.headers;
  const path = isCopy ? withVersion(url, copy.twins) : url;
  const onward = request(new URL(path, aws.endpoint), { method, headers }, (answered) =>
    pass(answered, answer, isCopy ? copy.twins : undefined, url),
  );
  onward.on("error", () => answer.destroy());
  answer.on("close", () => onward.destroy());
  incoming.pipe(onward);
}

function withVersion(url: string, { toCopy }: VersionTwins): string {
  return url.replace(/(?<=[?&](?:versionId|version-id-marker)=)[^&]+/g, (id) => toCopy.get(id) ?? id);
}

function pass(
  answered: IncomingMessage,
  answer: ServerResponse,
  twins: VersionTwins | undefined,
  url: string,
): void {
  const { "x-amz-version-id": id, ...headers } = answered.headers;
  const shown = twins && typeof id === "string" ? (twins.toOriginal.get(id) ?? id) : id;
  const status = answered.statusCode ?? 502;
  const all = { ...headers, ...(shown !== undefined && { "x-amz-version-id": shown }) };
  if (twins === undefined || !/[?&]versions\b/.test(url)) {
    answer.writeHead(status, all);
    answered.pipe(answer);
    return;
  }
  void text(answered).then((body) => {
    const told = body
      .replace(VERSION, (one) => twins.toOriginal.get(one) ?? one)
      .replace(/(?<=<NextVersionIdMarker>)[^<]+/g, (one) => twins.toOriginal.get(one) ?? one);
    const { "content-length": _, "transfer-encoding": __, ...kept } = all;
    answer.writeHead(status, kept).end(told);
  });
}
