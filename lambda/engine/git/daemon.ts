import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import type { Address } from "../host/address.ts";
import { IntegrityError, SourceError, throwIfAborted } from "../model/errors.ts";
import { PacketReader, packetLine } from "./packet-line.ts";

/** The one repository of a drill's server, which is made with it. */
export const DRILL_REPOSITORY = "/drill.git";
const NOTHING = { sha1: "0".repeat(40), sha256: "0".repeat(64) } as const;

/** Refs to make, id by name, and the pack that has what they need. */
export interface Push {
  readonly objectFormat: "sha1" | "sha256";
  readonly refs: Readonly<Record<string, string>>;
  readonly pack: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/**
 * Pushes to a git server, which digests every object of the pack and follows what the refs reach before it takes them.
 * Source: git, "gitprotocol-pack". Throws `IntegrityError` with the server's word where it refuses, and what `pack` throws.
 */
export async function push(
  server: Address,
  { objectFormat, refs, pack }: Push,
  signal: AbortSignal,
): Promise<void> {
  await using connection = await open(server, "git-receive-pack", signal);
  await connection.lines.readList();
  const capabilities = `report-status object-format=${objectFormat}`;
  const commands = Object.entries(refs).map(
    ([ref, id], index) => `${NOTHING[objectFormat]} ${id} ${ref}${index === 0 ? `\0${capabilities}` : ""}`,
  );
  const request = async function* () {
    for (const command of commands) yield packetLine(command);
    yield packetLine();
    yield* pack;
  };
  const sending = pipeline(request, connection.socket, { signal, end: false });
  // A server that refuses half-way answers, and hangs up on what is still sent.
  const answered = connection.lines.readList();
  const [sent, answer] = await Promise.allSettled([sending, answered]);
  if (sent.status === "rejected" && sent.reason instanceof IntegrityError) throw sent.reason;
  throwIfAborted(signal);
  if (answer.status === "rejected") throw answer.reason;
  const refused = answer.value.filter((line) => line !== "unpack ok" && !line.startsWith("ok "));
  if (refused.length > 0) throw notTaken(refused);
  if (sent.status === "rejected") throw sent.reason;
}

/** Every ref of the server, id by name. */
export async function listRefs(server: Address, signal: AbortSignal): Promise<Map<string, string>> {
  await using connection = await open(server, "git-upload-pack", signal);
  const advertised = await connection.lines.readList();
  const refs = advertised
    .map((line) => line.split("\0")[0] ?? "")
    .map((line) => [line.slice(line.indexOf(" ") + 1), line.slice(0, line.indexOf(" "))] as const)
    .filter(([ref]) => ref.startsWith("refs/") && !ref.endsWith("^{}"));
  connection.socket.write(packetLine());
  return new Map(refs);
}

interface Connection extends AsyncDisposable {
  readonly socket: Socket;
  readonly lines: PacketReader;
}

async function open({ host, port }: Address, service: string, signal: AbortSignal): Promise<Connection> {
  throwIfAborted(signal);
  const socket = connect({ host, port });
  const onAbort = () => socket.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await once(socket, "connect");
  } catch (error) {
    throwIfAborted(signal);
    throw new SourceError(
      "UNREACHABLE",
      `No git server answers at ${host}:${port}. Is the drill's server running?`,
      { cause: error },
    );
  }
  socket.on("error", () => socket.destroy());
  socket.write(packetLine(`${service} ${DRILL_REPOSITORY}\0host=${host}\0`));
  return {
    socket,
    lines: new PacketReader(socket),
    async [Symbol.asyncDispose]() {
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
    },
  };
}

function notTaken(refused: readonly string[]): IntegrityError {
  return new IntegrityError(
    "WRITE_ERRORS",
    `git did not take what the backup holds: ${refused.join("; ").slice(0, 500)}. Do not recover from this backup; take another recovery point.`,
    { facts: { refused: refused.slice(0, 20) } },
  );
}
