import type { Log } from "./services.ts";

const PROGRESS_INTERVAL_MS = 10_000;

export interface ProgressTracker extends Disposable {
  addBytes(bytes: number): void;
  /** What is being worked on now. */
  enter(phase: string, name: string): void;
}

/** Logs what long work is at and how many bytes it has passed, every 10 s until disposed. */
export function trackProgress(work: string, log: Log): ProgressTracker {
  let total = 0;
  let current = { phase: work, name: "" };
  const timer = setInterval(
    () => log.info(`${work} goes on`, { ...current, bytes: total }),
    PROGRESS_INTERVAL_MS,
  );
  timer.unref();
  return {
    addBytes(bytes) {
      total += bytes;
    },
    enter(phase, name) {
      current = { phase, name };
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
