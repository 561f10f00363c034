import { readFileSync } from "node:fs";

const KB = 1024;

/** The largest that this very program was, in bytes: `ru_maxrss` also counts what its parent was when it forked. */
export function readPeakRss(): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  if (kilobytes === undefined) throw new Error("the system does not tell the peak of a process");
  return Number(kilobytes) * KB;
}
