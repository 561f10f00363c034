import { execFile } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type SshServer, startSshServer } from "../../rehearsal/servers/sshd.ts";
import type { FilesWork } from "./files-work.ts";
import { atMost, type Gate, ratio } from "./gates.ts";
import { asWorker, type Contender, type Measured, type Row, takeTurns } from "./measure.ts";
import { isOnPath } from "./on-path.ts";

const SECOND_GATE = 0.1;
const RSS_GATE_MB = 256;
const MS = 1000;
const RESTIC_TIMEOUT_MS = 3_600_000;
const FILES_PER_FOLDER = 100;
const LONG_AGO = new Date("2026-01-01T00:00:00Z");
const KEY = Buffer.alloc(16, 7);
const SCRIPT = join(import.meta.dirname, "files-work.ts");

interface FilesCase {
  readonly title: string;
  readonly files: number;
  readonly fileBytes: number;
  readonly runs: number;
}

const FILES_CASES = {
  uploads: { title: "10,000 files, 1 GB", files: 10_000, fileBytes: 104_858, runs: 3 },
  small: { title: "100,000 files of 512 bytes", files: 100_000, fileBytes: 512, runs: 1 },
} as const satisfies Record<string, FilesCase>;
type FilesCaseName = keyof typeof FILES_CASES;

export const cases = Object.keys(FILES_CASES) as FilesCaseName[];

export const titleOf = (name: FilesCaseName): string => FILES_CASES[name].title;

interface Bench extends FilesCase {
  readonly folder: string;
  readonly tree: string;
  readonly sshd: SshServer;
}

/**
 * First backup, second backup of the unchanged tree, and restore, all by SFTP through a real sshd; beside it restic,
 * where it is on PATH, of the same tree: without SSH, and with its repository behind SFTP.
 */
export async function measureCase(
  name: FilesCaseName,
  wantedRuns: number | undefined,
): Promise<{ rows: Row[]; gates: Gate[] }> {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-bench-"));
  const abort = new AbortController();
  const sshd = await startSshServer(folder, abort.signal);
  try {
    const bench = { ...FILES_CASES[name], folder, tree: join(folder, "tree"), sshd };
    await makeTree(bench);
    const contenders = [...ours(bench), ...resticOf(bench, false), ...resticOf(bench, true)];
    const rows = await takeTurns(wantedRuns ?? bench.runs, contenders);
    return { rows, gates: judge(rows, name) };
  } finally {
    abort.abort();
    await sshd.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** What no compressor makes smaller, as pictures; the same in every run. */
async function makeTree({ tree, files, fileBytes }: Bench): Promise<void> {
  const cipher = createCipheriv("aes-128-ctr", KEY, KEY);
  const zeros = Buffer.alloc(fileBytes);
  for (let file = 0; file < files; file++) {
    const folder = join(tree, String(Math.floor(file / FILES_PER_FOLDER)));
    if (file % FILES_PER_FOLDER === 0) await mkdir(folder, { recursive: true });
    const name = join(folder, `${file}.jpg`);
    await writeFile(name, cipher.update(zeros));
    await utimes(name, LONG_AGO, LONG_AGO);
  }
}

function ours({ folder, tree, sshd, files, fileBytes }: Bench): Contender[] {
  const store = join(folder, "store");
  const target = join(folder, "restored");
  const { port, user, hostKey, privateKeyFile } = sshd;
  const host = { address: "127.0.0.1", port, user, hostKey, keySecret: "bench" };
  const work = (kind: FilesWork["kind"], at: string) =>
    asWorker(SCRIPT, { kind, tree: at, store, host, privateKeyFile, bytes: files * fileBytes });
  return [
    ["first backup", () => afresh([store], () => work("backup", tree))],
    ["second backup", () => work("builds", tree)],
    ["restore", () => afresh([target], () => compared(tree, target, () => work("restore", target)))],
  ];
}

async function afresh(folders: readonly string[], run: () => Promise<Measured>): Promise<Measured> {
  for (const folder of folders) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
  }
  return await run();
}

/** The whole tree, byte for byte, by a program that shares no code with what is measured. */
async function compared(tree: string, target: string, run: () => Promise<Measured>): Promise<Measured> {
  const measured = await run();
  await promisify(execFile)("diff", ["-r", tree, target]);
  return measured;
}

function resticOf({ folder, tree, sshd, files, fileBytes }: Bench, remote: boolean): Contender[] {
  if (!isOnPath("restic")) return [];
  const path = join(folder, "repository");
  const target = join(folder, "restic");
  const login = `${sshd.user}@127.0.0.1`;
  const ssh = `ssh -p ${sshd.port} -i ${sshd.privateKeyFile} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR ${login} -s sftp`;
  const repository = remote ? ["-r", `sftp:${login}:${path}`, "-o", `sftp.command=${ssh}`] : ["-r", path];
  const env = { PATH: process.env.PATH ?? "", HOME: folder, RESTIC_PASSWORD: "bench" };
  const restic = async (...args: string[]): Promise<Measured> => {
    const startedAt = performance.now();
    const command = ["-q", ...repository, ...args];
    await promisify(execFile)("restic", command, { env, timeout: RESTIC_TIMEOUT_MS });
    return { seconds: (performance.now() - startedAt) / MS, bytes: files * fileBytes };
  };
  const first = () =>
    afresh([path, join(folder, ".cache")], () => restic("init").then(() => restic("backup", tree)));
  const name = remote ? "restic by SFTP" : "restic";
  return [
    [`${name}, first backup`, first],
    [`${name}, second backup`, () => restic("backup", tree)],
    [`${name}, restore`, () => afresh([target], () => restic("restore", "latest", "--target", target))],
  ];
}

/** Of tiny files nobody waits for bytes: what a second backup costs there is in the table. */
function judge(rows: readonly Row[], name: FilesCaseName): Gate[] {
  const speedOf = (run: string) => rows.find((row) => row.name === run)?.mbPerSecond ?? 0;
  const share = speedOf("first backup") / speedOf("second backup");
  const rss = Math.max(...rows.map(({ rssMb = 0 }) => rssMb));
  const memory = atMost("peak RSS MB", rss, RSS_GATE_MB);
  if (name === "small") return [memory];
  return [
    ratio(rows, "first backup", "restic, first backup", 1),
    ratio(rows, "first backup", "restic by SFTP, first backup", 1),
    atMost("time of the second backup, of the first", share, SECOND_GATE),
    memory,
  ];
}
