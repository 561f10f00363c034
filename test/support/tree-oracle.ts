import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const OUTPUT_LIMIT_BYTES = 512 * 1024 * 1024;
const options = { encoding: "latin1", maxBuffer: OUTPUT_LIMIT_BYTES } as const;

/**
 * What a folder holds, by `find` and `sha256sum` as processes of their own: path → type, mode, owner, time and target,
 * with size and digest of files. Paths are bytes, shown as Latin-1. The folder itself is left out.
 */
export async function judgeTree(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const format = "%P\\0%y %m %U:%G %Ts %l\\0";
  const { stdout } = await run("find", [folder, "-mindepth", "1", "-printf", format], options);
  const fields = stdout.split("\0");
  for (let at = 0; at + 1 < fields.length; at += 2) found[fields[at] ?? ""] = fields[at + 1] ?? "";
  const sums = await run(
    "sh",
    ["-c", 'cd "$1" && find . -type f -size -1099511627776c -exec sha256sum -z {} +', "sh", folder],
    options,
  );
  for (const line of sums.stdout.split("\0")) {
    if (line === "") continue;
    const path = line.slice(68);
    found[path] = `${found[path]} ${line.slice(0, 64)}`;
  }
  // A link's own time can be set by few servers, a special file is not backed up.
  return Object.fromEntries(
    Object.entries(found)
      .filter(([, facts]) => /^[fdl]/.test(facts))
      .map(([path, facts]) => [path, facts.startsWith("l") ? facts.replace(/ \d+ (\S*)$/, " $1") : facts]),
  );
}
