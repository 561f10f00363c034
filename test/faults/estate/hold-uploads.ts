import { waitFor } from "../../../rehearsal/scenario/executions.ts";
import type { EstateWorld } from "../../support/estate-world.ts";

const DELAY_MS = 2_500;
const BEGIN_WAIT_SECONDS = 60;

/** Makes every upload of data slow until it is released, so that a dump can be met in its middle. */
export function holdUploads({
  proxy,
}: EstateWorld): Disposable & { begun(): Promise<true>; release(): void } {
  const before = proxy.struck();
  proxy.inject({
    when: ({ method, url = "" }) => method === "PUT" && url.includes("/data/"),
    fault: { kind: "delay", delayMs: DELAY_MS },
    times: Number.POSITIVE_INFINITY,
  });
  return {
    begun: () =>
      waitFor("the first upload of the dump", BEGIN_WAIT_SECONDS, async () =>
        proxy.struck() > before ? true : undefined,
      ),
    release: proxy.heal,
    [Symbol.dispose]: proxy.heal,
  };
}
