import { describe, expect, it } from "vitest";
import { expectRecoverySeconds } from "../../../lambda/engine/model/drill-trend.ts";

describe("the time of a complete recovery, by the drills", () => {
  it("is that of the slowest source of each stage, one stage after the other", () => {
    const drilled = [
      { stage: "configuration", seconds: [2] },
      { stage: "databases", seconds: [300] },
      { stage: "databases", seconds: [20] },
      { stage: "files", seconds: [100] },
    ] as const;
    expect(expectRecoverySeconds(drilled)).toBe(402);
  });

  it("takes no notice of one drill that met a slow hour, and follows two", () => {
    expect(expectRecoverySeconds([{ stage: "databases", seconds: [900, 10, 11] }])).toBe(11);
    expect(expectRecoverySeconds([{ stage: "databases", seconds: [900, 800, 11] }])).toBe(800);
  });

  it("does not look back further than three drills", () => {
    expect(expectRecoverySeconds([{ stage: "databases", seconds: [900, 900, 900, 1, 1, 1, 1] }])).toBe(900);
  });

  it("is not known before the first drill", () => {
    expect(expectRecoverySeconds([{ stage: "databases", seconds: [] }])).toBeUndefined();
    expect(expectRecoverySeconds([])).toBeUndefined();
  });
});
