import { describe, expect, it } from "vitest";
import { idSchema, makeId, timeOfId } from "../../../lambda/engine/model/ids.ts";
import { makeSeededRandom } from "../../support/bytes.ts";

const SEED = 20261123;

function seededBytes(seed: number) {
  const random = makeSeededRandom(seed);
  return { bytes: (length: number) => Uint8Array.from({ length }, () => random() * 256) };
}

describe("makeId", () => {
  it(`never collides in 100,000 draws of one millisecond (seed ${SEED})`, () => {
    const clock = { now: () => new Date("2026-11-23T02:45:00.123Z") };
    const random = seededBytes(SEED);
    const ids = new Set(Array.from({ length: 100_000 }, () => makeId(clock, random)));
    expect(ids.size).toBe(100_000);
  });

  it(`sorts by time, as text (seed ${SEED})`, () => {
    const random = seededBytes(SEED);
    const draw = makeSeededRandom(SEED);
    const times = Array.from({ length: 1000 }, () => Math.floor(draw() * Date.UTC(2100, 0, 1)));
    const ids = times.map((ms) => makeId({ now: () => new Date(ms) }, random));
    expect(ids.toSorted().map((id) => timeOfId(id).getTime())).toEqual(times.toSorted((a, b) => a - b));
  });

  it("makes ids that the stored contract takes", () => {
    const clock = { now: () => new Date("2026-11-23T02:45:00.123Z") };
    const id = makeId(clock, { bytes: (length) => new Uint8Array(length).fill(255) });
    expect(id).toBe("20261123T024500123Z-zzzzzzzzzz");
    expect(idSchema.parse(id)).toBe(id);
  });

  it.each(["", "20261123T024500123Z", "20261123T024500123Z-ILOUilou00", "2026-11-23-0123456789", "../../x"])(
    "refuses %j as an id",
    (text) => {
      expect(idSchema.safeParse(text).success).toBe(false);
    },
  );
});
