import type { Stage } from "./stage.ts";

/** Joins small chunks until there are `bytes` or more; a larger one passes as it is. Nothing is held at the end. */
export function gather(bytes: number): Stage {
  return async function* gatherStage(source) {
    let waiting: Uint8Array[] = [];
    let waitingBytes = 0;
    const take = () => {
      const [only] = waiting;
      const taken = waiting.length === 1 && only ? only : Buffer.concat(waiting, waitingBytes);
      waiting = [];
      waitingBytes = 0;
      return taken;
    };
    for await (const chunk of source) {
      waiting.push(chunk);
      waitingBytes += chunk.length;
      if (waitingBytes >= bytes) yield take();
    }
    if (waitingBytes > 0) yield take();
  };
}
