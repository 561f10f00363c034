import { execFileSync } from "node:child_process";

/** Whether this machine has the program to compare with. */
export function isOnPath(program: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
