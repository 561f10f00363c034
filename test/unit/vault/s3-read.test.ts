import { describe, expect, it } from "vitest";
import {
  BARREN_RESUMES_LIMIT,
  planResume,
  RESUMES_LIMIT,
  type Resumes,
} from "../../../lambda/engine/vault/s3-read.ts";

function countResumes(progressed: boolean): number {
  let resumes: Resumes = { total: 0, barren: 0 };
  for (let count = 0; count <= 2 * RESUMES_LIMIT; count += 1) {
    const planned = planResume(resumes, progressed);
    if (planned === undefined) return count;
    resumes = planned.resumes;
  }
  return Number.POSITIVE_INFINITY;
}

describe("a broken read", () => {
  it("is taken up a few times in a row without a new byte", () => {
    expect(countResumes(false)).toBe(BARREN_RESUMES_LIMIT);
  });

  it("is taken up far more often with progress, and not for ever", () => {
    expect(countResumes(true)).toBe(RESUMES_LIMIT);
  });

  it("counts from the start again, and waits as briefly as at first, after a new byte", () => {
    const tired = { total: 20, barren: BARREN_RESUMES_LIMIT };
    expect(planResume(tired, false)).toBeUndefined();
    expect(planResume(tired, true)).toEqual({
      resumes: { total: 21, barren: 1 },
      pauseMs: planResume({ total: 0, barren: 0 }, false)?.pauseMs,
    });
  });
});
