import { expect, it } from "vitest";
import type { RestoreScope } from "../../../lambda/engine/model/scope.ts";
import { makeSeededRandom } from "../../support/bytes.ts";
import { manifestFor, toRestoreItems } from "../../support/mongodb.ts";
import { takeChanges } from "../../support/mongodb-changes.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";
import { DEFINITIONS, makeItems, NAMES, type Operation, WRITES } from "../../support/random-operations.ts";
import { renamed } from "../../support/scoped-data.ts";
import { emptyServer, judgeAll } from "../../support/scoped-target.ts";

const pair = useServerPair(["--setParameter", "maxNumberOfTransactionOperationsInSingleOplogEntry=2"]);
const BEFORE_BASE = 12;
const WRITES_ROUNDS = 2;
const TIMEOUT_MS = 240_000;
const seed = Number(process.env.SEED ?? 20261126);

/** Drafts and results of `$out` lie outside, and come in by a rename. */
const SCOPES: readonly RestoreScope[] = [
  { include: ["shop.*"], rename: [{ from: "shop.*", to: "copy.*" }] },
  {
    include: ["shop.*"],
    exclude: ["shop.draft_*", "shop.tmp.*"],
    rename: [{ from: "shop.*", to: "copy.*" }],
  },
];

it(`a database comes back under another name after a random history (seed ${seed})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  const random = makeSeededRandom(seed);
  const shop = pair.client.db("shop");
  for (const name of NAMES) await shop.collection(name).insertMany(makeItems(random, 0, 20) as never[]);
  const shuffle = (list: readonly Operation[]) =>
    list
      .map((one) => ({ one, at: random() }))
      .sort((left, right) => left.at - right.at)
      .map(({ one }) => one);
  const perform = async (operation: Operation, n: number) => {
    const name = NAMES[Math.floor(random() * NAMES.length)] ?? NAMES[0];
    await operation({ client: pair.client, shop, name, id: Math.floor(random() * 40), n, random });
  };
  for (const [n, act] of shuffle(DEFINITIONS).slice(0, BEFORE_BASE).entries()) await perform(act, n + 1);
  const taken = await pair.dumpSource();
  const deck = shuffle([...DEFINITIONS, ...Array.from({ length: WRITES_ROUNDS }, () => WRITES).flat()]);
  for (const [n, act] of deck.entries()) await perform(act, 200 + n);
  await pair.client
    .db("admin")
    .command({ appendOplogNote: 1, data: {} }, { writeConcern: { w: "majority" } } as never);
  const slice = await takeChanges(pair.sourceUri, manifestFor(taken.summary).to);
  const changes = { items: toRestoreItems(slice.items), until: slice.summary.to };
  const expected = renamed(await judgeAll(pair.sourceUri), (name) =>
    name.startsWith("shop.") && !name.startsWith("shop.draft_") ? name.replace("shop.", "copy.") : undefined,
  );
  expect(Object.keys(expected).length).toBeGreaterThan(8);
  for (const scope of SCOPES) {
    await emptyServer(pair.targetUri);
    await pair.restoreTarget(taken, { scope, changes, guard: "refuse-non-empty" });
    expect(await judgeAll(pair.targetUri), JSON.stringify(scope)).toEqual(expected);
  }
});
