import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StateStore } from "../../../lambda/engine/vault/vault.ts";

export interface StateUnderTest extends AsyncDisposable {
  readonly state: StateStore;
}

/** The laws of every state bucket. */
export function describeState(name: string, start: () => Promise<StateUnderTest>): void {
  describe(`the state bucket ${name}`, () => {
    const { signal } = new AbortController();
    let world: StateUnderTest;
    beforeAll(async () => {
      world = await start();
    });
    afterAll(() => world[Symbol.asyncDispose]());

    it("answers undefined for an unknown key", async () => {
      expect(await world.state.read("claims/unknown.json", signal)).toBeUndefined();
    });

    it("gives a created value back", async () => {
      const value = { holder: "arn:one", note: "ملاحظة" };
      expect(await world.state.create("claims/one.json", value, signal)).toBe(true);
      expect((await world.state.read("claims/one.json", signal))?.value).toEqual(value);
    });

    it("lets one of eight racing creators win", async () => {
      const tries = Array.from({ length: 8 }, (_, index) =>
        world.state.create("claims/race.json", { index }, signal),
      );
      expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1);
    });

    it("replaces only what is as it was read", async () => {
      await world.state.create("claims/replace.json", { holder: "one" }, signal);
      const read = await world.state.read("claims/replace.json", signal);
      const etag = read?.etag ?? "";
      expect(await world.state.replace("claims/replace.json", { holder: "two" }, etag, signal)).toBe(true);
      expect(await world.state.replace("claims/replace.json", { holder: "three" }, etag, signal)).toBe(false);
      expect((await world.state.read("claims/replace.json", signal))?.value).toEqual({ holder: "two" });
    });

    it("replaces nothing that is not there", async () => {
      expect(await world.state.replace("claims/none.json", {}, '"etag"', signal)).toBe(false);
      expect(await world.state.read("claims/none.json", signal)).toBeUndefined();
    });

    it("does nothing for a caller who was asked to stop", async () => {
      const stopped = AbortSignal.abort();
      await expect(world.state.create("claims/stopped.json", {}, stopped)).rejects.toMatchObject({
        name: "Cancelled",
      });
      expect(await world.state.read("claims/stopped.json", signal)).toBeUndefined();
    });
  });
}
