import { describe, expect, it } from "vitest";
import { ByteBudget } from "../../../lambda/engine/mongodb/byte-budget.ts";

const never = new AbortController().signal;

describe("the budget of bytes", () => {
  it("lets readers in up to its limit, the next when one has given back, in their order", async () => {
    const budget = new ByteBudget(100);
    const order: string[] = [];
    await budget.take(80, never);
    const second = budget.take(50, never).then(() => order.push("second"));
    const third = budget.take(10, never).then(() => order.push("third"));
    expect(budget.tryTake(1)).toBe(false);
    budget.give(80);
    await Promise.all([second, third]);
    expect(order).toEqual(["second", "third"]);
  });

  it("grants more than its limit to one reader alone", async () => {
    const budget = new ByteBudget(100);
    await budget.take(1_000, never);
    expect(budget.tryTake(1)).toBe(false);
    budget.give(1_000);
    expect(budget.tryTake(100)).toBe(true);
  });

  it("lets nobody wait who was cancelled, and forgets them", async () => {
    const budget = new ByteBudget(100);
    const abort = new AbortController();
    await budget.take(100, never);
    const waiting = budget.take(100, abort.signal);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ name: "Cancelled" });
    budget.give(100);
    expect(budget.tryTake(100)).toBe(true);
  });
});
